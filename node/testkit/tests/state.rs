//! Proven state from recorded mainnet data, and from endpoints that lie, forget or hang.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, B256, address, b256};
use gavel_chain::{
    ChainClient, ChainError, EndpointOptions,
    endpoint::EndpointError,
    error::ProofOf,
    state::{StateSource, header_fields},
    trie::TrieError,
};
use gavel_testdata::needs_chain_data;
use gavel_testkit::replay::{Fault, RecordedChain, ReplayEndpoint, chain_data};

const WETH: Address = address!("c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
const BLOCK: u64 = 18_884_864;

struct Setup {
    chain: Arc<RecordedChain>,
    endpoint: ReplayEndpoint,
    source: StateSource,
}

fn options() -> EndpointOptions {
    EndpointOptions { timeout: Duration::from_millis(300), rounds: 1, pause: Duration::ZERO }
}

async fn setup() -> Setup {
    let chain = Arc::new(RecordedChain::open(&chain_data()).unwrap());
    let endpoint = ReplayEndpoint::start(chain.clone()).await.unwrap();
    let client = ChainClient::connect(&[endpoint.url().into()], options(), Some(1)).await.unwrap();
    Setup { chain, endpoint, source: StateSource::new(client) }
}

impl Setup {
    /// The state of WETH at one block with some faults in force.
    async fn spoiled(&self, faults: Vec<Fault>) -> ChainError {
        self.endpoint.set_faults(faults);
        let slots = self.chain.slots(BLOCK, WETH);
        let error = self.source.range(WETH, &slots, BLOCK - 1, BLOCK, None).await.unwrap_err();
        println!("{error}");
        error
    }
}

#[needs_chain_data]
#[tokio::test]
async fn every_recorded_header_and_proof_passes() {
    let setup = setup().await;
    let mut forks = std::collections::BTreeMap::new();
    for number in setup.chain.blocks().filter(|number| *number < 16 || *number > 1_024) {
        let header = setup.source.client().header(number).await.unwrap();
        *forks.entry(header_fields(&header.rlp).unwrap()).or_insert(0) += 1;
    }
    assert_eq!(forks.keys().copied().collect::<Vec<_>>(), [15, 16, 17, 20, 21], "{forks:?}");

    let (mut paths, mut absent, mut deepest) = (0, 0, 0);
    for (block, contract) in setup.chain.proven().collect::<Vec<_>>() {
        let slots = setup.chain.slots(block, contract);
        let header = setup.source.client().header(block).await.unwrap();
        let state = setup.source.at(contract, &slots, header).await.unwrap();
        paths += state.storage_proofs.len();
        absent += state.values.iter().filter(|value| value.is_zero()).count();
        deepest = state.storage_proofs.iter().map(Vec::len).fold(deepest, usize::max);
    }
    println!("{paths} paths, {absent} of zero, deepest {deepest}");
    assert!(paths > 400 && absent > 0 && deepest == 9);
}

#[needs_chain_data]
#[tokio::test]
async fn the_known_sums_of_locked_crv_come_out() {
    let setup = setup().await;
    let curve = address!("5f3b5dfeb7b28cdbd7faba78963ee202a494e2a2");
    for (block, expected) in [(11_912_969, "20726314826791983142580382"), (14_148_841, "73919478889441451263668261")] {
        let folder = chain_data();
        let labels = std::fs::read_to_string(folder.join("slots.json")).unwrap();
        let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
        let amounts: Vec<B256> = labels[curve.to_string().to_lowercase()]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, label)| label["name"] == "locked.amount")
            .map(|(key, _)| key.parse().unwrap())
            .collect();
        let header = setup.source.client().header(block).await.unwrap();
        let state = setup.source.at(curve, &amounts, header).await.unwrap();
        assert_eq!(amounts.len(), 12);
        assert_eq!(state.values.iter().sum::<alloy::primitives::U256>().to_string(), expected);
    }
}

#[needs_chain_data]
#[tokio::test]
async fn a_wrong_node_is_named() {
    let setup = setup().await;
    let error = setup.spoiled(vec![Fault::AccountNode { block: BLOCK, node: 3 }]).await;
    let ChainError::Proof { block, proof: ProofOf::Account(WETH), source } = error else { panic!("{error}") };
    assert_eq!(block, BLOCK);
    assert!(matches!(source, TrieError::WrongNode { node: 3, expected, got } if expected != got));

    let error = setup.spoiled(vec![Fault::StorageNode { block: BLOCK, node: 4 }]).await;
    assert!(
        matches!(
            error,
            ChainError::Proof { proof: ProofOf::Slot { .. }, source: TrieError::WrongNode { node: 4, .. }, .. }
        ),
        "{error}"
    );
    let error = setup.spoiled(vec![Fault::CutStorageProof { block: BLOCK }]).await;
    assert!(matches!(error, ChainError::Proof { source: TrieError::MissingNode { .. }, .. }), "{error}");
}

#[needs_chain_data]
#[tokio::test]
async fn a_wrong_header_is_named() {
    let setup = setup().await;
    for field in ["stateRoot", "timestamp", "parentHash", "baseFeePerGas"] {
        let error = setup.spoiled(vec![Fault::HeaderField { block: BLOCK, field }]).await;
        assert!(matches!(error, ChainError::HeaderHash { block: BLOCK, expected, got } if expected != got), "{error}");
    }
    let error = setup.spoiled(vec![Fault::HeaderOf { block: BLOCK, other: BLOCK - 1 }]).await;
    assert!(matches!(error, ChainError::HeaderNumber { block: BLOCK, got } if got == BLOCK - 1), "{error}");

    // A header that is right in itself, but not the one that the caller's anchor names.
    setup.endpoint.set_faults(Vec::new());
    let anchor = b256!("00000000000000000000000000000000000000000000000000000000000000aa");
    let error = setup.source.headers(BLOCK - 1, BLOCK, Some(anchor)).await.unwrap_err();
    assert!(matches!(error, ChainError::HeaderHash { block: BLOCK, expected, .. } if expected == anchor), "{error}");
}

#[needs_chain_data]
#[tokio::test]
async fn a_wrong_value_is_named_with_the_proven_one() {
    let setup = setup().await;
    let error = setup.spoiled(vec![Fault::Value { block: BLOCK }]).await;
    assert!(matches!(error, ChainError::Value { block: BLOCK, claimed, proven, .. } if claimed != proven), "{error}");
}

#[needs_chain_data]
#[tokio::test]
async fn missing_history_is_told_from_other_refusals() {
    let setup = setup().await;
    let error = setup.spoiled(vec![Fault::NoHistory { below: BLOCK - 1 }]).await;
    assert!(matches!(error, ChainError::NoHistory { block, .. } if block == BLOCK - 1), "{error}");
    let error = setup.source.client().header(BLOCK + 1).await.unwrap_err();
    assert!(matches!(error, ChainError::UnknownBlock { block } if block == BLOCK + 1), "{error}");
    let error = setup.source.headers(9, 5, None).await.unwrap_err();
    assert!(matches!(error, ChainError::EmptyRange { from: 9, to: 5 }), "{error}");
}

#[needs_chain_data]
#[tokio::test]
async fn a_block_is_asked_for_once() {
    let setup = setup().await;
    let slots = setup.chain.slots(BLOCK, WETH);
    let anchor = setup.source.client().header(BLOCK).await.unwrap().hash;
    let read = |slots: Vec<B256>, from, anchor| {
        let source = setup.source.clone();
        async move { source.range(WETH, &slots, from, BLOCK, anchor).await }
    };
    let last = read(slots.clone(), BLOCK, Some(anchor)).await.unwrap();
    let both = read(slots.clone(), BLOCK - 1, Some(anchor)).await.unwrap();
    assert_eq!((both.len(), &both[1]), (2, &last[0]));
    // From here on the node is of no use: what was read is there, and nothing else.
    let methods = ["eth_getProof", "eth_getBlockByNumber"];
    setup.endpoint.set_faults(methods.map(|method| Fault::Status500 { method }).into());
    assert_eq!(read(slots.clone(), BLOCK - 1, Some(anchor)).await.unwrap(), both);
    read(slots.clone(), BLOCK - 1, None).await.unwrap_err();
    read(slots.clone(), BLOCK - 1, Some(B256::ZERO)).await.unwrap_err();
    read(slots[1..].to_vec(), BLOCK - 1, Some(anchor)).await.unwrap_err();
}

#[needs_chain_data]
#[tokio::test]
async fn an_endpoint_that_hangs_or_breaks_is_named() {
    let setup = setup().await;
    let error = setup.spoiled(vec![Fault::Hang { method: "eth_getProof" }]).await;
    let ChainError::Endpoint { call: "eth_getProof", source } = &error else { panic!("{error}") };
    assert!(source.is_timeout() && error.is_temporary());
    let error = setup.spoiled(vec![Fault::Status500 { method: "eth_getProof" }]).await;
    assert!(matches!(error, ChainError::Endpoint { source: EndpointError::Http { status: 500, .. }, .. }));
    let error = setup.spoiled(vec![Fault::WebPage { method: "eth_getBlockByNumber" }]).await;
    assert!(matches!(error, ChainError::Endpoint { source: EndpointError::Malformed { .. }, .. }));
    let error = ChainClient::connect(&[setup.endpoint.url().into()], options(), Some(5)).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongChain { expected: 5, got: 1 }));
}

#[needs_chain_data]
#[tokio::test]
async fn another_endpoint_answers_for_one_that_hangs_forgets_or_is_gone() {
    let setup = setup().await;
    let second = ReplayEndpoint::start(setup.chain.clone()).await.unwrap();
    let gone = "http://127.0.0.1:1".to_owned();
    let urls = [gone, setup.endpoint.url().into(), second.url().into()];
    let client = ChainClient::connect(&urls, options(), Some(1)).await.unwrap();
    let source = StateSource::new(client);
    let slots = setup.chain.slots(BLOCK, WETH);
    for fault in [
        Fault::Hang { method: "eth_getProof" },
        Fault::NoHistory { below: BLOCK },
        Fault::Status500 { method: "eth_getProof" },
    ] {
        setup.endpoint.set_faults(vec![fault]);
        let header = source.client().header(BLOCK).await.unwrap();
        let state = source.at(WETH, &slots, header).await.unwrap();
        assert_eq!(state.values.len(), slots.len());
    }
}
