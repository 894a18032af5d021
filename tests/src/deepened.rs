//! A network deeper than any that was measured, to see how the page bears it.

use rrlab_types::{LayerProfile, ModelProfile, Node, NodeId};

/// A measured ResNet with `blocks` more copies of a block of its first stage.
///
/// # Panics
/// If the profile is of no ResNet with a block `layer1.1`.
pub fn deepened(mut profile: ModelProfile, blocks: usize) -> ModelProfile {
    let in_block = |node: &Node| node.name.starts_with("layer1.1.");
    let start = profile.graph.nodes.iter().position(in_block).expect("a block layer1.1");
    let block: Vec<Node> =
        profile.graph.nodes.iter().filter(|node| in_block(node)).cloned().collect();
    let layers: Vec<LayerProfile> = profile
        .layers
        .iter()
        .filter(|layer| layer.name.starts_with("layer1.1."))
        .cloned()
        .collect();
    let layer_start = profile
        .layers
        .iter()
        .position(|layer| layer.name.starts_with("layer1.1."))
        .expect("its layers");
    let added = block.len() * blocks;
    for node in &mut profile.graph.nodes[start..] {
        // The block's input stays where it is; the copies go before it, so that it reads the last
        // of them.
        node.inputs.iter_mut().for_each(|input| input.0 += added);
    }
    for copy in (0..blocks).rev() {
        let renamed =
            |name: &str| name.replacen("layer1.1.", &format!("layer1.{}.", 100 + copy), 1);
        let shift = copy * block.len();
        let nodes = block.iter().map(|node| Node {
            name: renamed(&node.name),
            inputs: node.inputs.iter().map(|input| NodeId(input.0 + shift)).collect(),
            ..node.clone()
        });
        profile.graph.nodes.splice(start..start, nodes);
        let copies =
            layers.iter().map(|layer| LayerProfile { name: renamed(&layer.name), ..layer.clone() });
        profile.layers.splice(layer_start..layer_start, copies);
    }
    profile
}
