//! The layer graph: what a network is made of, without its weights.

use serde::{Deserialize, Serialize};

/// Index of a node in [`LayerGraph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub usize);

/// Shape of one image's activation: channels × height × width. A vector has height and width 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeatureShape {
    /// Channels (features, for a vector).
    pub channels: usize,
    /// Rows of positions.
    pub height: usize,
    /// Columns of positions.
    pub width: usize,
}

impl FeatureShape {
    /// A vector of `features` values.
    pub fn vector(features: usize) -> Self {
        Self { channels: features, height: 1, width: 1 }
    }

    /// Pixels of one channel.
    pub fn positions(self) -> usize {
        self.height * self.width
    }

    /// Values of one image.
    pub fn elements(self) -> usize {
        self.channels * self.positions()
    }
}

/// What a node computes. Two-dimensional sizes are square: every network of the lab is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// The normalised image, the first node of every graph.
    Input,
    /// A convolution with a square kernel.
    Conv2d {
        /// Channels of the input.
        in_channels: usize,
        /// Channels of the output: one filter each.
        out_channels: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Step between output positions.
        stride: usize,
        /// Zeros added on each side.
        padding: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// Normalisation of each channel, then a learned affine map.
    BatchNorm {
        /// Channels in and out.
        channels: usize,
    },
    /// max(x, 0), element by element.
    Relu,
    /// Element-wise sum of two inputs: where a residual branch meets its shortcut.
    Add,
    /// Maximum over square windows that do not overlap.
    MaxPool {
        /// Side of the window and step between windows.
        size: usize,
    },
    /// Mean over all positions of each channel.
    GlobalAveragePool,
    /// A residual shortcut without weights: every `stride`-th pixel, and channels of zeros before
    /// and after the input's, one more after where they are odd (option A of He et al. 2016).
    PadShortcut {
        /// Channels out, not fewer than in.
        out_channels: usize,
        /// Step between the pixels that stay.
        stride: usize,
    },
    /// A matrix product with the features of a vector.
    Linear {
        /// Elements of the input, channels before rows before columns.
        in_features: usize,
        /// Elements of the output vector.
        out_features: usize,
        /// Whether a bias is added.
        bias: bool,
    },
}

/// Part that a prunable layer plays in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// The first convolution, which sees the image.
    Stem,
    /// A convolution that is none of the others.
    Conv,
    /// A 1×1 convolution on a residual shortcut that changes shape.
    Projection,
    /// The last linear layer.
    Classifier,
}

impl Role {
    /// Name in files, on the command line and on the page.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// One module of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The module's name, as in its state dict without `.weight`.
    pub name: String,
    /// What it computes, with its sizes.
    #[serde(flatten)]
    pub op: Op,
    /// Where its inputs come from; always earlier nodes.
    pub inputs: Vec<NodeId>,
    /// Shape of its output for one image.
    pub shape: FeatureShape,
    /// Multiply-accumulates for one image (0 where there are none).
    pub macs: u64,
    /// Set on prunable layers alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// A prunable layer: a Conv2d or Linear weight with its place in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunableLayer<'a> {
    /// The node of the graph that it is.
    pub node: NodeId,
    /// Name of its module, as in the state dict without `.weight`.
    pub name: &'a str,
    /// Part that it plays.
    pub role: Role,
    /// Shape of its weight: `[out, in, kh, kw]` or `[out, in]`.
    pub weight_shape: Vec<usize>,
    /// Weights that may be pruned.
    pub weights: usize,
    /// Multiply-accumulates for one image when dense.
    pub macs: u64,
}

/// The nodes of a network in an order in which they can be computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerGraph {
    /// The architecture's name with its options, such as `resnet18:width=0.25`.
    pub architecture: String,
    /// Classes that the network tells apart: features of its last node.
    pub classes: usize,
    /// The nodes; each one's inputs come before it.
    pub nodes: Vec<Node>,
}

/// Why a graph that was read is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// No nodes, or the first is not the input.
    #[error("a layer graph starts with its input node; this one has {found}")]
    NoInput {
        /// What stands there instead, in words.
        found: String,
    },
    /// An input that is not an earlier node.
    #[error("node `{node}` takes input {input}, which is not an earlier node")]
    BadInput {
        /// Name of the node.
        node: String,
        /// The input that it names.
        input: usize,
    },
    /// A node with too many or too few inputs.
    #[error("node `{node}` has {found} inputs; its operation takes {expected}")]
    InputCount {
        /// Name of the node.
        node: String,
        /// Inputs that it names.
        found: usize,
        /// Inputs that its operation takes.
        expected: usize,
    },
    /// A shape that does not follow from the inputs.
    #[error("node `{node}` says its shape is {found:?}; its inputs give {expected:?}")]
    Shape {
        /// Name of the node.
        node: String,
        /// Shape that the graph states.
        found: FeatureShape,
        /// Shape that follows from the inputs, where one does.
        expected: Option<FeatureShape>,
    },
    /// Two nodes of one name.
    #[error("two nodes are named `{node}`")]
    DuplicateName {
        /// Name that stands twice.
        node: String,
    },
    /// A prunable layer without a role, or a role where nothing can be pruned.
    #[error("node `{node}` {problem}")]
    Role {
        /// Name of the node.
        node: String,
        /// What is wrong with its role.
        problem: &'static str,
    },
}

impl Op {
    /// Number of inputs that the operation takes.
    pub fn arity(self) -> usize {
        match self {
            Self::Input => 0,
            Self::Add => 2,
            _ => 1,
        }
    }

    /// Shape of the weight of a prunable layer, `[out, in, kh, kw]` or `[out, in]`.
    pub fn weight_shape(self) -> Option<Vec<usize>> {
        match self {
            Self::Conv2d { in_channels, out_channels, kernel, .. } => {
                Some(vec![out_channels, in_channels, kernel, kernel])
            }
            Self::Linear { in_features, out_features, .. } => Some(vec![out_features, in_features]),
            _ => None,
        }
    }

    /// Whether the operation adds a bias to its weighted inputs.
    pub fn has_bias(self) -> bool {
        matches!(self, Self::Conv2d { bias: true, .. } | Self::Linear { bias: true, .. })
    }

    /// Shape of the output, or `None` where the operation does not take such inputs.
    pub fn output_shape(self, inputs: &[FeatureShape]) -> Option<FeatureShape> {
        let first = inputs.first().copied();
        match self {
            Self::Input => None,
            Self::Conv2d { in_channels, out_channels, kernel, stride, padding, .. } => {
                let shape = first.filter(|s| s.channels == in_channels)?;
                let side =
                    |n: usize| Some((n + 2 * padding).checked_sub(kernel)? / stride.max(1) + 1);
                Some(FeatureShape {
                    channels: out_channels,
                    height: side(shape.height)?,
                    width: side(shape.width)?,
                })
            }
            Self::BatchNorm { channels } => first.filter(|s| s.channels == channels),
            Self::Relu => first,
            Self::Add => first.filter(|s| inputs.get(1) == Some(s)),
            Self::MaxPool { size } => {
                let shape = first.filter(|s| size > 0 && s.height >= size && s.width >= size)?;
                Some(FeatureShape {
                    height: shape.height / size,
                    width: shape.width / size,
                    ..shape
                })
            }
            Self::GlobalAveragePool => first.map(|s| FeatureShape::vector(s.channels)),
            Self::PadShortcut { out_channels, stride } => {
                let shape = first.filter(|s| s.channels <= out_channels && stride > 0)?;
                let side = |n: usize| n.div_ceil(stride);
                Some(FeatureShape {
                    channels: out_channels,
                    height: side(shape.height),
                    width: side(shape.width),
                })
            }
            Self::Linear { in_features, out_features, .. } => first
                .filter(|s| s.elements() == in_features)
                .map(|_| FeatureShape::vector(out_features)),
        }
    }

    /// Multiply-accumulates that produce an output of this shape.
    pub fn macs(self, output: FeatureShape) -> u64 {
        let weights = self.weight_shape().map_or(0, |shape| shape.iter().product::<usize>());
        (weights * output.positions()) as u64
    }
}

impl LayerGraph {
    /// Checks everything that the rest of the program takes for granted of a graph.
    ///
    /// # Errors
    /// The first node that is wrong, with what would be right.
    pub fn validate(&self) -> Result<(), GraphError> {
        match self.nodes.first() {
            Some(node) if node.op == Op::Input => {}
            Some(node) => return Err(GraphError::NoInput { found: format!("`{}`", node.name) }),
            None => return Err(GraphError::NoInput { found: "no nodes".into() }),
        }
        let mut names = std::collections::HashSet::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if !names.insert(node.name.as_str()) {
                return Err(GraphError::DuplicateName { node: node.name.clone() });
            }
            self.validate_node(index, node)?;
        }
        Ok(())
    }

    fn validate_node(&self, index: usize, node: &Node) -> Result<(), GraphError> {
        if node.inputs.len() != node.op.arity() {
            return Err(GraphError::InputCount {
                node: node.name.clone(),
                found: node.inputs.len(),
                expected: node.op.arity(),
            });
        }
        if let Some(bad) = node.inputs.iter().find(|input| input.0 >= index) {
            return Err(GraphError::BadInput { node: node.name.clone(), input: bad.0 });
        }
        let inputs: Vec<_> = node.inputs.iter().map(|&id| self.node(id).shape).collect();
        let expected = node.op.output_shape(&inputs);
        if node.op != Op::Input && expected != Some(node.shape) {
            return Err(GraphError::Shape { node: node.name.clone(), found: node.shape, expected });
        }
        let problem = match (node.op.weight_shape().is_some(), node.role.is_some()) {
            (true, false) => Some("can be pruned but has no role"),
            (false, true) => Some("has a role but nothing that can be pruned"),
            _ => None,
        };
        problem.map_or(Ok(()), |problem| Err(GraphError::Role { node: node.name.clone(), problem }))
    }

    /// The node of an id that this graph gave out.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The node of this name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name).map(NodeId)
    }

    /// Ids in order of computation.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The nodes that take this node's output.
    pub fn consumers(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, node)| node.inputs.contains(&id))
            .map(|(i, _)| NodeId(i))
    }

    /// Prunable layers in graph order.
    pub fn prunable_layers(&self) -> Vec<PrunableLayer<'_>> {
        let layer = |(index, node): (usize, &'_ Node)| {
            let weight_shape = node.op.weight_shape()?;
            Some(PrunableLayer {
                node: NodeId(index),
                name: self.nodes[index].name.as_str(),
                role: node.role?,
                weights: weight_shape.iter().product(),
                weight_shape,
                macs: node.macs,
            })
        };
        self.nodes.iter().enumerate().filter_map(layer).collect()
    }

    /// The batch norm that alone follows a prunable layer, into which a channelwise map can be
    /// folded.
    pub fn following_batch_norm(&self, id: NodeId) -> Option<NodeId> {
        let mut consumers = self.consumers(id);
        let only = consumers.next().filter(|_| consumers.next().is_none())?;
        matches!(self.node(only).op, Op::BatchNorm { .. }).then_some(only)
    }

    /// For each sum, the prunable layers of its two sides: back from the sum to the fork where the
    /// sides part.
    pub fn residual_blocks(&self) -> Vec<ResidualBlock> {
        let sums = self.ids().filter(|&id| self.node(id).op == Op::Add);
        sums.map(|sum| {
            let [first, second] = [0, 1].map(|side| self.side_of_sum(self.node(sum).inputs[side]));
            let second_is_shortcut =
                second.iter().all(|&id| self.node(id).role == Some(Role::Projection));
            let inputs = [self.node(sum).inputs[0], self.node(sum).inputs[1]];
            if second_is_shortcut {
                ResidualBlock {
                    branch_end: inputs[0],
                    shortcut_end: inputs[1],
                    branch: first,
                    shortcut: second,
                }
            } else {
                ResidualBlock {
                    branch_end: inputs[1],
                    shortcut_end: inputs[0],
                    branch: second,
                    shortcut: first,
                }
            }
        })
        .collect()
    }

    fn side_of_sum(&self, end: NodeId) -> Vec<NodeId> {
        let mut layers = Vec::new();
        let mut at = end;
        while self.consumers(at).count() == 1 {
            if self.node(at).role.is_some() {
                layers.push(at);
            }
            match self.node(at).inputs[..] {
                [input] => at = input,
                _ => break,
            }
        }
        layers
    }

    /// Weights of all prunable layers together.
    pub fn prunable_weights(&self) -> usize {
        self.prunable_layers().iter().map(|layer| layer.weights).sum()
    }

    /// Values of all parameters: weights, biases, and the scale and shift of each batch norm.
    pub fn parameters(&self) -> usize {
        let of = |op: Op| {
            let weights = op.weight_shape().map_or(0, |shape| shape.iter().product());
            match op {
                Op::Conv2d { out_channels, bias: true, .. } => weights + out_channels,
                Op::Linear { out_features, bias: true, .. } => weights + out_features,
                Op::BatchNorm { channels } => 2 * channels,
                _ => weights,
            }
        };
        self.nodes.iter().map(|node| of(node.op)).sum()
    }
}

/// A residual sum with the prunable layers of its branch and of its shortcut (last layer first).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidualBlock {
    /// Node whose output enters the sum from the branch.
    pub branch_end: NodeId,
    /// Node whose output enters the sum from the shortcut.
    pub shortcut_end: NodeId,
    /// Layers of the branch.
    pub branch: Vec<NodeId>,
    /// Layers of the shortcut: a projection, or none for an identity.
    pub shortcut: Vec<NodeId>,
}
