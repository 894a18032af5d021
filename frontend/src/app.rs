//! The page: controls, graph, table. Every number follows from profile, rule and sparsity by `rrlab-types`.

use leptos::prelude::*;
use rrlab_types::{
    Allocation, AllocationRequest, Evidence, ModelProfile, RepairOperator, Rule, RuleSettings, Sparsity, allocate,
};

use crate::colour;
use crate::graph_view::GraphView;
use crate::profile_source::bundled_profile;

/// Sparsity at which the page opens.
const FIRST_SPARSITY: f64 = 0.95;
/// Sparsities that the slider reaches.
const SLIDER: (f64, f64) = (0.5, 0.995);

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let profile = LocalResource::new(bundled_profile);
    view! {
        <main>
            <header>
                <h1>"Repairability Lab"</h1>
                <p>
                    "Pruning damages every layer; a cheap repair undoes part of it. Relative repairability (RR) is the part that is left: \
                    near 0 repair mends the layer, at 1 it does nothing, above 1 it makes things worse."
                </p>
            </header>
            {move || match profile.get() {
                None => view! { <p class="panel faint" role="status">"Loading the profile …"</p> }.into_any(),
                Some(Err(problem)) => view! { <p class="panel error" role="alert">{problem.clone()}</p> }.into_any(),
                Some(Ok(profile)) => view! { <Lab profile=profile.clone() /> }.into_any(),
            }}
        </main>
    }
}

/// Controls, graph and table of one profile.
#[component]
fn Lab(profile: ModelProfile) -> impl IntoView {
    let caption = caption(&profile);
    let profile = StoredValue::new(profile);
    let sparsity = RwSignal::new(FIRST_SPARSITY);
    let rule = RwSignal::new(Rule::Rr);
    let result = Memo::new(move |_| {
        let sparsity = Sparsity::new(sparsity.get()).map_err(|error| error.to_string())?;
        let request = AllocationRequest {
            rule: rule.get(),
            sparsity,
            settings: RuleSettings::default(),
            constraints: Vec::new(),
        };
        profile.with_value(|profile| allocate(Evidence::Profile(profile), &request)).map_err(|error| error.to_string())
    });
    let allocation = Memo::new(move |_| result.get().ok());
    let problem = move || result.get().err().map(|problem| view! { <p class="panel error" role="alert">{problem}</p> });
    view! {
        <section class="panel controls" aria-label="Budget">
            <label class="wide">
                "Sparsity of the whole network"
                <span class="slider">
                    <input type="range" id="sparsity" min=SLIDER.0 max=SLIDER.1 step="0.005" aria-label="Sparsity"
                        prop:value=move || sparsity.get().to_string()
                        on:input:target=move |event| set_number(sparsity, &event.target().value()) />
                    <input type="number" id="sparsity-value" min="0" max="0.9999" step="0.001" aria-label="Sparsity, typed"
                        prop:value=move || sparsity.get().to_string()
                        on:change:target=move |event| set_number(sparsity, &event.target().value()) />
                </span>
            </label>
            <label>
                "Rule that shares out the budget"
                <select id="rule" prop:value=move || rule.get().name()
                    on:change:target=move |event| if let Ok(chosen) = event.target().value().parse() { rule.set(chosen) }>
                    {Rule::ALL.map(|choice| view! {
                        <option value=choice.name() selected=move || rule.get() == choice>{choice.name()}</option>
                    }).to_vec()}
                </select>
            </label>
            <Legend />
        </section>
        {problem}
        <section class="panel">
            <h2>{caption}</h2>
            <GraphView profile allocation repair=RepairOperator::default() />
            <p class="faint">
                "Rounded boxes are projections; dashed lines are shortcuts. RR is that of variance matching at the density that each layer keeps."
            </p>
        </section>
        <section class="panel">
            <h2>{move || allocation.with(summary)}</h2>
            <LayerTable profile allocation />
        </section>
    }
}

fn set_number(signal: RwSignal<f64>, text: &str) {
    if let Ok(value) = text.parse() {
        signal.set(value);
    }
}

fn caption(profile: &ModelProfile) -> String {
    let measured = &profile.measurement;
    format!(
        "{} on {}, measured on {} {} images without labels (seed {}, {}, {})",
        profile.graph.architecture,
        measured.dataset,
        measured.images,
        measured.split,
        measured.seed,
        measured.device,
        measured.program
    )
}

fn summary(allocation: &Option<Allocation>) -> String {
    let Some(allocation) = allocation else { return "No allocation".to_owned() };
    format!("{} keeps {} of {} weights", allocation.rule, allocation.kept, allocation.weights())
}

/// What the colours mean, with an axis.
#[component]
fn Legend() -> impl IntoView {
    view! {
        <div class="legend wide" role="img" aria-label="Colour scale of relative repairability from 0, repaired, over 1, no effect, to 2, made worse">
            <span>"RR: what repair leaves of the damage"</span>
            <span class="bar" style=format!("background: {}", colour::gradient())></span>
            <span class="axis"><span>"0 mended"</span><span>"1 no effect"</span><span>"2 worse"</span></span>
        </div>
    }
}

/// Every prunable layer's numbers.
#[component]
fn LayerTable(profile: StoredValue<ModelProfile>, allocation: Memo<Option<Allocation>>) -> impl IntoView {
    let rows = move || {
        let allocation = allocation.get()?;
        let row = |(index, layer): (usize, &rrlab_types::LayerAllocation)| {
            let rr = profile.with_value(|p| p.layers[index].rr_at(RepairOperator::default(), layer.density));
            view! {
                <tr data-layer=layer.name.clone()>
                    <td>{layer.name.clone()}</td>
                    <td>{layer.role.name()}</td>
                    <td>{layer.weights}</td>
                    <td data-value="kept">{layer.kept}</td>
                    <td>
                        {format!("{:.4}", layer.density)}
                        <span class="density"><span style=format!("width: {:.1}%", 100.0 * layer.density)></span></span>
                    </td>
                    <td>{format!("{rr:.3}")}</td>
                    <td>{layer.state.name()}</td>
                </tr>
            }
        };
        Some(allocation.layers.iter().enumerate().map(row).collect::<Vec<_>>())
    };
    view! {
        <div class="table" tabindex="0" role="group" aria-label="Layers, scrolls sideways">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"layer"</th><th scope="col">"role"</th><th scope="col">"weights"</th><th scope="col">"kept"</th>
                        <th scope="col">"density"</th><th scope="col">"RR"</th><th scope="col">"state"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}
