//! What each rule wants, and the whole numbers of weights that come of it.

use super::costs::Cost;
use super::error::AllocateError;
use super::layer::Layer;
use super::request::AllocationRequest;
use super::{rounding, scores, solve};
use crate::profile::LayerProfile;
use crate::rule::Rule;

/// Counts that the rule gives these layers so that they keep exactly `left` weights.
///
/// # Errors
/// If the rule needs a profile that is not there, or keeps more than `left` whatever the budget.
pub fn rule_counts(
    layers: &[Layer],
    left: usize,
    request: &AllocationRequest,
) -> Result<Vec<usize>, AllocateError> {
    let densities = densities(layers, left, request)?;
    let wanted: Vec<f64> =
        layers.iter().zip(&densities).map(|(layer, density)| layer.weights() * density).collect();
    let weights: Vec<usize> = layers.iter().map(|layer| layer.shape.weights).collect();
    Ok(rounding::to_counts(&wanted, &weights, left))
}

/// Densities that the rule wants for these layers so that they keep `left` weights, before
/// rounding.
fn densities(
    layers: &[Layer],
    left: usize,
    request: &AllocationRequest,
) -> Result<Vec<f64>, AllocateError> {
    let AllocationRequest { rule, sparsity, settings, .. } = request;
    let weights: Vec<f64> = layers.iter().map(Layer::weights).collect();
    let left_weights = left as f64;
    let profiles = || -> Result<Vec<&LayerProfile>, AllocateError> {
        let missing = AllocateError::NeedsProfile { rule: *rule };
        layers.iter().map(|layer| layer.profile).collect::<Option<_>>().ok_or(missing)
    };
    let by_score = |scores: Vec<f64>| Ok(solve::proportional(&weights, &scores, left_weights));
    let by_cost = |cost: Cost| -> Result<Vec<f64>, AllocateError> {
        let mut curves = Vec::new();
        for (layer, profile) in layers.iter().zip(profiles()?) {
            let curve = cost.curve(&layer.shape, profile, settings);
            curves.push(curve.ok_or(AllocateError::NeedsSensitivity { rule: *rule })?);
        }
        Ok(solve::least_cost(&weights, &curves, left_weights))
    };
    let of_rule =
        |rule: Rule| densities(layers, left, &AllocationRequest { rule, ..request.clone() });
    match rule {
        Rule::Uniform => by_score(vec![1.0; layers.len()]),
        Rule::UniformPlus => scores::uniform_plus(layers, left),
        Rule::Er => by_score(layers.iter().map(|layer| scores::er(&layer.shape)).collect()),
        Rule::Erk => by_score(layers.iter().map(|layer| scores::erk(&layer.shape)).collect()),
        Rule::GlobalMagnitude => {
            let sketches: Vec<_> = profiles()?.iter().map(|profile| &profile.magnitude).collect();
            Ok(solve::threshold(&weights, &sketches, left_weights))
        }
        Rule::Lamp => {
            let sketches: Vec<_> = profiles()?.iter().map(|profile| &profile.lamp).collect();
            Ok(solve::threshold(&weights, &sketches, left_weights))
        }
        Rule::RrProportional => {
            by_score(scores::relative_repairability(&profiles()?, *sparsity, settings))
        }
        Rule::Rr => by_cost(Cost::LogitNoise),
        Rule::RrRatio => by_cost(Cost::StreamNoise),
        Rule::ResidualOptimal => by_cost(Cost::Residual),
        Rule::RawOptimal => by_cost(Cost::Raw),
        Rule::Blend => {
            let prior = of_rule(settings.prior.into())?;
            let repairability = scores::relative_repairability(&profiles()?, *sparsity, settings);
            by_score(prior.iter().zip(&repairability).map(|(density, rr)| density * rr).collect())
        }
        Rule::BlendGeometric => {
            let (prior, rr) = (of_rule(settings.prior.into())?, of_rule(Rule::Rr)?);
            by_score(prior.iter().zip(&rr).map(|(prior, rr)| (prior * rr).sqrt()).collect())
        }
    }
}
