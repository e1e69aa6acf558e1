//! Plans from recorded mainnet data: what fails a request at once, and what is worth another try.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use gavel_chain::state::StateSource;
use gavel_chain::{ChainClient, EndpointOptions};
use gavel_circuits::security::Profile;
use gavel_domain::request::RequestFailure;
use gavel_gateway::planning::{PlanError, PlanRequest, Planner, WantedInput};
use gavel_gateway::{CoprocessorPlanner, coprocessor};
use gavel_proofs::job::JobInput;
use gavel_testdata::needs_chain_data;
use gavel_testkit::replay::{Fault, RecordedChain, ReplayEndpoint, chain_data};
use gavel_types::job::JobKind;
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::unit::WorkUnits;
use gavel_workloads::UnitTable;
use gavel_workloads::coprocessor::{Query, Table};

/// A block on a chunk boundary, so that no block before it is needed.
const BLOCK: u64 = 18_884_864;
const TABLE: &str = r#"
name = "pool"
chain_id = 1
contract = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"
columns = [{ name = "liquidity", type = "uint128", slot = 4 }]
"#;
const SQL: &str = "SELECT MAX(liquidity) AS high FROM pool WHERE liquidity > $1";

struct Desk {
    endpoint: ReplayEndpoint,
    planner: CoprocessorPlanner,
    request: PlanRequest,
}

impl Desk {
    async fn new() -> Self {
        let chain = Arc::new(RecordedChain::open(&chain_data()).unwrap());
        let endpoint = ReplayEndpoint::start(chain).await.unwrap();
        let options = EndpointOptions { timeout: Duration::from_millis(300), rounds: 1, pause: Duration::ZERO };
        let client = ChainClient::connect(&[endpoint.url().into()], options, Some(1)).await.unwrap();
        let anchor_hash = client.header(BLOCK).await.unwrap().hash;
        let [extract, query, merge, answer, wrap] = [30, 12, 14, 13, 200].map(WorkUnits);
        let planner = CoprocessorPlanner {
            source: StateSource::new(client),
            workload: coprocessor::workload(Profile::Test).unwrap(),
            units: UnitTable { extract, query, merge, answer, wrap },
            circuit_set: B256::repeat_byte(1),
        };
        Desk { endpoint, planner, request: request(anchor_hash) }
    }

    /// Why a changed request is not planned.
    async fn refused(&self, change: impl FnOnce(&mut PlanRequest)) -> PlanError {
        let mut request = self.request.clone();
        change(&mut request);
        self.planner.plan(&request).await.unwrap_err()
    }
}

fn request(anchor_hash: B256) -> PlanRequest {
    let table = Table::parse(TABLE).unwrap();
    let query = Query::compile(&table, SQL).unwrap();
    let zero = Address::ZERO;
    PlanRequest {
        request: Request {
            supernet: 1,
            verifierId: B256::ZERO,
            feeToken: zero,
            tableId: table.id(),
            tableTextHash: B256::ZERO,
            queryDigest: query.digest(),
            queryTextHash: B256::ZERO,
            params: vec![B256::from(U256::from(7))],
            fromBlock: BLOCK,
            toBlock: BLOCK,
            maxFee: U256::ZERO,
            deadline: 0,
            callback: zero,
            callbackGas: 0,
            refundTo: zero,
        },
        origin: RequestOrigin { chain_id: 1, contract: zero, requester: zero, nonce: 0, anchor_hash },
        table_text: TABLE.into(),
        query_text: SQL.into(),
    }
}

fn is_final(error: &PlanError, expected: RequestFailure, words: &str) {
    let PlanError::Final { reason, detail } = error else { panic!("expected {words:?} to be final, got {error:?}") };
    assert!(*reason == expected && detail.contains(words), "expected {expected:?} and {words:?}, got {error:?}");
}

#[needs_chain_data]
#[tokio::test]
async fn a_recorded_block_is_planned_and_its_input_built() {
    let desk = Desk::new().await;
    let plan = desk.planner.plan(&desk.request).await.unwrap();
    let kinds: Vec<JobKind> = plan.iter().map(|job| job.kind).collect();
    assert_eq!(kinds, [JobKind::Extract, JobKind::Query, JobKind::Answer, JobKind::Wrap]);
    let wanted = WantedInput { position: 0, kind: JobKind::Extract, claim: plan[0].claim.clone(), needs: vec![] };
    let input = desk.planner.input(&desk.request, wanted).await.unwrap();
    let JobInput::Extract(input) = JobInput::from_bytes(&input).unwrap() else { panic!("no extraction") };
    assert_eq!((input.blocks.len(), input.blocks[0].storage_proofs.len()), (1, 1));
}

#[needs_chain_data]
#[tokio::test]
async fn a_request_that_can_never_be_proven_fails_at_once_with_its_reason() {
    let desk = Desk::new().await;
    let unprovable = RequestFailure::Unprovable;
    let none = desk.refused(|asked| asked.request.params.clear()).await;
    is_final(&none, unprovable, "the query has 1 parameters, 0 were given");
    let wide = desk.refused(|asked| asked.request.params[0] = B256::repeat_byte(0xff)).await;
    is_final(&wide, unprovable, "parameter $1 must be uint128");
    let reversed = desk.refused(|asked| asked.request.fromBlock += 1).await;
    is_final(&reversed, unprovable, "reversed");
    let elsewhere = desk.refused(|asked| asked.origin.chain_id = 5).await;
    is_final(&elsewhere, unprovable, "the table is of chain 1");
    let anchor = desk.refused(|asked| asked.origin.anchor_hash = B256::ZERO).await;
    is_final(&anchor, unprovable, "header of block 18884864 hashes to");
    let before = desk.refused(|asked| asked.request.fromBlock -= 1).await;
    assert!(matches!(&before, PlanError::Temporary(why) if why.contains("is not known")), "{before:?}");

    let mismatch = RequestFailure::TextMismatch;
    let digest = desk.refused(|asked| asked.request.queryDigest = B256::ZERO).await;
    is_final(&digest, mismatch, "the texts compile to table");
    let outside = desk.refused(|asked| asked.query_text = "SELECT MAX(liquidity) FROM pool LIMIT 3".into()).await;
    is_final(&outside, mismatch, "LIMIT or OFFSET is not supported (line 1, column 33)");
    let column = desk.refused(|asked| asked.query_text = "SELECT MAX(depth) FROM pool".into()).await;
    is_final(&column, mismatch, "table pool has no column depth (line 1, column 12)");
    let slot = desk.refused(|asked| asked.table_text = TABLE.replace("slot = 4", "slot = 4, offset_bytes = 17")).await;
    is_final(&slot, mismatch, "16 bytes at offset 17 leave the slot of 32 bytes");
}

#[needs_chain_data]
#[tokio::test]
async fn an_endpoint_that_lies_or_hangs_fails_no_request() {
    let desk = Desk::new().await;
    for (fault, words) in [
        (Fault::AccountNode { block: BLOCK, node: 2 }, "node 2 hashes to"),
        (Fault::StorageNode { block: BLOCK, node: 4 }, "node 4 hashes to"),
        (Fault::CutStorageProof { block: BLOCK }, "node 5 is missing"),
        (Fault::Value { block: BLOCK }, "the node claims value"),
        (Fault::HeaderField { block: BLOCK, field: "stateRoot" }, "header of block 18884864 hashes to"),
        (Fault::HeaderOf { block: BLOCK, other: BLOCK - 1 }, "got a header with number 18884863"),
        (Fault::Hang { method: "eth_getProof" }, "did not answer within"),
        (Fault::Status500 { method: "eth_getBlockByNumber" }, "HTTP status 500"),
        (Fault::WebPage { method: "eth_getProof" }, "not JSON-RPC"),
    ] {
        desk.endpoint.set_faults(vec![fault]);
        let error = desk.refused(|_| ()).await;
        assert!(matches!(&error, PlanError::Temporary(why) if why.contains(words)), "{words:?} not in {error:?}");
    }
    desk.endpoint.set_faults(vec![Fault::NoHistory { below: BLOCK }]);
    is_final(&desk.refused(|_| ()).await, RequestFailure::Unprovable, "is no longer kept by the endpoint");
}
