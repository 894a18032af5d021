//! What the names in an ONNX graph stand for: constants, and what a node of the lab's network gives
//! for a batch of images, however ONNX lays that out.

use std::rc::Rc;

use rrlab_types::NodeId;

use super::axes::{Dimension, Layout};
use super::constant::Constant;

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Value {
    /// It does not depend on the images.
    Constant(Rc<Constant>),
    /// It does.
    Feature(Feature),
    /// It is a step inside attention.
    Scores(Rc<Scores>),
}

/// Output of a node of the lab's network, as ONNX has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feature {
    /// The node.
    pub node: NodeId,
    /// The order of dimensions.
    pub layout: Layout,
    /// Every how-many-th row and column stays.
    pub strides: [usize; 2],
    /// By what the node's values are multiplied.
    pub scale: f64,
    /// What is done to them after that.
    pub form: Form,
}

/// The steps of x·Φ(x), which older opsets state by the error function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Plain,
    /// erf(x).
    Erf,
    /// 1 + erf(x).
    OneAndErf,
    /// (1 + erf(x))/2.
    Half,
}

/// Products of queries and keys on their way to values.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The node that gives the queries.
    pub queries: NodeId,
    /// The node that gives the keys.
    pub keys: NodeId,
    pub heads: usize,
    /// By what the products are multiplied.
    pub scale: f64,
    /// Whether the softmax over keys was taken.
    pub is_shared_out: bool,
    /// The dimensions before the last two.
    pub lead: Vec<Dimension>,
    /// The dimension of the queries.
    pub positions: Dimension,
}

impl Feature {
    /// A node's output as it is.
    pub fn plain(node: NodeId, layout: Layout) -> Self {
        Self { node, layout, strides: [1; 2], scale: 1.0, form: Form::Plain }
    }

    /// The same output in another order.
    pub fn laid_out(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }
}
