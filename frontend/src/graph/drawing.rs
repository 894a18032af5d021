//! What of a layer graph is drawn: its layers, sums and pools, with folded groups as one box each.

use rrlab_types::{LayerGraph, LayerGroup, Node, NodeId, Op, Role};

/// Something drawn as one box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    Node(NodeId),
    /// A folded group, by its index among the graph's groups.
    Group(usize),
}

/// How two boxes are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// Along the trunk.
    Trunk,
    /// Past other boxes: an identity shortcut, or an earlier output that is joined or multiplied.
    Residual,
    /// A shortcut through a projection, or through zeros that take its place.
    Projection,
}

/// A connection between two boxes, by their indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub kind: EdgeKind,
}

/// The boxes in graph order, and how they are connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// What each box stands for; edges name boxes by their index here.
    pub items: Vec<Item>,
    /// At most one from a box to another.
    pub edges: Vec<Edge>,
}

impl Drawing {
    /// What is drawn of a graph with these groups folded.
    pub fn new(graph: &LayerGraph, groups: &[LayerGroup], folded: &[String]) -> Self {
        let mut items: Vec<Item> = Vec::new();
        let mut item_of: Vec<usize> = Vec::with_capacity(graph.nodes().len());
        let outermost = folded_groups(graph, groups, folded);
        for id in graph.ids() {
            let item = match outermost[id.0] {
                Some(group) => Some(Item::Group(group)),
                None if is_drawn(graph.node(id).op) => Some(Item::Node(id)),
                None => None,
            };
            // Batch norms and activations are part of the box before them, since nothing of them
            // is pruned.
            let before = || graph.node(id).inputs.first().map_or(0, |input| item_of[input.0]);
            let index = match item {
                None => before(),
                Some(item) => items.iter().position(|known| *known == item).unwrap_or_else(|| {
                    items.push(item);
                    items.len() - 1
                }),
            };
            item_of.push(index);
        }
        let edges = edges(graph, &items, &item_of);
        Self { items, edges }
    }
}

/// Whether a node stands on a shortcut of its own beside the branch.
fn is_beside_branch(node: &Node) -> bool {
    node.role == Some(Role::Projection) || matches!(node.op, Op::PadShortcut { .. })
}

fn is_drawn(op: Op) -> bool {
    !(op.is_activation() || op.is_norm() || op == Op::Flatten)
}

/// Whether branches meet in a node.
fn is_meeting(op: Op) -> bool {
    matches!(op, Op::Add | Op::Mul | Op::Concat)
}

/// For every node the outermost folded group that it is in.
fn folded_groups(
    graph: &LayerGraph,
    groups: &[LayerGroup],
    folded: &[String],
) -> Vec<Option<usize>> {
    let mut outermost = vec![None; graph.nodes().len()];
    for (index, group) in
        groups.iter().enumerate().filter(|(_, group)| folded.contains(&group.name))
    {
        for id in &group.nodes {
            outermost[id.0].get_or_insert(index);
        }
    }
    outermost
}

fn edges(graph: &LayerGraph, items: &[Item], item_of: &[usize]) -> Vec<Edge> {
    let is_beside = |index: usize| match items[index] {
        Item::Node(id) => is_beside_branch(graph.node(id)),
        Item::Group(_) => false,
    };
    let mut edges: Vec<Edge> = Vec::new();
    for id in graph.ids() {
        for input in &graph.node(id).inputs {
            let (from, to) = (item_of[input.0], item_of[id.0]);
            if from == to || edges.iter().any(|edge| (edge.from, edge.to) == (from, to)) {
                continue;
            }
            let past = (from + 1..to).any(|between| !is_beside(between));
            let kind = match () {
                () if is_beside(from) || is_beside(to) => EdgeKind::Projection,
                () if is_meeting(graph.node(id).op) && past => EdgeKind::Residual,
                () => EdgeKind::Trunk,
            };
            edges.push(Edge { from, to, kind });
        }
    }
    edges
}
