//! What pointers and the wheel do: one pointer moves the drawing, two make it larger or smaller.

use leptos::ev::{PointerEvent, WheelEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::state::GraphState;

/// Pointers that moved less than this have clicked.
const CLICK_PIXELS: f64 = 4.0;
/// Pixels of the wheel that make the drawing e times as large.
const WHEEL_PIXELS: f64 = 300.0;

/// A point of an element, in pixels.
type Point = (f64, f64);

/// A pointer that is down.
#[derive(Debug, Clone, Copy)]
struct Pointer {
    id: i32,
    at: Point,
}

/// Pointers that are down on a graph.
#[derive(Clone, Copy)]
pub struct Gestures {
    graph: GraphState,
    down: StoredValue<Vec<Pointer>>,
}

impl Gestures {
    /// None is down.
    pub fn new(graph: GraphState) -> Self {
        Self { graph, down: StoredValue::new(Vec::new()) }
    }

    pub fn press(self, event: &PointerEvent) {
        if event.button() == 0 {
            self.release(event);
            let pointer = Pointer { id: event.pointer_id(), at: position(event) };
            self.down.update_value(|down| down.push(pointer));
        }
    }

    pub fn release(self, event: &PointerEvent) {
        self.down.update_value(|down| down.retain(|pointer| pointer.id != event.pointer_id()));
    }

    /// Moves the drawing along with a pointer, once it has gone further than a click; where a second one
    /// is down, enlarges it around that.
    pub fn drag(self, event: &PointerEvent) {
        if event.buttons() == 0 {
            // It was let go where nobody heard of it.
            return self.release(event);
        }
        let (id, to) = (event.pointer_id(), position(event));
        let down = self.down.get_value();
        let Some(from) = down.iter().find(|pointer| pointer.id == id).map(|pointer| pointer.at)
        else {
            return;
        };
        if distance(from, to) < CLICK_PIXELS {
            return;
        }
        if let Some(svg) = element(event) {
            // Without it the drag ends at the graph's border.
            let _ = svg.set_pointer_capture(id);
        }
        match down.iter().find(|pointer| pointer.id != id) {
            None => self.graph.drag(to.0 - from.0, to.1 - from.1),
            Some(other) => self.pinch(other.at, from, to),
        }
        self.down.update_value(|down| {
            for pointer in down.iter_mut().filter(|pointer| pointer.id == id) {
                pointer.at = to;
            }
        });
    }

    /// One of two pointers went, while the other stayed.
    fn pinch(self, other: Point, from: Point, to: Point) {
        let factor = distance(other, to) / distance(other, from).max(1.0);
        self.graph.zoom(factor, Some(other));
    }

    /// Zooms with Ctrl, else scrolls the graph, or the page where the graph ends.
    pub fn turn_wheel(self, event: &WheelEvent) {
        if event.ctrl_key() || event.meta_key() {
            event.prevent_default();
            let at = (f64::from(event.offset_x()), f64::from(event.offset_y()));
            self.graph.zoom((-event.delta_y() / WHEEL_PIXELS).exp(), Some(at));
        } else if self.graph.scroll(event.delta_y()) {
            event.prevent_default();
        }
    }
}

fn element(event: &PointerEvent) -> Option<web_sys::Element> {
    event.current_target()?.dyn_into().ok()
}

/// Where a pointer is in the element that hears of it, in pixels.
pub fn position(event: &PointerEvent) -> Point {
    let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
    let corner = element(event).map(|svg| svg.get_bounding_client_rect());
    corner.map_or((x, y), |corner| (x - corner.left(), y - corner.top()))
}

fn distance(a: Point, b: Point) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}
