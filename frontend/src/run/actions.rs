//! Buttons for what can be done with a network.

use leptos::prelude::*;

use super::inputs::RunInputs;
use crate::controls::Number;
use crate::export::save_blob;

/// Measure, train, evaluate, sweep, classify, prune, and save what was pruned.
#[component]
pub fn Actions(inputs: RunInputs) -> impl IntoView {
    let session = inputs.session;
    let busy = move || session.is_busy();
    let settings = session.settings;
    let allocations =
        move || format!("A: {}. B: {}.", settings.a.describe(), settings.b.describe());
    let pruned = move || {
        let pruned = session.pruned.get()?;
        let name = pruned.name.clone();
        let save = move |_| save_blob(&pruned.name, &pruned.data);
        Some(view! {
            <button type="button" id="save-pruned" class="primary" title=name on:click=save>
                "Save the pruned network"
            </button>
        })
    };
    view! {
        <div class="actions">
            <span class="tools">
                <button type="button" id="measure" class="primary" disabled=busy
                    on:click=move |_| inputs.measure()>"Measure every layer"</button>
                <Number id="calibration" label="images" signal=inputs.settings.calibration />
            </span>
            <span class="tools">
                <button type="button" id="train" disabled=busy on:click=move |_| inputs.train()>
                    "Train"</button>
                <Number id="epochs" label="epochs" signal=inputs.settings.epochs />
                <Number id="rate" label="rate" signal=inputs.settings.learning_rate />
            </span>
            <span class="tools">
                <button type="button" id="evaluate" disabled=busy title=allocations
                    on:click=move |_| inputs.evaluate()>
                    "Prune, repair and evaluate A and B"</button>
                <Number id="evaluation" label="test images" signal=inputs.settings.evaluation />
            </span>
            <span class="tools">
                <button type="button" id="sweep-rules" disabled=busy
                    title="Uniform, ERK, LAMP, global magnitude and RR at seven sparsities"
                    on:click=move |_| inputs.sweep_rules()>"Sweep five rules"</button>
                <button type="button" id="climb" disabled=busy
                    title="A’s rule at seven sparsities: unrepaired, repaired, reconstructed, pruned in \
                        steps, and distilled behind that"
                    on:click=move |_| inputs.climb()>"Climb the ladder of repairs with A"</button>
                <Number id="distil" label="epochs of distillation" signal=inputs.settings.distil_epochs />
            </span>
            <span class="tools">
                <button type="button" id="look" disabled=busy
                    on:click=move |_| inputs.classify()>"Look at some images"</button>
                <button type="button" id="prune" disabled=busy
                    on:click=move |_| inputs.prune()>"Prune by A to a file"</button>
                <Number id="seed" label="seed" signal=inputs.settings.seed />
            </span>
            {pruned}
        </div>
    }
}
