//! Progress bars on standard error, with time left; silent where that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rrlab_engine::watch::{Progress, Stopped};

/// A bar over `total` units of `what`.
pub fn bar(what: &'static str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    let style =
        ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {percent:>3}%, {elapsed} so far, {eta} left {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// A sign of life for work of unknown length.
pub fn spinner(what: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_message(what.into());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Moves a bar on by the images that went through a network.
pub fn counts_images(bar: &ProgressBar) -> impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped> {
    async |progress| {
        match progress {
            Progress::Images(count) => bar.inc(count as u64),
            Progress::Layer(layer) => bar.set_message(format!("curves of {}", layer.name)),
            _ => {}
        }
        Ok(())
    }
}
