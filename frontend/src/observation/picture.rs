//! Canvases that follow what is chosen.

use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlCanvasElement;

/// A canvas with a caption; `paint` draws it, and again whenever a signal that it reads changes.
#[component]
pub(super) fn Picture(
    /// What it shows, for those who do not see it, and below it.
    caption: Signal<String>,
    /// Names it in the page.
    name: String,
    paint: Box<dyn Fn(&HtmlCanvasElement)>,
    /// Given where it was clicked, as fractions of its width and height.
    #[prop(optional)]
    on_click: Option<Callback<(f64, f64)>>,
) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            paint(&canvas);
        }
    });
    let click = move |event: leptos::ev::MouseEvent| {
        let (Some(canvas), Some(on_click)) = (canvas.get_untracked(), on_click) else { return };
        let part = |offset: i32, side: i32| f64::from(offset) / f64::from(side.max(1));
        let across = part(event.offset_x(), canvas.client_width());
        on_click.run((across, part(event.offset_y(), canvas.client_height())));
    };
    view! {
        <span class="picture" class:clickable=on_click.is_some()>
            <canvas node_ref=canvas data-picture=name role="img" aria-label=caption on:click=click>
            </canvas>
            <span class="caption">{caption}</span>
        </span>
    }
}
