//! Costs of layers as a function of density: the rules that minimise a sum.

use super::Layer;
use super::solve::CostCurve;
use crate::graph::Role;
use crate::profile::{CURVE_SPARSITIES, LayerProfile};
use crate::rule::{Rule, RuleSettings};

/// Points between two neighbouring sparsities of a profile's curve.
const SUBDIVISIONS: usize = 3;
/// Densities below the profile's least, where curves go on with their last slope: factors on it.
const BEYOND: [f64; 4] = [0.5, 0.25, 0.1, 0.02];
/// R/V from which R/(V − R) goes on along its tangent: repair may leave more than the variance, where the ratio of
/// noise to signal has a pole.
const TANGENT_FROM: f64 = 0.9;

/// Noise over signal of a layer whose residual is `share` of its variance.
fn noise_to_signal(share: f64) -> f64 {
    let ratio = |share: f64| share / (1.0 - share);
    if share <= TANGENT_FROM {
        ratio(share)
    } else {
        ratio(TANGENT_FROM) + (share - TANGENT_FROM) / ((1.0 - TANGENT_FROM) * (1.0 - TANGENT_FROM))
    }
}

/// ω^β: how much of the layer's noise reaches the stream that it joins.
fn stream_weight(layer: &Layer, profile: &LayerProfile, settings: &RuleSettings) -> f64 {
    if layer.shape.role == Role::Classifier {
        settings.classifier_weight
    } else {
        profile.share.powf(settings.share_exponent)
    }
}

/// Cost of a layer over density under `rr`, `residual_optimal` or `raw_optimal`; nothing without a profile.
pub fn curve(layer: &Layer, rule: Rule, settings: &RuleSettings) -> CostCurve {
    let Some(profile) = layer.profile.filter(|profile| profile.variance > 0.0) else {
        return CostCurve::free(layer.weights());
    };
    let weight = stream_weight(layer, profile, settings);
    let cost = |density: f64| match rule {
        Rule::RawOptimal => profile.raw_at(density) / profile.variance,
        Rule::ResidualOptimal => profile.residual_at(settings.repair, density) / profile.variance,
        _ => noise_to_signal(profile.residual_at(settings.repair, density) / profile.variance),
    };
    let least = 1.0 / layer.weights();
    let points = grid().filter(|&density| density > least).chain([least, 1.0]);
    CostCurve::new(points.map(|density| (layer.weights() * density, weight * cost(density))).collect())
}

/// Densities of the profile's curves, refined and continued.
fn grid() -> impl Iterator<Item = f64> {
    let between = CURVE_SPARSITIES.windows(2).flat_map(|pair| {
        let [high, low] = [1.0 - pair[0], 1.0 - pair[1]];
        (0..SUBDIVISIONS).map(move |step| high * (low / high).powf(step as f64 / SUBDIVISIONS as f64))
    });
    let least = 1.0 - CURVE_SPARSITIES[CURVE_SPARSITIES.len() - 1];
    between.chain([least]).chain(BEYOND.map(|factor| factor * least))
}
