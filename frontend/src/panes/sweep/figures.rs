//! The lines of sweeps: rules beside each other, and repairs under one rule.

use rrlab_types::{Crossing, RecoverabilityTransition, Repair, Rule, Sparsity, SweepDraws};

use crate::chart::{Axis, AxisScale, ChartSpec, Mark, Series, Shade};
use crate::rule_look::rule_look;

/// What is drawn of a sweep.
pub(super) struct Lines {
    /// The repair after which accuracy is drawn.
    pub repair: Repair,
    /// Whether accuracy before repair is drawn too.
    pub before_repair: bool,
    /// The rule whose transition is shaded.
    pub of_a: Rule,
}

impl Lines {
    /// A line for each rule that is shown, and one before repair where that is asked.
    pub fn spec(&self, draws: &SweepDraws, is_shown: impl Fn(Rule) -> bool) -> ChartSpec {
        let plan = &draws.first().plan;
        let mut series = Vec::new();
        for &rule in plan.rules.iter().filter(|rule| is_shown(**rule)) {
            series.push(line(draws, rule, self.repair));
            if self.before_repair {
                let before = line(draws, rule, Repair::None);
                series.push(Series { note: "before repair", dashed: true, ..before });
            }
        }
        let sparsities = plan.ascending_sparsities().into_iter().map(Sparsity::get);
        let sparsities: Vec<f64> = sparsities.collect();
        let low = sparsities.first().copied().unwrap_or(0.5);
        let high = sparsities.last().copied().unwrap_or(0.99);
        let RecoverabilityTransition { begin, end } = draws.transition(self.of_a, self.repair);
        ChartSpec {
            x: Axis { ticks: sparsities, ..Axis::sparsity(low, high) },
            shade: shade(begin, end, (low, high)).map(|(from, to)| Shade {
                from,
                to,
                label: format!("transition of {}", self.of_a.label()),
            }),
            legend: true,
            ..ChartSpec::new(Axis::sparsity(low, high), accuracy(), series)
        }
    }
}

/// The lines with A's sparsity marked, where they reach it.
pub(super) fn marked(lines: ChartSpec, sparsity: Sparsity) -> ChartSpec {
    let is_reached = |at: &f64| {
        lines.x.min.is_none_or(|low| *at >= low) && lines.x.max.is_none_or(|high| *at <= high)
    };
    let mark = Some(sparsity.get()).filter(is_reached).map(|at| Mark { at, label: "A".into() });
    ChartSpec { mark, ..lines }
}

/// Accuracy from none to all.
fn accuracy() -> Axis {
    Axis::new("accuracy", AxisScale::Percent).between(0.0, 1.0)
}

/// Mean accuracy of a rule after a repair, with its standard error where every point has one.
fn line(draws: &SweepDraws, rule: Rule, repair: Repair) -> Series {
    let line = draws.line(rule, repair);
    let points = line.iter().map(|(sparsity, entry)| (sparsity.get(), entry.accuracy())).collect();
    let errors: Option<Vec<f64>> = line.iter().map(|(_, entry)| entry.standard_error()).collect();
    Series {
        errors: errors.unwrap_or_default(),
        look: Some(rule_look(rule)),
        ..Series::line(rule.label(), points)
    }
}

/// What the bands around lines are.
pub(super) fn bands_legend(draws: &SweepDraws) -> &'static str {
    if draws.reports().len() > 1 {
        "Bands: one standard error of the mean, over draws of calibration images and over test images."
    } else {
        "Bands: one standard error, over test images alone. Open the same sweep of other seeds to see \
        what the draw of calibration images adds."
    }
}

/// Accuracy over sparsity under one rule, a line for each way in which sweeps pruned, repaired and
/// distilled.
pub(super) fn ladder<'a>(sweeps: impl Iterator<Item = &'a SweepDraws>, rule: Rule) -> ChartSpec {
    let mut series: Vec<Series> = Vec::new();
    for sweep in sweeps {
        let plan = &sweep.first().plan;
        for &repair in &plan.repairs {
            let name = plan.treatment(repair);
            let rung = Series { name, look: None, ..line(sweep, rule, repair) };
            let is_known = series.iter().any(|series| series.name == rung.name);
            if !rung.points.is_empty() && !is_known {
                series.push(rung);
            }
        }
    }
    let points = series.iter().flat_map(|series| &series.points);
    let mut ticks: Vec<f64> = points.map(|point| point.0).collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    let (low, high) = (ticks.first().copied().unwrap_or(1.0), ticks.last().copied().unwrap_or(0.0));
    let x = Axis { ticks, ..Axis::sparsity(low, high) };
    ChartSpec { legend: true, ..ChartSpec::new(x, accuracy(), series) }
}

/// The part of a transition between the least and the largest sparsity.
fn shade(begin: Crossing, end: Crossing, (low, high): (f64, f64)) -> Option<(f64, f64)> {
    let from = match begin {
        Crossing::Before => low,
        Crossing::At(sparsity) => sparsity,
        Crossing::NotReached => return None,
    };
    match end {
        Crossing::Before => None,
        Crossing::At(to) => Some((from, to)),
        Crossing::NotReached => Some((from, high)),
    }
}
