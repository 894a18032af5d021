//! The paper's experiment: capped ERK against projection-forced ERK against RR.

use leptos::prelude::*;
use rrlab_types::{Allocation, AllocationRequest, Constraint, ForcedDensity, Role, Rule, Target};

use super::roles::RoleTotal;
use crate::format::percent;
use crate::lab::{Lab, allocate_on};
use crate::metric::Metric;
use crate::readout::Accuracies;
use crate::settings::{List, Part, Shown};

/// A rule with what it forces: one of the arms of the experiment.
#[derive(Clone)]
struct Arm {
    title: &'static str,
    rule: Rule,
    constraints: Vec<Constraint>,
}

impl Arm {
    fn all() -> [Self; 5] {
        let forced = |density| vec![Constraint { target: Target::Role(Role::Projection), density }];
        [
            Self { title: "ERK (capped)", rule: Rule::Erk, constraints: Vec::new() },
            Self {
                title: "ERK, projections at the global density",
                rule: Rule::Erk,
                constraints: forced(ForcedDensity::Global),
            },
            Self {
                title: "ERK, projections dense",
                rule: Rule::Erk,
                constraints: forced(ForcedDensity::Dense),
            },
            Self {
                title: "ERK, projections as RR has them",
                rule: Rule::Erk,
                constraints: forced(ForcedDensity::Rule(Rule::Rr)),
            },
            Self { title: "RR", rule: Rule::Rr, constraints: Vec::new() },
        ]
    }

    /// The allocation at A's sparsity, with A's settings.
    fn request(&self, lab: Lab) -> AllocationRequest {
        AllocationRequest {
            rule: self.rule,
            constraints: self.constraints.clone(),
            ..lab.settings.a.request()
        }
    }
}

/// What each arm gives the roles, and what was measured of it.
#[component]
pub(super) fn Experiment(lab: Lab) -> impl IntoView {
    lab.has_role(Role::Projection).then(|| view! {
        <div class="pane-head">
            <h2>"The paper’s experiment at this sparsity"</h2>
            <Show when=move || can_start(lab)>
                <button type="button" id="experiment" class="primary" on:click=move |_| start(lab)>
                    "Show capped ERK beside projection-forced ERK"</button>
            </Show>
        </div>
        <div class="table" tabindex="0" role="group"
            aria-label="Capped ERK, projection-forced ERK and RR">
            <table id="arms">
                <thead><tr>
                    <th scope="col">"allocation"</th>
                    <th scope="col">"of the budget in projections"</th>
                    <th scope="col">"projections"</th>
                    <th scope="col">"convolutions"</th><th scope="col">"stem"</th>
                    <th scope="col">"classifier"</th>
                    <th scope="col">"accuracy after repair"</th>
                </tr></thead>
                <tbody>{move || Arm::all().map(|arm| row(lab, &arm)).into_iter().collect_view()}</tbody>
            </table>
        </div>
        <p class="faint">
            "Densities of all layers of a role together. Accuracy is from the open sweeps of this \
            very profile with these very settings; ≈ where it is interpolated between two \
            sparsities."</p>
    })
}

/// Starting it changes rules, forced layers and what is compared: where one of these is hidden, it
/// is not offered.
fn can_start(lab: Lab) -> bool {
    [Part::Rule, Part::Force, Part::Compare].into_iter().all(|part| lab.settings.shows(part))
}

/// Capped ERK as A, projection-forced ERK as B, side by side.
fn start(lab: Lab) {
    let settings = lab.settings;
    settings.a.rule.set(Rule::Erk);
    settings.a.force.set(List(Vec::new()));
    settings.b.rule.set(Rule::Erk);
    settings.b.force.set(List(Arm::all()[1].constraints.clone()));
    settings.b.sparsity.set(settings.a.sparsity.get_untracked());
    settings.metric.set(Metric::Density);
    settings.shown.set(Shown::Both);
}

fn row(lab: Lab, arm: &Arm) -> impl IntoView + use<> {
    let request = arm.request(lab);
    let cells = match lab.profile.with_value(|profile| allocate_on(profile, &request)) {
        Ok(allocation) => cells(&allocation, measured(lab, &request)).into_any(),
        Err(problem) => view! { <td colspan="6" class="text">{problem}</td> }.into_any(),
    };
    view! { <tr><th scope="row">{arm.title}</th>{cells}</tr> }
}

fn cells(allocation: &Allocation, accuracy: String) -> impl IntoView + use<> {
    let density =
        |role| RoleTotal::of(allocation, role).density().map_or_else(|| "–".to_owned(), percent);
    let in_projections = RoleTotal::of(allocation, Role::Projection).kept;
    view! {
        <td>{percent(in_projections as f64 / allocation.kept as f64)}</td>
        <td>{density(Role::Projection)}</td><td>{density(Role::Conv)}</td>
        <td>{density(Role::Stem)}</td><td>{density(Role::Classifier)}</td>
        <td class="text">{accuracy}</td>
    }
}

fn measured(lab: Lab, request: &AllocationRequest) -> String {
    let criterion = lab.settings.a.criterion.get();
    match Accuracies::of(lab, request, criterion) {
        Some(accuracies) => accuracies.after_repair(),
        None => "not measured".to_owned(),
    }
}
