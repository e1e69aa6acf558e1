//! What people and programs get to see: results on stdout, progress and errors on stderr.

use serde::Serialize;

use crate::progress::Progress;

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: as JSON, or as the text that `human` makes of it.
    pub fn result<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            println!("{}", human(value).trim_end());
        }
        Ok(())
    }

    /// Prints an error with its causes.
    pub fn error(&self, error: &anyhow::Error) {
        if self.json {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            eprintln!("{}", serde_json::json!({ "error": error.to_string(), "causes": causes }));
            return;
        }
        eprintln!("error: {error}");
        let mut shown = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            // Many errors repeat their cause in their own words.
            if !shown.contains(&cause) {
                eprintln!("  because {cause}");
            }
            shown = cause;
        }
    }

    /// A line of progress that says what is going on and for how long.
    pub fn progress(&self, message: impl Into<String>) -> Progress {
        Progress::start(message.into())
    }
}
