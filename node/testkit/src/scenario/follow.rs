//! `gavel request` as somebody who waits runs it: a process of its own that outlives what is killed meanwhile.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use alloy::primitives::B256;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{oracle::Answer, report::Report, run::Scene};
use crate::error::TestkitError;

/// A `gavel` command that waits for something. It ends with this value.
#[derive(Debug)]
pub(super) struct Follower {
    command: String,
    log: PathBuf,
    child: Child,
}

/// How it came out.
#[derive(Debug)]
pub(super) struct Ended {
    pub code: Option<i32>,
    /// The JSON that it printed.
    pub printed: Value,
    /// Progress and errors.
    pub said: String,
}

/// What a followed request may take to be seen as ended.
const SEEING: Duration = Duration::from_secs(60);

impl Follower {
    /// Starts it; progress and errors go to `folder/NAME.log`.
    pub fn start(name: &str, binary: &Path, arguments: &[&str], folder: &Path) -> Result<Self, TestkitError> {
        let log = folder.join(format!("{name}.log"));
        let errors = File::create(&log).map_err(|e| TestkitError::file(&log, e))?;
        let mut command = Command::new(binary);
        command.arg("--json").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let child = command.kill_on_drop(true).spawn().map_err(|e| TestkitError::file(binary, e))?;
        Ok(Self { command: arguments.join(" "), log, child })
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// When it does not end within `patience`, or prints something else than JSON.
    pub async fn end(self, patience: Duration) -> Result<Ended, TestkitError> {
        let Self { command, log, child } = self;
        let waited = TestkitError::Waited { what: "the end of a followed request", after: patience };
        let output = tokio::time::timeout(patience, child.wait_with_output()).await.map_err(|_| waited)?;
        let output = output.map_err(|e| TestkitError::file(&log, e))?;
        let said = fs::read_to_string(&log).map_err(|e| TestkitError::file(&log, e))?;
        let printed = serde_json::from_slice(&output.stdout);
        let printed = printed.map_err(|e| TestkitError::Command { command, reason: format!("{e}; it said {said}") })?;
        Ok(Ended { code: output.status.code(), printed, said })
    }
}

impl Follower {
    /// Waits until a `gavel request` ends without an answer because nobody bid; returns the request's id.
    pub async fn unanswered(self, report: &mut Report, patience: Duration) -> Result<B256, TestkitError> {
        let command = self.command.clone();
        let Ended { code, printed, said } = self.end(patience).await?;
        let nobody = printed["reason"].as_str().is_some_and(|reason| reason.starts_with("nobody bid"));
        let told = printed["state"] == "failed" && nobody;
        let why = said.lines().last().unwrap_or_default();
        report.check(
            "`gavel request` waits for an end without an answer and says why",
            code == Some(1) && told && why.contains("the request was not answered: it is failed"),
            format!("exit code {code:?}, {}, reason {}", printed["state"], printed["reason"]),
        );
        let id = printed["requestId"].as_str().and_then(|text| text.parse().ok());
        id.ok_or_else(|| TestkitError::Command { command, reason: format!("no request id in {printed}") })
    }
}

impl Scene<'_> {
    /// Follows a request that was made.
    pub(super) fn follow(&self, request: B256) -> Result<Follower, TestkitError> {
        self.start_follower("follow", &["request", "follow", &request.to_string()])
    }

    pub(super) fn start_follower(&self, name: &str, arguments: &[&str]) -> Result<Follower, TestkitError> {
        let all = [&["--deployment", self.deployment.as_str()], arguments].concat();
        Follower::start(name, &self.options.binary, &all, &self.options.folder)
    }

    /// Whoever followed the settled request has its answer, and whoever asks later gets the same.
    pub(super) async fn check_shown(
        &self,
        report: &mut Report,
        request: B256,
        follower: Follower,
        expected: Answer,
    ) -> Result<(), TestkitError> {
        let expected = printed(expected);
        let Ended { code, printed, .. } = follower.end(SEEING).await?;
        let settled = |view: &Value| view["state"] == "settled" && view["callbackDone"] == true;
        report.check(
            "`gavel request follow` ended with the answer, whatever was killed",
            code == Some(0) && settled(&printed) && printed["result"] == expected,
            format!("exit code {code:?}, {}", printed["state"]),
        );
        let id = request.to_string();
        let status = self.gavel(&["request", "status", &id]).await?;
        let detail = format!("{}, callback done: {}", status["state"], status["callbackDone"]);
        report.check("`gavel request status` says settled, callback done", settled(&status), detail);
        let result = self.gavel(&["request", "result", &id]).await?["result"].take();
        let detail = format!("{} values", result.as_array().map_or(0, Vec::len));
        report.check("`gavel request result` prints what eth_getStorageAt gives", result == expected, detail);
        Ok(())
    }
}

/// An answer in the form that `gavel request` prints.
fn printed(answer: Answer) -> Value {
    let values = [("mean", answer.mean), ("low", answer.low), ("high", answer.high), ("n", answer.count)];
    values.iter().map(|(name, value)| json!({ "name": name, "value": value.to_string() })).collect()
}
