//! The judge's choice among the allocations of several rules, and the walk on from the best of them
//! (`docs/method.md`, section 8).

use rrlab_types::{
    Allocation, AllocationRequest, Candidate, Constraint, Criterion, LayerState, PairedDifference,
    Refinement, Repair, Rule, RuleSettings, Selection, Sparsity,
};

use crate::experiment::{Experiment, ExperimentError, ImageDraw, Preparation};
use crate::watch::{Progress, Stopped};

/// By which factor, as a logarithm, the first round widens a layer's density.
const FIRST_STEP: f64 = 0.5;
/// Below this a step changes less than the choice of images does.
const LAST_STEP: f64 = 0.05;

/// What is selected from, for which pruning and repair, on how many images.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionPlan {
    /// The candidates.
    pub rules: Vec<Rule>,
    /// Global sparsity of all of them.
    pub sparsity: Sparsity,
    /// Repair of every network that is judged.
    pub repair: Repair,
    /// What chooses the weights that stay inside each layer.
    pub criterion: Criterion,
    /// Numbers that the rules read.
    pub settings: RuleSettings,
    /// Layers forced, the same for every rule.
    pub constraints: Vec<Constraint>,
    /// Images that networks are repaired on.
    pub calibration_images: usize,
    /// Images that they are judged on: others.
    pub judge_images: usize,
    /// Seed with which both are drawn.
    pub seed: u64,
    /// Networks that may be judged on a walk from the best candidate; 0 for no walk.
    pub refining_networks: usize,
}

impl SelectionPlan {
    /// Networks that are pruned, repaired and judged at most: the cost of the selection.
    pub fn networks(&self) -> usize {
        self.rules.len() + self.refining_networks
    }
}

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

    /// Divergence on the images that decide about a walk's steps: every second one, so that the
    /// others can say what the walk gained.
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
    /// the plan asks for that, one that a walk from there finds.
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
            calibration: plan.calibration_images,
            evaluation: 0,
            judge: plan.judge_images,
            seed: plan.seed,
            evaluation_seed: plan.seed,
        };
        let preparation = self.prepare(draw, plan.criterion, &mut watch).await?;
        let judging = Judging { experiment: self, preparation: &preparation, repair: plan.repair };
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
            let walk = judging.walk(best.clone(), plan.refining_networks, watch).await?;
            let refinement = refinement(best, &walk);
            if refinement.taken {
                allocation = walk.here.allocation;
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

fn refinement(start: &Judged, walk: &Walk) -> Refinement {
    let (before, after) = (start.confirming(), walk.here.confirming());
    let gain = PairedDifference::of(&before, &after);
    Refinement {
        networks: walk.networks,
        deciding_images: start.divergences.len() - before.len(),
        gain,
        taken: gain.mean > 0.0,
    }
}

/// Where a walk ended, and how many networks it took.
struct Walk {
    here: Judged,
    networks: usize,
}

/// What judges allocations alike.
struct Judging<'e> {
    experiment: &'e Experiment<'e>,
    preparation: &'e Preparation<'e>,
    repair: Repair,
}

impl Judging<'_> {
    async fn judge(
        &self,
        allocation: Allocation,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Judged, ExperimentError> {
        let device = self.experiment.device;
        let divergences =
            self.preparation.divergences(&allocation, self.repair, device, &mut watch).await?;
        let judged = Judged { allocation, divergences };
        watch(Progress::Judged { rule: judged.allocation.rule, divergence: judged.mean() }).await?;
        Ok(judged)
    }

    /// Walks downhill in the logarithms of densities, judging at most so many networks: a round
    /// widens each layer in turn while the others pay in proportion, then goes along what all of
    /// them gained together, twice as far each time, while that helps. A round that finds nothing
    /// better is followed by one of half the step.
    async fn walk(
        &self,
        start: Judged,
        most: usize,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Walk, ExperimentError> {
        let mut walk = Walk { here: start, networks: 0 };
        let mut step = FIRST_STEP;
        while walk.networks < most && step > LAST_STEP {
            let here = walk.here.clone();
            let layers = &here.allocation.layers;
            let mut gains = vec![0.0; layers.len()];
            for (index, layer) in layers.iter().enumerate() {
                let can_grow = matches!(layer.state, LayerState::Free | LayerState::Floor);
                if !can_grow || walk.networks == most {
                    continue;
                }
                let mut factors = vec![1.0; layers.len()];
                factors[index] = step.exp();
                let wider = self.judge(here.allocation.scaled(&factors), &mut watch).await?;
                gains[index] = here.deciding() - wider.deciding();
                walk.arrive(wider);
            }
            let largest = gains.iter().fold(0.0f64, |largest, gain| largest.max(gain.abs()));
            let mut reach = step;
            while largest > 0.0 && walk.networks < most {
                let factors: Vec<f64> =
                    gains.iter().map(|gain| (reach * gain / largest).exp()).collect();
                let along = self.judge(here.allocation.scaled(&factors), &mut watch).await?;
                if !walk.arrive(along) {
                    break;
                }
                reach *= 2.0;
            }
            if walk.here.allocation == here.allocation {
                step /= 2.0;
            }
        }
        Ok(walk)
    }
}

impl Walk {
    /// Counts a judged network, and goes there if it is better; says whether it is.
    fn arrive(&mut self, judged: Judged) -> bool {
        self.networks += 1;
        let better = judged.deciding() < self.here.deciding();
        if better {
            self.here = judged;
        }
        better
    }
}
