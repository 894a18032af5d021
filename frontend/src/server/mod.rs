//! Jobs on a server, where there is one: started, watched, cancelled, and their results opened in
//! the lab.

mod admin_panel;
mod api;
mod artifact_table;
mod course_panel;
mod form;
mod inputs;
mod job_charts;
mod job_events;
mod job_table;
mod job_text;
mod panel;
mod refresh;
mod state;
mod watched_job;

pub use panel::ServerPanel;
pub use state::ServerState;
pub use watched_job::SharedJob;
