//! The layer graph: what is drawn of it, where it stands, and the view that a person moves through.

mod boxes;
mod drawing;
mod figure;
mod gestures;
mod inset;
mod keyboard;
mod layout;
mod live;
mod minimap;
mod scene;
mod seen;
mod state;
mod toolbar;
mod view;
mod viewport;
mod width;

pub use live::LiveGraph;
pub use view::GraphView;
