//! What a prover signed is there after a restart, whole or not at all.

use alloy_primitives::{Address, B256, U256};
use gavel_prover::checkpoint::{AwardRecord, BidRecord, Checkpoint};
use gavel_types::id::{AwardId, GatewayEpoch, JobId, LotDigest, RequestId, SupernetId, Tick, TickKey};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::lot::Lot;
use gavel_types::message::{Award, DeliveryReceipt, Signed};
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::{Class, WeiPerUnit, WorkUnits};

const LOT: LotDigest = LotDigest(B256::repeat_byte(1));
const SIGNATURE: SignatureBytes = SignatureBytes([7; 65]);

fn lot() -> Lot {
    let payer = RequestId(B256::repeat_byte(2));
    Lot {
        key: TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(1), tick: Tick(5) },
        number: 0,
        class: Class::Small,
        ceiling: WeiPerUnit(U256::MAX),
        accept_blocks: 3,
        proving_blocks: 30,
        circuit_set: B256::ZERO,
        jobs: vec![JobTerms {
            job: JobId::derive(payer, 0),
            payer,
            kind: JobKind::Query,
            units: WorkUnits(4),
            claim_digest: B256::repeat_byte(3),
        }],
    }
}

fn bid() -> BidRecord {
    BidRecord {
        lot: lot(),
        price: WeiPerUnit(U256::from(9)),
        salt: B256::repeat_byte(4),
        signature: SIGNATURE,
        commit_receipt: Some(SIGNATURE),
        opening_receipt: None,
        opened: false,
    }
}

fn award() -> AwardRecord {
    let message = Award {
        supernet: 1,
        gatewayEpoch: 1,
        tick: 5,
        lotDigest: LOT.0,
        jobId: lot().jobs[0].job.0,
        attempt: 0,
        operator: Address::repeat_byte(6),
        priceWeiPerUnit: U256::from(9),
    };
    AwardRecord {
        award: Signed { message, signature: SIGNATURE },
        lot: lot(),
        anchored_block: Some(8),
        accept: None,
        proved: false,
        results: vec![B256::repeat_byte(9)],
        receipt: None,
        ended: false,
    }
}

#[test]
fn records_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let id = AwardId(B256::repeat_byte(5));
    {
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        checkpoint.put_bid(LOT, &bid()).unwrap();
        checkpoint.put_award(id, &award()).unwrap();
        checkpoint.put_input(id, b"input").unwrap();
        checkpoint.put_proof(id, b"proof").unwrap();
    }
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.bid(LOT).unwrap(), Some(bid()));
    assert_eq!(checkpoint.open_awards().unwrap(), [(id, award())]);
    assert_eq!(checkpoint.input(id).unwrap().as_deref(), Some(&b"input"[..]));
    assert_eq!(checkpoint.proof(id).unwrap().as_deref(), Some(&b"proof"[..]));

    let message = DeliveryReceipt {
        supernet: 1,
        gatewayEpoch: 1,
        tick: 5,
        lotDigest: LOT.0,
        jobId: lot().jobs[0].job.0,
        attempt: 0,
        operator: Address::repeat_byte(6),
        statementDigest: B256::ZERO,
    };
    let delivered = AwardRecord { receipt: Some(Signed { message, signature: SIGNATURE }), ..award() };
    checkpoint.put_award(id, &delivered).unwrap();
    checkpoint.close_award(id).unwrap();
    assert!(checkpoint.open_awards().unwrap().is_empty());
    assert_eq!(checkpoint.award(id).unwrap(), Some(delivered), "the receipt stays: it answers a report");
    assert_eq!(checkpoint.proof(id).unwrap(), None);
}

#[test]
fn a_file_that_was_being_written_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let half = folder.path().join("awards").join(format!("{}.new", "05".repeat(32)));
    std::fs::write(half, b"{\"award\": ").unwrap();
    assert!(checkpoint.open_awards().unwrap().is_empty());
}
