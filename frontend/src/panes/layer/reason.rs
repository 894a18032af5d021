//! Why a layer gets what it gets, in words.

use leptos::prelude::*;
use rrlab_types::{LayerAllocation, LayerState, Role, Rule, Sparsity};

use crate::format::percent;
use crate::lab::Lab;

/// Why A gives the layer what it gives.
pub(super) fn reason(lab: Lab, index: usize) -> String {
    let allocation = match lab.a.get() {
        Ok(allocation) => allocation,
        Err(problem) => return problem,
    };
    let layer = &allocation.layers[index];
    let why = match layer.state {
        LayerState::Forced => {
            let constraints: Vec<String> =
                allocation.constraints.iter().map(ToString::to_string).collect();
            format!("A constraint forces it ({}); the rule was not asked.", constraints.join(", "))
        }
        LayerState::Capped => "The rule wanted more than all of them: it is dense, and the rest \
            went to the other layers."
            .to_owned(),
        LayerState::Floor => {
            "The rule wanted less: this is the floor below which no layer goes.".to_owned()
        }
        LayerState::Free => of_rule(lab, allocation.rule, (index, layer.role), allocation.sparsity),
    };
    format!("{} {why}{}", what_is_kept(allocation.rule, layer), collapse(layer))
}

fn what_is_kept(rule: Rule, layer: &LayerAllocation) -> String {
    let (kept, weights) = (layer.kept, layer.weights);
    format!("{} keeps {kept} of its {weights} weights, {}.", rule.label(), percent(layer.density))
}

/// A warning where the layer is near collapse; else nothing.
fn collapse(layer: &LayerAllocation) -> String {
    if !layer.is_near_collapse() {
        return String::new();
    }
    format!(
        " That is fewer than its {} outputs: some of them no longer depend on its input.",
        layer.shape[0]
    )
}

/// Why a rule that minimises a sum stops where it does.
fn balanced(cost: &str, weight: &str) -> String {
    format!(
        "The rule keeps the sum over all layers of {cost} least ({weight}): it stops where one weight more \
        would lower that sum as much here as in any other layer that is neither dense nor forced."
    )
}

/// Why the rule gives a layer that is neither forced, capped nor at the floor what it gives.
fn of_rule(lab: Lab, rule: Rule, (index, role): (usize, Role), sparsity: Sparsity) -> String {
    const NOISE: &str = "the noise that repair leaves, over the signal";
    let settings = lab.settings.a.request().settings;
    lab.profile.with_value(|profile| {
        let layer = &profile.layers[index];
        let rr = layer.rr_at(settings.repair, sparsity.density().get());
        match rule {
            Rule::Uniform => "Every layer gets the same density.".to_owned(),
            Rule::UniformPlus => {
                "Stem dense, classifier at least a fifth, the rest the same density.".to_owned()
            }
            Rule::Er | Rule::Erk => {
                let weights = &profile.graph.prunable_layers()[index].weight_shape;
                let sides: Vec<String> = weights.iter().map(ToString::to_string).collect();
                format!(
                    "Its density follows from its shape {} alone: sum of the sides over their \
                    product.",
                    sides.join("×")
                )
            }
            Rule::GlobalMagnitude => {
                "So many of its weights are among the largest of the whole network.".to_owned()
            }
            Rule::Lamp => {
                "So many of its weights pass the one LAMP threshold of the whole network."
                    .to_owned()
            }
            Rule::RrProportional => format!(
                "Its RR at the global sparsity is {rr:.3}; density goes with RR to the power {}.",
                settings.alpha
            ),
            Rule::Rr => {
                let sensitivity = layer.sensitivity().unwrap_or(f64::NAN);
                let weight = format!("weighted by the root of its sensitivity {sensitivity:.3}");
                balanced(NOISE, &weight)
            }
            Rule::RrRatio if role == Role::Classifier => {
                let weight = format!("weighted {} as the classifier", settings.classifier_weight);
                balanced(NOISE, &weight)
            }
            Rule::RrRatio => {
                let (share, exponent) = (layer.share, settings.share_exponent);
                let weight = format!("weighted by its share {share:.3} to the power {exponent}");
                balanced(NOISE, &weight)
            }
            Rule::ResidualOptimal => {
                balanced("residual distortion over variance", "all layers count alike")
            }
            Rule::RawOptimal => balanced("raw distortion over variance", "all layers count alike"),
            Rule::Blend => format!(
                "{}’s density times its RR over the mean ({rr:.3} at the global sparsity), to the \
                power {}.",
                Rule::from(settings.prior),
                settings.alpha
            ),
            Rule::BlendGeometric => {
                format!("The geometric mean of what {} and rr give it.", Rule::from(settings.prior))
            }
        }
    })
}
