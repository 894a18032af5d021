//! What is shown below the graph, one pane at a time.

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;

use crate::lab::Lab;
use crate::later::{ViewCode, later};
use crate::run::RunInputs;
use crate::settings::{Pane, Part};

mod ablation;
mod compare;
mod layer;
mod networks;
mod sweep;
mod table;

/// Tabs, and the pane that is chosen.
#[component]
pub fn Panes(lab: Lab, inputs: RunInputs) -> impl IntoView {
    let settings = lab.settings;
    let shown = move |pane: Pane| match pane {
        Pane::Compare => settings.shows(Part::Compare),
        Pane::Ablation => settings.shows(Part::Force),
        Pane::Sweep => settings.shows(Part::Sweep),
        Pane::Table | Pane::Layer | Pane::Networks => true,
    };
    let step = move |event: &leptos::ev::KeyboardEvent| {
        let panes: Vec<Pane> = Pane::ALL.iter().copied().filter(|&pane| shown(pane)).collect();
        let at = panes.iter().position(|&pane| pane == settings.pane.get_untracked()).unwrap_or(0);
        let to = match event.key().as_str() {
            "ArrowRight" => (at + 1) % panes.len(),
            "ArrowLeft" => (at + panes.len() - 1) % panes.len(),
            _ => return,
        };
        event.prevent_default();
        settings.pane.set(panes[to]);
        if let Some(tab) = document().get_element_by_id(&format!("tab-{}", panes[to])) {
            let _ = wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlElement>(tab).focus();
        }
    };
    let tab = move |pane: Pane| {
        let chosen = move || settings.pane.get() == pane;
        view! {
            <button type="button" role="tab" id=format!("tab-{pane}") aria-controls="pane"
                class:chosen=chosen
                aria-selected=move || chosen().to_string()
                tabindex=move || if chosen() { "0" } else { "-1" }
                on:click=move |_| settings.pane.set(pane)>
                {pane.label()}
            </button>
        }
    };
    view! {
        <section class="panel panes" id="panes">
            <div role="tablist" aria-label="Views" on:keydown=move |event| step(&event)>
                {Pane::ALL.iter().map(|&pane| view! { <Show when=move || shown(pane)>{tab(pane)}</Show> }).collect_view()}
            </div>
            <div role="tabpanel" id="pane"
                aria-labelledby=move || format!("tab-{}", settings.pane.get())>
                {move || match settings.pane.get() {
                    Pane::Table => view! { <table::TablePane lab /> }.into_any(),
                    pane => later((pane, lab, inputs), fetch_pane).into_any(),
                }}
            </div>
        </section>
    }
}

/// The panes but the one that the page opens with.
#[wasm_split(panes, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_pane() -> ViewCode<(Pane, Lab, RunInputs)> {
    Ok(|(pane, lab, inputs)| match pane {
        Pane::Table => view! { <table::TablePane lab /> }.into_any(),
        Pane::Compare => view! { <compare::ComparePane lab /> }.into_any(),
        Pane::Ablation => view! { <ablation::AblationPane lab /> }.into_any(),
        Pane::Layer => view! { <layer::LayerPane lab inputs /> }.into_any(),
        Pane::Sweep => view! { <sweep::SweepPane lab /> }.into_any(),
        Pane::Networks => view! { <networks::NetworksPane lab /> }.into_any(),
    })
}
