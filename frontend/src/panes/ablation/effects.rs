//! What A's constraints do to A.

use leptos::prelude::*;
use rrlab_types::{Allocation, AllocationRequest, Role};
use strum::VariantArray as _;

use super::roles::RoleTotal;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::figure::FigureSource;
use crate::format::percent;
use crate::lab::{Lab, Side, allocate_on};
use crate::panes::compare::layer_names;
use crate::problem::Problem;
use crate::settings::Part;

/// What is said while nothing is forced.
fn nothing_forced(lab: Lab) -> &'static str {
    if lab.settings.shows(Part::Force) {
        "Nothing is forced in A. Choose layers and a density above, or start with the paper’s \
        experiment below."
    } else {
        "Nothing is forced in A."
    }
}

/// Kept weights of each role with and without A's constraints, and each layer's change.
#[component]
pub(super) fn Effects(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    let free_request =
        move || AllocationRequest { constraints: Vec::new(), ..settings.a.request() };
    let free =
        Memo::new(move |_| lab.profile.with_value(|profile| allocate_on(profile, &free_request())));
    let source = Callback::new(move |()| {
        let requests = untrack(|| [free_request(), settings.a.request()]);
        let a = untrack(|| lab.describe(Side::A));
        let sentence = format!("{a}, less nothing forced.");
        FigureSource::of_requests(lab, &requests).saying(&sentence)
    });
    let changes = Memo::new(move |_| match (free.get(), lab.a.get()) {
        (Ok(free), Ok(forced)) => spec(lab, &free, &forced),
        _ => spec_of(lab, Vec::new()),
    });
    move || {
        if settings.a.force.with(|force| force.0.is_empty()) {
            return view! { <p class="empty">{nothing_forced(lab)}</p> }.into_any();
        }
        match (free.get(), lab.a.get()) {
            (Ok(free), Ok(forced)) => view! {
                <h2>{format!("What forcing does to {}", settings.a.rule.get().label())}</h2>
                <RoleTable free forced />
                <Chart settings=lab.settings lab name="forced" source title="Change of every layer’s \
                    density, projections marked ◊" spec=changes height=300 />
            }
            .into_any(),
            (Err(problem), _) | (_, Err(problem)) => {
                view! { <Problem problem=Some(problem) /> }.into_any()
            }
        }
    }
}

/// Change of density of each layer.
fn spec(lab: Lab, free: &Allocation, forced: &Allocation) -> ChartSpec {
    let differences = free.diff(forced).unwrap_or_default();
    spec_of(lab, differences.iter().map(|layer| layer.density).collect())
}

fn spec_of(lab: Lab, changes: Vec<f64>) -> ChartSpec {
    ChartSpec::new(
        Axis::names(layer_names(lab)),
        Axis::new("change of density", AxisScale::Percent),
        vec![Series::bars("forced − free", changes)],
    )
}

#[component]
fn RoleTable(free: Allocation, forced: Allocation) -> impl IntoView {
    let row = |role: Role| {
        let (before, after) = (RoleTotal::of(&free, role), RoleTotal::of(&forced, role));
        let (Some(density_before), Some(density_after)) = (before.density(), after.density())
        else {
            return None;
        };
        let moved = after.kept as i64 - before.kept as i64;
        Some(view! {
            <tr data-role=role.name()>
                <th scope="row">{role.name()}</th>
                <td>{before.kept}</td><td>{after.kept}</td>
                <td data-value="moved">{format!("{moved:+}")}</td>
                <td>{percent(density_before)}</td><td>{percent(density_after)}</td>
            </tr>
        })
    };
    view! {
        <div class="table" tabindex="0" role="group" aria-label="Effect by role">
            <table id="effects">
                <thead><tr>
                    <th scope="col">"role"</th><th scope="col">"kept, free"</th>
                    <th scope="col">"kept, forced"</th>
                    <th scope="col">"moved"</th><th scope="col">"density, free"</th>
                    <th scope="col">"density, forced"</th>
                </tr></thead>
                <tbody>{Role::VARIANTS.iter().copied().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
