//! From moments of channels to what a profile keeps of a layer.

use std::collections::BTreeMap;

use rrlab_types::{
    Affine, CHANNEL_QUANTILES, CHANNEL_SPARSITIES, CURVE_SPARSITIES, ChannelMoments, ChannelRatio,
    ChannelSpread, ChannelwiseOperator, LayerChannels, LayerProfile, RepairOperator, ScoreSketch,
    falling_lamp_scores, magnitude_order, significant,
};
use strum::VariantArray as _;

use crate::threads;

/// Sketches of a layer's scores.
pub struct LayerScores {
    magnitude: ScoreSketch,
    lamp: ScoreSketch,
}

impl LayerScores {
    /// Sketches of every layer of a network, from the layers' weights.
    pub fn of_network(layers: &[&[f32]]) -> Vec<Self> {
        // Either score falls in the order of magnitude.
        let falling = |layer: usize| {
            let weights = layers[layer];
            let order = magnitude_order(weights);
            let magnitude = |&index: &usize| f64::from(weights[index].abs());
            let magnitudes: Vec<f64> = order.iter().map(magnitude).collect();
            (magnitudes, falling_lamp_scores(weights, &order))
        };
        let (magnitudes, lamp): (Vec<_>, Vec<_>) =
            threads::map_range(layers.len(), falling).into_iter().unzip();
        let (magnitudes, lamp) =
            threads::join(|| ScoreSketch::of_network(magnitudes), || ScoreSketch::of_network(lamp));
        let pairs = magnitudes.into_iter().zip(lamp);
        pairs.map(|(magnitude, lamp)| Self { magnitude, lamp }).collect()
    }
}

/// What a layer's output means to the rest of the network.
pub struct Importance {
    /// Share of its side in the variance of the residual sum that it joins.
    pub share: f64,
    /// S of each output channel.
    pub sensitivity: Vec<f64>,
}

/// The profile of a layer, and RR of its channels, from the moments of its channels at each of
/// [`CURVE_SPARSITIES`], `[sparsity][channel]`.
pub fn layer_profile(
    name: &str,
    moments: &[Vec<ChannelMoments>],
    importance: Importance,
    scores: LayerScores,
) -> (LayerProfile, LayerChannels) {
    // Mean and variance of the dense output are the same at every sparsity.
    let dense = &moments[0];
    let second_moment: f64 = dense.iter().map(ChannelMoments::second_moment).sum();
    let variance: f64 = dense.iter().map(|channel| channel.variance).sum();
    // Curves are kept in parts of Σ E[y²], so that layers can be compared; a layer that puts out
    // nothing loses nothing.
    let over_second =
        |value: f64| if second_moment > 0.0 { significant(value / second_moment) } else { 0.0 };
    let raw_of =
        |channels: &Vec<ChannelMoments>| over_second(raw_distortions(channels).iter().sum());
    let residual = ChannelwiseOperator::VARIANTS.iter().map(|&operator| {
        let residual_of = |channels: &Vec<ChannelMoments>| {
            over_second(residual_distortions(operator, channels).iter().sum())
        };
        (operator.into(), moments.iter().map(residual_of).collect())
    });
    let mut channels = BTreeMap::new();
    let mut measured = LayerChannels { name: name.into(), ratios: BTreeMap::new() };
    for &operator in ChannelwiseOperator::VARIANTS {
        let of_channels =
            channel_ratios(moments, |level| residual_distortions(operator, &moments[level]));
        channels.insert(operator.into(), spread(&of_channels));
        measured.ratios.insert(operator.into(), kept_ratios(&of_channels));
    }
    let profile = LayerProfile {
        name: name.into(),
        second_moment: significant(second_moment),
        variance: over_second(variance),
        share: significant(importance.share),
        channel_sensitivity: importance.sensitivity.into_iter().map(coarse).collect(),
        raw: moments.iter().map(raw_of).collect(),
        residual: residual.collect(),
        channels,
        magnitude: scores.magnitude,
        lamp: scores.lamp,
    };
    (profile, measured)
}

/// Adds what reconstruction leaves of each channel at each of [`CURVE_SPARSITIES`],
/// `[sparsity][channel]`, to the profile of a layer with these moments and to RR of its channels.
///
/// Least squares bounds it: that is one of the weights it chooses among. Where it was not solved, it
/// is taken to leave the same part of what least squares leaves as at the next higher sparsity: it
/// leaves less, since the more weights are kept, the more of them can make up for those that are
/// not. A channel's residual never rises with kept weights, since some of them may be left out.
pub fn add_reconstruction(
    (profile, measured): (&mut LayerProfile, &mut LayerChannels),
    moments: &[Vec<ChannelMoments>],
    solved: Vec<Option<Vec<f64>>>,
) {
    let channels = moments[0].len();
    let mut parts = vec![1.0; channels];
    let mut sparser = vec![f64::INFINITY; channels];
    let mut residuals = Vec::with_capacity(solved.len());
    for (solved, moments) in solved.into_iter().zip(moments).rev() {
        let mapped = residual_distortions(ChannelwiseOperator::LeastSquares, moments);
        if let Some(solved) = solved {
            for ((part, solved), mapped) in parts.iter_mut().zip(solved).zip(&mapped) {
                *part = if *mapped > 0.0 { (solved / mapped).min(1.0) } else { 1.0 };
            }
        }
        for ((sparser, part), mapped) in sparser.iter_mut().zip(&parts).zip(mapped) {
            *sparser = sparser.min(part * mapped);
        }
        residuals.push(sparser.clone());
    }
    residuals.reverse();
    let second_moment: f64 = moments[0].iter().map(ChannelMoments::second_moment).sum();
    let over_second = |channels: &Vec<f64>| {
        let sum: f64 = channels.iter().sum();
        if second_moment > 0.0 { significant(sum / second_moment) } else { 0.0 }
    };
    let operator = RepairOperator::Reconstruction;
    profile.residual.insert(operator, residuals.iter().map(over_second).collect());
    let of_channels = channel_ratios(moments, |level| residuals[level].clone());
    profile.channels.insert(operator, spread(&of_channels));
    measured.ratios.insert(operator, kept_ratios(&of_channels));
}

/// D_c = E[(y − ŷ)²] of each channel: what is lost without repair.
fn raw_distortions(channels: &[ChannelMoments]) -> Vec<f64> {
    channels.iter().map(|channel| channel.distortion(Affine::IDENTITY)).collect()
}

/// R_c = E[(y − a_c·ŷ − b_c)²] of each channel: what is lost under the operator's maps.
fn residual_distortions(operator: ChannelwiseOperator, channels: &[ChannelMoments]) -> Vec<f64> {
    let maps = operator.maps(channels);
    channels.iter().zip(maps).map(|(channel, map)| channel.distortion(map)).collect()
}

/// R_c/D_c of each channel at each of [`CHANNEL_SPARSITIES`]; `residuals` gives the R_c at one of
/// [`CURVE_SPARSITIES`].
fn channel_ratios(
    moments: &[Vec<ChannelMoments>],
    residuals: impl Fn(usize) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let mut ratios = Vec::new();
    for sparsity in CHANNEL_SPARSITIES {
        let level = CURVE_SPARSITIES.iter().position(|known| *known == sparsity).unwrap_or(0);
        let distortions = residuals(level).into_iter().zip(raw_distortions(&moments[level]));
        // A channel that lost nothing leaves nothing to repair.
        let ratio = |(residual, raw): (f64, f64)| if raw > 0.0 { residual / raw } else { 0.0 };
        ratios.push(distortions.map(ratio).collect());
    }
    ratios
}

/// Quantiles over channels, `[sparsity][channel]`.
fn spread(ratios: &[Vec<f64>]) -> ChannelSpread {
    let quantiles = |ratios: &Vec<f64>| {
        let mut sorted = ratios.clone();
        sorted.sort_by(f64::total_cmp);
        (0..CHANNEL_QUANTILES).map(|step| coarse(quantile(&sorted, step))).collect()
    };
    ChannelSpread { quantiles: ratios.iter().map(quantiles).collect() }
}

/// As [`LayerChannels`] has them.
fn kept_ratios(ratios: &[Vec<f64>]) -> Vec<Vec<ChannelRatio>> {
    let of_channels = |ratios: &Vec<f64>| ratios.iter().copied().map(ChannelRatio::new).collect();
    ratios.iter().map(of_channels).collect()
}

/// The `step`-th of [`CHANNEL_QUANTILES`] quantiles, interpolated.
fn quantile(sorted: &[f64], step: usize) -> f64 {
    let at = (sorted.len() - 1) as f64 * step as f64 / (CHANNEL_QUANTILES - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + share * (sorted[above] - sorted[below])
}

/// Four significant digits: a quantile is looked at, not computed with, and a sensitivity is known
/// to about two.
fn coarse(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments of a channel of which least squares leaves just the removed part.
    fn keeping(density: f64) -> ChannelMoments {
        ChannelMoments {
            mean: 0.0,
            variance: 1.0,
            pruned_mean: 0.0,
            pruned_variance: density,
            covariance: density,
        }
    }

    #[test]
    fn where_it_was_not_solved_reconstruction_follows_least_squares() {
        let moments: Vec<_> = CURVE_SPARSITIES.iter().map(|s| vec![keeping(1.0 - s); 2]).collect();
        // One channel keeps half of what least squares leaves, the other more than all.
        let solved = |s: &f64| (*s >= 0.8).then(|| vec![0.5 * s, 2.0 * s]);
        let importance = Importance { share: 1.0, sensitivity: vec![0.5; 2] };
        let scores = LayerScores::of_network(&[&[1.0, 2.0]]).remove(0);
        let (mut profile, mut channels) = layer_profile("conv", &moments, importance, scores);
        add_reconstruction(
            (&mut profile, &mut channels),
            &moments,
            CURVE_SPARSITIES.iter().map(solved).collect(),
        );
        let curve = &profile.residual[&RepairOperator::Reconstruction];
        for (sparsity, residual) in CURVE_SPARSITIES.iter().zip(curve) {
            let expected = (0.5 + 1.0) / 2.0 * sparsity;
            assert!((residual - expected).abs() < 1e-5, "{sparsity}: {residual}, {expected}");
        }
    }
}
