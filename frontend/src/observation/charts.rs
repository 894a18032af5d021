//! What pruning did to each channel and what repair left, and how one channel's values are spread.

use rrlab_protocol::LayerObservation;
use rrlab_types::ObservedChannel;

use crate::chart::{Axis, AxisScale, ChartSpec, Series};

/// Raw and residual distortion of each channel, the worst after repair first.
pub(super) fn distortions(observation: &LayerObservation) -> ChartSpec {
    let order = observation.worst_first();
    let of_each = |distortion: fn(&ObservedChannel) -> Option<f64>| {
        let values = order.iter().map(|&channel| distortion(&observation.channels[channel]));
        values.map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<f64>>()
    };
    let y = Axis { min: Some(0.0), ..Axis::new("distortion over variance", AxisScale::Linear) };
    let series = vec![
        Series::bars("pruned", of_each(|channel| channel.raw)),
        Series::bars("repaired", of_each(|channel| channel.residual)),
    ];
    let names = order.iter().map(usize::to_string).collect();
    ChartSpec { legend: true, ..ChartSpec::new(Axis::names(names), y, series) }
}

/// How a channel's values are spread in each network.
pub(super) fn spread(channel: &ObservedChannel) -> ChartSpec {
    let ObservedChannel { low, high, spread, .. } = channel;
    let width = (high - low) / ObservedChannel::BINS as f64;
    let mut series = Vec::new();
    for (network, spread) in spread.map(|spread| &spread.histogram).named() {
        let middles = (0..spread.len()).map(|bin| low + width * (bin as f64 + 0.5));
        series.push(Series::line(network, middles.zip(spread.iter().copied()).collect()));
    }
    let x = Axis::new("value behind the batch norm", AxisScale::Linear).between(*low, *high);
    let y = Axis { min: Some(0.0), ..Axis::new("share of values", AxisScale::Percent) };
    ChartSpec { legend: true, ..ChartSpec::new(x, y, series) }
}
