//! What the paper claims (arXiv:2605.25508), held against sweeps of one network, as a page of
//! Markdown.

use std::fmt::Write as _;

use anyhow::{bail, ensure};
use rrlab_types::{
    Constraint, Criterion, ForcedDensity, Repair, RepairOperator, Role, Rule, Sparsity, SweepEntry,
    SweepReport, Target,
};

use super::provenance::provenance;
use crate::markdown::{code, table};
use crate::output::NONE;

/// What the second claim expects of ERK with forced projections.
#[derive(Clone, Copy)]
enum Expected {
    /// More accuracy than without.
    More,
    /// Less.
    Less,
}

impl Expected {
    /// Nothing where what is forced is not the projections, to a density of the ablation.
    fn of(report: &SweepReport) -> Option<Self> {
        let [Constraint { target: Target::Role(Role::Projection), density }] =
            report.plan.constraints.as_slice()
        else {
            return None;
        };
        match density {
            ForcedDensity::Global | ForcedDensity::Rule(Rule::Rr) => Some(Self::More),
            ForcedDensity::Dense => Some(Self::Less),
            ForcedDensity::Value(_) | ForcedDensity::Rule(_) => None,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::More => "more",
            Self::Less => "less",
        }
    }

    fn is_met_by(self, points: f64) -> bool {
        match self {
            Self::More => points > 0.0,
            Self::Less => points < 0.0,
        }
    }
}

/// Rules that the paper holds its own against.
const OPPONENTS: [Rule; 4] = [Rule::Uniform, Rule::Erk, Rule::Lamp, Rule::GlobalMagnitude];

/// Two accuracies at a sparsity, at least one of them within the transition.
struct Difference {
    sparsity: Sparsity,
    /// In points.
    points: f64,
    is_beyond_noise: bool,
}

/// A line of a claim's table: differences that the claim expects to be above 0, or below.
struct Held {
    /// What the line is of, in the first columns.
    of: Vec<String>,
    differences: Vec<Difference>,
    expected: Expected,
}

impl Held {
    /// What came out, in a word.
    fn outcome(&self) -> &'static str {
        let as_expected = |difference: &&&Difference| self.expected.is_met_by(difference.points);
        let beyond: Vec<&Difference> =
            self.differences.iter().filter(|difference| difference.is_beyond_noise).collect();
        let confirming = beyond.iter().filter(as_expected).count();
        match (self.differences.len(), confirming, beyond.len() - confirming) {
            (0, ..) => "not comparable",
            (_, 0, 0) => "within noise",
            (_, _, 0) => "confirmed",
            (_, 0, _) => "the reverse",
            _ => "both ways",
        }
    }

    fn row(&self, sparsities: &[Sparsity]) -> Vec<String> {
        let mut row = self.of.clone();
        row.push(self.outcome().into());
        for sparsity in sparsities {
            let found = self.differences.iter().find(|found| found.sparsity == *sparsity);
            row.push(found.map_or_else(
                || NONE.into(),
                |found| {
                    let points = format!("{:+.1}", found.points);
                    if found.is_beyond_noise { format!("**{points}**") } else { points }
                },
            ));
        }
        row
    }
}

/// The whole page.
///
/// # Errors
/// If the sweeps are not one of free layers and any of the same network with forced ones.
pub fn markdown(reports: &[SweepReport]) -> anyhow::Result<String> {
    let (free, forced): (Vec<&SweepReport>, Vec<&SweepReport>) =
        reports.iter().partition(|report| report.plan.constraints.is_empty());
    let [free] = free.as_slice() else {
        bail!("the claims are of one sweep without forced layers, and {} were given", free.len());
    };
    ensure!(
        free.plan.is_untrained(Criterion::Magnitude),
        "the claims are of masks by {} without distillation, and the sweep is of {}",
        Criterion::Magnitude,
        free.title()
    );
    for report in &forced {
        let names: Vec<String> = report.plan.constraints.iter().map(ToString::to_string).collect();
        let names = names.join(", ");
        ensure!(
            Expected::of(report).is_some(),
            "the claims are of projections forced to global, dense or rule:rr, not of {names}"
        );
        if let Some(difference) = report.origin.difference(&free.origin) {
            bail!("the sweep with {names} {difference}: they can't be compared");
        }
        ensure!(
            report.differs_in_constraints_alone(free),
            "the sweep with {names} has another criterion, distillation or seed, or other settings or image counts"
        );
    }
    ensure!(free.plan.rules.contains(&Rule::Rr), "the sweep has no {}", Rule::Rr);
    Ok(page(free, &forced)?)
}

fn page(free: &SweepReport, forced: &[&SweepReport]) -> Result<String, std::fmt::Error> {
    let sparsities = free.plan.ascending_sparsities();
    let mut page = String::new();
    writeln!(page, "# The paper's claims on {} and {}\n", free.architecture, free.origin.dataset)?;
    writeln!(page, "{}\n", provenance(&free.clone().into()))?;
    writeln!(
        page,
        "Points of accuracy on the same test images, at sparsities where one of the two compared has a\n\
         recovery between 0.2 and 0.8; **bold** is beyond noise by McNemar's test. A claim is *confirmed*\n\
         where some differences beyond noise are as it expects and none is the other way, *the reverse* where\n\
         it is so the other way round.\n"
    )?;
    writeln!(
        page,
        "## Near the transition, an allocation by repairability keeps more accuracy\n\n\
         `{}` before each of the rules that the paper compares, after each repair; the paper's is\n\
         `{}`.\n",
        Rule::Rr,
        RepairOperator::default()
    )?;
    let header = |first: &[&str]| {
        let names = first.iter().map(ToString::to_string).chain(["what came out".to_owned()]);
        names.chain(sparsities.iter().map(Sparsity::to_string)).collect::<Vec<String>>()
    };
    let rows = |held: Vec<Held>| held.iter().map(|held| held.row(&sparsities)).collect();
    let against = rows(against_opponents(free));
    writeln!(page, "{}\n", table(header(&["repair", "against"]), against, 3))?;
    writeln!(
        page,
        "## Capped ERK over-protects the projections\n\n\
         `{}` with every projection forced, before the same without: the claim expects more where\n\
         projections get the density of the whole network, or what `rr` gives them, and less where they\n\
         stay dense.\n",
        Rule::Erk
    )?;
    let ablated: Vec<Held> = forced.iter().flat_map(|report| ablation(free, report)).collect();
    if ablated.is_empty() {
        writeln!(
            page,
            "Not comparable: no sweep of `{}` with forced layers was given.",
            Rule::Erk
        )?;
        return Ok(page);
    }
    writeln!(page, "{}", table(header(&["repair", "forced", "expected"]), rows(ablated), 4))?;
    Ok(page)
}

fn repaired(report: &SweepReport) -> impl Iterator<Item = Repair> {
    report.plan.repairs.iter().copied().filter(|repair| *repair != Repair::None)
}

fn against_opponents(report: &SweepReport) -> Vec<Held> {
    let mut held = Vec::new();
    for repair in repaired(report) {
        for rule in OPPONENTS.into_iter().filter(|rule| report.plan.rules.contains(rule)) {
            let pair = |sparsity| {
                let own = report.entry(Rule::Rr, sparsity, repair)?;
                Some((own, report.entry(rule, sparsity, repair)?))
            };
            let differences = differences(report, pair);
            held.push(Held {
                of: vec![code(repair), code(rule)],
                differences,
                expected: Expected::More,
            });
        }
    }
    held
}

/// ERK with forced layers before ERK without.
fn ablation(free: &SweepReport, forced: &SweepReport) -> Vec<Held> {
    let names: Vec<String> = forced.plan.constraints.iter().map(code).collect();
    let Some(expected) = Expected::of(forced) else { return Vec::new() };
    let held = |repair| {
        let pair = |sparsity| {
            let own = forced.entry(Rule::Erk, sparsity, repair)?;
            Some((own, free.entry(Rule::Erk, sparsity, repair)?))
        };
        let of = vec![code(repair), names.join(", "), expected.in_words().to_owned()];
        Held { of, differences: differences(free, pair), expected }
    };
    repaired(forced).map(held).collect()
}

/// Differences of pairs over the sparsities at which one of both is within the transition.
fn differences<'r>(
    report: &SweepReport,
    pair: impl Fn(Sparsity) -> Option<(&'r SweepEntry, &'r SweepEntry)>,
) -> Vec<Difference> {
    let difference = |sparsity: Sparsity| {
        let (own, other) = pair(sparsity)?;
        let near = [own, other].iter().any(|entry| report.is_in_transition(entry.accuracy));
        let comparison = own.outcomes.as_ref()?.compare(other.outcomes.as_ref()?)?;
        near.then(|| Difference {
            sparsity,
            points: 100.0 * (own.accuracy - other.accuracy),
            is_beyond_noise: comparison.is_beyond_noise(),
        })
    };
    report.plan.ascending_sparsities().into_iter().filter_map(difference).collect()
}
