//! Scores of layers: the rules that share out density in proportion to a number.

use super::error::AllocateError;
use super::layer::Layer;
use crate::bisect::bisect;
use crate::budget::Sparsity;
use crate::graph::{PrunableLayer, Role};
use crate::profile::LayerProfile;
use crate::rule::{Rule, RuleSettings};

/// Least density of the classifier under `uniform_plus` (Gale et al. 2019).
const CLASSIFIER_FLOOR: f64 = 0.2;

/// (in + out)/(in·out) (Mocanu et al. 2018).
pub fn er(layer: &PrunableLayer) -> f64 {
    let [out, input] = [layer.weight_shape[0], layer.weight_shape[1]].map(|size| size as f64);
    (input + out) / (input * out)
}

/// (in + out + kh + kw)/(in·out·kh·kw); for a linear layer that of [`er`] (Evci et al. 2020).
pub fn erk(layer: &PrunableLayer) -> f64 {
    let sum: usize = layer.weight_shape.iter().sum();
    sum as f64 / layer.weights as f64
}

/// RR at the target sparsity, to the power α, over its mean; a layer whose pruning distorts nothing
/// gets the least.
pub fn relative_repairability(
    profiles: &[&LayerProfile],
    sparsity: Sparsity,
    settings: &RuleSettings,
) -> Vec<f64> {
    let density = sparsity.density().get();
    let values: Vec<f64> =
        profiles.iter().map(|profile| profile.rr_at(settings.repair, density)).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let relative = |value: f64| if mean > 0.0 { (value / mean).max(1e-6) } else { 1.0 };
    values.into_iter().map(|value| relative(value).powf(settings.alpha)).collect()
}

/// Densities of `uniform_plus` that keep `left` weights: one density for all layers but where a
/// floor is higher.
///
/// # Errors
/// If the floors alone keep more.
pub fn uniform_plus(layers: &[Layer], left: usize) -> Result<Vec<f64>, AllocateError> {
    let floor = |layer: &Layer| match layer.shape.role {
        Role::Stem => 1.0,
        Role::Classifier => CLASSIFIER_FLOOR,
        Role::Conv | Role::Projection | Role::Hidden | Role::SqueezeExcite => 0.0,
    };
    let least: f64 =
        layers.iter().map(|layer| (floor(layer) * layer.weights()).ceil().max(1.0)).sum();
    if least > left as f64 {
        let weights: f64 = layers.iter().map(Layer::weights).sum();
        let high = 1.0 - least / weights;
        return Err(AllocateError::RuleFloor {
            rule: Rule::UniformPlus,
            least: least as usize,
            high,
        });
    }
    let kept =
        |uniform: f64| layers.iter().map(|layer| layer.weights() * uniform.max(floor(layer))).sum();
    let (_, uniform) = bisect(0.0, 1.0, left as f64, kept);
    Ok(layers.iter().map(|layer| uniform.max(floor(layer))).collect())
}
