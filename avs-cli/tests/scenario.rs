//! The whole scenario of the demo under the test profile: every check of it must hold.

use std::{path::PathBuf, time::Duration};

use gavel_testkit::scenario::{self, ScenarioOptions};

#[tokio::test(flavor = "multi_thread")]
async fn one_real_request_with_faults_is_answered_and_paid() {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_gavel"));
    // Kept between runs: building takes minutes.
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let parameters = cache.join("parameters");
    let verifying_key = cache.join("verifying-key.json");
    let (folder, key) = (parameters.display().to_string(), verifying_key.display().to_string());
    let build = ["params", "build", "--profile", "test", "--params-dir", &folder, "--verifying-key", &key];
    scenario::gavel(&binary, &build).await.unwrap();
    let options = ScenarioOptions {
        binary,
        folder: cache.join("scenario"),
        parameters,
        profile: "test".into(),
        verifying_key,
        blocks: 8,
        port: 0,
        block_time: 2,
        machine: (12, 2),
        patience: Duration::from_secs(900),
        keep: false,
    };
    let (report, _network) = scenario::run(options, |step| println!("{step}")).await.unwrap();
    assert!(report.passed, "{}", report.table());
}
