//! The layer graph while it is measured: each layer takes its colour as soon as its curves are
//! there.

use std::collections::BTreeMap;

use leptos::prelude::*;
use rrlab_types::{LayerGraph, LayerProfile, RepairOperator, Role};

use super::boxes::{edges_view, face, name_text, small_box, small_text, text_colour};
use super::drawing::{Drawing, Item};
use super::layout::{Layout, Place};
use super::width::{row_width, width_of};
use crate::metric::Metric;

/// A graph whose layers are measured one after the other.
#[component]
pub fn LiveGraph(
    graph: LayerGraph,
    /// Those measured so far, by name.
    #[prop(into)]
    layers: Signal<BTreeMap<String, LayerProfile>>,
    /// The density at which RR of every layer is shown.
    density: f64,
) -> impl IntoView {
    let holder = NodeRef::<leptos::html::Div>::new();
    let width = width_of(holder);
    let total = graph.prunable_layers().len();
    let ratio = move |name: &str| {
        let layer = |layer: &LayerProfile| layer.rr_at(RepairOperator::default(), density);
        layers.with(|layers| layers.get(name).map(layer))
    };
    let label = move || format!("{} of {total} layers are measured", layers.with(BTreeMap::len));
    let drawn = move || {
        let drawing = Drawing::new(&graph, &graph.groups(), &[]);
        let layout = Layout::new(&graph, &drawing, row_width(width.get()));
        let mut boxes: Vec<AnyView> = Vec::with_capacity(drawing.items.len());
        for (&item, &place) in drawing.items.iter().zip(&layout.places) {
            // No group is folded.
            let Item::Node(id) = item else { continue };
            let node = graph.node(id);
            boxes.push(match node.role {
                None => small_box(small_text(node.op), place),
                Some(role) => {
                    let name = node.name.clone();
                    let value = Memo::new(move |_| ratio(&name));
                    live_box(node.name.clone(), role, place, value)
                }
            });
        }
        view! {
            <svg viewBox=format!("0 0 {} {}", layout.width, layout.height) width="100%" role="img"
                aria-label=label>
                {edges_view(&drawing, &layout)} {boxes}
            </svg>
        }
    };
    view! { <div class="graph" node_ref=holder>{drawn}</div> }
}

/// A layer's box; `ratio` is its RR, once it is measured.
fn live_box(name: String, role: Role, place: Place, ratio: Memo<Option<f64>>) -> AnyView {
    let colour = move || ratio.get().map(|ratio| Metric::Rr.scale(&[]).colour(ratio));
    let text = move || ratio.get().map_or_else(|| "…".to_owned(), |ratio| format!("RR {ratio:.3}"));
    view! {
        <g class="box" fill=move || text_colour(colour()) data-live=name.clone()
            data-measured=move || ratio.get().is_some().to_string()>
            {face(place, role == Role::Projection, colour)}
            {name_text(&name, place, place.top() + 24.0)}
            <text class="strong" text-anchor="middle" x=place.x y=place.top() + 42.0>{text}</text>
        </g>
    }
    .into_any()
}
