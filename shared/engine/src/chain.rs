//! Nodes that are computed at once: a convolution with its batch norm, the sum of a residual block and
//! the rectifier, where no gradients are asked for and the device can ([`crate::kernels::finishes`]); a
//! batch norm or a sum with its rectifier in training too, and wherever nodes are not looked at one by
//! one.

use rrlab_types::{LayerGraph, NodeId, Op};

/// A convolution and the nodes after it, each of which alone takes the one before.
#[derive(Debug)]
pub struct Chain {
    /// From the convolution to the last, whose output is that of the whole.
    nodes: Vec<NodeId>,
    /// The batch norm that follows the convolution.
    pub norm: Option<NodeId>,
    /// What a sum in the chain takes from outside it.
    pub summand: Option<NodeId>,
    /// Whether it ends with a rectifier.
    pub rectified: bool,
}

impl Chain {
    /// The chain that begins with this node, where it is a convolution. It ends before a node whose
    /// inputs are to be shown, and before a sum whose other part `is_there` denies.
    pub fn at(
        graph: &LayerGraph,
        first: NodeId,
        is_shown: impl Fn(NodeId) -> bool,
        is_there: impl Fn(NodeId) -> bool,
    ) -> Option<Self> {
        if !matches!(graph.node(first).op, Op::Conv2d(_)) {
            return None;
        }
        let mut chain = Self { nodes: vec![first], norm: None, summand: None, rectified: false };
        while !chain.rectified
            && let Some(next) = sole_consumer(graph, chain.last())
            && !is_shown(next)
            && chain.takes(graph, next, &is_there)
        {
            chain.nodes.push(next);
        }
        Some(chain)
    }

    /// The convolution.
    pub fn first(&self) -> NodeId {
        self.nodes[0]
    }

    /// The node whose output the chain gives.
    pub fn last(&self) -> NodeId {
        self.nodes[self.nodes.len() - 1]
    }

    /// All its nodes.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Takes in what the node that follows does, if the chain can.
    fn takes(
        &mut self,
        graph: &LayerGraph,
        next: NodeId,
        is_there: impl Fn(NodeId) -> bool,
    ) -> bool {
        let node = graph.node(next);
        match node.op {
            Op::BatchNorm { .. } if self.nodes.len() == 1 => self.norm = Some(next),
            Op::Add if self.summand.is_none() => {
                let mut others = node.inputs.iter().copied().filter(|&input| input != self.last());
                self.summand = others.next().filter(|&other| is_there(other));
                return self.summand.is_some();
            }
            Op::Relu => self.rectified = true,
            _ => return false,
        }
        true
    }
}

/// The rectifier that alone takes the output of this batch norm or sum: both are computed in one pass.
pub fn rectifier_of(graph: &LayerGraph, id: NodeId) -> Option<NodeId> {
    let joins = matches!(graph.node(id).op, Op::BatchNorm { .. } | Op::Add);
    let next = joins.then(|| sole_consumer(graph, id)).flatten();
    next.filter(|&next| graph.node(next).op == Op::Relu)
}

/// The node that takes this one's output, if it is the only one and takes it once.
fn sole_consumer(graph: &LayerGraph, id: NodeId) -> Option<NodeId> {
    let mut consumers = graph.consumers(id);
    let only = consumers.next()?;
    consumers.next().is_none().then_some(only)
}
