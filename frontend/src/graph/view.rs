//! The layer graph as a drawing that a person moves through.

use leptos::prelude::*;

use super::boxes::scene_view;
use super::gestures::Gestures;
use super::minimap::Minimap;
use super::state::GraphState;
use super::toolbar::Toolbar;
use super::width::width_of;
use crate::lab::{Lab, Side};

/// The graph of a profile under one allocation.
#[component]
pub fn GraphView(lab: Lab, side: Side) -> impl IntoView {
    let holder = NodeRef::<leptos::html::Div>::new();
    let graph = GraphState::new(lab, side, width_of(holder));
    graph.follow_seen();
    let gestures = Gestures::new(graph);
    let touch =
        move || if graph.overflows() { "touch-action: none" } else { "touch-action: pan-y" };
    let label = "Arrow keys walk, Enter opens a layer, space fits, f folds.";
    let label = format!("Layer graph under allocation {side}. {label}");
    let hovered = RwSignal::new(None::<usize>);
    view! {
        <div class="graph-head">
            <Toolbar graph />
        </div>
        <div class="graph" node_ref=holder>
            <svg id=format!("graph-{side}") role="application" aria-label=label
                xmlns="http://www.w3.org/2000/svg"
                width=move || graph.frame.get().width height=move || graph.frame.get().height
                viewBox=move || graph.viewport().view_box(graph.frame.get())
                on:pointerdown=move |event| gestures.press(&event)
                on:pointermove=move |event| gestures.drag(&event)
                on:pointerup=move |event| gestures.release(&event)
                on:pointercancel=move |event| gestures.release(&event)
                style=touch on:wheel=move |event| gestures.turn_wheel(&event)
                on:keydown=move |event| graph.press(&event)
                on:pointerleave=move |_| hovered.set(None)>
                {move || graph.scene.with(|scene| scene_view(graph, scene, hovered))}
            </svg>
            <Minimap graph />
        </div>
        <p class="faint preview">{move || preview(graph, hovered.get())}</p>
    }
}

/// The box under the pointer, or else the focused one, in words.
fn preview(graph: GraphState, hovered: Option<usize>) -> String {
    let index = hovered.unwrap_or_else(|| graph.focused.get());
    if graph.scene.with(|scene| scene.has_layers(index)) {
        return graph.describe(index);
    }
    "Point at a layer, or walk the graph with the arrow keys: its numbers stand here. \
     Click opens its curves."
        .to_owned()
}
