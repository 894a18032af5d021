//! Accuracy over rules, sparsities and repairs: resumable, one entry after the other.

use std::convert::Infallible;

use rrlab_types::{Repair, Rule, SWEEP_VERSION, Sparsity, SweepEntry, SweepPlan, SweepReport};

use crate::experiment::{Combination, Experiment, ExperimentError, ImageDraw};
use crate::sharing::{Alone, Share, SharedWork, Sharing, close};
use crate::watch::{Progress, Stopped};

impl SharedWork for SweepReport {
    type Part = SweepEntry;
    /// An entry is computed at once or not at all.
    type State = Infallible;
}

fn image_draw(plan: &SweepPlan) -> ImageDraw<'_> {
    ImageDraw {
        calibration: plan.calibration_images,
        class: plan.calibration_class.as_deref(),
        evaluation: plan.evaluation_images,
        judge: plan.judge_images,
        seed: plan.seed,
        evaluation_seed: plan.seed_of_evaluation(),
    }
}

/// Every combination of a plan, in the order in which they are computed: those of one sparsity
/// together, so that a sweep that was stopped compares rules.
fn combinations(plan: &SweepPlan) -> Vec<(Rule, Sparsity, Repair)> {
    let mut combinations = Vec::new();
    for &sparsity in &plan.sparsities {
        for &rule in &plan.rules {
            for &repair in &plan.repairs {
                let combination = (rule, sparsity, repair);
                if !combinations.contains(&combination) {
                    combinations.push(combination);
                }
            }
        }
    }
    combinations
}

/// Number of entries that a plan asks for.
pub fn places(plan: &SweepPlan) -> usize {
    combinations(plan).len()
}

impl Experiment<'_> {
    /// Computes every entry of a sweep that `previous` does not hold, showing the watcher the
    /// report after each one.
    ///
    /// # Errors
    /// See [`ExperimentError`]; what the watcher saw stays valid.
    pub async fn sweep(
        &self,
        plan: SweepPlan,
        previous: Option<SweepReport>,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<SweepReport, ExperimentError> {
        self.shared_sweep(plan, previous, &mut Alone, watch).await
    }

    /// The same where several compute one sweep, as `sharing` has it; the report has the entries in the
    /// plan's order in the end.
    ///
    /// # Errors
    /// See [`ExperimentError`]; what the watcher saw stays valid.
    pub async fn shared_sweep(
        &self,
        plan: SweepPlan,
        previous: Option<SweepReport>,
        sharing: &mut impl Sharing<SweepReport>,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<SweepReport, ExperimentError> {
        plan.check_criterion()?;
        let plan = plan.with_seed_once();
        let mut report = match previous {
            Some(previous) => self.continued_sweep(plan, previous)?,
            None => self.new_sweep(plan, &mut watch).await?,
        };
        let combinations = combinations(&report.plan);
        let place = |entry: &SweepEntry| {
            let of_entry = (entry.rule, entry.sparsity, entry.repair);
            combinations.iter().position(|combination| *combination == of_entry)
        };
        let done: Vec<usize> = report.entries.iter().filter_map(place).collect();
        let mut open: Vec<usize> =
            (0..combinations.len()).filter(|place| !done.contains(place)).collect();
        // The last one is not worth another's way.
        if open.len() > 1 {
            let bare = SweepReport { entries: Vec::new(), ..report.clone() };
            sharing.offer(&bare, &open, combinations.len())?;
        }
        let draw = image_draw(&report.plan);
        // One who takes over what others compute needs none.
        let mut preparation = None;
        while !open.is_empty() {
            let entry = match sharing.next(&open)? {
                Share::Nothing => break,
                Share::Ready(entry) => entry,
                Share::Compute(place, None) => {
                    let preparation = match preparation {
                        Some(ref preparation) => preparation,
                        None => {
                            let criterion = report.plan.criterion;
                            preparation.insert(self.prepare(draw, criterion, &mut watch).await?)
                        }
                    };
                    let (rule, sparsity, repair) = combinations[place];
                    let SweepPlan { settings, ref constraints, .. } = report.plan;
                    let distillation =
                        report.plan.distillation.map(|plan| plan.training(report.plan.seed));
                    let combination =
                        Combination { rule, sparsity, repair, settings, constraints, distillation };
                    let repaired =
                        self.prune_and_repair(combination, preparation, draw, &mut watch).await?;
                    SweepEntry {
                        rule,
                        sparsity,
                        repair,
                        kept: repaired.kept,
                        accuracy: repaired.outcomes.accuracy(),
                        outcomes: Some(repaired.outcomes),
                        divergence: repaired.divergence,
                    }
                }
            };
            close(&mut open, place(&entry), "sweep")?;
            report.entries.push(entry);
            watch(Progress::Entry(&report)).await?;
        }
        report.entries.sort_by_key(place);
        Ok(report)
    }

    async fn new_sweep(
        &self,
        plan: SweepPlan,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<SweepReport, ExperimentError> {
        let (model, draw) = (self.measured.model(), image_draw(&plan));
        let dense_accuracy = self.outcomes(model, draw, watch).await?.accuracy();
        Ok(SweepReport {
            version: SWEEP_VERSION,
            architecture: model.graph().architecture().to_owned(),
            classes: model.graph().classes(),
            origin: self.origin(draw),
            plan,
            dense_accuracy,
            entries: Vec::new(),
        })
    }

    fn continued_sweep(
        &self,
        plan: SweepPlan,
        previous: SweepReport,
    ) -> Result<SweepReport, ExperimentError> {
        let work = "sweep";
        self.check_continues(work, &previous.origin, image_draw(&plan))?;
        // More rules, sparsities or repairs only add entries; anything else would mix numbers that
        // can't be compared.
        if previous.plan.without_lists() != plan.without_lists() {
            let problem =
                "has another criterion, seed or calibration class, or other settings, constraints, image counts or distillation"
                    .into();
            return Err(ExperimentError::OtherWork { work, problem });
        }
        Ok(SweepReport { plan, ..previous })
    }
}
