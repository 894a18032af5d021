//! The button beside what can be a figure.

use leptos::prelude::*;

/// A button that opens a figure's dialog.
#[component]
pub fn FigureButton(is_open: RwSignal<bool>) -> impl IntoView {
    view! {
        <button type="button" aria-haspopup="dialog"
            title="SVG, PDF or PNG for a paper, with caption and commands"
            on:click=move |_| is_open.set(true)>"Figure"</button>
    }
}
