//! The layer graph: what is drawn of it, where it stands, and the view that a person moves through.

mod drawing;
mod layout;
mod view;
mod viewport;

pub use view::{GRAPH_ID, GraphView, whole_size};
