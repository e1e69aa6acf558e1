//! Writes the vectors that the contracts' tests read, and fails when a committed file differs.
//!
//! Regenerate with `GAVEL_WRITE_GOLDEN=1 cargo test --release -p gavel-types --test golden`.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolStruct;
use gavel_types::id::{Attempt, AwardId, GatewayEpoch, JobId, OperatorId, RequestId, SupernetId, Tick, TickKey};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::lot::{
    Lot, bid_leaf, bid_leaves, bids_root, capacity_leaf, capacity_root, commitment, salts_hash, tie_break,
};
use gavel_types::merkle;
use gavel_types::message::{
    Accept, Award, BidCommitment, CommitReceipt, DeliveryReceipt, MarketMessage, OpeningReceipt, SessionHello, Signed,
    TickClose, domain,
};
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::signature::Signer;
use gavel_types::statement::{Claim, Kind, Output, Statement, Status, sha256_words};
use gavel_types::unit::{Class, Classes, WeiPerUnit, WorkUnits};
use serde_json::{Value, json};

const CHAIN_ID: u64 = 31337;

fn seeded(label: &str) -> B256 {
    keccak256(format!("gavel golden {label}"))
}

fn account(label: &str) -> Address {
    Address::from_slice(&seeded(label)[12..])
}

fn signer(label: &str) -> Signer {
    Signer::from_secret(seeded(label)).unwrap()
}

fn key() -> TickKey {
    TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(2), tick: Tick(77) }
}

fn check(name: &str, value: &Value) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../contracts/test/golden").join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    if std::env::var_os("GAVEL_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} differs; regenerate it with GAVEL_WRITE_GOLDEN=1", path.display());
}

fn words(words: &[B256]) -> Vec<String> {
    words.iter().map(B256::to_string).collect()
}

fn message<M: MarketMessage + SolStruct + serde::Serialize>(message: M, by: &str) -> Value {
    let domain = domain(CHAIN_ID, account("registry"));
    let signer = signer(by);
    let signed = Signed::new(message, &domain, &signer);
    signed.verify(&domain, signer.address()).unwrap();
    json!({
        "type": M::eip712_encode_type(),
        "typeHash": signed.message.eip712_type_hash(),
        "message": signed.message,
        "structHash": signed.message.eip712_hash_struct(),
        "digest": signed.message.signing_hash(&domain),
        "signer": signer.address(),
        "signature": format!("{:?}", signed.signature),
    })
}

fn jobs() -> Vec<JobTerms> {
    let payer = RequestId(seeded("request"));
    [(JobKind::Query, 12), (JobKind::Merge, 9), (JobKind::Answer, 7)]
        .into_iter()
        .enumerate()
        .map(|(index, (kind, units))| JobTerms {
            job: JobId::derive(payer, index as u32),
            payer,
            kind,
            units: WorkUnits(units),
            claim_digest: seeded(&format!("claim {index}")),
        })
        .collect()
}

fn lot() -> Lot {
    Lot {
        key: key(),
        number: 3,
        class: Class::Small,
        ceiling: WeiPerUnit(U256::from(1_000_000_007u64)),
        accept_blocks: 20,
        proving_blocks: 150,
        circuit_set: seeded("circuit set"),
        jobs: jobs(),
    }
}

fn lots(lot: &Lot) -> Value {
    let leaves: Vec<B256> = lot.jobs.iter().map(JobTerms::leaf).collect();
    let jobs: Vec<Value> = lot
        .jobs
        .iter()
        .enumerate()
        .map(|(index, job)| {
            json!({
                "jobId": job.job,
                "payer": job.payer,
                "kind": job.kind as u8,
                "units": job.units,
                "claimDigest": job.claim_digest,
                "leaf": leaves[index],
                "proof": merkle::proof(&leaves, index).unwrap(),
            })
        })
        .collect();
    json!({
        "supernet": lot.key.supernet,
        "gatewayEpoch": lot.key.epoch,
        "tick": lot.key.tick,
        "lot": lot.number,
        "class": lot.class as u8,
        "units": lot.units().unwrap(),
        "ceilingWeiPerUnit": lot.ceiling.0.to_string(),
        "acceptBlocks": lot.accept_blocks,
        "provingBlocks": lot.proving_blocks,
        "circuitSetRoot": lot.circuit_set,
        "jobsRoot": lot.jobs_root(),
        "lotDigest": lot.digest().unwrap(),
        "jobs": jobs,
    })
}

/// Five bids on one lot: enough for an odd node on two levels.
fn bids(lot: &Lot) -> Value {
    let digest = lot.digest().unwrap();
    let bids: Vec<_> = (0..5)
        .map(|index| {
            let operator = OperatorId(account(&format!("owner {index}")));
            let price = WeiPerUnit(U256::from(500 + 10 * (index / 2)));
            let salt = seeded(&format!("salt {index}"));
            (operator, price, salt, commitment(digest, operator, price, salt))
        })
        .collect();
    let all = || bids.iter().map(|bid| bid.3);
    let leaves = bid_leaves(all());
    let salts = salts_hash(bids.iter().map(|bid| (bid.3, bid.2)));
    let rows: Vec<Value> = bids
        .iter()
        .map(|(operator, price, salt, commitment)| {
            let leaf = bid_leaf(*commitment);
            let index = leaves.iter().position(|other| *other == leaf).unwrap();
            json!({
                "operator": operator,
                "priceWeiPerUnit": price.0.to_string(),
                "salt": salt,
                "commitment": commitment,
                "leaf": leaf,
                "leafIndex": index,
                "proof": merkle::proof(&leaves, index).unwrap(),
                "tieBreak": tie_break(*commitment, salts),
            })
        })
        .collect();
    json!({
        "lotDigest": digest,
        "bids": rows,
        "leaves": leaves,
        "bidsRoot": bids_root(all()),
        "bidsRootOfOne": bids_root(all().take(1)),
        "bidsRootOfNone": bids_root([]),
        "saltsHash": salts,
    })
}

fn capacity() -> Value {
    let vector: Vec<_> =
        (0..3).map(|index| (OperatorId(account(&format!("owner {index}"))), WorkUnits(100 * index + 7))).collect();
    let rows: Vec<Value> = vector
        .iter()
        .map(|(operator, free)| {
            json!({ "operator": operator, "freeUnits": free, "leaf": capacity_leaf(*operator, *free) })
        })
        .collect();
    json!({ "operators": rows, "capacityRoot": capacity_root(vector) })
}

fn request() -> Value {
    let request = Request {
        supernet: 1,
        verifierId: seeded("verifier"),
        feeToken: Address::ZERO,
        tableId: seeded("table"),
        tableTextHash: seeded("table text"),
        queryDigest: seeded("query"),
        queryTextHash: seeded("query text"),
        params: vec![seeded("param 0"), B256::from(U256::from(1000))],
        fromBlock: 100,
        toBlock: 131,
        maxFee: U256::from(10).pow(U256::from(18)),
        deadline: 5000,
        callback: account("callback"),
        callbackGas: 200_000,
        refundTo: account("refund"),
    };
    let origin = RequestOrigin {
        chain_id: CHAIN_ID,
        contract: account("requests"),
        requester: account("requester"),
        nonce: 4,
        anchor_hash: seeded("anchor"),
    };
    json!({
        "request": request,
        "chainId": origin.chain_id,
        "contract": origin.contract,
        "requester": origin.requester,
        "nonce": origin.nonce,
        "anchorHash": origin.anchor_hash,
        "paramsDigest": sha256_words(&request.params),
        "requestId": request.id(&origin),
    })
}

#[test]
fn messages_match_the_committed_vectors() {
    let (key, lot) = (key(), lot());
    let (supernet, gateway_epoch, tick) = (key.supernet.0, key.epoch.0, key.tick.0);
    let lot_digest = lot.digest().unwrap();
    let operator = account("owner 0");
    let price = U256::from(500);
    let commitment = commitment(lot_digest, OperatorId(operator), WeiPerUnit(price), seeded("salt 0")).0;
    let (job, attempt) = (lot.jobs[0].job, 1);
    let messages = json!({
        "BidCommitment": message(
            BidCommitment { supernet, gatewayEpoch: gateway_epoch, tick, lotDigest: lot_digest.0, operator, commitment },
            "bid key 0",
        ),
        "CommitReceipt": message(
            CommitReceipt { supernet, gatewayEpoch: gateway_epoch, tick, lotDigest: lot_digest.0, operator, commitment },
            "gateway key",
        ),
        "TickClose": message(
            TickClose {
                supernet,
                gatewayEpoch: gateway_epoch,
                tick,
                bidsRoot: seeded("bids root"),
                count: 5,
                capacityRoot: seeded("capacity root"),
            },
            "gateway key",
        ),
        "OpeningReceipt": message(
            OpeningReceipt {
                supernet,
                gatewayEpoch: gateway_epoch,
                tick,
                lotDigest: lot_digest.0,
                operator,
                commitment,
                priceWeiPerUnit: price,
            },
            "gateway key",
        ),
        "Award": message(
            Award {
                supernet,
                gatewayEpoch: gateway_epoch,
                tick,
                lotDigest: lot_digest.0,
                jobId: job.0,
                attempt,
                operator,
                priceWeiPerUnit: price,
            },
            "gateway key",
        ),
        "Accept": message(
            Accept {
                supernet,
                gatewayEpoch: gateway_epoch,
                tick,
                lotDigest: lot_digest.0,
                jobId: job.0,
                attempt,
                operator,
                inputDigest: seeded("input"),
                acceptBlock: 1234,
            },
            "bid key 0",
        ),
        "DeliveryReceipt": message(
            DeliveryReceipt {
                supernet,
                gatewayEpoch: gateway_epoch,
                tick,
                lotDigest: lot_digest.0,
                jobId: job.0,
                attempt,
                operator,
                statementDigest: seeded("statement"),
            },
            "gateway key",
        ),
        "SessionHello": message(
            SessionHello {
                supernet,
                gatewayEpoch: gateway_epoch,
                operator,
                challenge: seeded("challenge"),
                classes: Classes::from_iter([Class::Small, Class::Large]).bits(),
                circuitSetRoot: seeded("circuit set"),
            },
            "bid key 0",
        ),
    });
    let domain = domain(CHAIN_ID, account("registry"));
    check(
        "messages",
        &json!({
            "domain": {
                "name": "Gavel",
                "version": "1",
                "chainId": CHAIN_ID,
                "verifyingContract": account("registry"),
                "separator": domain.separator(),
            },
            "messages": messages,
            "lot": lots(&lot),
            "auction": bids(&lot),
            "capacity": capacity(),
            "award": {
                "jobId": job,
                "attempt": attempt,
                "operator": operator,
                "awardId": AwardId::derive(key, job, Attempt(attempt), OperatorId(operator)),
            },
            "job": { "requestId": seeded("request"), "index": 0, "jobId": job },
            "request": request(),
        }),
    );
}

#[test]
fn statements_match_the_committed_vectors() {
    let cases = [(Kind::Extract, Status::Ok), (Kind::Answer, Status::Ok), (Kind::Answer, Status::Empty)];
    let rows: Vec<Value> = cases
        .into_iter()
        .enumerate()
        .map(|(index, (kind, status))| {
            let word = |label: &str| seeded(&format!("statement {index} {label}"));
            let results =
                if status == Status::Ok { [word("result 0"), word("result 1")] } else { [B256::ZERO, B256::ZERO] };
            let params = [word("param 0")];
            let statement = Statement {
                claim: Claim {
                    kind,
                    circuit_set: word("circuit set"),
                    chain_id: CHAIN_ID,
                    table_id: word("table"),
                    query_digest: word("query"),
                    params_digest: sha256_words(&params),
                    from_block: 100 + index as u64,
                    to_block: 131,
                    anchor_hash: word("anchor"),
                    inputs: if kind == Kind::Answer { B256::ZERO } else { word("inputs") },
                },
                output: Output {
                    status,
                    row_count: 32,
                    roots: if kind == Kind::Answer { [B256::ZERO; 3] } else { [word("r0"), word("r1"), word("r2")] },
                    result_digest: if kind == Kind::Answer { sha256_words(&results) } else { B256::ZERO },
                },
            };
            let digest = U256::from_be_bytes(statement.digest().0);
            json!({
                "kind": kind as u8,
                "status": status as u8,
                "params": words(&params),
                "results": words(&results),
                "words": words(&statement.words()),
                "claimDigest": statement.claim.digest(),
                "statementDigest": statement.digest(),
                "publicInputs": [(digest >> 128u32).to_string(), (digest & U256::from(u128::MAX)).to_string()],
            })
        })
        .collect();
    check("statement", &json!({ "statements": rows }));
}
