//! The whole scenario of the demo under the test profile: every check of it must hold.

mod parameters;

use std::{fs, path::PathBuf, time::Duration};

use gavel_testkit::scenario::{self, ScenarioOptions};
use parameters::{TestParameters, test_parameters};

#[tokio::test(flavor = "multi_thread")]
async fn one_real_request_with_faults_is_answered_and_paid() {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_gavel"));
    let TestParameters { folder: parameters, verifying_key } = test_parameters();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scenario");
    let options = ScenarioOptions {
        binary,
        folder: folder.clone(),
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
    // The command that waited for bids kept talking, although nobody sat at a terminal.
    let said = fs::read_to_string(folder.join("cheap-request.log")).unwrap();
    assert!(said.contains(" s so far"), "{said}");
}
