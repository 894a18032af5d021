//! Stages and blocks: groups of nodes that a drawing may fold into one.

use std::collections::HashMap;

use crate::graph::{LayerGraph, NodeId, Op};

/// Nodes that belong together: a stage of a network, or a block inside a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerGroup {
    /// `layer2` or `layer2.0` as in the modules' names; `features 16×16` for the layers that see
    /// one size of image where names tell no stage.
    pub name: String,
    /// The stage that a block is in, as an index of [`LayerGraph::groups`].
    pub stage: Option<usize>,
    /// Its nodes in graph order.
    pub nodes: Vec<NodeId>,
}

impl LayerGraph {
    /// Stages and the blocks inside them, each stage before its blocks; only those with two
    /// prunable layers or more.
    pub fn groups(&self) -> Vec<LayerGroup> {
        let mut groups: Vec<LayerGroup> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for id in self.ids() {
            let mut stage = None;
            for name in self.group_names(id) {
                let index = *known.entry(name).or_insert_with_key(|name| {
                    groups.push(LayerGroup { name: name.clone(), stage, nodes: Vec::new() });
                    groups.len() - 1
                });
                groups[index].nodes.push(id);
                stage = Some(index);
            }
        }
        self.worth_folding(groups)
    }

    /// Names of a node's stage and block, as far as it has them.
    fn group_names(&self, id: NodeId) -> Vec<String> {
        let node = self.node(id);
        match node.name.split('.').collect::<Vec<_>>()[..] {
            [stage, block, _, ..] => vec![stage.to_owned(), format!("{stage}.{block}")],
            [sequence, _] => {
                let seen = match node.op {
                    Op::MaxPool(_) => {
                        node.inputs.first().map_or(node.shape, |&input| self.node(input).shape)
                    }
                    _ => node.shape,
                };
                vec![format!("{sequence} {}×{}", seen.height, seen.width)]
            }
            _ => Vec::new(),
        }
    }

    fn worth_folding(&self, groups: Vec<LayerGroup>) -> Vec<LayerGroup> {
        let prunable = |group: &LayerGroup| {
            group.nodes.iter().filter(|&&id| self.node(id).role.is_some()).count()
        };
        let mut kept: Vec<LayerGroup> = Vec::new();
        let mut moved: HashMap<usize, usize> = HashMap::new();
        for (index, group) in
            groups.into_iter().enumerate().filter(|(_, group)| prunable(group) >= 2)
        {
            moved.insert(index, kept.len());
            let stage = group.stage.and_then(|stage| moved.get(&stage).copied());
            kept.push(LayerGroup { stage, ..group });
        }
        kept
    }
}
