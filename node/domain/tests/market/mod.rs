//! A small market with real keys: operators, lots and bids for the machines' tests.
#![allow(dead_code)]

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::Eip712Domain;
use gavel_domain::auction::bid::Standing;
use gavel_domain::auction::{AnnouncedLot, Auction, Opening};
use gavel_types::id::{GatewayEpoch, JobId, LotDigest, OperatorId, RequestId, SupernetId, Tick, TickKey};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::lot::{Lot, commitment};
use gavel_types::message::{BidCommitment, Signed, domain};
use gavel_types::signature::Signer;
use gavel_types::unit::{Class, Classes, WeiPerUnit, WorkUnits};

pub fn eip712() -> Eip712Domain {
    domain(31337, Address::repeat_byte(0xaa))
}

pub fn key(tick: u64) -> TickKey {
    TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(1), tick: Tick(tick) }
}

pub fn wei(price: u64) -> WeiPerUnit {
    WeiPerUnit(U256::from(price))
}

pub fn job(index: u32, units: u64) -> JobTerms {
    let payer = RequestId(B256::repeat_byte(1));
    JobTerms {
        job: JobId::derive(payer, index),
        payer,
        kind: JobKind::Query,
        units: WorkUnits(units),
        claim_digest: keccak256(index.to_be_bytes()),
    }
}

pub fn lot(key: TickKey, number: u32, units: u64, ceiling: u64) -> AnnouncedLot {
    Lot {
        key,
        number,
        class: Class::Small,
        ceiling: wei(ceiling),
        accept_blocks: 5,
        proving_blocks: 20,
        circuit_set: B256::repeat_byte(2),
        jobs: vec![job(number, units)],
    }
    .try_into()
    .unwrap()
}

#[derive(Clone)]
pub struct Operator {
    pub id: OperatorId,
    pub signer: Signer,
}

impl Operator {
    pub fn new(seed: u8) -> Self {
        let signer = Signer::from_secret(keccak256([seed])).unwrap();
        Self { id: OperatorId(Address::repeat_byte(seed)), signer }
    }

    pub fn standing(&self, free: u64) -> Standing {
        Standing {
            bid_key: self.signer.address(),
            key_valid_from: 0,
            classes: Classes::from_iter(Class::ALL),
            leaving: false,
            excluded_until: 0,
            barred: BTreeSet::new(),
            free: WorkUnits(free),
        }
    }

    pub fn salt(&self, lot: LotDigest) -> B256 {
        keccak256([self.id.0.as_slice(), lot.0.as_slice()].concat())
    }

    pub fn bid(&self, key: TickKey, lot: LotDigest, price: u64) -> Signed<BidCommitment> {
        let message = BidCommitment {
            supernet: key.supernet.0,
            gatewayEpoch: key.epoch.0,
            tick: key.tick.0,
            lotDigest: lot.0,
            operator: self.id.0,
            commitment: commitment(lot, self.id, wei(price), self.salt(lot)).0,
        };
        Signed::new(message, &eip712(), &self.signer)
    }

    pub fn opening(&self, key: TickKey, lot: LotDigest, price: u64) -> Opening {
        Opening { key, lot, operator: self.id, price: wei(price), salt: self.salt(lot) }
    }
}

pub fn auction(key: TickKey, lots: Vec<AnnouncedLot>) -> Auction {
    Auction::new(eip712(), key, lots, 1000)
}
