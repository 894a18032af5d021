//! Where a rule, and the label-free judge's choice, stand among all rules: over networks, sparsities
//! and repairs, as a page of Markdown.

use std::fmt::Write as _;

use rrlab_types::{Criterion, Repair, Rule, Sparsity, Standing, SweepReport};

use crate::markdown::{code, table};
use crate::output::NONE;

/// Who is held against all rules.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Contestant {
    /// Against every other rule.
    Rule(Rule),
    /// What the judge chose, against every rule that it did not choose.
    Judge,
}

/// A contestant at one sparsity and repair of a sweep.
struct Place {
    /// Points of accuracy before the best of the others; negative behind it.
    lead: f64,
    standing: Standing,
}

impl Contestant {
    fn place(self, report: &SweepReport, sparsity: Sparsity, repair: Repair) -> Option<Place> {
        let own = match self {
            Self::Rule(rule) => report.entry(rule, sparsity, repair)?,
            Self::Judge => report.judged_best(sparsity, repair)?,
        };
        let others = report.plan.rules.iter().filter(|rule| **rule != own.rule);
        let others = others.filter_map(|&rule| report.entry(rule, sparsity, repair));
        let best = others.max_by(|a, b| a.accuracy.total_cmp(&b.accuracy))?;
        let lead = 100.0 * (own.accuracy - best.accuracy);
        Some(Place { lead, standing: report.standing(own) })
    }
}

/// The whole page.
pub fn markdown(reports: &[SweepReport], rule: Rule) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    writeln!(page, "# Where `{rule}` and the judge's choice stand\n")?;
    writeln!(
        page,
        "Points of accuracy before the best of the other rules, on the same test images. **Bold** leads\n\
         every other beyond noise, = is the most accurate or can't be told apart from it, and what bears no\n\
         mark is beaten beyond noise (McNemar's test, p < 0.05, of one draw of calibration images); ? where\n\
         a sweep does not say which images were told right.\n"
    )?;
    writeln!(page, "{}\n", networks(reports))?;
    for (contestant, name) in
        [(Contestant::Rule(rule), code(rule)), (Contestant::Judge, "The judge's choice".to_owned())]
    {
        writeln!(page, "## {name}\n")?;
        for repair in repairs(reports) {
            let rows = rows(reports, contestant, repair);
            if !rows.is_empty() {
                writeln!(page, "After repair `{repair}`:\n")?;
                writeln!(page, "{}\n", table(header(reports), rows, 1))?;
            }
        }
        writeln!(page, "{}\n", tally(reports, contestant))?;
    }
    Ok(page)
}

/// What is compared on which images.
fn networks(reports: &[SweepReport]) -> impl std::fmt::Display {
    let row = |report: &SweepReport| {
        let rules: Vec<String> = report.plan.rules.iter().map(code).collect();
        vec![
            name(report),
            report.origin.model_hash.map_or_else(|| NONE.into(), |hash| hash.short()),
            format!("{:.1}", 100.0 * report.dense_accuracy),
            report.plan.evaluation_images.to_string(),
            report.plan.calibration_images.to_string(),
            report.plan.seed.to_string(),
            report.origin.device.clone(),
            rules.join(", "),
        ]
    };
    let header = [
        "sweep",
        "network",
        "dense",
        "test images",
        "calibration images",
        "seed",
        "device",
        "rules",
    ];
    table(header.map(String::from).to_vec(), reports.iter().map(row).collect(), 8)
}

fn name(report: &SweepReport) -> String {
    let masks = match report.plan.criterion {
        Criterion::Obs => ", in steps".to_owned(),
        Criterion::Magnitude => String::new(),
        criterion => format!(", by {criterion}"),
    };
    let forced: Vec<String> =
        report.plan.constraints.iter().map(|forced| format!(", {forced}")).collect();
    format!("{} on {}{masks}{}", report.architecture, report.origin.dataset, forced.concat())
}

/// All repairs of any of the sweeps, in the order in which they first come.
fn repairs(reports: &[SweepReport]) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for repair in reports.iter().flat_map(|report| &report.plan.repairs) {
        if !repairs.contains(repair) {
            repairs.push(*repair);
        }
    }
    repairs
}

/// All sparsities of any of the sweeps, in ascending order.
fn sparsities(reports: &[SweepReport]) -> Vec<Sparsity> {
    let mut all: Vec<Sparsity> =
        reports.iter().flat_map(|report| report.plan.sparsities.clone()).collect();
    all.sort_by(|a, b| a.get().total_cmp(&b.get()));
    all.dedup();
    all
}

fn header(reports: &[SweepReport]) -> Vec<String> {
    let sparsities = sparsities(reports);
    ["sweep".to_owned()].into_iter().chain(sparsities.iter().map(Sparsity::to_string)).collect()
}

/// A line for each sweep in which the contestant has a place after this repair.
fn rows(reports: &[SweepReport], contestant: Contestant, repair: Repair) -> Vec<Vec<String>> {
    let sparsities = sparsities(reports);
    let mut rows = Vec::new();
    for report in reports {
        let place = |&sparsity: &Sparsity| contestant.place(report, sparsity, repair);
        let places: Vec<Option<Place>> = sparsities.iter().map(place).collect();
        if places.iter().any(Option::is_some) {
            let cells = places.iter().map(|place| place.as_ref().map_or_else(|| NONE.into(), cell));
            rows.push([name(report)].into_iter().chain(cells).collect());
        }
    }
    rows
}

fn cell(place: &Place) -> String {
    let points = format!("{:+.1}", place.lead);
    match place.standing {
        Standing::Leads => format!("**{points}**"),
        Standing::WithinNoise => format!("= {points}"),
        Standing::Behind => points,
        Standing::Unknown => format!("{points} ?"),
    }
}

/// How often the contestant leads, is within noise and is beaten, over all places with a repair.
fn tally(reports: &[SweepReport], contestant: Contestant) -> String {
    let mut counts = [0; 3];
    for report in reports {
        for &repair in report.plan.repairs.iter().filter(|repair| **repair != Repair::None) {
            for &sparsity in &report.plan.sparsities {
                let Some(place) = contestant.place(report, sparsity, repair) else { continue };
                match place.standing {
                    Standing::Leads => counts[0] += 1,
                    Standing::WithinNoise => counts[1] += 1,
                    Standing::Behind => counts[2] += 1,
                    Standing::Unknown => {}
                }
            }
        }
    }
    let [leads, within, beaten] = counts;
    let all: usize = counts.iter().sum();
    format!(
        "Repaired, in {all} places, each a network, a sparsity and a repair: leads beyond noise in {leads}, \
         within noise of the best in {within}, beaten beyond noise in {beaten}."
    )
}
