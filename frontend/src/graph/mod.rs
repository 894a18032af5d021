//! The layer graph: what is drawn of it, where it stands, and the view that a person moves through.

mod drawing;
mod layout;
mod live;
mod view;
mod viewport;

pub use live::LiveGraph;
pub use view::{GRAPH_ID, GraphView, whole_size};
