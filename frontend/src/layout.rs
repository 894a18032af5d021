//! Places the nodes of a residual network: the trunk in rows of blocks, each projection above the branch that it spans.

use rrlab_types::{LayerGraph, NodeId, Op, Role};

/// Width of a prunable layer's box.
pub const BOX: (f64, f64) = (118.0, 58.0);
const GAP: f64 = 26.0;
const SMALL_WIDTH: f64 = 44.0;
const LANE: f64 = 86.0;
const MARGIN: f64 = 16.0;

/// Where a node stands: its centre, and its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Places of the nodes that are drawn, by node; batch norms and ReLUs are left out, since nothing of them is pruned.
pub struct Layout {
    pub places: Vec<Option<Place>>,
    pub width: f64,
    pub height: f64,
}

fn is_drawn(op: Op) -> bool {
    !matches!(op, Op::BatchNorm { .. } | Op::Relu)
}

/// The nearest drawn node at or before this one.
pub fn drawn_source(graph: &LayerGraph, mut id: NodeId) -> NodeId {
    while !is_drawn(graph.node(id).op) {
        id = graph.node(id).inputs[0];
    }
    id
}

impl Layout {
    /// The layout of a graph, one row.
    pub fn new(graph: &LayerGraph) -> Self {
        let mut places = vec![None; graph.nodes.len()];
        let trunk_y = MARGIN + LANE + BOX.1 / 2.0;
        let mut right = MARGIN;
        for (index, node) in graph.nodes.iter().enumerate() {
            if !is_drawn(node.op) || node.role == Some(Role::Projection) {
                continue;
            }
            let (width, height) = if node.role.is_some() { BOX } else { (SMALL_WIDTH, 28.0) };
            places[index] = Some(Place { x: right + width / 2.0, y: trunk_y, width, height });
            right += width + GAP;
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            if node.role == Some(Role::Projection) {
                places[index] = Some(projection_place(graph, &places, NodeId(index), trunk_y));
            }
        }
        Self { places, width: right - GAP + MARGIN, height: trunk_y + BOX.1 / 2.0 + MARGIN }
    }

    /// Drawn edges: from, to, and whether it is a shortcut.
    pub fn edges(&self, graph: &LayerGraph) -> Vec<(NodeId, NodeId, bool)> {
        let mut edges = Vec::new();
        for id in graph.ids().filter(|&id| self.places[id.0].is_some()) {
            for &input in &graph.node(id).inputs {
                let source = drawn_source(graph, input);
                let spans = graph.node(id).op == Op::Add && !self.is_neighbour(source, id);
                let shortcut = spans || [source, id].iter().any(|&n| graph.node(n).role == Some(Role::Projection));
                edges.push((source, id, shortcut));
            }
        }
        edges
    }

    fn is_neighbour(&self, source: NodeId, target: NodeId) -> bool {
        match (self.places[source.0], self.places[target.0]) {
            (Some(a), Some(b)) => b.x - a.x < (a.width + b.width) / 2.0 + GAP + 1.0,
            _ => false,
        }
    }
}

/// Above the middle of the branch that a projection runs beside.
fn projection_place(graph: &LayerGraph, places: &[Option<Place>], id: NodeId, trunk_y: f64) -> Place {
    let x_of = |id: NodeId| places[id.0].map_or(0.0, |place: Place| place.x);
    let from = x_of(drawn_source(graph, graph.node(id).inputs[0]));
    let mut sum = id;
    while graph.node(sum).op != Op::Add {
        match graph.consumers(sum).next() {
            Some(next) => sum = next,
            None => break,
        }
    }
    Place { x: (from + x_of(sum)) / 2.0, y: trunk_y - LANE, width: BOX.0, height: BOX.1 }
}
