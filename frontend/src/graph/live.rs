//! The layer graph while it is measured: each layer takes its colour as soon as its curves are there.

use std::collections::BTreeMap;

use leptos::prelude::*;
use rrlab_types::{LayerGraph, LayerProfile, RepairOperator, Role};

use super::drawing::{Drawing, Item};
use super::layout::Layout;
use super::view::{edges_view, observe_width, row_width, small_box, small_text};
use crate::metric::Metric;

/// A graph whose layers are measured one after the other; RR of every layer at the same density.
#[component]
pub fn LiveGraph(
    graph: LayerGraph,
    /// Those measured so far.
    #[prop(into)]
    layers: Signal<BTreeMap<String, LayerProfile>>,
    density: f64,
) -> impl IntoView {
    let width = RwSignal::new(1000.0);
    let holder = NodeRef::<leptos::html::Div>::new();
    Effect::new(move |_| {
        if let Some(holder) = holder.get() {
            observe_width(&holder, width);
        }
    });
    let graph = StoredValue::new(graph);
    let ratio = move |name: &str| {
        layers.with(|layers| layers.get(name).map(|layer| layer.rr_at(RepairOperator::default(), density)))
    };
    let total = graph.with_value(|graph| graph.prunable_layers().len());
    let drawn = move || {
        graph.with_value(|graph| {
            let drawing = Drawing::new(graph, &graph.groups(), &[]);
            let layout = Layout::new(graph, &drawing, row_width(width.get()));
            let edges = edges_view(&drawing, &layout);
            let boxes = drawing.items.iter().zip(&layout.places).filter_map(|(&item, &place)| {
                let Item::Node(id) = item else { return None };
                let node = graph.node(id);
                let Some(role) = node.role else { return Some(small_box(small_text(node.op), place)) };
                let name = node.name.clone();
                let value = Memo::new({
                    let name = name.clone();
                    move |_| ratio(&name)
                });
                let written = name.clone();
                let colour = move || value.get().map(|value| Metric::Rr.scale(&[]).colour(value));
                let ink = move || colour().map_or("currentColor", |colour| colour.text());
                let corner = if role == Role::Projection { place.height / 2.0 } else { 6.0 };
                let inner = (role == Role::Projection).then(|| view! {
                    <rect class="inner" x=place.left() + 3.0 y=place.top() + 3.0 width=place.width - 6.0 height=place.height - 6.0 rx=corner - 3.0 />
                });
                let drawn = view! {
                    <g class="box" fill=ink data-live=name data-measured=move || value.get().is_some().to_string()>
                        <rect class="face" x=place.left() y=place.top() width=place.width height=place.height rx=corner
                            fill=move || colour().map_or_else(|| "none".to_owned(), |colour| colour.css()) />
                        {inner}
                        <text class="name" text-anchor="middle" x=place.x y=place.top() + 24.0>{written}</text>
                        <text class="strong" text-anchor="middle" x=place.x y=place.top() + 42.0>
                            {move || value.get().map_or_else(|| "…".to_owned(), |value| format!("RR {value:.3}"))}
                        </text>
                    </g>
                };
                Some(drawn.into_any())
            });
            let boxes: Vec<_> = boxes.collect();
            view! {
                <svg viewBox=format!("0 0 {} {}", layout.width, layout.height) width="100%" role="img"
                    aria-label=move || format!("{} of {total} layers are measured", layers.with(BTreeMap::len))>
                    {edges} {boxes}
                </svg>
            }
        })
    };
    view! { <div class="graph" node_ref=holder>{drawn}</div> }
}
