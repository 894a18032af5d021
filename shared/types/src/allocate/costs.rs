//! Costs of layers as a function of density: the rules that minimise a sum.

use super::layer::Layer;
use super::solve::CostCurve;
use crate::graph::Role;
use crate::profile::{CURVE_SPARSITIES, LayerProfile};
use crate::rule::{Rule, RuleSettings};

/// Points between two neighbouring sparsities of a profile's curve.
const SUBDIVISIONS: usize = 3;
/// Points between the least density of a profile's curve and a single weight.
const BEYOND: usize = 6;
/// R/V from which R/(V − R) goes on along its tangent: repair may leave more than the variance,
/// where the ratio of noise to signal has a pole.
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

/// Cost of a layer over the weights that it keeps under `rr`, `residual_optimal` or `raw_optimal`;
/// nothing without a profile.
///
/// The cost never rises with kept weights: a repair may leave some of them out. A layer of a single
/// weight has lost all of its output's variance, whatever the last slope of its curve says; between
/// the curve's end and there the cost is a power of density.
pub fn curve(layer: &Layer, rule: Rule, settings: &RuleSettings) -> CostCurve {
    let Some(profile) = layer.profile.filter(|profile| profile.variance > 0.0) else {
        return CostCurve::free(layer.weights());
    };
    let weight = stream_weight(layer, profile, settings);
    let residual = |density: f64| profile.residual_at(settings.repair, density) / profile.variance;
    let cost = |density: f64| match rule {
        Rule::RawOptimal => profile.raw_at(density) / profile.variance,
        Rule::ResidualOptimal => residual(density),
        _ => noise_to_signal(residual(density)),
    };
    let cut = match rule {
        // All of E[y²], which is what the profile's distortions are relative to.
        Rule::RawOptimal => 1.0 / profile.variance,
        Rule::ResidualOptimal => 1.0,
        _ => noise_to_signal(1.0),
    };
    let single = 1.0 / layer.weights();
    let mut points: Vec<(f64, f64)> = Vec::new();
    for density in grid().filter(|&density| density > single).chain([1.0]) {
        points.push((density, cost(density)));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut points = [towards_single(single, cut, points[0]), points].concat();
    for index in 1..points.len() {
        points[index].1 = points[index].1.min(points[index - 1].1);
    }
    let scaled =
        points.into_iter().map(|(density, cost)| (layer.weights() * density, weight * cost));
    CostCurve::new(scaled.collect())
}

/// Points (density, cost) from a single weight to `first`, without it: straight in both logarithms.
fn towards_single(single: f64, cut: f64, first: (f64, f64)) -> Vec<(f64, f64)> {
    if first.1 <= 0.0 {
        return vec![(single, cut)];
    }
    let point = |step: usize| {
        let share = step as f64 / BEYOND as f64;
        (single * (first.0 / single).powf(share), cut * (first.1 / cut).powf(share))
    };
    (0..BEYOND).map(point).collect()
}

/// Densities of the profile's curves, refined.
fn grid() -> impl Iterator<Item = f64> {
    let between = CURVE_SPARSITIES.windows(2).flat_map(|pair| {
        let [high, low] = [1.0 - pair[0], 1.0 - pair[1]];
        (0..SUBDIVISIONS)
            .map(move |step| high * (low / high).powf(step as f64 / SUBDIVISIONS as f64))
    });
    between.chain([1.0 - CURVE_SPARSITIES[CURVE_SPARSITIES.len() - 1]])
}
