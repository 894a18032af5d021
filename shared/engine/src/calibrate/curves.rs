//! From moments of channels to what a profile keeps of a layer.

use rrlab_types::{
    Affine, CHANNEL_QUANTILES, CHANNEL_SPARSITIES, CURVE_SPARSITIES, ChannelMoments, ChannelSpread, LayerProfile,
    RepairOperator, ScoreSketch, lamp_scores, significant,
};
use strum::VariantArray as _;

/// Sketches of a layer's scores.
pub struct LayerScores {
    magnitude: ScoreSketch,
    lamp: ScoreSketch,
}

impl LayerScores {
    /// Of every layer of a network, from its weights.
    pub fn of_network(layers: &[&[f32]]) -> Vec<Self> {
        let magnitudes = |weights: &&[f32]| weights.iter().map(|weight| f64::from(weight.abs())).collect();
        let magnitudes = ScoreSketch::of_network(layers.iter().map(magnitudes).collect());
        let lamp = ScoreSketch::of_network(layers.iter().map(|weights| lamp_scores(weights)).collect());
        magnitudes.into_iter().zip(lamp).map(|(magnitude, lamp)| Self { magnitude, lamp }).collect()
    }
}

/// The profile of a layer from the moments of its channels, `[sparsity][channel]`.
pub fn layer_profile(name: &str, moments: &[Vec<ChannelMoments>], share: f64, scores: LayerScores) -> LayerProfile {
    let dense = &moments[0];
    let second_moment: f64 = dense.iter().map(ChannelMoments::second_moment).sum();
    let variance: f64 = dense.iter().map(|channel| channel.variance).sum();
    let over_second = |value: f64| if second_moment > 0.0 { significant(value / second_moment) } else { 0.0 };
    let raw = moments.iter().map(|channels| over_second(raw_distortions(channels).iter().sum())).collect();
    let residual = RepairOperator::VARIANTS.iter().map(|&operator| {
        let curve = moments.iter().map(|channels| over_second(residual_distortions(operator, channels).iter().sum()));
        (operator, curve.collect())
    });
    LayerProfile {
        name: name.into(),
        second_moment: significant(second_moment),
        variance: over_second(variance),
        share: significant(share),
        raw,
        residual: residual.collect(),
        channels: RepairOperator::VARIANTS
            .iter()
            .map(|&operator| (operator, channel_spread(operator, moments)))
            .collect(),
        magnitude: scores.magnitude,
        lamp: scores.lamp,
    }
}

/// D_c of each channel.
fn raw_distortions(channels: &[ChannelMoments]) -> Vec<f64> {
    channels.iter().map(|channel| channel.distortion(Affine::IDENTITY)).collect()
}

/// R_c of each channel.
fn residual_distortions(operator: RepairOperator, channels: &[ChannelMoments]) -> Vec<f64> {
    let maps = operator.maps(channels);
    channels.iter().zip(maps).map(|(channel, map)| channel.distortion(map)).collect()
}

fn channel_spread(operator: RepairOperator, moments: &[Vec<ChannelMoments>]) -> ChannelSpread {
    let quantiles = CHANNEL_SPARSITIES.iter().map(|sparsity| {
        let level = CURVE_SPARSITIES.iter().position(|known| known == sparsity).unwrap_or(0);
        let channels = &moments[level];
        let ratios = residual_distortions(operator, channels).into_iter().zip(raw_distortions(channels));
        let mut ratios: Vec<f64> = ratios.map(|(r, d)| if d > 0.0 { r / d } else { 0.0 }).collect();
        ratios.sort_by(f64::total_cmp);
        (0..CHANNEL_QUANTILES).map(|step| coarse(quantile(&ratios, step))).collect()
    });
    ChannelSpread { quantiles: quantiles.collect() }
}

/// The `step`-th of [`CHANNEL_QUANTILES`] quantiles, interpolated.
fn quantile(sorted: &[f64], step: usize) -> f64 {
    let at = (sorted.len() - 1) as f64 * step as f64 / (CHANNEL_QUANTILES - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    sorted[below] + share * (sorted[(below + 1).min(sorted.len() - 1)] - sorted[below])
}

/// Four significant digits: a quantile is looked at, not computed with.
fn coarse(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
