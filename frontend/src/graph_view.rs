//! The layer graph as a drawing: every prunable layer with its name, RR and density.

use leptos::prelude::*;
use rrlab_types::{Allocation, LayerProfile, ModelProfile, Node, NodeId, Op, RepairOperator, Role};

use crate::colour;
use crate::layout::{BOX, Layout, Place};

/// The graph of a profile, coloured by RR at the sparsity of each layer's share in the allocation.
#[component]
pub fn GraphView(
    profile: StoredValue<ModelProfile>,
    allocation: Memo<Option<Allocation>>,
    repair: RepairOperator,
) -> impl IntoView {
    profile.with_value(|profile| {
        let graph = &profile.graph;
        let layout = Layout::new(graph);
        let edges: Vec<_> = layout.edges(graph).into_iter().filter_map(|edge| edge_view(&layout, edge)).collect();
        let prunable: Vec<NodeId> = graph.prunable_layers().iter().map(|layer| layer.node).collect();
        let nodes: Vec<_> = graph
            .ids()
            .filter_map(|id| {
                let place = layout.places[id.0]?;
                Some(match prunable.iter().position(|&node| node == id) {
                    Some(layer) => layer_view(graph.node(id), place, layer, allocation, repair, profile.layers[layer].clone()),
                    None => small_view(graph.node(id).op, place),
                })
            })
            .collect();
        let view_box = format!("0 0 {} {}", layout.width, layout.height);
        view! {
            <div class="graph" tabindex="0" role="group" aria-label="Layer graph, scrolls sideways">
                <svg width=layout.width height=layout.height viewBox=view_box role="img" aria-label="Layers of the network coloured by relative repairability">
                    {edges}
                    {nodes}
                </svg>
            </div>
        }
    })
}

fn layer_view(
    node: &Node,
    place: Place,
    index: usize,
    allocation: Memo<Option<Allocation>>,
    repair: RepairOperator,
    curves: LayerProfile,
) -> AnyView {
    let density = move || allocation.with(|a| a.as_ref().and_then(|a| a.layers.get(index).map(|layer| layer.density)));
    let curves = StoredValue::new(curves);
    let rr = move || density().map(|density| curves.with_value(|curves| curves.rr_at(repair, density)));
    let (left, top) = (place.x - place.width / 2.0, place.y - place.height / 2.0);
    let corner = if node.role == Some(Role::Projection) { 20.0 } else { 5.0 };
    let title = node.name.clone();
    let number = move |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    view! {
        <g data-layer=node.name.clone()>
            <title>{move || format!("{title}: RR {}, density {}", number(rr()), number(density()))}</title>
            <rect class="layer" x=left y=top width=place.width height=place.height rx=corner
                fill=move || rr().map_or_else(|| "#ccc".to_owned(), colour::of_rr) />
            <text class="on-colour" text-anchor="middle" x=place.x y=top + 17.0>{node.name.clone()}</text>
            <text class="on-colour strong" text-anchor="middle" x=place.x y=top + 34.0 data-value="rr">
                {move || format!("RR {}", number(rr()))}
            </text>
            <text class="on-colour" text-anchor="middle" x=place.x y=top + 50.0 data-value="density">
                {move || format!("keeps {}", density().map_or_else(|| "–".to_owned(), |d| format!("{:.1} %", 100.0 * d)))}
            </text>
        </g>
    }
    .into_any()
}

fn small_view(op: Op, place: Place) -> AnyView {
    let text = match op {
        Op::Input => "image",
        Op::Add => "+",
        Op::MaxPool { .. } => "max",
        Op::GlobalAveragePool => "mean",
        _ => "",
    };
    let (left, top) = (place.x - place.width / 2.0, place.y - place.height / 2.0);
    view! {
        <g>
            <rect class="small" x=left y=top width=place.width height=place.height rx=14 />
            <text class="small-text" text-anchor="middle" x=place.x y=place.y + 4.0>{text}</text>
        </g>
    }
    .into_any()
}

/// A straight line to the neighbour, a curve above the trunk for a shortcut, a way around for the next row.
fn edge_view(layout: &Layout, (from, to, shortcut): (NodeId, NodeId, bool)) -> Option<AnyView> {
    let (a, b) = (layout.places[from.0]?, layout.places[to.0]?);
    let (a_right, a_top) = (a.x + a.width / 2.0, a.y - a.height / 2.0);
    let (b_left, b_top) = (b.x - b.width / 2.0, b.y - b.height / 2.0);
    let path = if layout.is_next_row(a, b) {
        let lane = a.y + BOX.1 / 2.0 + 14.0;
        let around = format!("M{a_right} {} h10 V{lane}", a.y);
        if shortcut && b.height < BOX.1 {
            format!("{around} H{} V{b_top}", b.x)
        } else {
            format!("{around} H{} V{} H{b_left}", b_left - 10.0, b.y)
        }
    } else if !shortcut {
        format!("M{a_right} {} H{b_left}", a.y)
    } else if a.y == b.y {
        let rise = a.y - 62.0;
        format!("M{} {a_top} C{} {rise}, {} {rise}, {} {b_top}", a.x, a.x, b.x, b.x)
    } else if a.y > b.y {
        format!("M{} {a_top} C{} {}, {} {}, {b_left} {}", a.x, a.x, b.y, a.x, b.y, b.y)
    } else {
        format!("M{a_right} {} C{} {}, {} {}, {} {b_top}", a.y, b.x, a.y, b.x, a.y, b.x)
    };
    let class = if shortcut { "edge shortcut" } else { "edge" };
    Some(view! { <path class=class d=path /> }.into_any())
}
