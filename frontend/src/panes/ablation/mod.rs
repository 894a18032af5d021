//! Layers forced to another density: what the others lose or gain, and the paper's experiment.

use leptos::prelude::*;
use rrlab_types::Role;

use crate::lab::Lab;
use crate::settings::Part;

mod effects;
mod experiment;
mod forcing;
mod measured;
mod projections;
mod roles;
mod verdict;

/// What a person forces, and what it does.
#[component]
pub fn AblationPane(lab: Lab) -> impl IntoView {
    let has_projections = lab.has_role(Role::Projection);
    view! {
        <p class="lead">"What happens to the other layers, and to accuracy, when some are forced to another \
            density. "
            {has_projections.then_some("The question is the paper’s: does ERK, which goes by a layer’s \
            shape alone, spend too much on the 1×1 projections of the shortcuts?")}
        </p>
        {has_projections.then(|| view! { <projections::Projections lab /> })}
        <Show when=move || lab.settings.shows(Part::Force)><forcing::Forcing lab /></Show>
        <effects::Effects lab />
        <experiment::Experiment lab />
    }
}
