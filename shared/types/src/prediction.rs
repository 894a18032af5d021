//! What a profile predicts of pruned networks, to be held against what was measured of them
//! (`docs/method.md`, section 9).

use crate::allocate::{logit_noise, measured_by};
use crate::allocation::Allocation;
use crate::profile::{ModelProfile, UnmeasuredOperator};
use crate::repair::Repair;

/// Why a profile predicts nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictionError {
    /// It was measured before sensitivity was.
    #[error(
        "the profile does not say how much each layer matters to the logits: `rrlab calibrate` measures it anew"
    )]
    NoSensitivity,
    /// It was measured without this repair.
    #[error(transparent)]
    Unmeasured(#[from] UnmeasuredOperator),
    /// The allocation is another network's.
    #[error(
        "the allocation has {found} layers and the profile {expected}: they are not of one network"
    )]
    OtherNetwork {
        /// Layers of the profile.
        expected: usize,
        /// Layers of the allocation.
        found: usize,
    },
}

/// The noise over signal that a repair leaves in the logits of a pruned network, Σ √S·r/(1 − r) over
/// its layers: what rule `rr` makes as small as the budget allows.
///
/// # Errors
/// If the profile lacks what that takes, or has other layers.
pub fn predicted_noise(
    profile: &ModelProfile,
    allocation: &Allocation,
    repair: Repair,
) -> Result<f64, PredictionError> {
    let (expected, found) = (profile.layers.len(), allocation.layers.len());
    if expected != found {
        return Err(PredictionError::OtherNetwork { expected, found });
    }
    if let Some(operator) = measured_by(repair) {
        profile.check_residual(operator)?;
    }
    let mut noise = 0.0;
    for (layer, kept) in profile.layers.iter().zip(&allocation.layers) {
        noise += logit_noise(layer, kept, repair).ok_or(PredictionError::NoSensitivity)?;
    }
    Ok(noise)
}

/// Spearman's rank correlation, −1 to 1: the correlation of ranks, equal values sharing the mean of
/// theirs. Nothing where one side is the same everywhere.
///
/// ```
/// use rrlab_types::rank_correlation;
///
/// assert_eq!(rank_correlation(&[(1.0, 9.0), (2.0, 5.0), (30.0, 4.0)]), Some(-1.0));
/// assert_eq!(rank_correlation(&[(1.0, 5.0), (2.0, 5.0)]), None);
/// ```
pub fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let first = centred_ranks(pairs.iter().map(|pair| pair.0).collect());
    let second = centred_ranks(pairs.iter().map(|pair| pair.1).collect());
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let scale = (product(&first, &first) * product(&second, &second)).sqrt();
    (scale > 0.0).then(|| product(&first, &second) / scale)
}

/// Ranks of these values less the mean rank.
fn centred_ranks(values: Vec<f64>) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + 0.5 * equal as f64
    };
    let mean = 0.5 * values.len() as f64;
    values.iter().map(|value| rank(value) - mean).collect()
}
