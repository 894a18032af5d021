//! One layer: its curves, its channels, what every rule gives it, and why.

use leptos::prelude::*;
use rrlab_types::{
    CHANNEL_SPARSITIES, LayerProfile, LayerState, RepairOperator, Role, Rule, Sparsity,
};
use strum::VariantArray as _;

use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Mark, Series};
use crate::format::percent;
use crate::glossary::Term;
use crate::lab::Lab;
use crate::metric::LayerNumbers;

/// Bars of the histogram of RR over channels.
const BARS: usize = 20;

/// The layer that is chosen here, in the graph or in the table.
#[component]
pub fn LayerPane(lab: Lab) -> impl IntoView {
    let chosen = lab.settings.layer;
    let names = lab.layer_names();
    let chosen_index = Memo::new(move |_| chosen.with(|name| lab.layer_index(name)));
    let worst = Memo::new(move |_| lab.numbers_a.with(|numbers| worst_residual(numbers)));
    let index = Memo::new(move |_| chosen_index.get().or(worst.get()));
    view! {
        <div class="pane-head">
            <label class="inline">
                <span>"Layer"</span>
                <select id="layer" on:change:target=move |event| chosen.set(event.target().value())>
                    <option value="" selected=move || chosen_index.get().is_none()>
                        "the one with the largest residual under A"</option>
                    {names.into_iter().map(|name| {
                        let (value, text) = (name.clone(), name.clone());
                        view! { <option value=value selected=move || chosen.with(|chosen| *chosen == name)>{text}</option> }
                    }).collect_view()}
                </select>
            </label>
            <span class="faint">"Choose another here, in the graph or in the table."</span>
        </div>
        {move || index.get().map(|index| view! { <LayerView lab index /> })}
    }
}

/// The layer whose output is distorted most after repair; none where there is no allocation.
fn worst_residual(numbers: &[LayerNumbers]) -> Option<usize> {
    let residual = |index: &usize| numbers[*index].residual;
    (0..numbers.len()).max_by(|a, b| residual(a).total_cmp(&residual(b)))
}

#[component]
fn LayerView(lab: Lab, index: usize) -> impl IntoView {
    let layer = StoredValue::new(lab.profile.with_value(|profile| profile.layers[index].clone()));
    let sparsity = Memo::new(move |_| {
        lab.a.with(|outcome| {
            outcome.as_ref().ok().map(|allocation| 1.0 - allocation.layers[index].density)
        })
    });
    let operator = lab.settings.a.repair;
    let sparsities = layer.with_value(LayerProfile::sparsities);
    let (first, last) = (sparsities[0], sparsities[sparsities.len() - 1]);
    let mark = move || {
        sparsity
            .get()
            .filter(|s| (first..=last).contains(s))
            .map(|at| Mark { at, label: format!("A: {at:.3}") })
    };
    let axis = move || Axis::sparsity(first, last);
    let curve = move |values: Vec<f64>| sparsities.iter().copied().zip(values).collect::<Vec<_>>();
    let ratios = Memo::new(move |_| {
        layer.with_value(|layer| ChartSpec {
            x: axis(),
            y: Axis { min: Some(0.0), ..Axis::new("RR", AxisScale::Linear) },
            series: layer
                .residual
                .keys()
                .map(|&operator| {
                    let values =
                        sparsities.iter().map(|s| layer.rr_at(operator, 1.0 - s)).collect();
                    Series {
                        dashed: operator != lab.settings.a.repair.get(),
                        ..Series::line(operator.name(), curve(values))
                    }
                })
                .collect(),
            shade: None,
            mark: mark(),
            legend: true,
        })
    });
    let distortions = Memo::new(move |_| {
        layer.with_value(|layer| ChartSpec {
            x: axis(),
            y: Axis { min: Some(0.0), ..Axis::new("distortion over E[y²]", AxisScale::Linear) },
            series: [Series::line("raw", curve(layer.raw.clone()))]
                .into_iter()
                .chain(layer.residual.get(&operator.get()).map(|residual| {
                    Series::line(format!("residual, {}", operator.get()), curve(residual.clone()))
                }))
                .collect(),
            shade: None,
            mark: mark(),
            legend: true,
        })
    });
    let nearest = Memo::new(move |_| {
        nearest_channel_sparsity(sparsity.get().unwrap_or(CHANNEL_SPARSITIES[0]))
    });
    let channels = Memo::new(move |_| {
        layer.with_value(|layer| histogram(layer, operator.get(), nearest.get()))
    });
    let rules = Memo::new(move |_| {
        let global = lab.settings.a.sparsity.get();
        let density = |rule: Rule| {
            lab.by_rule(rule, global)
                .map_or(f64::NAN, |allocation| allocation.layers[index].density)
        };
        ChartSpec {
            x: Axis::names(Rule::VARIANTS.iter().map(Rule::to_string).collect()),
            y: Axis::new("density", AxisScale::Percent).between(0.0, 1.0),
            series: vec![Series::bars("density", Rule::VARIANTS.iter().copied().map(density))],
            shade: None,
            mark: None,
            legend: false,
        }
    });
    let head = layer.with_value(|layer| layer.name.clone());
    view! {
        <h2>{head}</h2>
        <p id="reason">{move || reason(lab, index)}</p>
        <div class="charts">
            <Chart settings=lab.settings lab name="rr"
                title=Signal::derive(|| "RR over sparsity, by repair operator (A’s unbroken)".to_owned()) spec=ratios />
            <Chart settings=lab.settings lab name="distortion"
                title=Signal::derive(|| "Raw and residual distortion".to_owned())
                spec=distortions />
            <Chart settings=lab.settings lab name="channels" spec=channels
                title=Signal::derive(move || format!("RR over channels at sparsity {}, from \
                    deciles", CHANNEL_SPARSITIES[nearest.get()])) />
            <Chart settings=lab.settings lab name="rules" spec=rules
                title=Signal::derive(move || format!("Density under every rule at {}, nothing \
                    forced", lab.settings.a.sparsity.get())) />
        </div>
        <p class="faint">
            <Term name="share" text="Share" />{move || format!(
                " of its residual stream: {:.3}. Variance of its output over E[y²]: {:.3}. ",
                layer.with_value(|layer| layer.share),
                layer.with_value(|layer| layer.variance),
            )}
            {layer.with_value(LayerProfile::sensitivity).map(|sensitivity| view! {
                <Term name="sensitivity" text="Sensitivity" />{format!(": {sensitivity:.3}.")}
            })}
        </p>
    }
}

fn nearest_channel_sparsity(sparsity: f64) -> usize {
    let far = |index: &usize| (CHANNEL_SPARSITIES[*index] - sparsity).abs();
    (0..CHANNEL_SPARSITIES.len()).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(0)
}

/// Shares of a layer's channels over RR, from the deciles that the profile keeps; straight between
/// them.
fn histogram(layer: &LayerProfile, operator: RepairOperator, at: usize) -> ChartSpec {
    let deciles = layer
        .channels
        .get(&operator)
        .and_then(|spread| spread.quantiles.get(at))
        .cloned()
        .unwrap_or_default();
    let low = 0.0f64.min(deciles.first().copied().unwrap_or(0.0));
    let high = 1.0f64.max(deciles.last().copied().unwrap_or(1.0));
    let width = (high - low) / BARS as f64;
    let edges: Vec<f64> = (0..=BARS).map(|bar| low + width * bar as f64).collect();
    let shares: Vec<f64> = edges
        .windows(2)
        .enumerate()
        .map(|(bar, edge)| {
            let last = bar + 1 == BARS;
            share_below(&deciles, if last { f64::INFINITY } else { edge[1] })
                - share_below(&deciles, edge[0])
        })
        .collect();
    ChartSpec {
        x: Axis::names(
            edges.windows(2).map(|edge| format!("{:.2}–{:.2}", edge[0], edge[1])).collect(),
        ),
        y: Axis { min: Some(0.0), ..Axis::new("share of channels", AxisScale::Percent) },
        series: vec![Series::bars("channels", shares)],
        shade: None,
        mark: None,
        legend: false,
    }
}

/// Fraction of channels below a value, by evenly spaced quantiles in ascending order.
fn share_below(quantiles: &[f64], value: f64) -> f64 {
    let steps = quantiles.len().saturating_sub(1).max(1) as f64;
    match quantiles.iter().position(|quantile| *quantile >= value) {
        None => 1.0,
        Some(0) => 0.0,
        Some(after) => {
            let (from, to) = (quantiles[after - 1], quantiles[after]);
            let share = if to > from { (value - from) / (to - from) } else { 0.0 };
            (after as f64 - 1.0 + share) / steps
        }
    }
}

/// Why A gives the layer what it gives, in words.
fn reason(lab: Lab, index: usize) -> String {
    let allocation = match lab.a.get() {
        Ok(allocation) => allocation,
        Err(problem) => return problem,
    };
    let layer = &allocation.layers[index];
    let kept = format!(
        "{} keeps {} of its {} weights, {}.",
        allocation.rule,
        layer.kept,
        layer.weights,
        percent(layer.density)
    );
    let why = match layer.state {
        LayerState::Forced => {
            let by = allocation
                .constraints
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            format!("A constraint forces it ({by}); the rule was not asked.")
        }
        LayerState::Capped => {
            "The rule wanted more than all of them: it is dense, and the rest went to the other \
            layers."
                .to_owned()
        }
        LayerState::Floor => {
            "The rule wanted less: this is the floor below which no layer goes.".to_owned()
        }
        LayerState::Free => because(lab, allocation.rule, index, layer.role, allocation.sparsity),
    };
    let collapse = if layer.is_near_collapse() {
        format!(
            " That is fewer than its {} outputs: some of them no longer depend on its input.",
            layer.shape[0]
        )
    } else {
        String::new()
    };
    format!("{kept} {why}{collapse}")
}

/// Why a rule that minimises a sum stops where it does.
fn balanced(cost: &str, weight: &str) -> String {
    format!(
        "Here one more weight would save as much {cost} as in every other layer that is neither \
        dense nor forced; {weight}."
    )
}

fn because(lab: Lab, rule: Rule, index: usize, role: Role, sparsity: Sparsity) -> String {
    let settings = lab.settings.a.request().settings;
    lab.profile.with_value(|profile| {
        let layer = &profile.layers[index];
        let shape = profile.graph.prunable_layers()[index].weight_shape.clone();
        let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let rr = layer.rr_at(settings.repair, sparsity.density().get());
        match rule {
            Rule::Uniform => "Every layer gets the same density.".to_owned(),
            Rule::UniformPlus => "Stem dense, classifier at least a fifth, the rest the same \
                density."
                .to_owned(),
            Rule::Er | Rule::Erk => format!(
                "Its density follows from its shape {} alone: sum of \
                the sides over their product.",
                shape.join("×")
            ),
            Rule::GlobalMagnitude => "So many of its weights are among the largest of the whole \
                network."
                .to_owned(),
            Rule::Lamp => "So many of its weights pass the one LAMP threshold of the whole \
                network."
                .to_owned(),
            Rule::RrProportional => format!(
                "Its RR at the global sparsity is {rr:.3}; density \
                goes with RR to the power {}.",
                settings.alpha
            ),
            Rule::Rr => {
                let sensitivity = layer.sensitivity().unwrap_or(f64::NAN);
                let weight = format!("weighted by the root of its sensitivity {sensitivity:.3}");
                balanced("noise over signal that repair leaves", &weight)
            }
            Rule::RrRatio => {
                let weight = if role == Role::Classifier {
                    format!("weighted {} as the classifier", settings.classifier_weight)
                } else {
                    format!(
                        "weighted by its share {:.3} to the power {}",
                        layer.share, settings.share_exponent
                    )
                };
                balanced("noise over signal that repair leaves", &weight)
            }
            Rule::ResidualOptimal => {
                balanced("residual distortion over variance", "all layers count alike")
            }
            Rule::RawOptimal => balanced("raw distortion over variance", "all layers count alike"),
            Rule::Blend => format!(
                "{}’s density times its RR over the mean ({rr:.3} at the \
                global sparsity), to the power {}.",
                Rule::from(settings.prior),
                settings.alpha
            ),
            Rule::BlendGeometric => {
                format!("The geometric mean of what {} and rr give it.", Rule::from(settings.prior))
            }
        }
    })
}
