//! Costs of layers as a function of density: the rules that minimise a sum (`docs/method.md`,
//! section 5).

use super::solve::CostCurve;
use crate::allocation::LayerAllocation;
use crate::graph::{PrunableLayer, Role};
use crate::profile::LayerProfile;
use crate::repair::{Repair, RepairOperator};
use crate::rule::RuleSettings;

/// Densities at which costs are read, in equal ratios of 0.96: with an eighth as many, or even a
/// quarter, half of the layers of a network stand at the same few, the corners of the hulls.
const DENSITIES: usize = 192;
/// The least of them.
const LEAST_DENSITY: f64 = 5e-4;
/// Points between the least density that is read and a single weight.
const BEYOND: usize = 6;
/// Least share of signal, 1 − R/V, that a layer is taken to have: the ratio of noise to signal has
/// a pole where there is none.
const LEAST_SIGNAL: f64 = 1e-3;
/// R/V from which `rr_ratio` takes the ratio of noise to signal along its tangent.
const TANGENT_FROM: f64 = 0.9;

/// What a rule adds up over layers and makes as small as the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// √S·r/(1 − r): noise over signal, by what reaches the logits (`rr`).
    LogitNoise,
    /// ω·r/(1 − r): noise over signal, by what reaches the residual stream (`rr_ratio`).
    StreamNoise,
    /// R/V (`residual_optimal`).
    Residual,
    /// D/V (`raw_optimal`).
    Raw,
}

impl Cost {
    /// Cost of a layer over the weights that it keeps; nothing where the rule asks for a sensitivity
    /// that was not measured.
    ///
    /// The cost never rises with kept weights: a repair may leave some of them out. A layer of a
    /// single weight is as good as cut off, whatever the end of its measured curve says; between
    /// that end and there the cost is a power of density.
    pub fn curve(
        self,
        layer: &PrunableLayer,
        profile: &LayerProfile,
        settings: &RuleSettings,
    ) -> Option<CostCurve> {
        let weight = self.weight(layer.role, profile, settings)?;
        let weights = layer.weights as f64;
        if profile.variance <= 0.0 {
            return Some(CostCurve::free(weights));
        }
        let single = 1.0 / weights;
        let measured: Vec<(f64, f64)> = densities(single, profile)
            .map(|density| (density, self.at(profile, settings.repair, density)))
            .collect();
        let mut points = towards_single(single, self.cut(profile), measured[0]);
        points.extend(measured);
        for index in 1..points.len() {
            points[index].1 = points[index].1.min(points[index - 1].1);
        }
        let scaled = points.into_iter().map(|(density, cost)| (weights * density, weight * cost));
        Some(CostCurve::new(scaled.collect()))
    }

    /// Factor by which a layer's cost counts, if what it takes was measured.
    fn weight(self, role: Role, profile: &LayerProfile, settings: &RuleSettings) -> Option<f64> {
        match self {
            Self::LogitNoise => logit_weight(profile),
            Self::StreamNoise if role == Role::Classifier => Some(settings.classifier_weight),
            Self::StreamNoise => Some(profile.share.powf(settings.share_exponent)),
            Self::Residual | Self::Raw => Some(1.0),
        }
    }

    /// Cost of a layer of weight 1 at a density.
    fn at(self, profile: &LayerProfile, repair: RepairOperator, density: f64) -> f64 {
        let residual = |operator| profile.residual_at(operator, density) / profile.variance;
        match self {
            Self::LogitNoise => noise_to_signal(residual(unrepairable(repair))),
            Self::StreamNoise => noise_to_signal_by_tangent(residual(repair)),
            Self::Residual => residual(repair),
            Self::Raw => profile.raw_at(density) / profile.variance,
        }
    }

    /// The same of a layer that is cut off: all of its output's variance is lost, or without repair
    /// all of its second moment, which is what the profile's distortions are relative to.
    fn cut(self, profile: &LayerProfile) -> f64 {
        match self {
            Self::LogitNoise => noise_to_signal(1.0),
            Self::StreamNoise => noise_to_signal_by_tangent(1.0),
            Self::Residual => 1.0,
            Self::Raw => 1.0 / profile.variance,
        }
    }
}

/// What a layer of an allocation adds to the noise in the logits, √S·r/(1 − r): r is the share of its
/// output that `repair` can't bring back, as the curve has it, where [`Cost::curve`] makes it fall
/// all the way. Without repair there is nothing that scales the signal, and the whole distortion is
/// noise. Nothing where no sensitivity was measured.
pub fn logit_noise(profile: &LayerProfile, layer: &LayerAllocation, repair: Repair) -> Option<f64> {
    let weight = logit_weight(profile)?;
    if profile.variance <= 0.0 {
        return Some(0.0);
    }
    let noise = match measured_by(repair) {
        None => profile.raw_at(layer.density) / profile.variance,
        Some(_) if layer.kept == 1 && layer.weights > 1 => Cost::LogitNoise.cut(profile),
        Some(operator) => Cost::LogitNoise.at(profile, operator, layer.density),
    };
    Some(weight * noise)
}

/// The operator whose residual says what a repair can't bring back; none where nothing is repaired.
pub fn measured_by(repair: Repair) -> Option<RepairOperator> {
    match repair {
        Repair::None => None,
        // Before a batch norm it is variance matching.
        Repair::BnRecalibration => Some(RepairOperator::LeastSquares),
        Repair::Operator(operator) => Some(unrepairable(operator)),
    }
}

/// How much a layer's noise counts under `rr`, √S. No layer's noise can matter more than all of the
/// logits' variance.
fn logit_weight(profile: &LayerProfile) -> Option<f64> {
    profile.sensitivity().map(|share| share.min(1.0).sqrt())
}

/// The operator whose residual is what this repair can't bring back. A scale does not change the
/// ratio of noise to signal that follows it, so that for every channelwise operator it is the one
/// that leaves least.
fn unrepairable(repair: RepairOperator) -> RepairOperator {
    match repair {
        RepairOperator::VarianceMatching
        | RepairOperator::VarianceScale
        | RepairOperator::Layerwise
        | RepairOperator::Shrunk
        | RepairOperator::LeastSquares => RepairOperator::LeastSquares,
        RepairOperator::Reconstruction => RepairOperator::Reconstruction,
    }
}

/// Noise over signal of a layer that has lost `share` of its output's variance for good.
fn noise_to_signal(share: f64) -> f64 {
    share / (1.0 - share).max(LEAST_SIGNAL)
}

/// Noise over signal of a layer whose residual is `share` of its variance, from [`TANGENT_FROM`] on
/// along the tangent: an operator may leave more than the variance.
fn noise_to_signal_by_tangent(share: f64) -> f64 {
    let signal = 1.0 - share.min(TANGENT_FROM);
    share.min(TANGENT_FROM) / signal + (share - TANGENT_FROM).max(0.0) / (signal * signal)
}

/// Points (density, cost) from a single weight to `first`, without it: straight in both logarithms,
/// but for the step from one weight to two, which has nothing between.
fn towards_single(single: f64, cut: f64, first: (f64, f64)) -> Vec<(f64, f64)> {
    let mut points = vec![(single, cut)];
    if first.1 > 0.0 {
        for step in 1..BEYOND {
            let share = step as f64 / BEYOND as f64;
            let density = single * (first.0 / single).powf(share);
            if density >= 2.0 * single {
                points.push((density, cut * (first.1 / cut).powf(share)));
            }
        }
    }
    points
}

/// Densities at which a layer's cost is read, ascending: from the least that was measured, or two
/// weights where that is more, to dense.
fn densities(single: f64, profile: &LayerProfile) -> impl Iterator<Item = f64> {
    // What lies beyond the measured curve is not made up from its slope.
    let least = profile.least_density().max(2.0 * single);
    let ratio = |step: usize| step as f64 / (DENSITIES - 1) as f64;
    let sparse = (1..DENSITIES).rev().map(move |step| LEAST_DENSITY.powf(ratio(step)));
    let sparse = [least].into_iter().chain(sparse.filter(move |&density| density > least));
    sparse.filter(|&density| density < 1.0).chain([1.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_over_signal_has_its_pole_capped_or_replaced_by_its_tangent() {
        for (share, expected) in [(0.0, 0.0), (0.5, 1.0), (0.9, 9.0), (1.0, 1e3), (1.01, 1.01e3)] {
            assert!((noise_to_signal(share) - expected).abs() < 1e-9, "{share}");
        }
        for (share, expected) in [(0.0, 0.0), (0.5, 1.0), (0.9, 9.0), (1.0, 19.0), (1.1, 29.0)] {
            assert!((noise_to_signal_by_tangent(share) - expected).abs() < 1e-9, "{share}");
        }
    }
}
