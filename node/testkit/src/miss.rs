//! One job that is bid for, anchored and accepted by hand, for what no honest gateway or prover
//! does: reports of work that was delivered, evidence that was changed.

use alloy::{
    primitives::{B256, Bytes, U256, keccak256},
    sol_types::Eip712Domain,
};
use gavel_chain::{
    Wallet,
    bindings::gavel::{AuctionBook, Slasher},
};
use gavel_types::{
    id::{Attempt, AwardId, GatewayEpoch, JobId, LotDigest, OperatorId, RequestId, SupernetId, Tick, TickKey},
    job::{JobKind, JobTerms},
    lot::{self, Lot, LotError, LotTerms},
    message::{self, Accept, Award, BidCommitment, DeliveryReceipt, MarketMessage, Signed},
    signature::Signer,
    unit::{WeiPerUnit, WorkUnits},
};

use crate::{
    devnet::{Devnet, OperatorAccounts},
    error::TestkitError,
};

/// Price of the job, in wei per unit.
pub const PRICE: u64 = 2_000_000_000_000;
/// Work units of the job.
pub const UNITS: u64 = 60;

/// One job of a request, awarded to the operator in a tick of its own.
#[derive(Debug)]
pub struct AwardedJob {
    pub key: AuctionBook::AwardKey,
    pub id: B256,
    pub lot: Lot,
    terms: LotTerms,
    digest: LotDigest,
    job: JobTerms,
    salt: B256,
    domain: Eip712Domain,
    bid_key: Signer,
    gateway_key: Signer,
}

impl AwardedJob {
    /// The operator bids, the gateway anchors; the award is reserved on-chain.
    ///
    /// # Errors
    /// A failed transaction; an award that the contract skips is no error.
    pub async fn anchor(
        devnet: &Devnet,
        accounts: &OperatorAccounts,
        request: B256,
        tick: u64,
    ) -> Result<Self, TestkitError> {
        let deployment = devnet.deployment();
        let tick_key = TickKey { supernet: SupernetId(deployment.supernet), epoch: GatewayEpoch(1), tick: Tick(tick) };
        let operator = OperatorId(accounts.owner.address);
        let job = JobTerms {
            job: JobId::derive(RequestId(request), 0),
            payer: RequestId(request),
            kind: JobKind::Extract,
            units: WorkUnits(UNITS),
            claim_digest: keccak256("claim"),
        };
        let lot = Lot {
            key: tick_key,
            number: 0,
            class: job.kind.class(),
            ceiling: WeiPerUnit(U256::from(PRICE)),
            accept_blocks: 2,
            proving_blocks: 3,
            circuit_set: deployment.circuit_set,
            jobs: vec![job],
        };
        let salt = keccak256("salt");
        let digest = lot.digest().map_err(bad_lot)?;
        let commitment = lot::commitment(digest, operator, WeiPerUnit(U256::from(PRICE)), salt);
        let terms = lot.terms().map_err(bad_lot)?;
        let entry = AuctionBook::AwardEntry {
            lot: 0,
            payer: request,
            jobIndex: 0,
            attempt: 0,
            operator: operator.0,
            units: UNITS,
            priceWeiPerUnit: U256::from(PRICE),
        };
        let call = AuctionBook::anchorTickCall {
            supernet: deployment.supernet,
            tick,
            bidsRoot: lot::bids_root([commitment]),
            count: 1,
            capacityRoot: lot::capacity_root([(operator, WorkUnits(2_000))]),
            lots: vec![(&terms).into()],
            awards: vec![entry],
            delivered: Vec::new(),
        };
        let gateway: Wallet = devnet.wallet(&devnet.description.accounts.gateway_key)?;
        gateway.send(deployment.gavel.auction_book, &call).await?;
        let key = AuctionBook::AwardKey {
            supernet: deployment.supernet,
            gatewayEpoch: 1,
            tick,
            jobId: job.job.0,
            attempt: 0,
            operator: operator.0,
        };
        Ok(Self {
            key,
            id: AwardId::derive(tick_key, job.job, Attempt(0), operator).0,
            lot,
            terms,
            digest,
            job,
            salt,
            domain: message::domain(deployment.chain_id, deployment.gavel.supernet_registry),
            bid_key: signer(accounts.bid.secret)?,
            gateway_key: signer(devnet.description.accounts.gateway_key.secret)?,
        })
    }

    /// Everything that shows the miss, had the operator accepted at `accept_block`.
    pub fn evidence(&self, accept_block: u64) -> Slasher::MissEvidence {
        let digest = self.digest;
        let operator = OperatorId(self.key.operator);
        let price = U256::from(PRICE);
        let commitment = lot::commitment(digest, operator, WeiPerUnit(price), self.salt);
        let (supernet, epoch, tick) = (self.key.supernet, self.key.gatewayEpoch, self.key.tick);
        let bid = BidCommitment {
            supernet,
            gatewayEpoch: epoch,
            tick,
            lotDigest: digest.0,
            operator: operator.0,
            commitment: commitment.0,
        };
        let input = keccak256("input");
        let accept = Accept {
            supernet,
            gatewayEpoch: epoch,
            tick,
            lotDigest: digest.0,
            jobId: self.key.jobId,
            attempt: 0,
            operator: operator.0,
            inputDigest: input,
            acceptBlock: accept_block,
        };
        Slasher::MissEvidence {
            key: Slasher::AwardKey {
                supernet,
                gatewayEpoch: epoch,
                tick,
                jobId: self.key.jobId,
                attempt: 0,
                operator: operator.0,
            },
            lot: (&self.terms).into(),
            job: (&self.job).into(),
            jobProof: Vec::new(),
            priceWeiPerUnit: price,
            salt: self.salt,
            bidSignature: self.sign(&self.bid_key, bid),
            bidProof: Vec::new(),
            inputDigest: input,
            acceptBlock: accept_block,
            acceptSignature: self.sign(&self.bid_key, accept),
        }
    }

    /// The gateway's receipt.
    pub fn receipt(&self) -> Signed<DeliveryReceipt> {
        let receipt = DeliveryReceipt {
            supernet: self.key.supernet,
            gatewayEpoch: self.key.gatewayEpoch,
            tick: self.key.tick,
            lotDigest: self.digest.0,
            jobId: self.key.jobId,
            attempt: 0,
            operator: self.key.operator,
            statementDigest: keccak256("statement"),
        };
        Signed::new(receipt, &self.domain, &self.gateway_key)
    }

    /// The gateway's award.
    pub fn award(&self) -> Signed<Award> {
        let award = Award {
            supernet: self.key.supernet,
            gatewayEpoch: self.key.gatewayEpoch,
            tick: self.key.tick,
            lotDigest: self.digest.0,
            jobId: self.key.jobId,
            attempt: 0,
            operator: self.key.operator,
            priceWeiPerUnit: U256::from(PRICE),
        };
        Signed::new(award, &self.domain, &self.gateway_key)
    }

    fn sign<M: MarketMessage>(&self, signer: &Signer, message: M) -> Bytes {
        Bytes::from(Signed::new(message, &self.domain, signer).signature.0.to_vec())
    }
}

fn bad_lot(error: LotError) -> TestkitError {
    TestkitError::Check { check: "lot", expected: "valid terms".into(), got: error.to_string() }
}

fn signer(secret: B256) -> Result<Signer, TestkitError> {
    Signer::from_secret(secret).map_err(|error| {
        let (expected, got) = ("a secret key".into(), error.to_string());
        TestkitError::Check { check: "development key", expected, got }
    })
}
