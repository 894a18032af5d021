//! How RR is spread over the channels of a layer.

use rrlab_types::{CHANNEL_SPARSITIES, LayerProfile, RepairOperator};

use crate::chart::{Axis, AxisScale, ChartSpec, Series};

/// Bars of the histogram.
const BARS: usize = 20;

/// Index of the sparsity nearest to this one among those whose channels a profile keeps.
pub(super) fn nearest_channel_sparsity(sparsity: f64) -> usize {
    let far = |index: &usize| (CHANNEL_SPARSITIES[*index] - sparsity).abs();
    (0..CHANNEL_SPARSITIES.len()).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(0)
}

/// Shares of a layer's channels over RR, from the deciles that the profile keeps; straight between
/// them.
pub(super) fn histogram(layer: &LayerProfile, operator: RepairOperator, at: usize) -> ChartSpec {
    let deciles = layer
        .channels
        .get(&operator)
        .and_then(|spread| spread.quantiles.get(at))
        .cloned()
        .unwrap_or_default();
    let low = 0.0f64.min(deciles.first().copied().unwrap_or(0.0));
    let high = 1.0f64.max(deciles.last().copied().unwrap_or(1.0));
    let width = (high - low) / BARS as f64;
    let edges: Vec<f64> = (0..=BARS).map(|bar| low + width * bar as f64).collect();
    let shares: Vec<f64> = edges
        .windows(2)
        .enumerate()
        .map(|(bar, edge)| {
            let last = bar + 1 == BARS;
            share_below(&deciles, if last { f64::INFINITY } else { edge[1] })
                - share_below(&deciles, edge[0])
        })
        .collect();
    ChartSpec {
        x: Axis::names(
            edges.windows(2).map(|edge| format!("{:.2}–{:.2}", edge[0], edge[1])).collect(),
        ),
        y: Axis { min: Some(0.0), ..Axis::new("share of channels", AxisScale::Percent) },
        series: vec![Series::bars("channels", shares)],
        shade: None,
        mark: None,
        legend: false,
    }
}

/// Fraction of channels below a value, by evenly spaced quantiles in ascending order.
fn share_below(quantiles: &[f64], value: f64) -> f64 {
    let steps = quantiles.len().saturating_sub(1).max(1) as f64;
    match quantiles.iter().position(|quantile| *quantile >= value) {
        None => 1.0,
        Some(0) => 0.0,
        Some(after) => {
            let (from, to) = (quantiles[after - 1], quantiles[after]);
            let share = if to > from { (value - from) / (to - from) } else { 0.0 };
            (after as f64 - 1.0 + share) / steps
        }
    }
}
