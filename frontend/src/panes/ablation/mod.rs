//! Layers forced to another density: what the others lose or gain, and the paper's experiment.

use leptos::prelude::*;

use crate::lab::Lab;
use crate::settings::Part;

mod effects;
mod experiment;
mod forcing;
mod roles;

/// What a person forces, and what it does.
#[component]
pub fn AblationPane(lab: Lab) -> impl IntoView {
    view! {
        <div class="columns">
            <Show when=move || lab.settings.shows(Part::Force)><forcing::Forcing lab /></Show>
            <div class="story">
                <h2>"What this shows"</h2>
                <p>
                    "Capped ERK gives a layer density by its shape alone, so the small 1×1 \
                    projections are kept nearly dense while the regular \
                    convolutions, which hold nearly all weights, pay for them. "
                    "Forced to the density of the whole network, the projections give those \
                    weights back: if accuracy after repair rises, as \
                    the paper reports of ResNet18 and ResNet34, ERK protected the wrong place; the \
                    last table says what was measured here."
                </p>
            </div>
        </div>
        <effects::Effects lab />
        <experiment::Experiment lab />
    }
}
