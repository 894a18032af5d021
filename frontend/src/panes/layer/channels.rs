//! RR of a layer's channels: of each, where that is known, or how it is spread.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::{
    CHANNEL_SPARSITIES, ChannelProfile, ChannelRatio, LayerChannels, LayerProfile, RepairOperator,
};

use crate::chart::{Axis, AxisScale, ChartSpec, Series};
use crate::files;
use crate::gallery::GalleryNetwork;
use crate::lab::Lab;
use crate::run::RunInputs;

/// Bars of the histogram.
const BARS: usize = 20;

/// RR of every channel of the open profile, where it is known: measured here, opened, or of the gallery,
/// from where it is fetched when it is first asked for.
pub(super) fn of_profile(lab: Lab, inputs: RunInputs) -> Memo<Option<Arc<ChannelProfile>>> {
    let known = Memo::new(move |_| {
        let is_own = |channels: &Arc<ChannelProfile>| {
            lab.profile.with_value(|profile| channels.check_profile(profile).is_ok())
        };
        lab.channels.get().filter(is_own)
    });
    let address = inputs.exhibit().and_then(GalleryNetwork::channels);
    if let Some(address) = address.filter(|_| known.with_untracked(Option::is_none)) {
        leptos::task::spawn_local(async move {
            // Without it the spread is shown; and another profile may be open by now.
            if let Ok(channels) = files::channels(&address).await
                && lab
                    .profile
                    .try_get_value()
                    .is_some_and(|profile| channels.check_profile(&profile).is_ok())
            {
                lab.channels.set(Some(Arc::new(channels)));
            }
        });
    }
    known
}

/// What a chart of channels shows, in words.
pub(super) fn title(is_each: bool, at: usize) -> String {
    let sparsity = CHANNEL_SPARSITIES[at];
    match is_each {
        true => format!("RR of each channel at sparsity {sparsity}, the worst first"),
        false => format!("RR over channels at sparsity {sparsity}, from deciles"),
    }
}

/// RR of each channel at one of [`CHANNEL_SPARSITIES`], the worst first; nothing where the operator was
/// not measured.
pub(super) fn bars(
    layer: &LayerChannels,
    operator: RepairOperator,
    at: usize,
) -> Option<ChartSpec> {
    let ratios = layer.ratios.get(&operator)?.get(at)?;
    let mut order: Vec<usize> = (0..ratios.len()).collect();
    order.sort_by_key(|&channel| std::cmp::Reverse(ratios[channel]));
    let names = order.iter().map(|channel| format!("channel {channel}")).collect();
    let values = order.iter().map(|&channel| ratios[channel]).map(ChannelRatio::get);
    let y = Axis { min: Some(0.0), ..Axis::new("RR", AxisScale::Linear) };
    Some(ChartSpec::new(Axis::names(names), y, vec![Series::bars("RR", values)]))
}

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
