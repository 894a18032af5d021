//! Layers forced to another density: what the others lose or gain, and the paper's experiment.

use leptos::prelude::*;
use rrlab_types::{Allocation, AllocationRequest, Constraint, ForcedDensity, Role, Rule, Target};
use strum::VariantArray as _;

use super::compare::{ForceText, layer_names};
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::format::percent;
use crate::lab::{Lab, Side, allocate_on};
use crate::metric::Metric;
use crate::readout::Accuracies;
use crate::settings::{List, Part, Shown};

/// What a person forces, and what it does.
#[component]
pub fn AblationPane(lab: Lab) -> impl IntoView {
    view! {
        <div class="columns">
            <Show when=move || lab.settings.shows(Part::Force)><Forcing lab /></Show>
            <div class="story">
                <h2>"What this shows"</h2>
                <p>
                    "Capped ERK gives a layer density by its shape alone, so the small 1×1 \
                    projections are kept nearly dense while the regular \
                     convolutions, which hold nearly all weights, pay for them. "
                    "Forced to the density of the whole network, the projections give those \
                    weights back: if accuracy after repair rises, as \
                     the paper reports of ResNet18 and ResNet34, ERK protected the wrong place; the last table says what was measured here."
                </p>
            </div>
        </div>
        <Effects lab />
        <Experiment lab />
    }
}

/// Which layers are forced, and to what.
#[component]
fn Forcing(lab: Lab) -> impl IntoView {
    let force = lab.settings.a.force;
    let target = RwSignal::new("projection".to_owned());
    let density = RwSignal::new("global".to_owned());
    let value = RwSignal::new("0.2".to_owned());
    let refused = RwSignal::new(None::<String>);
    let add = move |_| {
        let density = match density.get_untracked().as_str() {
            "value" => value.get_untracked(),
            other => other.to_owned(),
        };
        match format!("{}={density}", target.get_untracked()).parse::<Constraint>() {
            Ok(constraint) => {
                refused.set(None);
                force.update(|force| {
                    force.0.retain(|other| other.target != constraint.target);
                    force.0.push(constraint);
                });
            }
            Err(error) => refused.set(Some(error.to_string())),
        }
    };
    let names = lab.layer_names();
    let roles: Vec<Role> = lab.profile.with_value(|profile| {
        let layers = profile.graph.prunable_layers();
        Role::VARIANTS
            .iter()
            .copied()
            .filter(|role| layers.iter().any(|layer| layer.role == *role))
            .collect()
    });
    let densities = [
        ("dense", "dense"),
        ("global", "the density of the whole network"),
        ("value", "this density"),
    ];
    let by_rule =
        Rule::VARIANTS.iter().map(|rule| (format!("rule:{rule}"), format!("what {rule} gives")));
    view! {
        <div class="forcing controls">
            <label>
                <span>"Force"</span>
                <select id="force-target"
                    on:change:target=move |event| target.set(event.target().value())>
                    <optgroup label="All layers of a role">
                        {roles.into_iter().map(|role| view! { <option value=role.name() selected=role == Role::Projection>{role.name()}</option> }).collect_view()}
                    </optgroup>
                    <optgroup label="One layer">
                        {names.into_iter().map(|name| view! { <option value=name.clone()>{name.clone()}</option> }).collect_view()}
                    </optgroup>
                </select>
            </label>
            <label>
                <span>"to"</span>
                <select id="force-density"
                    on:change:target=move |event| density.set(event.target().value())>
                    {densities.map(|(value, text)| view! { <option value=value selected=value == "global">{text}</option> }).into_iter().collect_view()}
                    {by_rule.map(|(value, text)| view! { <option value=value>{text}</option> }).collect_view()}
                </select>
            </label>
            <Show when=move || density.get() == "value">
                <label>
                    <span>"density"</span>
                    <input type="number" id="force-value" min="0.001" max="1" step="0.01"
                        prop:value=move || value.get()
                        on:change:target=move |event| value.set(event.target().value()) />
                </label>
            </Show>
            <button type="button" id="force-add" class="primary" on:click=add>"Force in A"</button>
            {move || refused.get().map(|problem| view! { <p class="problem" role="alert">{problem}</p> })}
            <ForceText lab side=Side::A />
            <Show when=move || force.with(|force| !force.0.is_empty())>
                <button type="button" id="force-clear"
                    on:click=move |_| force.set(List(Vec::new()))>"Force nothing"</button>
            </Show>
        </div>
    }
}

/// Weights and densities of all layers of a role.
fn of_role(allocation: &Allocation, role: Role) -> (usize, usize) {
    let layers = allocation.layers.iter().filter(|layer| layer.role == role);
    layers.fold((0, 0), |(kept, weights), layer| (kept + layer.kept, weights + layer.weights))
}

fn density_of_role(allocation: &Allocation, role: Role) -> Option<f64> {
    let (kept, weights) = of_role(allocation, role);
    (weights > 0).then(|| kept as f64 / weights as f64)
}

/// What A's constraints do to A.
#[component]
fn Effects(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    let free = Memo::new(move |_| {
        let request =
            rrlab_types::AllocationRequest { constraints: Vec::new(), ..settings.a.request() };
        lab.profile.with_value(|profile| allocate_on(profile, &request))
    });
    let rows = move |free: Allocation, forced: Allocation| {
        let row = |role: Role| {
            let ((before, weights), (after, _)) = (of_role(&free, role), of_role(&forced, role));
            (weights > 0).then(|| {
                view! {
                    <tr data-role=role.name()>
                        <th scope="row">{role.name()}</th>
                        <td>{before}</td><td>{after}</td>
                        <td data-value="moved">{format!("{:+}", after as i64 - before as i64)}</td>
                        <td>{percent(before as f64 / weights as f64)}</td>
                        <td>{percent(after as f64 / weights as f64)}</td>
                    </tr>
                }
            })
        };
        Role::VARIANTS.iter().copied().map(row).collect_view()
    };
    let spec = Memo::new(move |_| {
        let differences = match (free.get(), lab.a.get()) {
            (Ok(free), Ok(forced)) => free.diff(&forced).unwrap_or_default(),
            _ => Vec::new(),
        };
        ChartSpec {
            x: Axis::names(layer_names(lab)),
            y: Axis::new("change of density", AxisScale::Percent),
            series: vec![Series::bars(
                "forced − free",
                differences.iter().map(|layer| layer.density),
            )],
            shade: None,
            mark: None,
            legend: false,
        }
    });
    move || {
        if settings.a.force.with(|force| force.0.is_empty()) {
            let nothing = if settings.shows(Part::Force) {
                "Nothing is forced in A. Choose layers and a density above, or start with the \
                 paper’s experiment below."
            } else {
                "Nothing is forced in A."
            };
            return view! { <p class="empty">{nothing}</p> }.into_any();
        }
        match (free.get(), lab.a.get()) {
            (Ok(free), Ok(forced)) => view! {
                <h2>{format!("What forcing does to {}", settings.a.rule.get())}</h2>
                <div class="table" tabindex="0" role="group" aria-label="Effect by role">
                    <table id="effects">
                        <thead><tr>
                            <th scope="col">"role"</th><th scope="col">"kept, free"</th>
                            <th scope="col">"kept, forced"</th>
                            <th scope="col">"moved"</th><th scope="col">"density, free"</th>
                            <th scope="col">"density, forced"</th>
                        </tr></thead>
                        <tbody>{rows(free, forced)}</tbody>
                    </table>
                </div>
                <Chart settings=lab.settings lab name="forced"
                    title=Signal::derive(|| "Change of every layer’s density, projections marked ◆".to_owned()) spec height=300 />
            }
            .into_any(),
            (Err(problem), _) | (_, Err(problem)) => view! { <p class="problem" role="alert">{problem}</p> }.into_any(),
        }
    }
}

/// A rule with what it forces: one of the arms of the experiment.
#[derive(Clone)]
struct Arm {
    title: &'static str,
    rule: Rule,
    constraints: Vec<Constraint>,
}

impl Arm {
    fn all() -> [Self; 4] {
        let forced = |density| vec![Constraint { target: Target::Role(Role::Projection), density }];
        [
            Self { title: "capped ERK", rule: Rule::Erk, constraints: Vec::new() },
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

/// Capped ERK against projection-forced ERK against RR.
#[component]
fn Experiment(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    let start = move |_| {
        settings.a.rule.set(Rule::Erk);
        settings.a.force.set(List(Vec::new()));
        settings.b.rule.set(Rule::Erk);
        settings.b.force.set(List(Arm::all()[1].constraints.clone()));
        settings.b.sparsity.set(settings.a.sparsity.get_untracked());
        settings.metric.set(Metric::Density);
        settings.shown.set(Shown::Both);
    };
    let row = move |arm: Arm| {
        let request = arm.request(lab);
        let measured = Accuracies::of(lab, &request, settings.a.criterion.get())
            .map_or_else(|| "not measured".to_owned(), |accuracies| accuracies.after_repair());
        match lab.profile.with_value(|profile| allocate_on(profile, &request)) {
            Ok(allocation) => {
                let density = |role| density_of_role(&allocation, role).map_or_else(|| "–".to_owned(), percent);
                let (in_projections, _) = of_role(&allocation, Role::Projection);
                view! {
                    <tr>
                        <th scope="row">{arm.title}</th>
                        <td>{percent(in_projections as f64 / allocation.kept as f64)}</td>
                        <td>{density(Role::Projection)}</td><td>{density(Role::Conv)}</td>
                        <td>{density(Role::Stem)}</td><td>{density(Role::Classifier)}</td>
                        <td class="text">{measured}</td>
                    </tr>
                }
                .into_any()
            }
            Err(problem) => {
                view! { <tr><th scope="row">{arm.title}</th><td colspan="6" class="text">{problem}</td></tr> }
                    .into_any()
            }
        }
    };
    lab.has_projections().then(|| view! {
        <div class="pane-head">
            <h2>"The paper’s experiment at this sparsity"</h2>
            <Show when=move || [Part::Rule, Part::Force, Part::Compare].into_iter().all(|part| settings.shows(part))>
                <button type="button" id="experiment" class="primary" on:click=start>
                    "Show capped ERK beside projection-forced ERK"</button>
            </Show>
        </div>
        <div class="table" tabindex="0" role="group"
            aria-label="Capped ERK, projection-forced ERK and RR">
            <table id="arms">
                <thead><tr>
                    <th scope="col">"allocation"</th>
                    <th scope="col">"of the budget in projections"</th><th scope="col">"projections"</th>
                    <th scope="col">"convolutions"</th><th scope="col">"stem"</th>
                    <th scope="col">"classifier"</th>
                    <th scope="col">"accuracy after repair"</th>
                </tr></thead>
                <tbody>{move || Arm::all().map(row).into_iter().collect_view()}</tbody>
            </table>
        </div>
        <p class="faint">
            "Densities of all layers of a role together. Accuracy is from the open sweeps of this \
            very profile with these very settings; ≈ where it is interpolated between two \
            sparsities."</p>
    })
}
