//! Where branches meet again, in sums and products: which layers lie on one side alone, and what
//! side that is.

use super::node::{Node, NodeId};
use super::op::Op;

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

/// Every sum of the graph with its two sides, from where they part. The shortcut is the side with
/// fewer prunable layers; of two alike, the second.
pub fn residual_blocks(nodes: &[Node]) -> Vec<ResidualBlock> {
    let mut blocks = Vec::new();
    for node in nodes {
        let (Op::Add, &[first_end, second_end]) = (node.op, &node.inputs[..]) else { continue };
        let [first, second] = layers_of_sides(nodes, first_end, second_end);
        let second_is_shortcut = second.len() <= first.len();
        let sides = [(first_end, first), (second_end, second)];
        let [(branch_end, branch), (shortcut_end, shortcut)] =
            if second_is_shortcut { sides } else { swapped(sides) };
        blocks.push(ResidualBlock { branch_end, shortcut_end, branch, shortcut });
    }
    blocks
}

fn swapped<T>([first, second]: [T; 2]) -> [T; 2] {
    [second, first]
}

/// Prunable layers that only one side of a sum depends on, the last first.
fn layers_of_sides(nodes: &[Node], first: NodeId, second: NodeId) -> [Vec<NodeId>; 2] {
    let [of_first, of_second] = [first, second].map(|end| reached_from(nodes, end));
    let only = |here: &[bool], there: &[bool]| {
        let is_layer_of_side = |&index: &usize| {
            here[index] && !there[index] && nodes[index].op.weight_shape().is_some()
        };
        (0..nodes.len()).rev().filter(is_layer_of_side).map(NodeId).collect()
    };
    [only(&of_first, &of_second), only(&of_second, &of_first)]
}

/// Layers that weigh the channels of a product's other input, which they see the means of.
pub fn squeeze_excite_layers(nodes: &[Node]) -> Vec<NodeId> {
    let mut layers = Vec::new();
    for node in nodes {
        let (Op::Mul, &[first, second]) = (node.op, &node.inputs[..]) else { continue };
        let [of_first, of_second] = [first, second].map(|end| reached_from(nodes, end));
        // What weighs is computed from what it weighs.
        let (weighed, weighing) = match (of_second[first.0], of_first[second.0]) {
            (true, false) => (of_first, of_second),
            (false, true) => (of_second, of_first),
            _ => continue,
        };
        let sees_means = |&index: &usize| {
            let is_layer = nodes[index].op.weight_shape().is_some();
            weighing[index] && !weighed[index] && is_layer && nodes[index].shape.positions() == 1
        };
        layers.extend((0..nodes.len()).filter(sees_means).map(NodeId));
    }
    layers
}

/// For each node whether `end` depends on it, itself counted with them.
fn reached_from(nodes: &[Node], end: NodeId) -> Vec<bool> {
    let mut reached = vec![false; nodes.len()];
    reached[end.0] = true;
    // Inputs are earlier nodes: one pass from the end to the front meets each before its inputs.
    for index in (0..=end.0).rev() {
        if reached[index] {
            for input in &nodes[index].inputs {
                reached[input.0] = true;
            }
        }
    }
    reached
}
