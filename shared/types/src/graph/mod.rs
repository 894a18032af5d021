//! The layer graph: what a network is made of, without its weights.

mod error;
mod node;
mod op;
mod pool;
mod residual;
mod roles;
mod shape;
mod window;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use error::GraphError;
pub use node::{Module, Node, NodeId, Role};
pub use op::{BATCH_NORM_EPSILON, Op};
pub use pool::{AveragePool, Pool};
pub use residual::ResidualBlock;
pub use shape::{FeatureShape, ShapeError};
pub use window::{Conv2d, Padding, Window};

/// A prunable layer: a Conv2d or Linear weight with its place in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunableLayer<'a> {
    /// The node of the graph that it is.
    pub node: NodeId,
    /// Name of its module, as in the state dict without `.weight`.
    pub name: &'a str,
    /// Part that it plays.
    pub role: Role,
    /// Shape of its weight: `[out, in / groups, kh, kw]` or `[out, in]`.
    pub weight_shape: Vec<usize>,
    /// Weights that may be pruned.
    pub weights: usize,
    /// Multiply-accumulates for one image when dense.
    pub macs: u64,
}

/// The nodes of a network in an order in which they can be computed.
///
/// A graph that exists is valid: it starts with its one input; each node takes earlier nodes that
/// fit it, and is taken by a later one; names differ; the last node gives a number for each class;
/// shapes, costs and sizes are those that follow from the operations and can be counted without
/// overflow. [`LayerGraph::new`] sees to it, also where one is read.
///
/// ```
/// use rrlab_types::{FeatureShape, LayerGraph, Module, NodeId, Op, Role};
///
/// let image = FeatureShape { channels: 3, height: 8, width: 8 };
/// let linear = Op::Linear { in_features: 3, out_features: 10, bias: true };
/// let module = |name: &str, op, inputs| Module { name: name.into(), op, inputs };
/// let graph = LayerGraph::new("example", image, vec![
///     module("input", Op::Input, vec![]),
///     module("pool", Op::GlobalAveragePool, vec![NodeId(0)]),
///     module("linear", linear, vec![NodeId(1)]),
/// ])?;
/// assert_eq!(graph.classes(), 10);
/// assert_eq!(graph.node(NodeId(2)).role, Some(Role::Classifier));
/// # Ok::<(), rrlab_types::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StatedGraph")]
pub struct LayerGraph {
    architecture: String,
    classes: usize,
    nodes: Vec<Node>,
}

/// A graph as a file states it.
#[derive(Deserialize)]
struct StatedGraph {
    architecture: String,
    classes: usize,
    nodes: Vec<Node>,
}

impl TryFrom<StatedGraph> for LayerGraph {
    type Error = GraphError;

    /// The graph of these modules. Roles are taken as they are stated: a profile was allocated by
    /// them.
    fn try_from(stated: StatedGraph) -> Result<Self, GraphError> {
        let StatedGraph { architecture, classes, nodes } = stated;
        let image = nodes.first().map_or(FeatureShape::vector(0), |input| input.shape);
        let modules = nodes.iter().map(|node| Module {
            name: node.name.clone(),
            op: node.op,
            inputs: node.inputs.clone(),
        });
        let mut graph = Self::new(architecture, image, modules.collect())?;
        for (node, stated) in graph.nodes.iter_mut().zip(nodes) {
            check_stated("shape", node, stated.shape, node.shape)?;
            check_stated("number of multiply-accumulates", node, stated.macs, node.macs)?;
            let refused = |problem| GraphError::Role { node: node.name.clone(), problem };
            match (node.role, stated.role) {
                (Some(_), None) => return Err(refused("can be pruned but has no role")),
                (None, Some(_)) => {
                    return Err(refused("has a role but nothing that can be pruned"));
                }
                (_, role) => node.role = role,
            }
        }
        if let Some(last) = graph.nodes.last() {
            check_stated("number of classes", last, classes, graph.classes)?;
        }
        Ok(graph)
    }
}

/// Whether what a file states of a node is what follows from its operation.
fn check_stated<T: PartialEq + std::fmt::Display>(
    what: &'static str,
    node: &Node,
    stated: T,
    expected: T,
) -> Result<(), GraphError> {
    if stated == expected {
        return Ok(());
    }
    let (stated, expected) = (stated.to_string(), expected.to_string());
    Err(GraphError::Stated { node: node.name.clone(), what, stated, expected })
}

impl LayerGraph {
    /// The graph of these modules, the first of which is the input. Shapes, costs and roles follow.
    /// `architecture` is a name for people, such as `resnet18:width=0.25`.
    ///
    /// # Errors
    /// The first module that is wrong, with what would be right.
    pub fn new(
        architecture: impl Into<String>,
        image: FeatureShape,
        modules: Vec<Module>,
    ) -> Result<Self, GraphError> {
        match modules.first() {
            Some(module) if module.op == Op::Input => {}
            Some(module) => {
                return Err(GraphError::NoInput { found: format!("`{}`", module.name) });
            }
            None => return Err(GraphError::NoInput { found: "no nodes".into() }),
        }
        let mut names = HashSet::new();
        let mut nodes: Vec<Node> = Vec::with_capacity(modules.len());
        for module in modules {
            if !names.insert(module.name.clone()) {
                return Err(GraphError::DuplicateName { node: module.name });
            }
            nodes.push(placed(module, image, &nodes)?);
        }
        check_size(&nodes)?;
        check_all_used(&nodes)?;
        let classes = logits(&nodes)?;
        let roles = roles::roles(&nodes);
        for (node, role) in nodes.iter_mut().zip(roles) {
            node.role = role;
        }
        Ok(Self { architecture: architecture.into(), classes, nodes })
    }

    /// The architecture's name with its options, such as `resnet18:width=0.25`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Classes that the network tells apart: features of its last node.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The nodes; each one's inputs come before it. The first is the input, the last gives the
    /// logits.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Shape of the images that the network takes.
    pub fn image(&self) -> FeatureShape {
        self.nodes[0].shape
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

    /// The nodes that take this node's output, each as often as it takes it: x + x takes x twice.
    pub fn consumers(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let taken = move |node: &Node| node.inputs.iter().filter(|&&input| input == id).count();
        let times = self.nodes.iter().enumerate().map(move |(index, node)| (index, taken(node)));
        times.flat_map(|(index, times)| std::iter::repeat_n(NodeId(index), times))
    }

    /// Whether a prunable layer has this role.
    pub fn has_role(&self, role: Role) -> bool {
        self.prunable_layers().iter().any(|layer| layer.role == role)
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

    /// The same with a bias in a prunable layer that had none.
    pub fn with_bias(mut self, id: NodeId) -> Self {
        match &mut self.nodes[id.0].op {
            Op::Conv2d(Conv2d { bias, .. })
            | Op::PositionLinear { bias, .. }
            | Op::Linear { bias, .. } => *bias = true,
            _ => {}
        }
        self
    }

    /// For each sum, the prunable layers of its two sides: back from the sum to where they part.
    pub fn residual_blocks(&self) -> Vec<ResidualBlock> {
        residual::residual_blocks(&self.nodes)
    }

    /// Most values of one image that are held for a node: of its output, or of attention's products
    /// of each query with each key.
    pub fn widest(&self) -> usize {
        let values = |node: &Node| {
            let products = match (node.op, &node.inputs[..]) {
                (Op::Attention { heads, .. }, &[queries, keys, _]) => {
                    let [queries, keys] = [queries, keys].map(|id| self.node(id).shape.positions());
                    heads * queries * keys
                }
                _ => 0,
            };
            products.max(node.shape.elements())
        };
        self.nodes.iter().map(values).max().unwrap_or(0)
    }

    /// Weights of all prunable layers together.
    pub fn prunable_weights(&self) -> usize {
        self.prunable_layers().iter().map(|layer| layer.weights).sum()
    }

    /// Values of all parameters: weights, biases, and the scale and shift of each batch norm.
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|node| node.op.parameters()).sum()
    }
}

/// The node that a module becomes after these nodes; its role follows from the whole graph.
fn placed(module: Module, image: FeatureShape, before: &[Node]) -> Result<Node, GraphError> {
    let Module { name, op, inputs } = module;
    if !op.arity().contains(&inputs.len()) {
        let (found, expected) = (inputs.len(), op.arity());
        return Err(GraphError::InputCount { node: name, found, expected });
    }
    let mut shapes = Vec::new();
    for input in &inputs {
        match before.get(input.0) {
            Some(node) => shapes.push(node.shape),
            None => return Err(GraphError::BadInput { node: name, input: input.0 }),
        }
    }
    let shape = match op {
        Op::Input if before.is_empty() => image.checked(),
        Op::Input => return Err(GraphError::NoInput { found: format!("a second, `{name}`") }),
        _ => op.output_shape(&shapes),
    };
    match shape {
        Ok(shape) => Ok(Node { name, op, inputs, shape, macs: op.macs(shape), role: None }),
        Err(problem) => Err(GraphError::DoesNotFit { node: name, problem }),
    }
}

/// Whether all parameters and all multiply-accumulates together can be counted.
fn check_size(nodes: &[Node]) -> Result<(), GraphError> {
    let mut parameters = 0usize;
    let mut macs = 0u64;
    for node in nodes {
        parameters = parameters.checked_add(node.op.parameters()).ok_or(GraphError::TooLarge)?;
        macs = macs.checked_add(node.macs).ok_or(GraphError::TooLarge)?;
    }
    Ok(())
}

/// Whether every node but the last is taken by a later one: what leads nowhere would be measured
/// and paid from the budget for nothing.
fn check_all_used(nodes: &[Node]) -> Result<(), GraphError> {
    let used: HashSet<NodeId> = nodes.iter().flat_map(|node| node.inputs.iter().copied()).collect();
    for (index, node) in nodes.iter().enumerate().take(nodes.len().saturating_sub(1)) {
        if !used.contains(&NodeId(index)) {
            return Err(GraphError::Unused { node: node.name.clone() });
        }
    }
    Ok(())
}

/// How many classes the last node tells apart.
fn logits(nodes: &[Node]) -> Result<usize, GraphError> {
    match nodes.last() {
        Some(node) if node.shape.positions() == 1 => Ok(node.shape.channels),
        Some(node) => Err(GraphError::NoLogits { node: node.name.clone(), shape: node.shape }),
        None => Err(GraphError::NoInput { found: "no nodes".into() }),
    }
}
