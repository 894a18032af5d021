//! Puts a layer graph together node by node; shapes and multiply-accumulates follow from the
//! inputs.

use rrlab_types::{FeatureShape, LayerGraph, Node, NodeId, Op, Role};

/// A graph under construction.
pub struct GraphBuilder {
    nodes: Vec<Node>,
}

impl GraphBuilder {
    /// A graph that so far holds the input alone.
    pub fn new(image: FeatureShape) -> (Self, NodeId) {
        let input = Node {
            name: "input".into(),
            op: Op::Input,
            inputs: Vec::new(),
            shape: image,
            macs: 0,
            role: None,
        };
        (Self { nodes: vec![input] }, NodeId(0))
    }

    fn push(&mut self, name: String, op: Op, inputs: Vec<NodeId>, role: Option<Role>) -> NodeId {
        let shapes: Vec<_> = inputs.iter().map(|id| self.nodes[id.0].shape).collect();
        let shape = op.output_shape(&shapes).expect("an architecture connects nodes that fit");
        self.nodes.push(Node { name, op, inputs, shape, macs: op.macs(shape), role });
        NodeId(self.nodes.len() - 1)
    }

    /// Channels of a node's output.
    pub fn channels(&self, id: NodeId) -> usize {
        self.nodes[id.0].shape.channels
    }

    /// A node of one input that can't be pruned.
    pub fn op(&mut self, name: impl Into<String>, op: Op, input: NodeId) -> NodeId {
        self.push(name.into(), op, vec![input], None)
    }

    /// A convolution that keeps the size (at stride 1) by padding.
    pub fn conv(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        out_channels: usize,
        (kernel, stride): (usize, usize),
        bias: bool,
        role: Role,
    ) -> NodeId {
        let in_channels = self.channels(input);
        let op =
            Op::Conv2d { in_channels, out_channels, kernel, stride, padding: kernel / 2, bias };
        self.push(name.into(), op, vec![input], Some(role))
    }

    /// A batch norm over all channels of its input.
    pub fn batch_norm(&mut self, name: impl Into<String>, input: NodeId) -> NodeId {
        let channels = self.channels(input);
        self.op(name, Op::BatchNorm { channels }, input)
    }

    /// The sum of a residual block's branch and its shortcut, which have one shape.
    pub fn add(&mut self, name: impl Into<String>, branch: NodeId, shortcut: NodeId) -> NodeId {
        self.push(name.into(), Op::Add, vec![branch, shortcut], None)
    }

    /// The classifier and, with it, the finished graph. The caller names the architecture.
    pub fn classifier(mut self, name: &str, input: NodeId, classes: usize) -> LayerGraph {
        let in_features = self.nodes[input.0].shape.elements();
        let op = Op::Linear { in_features, out_features: classes, bias: true };
        self.push(name.into(), op, vec![input], Some(Role::Classifier));
        let graph = LayerGraph { architecture: String::new(), classes, nodes: self.nodes };
        debug_assert_eq!(graph.validate(), Ok(()));
        graph
    }
}
