//! What part each prunable layer plays, by its place in the graph: names say nothing.

use super::node::{Node, Role};
use super::op::Op;
use super::residual::{residual_blocks, squeeze_excite_layers};

/// The role of each node; none for those that are not prunable.
pub fn roles(nodes: &[Node]) -> Vec<Option<Role>> {
    let mut roles = vec![None; nodes.len()];
    // Whether a prunable layer lies between the image and the node's output.
    let mut is_past_layer = vec![false; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        is_past_layer[index] = node.inputs.iter().any(|input| is_past_layer[input.0]);
        if node.op.weight_shape().is_some() {
            roles[index] = Some(match node.op {
                Op::Linear { .. } | Op::PositionLinear { .. } => Role::Hidden,
                _ if is_past_layer[index] => Role::Conv,
                _ => Role::Stem,
            });
            is_past_layer[index] = true;
        }
    }
    for block in residual_blocks(nodes) {
        // As many layers on either side: then neither is a shortcut.
        if let &[only] = &block.shortcut[..]
            && block.branch.len() > 1
            && let Op::Conv2d(conv) = nodes[only.0].op
            && conv.is_pointwise()
        {
            roles[only.0] = Some(Role::Projection);
        }
    }
    for layer in squeeze_excite_layers(nodes) {
        roles[layer.0] = Some(Role::SqueezeExcite);
    }
    if let Some(last) = roles.iter_mut().rfind(|role| role.is_some()) {
        *last = Some(Role::Classifier);
    }
    roles
}
