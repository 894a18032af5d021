//! The whole of a drawing that is larger than what is seen of it, and which part that is.

use leptos::ev::PointerEvent;
use leptos::prelude::*;

use super::gestures::position;
use super::layout::Place;
use super::state::GraphState;
use crate::colour::Colour;

/// Most that it takes of the page, in pixels.
const MOST: (f64, f64) = (150.0, 190.0);
/// The bit of the main button, or of a finger, among those that are down.
const MAIN_BUTTON: u16 = 1;

/// The map, while part of the drawing is out of sight. It is for pointers: keys walk the drawing itself.
#[component]
pub fn Minimap(graph: GraphState) -> impl IntoView {
    let is_cut = Memo::new(move |_| graph.is_cut());
    view! { <Show when=move || is_cut.get()>{map(graph)}</Show> }
}

fn map(graph: GraphState) -> impl IntoView {
    let size = move || graph.scene.with(|scene| (scene.layout.width, scene.layout.height));
    let scale = move || {
        let (width, height) = size();
        (MOST.0 / width).min(MOST.1 / height)
    };
    let go = move |event: PointerEvent| {
        if event.buttons() & MAIN_BUTTON != 0 {
            let (at, scale) = (position(&event), untrack(scale));
            graph.center((at.0 / scale, at.1 / scale));
        }
    };
    let value_of = move |index: usize| graph.values.with(|values| values.get(index).copied());
    let boxes = move || {
        graph.scene.with(|scene| {
            let shown = scene.layout.places.iter().enumerate();
            let shown = shown.filter(|(index, _)| scene.has_layers(*index));
            let of_layer = |(index, place): (usize, &Place)| {
                let fill =
                    move || value_of(index).and_then(|value| graph.colour(value)).map(Colour::css);
                view! {
                    <rect class="map-box" x=place.left() y=place.top() width=place.width
                        height=place.height fill=fill />
                }
            };
            shown.map(of_layer).collect_view()
        })
    };
    let seen = move || {
        let (viewport, frame) = (graph.viewport(), graph.frame.get());
        (viewport.x, viewport.y, frame.width / viewport.zoom, frame.height / viewport.zoom)
    };
    view! {
        <svg class="minimap" aria-hidden="true"
            width=move || size().0 * scale() height=move || size().1 * scale()
            viewBox=move || format!("0 0 {} {}", size().0, size().1)
            on:pointerdown=go on:pointermove=go>
            {boxes}
            <rect class="map-seen" x=move || seen().0 y=move || seen().1
                width=move || seen().2 height=move || seen().3 />
        </svg>
    }
}
