//! The lower edge of a layer's box: RR over sparsity with the layer's own sparsity on it, and a bar of
//! what the layer keeps.

use std::fmt::Write;

use leptos::prelude::*;

use super::layout::Place;
use super::scene::Scene;
use super::state::GraphState;

/// Densities at the left and the right end: those of the sparsities that every profile is measured at.
const DENSITIES: (f64, f64) = (0.7, 0.002);
/// RR at the upper border; more is drawn there.
const MOST_RR: f64 = 1.2;
/// Points of a curve.
const POINTS: u32 = 24;
/// Distance of curve and bar from the sides of a box, and from the round ends of a projection's.
const MARGIN: f64 = 8.0;
const ROUND_MARGIN: f64 = 22.0;
/// The curve's upper border and its height, from the top of the box.
const CURVE: (f64, f64) = (54.0, 13.0);
/// The bar's upper border and its height, likewise.
const BAR: (f64, f64) = (69.0, 3.0);

/// Room for curve and bar in a box.
#[derive(Debug, Clone, Copy)]
struct Room {
    left: f64,
    width: f64,
    top: f64,
}

impl Room {
    /// Where a density is, from the left: straight in the density's logarithm, as charts are.
    fn x(self, density: f64) -> f64 {
        let (dense, sparse) = DENSITIES;
        let share = (density.max(sparse) / dense).ln() / (sparse / dense).ln();
        self.left + share.clamp(0.0, 1.0) * self.width
    }

    /// The area below RR over sparsity, as an SVG path.
    fn area(self, rr_at: impl Fn(f64) -> f64) -> String {
        let (dense, sparse) = DENSITIES;
        let bottom = self.top + CURVE.0 + CURVE.1;
        let mut path = format!("M{:.1} {bottom:.1}", self.left);
        for point in 0..=POINTS {
            let density = dense * (sparse / dense).powf(f64::from(point) / f64::from(POINTS));
            let y = bottom - rr_at(density).clamp(0.0, MOST_RR) / MOST_RR * CURVE.1;
            let _ = write!(path, "L{:.1} {y:.1}", self.x(density));
        }
        let _ = write!(path, "L{:.1} {bottom:.1}Z", self.left + self.width);
        path
    }
}

/// Curve and bar of the box at this index; a group has no curve.
pub fn inset(
    graph: GraphState,
    index: usize,
    place: Place,
    is_projection: bool,
) -> impl IntoView + use<> {
    let margin = if is_projection { ROUND_MARGIN } else { MARGIN };
    let width = place.width - 2.0 * margin;
    let room = Room { left: place.left() + margin, width, top: place.top() };
    let density = Memo::new(move |_| {
        graph.numbers.with(|numbers| numbers.get(index).map_or(0.0, |numbers| numbers.density()))
    });
    let layer = graph.scene.with_untracked(|scene| single_layer(scene, index));
    let curve = layer.map(|layer| curve(graph, layer, room, density));
    view! {
        {curve}
        <rect class="bar-room" x=room.left y=room.top + BAR.0 width=width height=BAR.1 rx="1.5" />
        <rect class="bar" x=room.left y=room.top + BAR.0 height=BAR.1 rx="1.5"
            width=move || format!("{:.1}", density.get() * width) />
    }
}

/// The layer that a box stands for, if it is one.
fn single_layer(scene: &Scene, index: usize) -> Option<usize> {
    match scene.layers.get(index)?.as_slice() {
        [layer] => Some(*layer),
        _ => None,
    }
}

fn curve(graph: GraphState, layer: usize, room: Room, density: Memo<f64>) -> impl IntoView {
    let area = move || {
        let operator = graph.lab.choice(graph.side).repair.get();
        graph.lab.profile.with_value(|profile| {
            room.area(|density| profile.layers[layer].rr_at(operator, density))
        })
    };
    view! {
        <path class="rr-curve" d=area />
        <rect class="rr-now" y=room.top + CURVE.0 width="1.5" height=CURVE.1
            x=move || format!("{:.1}", room.x(density.get()) - 0.75) />
    }
}
