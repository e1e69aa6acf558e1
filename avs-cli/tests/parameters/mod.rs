//! Parameters of the test profile, built once for all tests of the command.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// A folder of parameters with its verifying key.
pub struct TestParameters {
    pub folder: PathBuf,
    pub verifying_key: PathBuf,
}

/// The parameters: those in `GAVEL_PARAMS_TEST`, or those in cargo's folder for test data, which the
/// first caller builds within a minute while others wait. Parameters of older circuits are built again.
pub fn test_parameters() -> TestParameters {
    let ready = std::env::var_os("GAVEL_PARAMS_TEST").map(PathBuf::from);
    let folder = ready.unwrap_or_else(|| build(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("parameters")));
    let verifying_key = folder.join("verifying-key-test.json");
    assert!(verifying_key.is_file(), "no {}", verifying_key.display());
    TestParameters { folder, verifying_key }
}

fn build(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let lock = File::create(folder.join("tests.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    let output = command.args(["params", "build", "--profile", "test", "--params-dir"]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.to_owned()
}
