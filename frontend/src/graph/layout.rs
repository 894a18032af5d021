//! Places the boxes of a drawing: a layered layout made for residual networks, the trunk in rows of
//! whole blocks, each projection in the lane above the branch that it runs beside.

use rrlab_types::{LayerGraph, Op, Role};

use super::drawing::{Drawing, Edge, EdgeKind, Item};

/// Width and height of a prunable layer's box.
pub const BOX: (f64, f64) = (126.0, 76.0);
/// Width of a projection's box: its name is the longest.
const PROJECTION_WIDTH: f64 = 142.0;
/// Width of a folded group's box.
const GROUP_WIDTH: f64 = 150.0;
const SMALL: (f64, f64) = (44.0, 28.0);
const GAP: f64 = 24.0;
/// Height above a row for the projections that run beside it.
const LANE: f64 = 102.0;
/// Height above a row that has identity shortcuts alone.
const LOW_LANE: f64 = 32.0;
const MARGIN: f64 = 18.0;
/// Distance between a row's trunk and the next one's lane.
const ROW_GAP: f64 = 34.0;

/// Where a box stands: its centre, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Place {
    /// Centre, from the left.
    pub x: f64,
    /// Centre, from the top.
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Place {
    pub fn left(self) -> f64 {
        self.x - self.width / 2.0
    }

    pub fn right(self) -> f64 {
        self.x + self.width / 2.0
    }

    pub fn top(self) -> f64 {
        self.y - self.height / 2.0
    }
}

/// Places of a drawing's boxes, and the size of the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Of each box, in the order of the drawing.
    pub places: Vec<Place>,
    /// Of the whole, margins counted with it.
    pub width: f64,
    /// Of the whole, margins counted with it.
    pub height: f64,
}

impl Layout {
    /// The layout of a drawing in rows of about this width.
    pub fn new(graph: &LayerGraph, drawing: &Drawing, row_width: f64) -> Self {
        let kinds: Vec<Kind> = drawing.items.iter().map(|&item| Kind::of(graph, item)).collect();
        let mut places = vec![Place::default(); kinds.len()];
        let (mut right, mut bottom, mut width) = (MARGIN, MARGIN, 0.0f64);
        for row in rows(&kinds, row_width) {
            let y = bottom + lane(drawing, &kinds, &row) + BOX.1 / 2.0;
            for index in row {
                let size = kinds[index].size();
                places[index] = Place { x: right + size.0 / 2.0, y, width: size.0, height: size.1 };
                right += size.0 + GAP;
            }
            width = width.max(right - GAP + MARGIN);
            right = MARGIN + GAP;
            bottom = y + BOX.1 / 2.0 + ROW_GAP;
        }
        for (index, _) in kinds.iter().enumerate().filter(|(_, kind)| kind.is_in_lane()) {
            places[index] = place_in_lane(drawing, &places, index, kinds[index].size());
        }
        Self { places, width, height: bottom - ROW_GAP + MARGIN }
    }

    /// A straight line to the neighbour, a curve above the trunk for a shortcut, a way around for
    /// the next row.
    pub fn path(&self, edge: Edge) -> String {
        let (a, b) = (self.places[edge.from], self.places[edge.to]);
        let shortcut = edge.kind != EdgeKind::Trunk;
        if is_next_row(a, b) {
            // A shortcut runs beside the trunk, not on it.
            let aside = if shortcut { 5.0 } else { 0.0 };
            let lane = a.y + BOX.1 / 2.0 + 12.0 + aside;
            let around = format!("M{} {} h{} V{lane}", a.right(), a.y + aside, 10.0 + aside);
            return if shortcut && b.height < BOX.1 {
                format!("{around} H{} V{}", b.x, b.top())
            } else {
                format!("{around} H{} V{} H{}", b.left() - 10.0, b.y, b.left())
            };
        }
        if !shortcut {
            format!("M{} {} H{}", a.right(), a.y, b.left())
        } else if a.y == b.y {
            let rise = a.y - 62.0;
            format!("M{} {} C{} {rise}, {} {rise}, {} {}", a.x, a.top(), a.x, b.x, b.x, b.top())
        } else if a.y > b.y {
            format!("M{} {} C{} {}, {} {}, {} {}", a.x, a.top(), a.x, b.y, a.x, b.y, b.left(), b.y)
        } else {
            format!("M{} {} C{} {}, {} {}, {} {}", a.right(), a.y, b.x, a.y, b.x, a.y, b.x, b.top())
        }
    }
}

/// What a box is, as far as its place depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Layer,
    Projection,
    /// A shortcut that changes the shape without weights.
    PadShortcut,
    Group,
    /// A residual sum, where a block ends.
    Sum,
    Small,
}

impl Kind {
    fn of(graph: &LayerGraph, item: Item) -> Self {
        match item {
            Item::Group(_) => Self::Group,
            Item::Node(id) => match (graph.node(id).role, graph.node(id).op) {
                (Some(Role::Projection), _) => Self::Projection,
                (Some(_), _) => Self::Layer,
                (None, Op::Add) => Self::Sum,
                (None, Op::PadShortcut { .. }) => Self::PadShortcut,
                (None, _) => Self::Small,
            },
        }
    }

    fn size(self) -> (f64, f64) {
        match self {
            Self::Layer => BOX,
            Self::Projection => (PROJECTION_WIDTH, BOX.1),
            Self::Group => (GROUP_WIDTH, BOX.1),
            Self::Sum | Self::Small | Self::PadShortcut => SMALL,
        }
    }

    /// Whether it stands in the lane above the trunk.
    fn is_in_lane(self) -> bool {
        matches!(self, Self::Projection | Self::PadShortcut)
    }
}

/// The trunk cut into rows: a residual block is never torn apart.
fn rows(kinds: &[Kind], row_width: f64) -> Vec<Vec<usize>> {
    let residual = kinds.contains(&Kind::Sum);
    let mut blocks: Vec<Vec<usize>> = vec![Vec::new()];
    for (index, kind) in kinds.iter().enumerate().filter(|(_, kind)| !kind.is_in_lane()) {
        if let Some(block) = blocks.last_mut() {
            block.push(index);
        }
        if !residual || matches!(kind, Kind::Sum | Kind::Group) {
            blocks.push(Vec::new());
        }
    }
    let extent = |row: &[usize]| row.iter().map(|&index| kinds[index].size().0 + GAP).sum::<f64>();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for block in blocks {
        match rows.last_mut() {
            Some(row) if row.is_empty() || extent(row) + extent(&block) <= row_width => {
                row.extend(block)
            }
            _ => rows.push(block),
        }
    }
    rows.retain(|row| !row.is_empty());
    rows
}

/// Height that is left above a row.
fn lane(drawing: &Drawing, kinds: &[Kind], row: &[usize]) -> f64 {
    let beside = |edge: &Edge| kinds[edge.from].is_in_lane() && row.contains(&edge.to);
    if drawing.edges.iter().any(beside) { LANE } else { LOW_LANE }
}

/// Whether one place lies in a row below the other's, the lane above that row counted with it.
fn is_next_row(from: Place, to: Place) -> bool {
    to.y > from.y + BOX.1 / 2.0 && to.x < from.x + from.width
}

/// Above the middle of the branch that a shortcut runs beside.
fn place_in_lane(
    drawing: &Drawing,
    places: &[Place],
    shortcut: usize,
    (width, height): (f64, f64),
) -> Place {
    let end = |found: Option<&Edge>, pick: fn(&Edge) -> usize| {
        found.map_or(Place::default(), |edge| places[pick(edge)])
    };
    let from = end(drawing.edges.iter().find(|edge| edge.to == shortcut), |edge| edge.from);
    let to = end(drawing.edges.iter().find(|edge| edge.from == shortcut), |edge| edge.to);
    let start = if from.y == to.y { from.x } else { MARGIN };
    Place { x: (start + to.x) / 2.0, y: to.y - LANE + 4.0, width, height }
}
