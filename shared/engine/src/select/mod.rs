//! The judge's choice among the allocations of several rules, and searches for a better one
//! (`docs/method.md`, section 8).

mod spdy;
mod walk;

use rrlab_types::{
    Allocation, AllocationRequest, Candidate, PairedDifference, Refinement, Repair, Rule, Search,
    Selection, SelectionPlan,
};

use crate::experiment::{Experiment, ExperimentError, ImageDraw, Preparation};
use crate::judge::Judge;
use crate::watch::{Progress, Stopped};

/// An allocation whose network was judged.
#[derive(Debug, Clone)]
struct Judged {
    allocation: Allocation,
    /// KL(dense ‖ repaired) of each of the judge's images.
    divergences: Vec<f64>,
}

impl Judged {
    fn mean(&self) -> f64 {
        self.divergences.iter().sum::<f64>() / self.divergences.len() as f64
    }

    /// Divergence on the images that decide about a search's steps: every second one, so that the
    /// others can say what it gained.
    fn deciding(&self) -> f64 {
        let deciding = self.divergences.iter().step_by(2);
        let count = deciding.len();
        deciding.sum::<f64>() / count as f64
    }

    /// Divergences of the images that decide nothing.
    fn confirming(&self) -> Vec<f64> {
        self.divergences.iter().skip(1).step_by(2).copied().collect()
    }
}

impl Experiment<'_> {
    /// The allocation, among those of the plan's rules, whose network diverges least from the dense
    /// one after pruning and repair, on unlabelled images that calibration did not use; then, if
    /// the plan asks for that, a better one that a search finds.
    ///
    /// # Errors
    /// See [`ExperimentError`]; in particular where no images are left for the judge.
    pub async fn select(
        &self,
        plan: &SelectionPlan,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Allocation, ExperimentError> {
        plan.criterion.check(plan.repair)?;
        let mut allocations = Vec::new();
        for &rule in &plan.rules {
            allocations.push(self.allocation_by(plan, rule)?);
        }
        let draw = ImageDraw {
            class: None,
            calibration: plan.calibration_images,
            evaluation: 0,
            judge: plan.judge_images,
            seed: plan.seed,
            evaluation_seed: plan.seed,
        };
        let preparation = self.prepare(draw, plan.criterion, &mut watch).await?;
        let judging = Judging {
            experiment: self,
            preparation: &preparation,
            judge: preparation.judge(plan.least_judge_images())?,
            repair: plan.repair,
        };
        let mut judged = Vec::new();
        for allocation in allocations {
            judged.push(judging.judge(allocation, &mut watch).await?);
        }
        judged.sort_by(|a, b| a.mean().total_cmp(&b.mean()));
        let Some(best) = judged.first() else { return Err(ExperimentError::NoCandidates) };
        let mut selection = Selection {
            repair: plan.repair,
            criterion: plan.criterion,
            calibration_images: preparation.calibration_images(),
            judge_images: best.divergences.len(),
            seed: plan.seed,
            candidates: judged.iter().map(|judged| candidate(judged, best)).collect(),
            refinement: None,
        };
        let mut allocation = best.allocation.clone();
        if plan.refining_networks > 0 {
            let most = plan.refining_networks;
            let searched = match plan.search {
                Search::Walk => judging.walk(best.clone(), most, watch).await?,
                Search::Spdy => judging.spdy(&best.allocation, most, plan.seed, watch).await?,
            };
            let refinement = refinement(best, &searched, plan.search);
            if refinement.taken {
                allocation = searched.best.allocation;
            }
            selection.refinement = Some(refinement);
        }
        Ok(Allocation { selection: Some(selection), ..allocation })
    }

    fn allocation_by(
        &self,
        plan: &SelectionPlan,
        rule: Rule,
    ) -> Result<Allocation, ExperimentError> {
        let request = AllocationRequest {
            rule,
            sparsity: plan.sparsity,
            settings: plan.settings,
            constraints: plan.constraints.clone(),
        };
        self.allocation(&request)
    }
}

fn candidate(judged: &Judged, best: &Judged) -> Candidate {
    let Allocation { rule, settings, .. } = judged.allocation;
    Candidate {
        rule,
        prior: rule.is_blend().then_some(settings.prior),
        divergence: judged.mean(),
        behind: PairedDifference::of(&judged.divergences, &best.divergences),
    }
}

fn refinement(start: &Judged, searched: &Searched, search: Search) -> Refinement {
    let (before, after) = (start.confirming(), searched.best.confirming());
    let gain = PairedDifference::of(&before, &after);
    Refinement {
        search,
        networks: searched.networks,
        deciding_images: start.divergences.len() - before.len(),
        gain,
        taken: gain.mean > 0.0,
    }
}

/// Where a search ended, and how many networks it took.
struct Searched {
    best: Judged,
    networks: usize,
}

impl Searched {
    /// Counts a judged network, and keeps it if it is better; says whether it is.
    fn arrive(&mut self, judged: Judged) -> bool {
        self.networks += 1;
        let better = judged.deciding() < self.best.deciding();
        if better {
            self.best = judged;
        }
        better
    }
}

/// What judges allocations alike.
struct Judging<'e> {
    experiment: &'e Experiment<'e>,
    preparation: &'e Preparation<'e>,
    judge: &'e Judge<'e>,
    repair: Repair,
}

impl Judging<'_> {
    async fn judge(
        &self,
        allocation: Allocation,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Judged, ExperimentError> {
        let Self { experiment, preparation, judge, repair } = *self;
        let device = experiment.device;
        let divergences =
            preparation.divergences(judge, &allocation, repair, device, &mut watch).await?;
        let judged = Judged { allocation, divergences };
        watch(Progress::Judged { rule: judged.allocation.rule, divergence: judged.mean() }).await?;
        Ok(judged)
    }
}
