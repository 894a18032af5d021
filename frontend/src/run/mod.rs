//! Running networks in the browser: a worker that computes, what the page asks of it, and what is kept of its results.

pub mod files;
mod link;
mod panel;
mod session;
mod shelf;
mod workers;

pub use panel::{Bench, RunPanel, SWEEP_RULES, duration, in_words, sweep_sparsities};
pub use session::{Finding, Session};
pub use workers::Workers;
