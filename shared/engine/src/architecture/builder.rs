//! Puts a layer graph together module by module; what a module takes in follows from what is there.

use rrlab_types::{Conv2d, FeatureShape, GraphError, LayerGraph, Module, NodeId, Op};

/// A graph under construction.
///
/// A module that does not fit is told by [`GraphBuilder::finish`], so that builders read like the
/// networks that they make.
pub struct GraphBuilder {
    modules: Vec<Module>,
    /// Shape of each module's output; after one that does not fit, of its input.
    shapes: Vec<FeatureShape>,
}

impl GraphBuilder {
    /// A graph that so far holds the input alone.
    pub fn new(image: FeatureShape) -> (Self, NodeId) {
        let input = Module { name: "input".into(), op: Op::Input, inputs: Vec::new() };
        (Self { modules: vec![input], shapes: vec![image] }, NodeId(0))
    }

    fn push(&mut self, name: String, op: Op, inputs: Vec<NodeId>) -> NodeId {
        let shapes: Vec<_> = inputs.iter().map(|&id| self.shape(id)).collect();
        self.shapes.push(op.output_shape(&shapes).unwrap_or(shapes[0]));
        self.modules.push(Module { name, op, inputs });
        NodeId(self.modules.len() - 1)
    }

    /// Shape of a node's output for one image.
    pub fn shape(&self, id: NodeId) -> FeatureShape {
        self.shapes[id.0]
    }

    /// Channels of a node's output.
    pub fn channels(&self, id: NodeId) -> usize {
        self.shape(id).channels
    }

    /// A node of one input.
    pub fn op(&mut self, name: impl Into<String>, op: Op, input: NodeId) -> NodeId {
        self.push(name.into(), op, vec![input])
    }

    /// A square convolution of this input, to be changed and added.
    pub fn square(&self, input: NodeId, out_channels: usize, kernel: usize) -> Conv2d {
        Conv2d::square(self.channels(input), out_channels, kernel)
    }

    /// A convolution.
    pub fn conv2d(&mut self, name: impl Into<String>, input: NodeId, conv: Conv2d) -> NodeId {
        self.op(name, Op::Conv2d(conv), input)
    }

    /// A convolution that keeps the size (at stride 1) by padding.
    pub fn conv(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        out_channels: usize,
        (kernel, stride): (usize, usize),
        bias: bool,
    ) -> NodeId {
        let square = self.square(input, out_channels, kernel);
        self.conv2d(name, input, Conv2d { stride: [stride; 2], bias, ..square })
    }

    /// A batch norm over all channels of its input.
    pub fn batch_norm(&mut self, name: impl Into<String>, input: NodeId) -> NodeId {
        let channels = self.channels(input);
        self.op(name, Op::batch_norm(channels), input)
    }

    /// The product of a value and what weighs it.
    pub fn mul(&mut self, name: impl Into<String>, value: NodeId, weight: NodeId) -> NodeId {
        self.push(name.into(), Op::Mul, vec![value, weight])
    }

    /// The channels of two inputs, one after the other.
    pub fn concat(&mut self, name: impl Into<String>, first: NodeId, second: NodeId) -> NodeId {
        self.push(name.into(), Op::Concat, vec![first, second])
    }

    /// The sum of a residual block's branch and its shortcut, which have one shape.
    pub fn add(&mut self, name: impl Into<String>, branch: NodeId, shortcut: NodeId) -> NodeId {
        self.push(name.into(), Op::Add, vec![branch, shortcut])
    }

    /// A linear layer of the channels of each position.
    pub fn position_linear(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        channels: usize,
    ) -> NodeId {
        let in_channels = self.channels(input);
        self.op(name, Op::PositionLinear { in_channels, out_channels: channels, bias: true }, input)
    }

    /// A linear layer of all values of its input.
    pub fn linear(&mut self, name: impl Into<String>, input: NodeId, features: usize) -> NodeId {
        let in_features = self.shape(input).elements();
        self.op(name, Op::Linear { in_features, out_features: features, bias: true }, input)
    }

    /// The finished graph.
    ///
    /// # Errors
    /// The first module that does not fit its inputs: an image may be too small for a network.
    pub fn finish(self, architecture: &str) -> Result<LayerGraph, GraphError> {
        LayerGraph::new(architecture, self.shapes[0], self.modules)
    }
}
