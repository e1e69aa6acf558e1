//! `gavel prove` and `gavel verify` over recorded mainnet blocks, and every way to be refused.

mod parameters;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use alloy::{primitives::U256, rpc::types::Header};
use gavel_testdata::needs_chain_data;
use gavel_testkit::replay::{Fault, RecordedChain, ReplayEndpoint, chain_data};
use parameters::{TestParameters, test_parameters};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Two consecutive blocks of December 2023, and the Uniswap V3 pool of USDC and WETH in them.
const FROM: u64 = 18_884_863;
const TO: u64 = 18_884_864;
const POOL: &str = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640";
const TABLE: &str = r#"
name = "pool"
chain_id = 1
contract = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"
columns = [
    { name = "sqrt_price", type = "uint160", slot = 0 },
    { name = "observation", type = "uint16", slot = 0, offset_bytes = 23 },
    { name = "unlocked", type = "bool", slot = 0, offset_bytes = 30 },
    { name = "fee_growth_0", type = "uint256", slot = 1 },
    { name = "fee_growth_1", type = "uint256", slot = 2 },
    { name = "liquidity", type = "uint128", slot = 4 },
]
"#;
const SQL: &str = "SELECT AVG(liquidity) AS mean, MIN(liquidity) AS low, MAX(sqrt_price) AS price, \
                   SUM(observation) AS observations, MAX(fee_growth_0) AS fees_0, MIN(fee_growth_1) AS fees_1, \
                   COUNT(*) AS n FROM pool WHERE liquidity > $1 AND unlocked = TRUE";
const PARAM: &str = "9000000000000000000";

/// An endpoint, a table file and a place for proofs.
struct Desk {
    chain: Arc<RecordedChain>,
    endpoint: ReplayEndpoint,
    folder: TempDir,
    /// Parameters for proving. Verifying takes its key from `folder`, where nothing else is.
    parameters: PathBuf,
}

impl Desk {
    async fn new(parameters: PathBuf) -> Self {
        let chain = Arc::new(RecordedChain::open(&chain_data()).unwrap());
        let endpoint = ReplayEndpoint::start(chain.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pool.toml"), TABLE).unwrap();
        Desk { chain, endpoint, folder, parameters }
    }

    fn gavel(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
        command.args(arguments).current_dir(self.folder.path()).env("GAVEL_PARAMS", ".");
        command.env("RUST_BACKTRACE", "1").output().unwrap()
    }

    fn prove(&self, url: &str, (from, to): (u64, u64), more: &[&str]) -> Output {
        let (from, to) = (from.to_string(), to.to_string());
        let mut arguments = vec!["prove", "--profile", "test", "--table", "pool.toml", "--sql", SQL, "--rpc-url", url];
        arguments.extend(["--params-dir", self.parameters.to_str().unwrap()]);
        arguments.extend(["--from-block", &from, "--to-block", &to]);
        self.gavel(&[arguments.as_slice(), more].concat())
    }

    /// Verifies a changed file.
    fn verify(&self, file: &Value, more: &[&str]) -> Output {
        fs::write(self.folder.path().join("changed.json"), file.to_string()).unwrap();
        self.gavel(&[["verify", "changed.json"].as_slice(), more].concat())
    }

    fn refused(&self, file: &Value, why: &str) {
        refusal(&self.verify(file, &["--allow-dev"]), why);
    }
}

fn success(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A refusal says nothing on stdout, ends with status 1, and says why in an error of its own.
fn refusal(output: &Output, why: &str) {
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*said), (Some(1), ""), "{complaint}");
    assert!(complaint.contains("error: ") && complaint.contains(why), "expected {why:?} in: {complaint}");
    assert!(!complaint.contains("panicked") && !complaint.contains("backtrace"), "{complaint}");
}

/// A word of the pool as it was recorded.
fn recorded(block: u64, slot: u64) -> U256 {
    let path = chain_data().join(format!("proofs/{block}.json"));
    let proofs: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let proof = proofs.as_array().unwrap().iter().find(|proof| proof["address"] == POOL).unwrap();
    let key = format!("{slot:#066x}");
    let entry = proof["storageProof"].as_array().unwrap().iter().find(|entry| entry["key"] == key.as_str());
    entry.unwrap()["value"].as_str().unwrap().parse().unwrap()
}

/// What the query must give, computed here from the recorded words.
fn expected() -> Value {
    let both = |slot| [recorded(FROM, slot), recorded(TO, slot)];
    let field =
        |word: U256, offset: usize, bytes: usize| (word >> (8 * offset)) & ((U256::ONE << (8 * bytes)) - U256::ONE);
    let [first, second] = both(4).map(|word| field(word, 0, 16));
    let text = |value: U256| Value::String(value.to_string());
    json!({
        "mean": text((first + second) / U256::from(2)),
        "low": text(first.min(second)),
        "price": text(both(0).map(|word| field(word, 0, 20)).into_iter().max().unwrap()),
        "observations": text(both(0).map(|word| field(word, 23, 2)).into_iter().sum()),
        "fees_0": text(both(1).into_iter().max().unwrap()),
        "fees_1": text(both(2).into_iter().min().unwrap()),
        "n": "2",
    })
}

#[needs_chain_data]
#[tokio::test(flavor = "multi_thread")]
async fn mainnet_blocks_are_proven_and_every_change_of_the_file_is_refused() {
    let TestParameters { folder, verifying_key } = test_parameters();
    let desk = Desk::new(folder).await;
    fs::copy(verifying_key, desk.folder.path().join("verifying-key-test.json")).unwrap();
    success(&desk.prove(desk.endpoint.url(), (FROM, TO), &["--param", PARAM]));
    let text = fs::read_to_string(desk.folder.path().join("proof.json")).unwrap();
    let proof: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(proof["result"]["rows"], json!([expected()]));
    let statement = &proof["statement"];
    assert_eq!((&statement["fromBlock"], &statement["toBlock"]), (&json!(FROM), &json!(TO)));
    assert_eq!((&statement["profile"], &statement["status"]), (&json!("test"), &json!("ok")));

    accepted(&desk, &proof).await;
    changed_clear_text(&desk, &proof);
    changed_proof(&desk, &proof);
    other_chains(&desk, &proof).await;
    no_proof_files(&desk);
}

async fn accepted(desk: &Desk, proof: &Value) {
    let hash = proof["statement"]["blockHash"].as_str().unwrap();
    let said = success(&desk.verify(proof, &["--allow-dev"]));
    assert!(said.contains(&format!("valid if block {TO} of chain 1 has hash {hash}")), "{said}");
    assert!(said.contains("n = 2") && !said.contains("the endpoint says"), "{said}");
    let asked = ["--allow-dev", "--table", "pool.toml", "--sql", SQL, "--rpc-url", desk.endpoint.url()];
    let said = success(&desk.verify(proof, &asked));
    assert!(said.contains("the endpoint says that it has") && said.contains("mean = the sum of liquidity"), "{said}");
    let verdict = success(&desk.verify(proof, &["--json", "--allow-dev"]));
    let verdict: Value = serde_json::from_str(&verdict).unwrap();
    assert_eq!((&verdict["statement"], &verdict["blockHashCompared"]), (&proof["statement"], &json!(false)));
    refusal(&desk.verify(proof, &[]), "test profile");
    let keyless = ["--allow-dev", "--params-dir", "nowhere"];
    refusal(&desk.verify(proof, &keyless), "no verifying key: run `gavel params build`");
}

fn changed_clear_text(desk: &Desk, proof: &Value) {
    let zero = json!(format!("{:#066x}", 0));
    let fields = [
        ("version", json!(2)),
        ("chainId", json!(5)),
        ("circuitSet", zero.clone()),
        ("profile", json!("production")),
        ("tableId", zero.clone()),
        ("queryDigest", zero.clone()),
        ("fromBlock", json!(FROM - 1)),
        ("toBlock", json!(TO + 1)),
        ("blockHash", zero.clone()),
        ("status", json!("empty")),
    ];
    assert_eq!(fields.len() + 1, proof["statement"].as_object().unwrap().len());
    for (name, value) in fields {
        let mut changed = proof.clone();
        changed["statement"][name] = value;
        desk.refused(&changed, &format!("the file says {name} "));
    }
    for params in [json!([]), json!([zero]), json!([proof["statement"]["params"][0], zero])] {
        let mut changed = proof.clone();
        changed["statement"]["params"] = params;
        desk.refused(&changed, "the params in the file hash to");
    }
    for name in ["mean", "n", "fees_1"] {
        let mut changed = proof.clone();
        changed["result"]["rows"][0][name] = json!("3");
        desk.refused(&changed, &format!("the file says {name} = \"3\""));
    }
    let mut changed = proof.clone();
    changed["result"]["rows"] = json!([expected(), expected()]);
    desk.refused(&changed, "an answer has one row, the file has 2");
    let mut changed = proof.clone();
    changed["result"]["rows"][0].as_object_mut().unwrap().remove("n");
    desk.refused(&changed, "the file has 6 results, the proof 7");
    // A proof knows no names: only the question does.
    let mut changed = proof.clone();
    let row = changed["result"]["rows"][0].as_object_mut().unwrap();
    *row = row.iter().map(|(name, value)| (name.replace("low", "high"), value.clone())).collect();
    let asked = desk.verify(&changed, &["--allow-dev", "--table", "pool.toml", "--sql", SQL]);
    refusal(&asked, "the file names its results mean, high,");
    let other = desk.verify(proof, &["--allow-dev", "--table", "pool.toml", "--sql", "SELECT COUNT(*) FROM pool"]);
    refusal(&other, "the proof is about query");
}

fn changed_proof(desk: &Desk, proof: &Value) {
    let bytes = alloy::hex::decode(proof["proof"].as_str().unwrap()).unwrap();
    let with = |bytes: &[u8]| {
        let mut changed = proof.clone();
        changed["proof"] = json!(alloy::hex::encode_prefixed(bytes));
        changed
    };
    for (length, why) in [
        (0, "shorter than its header"),
        (100, "shorter than its header"),
        (8 + 512 + 4 + 1, "shorter than its attachment"),
        (bytes.len() - 256, "its last part has 0 bytes instead of 256"),
        (bytes.len() - 1, "its last part has 255 bytes instead of 256"),
    ] {
        desk.refused(&with(&bytes[..length]), why);
    }
    desk.refused(&with(&[bytes.as_slice(), &[0]].concat()), "its last part has 257 bytes");
    let groth16 = bytes.len() - 256;
    // Magic, profile and kind of job; a results digest; words of A, B and C.
    let places = [0, 5, 6, 8 + 512 - 1, groth16 + 31, groth16 + 3 * 32 + 31, groth16 + 8 * 32 - 1];
    for place in places {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        refusal(&desk.verify(&with(&flipped), &["--allow-dev"]), "proof");
    }
    // A valid Groth16 proof of another statement: every digest in the file fits, the proof does not.
    let mut other = bytes.clone();
    other[8 + 32 * 9 - 1] ^= 1;
    let mut changed = with(&other);
    changed["statement"]["blockHash"] = json!(alloy::hex::encode_prefixed(&other[8 + 32 * 8..8 + 32 * 9]));
    desk.refused(&changed, "it does not show the statement beside it");
    // A proof of one job that is no answer: its kind is in word 0 and in byte 6.
    let mut other = bytes.clone();
    other[6] -= 1;
    desk.refused(&with(&other), "the file holds the proof of one answer job");
    let mut changed = proof.clone();
    changed["proof"] = json!("0xzz");
    desk.refused(&changed, "the proof is not hex");
}

async fn other_chains(desk: &Desk, proof: &Value) {
    let against = |url: &str| desk.verify(proof, &["--allow-dev", "--rpc-url", url]);
    let mut other = RecordedChain::open(&chain_data()).unwrap();
    other.chain_id = 5;
    let endpoint = ReplayEndpoint::start(Arc::new(other)).await.unwrap();
    refusal(&against(endpoint.url()), "the endpoint serves chain 5, expected chain 1");

    // A fork: a header that is right in itself, at the same height.
    let fork = desk.folder.path().join("fork");
    fs::create_dir_all(fork.join("headers")).unwrap();
    let path = chain_data().join(format!("headers/{FROM}-{TO}.json"));
    let mut headers: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    headers[1]["extraData"] = json!("0x00");
    let header: Header = serde_json::from_value(headers[1].clone()).unwrap();
    headers[1]["hash"] = json!(header.inner.hash_slow());
    fs::write(fork.join("headers/fork.json"), headers.to_string()).unwrap();
    let endpoint = ReplayEndpoint::start(Arc::new(RecordedChain::open(&fork).unwrap())).await.unwrap();
    refusal(&against(endpoint.url()), &format!("block {TO} has hash {}", header.inner.hash_slow()));

    refusal(&against("http://127.0.0.1:1"), "cannot be reached");
    refusal(&against("nonsense"), "\"nonsense\" is not an RPC URL");
}

fn no_proof_files(desk: &Desk) {
    let at = desk.folder.path();
    let verify = |name: &str| desk.gavel(&["verify", name, "--allow-dev"]);
    fs::write(at.join("text.json"), "no JSON").unwrap();
    refusal(&verify("text.json"), "text.json is not a proof file");
    fs::write(at.join("other.json"), r#"{"rows": []}"#).unwrap();
    refusal(&verify("other.json"), "unknown field `rows`");
    refusal(&verify("absent.json"), "cannot read absent.json");
}

#[needs_chain_data]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_proven_is_refused_before_parameters_are_loaded() {
    // Loading from this folder would fail with another error.
    let desk = Desk::new(Path::new("/dev/null/parameters").into()).await;
    let param = ["--param", PARAM];
    let range = |blocks| desk.prove(desk.endpoint.url(), blocks, &param);
    refusal(&range((TO, FROM)), &format!("block range {TO} to {FROM} is reversed"));
    let future = desk.chain.blocks().last().unwrap() + 1;
    refusal(&range((FROM, future)), &format!("block {future} is not known to the endpoint"));
    refusal(&range((FROM - 1, TO)), &format!("block {} is not known to the endpoint", FROM - 1));
    // Headers of these blocks are recorded, their state is not.
    refusal(&range((18_090_206, 18_090_207)), "block 18090206 is no longer kept by the endpoint");

    let asked = |more: &[&str]| desk.prove(desk.endpoint.url(), (FROM, TO), more);
    refusal(&asked(&[]), "the query has 1 parameters, 0 were given");
    refusal(&asked(&["--param", "many"]), "parameter $1 must be uint128, \"many\" is not");
    let wide = U256::ONE << 128usize;
    let wide = wide.to_string();
    refusal(&asked(&["--param", &wide]), &format!("parameter $1 must be uint128, {wide} is too large"));

    for (fault, why) in [
        (Fault::StorageNode { block: FROM, node: 4 }, "node 4"),
        (Fault::HeaderField { block: TO, field: "stateRoot" }, "header of block 18884864 hashes to"),
        (Fault::Value { block: FROM }, "the node claims value"),
        (Fault::NoHistory { below: FROM }, "block 18884863 is no longer kept by the endpoint"),
        (Fault::Status500 { method: "eth_getProof" }, "HTTP status 500"),
    ] {
        desk.endpoint.set_faults(vec![fault]);
        refusal(&asked(&param), why);
    }
}
