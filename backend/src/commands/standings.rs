//! Where a rule, and the label-free judge's choice, stand among all rules: over networks, sparsities
//! and repairs, as a page of Markdown.

use std::fmt::Write as _;

use rrlab_types::{Repair, Rule, SIGNIFICANCE, Sparsity, Standing, SweepDraws, SweepPlan};

use crate::markdown::{code, table};
use crate::output::NONE;

/// Who is held against all rules.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Contestant {
    /// Against every other rule.
    Rule(Rule),
    /// What the judge chose, against every rule that it did not choose in all draws.
    Judge,
}

/// A contestant at one sparsity and repair of a sweep.
struct Place {
    /// Points of accuracy before the best of the others; negative behind it.
    lead: f64,
    standing: Standing,
}

impl Contestant {
    fn place(self, draws: &SweepDraws, sparsity: Sparsity, repair: Repair) -> Option<Place> {
        let own = match self {
            Self::Rule(rule) => draws.entry(rule, sparsity, repair)?,
            Self::Judge => draws.judged_best(sparsity, repair)?,
        };
        let best = draws.best_other(&own)?;
        let lead = 100.0 * (own.accuracy() - best.accuracy());
        Some(Place { lead, standing: draws.standing(&own) })
    }
}

/// The whole page, of a rule and the judge, or of the judge alone.
pub fn markdown(sweeps: &[SweepDraws], rule: Option<Rule>) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    let mut contestants = vec![(Contestant::Judge, "The judge's choice".to_owned())];
    if let Some(rule) = rule {
        writeln!(page, "# Where `{rule}` and the judge's choice stand\n")?;
        contestants.insert(0, (Contestant::Rule(rule), code(rule)));
    } else {
        writeln!(page, "# Where the judge's choice stands\n")?;
    }
    writeln!(
        page,
        "Points of accuracy before the best of the other rules, on the same test images. **Bold** leads\n\
         every other beyond noise, = is the most accurate or can't be told apart from it, and what bears no\n\
         mark is beaten beyond noise (p < {SIGNIFICANCE}: McNemar's test of one draw of calibration images, or\n\
         Student's t where several seeds are named); ? where a sweep does not say which images were told\n\
         right.\n"
    )?;
    writeln!(page, "{}\n", networks(sweeps))?;
    for (contestant, name) in contestants {
        writeln!(page, "## {name}\n")?;
        for repair in repairs(sweeps) {
            let rows = rows(sweeps, contestant, repair);
            if !rows.is_empty() {
                writeln!(page, "After repair `{repair}`:\n")?;
                writeln!(page, "{}\n", table(header(sweeps), rows, 1))?;
            }
        }
        writeln!(page, "{}\n", tally(sweeps, contestant))?;
    }
    Ok(page)
}

/// What is compared on which images.
fn networks(sweeps: &[SweepDraws]) -> impl std::fmt::Display {
    let row = |draws: &SweepDraws| {
        let report = draws.first();
        let rules: Vec<String> = report.plan.rules.iter().map(code).collect();
        vec![
            draws.first().title(),
            report.origin.model_hash.map_or_else(|| NONE.into(), |hash| hash.short()),
            format!("{:.1}", 100.0 * report.dense_accuracy),
            report.plan.evaluation_images.to_string(),
            format!(
                "{}{}{}",
                report.plan.calibration_images,
                report.origin.calibration_dataset_in_words(),
                report.plan.calibration_class_in_words()
            ),
            draws.seeds(),
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
    table(header.map(String::from).to_vec(), sweeps.iter().map(row).collect(), 8)
}

fn plans(sweeps: &[SweepDraws]) -> impl Iterator<Item = &SweepPlan> {
    sweeps.iter().map(|draws| &draws.first().plan)
}

/// All repairs of any of the sweeps, in the order in which they first come.
fn repairs(sweeps: &[SweepDraws]) -> Vec<Repair> {
    let mut repairs = Vec::new();
    for repair in plans(sweeps).flat_map(|plan| &plan.repairs) {
        if !repairs.contains(repair) {
            repairs.push(*repair);
        }
    }
    repairs
}

/// All sparsities of any of the sweeps, in ascending order.
fn sparsities(sweeps: &[SweepDraws]) -> Vec<Sparsity> {
    let mut all: Vec<Sparsity> = plans(sweeps).flat_map(|plan| plan.sparsities.clone()).collect();
    all.sort_by(|a, b| a.get().total_cmp(&b.get()));
    all.dedup();
    all
}

fn header(sweeps: &[SweepDraws]) -> Vec<String> {
    let sparsities = sparsities(sweeps);
    ["sweep".to_owned()].into_iter().chain(sparsities.iter().map(Sparsity::to_string)).collect()
}

/// A line for each sweep in which the contestant has a place after this repair.
fn rows(sweeps: &[SweepDraws], contestant: Contestant, repair: Repair) -> Vec<Vec<String>> {
    let sparsities = sparsities(sweeps);
    let mut rows = Vec::new();
    for draws in sweeps {
        let place = |&sparsity: &Sparsity| contestant.place(draws, sparsity, repair);
        let places: Vec<Option<Place>> = sparsities.iter().map(place).collect();
        if places.iter().any(Option::is_some) {
            let cells = places.iter().map(|place| place.as_ref().map_or_else(|| NONE.into(), cell));
            rows.push([draws.first().title()].into_iter().chain(cells).collect());
        }
    }
    rows
}

fn cell(place: &Place) -> String {
    let points = format!("{:+.1}", place.lead);
    match place.standing {
        Standing::Leads => format!("**{points}**"),
        Standing::WithinNoise => format!("= {points}"),
        Standing::Behind | Standing::Alone => points,
        Standing::Unknown => format!("{points} ?"),
    }
}

/// How often the contestant leads, is within noise and is beaten, over all places with a repair.
fn tally(sweeps: &[SweepDraws], contestant: Contestant) -> String {
    let mut counts = [0; 3];
    for draws in sweeps {
        let plan = &draws.first().plan;
        for &repair in plan.repairs.iter().filter(|repair| **repair != Repair::None) {
            for &sparsity in &plan.sparsities {
                let Some(place) = contestant.place(draws, sparsity, repair) else { continue };
                match place.standing {
                    Standing::Leads => counts[0] += 1,
                    Standing::WithinNoise => counts[1] += 1,
                    Standing::Behind => counts[2] += 1,
                    Standing::Alone | Standing::Unknown => {}
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
