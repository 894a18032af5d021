//! Layer graph, profiles, budgets, allocation rules and reports of the Repairability Lab.
//!
//! Pure data and pure functions: nothing here touches a tensor, a file or a clock, so the same code runs in the
//! command line, the server and the page.

mod graph;

pub use graph::{FeatureShape, GraphError, LayerGraph, Node, NodeId, Op, PrunableLayer, ResidualBlock, Role};
