//! Jobs on a server, where there is one: started, watched, cancelled, and their results opened in the lab.

mod api;
mod board;
mod course;
mod form;
mod panel;
mod stored;
mod watch;

pub use board::Board;
pub use course::Shared;
pub use panel::ServerPanel;
