//! What is drawn of a profile, where, and which prunable layers each box stands for.

use rrlab_types::{LayerGroup, ModelProfile, NodeId, PrunableLayer};

use super::drawing::{Drawing, Item};
use super::layout::Layout;

/// A drawing with its layout and the layers that it stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    pub drawing: Drawing,
    pub layout: Layout,
    /// For each box, indices among the prunable layers; none for boxes that nothing is pruned of.
    pub layers: Vec<Vec<usize>>,
}

impl Scene {
    /// The scene of a profile with these groups folded, in rows of about this width.
    pub fn new(
        profile: &ModelProfile,
        groups: &[LayerGroup],
        folded: &[String],
        row_width: f64,
    ) -> Self {
        let graph = &profile.graph;
        let drawing = Drawing::new(graph, groups, folded);
        let layout = Layout::new(graph, &drawing, row_width);
        let prunable = graph.prunable_layers();
        let layers_of = |item: &Item| match item {
            Item::Node(id) => indices_of(std::slice::from_ref(id), &prunable),
            Item::Group(group) => indices_of(&groups[*group].nodes, &prunable),
        };
        let layers = drawing.items.iter().map(layers_of).collect();
        Self { drawing, layout, layers }
    }

    /// Number of boxes.
    pub fn len(&self) -> usize {
        self.drawing.items.len()
    }

    /// Whether a box stands for layers: those can be opened and walked to.
    pub fn has_layers(&self, index: usize) -> bool {
        self.layers.get(index).is_some_and(|layers| !layers.is_empty())
    }

    /// The first box that stands for layers; 0 where none does.
    pub fn first_with_layers(&self) -> usize {
        (0..self.len()).find(|&index| self.has_layers(index)).unwrap_or(0)
    }
}

fn indices_of(nodes: &[NodeId], prunable: &[PrunableLayer<'_>]) -> Vec<usize> {
    let index_of = |node: &NodeId| prunable.iter().position(|layer| layer.node == *node);
    nodes.iter().filter_map(index_of).collect()
}
