//! Processes of the scenario: started with a log file, killed without warning, never left behind.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::error::TestkitError;

/// A long-running `gavel` command.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    /// Starts it; output is appended to `folder/NAME.log`.
    pub fn start(name: &str, binary: &Path, arguments: &[&str], folder: &Path) -> Result<Self, TestkitError> {
        let mut daemon = Self {
            name: name.into(),
            binary: binary.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            log: folder.join(format!("{name}.log")),
            child: None,
        };
        daemon.restart()?;
        Ok(daemon)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts it again after it ended or was killed.
    pub fn restart(&mut self) -> Result<(), TestkitError> {
        self.kill();
        let open = fs::OpenOptions::new().create(true).append(true).open(&self.log);
        let output = open.map_err(|e| TestkitError::file(&self.log, e))?;
        let errors = output.try_clone().map_err(|e| TestkitError::file(&self.log, e))?;
        let child = Command::new(&self.binary)
            .args(&self.arguments)
            .env("GAVEL_LOG", "info")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // An interrupt ends the scenario, which then ends its daemons itself.
            .process_group(0)
            .spawn();
        self.child = Some(child.map_err(|e| TestkitError::file(&self.binary, e))?);
        Ok(())
    }

    /// SIGKILL: no handler runs, nothing is written.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// # Errors
    /// When the process ended by itself.
    pub fn check(&mut self) -> Result<(), TestkitError> {
        let Some(child) = &mut self.child else { return Ok(()) };
        match child.try_wait() {
            Ok(Some(status)) => {
                let (name, log) = (self.name.clone(), self.log.display().to_string());
                Err(TestkitError::Daemon { name, reason: format!("it ended with {status}"), log })
            }
            _ => Ok(()),
        }
    }

    /// Everything that it has written.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for a line of the log.
    ///
    /// # Errors
    /// When the process ends first, or after `patience`.
    pub async fn wait_for(&mut self, text: &str, patience: Duration) -> Result<(), TestkitError> {
        self.wait_for_more(0, text, patience).await
    }

    /// Starts it again and waits until it says so.
    ///
    /// # Errors
    /// As [`wait_for`](Self::wait_for).
    pub async fn restart_until(&mut self, text: &str, patience: Duration) -> Result<(), TestkitError> {
        let before = self.log().matches(text).count();
        self.restart()?;
        self.wait_for_more(before, text, patience).await
    }

    async fn wait_for_more(&mut self, times: usize, text: &str, patience: Duration) -> Result<(), TestkitError> {
        let deadline = Instant::now() + patience;
        while self.log().matches(text).count() <= times {
            self.check()?;
            if Instant::now() > deadline {
                let reason = format!("it did not say {text:?} within {patience:?}");
                let (name, log) = (self.name.clone(), self.log.display().to_string());
                return Err(TestkitError::Daemon { name, reason, log });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Whether it has been started and neither killed nor ended since.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Leaves it running when this value is dropped, and returns its process id.
    pub fn detach(mut self) -> Option<u32> {
        self.child.take().map(|child| child.id())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a `gavel` command to its end and reads the JSON that it prints.
///
/// # Errors
/// When the command fails, with what it wrote to stderr, or prints something else.
pub async fn gavel(binary: &Path, arguments: &[&str]) -> Result<Value, TestkitError> {
    let output = tokio::process::Command::new(binary)
        .arg("--json")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|e| TestkitError::file(binary, e))?;
    let failed = |reason: String| TestkitError::Command { command: arguments.join(" "), reason };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}
