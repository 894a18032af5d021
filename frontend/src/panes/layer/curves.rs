//! Charts of one layer over sparsity, and over the rules.

use rrlab_types::{LayerProfile, RepairOperator, Rule, Sparsity};
use strum::VariantArray as _;

use crate::chart::{Axis, AxisScale, ChartSpec, Mark, Series};
use crate::lab::Lab;
use crate::rule_look::rule_look;

/// RR under each operator that was measured; that of A unbroken, A's sparsity marked.
pub(super) fn ratios(
    layer: &LayerProfile,
    of_a: RepairOperator,
    sparsity: Option<f64>,
) -> ChartSpec {
    let sparsities = layer.sparsities();
    let mut series = Vec::new();
    for &operator in layer.residual.keys() {
        let points = sparsities.iter().map(|&s| (s, layer.rr_at(operator, 1.0 - s))).collect();
        let line = Series::line(operator.label(), points);
        series.push(Series { dashed: operator != of_a, ..line });
    }
    over_sparsity(layer, "RR", series, sparsity)
}

/// Raw distortion, and what the operator leaves of it where that was measured; A's sparsity
/// marked.
pub(super) fn distortions(
    layer: &LayerProfile,
    operator: RepairOperator,
    sparsity: Option<f64>,
) -> ChartSpec {
    let line = |name: String, curve: &[f64]| {
        Series::line(name, layer.sparsities().iter().copied().zip(curve.iter().copied()).collect())
    };
    let mut series = vec![line("raw".to_owned(), &layer.raw)];
    if let Some(residual) = layer.residual.get(&operator) {
        series.push(line(format!("residual, {}", operator.label()), residual));
    }
    over_sparsity(layer, "distortion over E[y²]", series, sparsity)
}

fn over_sparsity(
    layer: &LayerProfile,
    what: &str,
    series: Vec<Series>,
    sparsity: Option<f64>,
) -> ChartSpec {
    let sparsities = layer.sparsities();
    let (first, last) = (sparsities[0], sparsities[sparsities.len() - 1]);
    let mark = match sparsity {
        Some(at) if (first..=last).contains(&at) => Some(Mark { at, label: format!("A: {at:.3}") }),
        _ => None,
    };
    let y = Axis { min: Some(0.0), ..Axis::new(what, AxisScale::Linear) };
    ChartSpec { mark, legend: true, ..ChartSpec::new(Axis::sparsity(first, last), y, series) }
}

/// The density that each rule gives the layer at a sparsity; a gap where it can't be met.
pub(super) fn densities_by_rule(lab: Lab, global: Sparsity, index: usize) -> ChartSpec {
    let mut densities = Vec::new();
    for &rule in Rule::VARIANTS {
        let allocation = lab.by_rule(rule, global);
        densities.push(allocation.map_or(f64::NAN, |allocation| allocation.layers[index].density));
    }
    let axis = Axis { min: Some(0.0), ..Axis::new("density", AxisScale::Percent) };
    let bar_colours = Rule::VARIANTS.iter().map(|&rule| rule_look(rule).colour).collect();
    ChartSpec::new(
        Axis::names(Rule::VARIANTS.iter().map(|rule| rule.label().to_owned()).collect()),
        axis,
        vec![Series { bar_colours, ..Series::bars("density", densities) }],
    )
}
