//! A layer on images: what it gives in the dense network, after pruning, and after repair.

mod binding;
mod charts;
mod picture;
mod view;

pub use view::ObservationView;
