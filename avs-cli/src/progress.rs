//! What goes on during a long wait: a line with a clock on a terminal, a line now and then elsewhere.

use std::{
    io::IsTerminal,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Silence after which a log or CI is told that the same thing still goes on.
const SILENCE: Duration = Duration::from_secs(10);

/// Progress of one thing; dropping it ends its line.
#[derive(Debug)]
pub struct Progress(Shown);

#[derive(Debug)]
enum Shown {
    Terminal(ProgressBar),
    Lines(Lines),
}

impl Progress {
    /// Shows a first message.
    pub fn start(message: String) -> Self {
        if !std::io::stderr().is_terminal() {
            return Progress(Shown::Lines(Lines::start(message, SILENCE, |line| eprintln!("{line}"))));
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message(message);
        Progress(Shown::Terminal(bar))
    }

    /// Says what is going on now.
    pub fn step(&self, message: impl Into<String>) {
        match &self.0 {
            Shown::Terminal(bar) => bar.set_message(message.into()),
            Shown::Lines(lines) => lines.step(message.into()),
        }
    }

    /// New figures of the same step: no line of their own where lines stay.
    pub fn update(&self, message: impl Into<String>) {
        match &self.0 {
            Shown::Terminal(bar) => bar.set_message(message.into()),
            Shown::Lines(lines) => lines.update(message.into()),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Terminal(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A line for every message, and one whenever nothing was said for a while.
#[derive(Debug)]
struct Lines {
    write: fn(&str),
    shared: Arc<(Mutex<Said>, Condvar)>,
}

/// What was said last; none once it is over.
type Said = Option<(String, Instant)>;

impl Lines {
    fn start(message: String, silence: Duration, write: fn(&str)) -> Self {
        let lines = Self { write, shared: Arc::default() };
        lines.step(message);
        let shared = lines.shared.clone();
        thread::spawn(move || repeat(&shared, silence, write));
        lines
    }

    fn step(&self, message: String) {
        let (last, changed) = &*self.shared;
        let mut said = locked(last);
        // Nothing older can be said in between.
        (self.write)(&message);
        *said = Some((message, Instant::now()));
        changed.notify_all();
    }

    fn update(&self, message: String) {
        if let Some((said, _)) = &mut *locked(&self.shared.0) {
            *said = message;
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let (last, changed) = &*self.shared;
        *locked(last) = None;
        changed.notify_all();
    }
}

/// Says again what goes on until it is over.
fn repeat((last, changed): &(Mutex<Said>, Condvar), silence: Duration, write: fn(&str)) {
    let mut said = locked(last);
    let mut due = Instant::now() + silence;
    while let Some((message, since)) = said.clone() {
        due = due.max(since + silence);
        let now = Instant::now();
        if now >= due {
            write(&format!("{message}: {} s so far", since.elapsed().as_secs()));
            due = now + silence;
        }
        let wait = changed.wait_timeout(said, due - now.min(due));
        said = wait.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// A panic while a line was written leaves the message whole.
fn locked(last: &Mutex<Said>) -> MutexGuard<'_, Said> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn note(line: &str) {
        SAID.lock().unwrap().push(line.into());
    }

    fn said() -> Vec<String> {
        SAID.lock().unwrap().clone()
    }

    /// Waits until so many lines start with this.
    fn wait_for(count: usize, start: &str) {
        let began = Instant::now();
        while said().iter().filter(|line| line.starts_with(start)).count() < count {
            assert!(began.elapsed() < Duration::from_secs(20), "expected {count} lines {start:?}: {:?}", said());
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_wait_is_told_again_and_again_until_it_ends() {
        let silence = Duration::from_millis(40);
        let lines = Lines::start("loading".into(), silence, note);
        wait_for(2, "loading: 0 s so far");
        lines.step("proving".into());
        wait_for(1, "proving: 0 s so far");
        lines.update("proving 7 of 9".into());
        wait_for(1, "proving 7 of 9: 0 s so far");
        drop(lines);
        let told = said();
        thread::sleep(5 * silence);
        assert_eq!(said(), told, "the wait is over");
        let proving = told.iter().position(|line| line == "proving").unwrap();
        assert_eq!((told[0].as_str(), told.iter().any(|line| line == "proving 7 of 9")), ("loading", false));
        assert!(told[proving..].iter().all(|line| line.starts_with("proving")), "{told:?}");
    }
}
