//! The controls that force layers of A.

use leptos::prelude::*;
use rrlab_types::{Constraint, Role, Rule};
use strum::VariantArray as _;

use crate::lab::{Lab, Side};
use crate::panes::compare::ForceText;
use crate::problem::Problem;
use crate::settings::List;

/// What the choice of a density says where a person types the number.
const TYPED: &str = "value";
/// The density of the whole network, in a constraint's words.
const GLOBAL: &str = "global";

/// Which layers are forced, and to what.
#[component]
pub(super) fn Forcing(lab: Lab) -> impl IntoView {
    let force = lab.settings.a.force;
    let target = RwSignal::new(Role::Projection.name().to_owned());
    let density = RwSignal::new(GLOBAL.to_owned());
    let typed = RwSignal::new("0.2".to_owned());
    let refused = RwSignal::new(None::<String>);
    let add = move |_| {
        let mut density = density.get_untracked();
        if density == TYPED {
            density = typed.get_untracked();
        }
        match format!("{}={density}", target.get_untracked()).parse::<Constraint>() {
            Ok(constraint) => {
                refused.set(None);
                force.update(|force| replace(&mut force.0, constraint));
            }
            Err(error) => refused.set(Some(error.to_string())),
        }
    };
    view! {
        <div class="forcing controls">
            <label>
                <span>"Force"</span>
                <select id="force-target"
                    on:change:target=move |event| target.set(event.target().value())>
                    <optgroup label="All layers of a role">{role_options(lab)}</optgroup>
                    <optgroup label="One layer">{layer_options(lab)}</optgroup>
                </select>
            </label>
            <label>
                <span>"to"</span>
                <select id="force-density"
                    on:change:target=move |event| density.set(event.target().value())>
                    {density_options()}
                </select>
            </label>
            <Show when=move || density.get() == TYPED>
                <label>
                    <span>"density"</span>
                    <input type="number" id="force-value" min="0.001" max="1" step="0.01"
                        prop:value=move || typed.get()
                        on:change:target=move |event| typed.set(event.target().value()) />
                </label>
            </Show>
            <button type="button" id="force-add" class="primary" on:click=add>"Force in A"</button>
            <Problem problem=refused />
            <ForceText lab side=Side::A />
            <Show when=move || force.with(|force| !force.0.is_empty())>
                <button type="button" id="force-clear"
                    on:click=move |_| force.set(List(Vec::new()))>"Force nothing"</button>
            </Show>
        </div>
    }
}

/// Puts a constraint in the place of the one on the same layers.
fn replace(constraints: &mut Vec<Constraint>, constraint: Constraint) {
    constraints.retain(|other| other.target != constraint.target);
    constraints.push(constraint);
}

/// The roles that the network has layers of.
fn role_options(lab: Lab) -> impl IntoView {
    let mut options = Vec::new();
    for &role in Role::VARIANTS {
        if lab.has_role(role) {
            let (name, first) = (role.name(), role == Role::Projection);
            options.push(view! { <option value=name selected=first>{name}</option> });
        }
    }
    options
}

fn layer_options(lab: Lab) -> impl IntoView {
    let option = |name: String| view! { <option value=name.clone()>{name.clone()}</option> };
    lab.layer_names().into_iter().map(option).collect_view()
}

fn density_options() -> impl IntoView {
    let fixed =
        [("dense", "dense"), (GLOBAL, "the density of the whole network"), (TYPED, "this density")];
    let mut options = Vec::new();
    for (value, text) in fixed {
        options.push((value.to_owned(), text.to_owned()));
    }
    for rule in Rule::VARIANTS {
        options.push((format!("rule:{rule}"), format!("what {} gives", rule.label())));
    }
    let option = |(value, text): (String, String)| {
        let chosen = value == GLOBAL;
        view! { <option value=value selected=chosen>{text}</option> }
    };
    options.into_iter().map(option).collect_view()
}
