//! What people and programs get to see: results on stdout, progress and errors on stderr.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

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

    /// A line of progress that says what is going on, with a clock on a terminal.
    pub fn progress(&self, message: impl Into<String>) -> Progress {
        let message = message.into();
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_message(message);
            Progress { bar: Some(bar) }
        } else {
            eprintln!("{message}");
            Progress { bar: None }
        }
    }
}

/// Progress of one thing; the line goes away when it is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Says what is going on now.
    pub fn step(&self, message: impl Into<String>) {
        match &self.bar {
            Some(bar) => bar.set_message(message.into()),
            None => eprintln!("{}", message.into()),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
