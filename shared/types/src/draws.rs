//! Sweeps that differ by the draw of their calibration images alone: means over the draws, with
//! standard errors of both draws and test images (`docs/method.md`, section 8).

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::bisect::bisect;
use crate::budget::Sparsity;
use crate::outcomes::SIGNIFICANCE;
use crate::repair::Repair;
use crate::report::{RecoverabilityTransition, Standing, SweepEntry, SweepReport, device_kind};
use crate::rule::Rule;

/// Sweeps of one network on the same test images, of the same plan but for the seed of what they
/// calibrate on; one or more. Budgets follow from profiles that may be measured anew in each draw.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepDraws {
    reports: Vec<SweepReport>,
}

/// One combination in all draws, an entry of each.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnEntries<'r> {
    entries: Vec<&'r SweepEntry>,
    /// The first draw's.
    report: &'r SweepReport,
}

/// By how much one combination is more accurate than another, and whether that is more than chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawnDifference {
    /// Mean difference of accuracies.
    pub mean: f64,
    /// Probability that two equally good ones differ at least so much.
    pub p_value: f64,
}

impl DrawnDifference {
    /// Whether the difference is more than chance explains: p below [`SIGNIFICANCE`].
    pub fn is_beyond_noise(self) -> bool {
        self.p_value < SIGNIFICANCE
    }
}

/// One draw alone.
impl From<SweepReport> for SweepDraws {
    fn from(report: SweepReport) -> Self {
        Self { reports: vec![report] }
    }
}

impl SweepReport {
    /// Whether this sweep and another are of one network on the same test images, by one plan but for
    /// the seed of what they calibrate on. Their profiles may be two, each of its draw.
    pub fn differs_in_draw_alone(&self, other: &Self) -> bool {
        let but_for_the_draw = |report: &Self| {
            let (mut origin, mut plan) = (report.origin.clone(), report.plan.clone());
            origin.profile_hash = None;
            origin.device = device_kind(&origin.device).to_owned();
            (plan.seed, plan.evaluation_seed) = (0, None);
            (report.architecture.clone(), origin, plan)
        };
        self.origin.images_hash.is_some()
            && self.plan.seed != other.plan.seed
            && but_for_the_draw(self) == but_for_the_draw(other)
    }
}

impl SweepDraws {
    /// Puts sweeps together that differ by their draw alone, in the order in which they come. Two of
    /// the same seed are two sweeps.
    pub fn group(reports: Vec<SweepReport>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for report in reports {
            match groups.iter_mut().find(|group| group.takes(&report)) {
                Some(group) => group.reports.push(report),
                None => groups.push(report.into()),
            }
        }
        groups
    }

    fn takes(&self, report: &SweepReport) -> bool {
        self.reports.iter().all(|known| report.differs_in_draw_alone(known))
    }

    /// The draws.
    pub fn reports(&self) -> &[SweepReport] {
        &self.reports
    }

    /// Their seeds, as in `0, 1, 2`.
    pub fn seeds(&self) -> String {
        let seeds = self.reports.iter().map(|report| report.plan.seed.to_string());
        seeds.collect::<Vec<_>>().join(", ")
    }

    /// The first of them, for what is the same in all.
    pub fn first(&self) -> &SweepReport {
        &self.reports[0]
    }

    /// A combination, where every draw has it.
    pub fn entry(
        &self,
        rule: Rule,
        sparsity: Sparsity,
        repair: Repair,
    ) -> Option<DrawnEntries<'_>> {
        self.of_each(|report| report.entry(rule, sparsity, repair))
    }

    /// What the judge chose among all rules in each draw; nothing where there was no judge, or a
    /// draw has not come to all of them.
    pub fn judged_best(&self, sparsity: Sparsity, repair: Repair) -> Option<DrawnEntries<'_>> {
        if self.rivals(sparsity, repair).count() < self.first().plan.rules.len() {
            return None;
        }
        self.of_each(|report| report.judged_best(sparsity, repair))
    }

    fn of_each<'r>(
        &'r self,
        entry: impl Fn(&'r SweepReport) -> Option<&'r SweepEntry>,
    ) -> Option<DrawnEntries<'r>> {
        let entries = self.reports.iter().map(entry).collect::<Option<Vec<_>>>()?;
        Some(DrawnEntries { entries, report: self.first() })
    }

    /// All rules of the plan at a sparsity and repair.
    fn rivals(&self, sparsity: Sparsity, repair: Repair) -> impl Iterator<Item = DrawnEntries<'_>> {
        let rules = self.first().plan.rules.iter();
        rules.filter_map(move |&rule| self.entry(rule, sparsity, repair))
    }

    /// The most accurate rule at a sparsity and repair.
    pub fn best(&self, sparsity: Sparsity, repair: Repair) -> Option<DrawnEntries<'_>> {
        most_accurate(self.rivals(sparsity, repair))
    }

    /// The same without the rule that `own` is of, if that is one in all draws.
    pub fn best_other(&self, own: &DrawnEntries<'_>) -> Option<DrawnEntries<'_>> {
        most_accurate(self.others(own))
    }

    fn others(&self, own: &DrawnEntries<'_>) -> impl Iterator<Item = DrawnEntries<'_>> {
        let (rule, first) = (own.rule(), own.entries[0]);
        self.rivals(first.sparsity, first.repair)
            .filter(move |rival| rule.is_none() || rival.rule() != rule)
    }

    /// How a combination of these draws, or the judge's choice, stands among the other rules.
    pub fn standing(&self, own: &DrawnEntries<'_>) -> Standing {
        let others: Vec<DrawnEntries<'_>> = self.others(own).collect();
        let differs = |one: &DrawnEntries<'_>, other: &DrawnEntries<'_>| {
            Some(one.compare(other)?.is_beyond_noise())
        };
        Standing::among(own, &others, DrawnEntries::accuracy, differs)
    }

    /// The largest standard error of a mean accuracy; nothing where none is known.
    pub fn largest_standard_error(&self) -> Option<f64> {
        let plan = &self.first().plan;
        let mut errors = Vec::new();
        for &sparsity in &plan.sparsities {
            for &repair in &plan.repairs {
                let rivals = self.rivals(sparsity, repair);
                errors.extend(rivals.filter_map(|rival| rival.standard_error()));
            }
        }
        errors.into_iter().max_by(f64::total_cmp)
    }

    /// Where the mean recovery falls from 0.8 to 0.2 for a rule and repair.
    pub fn transition(&self, rule: Rule, repair: Repair) -> RecoverabilityTransition {
        let recovery = |(sparsity, entry): (Sparsity, DrawnEntries<'_>)| {
            (sparsity.get(), self.first().recovery(entry.accuracy()))
        };
        let points: Vec<_> = self.line(rule, repair).into_iter().map(recovery).collect();
        RecoverabilityTransition::of(&points)
    }

    /// A rule and repair in order of sparsity, where every draw has them.
    pub fn line(&self, rule: Rule, repair: Repair) -> Vec<(Sparsity, DrawnEntries<'_>)> {
        let sparsities = self.first().plan.ascending_sparsities().into_iter();
        let entry = |sparsity| Some((sparsity, self.entry(rule, sparsity, repair)?));
        sparsities.filter_map(entry).collect()
    }
}

impl<'r> DrawnEntries<'r> {
    /// An entry of each draw.
    pub fn entries(&self) -> &[&'r SweepEntry] {
        &self.entries
    }

    /// The rule, where it is one in all draws; the judge may choose another in each.
    pub fn rule(&self) -> Option<Rule> {
        let rule = self.entries[0].rule;
        self.entries.iter().all(|entry| entry.rule == rule).then_some(rule)
    }

    /// Mean accuracy over the draws.
    pub fn accuracy(&self) -> f64 {
        mean(self.entries.iter().map(|entry| entry.accuracy))
    }

    /// Mean divergence over the draws; nothing where there was no judge.
    pub fn divergence(&self) -> Option<f64> {
        let divergences = self.entries.iter().map(|entry| entry.divergence);
        Some(mean(divergences.collect::<Option<Vec<f64>>>()?.into_iter()))
    }

    /// Standard error of the mean accuracy; nothing where several draws do not say which images
    /// they told right.
    pub fn standard_error(&self) -> Option<f64> {
        if let [only] = self.entries.as_slice() {
            return Some(self.report.standard_error(only.accuracy));
        }
        let right = self.entries.iter().map(|entry| Some(entry.outcomes.as_ref()?.right()));
        let mut table = Vec::new();
        for right in right.collect::<Option<Vec<_>>>()? {
            table.push(right.iter().map(|right| f64::from(*right)).collect());
        }
        Some(Crossed::of(&table)?.standard_error())
    }

    /// How these compare with others on the same images, draw by draw: by McNemar's test in one
    /// draw, by Student's t over draws and images in several (Cochran's rule). Nothing where it is
    /// not said which images were told right.
    pub fn compare(&self, other: &Self) -> Option<DrawnDifference> {
        if self.entries.len() != other.entries.len() {
            return None;
        }
        let pairs = self.entries.iter().zip(&other.entries);
        let mean = mean(pairs.clone().map(|(own, other)| own.accuracy - other.accuracy));
        if let ([own], [other]) = (self.entries.as_slice(), other.entries.as_slice()) {
            let comparison = own.outcomes.as_ref()?.compare(other.outcomes.as_ref()?)?;
            return Some(DrawnDifference { mean, p_value: comparison.p_value() });
        }
        let mut table = Vec::new();
        for (own, other) in pairs {
            let own = own.outcomes.as_ref()?.right();
            let other = other.outcomes.as_ref()?.right();
            if own.len() != other.len() {
                return None;
            }
            let differences = own.iter().zip(other);
            let differences = differences.map(|(own, other)| f64::from(*own) - f64::from(*other));
            table.push(differences.collect());
        }
        Some(DrawnDifference { mean, p_value: Crossed::of(&table)?.p_value() })
    }
}

fn most_accurate<'r>(entries: impl Iterator<Item = DrawnEntries<'r>>) -> Option<DrawnEntries<'r>> {
    entries.max_by(|a, b| a.accuracy().total_cmp(&b.accuracy()))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// The mean of a number measured in every draw on every image, with what it varies by: both are
/// samples, of the draws and of the images that there could be.
struct Crossed {
    mean: f64,
    /// Variance of the mean that comes of the images: of the means over draws, over images.
    by_images: f64,
    /// What comes of the draws, likewise. Chance that is neither's counts in both, so that the sum
    /// is no less than the variance of the mean.
    by_draws: f64,
    images: usize,
    draws: usize,
}

impl Crossed {
    /// Of a table with a row for each draw; nothing where it is not two draws of two images or more,
    /// all of the same length.
    fn of(table: &[Vec<f64>]) -> Option<Self> {
        let (draws, images) = (table.len(), table.first()?.len());
        if draws < 2 || images < 2 || table.iter().any(|row| row.len() != images) {
            return None;
        }
        let of_draws: Vec<f64> = table.iter().map(|row| mean(row.iter().copied())).collect();
        let of_image = |image: usize| mean(table.iter().map(|row| row[image]));
        let of_images: Vec<f64> = (0..images).map(of_image).collect();
        Some(Self {
            mean: mean(of_draws.iter().copied()),
            by_images: variance_of_mean(&of_images),
            by_draws: variance_of_mean(&of_draws),
            images,
            draws,
        })
    }

    fn standard_error(&self) -> f64 {
        (self.by_images + self.by_draws).sqrt()
    }

    /// Probability of a mean at least so far from 0 where it is 0, by Cochran's rule: the critical
    /// value is the mean of Student's for either sample, weighted by what each adds to the variance
    /// (Cochran and Cox, "Experimental Designs", 1957). It is on the safe side where few draws happen
    /// to be alike.
    fn p_value(&self) -> f64 {
        let variance = self.by_images + self.by_draws;
        if variance == 0.0 {
            return if self.mean == 0.0 { 1.0 } else { 0.0 };
        }
        let t = self.mean.abs() / variance.sqrt();
        let critical = |p: f64| {
            let by_images = self.by_images * critical_value(p, self.images - 1);
            let by_draws = self.by_draws * critical_value(p, self.draws - 1);
            (by_images + by_draws) / variance
        };
        // The critical value falls as the probability rises.
        let (low, _) = bisect(LEAST_P.ln(), 0.0, -t, |log_p| -critical(log_p.exp()));
        low.exp()
    }
}

/// Probabilities below this are told as this.
const LEAST_P: f64 = 1e-12;
/// What |t| does not exceed with a probability of [`LEAST_P`] or more, even of one degree of freedom.
const MOST_T: f64 = 1e13;

/// What |t| exceeds with probability p.
fn critical_value(p: f64, freedom: usize) -> f64 {
    let Ok(student) = StudentsT::new(0.0, 1.0, freedom as f64) else { return f64::INFINITY };
    // The library's own inverse does not come to an end for some.
    let (low, _) =
        bisect(MOST_T.recip().ln(), MOST_T.ln(), -p, |log_t| -2.0 * student.sf(log_t.exp()));
    low.exp()
}

/// s²/n of a sample of two or more.
fn variance_of_mean(sample: &[f64]) -> f64 {
    let (count, mean) = (sample.len() as f64, mean(sample.iter().copied()));
    let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
    squares / (count - 1.0) / count
}
