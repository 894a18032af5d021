//! What sweeps and fine-tuning do alike: draw images, prune, repair and distil by a rule, evaluate,
//! and go on only from what was computed from the same network, profile, images, kind of device
//! and program.

use burn::tensor::Device;
use rrlab_types::{
    AllocateError, Allocation, AllocationError, AllocationRequest, Constraint, Criterion,
    CriterionError, Evidence, Outcomes, PROGRAM, Repair, ReportOrigin, Rule, RuleSettings,
    Sparsity, TrainingPlan, allocate,
};

use crate::calibrate::{CalibrationError, CalibrationImages, CalibrationPool};
use crate::calibrated::{Calibrated, PrunedNetwork, TreatmentError};
use crate::data::{Dataset, Split, draw_indices};
use crate::evaluate::outcomes;
use crate::judge::Judge;
use crate::measured::Measured;
use crate::model::Model;
use crate::network::Network;
use crate::prune::Masks;
use crate::train::{Trainer, TrainingError, TrainingState};
use crate::watch::{Interrupted, Progress, Stopped};

/// Why a sweep, or what fine-tuning does before it trains, ended early.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum ExperimentError {
    /// A combination that can't be allocated.
    #[error("{rule} at sparsity {sparsity}: {source}")]
    Allocate {
        /// The rule asked for.
        rule: Rule,
        /// The sparsity asked for.
        sparsity: Sparsity,
        source: AllocateError,
    },
    /// An allocation that does not fit the model, whose profile does not say whose it is.
    #[error("the profile is not of this network: {0}")]
    Allocation(#[from] AllocationError),
    /// A criterion that does not go with one of the repairs.
    #[error(transparent)]
    Criterion(#[from] CriterionError),
    /// Calibration images or repair failed.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// A repaired network that could not learn from the dense one.
    #[error("distillation: {0}")]
    Distillation(TrainingError),
    /// Earlier work of something else to go on from.
    #[error("the {work} to go on from {problem}; choose another --out, or delete it")]
    OtherWork {
        /// What was to be gone on with: "sweep" or "fine-tuning".
        work: &'static str,
        problem: String,
    },
    /// A selection from nothing.
    #[error("no rule is named to select from; name two or more")]
    NoCandidates,
    /// A judge with too few images to tell allocations apart.
    #[error(
        "{judge} images are left for the judge, who needs {least}: the data set's other training images are among the {calibration} for calibration, or no more were asked for; calibrate on fewer"
    )]
    NoJudge {
        /// Images that the judge has.
        judge: usize,
        /// Images that it needs.
        least: usize,
        /// Calibration images.
        calibration: usize,
    },
    /// It was asked to end, or the device failed.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl From<Stopped> for ExperimentError {
    fn from(stopped: Stopped) -> Self {
        Self::Interrupted(Interrupted::Stopped(stopped))
    }
}

impl From<TrainingError> for ExperimentError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Interrupted(interrupted) => interrupted.into(),
            other => Self::Distillation(other),
        }
    }
}

impl From<TreatmentError> for ExperimentError {
    fn from(error: TreatmentError) -> Self {
        match error {
            TreatmentError::Allocation(error) => error.into(),
            TreatmentError::Criterion(error) => error.into(),
            TreatmentError::Calibration(error) => error.into(),
        }
    }
}

/// A network with its profile, the data to prune and evaluate it on, and where to compute.
#[derive(Clone, Copy)]
pub struct Experiment<'a> {
    /// The dense network (what is pruned, and the teacher where there is distillation) and its
    /// profile.
    pub measured: Measured<'a>,
    /// Calibration and training images come from its training split, evaluation images from its
    /// test split.
    pub dataset: &'a Dataset,
    /// Data set whose training split calibration's and the judge's images come from, where it is
    /// another.
    pub calibration: Option<&'a Dataset>,
    /// Device of every network of the experiment.
    pub device: &'a Device,
    /// What the report says of the device.
    pub device_name: &'a str,
}

/// How many images of a data set are used, and the seeds with which they are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageDraw<'p> {
    pub calibration: usize,
    /// Class that calibration and judge's images are of, where it is one alone.
    pub class: Option<&'p str>,
    pub evaluation: usize,
    /// Unlabelled images apart from those of calibration; 0 for no judge.
    pub judge: usize,
    /// Of all but the evaluation images.
    pub seed: u64,
    pub evaluation_seed: u64,
}

/// What is pruned and how: one entry of a sweep, one run of fine-tuning.
#[derive(Clone)]
pub(crate) struct Combination<'p> {
    pub rule: Rule,
    pub sparsity: Sparsity,
    pub repair: Repair,
    pub settings: RuleSettings,
    pub constraints: &'p [Constraint],
    /// How the repaired network learns from the dense one, where it does.
    pub distillation: Option<TrainingPlan>,
}

/// A pruned, repaired and perhaps distilled network.
pub(crate) struct Repaired {
    pub model: Model,
    pub masks: Masks,
    /// Weights kept over all layers.
    pub kept: usize,
    /// On the evaluation images.
    pub outcomes: Outcomes,
    /// From the dense network, on the judge's images, where there is a judge.
    pub divergence: Option<f64>,
}

/// What an experiment computes once for all combinations.
pub(crate) struct Preparation<'a> {
    calibrated: Calibrated<'a>,
    judge: Option<Judge<'a>>,
}

impl Preparation<'_> {
    /// Images that networks are repaired on.
    pub(crate) fn calibration_images(&self) -> usize {
        self.calibrated.images().len()
    }

    /// The judge, with at least so many images.
    pub(crate) fn judge(&self, least: usize) -> Result<&Judge<'_>, ExperimentError> {
        let images = self.judge.as_ref().map_or(0, Judge::images);
        let calibration = self.calibration_images();
        let too_few = ExperimentError::NoJudge { judge: images, least, calibration };
        self.judge.as_ref().filter(|_| images >= least).ok_or(too_few)
    }

    /// From the dense network, of each of the judge's images: the network pruned and repaired like
    /// this.
    pub(crate) async fn divergences(
        &self,
        judge: &Judge<'_>,
        allocation: &Allocation,
        how: Repair,
        device: &Device,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Vec<f64>, ExperimentError> {
        let network = self.calibrated.prune_and_repair(allocation, how, &mut watch).await?;
        Ok(judge.divergences(&network.repaired, device, watch).await?)
    }
}

impl<'a> Experiment<'a> {
    /// Data set of the images that need no labels.
    fn unlabelled(&self) -> &'a Dataset {
        self.calibration.unwrap_or(self.dataset)
    }

    /// Images that accuracies are measured on, as indices into the test split.
    pub(crate) fn evaluation_images(&self, draw: ImageDraw<'_>) -> Vec<usize> {
        draw_indices(&self.dataset.test, draw.evaluation, draw.evaluation_seed)
    }

    /// What numbers computed now are computed from.
    pub(crate) fn origin(&self, draw: ImageDraw<'_>) -> ReportOrigin {
        let (model_hash, profile_hash) = self.measured.hashes();
        let images = self.evaluation_images(draw);
        ReportOrigin {
            model_hash,
            profile_hash,
            images_hash: Some(self.dataset.test.hash(&images)),
            dataset: self.dataset.name.clone(),
            calibration_dataset: self.calibration.map(|dataset| dataset.name.clone()),
            device: self.device_name.into(),
            program: PROGRAM.into(),
        }
    }

    /// Checks that earlier work can be gone on with here.
    pub(crate) fn check_continues(
        &self,
        work: &'static str,
        previous: &ReportOrigin,
        draw: ImageDraw<'_>,
    ) -> Result<(), ExperimentError> {
        match previous.difference(&self.origin(draw)) {
            Some(problem) => Err(ExperimentError::OtherWork { work, problem }),
            None => Ok(()),
        }
    }

    /// Which of the evaluation images a network tells right.
    pub(crate) async fn outcomes(
        &self,
        model: &Model,
        draw: ImageDraw<'_>,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Outcomes, Interrupted> {
        let network = Network::new(model, self.device);
        let images = self.evaluation_images(draw);
        let normalization = self.measured.model().normalization_of(self.dataset);
        outcomes(&network, &self.dataset.test, &images, &normalization, watch).await
    }

    /// Draws the images that need no labels, and passes them through the dense network.
    pub(crate) async fn prepare(
        &self,
        draw: ImageDraw<'_>,
        criterion: Criterion,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Preparation<'a>, CalibrationError> {
        let ImageDraw { calibration, class, judge, seed, .. } = draw;
        let model = self.measured.model();
        let dataset = self.unlabelled();
        let normalization = model.normalization_of(dataset);
        let pool = CalibrationPool::all(dataset, Split::Train).of_class(class)?;
        let images = pool.draw(calibration, seed, normalization)?;
        let judge = match images.others(judge) {
            Some(others) => Some(Judge::new(model, others, self.device, &mut watch).await?),
            None => None,
        };
        let calibrated = Calibrated::measure(model, images, self.device, criterion, watch).await?;
        Ok(Preparation { calibrated, judge })
    }

    /// What the network's profile says that this request asks for.
    pub(crate) fn allocation(
        &self,
        request: &AllocationRequest,
    ) -> Result<Allocation, ExperimentError> {
        let AllocationRequest { rule, sparsity, .. } = *request;
        allocate(Evidence::Profile(self.measured.profile()), request)
            .map_err(|source| ExperimentError::Allocate { rule, sparsity, source })
    }

    /// The network after it learned from the dense network's outputs on these images.
    async fn distil(
        &self,
        start: TrainingState,
        images: &CalibrationImages<'_>,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Model, ExperimentError> {
        let (indices, teacher) = (images.indices().to_vec(), Some(self.measured.model()));
        let mut trainer =
            Trainer::on_images(start, self.unlabelled(), indices, teacher, self.device)?;
        trainer.run(&[], async |_, progress| watch(progress).await).await?;
        let mut model = trainer.model().await?;
        model.note_distillation(trainer.plan(), self.unlabelled(), images.len());
        Ok(model)
    }

    /// The network pruned, repaired and distilled as one combination asks, and how well it does.
    pub(crate) async fn prune_and_repair(
        &self,
        combination: Combination<'_>,
        preparation: &Preparation<'_>,
        draw: ImageDraw<'_>,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Repaired, ExperimentError> {
        let Combination { rule, sparsity, repair: how, settings, constraints, distillation } =
            combination;
        let Preparation { calibrated, judge } = preparation;
        let request =
            AllocationRequest { rule, sparsity, settings, constraints: constraints.to_vec() };
        let allocation = self.allocation(&request)?;
        let PrunedNetwork { mut repaired, masks, .. } =
            calibrated.prune_and_repair(&allocation, how, &mut watch).await?;
        if let Some(plan) = distillation {
            let start = TrainingState::start_pruned(repaired, masks.clone(), plan);
            repaired = self.distil(start, calibrated.images(), &mut watch).await?;
        }
        let divergence = match judge {
            Some(judge) => Some(judge.divergence(&repaired, self.device, &mut watch).await?),
            None => None,
        };
        let outcomes = self.outcomes(&repaired, draw, watch).await?;
        Ok(Repaired { model: repaired, masks, kept: allocation.kept, outcomes, divergence })
    }
}
