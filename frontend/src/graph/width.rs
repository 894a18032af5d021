//! How wide a graph's element is, and how wide rows are drawn in it.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// Width of an element below which a row holds one residual block, with room for nothing else.
const NARROW: f64 = 620.0;
/// Width of a row of one residual block.
pub const ONE_BLOCK: f64 = 440.0;
/// Least width of a row of two blocks, and most of any.
const TWO_BLOCKS: f64 = 860.0;
const MOST_ROW: f64 = 1500.0;
/// What is drawn for before the element is measured.
const FIRST_WIDTH: f64 = 1000.0;

/// Width of the rows, in units of the drawing, in an element that is `width` pixels wide.
pub fn row_width(width: f64) -> f64 {
    if width < NARROW { width.max(ONE_BLOCK) } else { width.clamp(TWO_BLOCKS, MOST_ROW) }
}

/// Keeps a signal equal to an element's width, for as long as the component lives.
fn observe_width(element: &web_sys::Element, width: RwSignal<f64>) {
    let observed = element.clone();
    let measure = Closure::<dyn FnMut()>::new(move || {
        let now = f64::from(observed.client_width());
        if (width.get_untracked() - now).abs() >= 1.0 && now > 0.0 {
            // In the next frame: the drawing's height follows, which the observer must not see
            // within one.
            request_animation_frame(move || {
                let _ = width.try_set(now);
            });
        }
    });
    let Ok(observer) = web_sys::ResizeObserver::new(measure.as_ref().unchecked_ref()) else {
        return;
    };
    observer.observe(element);
    let held = StoredValue::new_local((observer, measure));
    on_cleanup(move || held.with_value(|(observer, _)| observer.disconnect()));
}

/// The width in pixels of the element that will be at `holder`, followed for as long as the
/// component lives.
pub fn width_of(holder: NodeRef<leptos::html::Div>) -> RwSignal<f64> {
    let width = RwSignal::new(FIRST_WIDTH);
    Effect::new(move |_| {
        if let Some(holder) = holder.get() {
            observe_width(&holder, width);
        }
    });
    width
}
