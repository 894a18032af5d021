//! What reconstruction leaves of a layer at every sparsity, from its second moments
//! (`docs/method.md`, section 3).
//!
//! Weights join a channel's kept set by falling magnitude in the whole layer, so that kept sets are
//! nested, and so are the Cholesky factors of their covariances: one factor at the largest set
//! gives the residual at every smaller one, v − Σ zᵢ² over the first of z = L⁻¹t.

use super::error::CalibrationError;
use super::layer_sums::LayerSums;
use crate::ridge::{Inputs, NotPositiveDefinite};
use crate::threads;
use crate::watch::{Progress, Stopped};

/// Kept weights of a channel, on average, up to which curves are computed whatever the density: a
/// factor takes their cube.
const FEW_KEPT: usize = 256;
/// The same at densities up to [`HALF`], from which next to nothing is left of the residual.
const MOST_KEPT: usize = 384;
/// Part of a layer's weights.
const HALF: f64 = 0.5;
/// Channels that are computed before the watcher hears of it.
const CHANNELS_BETWEEN_WATCHES: usize = 16;

/// `E[(y − ŵᵀx − b)²]` of each channel where the layer keeps so many weights; nothing where they are
/// more than is worth solving for.
///
/// # Shapes
/// - `kept`: a count for each sparsity, in any order
/// - output: `[sparsity][channel]`
///
/// # Errors
/// If the layer, of this name, can't be solved, or the watcher ends it.
pub async fn residuals(
    name: &str,
    sums: &LayerSums<'_>,
    kept: &[usize],
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Vec<Option<Vec<f64>>>, CalibrationError> {
    let layer = sums.layer();
    let most = most_kept(layer.weights.len(), layer.channels, kept);
    let solved: Vec<usize> = kept.iter().copied().filter(|&kept| kept <= most).collect();
    let curves = Curves { groups: sums.moments().groups(), sums, kept: &solved };
    let mut channels: Vec<Vec<f64>> = Vec::with_capacity(layer.channels);
    while channels.len() < layer.channels {
        let first = channels.len();
        let count = CHANNELS_BETWEEN_WATCHES.min(layer.channels - first);
        let solved = threads::map_range(count, |channel| curves.of_channel(first + channel));
        for curve in solved {
            let unsolvable =
                |NotPositiveDefinite| CalibrationError::Unsolvable { layer: name.into() };
            channels.push(curve.map_err(unsolvable)?);
        }
        watch(Progress::Solving).await?;
    }
    let mut levels = Vec::with_capacity(kept.len());
    for kept in kept {
        let level = solved.iter().position(|solved| solved == kept);
        levels.push(level.map(|level| channels.iter().map(|curve| curve[level]).collect()));
    }
    Ok(levels)
}

/// Kept weights of a layer up to which its channels are solved: the largest count that is worth it,
/// else the smallest.
fn most_kept(weights: usize, channels: usize, kept: &[usize]) -> usize {
    let half = (HALF * weights as f64).round() as usize;
    let most = (FEW_KEPT * channels).max(half.min(MOST_KEPT * channels));
    let worth = kept.iter().filter(|&&kept| kept <= most);
    let least = || kept.iter().min().copied().unwrap_or_default();
    worth.max().copied().unwrap_or_else(least)
}

/// What the curves of a layer's channels are computed from.
struct Curves<'a> {
    /// What the output channels of each group are regressed on.
    groups: Vec<Inputs<'a>>,
    sums: &'a LayerSums<'a>,
    kept: &'a [usize],
}

impl Curves<'_> {
    /// One channel's residuals at each count of the layer's kept weights.
    fn of_channel(&self, channel: usize) -> Result<Vec<f64>, NotPositiveDefinite> {
        let (entries, product) = (self.sums.entries(channel), self.sums.product(channel));
        let of_group = self.sums.layer().channels / self.groups.len();
        let inputs = self.groups[channel / of_group];
        let (mean, second) = self.sums.dense(channel);
        let variance = (second - mean * mean).max(0.0);

        let most = self.kept.iter().max().copied().unwrap_or_default();
        let joined = entries.partition_point(|entry| entry.place() < most);
        let order: Vec<usize> = entries[..joined].iter().map(|entry| entry.index()).collect();
        let covariance = |&entry: &usize| f64::from(product[entry]) - inputs.mean()[entry] * mean;
        let targets: Vec<f64> = order.iter().map(covariance).collect();
        let mut residuals = vec![variance];
        for solved in inputs.factor(&order)?.factor.forward(&targets) {
            let before = residuals[residuals.len() - 1];
            residuals.push((before - solved * solved).max(0.0));
        }

        let mut curve = Vec::with_capacity(self.kept.len());
        for &kept in self.kept {
            curve.push(residuals[entries.partition_point(|entry| entry.place() < kept)]);
        }
        Ok(curve)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, read_sync};
    use rrlab_types::{Conv2d, Op};

    use super::*;
    use crate::calibrate::second_moments::{InputMoments, PatchSums};
    use crate::calibrate::weights::LayerWeights;
    use crate::transfer::upload;
    use crate::watch::unwatched;

    const PATCH: usize = 27;

    /// Values between −1 and 1 of a fixed pattern.
    fn values(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|index| (index * step % 97) as f32 / 48.0 - 1.0).collect()
    }

    fn moments() -> InputMoments {
        let op = Op::Conv2d(Conv2d::square(3, 4, 3));
        let device = Device::flex();
        let input: Tensor<4> = upload(&values(5 * 3 * 49, 31), [5, 3, 7, 7], &device);
        let mut sums = PatchSums::new(op, PATCH);
        let of_batch = sums.of_batch(op, &input);
        read_sync(sums.add(of_batch, 5 * 49)).unwrap();
        read_sync(sums.moments()).unwrap()
    }

    #[test]
    fn nested_factors_leave_what_separate_ones_leave() {
        let moments = moments();
        let layer = LayerWeights::new(values(4 * PATCH, 41), 4);
        let kept = [1, 5, 30, 54, 80, 107];
        let sums = LayerSums::new(&layer, &moments);
        let nested = read_sync(residuals("conv", &sums, &kept, unwatched)).unwrap();
        let inputs = moments.groups()[0];
        for (level, &kept) in kept.iter().enumerate() {
            for channel in 0..4 {
                let weights = &layer.weights[channel * PATCH..][..PATCH];
                let product = sums.product(channel);
                let mean: f64 =
                    weights.iter().zip(inputs.mean()).map(|(w, m)| f64::from(*w) * m).sum();
                let second: f64 =
                    weights.iter().zip(product).map(|(w, p)| f64::from(*w) * f64::from(*p)).sum();
                let entries = sums.entries(channel).iter();
                let stays: Vec<usize> = entries
                    .filter(|entry| entry.place() < kept)
                    .map(|entry| entry.index())
                    .collect();
                let target: Vec<f64> = stays
                    .iter()
                    .map(|&entry| f64::from(product[entry]) - inputs.mean()[entry] * mean)
                    .collect();
                let solved = inputs.factor(&stays).unwrap().factor.solve(&target);
                let accounted: f64 = solved.iter().zip(&target).map(|(w, t)| w * t).sum();
                let expected = second - mean * mean - accounted;
                let found = nested[level].as_ref().unwrap()[channel];
                assert!((found - expected).abs() < 1e-9, "{kept}: {found} against {expected}");
            }
        }
    }

    #[test]
    fn wide_layers_are_solved_as_far_as_it_is_worth() {
        let most = |channels: usize, patch: usize| {
            let kept: Vec<usize> = (1..=20).map(|part| part * channels * patch / 20).collect();
            most_kept(channels * patch, channels, &kept)
        };
        assert_eq!(most(10, 200), 2000, "all of few weights");
        assert_eq!(most(10, 600), 3000, "half of more");
        assert_eq!(most(10, 4000), 2000, "of many, the last count below the most");
        assert_eq!(most(10, 40_000), 20_000, "the least, though it is more");
    }
}
