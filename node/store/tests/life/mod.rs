//! A request, a job, a tick, a bid and an award, with real signatures.
#![allow(dead_code)]

use std::path::Path;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::Eip712Domain;
use gavel_domain::auction::{AnnouncedLot, Opening};
use gavel_domain::award::{Award, AwardState};
use gavel_domain::ceiling::CeilingSchedule;
use gavel_domain::job::{Job, JobState};
use gavel_domain::request::{RequestState, RequestTask};
use gavel_store::{JobRow, Lease, Objects, RequestRow, Store};
use gavel_types::id::{Attempt, AwardId, GatewayEpoch, JobId, OperatorId, SupernetId, Tick, TickKey};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::lot::{Lot, commitment};
use gavel_types::message::{BidCommitment, Signed, domain};
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::signature::Signer;
use gavel_types::statement::Claim;
use gavel_types::unit::{Class, WeiPerUnit, WorkUnits};

pub const OPERATOR: OperatorId = OperatorId(Address::repeat_byte(0x11));

pub fn eip712() -> Eip712Domain {
    domain(31337, Address::repeat_byte(0xaa))
}

pub fn signer(seed: u8) -> Signer {
    Signer::from_secret(B256::repeat_byte(seed)).unwrap()
}

pub fn request() -> RequestRow {
    let request = Request {
        supernet: 1,
        verifierId: B256::repeat_byte(1),
        feeToken: Address::ZERO,
        tableId: B256::repeat_byte(2),
        tableTextHash: B256::repeat_byte(3),
        queryDigest: B256::repeat_byte(4),
        queryTextHash: B256::repeat_byte(5),
        params: vec![B256::repeat_byte(6), B256::ZERO],
        fromBlock: 10,
        toBlock: 20,
        maxFee: U256::MAX,
        deadline: 900,
        callback: Address::repeat_byte(7),
        callbackGas: 100_000,
        refundTo: Address::repeat_byte(8),
    };
    let origin = RequestOrigin {
        chain_id: 31337,
        contract: Address::repeat_byte(9),
        requester: Address::repeat_byte(10),
        nonce: 3,
        anchor_hash: B256::repeat_byte(11),
    };
    RequestRow {
        task: RequestTask { id: request.id(&origin), deadline: 900, state: RequestState::Planned },
        request,
        origin,
        block_number: 30,
        block_hash: B256::repeat_byte(12),
        log_index: 2,
        work_fee: U256::from(1_000_000),
        ceiling: CeilingSchedule {
            start: WeiPerUnit(U256::from(10)),
            maximum: WeiPerUnit(U256::from(100)),
            ramp_blocks: 20,
            patience_blocks: 5,
        },
    }
}

pub fn job(position: u32, kind: JobKind) -> JobRow {
    let request = request();
    let claim = Claim {
        kind: kind.statement_kind(),
        circuit_set: B256::repeat_byte(13),
        chain_id: 31337,
        table_id: request.request.tableId,
        query_digest: request.request.queryDigest,
        params_digest: B256::repeat_byte(14),
        from_block: 10,
        to_block: 20,
        anchor_hash: request.origin.anchor_hash,
        inputs: B256::ZERO,
    };
    let terms = JobTerms {
        job: JobId::derive(request.task.id, position),
        payer: request.task.id,
        kind,
        units: WorkUnits(40),
        claim_digest: claim.digest(),
    };
    JobRow {
        job: Job { terms, attempt: Attempt(0), waiting_since: 31, attempt_limit: 4, state: JobState::Queued },
        position,
        claim,
        ready_block: None,
        input_digest: None,
        proof_digest: None,
    }
}

pub fn key(tick: u64) -> TickKey {
    TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(2), tick: Tick(tick) }
}

pub fn lot(tick: u64) -> AnnouncedLot {
    Lot {
        key: key(tick),
        number: 0,
        class: Class::Medium,
        ceiling: WeiPerUnit(U256::from(50)),
        accept_blocks: 5,
        proving_blocks: 50,
        circuit_set: B256::repeat_byte(13),
        jobs: vec![job(0, JobKind::Extract).job.terms],
    }
    .try_into()
    .unwrap()
}

pub fn opening(tick: u64) -> Opening {
    Opening {
        key: key(tick),
        lot: lot(tick).digest,
        operator: OPERATOR,
        price: WeiPerUnit(U256::from(33)),
        salt: keccak256("salt"),
    }
}

pub fn bid(tick: u64) -> Signed<BidCommitment> {
    let opening = opening(tick);
    let message = BidCommitment {
        supernet: 1,
        gatewayEpoch: 2,
        tick,
        lotDigest: opening.lot.0,
        operator: OPERATOR.0,
        commitment: commitment(opening.lot, OPERATOR, opening.price, opening.salt).0,
    };
    Signed::new(message, &eip712(), &signer(1))
}

pub fn award(tick: u64) -> Award {
    let job = job(0, JobKind::Extract).job.terms.job;
    Award {
        id: AwardId::derive(key(tick), job, Attempt(0), OPERATOR),
        key: key(tick),
        lot: lot(tick).digest,
        job,
        attempt: Attempt(0),
        operator: OPERATOR,
        units: WorkUnits(40),
        price: opening(tick).price,
        accept_blocks: 5,
        proving_blocks: 50,
        state: AwardState::Signed,
    }
}

/// The database as a restarted process finds it.
pub async fn reopen(folder: &Path) -> (Store, Lease, Objects) {
    let store = Store::open(&folder.join("gateway.sqlite")).await.unwrap();
    let lease = store.acquire("gateway", "test", 0, 1000).await.unwrap();
    (store, lease, Objects::in_folder(&folder.join("objects")).unwrap())
}
