//! The `gavel` command as people and programs use it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const TABLE: &str = r#"
name = "pair"
chain_id = 31337
contract = "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc"
[[columns]]
name = "reserve0"
type = "uint112"
slot = "0x8"
offset_bytes = 0
[[columns]]
name = "reserve1"
type = "uint112"
slot = "0x8"
offset_bytes = 14
"#;

/// Runs the command with a network folder of its own.
fn gavel(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gavel"))
        .args(arguments)
        .env("GAVEL_DEVNET", folder.join("devnet"))
        .env_remove("GAVEL_DEPLOYMENT")
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a failed command says.
fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Stops the network when a test ends, however it ends.
struct Network<'a>(&'a Path);

impl Drop for Network<'_> {
    fn drop(&mut self) {
        gavel(self.0, &["devnet", "down"]);
    }
}

#[test]
fn a_question_is_compiled_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("pair.toml");
    fs::write(&table, TABLE).unwrap();
    let table = table.to_str().unwrap();
    let sql = "SELECT AVG(reserve1) AS mean, COUNT(*) AS n FROM pair WHERE reserve0 > $1";
    let compiled = json(&gavel(folder.path(), &["--json", "query", "compile", "--table", table, "--sql", sql]));
    assert_eq!(compiled["results"][0]["name"], "mean");
    assert_eq!(compiled["parameters"].as_array().unwrap().len(), 1);
    let spelled = "select avg(reserve1) as mean, count(*) as n from pair where reserve0>$1";
    let again = json(&gavel(folder.path(), &["--json", "query", "compile", "--table", table, "--sql", spelled]));
    assert_eq!(compiled["queryDigest"], again["queryDigest"]);

    let outside = "SELECT reserve0 FROM pair GROUP BY reserve0";
    let complaint = complaint(&gavel(folder.path(), &["query", "compile", "--table", table, "--sql", outside]));
    assert!(complaint.contains("error: the query is not valid"), "{complaint}");
}

#[test]
fn without_a_network_the_command_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let status = gavel(folder.path(), &["devnet", "status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("gavel devnet up"));
    let complaint = complaint(&gavel(folder.path(), &["operator", "status", "--devnet-operator", "1"]));
    assert!(complaint.contains("gavel devnet up"), "{complaint}");
}

const PROVER: &str = r#"
operator = "0x00000000000000000000000000000000000000aa"
bid_key_file = "bid.key"
deployment_file = "deployment.json"
params_dir = "parameters"
checkpoint_dir = "checkpoint"
gateway = { url = "https://localhost:1", authority_file = "gateway.pem", server_name = "localhost" }
policy = { small_wei_per_unit = 1 }
machine = { slots_dir = "slots", memory_gib = 1, jobs = 1 }
"#;

#[test]
fn daemons_refuse_keys_that_others_can_read_and_files_that_they_do_not_understand() {
    let folder = tempfile::tempdir().unwrap();
    let (config, key) = (folder.path().join("prover.toml"), folder.path().join("bid.key"));
    let run = |daemon: &str| complaint(&gavel(folder.path(), &[daemon, "run", "--config", config.to_str().unwrap()]));
    assert!(run("prover").contains("prover.toml"), "the file is not there");
    fs::write(&config, PROVER).unwrap();
    fs::write(&key, "00".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(run("prover").contains("other users can read the key file"));
    fs::write(&config, PROVER.replace("policy", "polity")).unwrap();
    assert!(run("prover").contains("unknown field `polity`"));
    assert!(run("gateway").contains("unknown field"));
}

#[test]
fn a_network_with_an_operator_a_request_and_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let _network = Network(at);
    let up = ["--json", "devnet", "up", "--port", "0", "--block-time", "0", "--traded-blocks", "10"];
    let network = json(&gavel(at, &up));
    let url = network["rpcUrls"][0].as_str().unwrap().to_owned();
    let last = network["trades"]["lastBlock"].as_u64().unwrap();
    let twice = complaint(&gavel(at, &up));
    assert!(twice.contains("runs already"), "{twice}");

    // Without stake the command gives up and says what is missing; with stake it goes on from there.
    let register = ["--json", "operator", "register", "--devnet-operator", "1", "--classes", "small", "--wait", "0"];
    let early = complaint(&gavel(at, &register));
    assert!(early.contains("the allocation delay is not in force"), "{early}");
    // One block per transaction: a deposit gives the delay its blocks.
    json(&gavel(at, &["--json", "devnet", "restake", "1", "50"]));
    let poor = complaint(&gavel(at, &register));
    assert!(poor.contains("less than 100 tokens are delegated"), "{poor}");
    json(&gavel(at, &["--json", "devnet", "restake", "1", "950"]));
    let status = json(&gavel(at, &register));
    assert_eq!((&status["registered"], &status["capacity"]["total"]), (&Value::from(true), &Value::from(2_000)));
    assert_eq!((&status["delegatedShares"], &status["maxMagnitude"]), (&tokens(1_000), &tokens(1)));
    let all = json(&gavel(at, &["--json", "devnet", "status"]));
    assert_eq!((&all["network"], &all["operators"][0]), (&network, &status));
    assert_eq!(snake_case(&all), Vec::<String>::new());
    let shown = gavel(at, &["operator", "status", "--devnet-operator", "1"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("member of the supernet, classes small"), "{text}");

    let unknown = format!("{:#066x}", 7);
    let strike = complaint(&gavel(at, &["operator", "strike", "--devnet-operator", "1", &unknown]));
    assert!(strike.contains("AwardNotOpen"), "{strike}");

    let table = at.join("pair.toml");
    let pair = network["market"]["pair"].as_str().unwrap();
    fs::write(&table, TABLE.replace("0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc", pair)).unwrap();
    let (from, to) = ((last - 5).to_string(), last.to_string());
    let mut ask = vec!["--json", "request", "--table", table.to_str().unwrap(), "--no-follow"];
    ask.extend(["--sql", "SELECT MAX(reserve0) AS high FROM pair WHERE reserve0 > $1", "--param", "1"]);
    ask.extend(["--from-block", &from, "--to-block", &to, "--max-fee", "0.05", "--no-callback"]);
    let request = json(&gavel(at, &ask));
    assert_eq!(request["state"], "open");
    let id = request["requestId"].as_str().unwrap();
    let unanswered = complaint(&gavel(at, &["request", "result", id]));
    assert!(unanswered.contains("it is open"), "{unanswered}");
    let cancelled = json(&gavel(at, &["--json", "request", "cancel", id]));
    assert_eq!(cancelled["state"], "cancelled");
    let followed = gavel(at, &["--json", "request", "follow", id]);
    let ended: Value = serde_json::from_slice(&followed.stdout).unwrap();
    assert_eq!((&ended["requestId"], &ended["state"]), (&request["requestId"], &Value::from("cancelled")));
    let unanswered = complaint(&followed);
    assert!(unanswered.contains("the request was not answered: it is cancelled"), "{unanswered}");
    let reversed = ask.iter().map(|part| {
        if *part == from {
            to.as_str()
        } else if *part == to {
            from.as_str()
        } else {
            part
        }
    });
    let refusal = complaint(&gavel(at, &reversed.collect::<Vec<_>>()));
    assert!(refusal.contains("is reversed"), "{refusal}");
    refused_requests(at, &ask, id);

    let out = at.join("recorded");
    let prove = format!("{pair}:0x8,0x6");
    let mut record = vec!["--json", "record", "--rpc-url", &url, "--from-block", &from, "--to-block", &to];
    record.extend(["--prove", &prove, "--receipts", "--out", out.to_str().unwrap()]);
    let recorded = json(&gavel(at, &record));
    assert_eq!((&recorded["chainId"], snake_case(&recorded)), (&Value::from(31_337), Vec::new()));
    assert_eq!((&recorded["blocks"], &recorded["proofs"]), (&Value::from(6), &Value::from(6)));
    let chain = gavel_testkit::replay::RecordedChain::open(&out).unwrap();
    assert_eq!((chain.chain_id, chain.blocks().count(), chain.proven().count()), (31_337, 6, 6));
}

/// So many of a token's whole units, as JSON has amounts.
fn tokens(whole: u64) -> Value {
    Value::from(format!("{whole}{}", "0".repeat(18)))
}

/// Names of fields that programs would have to spell in another way than all others.
fn snake_case(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.keys().filter(|name| name.contains('_')).cloned();
            own.chain(fields.values().flat_map(snake_case)).collect()
        }
        Value::Array(values) => values.iter().flat_map(snake_case).collect(),
        _ => Vec::new(),
    }
}

/// Requests that cannot be made, and ends that a request cannot have.
fn refused_requests(at: &Path, ask: &[&str], cancelled: &str) {
    let with = |option: &str, value: &str| {
        let mut changed = ask.to_vec();
        match changed.iter().position(|part| *part == option) {
            Some(place) => changed[place + 1] = value,
            None => changed.extend([option, value]),
        }
        changed.retain(|part| !["--json", "--no-callback"].contains(part));
        complaint(&gavel(at, &changed))
    };
    let nobody = "0x00000000000000000000000000000000000000aa";
    for (option, value, words) in [
        ("--to-block", "9999999", "block 9999999 is not mined yet"),
        ("--from-block", "1", "the range has more blocks than the supernet takes: RangeTooLong"),
        ("--max-fee", "five", "--max-fee is an amount of ether such as 0.05, not \"five\""),
        ("--max-fee", "0.000001", "--max-fee is under the minimum, in wei: FeeTooLow { fee: 1000000000000, minimum"),
        ("--deadline", "1", "--deadline is nearer than the supernet allows: DeadlineTooClose"),
        ("--callback-gas", "30000000", "--callback-gas is above the supernet's maximum: CallbackGasTooHigh"),
        ("--param", "many", "parameter $1 must be uint112, \"many\" is not"),
        ("--consumer", nobody, "is no consumer contract"),
    ] {
        let complaint = with(option, value);
        assert!(complaint.contains(words), "{option} {value}: expected {words:?} in {complaint}");
    }
    let unknown = format!("{:#066x}", 7);
    for action in ["status", "result", "follow", "cancel", "refund"] {
        let complaint = complaint(&gavel(at, &["request", action, &unknown]));
        assert!(complaint.contains(&format!("there is no request {unknown}")), "{complaint}");
    }
    let again = complaint(&gavel(at, &["request", "cancel", cancelled]));
    assert!(again.contains("is cancelled"), "{again}");
}
