//! Jobs on a server, where there is one: started, watched, cancelled, and their results opened in the lab.

mod api;
mod board;
mod form;
mod panel;
mod watch;

pub use board::Board;
pub use panel::ServerPanel;
