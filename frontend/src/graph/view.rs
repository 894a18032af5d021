//! The layer graph as a drawing that a person moves through.

use leptos::ev::{PointerEvent, WheelEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::boxes::scene_view;
use super::export::GRAPH_ID;
use super::state::GraphState;
use super::toolbar::Toolbar;
use super::width::width_of;
use crate::lab::{Lab, Side};

/// Pointers that moved less than this have clicked.
const CLICK_PIXELS: f64 = 4.0;
/// Pixels of the wheel that make the drawing e times as large.
const WHEEL_PIXELS: f64 = 300.0;

/// The graph of a profile under one allocation.
#[component]
pub fn GraphView(lab: Lab, side: Side) -> impl IntoView {
    let holder = NodeRef::<leptos::html::Div>::new();
    let graph = GraphState::new(lab, side, width_of(holder));
    let dragged_from = RwSignal::new(None::<(f64, f64)>);
    let press = move |event: PointerEvent| {
        if event.button() == 0 {
            dragged_from.set(Some(position(&event)));
        }
    };
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
            <svg id=format!("{GRAPH_ID}{side}") role="application" aria-label=label
                xmlns="http://www.w3.org/2000/svg"
                width=move || graph.frame.get().width height=move || graph.frame.get().height
                data-width=move || graph.scene.with(|scene| scene.layout.width)
                data-height=move || graph.scene.with(|scene| scene.layout.height)
                viewBox=move || graph.viewport().view_box(graph.frame.get())
                on:pointerdown=press on:pointermove=move |event| drag(graph, dragged_from, &event)
                on:pointerup=move |_| dragged_from.set(None)
                on:pointercancel=move |_| dragged_from.set(None)
                style=touch on:wheel=move |event| turn_wheel(graph, &event)
                on:keydown=move |event| graph.press(&event)
                on:pointerleave=move |_| hovered.set(None)>
                {move || graph.scene.with(|scene| scene_view(graph, scene, hovered))}
            </svg>
        </div>
        <p class="faint preview">{move || preview(graph, hovered.get())}</p>
    }
}

fn position(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.client_x()), f64::from(event.client_y()))
}

/// Moves the drawing along with the pointer, once it has gone further than a click.
fn drag(graph: GraphState, dragged_from: RwSignal<Option<(f64, f64)>>, event: &PointerEvent) {
    let Some((from_x, from_y)) = dragged_from.get_untracked() else { return };
    let (x, y) = position(event);
    let (dx, dy) = (x - from_x, y - from_y);
    if dx.abs() + dy.abs() < CLICK_PIXELS {
        return;
    }
    let target = event.current_target();
    if let Some(svg) = target.and_then(|target| target.dyn_into::<web_sys::Element>().ok()) {
        // Without it the drag ends at the graph's border.
        let _ = svg.set_pointer_capture(event.pointer_id());
    }
    let now = untrack(|| graph.viewport());
    graph.moved_to.set(Some(now.moved(dx, dy)));
    dragged_from.set(Some((x, y)));
}

/// Zooms with Ctrl, else scrolls the graph, or the page where the graph ends.
fn turn_wheel(graph: GraphState, event: &WheelEvent) {
    if event.ctrl_key() || event.meta_key() {
        event.prevent_default();
        let at = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        graph.zoom((-event.delta_y() / WHEEL_PIXELS).exp(), Some(at));
    } else if graph.scroll(event.delta_y()) {
        event.prevent_default();
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
