//! Running networks in the browser: a worker that computes, what the page asks of it, and what is
//! kept of its results.

mod actions;
mod attachment;
mod browser_store;
mod classified_images;
mod device;
mod evaluations;
mod files;
mod inputs;
mod notebook;
mod notebook_view;
mod panel;
mod progress_bar;
mod results;
mod session;
mod start_worker;
mod store_results;
mod stored_results;
mod training_charts;
mod worker_events;
mod worker_link;

pub use attachment::Attachment;
pub use files::{dropped, paint};
pub use inputs::RunInputs;
pub use panel::RunPanel;
pub use progress_bar::activity;
pub use results::ObservedLayer;
pub use session::Session;
pub use store_results::fetch_find_kept;
