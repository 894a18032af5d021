//! Places the nodes of a network: the trunk in rows of whole blocks, each projection above the branch that it spans.

use rrlab_types::{LayerGraph, NodeId, Op, Role};

/// Width and height of a prunable layer's box.
pub const BOX: (f64, f64) = (118.0, 58.0);
/// Width of a projection's box: its name is the longest.
const PROJECTION_WIDTH: f64 = 138.0;
const GAP: f64 = 24.0;
const SMALL_WIDTH: f64 = 44.0;
/// Height above a row for the projections and shortcuts that run beside it.
const LANE: f64 = 84.0;
const MARGIN: f64 = 18.0;
/// Distance between a row's trunk and the next one's lane.
const ROW_GAP: f64 = 34.0;
/// A row that is wider ends at the next residual sum.
const ROW_WIDTH: f64 = 1330.0;

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
    /// The layout of a graph: the trunk in rows that break between blocks, projections in the lane above.
    pub fn new(graph: &LayerGraph) -> Self {
        let mut places: Vec<Option<Place>> = vec![None; graph.nodes.len()];
        let (mut right, mut y, mut width) = (MARGIN, MARGIN + LANE + BOX.1 / 2.0, 0.0f64);
        for row in rows(graph) {
            for id in row {
                let size = size_of(graph, id);
                places[id.0] = Some(Place { x: right + size.0 / 2.0, y, width: size.0, height: size.1 });
                right += size.0 + GAP;
            }
            width = width.max(right - GAP + MARGIN);
            right = MARGIN + GAP;
            y += BOX.1 + ROW_GAP + LANE;
        }
        for id in graph.ids().filter(|&id| graph.node(id).role == Some(Role::Projection)) {
            places[id.0] = Some(projection_place(graph, &places, id));
        }
        Self { places, width, height: y - LANE - ROW_GAP - BOX.1 / 2.0 + MARGIN }
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

    /// Whether one place lies in a row below the other's, the lane above that row counted with it.
    pub fn is_next_row(&self, from: Place, to: Place) -> bool {
        to.y > from.y + LANE / 2.0 && to.x < from.x
    }

    fn is_neighbour(&self, source: NodeId, target: NodeId) -> bool {
        match (self.places[source.0], self.places[target.0]) {
            (Some(a), Some(b)) => a.y == b.y && b.x - a.x < (a.width + b.width) / 2.0 + GAP + 1.0,
            _ => false,
        }
    }
}

fn size_of(graph: &LayerGraph, id: NodeId) -> (f64, f64) {
    if graph.node(id).role.is_some() { BOX } else { (SMALL_WIDTH, 28.0) }
}

/// The trunk cut into rows: a residual block is never torn apart.
fn rows(graph: &LayerGraph) -> Vec<Vec<NodeId>> {
    let on_trunk = |id: &NodeId| is_drawn(graph.node(*id).op) && graph.node(*id).role != Some(Role::Projection);
    let residual = graph.nodes.iter().any(|node| node.op == Op::Add);
    let mut blocks: Vec<Vec<NodeId>> = vec![Vec::new()];
    for id in graph.ids().filter(on_trunk) {
        if let Some(block) = blocks.last_mut() {
            block.push(id);
        }
        if !residual || graph.node(id).op == Op::Add {
            blocks.push(Vec::new());
        }
    }
    let extent = |nodes: &[NodeId]| nodes.iter().map(|&id| size_of(graph, id).0 + GAP).sum::<f64>();
    let mut rows: Vec<Vec<NodeId>> = vec![Vec::new()];
    for block in blocks {
        if let Some(row) = rows.last_mut() {
            if row.is_empty() || extent(row) + extent(&block) <= ROW_WIDTH {
                row.extend(block);
            } else {
                rows.push(block);
            }
        }
    }
    rows
}

/// Above the middle of the branch that a projection runs beside.
fn projection_place(graph: &LayerGraph, places: &[Option<Place>], id: NodeId) -> Place {
    let place_of = |id: NodeId| places[id.0].unwrap_or(Place { x: 0.0, y: 0.0, width: 0.0, height: 0.0 });
    let mut sum = id;
    while graph.node(sum).op != Op::Add {
        match graph.consumers(sum).next() {
            Some(next) => sum = next,
            None => break,
        }
    }
    let (from, to) = (place_of(drawn_source(graph, graph.node(id).inputs[0])), place_of(sum));
    let start = if from.y == to.y { from.x } else { MARGIN };
    Place { x: (start + to.x) / 2.0, y: to.y - LANE + 4.0, width: PROJECTION_WIDTH, height: BOX.1 }
}
