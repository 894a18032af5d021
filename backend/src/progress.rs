//! How far work got, on standard error, with one look for all of it: a bar on a terminal, elsewhere
//! a line now and then.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Writes a line to standard error. Nobody may be there to read it, which is no reason to end work.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// Where and how often progress is shown.
#[derive(Debug, Clone, Copy)]
pub struct ProgressOutput {
    /// Time between two lines where standard error is no terminal; no lines without one.
    every: Option<Duration>,
}

impl ProgressOutput {
    /// With so many seconds between two lines; 0 is without lines.
    pub fn new(seconds: u64) -> Self {
        Self { every: (seconds > 0).then(|| Duration::from_secs(seconds)) }
    }

    /// Begins work whose parts are counted, as in `training`, `steps`, 632.
    pub fn count(self, what: &'static str, unit: &'static str, total: usize) -> Meter {
        let meter = self.start(what.into(), unit);
        meter.set_total(total);
        meter
    }

    /// Begins work whose length is not known yet.
    pub fn wait(self, what: impl Into<String>, unit: &'static str) -> Meter {
        self.start(what.into(), unit)
    }

    fn start(self, what: String, unit: &'static str) -> Meter {
        let is_terminal = std::io::stderr().is_terminal();
        let target =
            if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_prefix(what);
        bar.set_style(styled("{spinner} {prefix}, {elapsed} so far {msg}"));
        let begun = Arc::new(AtomicU64::new(0));
        let lines = if is_terminal {
            bar.enable_steady_tick(Duration::from_millis(250));
            None
        } else {
            self.every.map(|every| Lines::start(bar.clone(), begun.clone(), unit, every))
        };
        Meter { bar, begun, unit, lines }
    }
}

fn styled(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Work under way, as a person sees it. What it showed on a terminal goes when it is dropped.
pub struct Meter {
    bar: ProgressBar,
    /// Parts that were done before this began.
    begun: Arc<AtomicU64>,
    unit: &'static str,
    lines: Option<Lines>,
}

impl Meter {
    /// Says how many parts there are.
    pub fn set_total(&self, total: usize) {
        if self.bar.length() == Some(total as u64) {
            return;
        }
        let (unit, begun) = (self.unit, self.begun.clone());
        let style = styled(&format!(
            "{{prefix}} {{bar:30}} {{pos}}/{{len}} {unit}, {{percent:>3}}%, {{elapsed}} so far{{left}} {{msg}}"
        ));
        let left = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let begun = begun.load(Ordering::Relaxed);
            let total = state.len().unwrap_or_default();
            if let Some(left) = time_left(state.elapsed(), begun, state.pos(), total) {
                // A bar that can't be drawn is no reason to end work.
                write!(out, ", {} left", HumanDuration(left)).ok();
            }
        };
        self.bar.set_style(style.with_key("left", left));
        self.bar.set_length(total as u64);
    }

    /// Says how many parts were done before this began: they say nothing about the time that the
    /// others take.
    pub fn begin_at(&self, done: usize) {
        self.begun.store(done as u64, Ordering::Relaxed);
        self.bar.set_position(done as u64);
    }

    /// Says how many parts are done.
    pub fn set(&self, done: usize) {
        self.bar.set_position(done as u64);
    }

    /// Says that so many more parts are done.
    pub fn advance(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    /// Says what is being done, or what came of it so far.
    pub fn describe(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.lines.take();
        self.bar.finish_and_clear();
    }
}

/// Time that the parts not yet done will take if each takes as long as those did that were done
/// here. The bar's own estimate looks back for seconds, and a part may take minutes. Nothing where
/// none was done here, or all are.
fn time_left(elapsed: Duration, begun: u64, done: u64, total: u64) -> Option<Duration> {
    let done_here = done.saturating_sub(begun);
    if done_here == 0 || done >= total {
        return None;
    }
    Some(elapsed.mul_f64((total - done) as f64 / done_here as f64))
}

/// A thread that prints a line now and then, until this is dropped.
struct Lines {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    fn start(bar: ProgressBar, begun: Arc<AtomicU64>, unit: &'static str, every: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut has_spoken = false;
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                say(&line(&bar, begun.load(Ordering::Relaxed), unit, bar.elapsed()));
                has_spoken = true;
            }
            if has_spoken {
                say(&line(&bar, bar.position(), unit, bar.elapsed()));
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// `training: 120 of 632 steps (18%), 12 seconds so far, about 50 seconds left; epoch 2, loss
/// 1.234`.
fn line(bar: &ProgressBar, begun: u64, unit: &str, elapsed: Duration) -> String {
    let mut line = bar.prefix();
    let mut left = None;
    if let Some(total) = bar.length().filter(|total| *total > 0) {
        let done = bar.position();
        line += &format!(": {done} of {total} {unit} ({}%)", 100 * done / total);
        left = time_left(elapsed, begun, done, total);
    }
    line += &format!(", {} so far", HumanDuration(elapsed));
    if let Some(left) = left {
        line += &format!(", about {} left", HumanDuration(left));
    }
    let message = bar.message();
    if !message.is_empty() {
        line += &format!("; {message}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done_how_long_it_takes_and_what_comes_of_it() {
        let meter = ProgressOutput::new(0).count("training", "steps", 632);
        meter.set(120);
        meter.describe("epoch 2, loss 1.234");
        assert_eq!(
            line(&meter.bar, 0, meter.unit, Duration::from_secs(12)),
            "training: 120 of 632 steps (18%), 12 seconds so far, about 51 seconds left; epoch 2, loss 1.234"
        );
    }

    #[test]
    fn work_of_unknown_length_is_not_counted() {
        let meter = ProgressOutput::new(0).wait("reading cifar", "files");
        let line = line(&meter.bar, 0, meter.unit, Duration::ZERO);
        assert_eq!(line, "reading cifar, 0 seconds so far");
    }

    #[test]
    fn parts_that_were_there_before_say_nothing_about_the_time_left() {
        let minute = Duration::from_secs(60);
        assert_eq!(time_left(minute, 0, 0, 8), None, "nothing is known yet");
        assert_eq!(time_left(minute, 4, 4, 8), None, "nothing was done here");
        assert_eq!(time_left(minute, 4, 5, 8), Some(3 * minute));
        assert_eq!(time_left(minute, 0, 8, 8), None, "it is done");
    }
}
