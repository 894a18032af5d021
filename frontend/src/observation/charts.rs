//! What pruning did to each channel and what repair left, and how one channel's values are spread.

use rrlab_protocol::LayerObservation;
use rrlab_types::{NetworkState, ObservedChannel};

use crate::chart::{Axis, AxisScale, ChartSpec, Series};

/// How far off each channel is before and after repair, the worst after it first.
pub(super) fn errors(observation: &LayerObservation) -> ChartSpec {
    let order = observation.worst_first();
    let of_each = |error: fn(&ObservedChannel) -> Option<f64>| {
        let values = order.iter().map(|&channel| error(&observation.channels[channel]));
        values.map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<f64>>()
    };
    let y = Axis { min: Some(0.0), ..Axis::new("squared error over variance", AxisScale::Linear) };
    let series = vec![
        Series::bars(NetworkState::Pruned.to_string(), of_each(|channel| channel.pruned_error)),
        Series::bars(NetworkState::Repaired.to_string(), of_each(|channel| channel.repaired_error)),
    ];
    let names = order.iter().map(usize::to_string).collect();
    ChartSpec { legend: true, ..ChartSpec::new(Axis::names(names), y, series) }
}

/// How a channel's values are spread in each network.
pub(super) fn spread(channel: &ObservedChannel) -> ChartSpec {
    let ObservedChannel { low, high, spread, .. } = channel;
    let width = (high - low) / ObservedChannel::BINS as f64;
    let mut series = Vec::new();
    for (network, spread) in spread.map(|spread| &spread.histogram).each() {
        let middles = (0..spread.len()).map(|bin| low + width * (bin as f64 + 0.5));
        series
            .push(Series::line(network.to_string(), middles.zip(spread.iter().copied()).collect()));
    }
    // A channel that is constant everywhere has a range of no width.
    let margin = if low < high { 0.0 } else { 0.5 };
    let x = Axis::new("value", AxisScale::Linear).between(low - margin, high + margin);
    let y = Axis { min: Some(0.0), ..Axis::new("share of values", AxisScale::Percent) };
    ChartSpec { legend: true, ..ChartSpec::new(x, y, series) }
}
