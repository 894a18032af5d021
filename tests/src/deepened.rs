//! A network deeper than any that was measured, to see how the page bears it.

use rrlab_types::{LayerGraph, LayerProfile, ModelProfile, Module, Node, NodeId};

/// A measured ResNet with `blocks` more copies of a block of its first stage.
///
/// # Panics
/// If the profile is of no ResNet with a block `layer1.1`.
pub fn deepened(mut profile: ModelProfile, blocks: usize) -> ModelProfile {
    let in_block = |name: &str| name.starts_with("layer1.1.");
    let nodes = profile.graph.nodes();
    let start = nodes.iter().position(|node| in_block(&node.name)).expect("a block layer1.1");
    let block: Vec<&Node> = nodes.iter().filter(|node| in_block(&node.name)).collect();
    let layers: Vec<LayerProfile> =
        profile.layers.iter().filter(|layer| in_block(&layer.name)).cloned().collect();
    let layer_start =
        profile.layers.iter().position(|layer| in_block(&layer.name)).expect("its layers");
    // The block's input stays where it is; the copies go before the block, so that it reads the
    // last of them.
    let added = block.len() * blocks;
    let mut modules: Vec<Module> = nodes[..start].iter().map(|node| moved(node, 0)).collect();
    for copy in 0..blocks {
        for node in &block {
            let module = moved(node, copy * block.len());
            modules.push(Module { name: renamed(&module.name, copy), ..module });
        }
    }
    modules.extend(nodes[start..].iter().map(|node| moved(node, added)));
    for copy in (0..blocks).rev() {
        let copies = layers
            .iter()
            .map(|layer| LayerProfile { name: renamed(&layer.name, copy), ..layer.clone() });
        profile.layers.splice(layer_start..layer_start, copies);
    }
    let graph = LayerGraph::new(profile.graph.architecture(), profile.graph.image(), modules);
    profile.graph = graph.expect("copies of a block that keeps its shape fit");
    profile
}

/// A node's module, its inputs so many nodes later.
fn moved(node: &Node, by: usize) -> Module {
    let inputs = node.inputs.iter().map(|input| NodeId(input.0 + by)).collect();
    Module { name: node.name.clone(), op: node.op, inputs }
}

fn renamed(name: &str, copy: usize) -> String {
    name.replacen("layer1.1.", &format!("layer1.{}.", 100 + copy), 1)
}
