//! Controls, graphs and panes of one profile.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::ModelProfile;

use super::open_documents::{OpenDocuments, Origin};
use crate::controls::Controls;
use crate::export;
use crate::glossary::Term;
use crate::graph::GraphView;
use crate::lab::{Lab, Side};
use crate::panes::Panes;
use crate::readout::AccuracyReadout;
use crate::run::RunInputs;
use crate::settings::{Part, Shown};

/// Controls, graphs and panes of one profile.
#[component]
pub fn LabView(
    documents: OpenDocuments,
    inputs: RunInputs,
    profile: Arc<ModelProfile>,
) -> impl IntoView {
    let caption = StoredValue::new(export::measured(&profile));
    let (hash, session) = (profile.hash(), inputs.session);
    // Measured here, of what the worker does not hold any more.
    let is_past =
        move || documents.origin.get() == Origin::Measured && session.measured.get() != Some(hash);
    let lab = Lab::new(
        profile,
        documents.channels,
        documents.sweeps,
        documents.allocation,
        documents.settings,
    );
    let settings = documents.settings;
    let problem = move || {
        let problem = lab.a.with(|outcome| outcome.as_ref().err().cloned());
        problem.map(|problem| view! { <p class="panel problem" role="alert">{problem}</p> })
    };
    let graph = move |side: Side| {
        view! {
            <div class="one-graph">
                <h2>{move || format!("{side}: {}", lab.describe(side))}</h2>
                <GraphView lab side />
            </div>
        }
    };
    let graphs = move || match settings.shown.get() {
        Shown::A => graph(Side::A).into_any(),
        Shown::B => graph(Side::B).into_any(),
        Shown::Both => view! { {graph(Side::A)} {graph(Side::B)} }.into_any(),
    };
    view! {
        <div class="on-top">
            <Controls lab />
            <Show when=move || settings.shows(Part::Accuracy)><AccuracyReadout lab measure=Callback::new(move |()| inputs.prepare_to_measure()) /></Show>
        </div>
        {problem}
        <Show when=move || settings.shows_graph()>
            <section class="panel" aria-label="Layer graph">
                <p class="faint" id="measurement">{caption.get_value()}</p>
                <Show when=is_past>
                    <p class="notice" id="past" role="status">
                        "This profile was measured before the images or the network of the panel \
                        above changed: \
                         it is not of those."
                    </p>
                </Show>
                <div class="graphs" class:both=move || settings.shown.get() == Shown::Both>
                    {graphs}</div>
                <p class="faint keys">
                    "Rounded, double border: "<Term name="projection" />
                    ". Red, with !: near collapse, fewer weights than outputs"
                    ". Dashed lines: shortcuts. Shaded: RR over sparsity, 0.3 to 0.998, the mark at the layer’s own; bar: what it keeps. Drag to move, pinch or "<kbd>"Ctrl"</kbd>
                    " and wheel to zoom. Keys: "
                    <kbd>"←→↑↓"</kbd>" walk, "<kbd>"Enter"</kbd>" opens, "<kbd>"f"</kbd>" folds, "
                    <kbd>"+ −"</kbd>" zoom, "<kbd>"space"</kbd>" fits."
                </p>
            </section>
        </Show>
        <Show when=move || settings.shows_pane()><Panes lab inputs /></Show>
    }
}
