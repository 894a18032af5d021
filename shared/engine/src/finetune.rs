//! Fine-tuning of pruned, repaired networks: rules and sparsities from the same start, resumable at any step.

use burn::tensor::Device;
use rrlab_types::{
    AllocateError, AllocationError, AllocationRequest, Evidence, FINETUNE_VERSION, FinetunePlan, FinetuneReport,
    FinetuneRun, Rule, Sparsity, allocate,
};

use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::checkpoint::TensorFile;
use crate::data::{Dataset, Split, draw_indices};
use crate::evaluate::accuracy;
use crate::measured::{Measured, ResumedFrom};
use crate::model::Model;
use crate::network::Network;
use crate::prune::prune;
use crate::repair::{DenseStatistics, repair};
use crate::train::{Trainer, TrainingError, TrainingState, TrainingStateError};
use crate::watch::{Interrupted, Progress, Stopped};

/// Metadata key of the report in a state's file.
const REPORT_KEY: &str = "rrlab.finetune";

/// Why fine-tuning ended early.
#[derive(Debug, thiserror::Error)]
pub enum FinetuneError {
    /// A combination that can't be allocated.
    #[error("{rule} at sparsity {sparsity}: {source}")]
    Allocate {
        /// The rule.
        rule: Rule,
        /// The sparsity.
        sparsity: Sparsity,
        /// Why.
        source: AllocateError,
    },
    /// An allocation that does not fit the model, whose profile does not say whose it is.
    #[error("the profile is not of this network: {0}")]
    Allocation(#[from] AllocationError),
    /// Calibration images or repair failed.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// Training failed.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A state of something else to go on from.
    #[error("the fine-tuning to go on from {problem}; choose another --out, or delete it")]
    Other {
        /// What differs.
        problem: String,
    },
    /// It was asked to end, or the device failed.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl From<Stopped> for FinetuneError {
    fn from(stopped: Stopped) -> Self {
        Self::Interrupted(Interrupted::Stopped(stopped))
    }
}

/// A dense model, its profile and the data to fine-tune on.
pub struct Finetuning<'a> {
    /// The dense network (what is pruned, and the teacher where there is distillation) and its profile.
    pub measured: Measured<'a>,
    /// Calibration and training images come from its training split, evaluation images from its test split.
    pub dataset: &'a Dataset,
    /// Where to compute.
    pub device: &'a Device,
    /// Its name in the report.
    pub device_name: &'a str,
}

/// Fine-tuning at rest: what is done, and the training under way.
#[derive(Debug, Clone, PartialEq)]
pub struct FinetuneState {
    /// All runs that were begun; the last is under way.
    pub report: FinetuneReport,
    /// Its training.
    pub training: TrainingState,
}

impl FinetuneState {
    /// Bytes of a file.
    ///
    /// # Errors
    /// If a tensor's values are not as many as its shape says.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainingStateError> {
        let mut file = self.training.to_file()?;
        let report = serde_json::to_string(&self.report)
            .map_err(|error| TrainingStateError::NoProgress { problem: error.to_string() })?;
        file.metadata.insert(REPORT_KEY.into(), report);
        Ok(file.to_bytes()?)
    }

    /// The state that these bytes of a file hold.
    ///
    /// # Errors
    /// If they are not what [`FinetuneState::to_bytes`] wrote, whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainingStateError> {
        let mut file = TensorFile::from_bytes(bytes)?;
        let missing = || TrainingStateError::NoProgress { problem: "it is not of fine-tuning".into() };
        let report = file.metadata.remove(REPORT_KEY).ok_or_else(missing)?;
        let report = FinetuneReport::from_json(&report)
            .map_err(|error| TrainingStateError::NoProgress { problem: error.to_string() })?;
        Ok(Self { report, training: TrainingState::from_file(file)? })
    }
}

/// A run under way, as a watcher sees it.
pub struct UnderWay<'t, 'a> {
    report: &'t FinetuneReport,
    trainer: &'t Trainer<'a>,
}

impl UnderWay<'_, '_> {
    /// Everything that it takes to go on later.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn state(&self) -> Result<FinetuneState, TrainingError> {
        Ok(FinetuneState { report: self.report.clone(), training: self.trainer.state().await? })
    }

    /// Steps done and to do over all runs.
    pub fn steps(&self) -> (usize, usize) {
        let (each, done) = (self.trainer.total_steps(), self.report.runs.len() - 1);
        (each * done + self.trainer.steps_done(), each * self.report.plan.asked())
    }
}

impl Finetuning<'_> {
    /// Prunes, repairs and trains every combination that `previous` does not hold. The watcher hears of everything, and
    /// can save the state of the run under way whenever it is shown one.
    ///
    /// # Errors
    /// See [`FinetuneError`].
    pub async fn run(
        &self,
        plan: FinetunePlan,
        previous: Option<FinetuneState>,
        mut watch: impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<FinetuneReport, FinetuneError> {
        plan.training.check().map_err(TrainingError::from)?;
        let (mut report, mut training) = match previous {
            Some(state) => self.continued(&plan, state)?,
            None => (self.started(plan, &mut watch).await?, None),
        };
        let images = self.calibration_images(&report.plan)?;
        let mut aside = async |progress: Progress<'_>| watch(None, progress).await;
        let dense = DenseStatistics::measure(self.measured.model(), &images, self.device, &mut aside).await?;
        for sparsity in report.plan.sparsities.clone() {
            for rule in report.plan.rules.clone() {
                let begun = report.runs.last().is_some_and(|run| (run.rule, run.sparsity) == (rule, sparsity));
                let state = match training.take_if(|_| begun) {
                    Some(state) => state,
                    None if report.run(rule, sparsity).is_some() => continue,
                    None => self.begin((rule, sparsity), &mut report, &images, &dense, &mut watch).await?,
                };
                self.train(state, &mut report, &mut watch).await?;
            }
        }
        Ok(report)
    }

    fn calibration_images(&self, plan: &FinetunePlan) -> Result<CalibrationImages<'_>, CalibrationError> {
        let normalization = self.measured.model().normalization_of(self.dataset);
        CalibrationImages::draw(self.dataset, Split::Train, plan.calibration_images, plan.training.seed, normalization)
    }

    fn evaluation_images(&self, plan: &FinetunePlan) -> Vec<usize> {
        draw_indices(&self.dataset.test, plan.evaluation_images, plan.training.seed)
    }

    async fn accuracy(
        &self,
        model: &Model,
        plan: &FinetunePlan,
        watch: &mut impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<f64, Interrupted> {
        let (network, images) = (Network::new(model, self.device), self.evaluation_images(plan));
        let normalization = self.measured.model().normalization_of(self.dataset);
        let aside = async |progress: Progress<'_>| watch(None, progress).await;
        accuracy(&network, &self.dataset.test, &images, &normalization, aside).await
    }

    async fn started(
        &self,
        plan: FinetunePlan,
        watch: &mut impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<FinetuneReport, FinetuneError> {
        self.measured.model().check_classes(self.dataset).map_err(TrainingError::from)?;
        let dense_accuracy = self.accuracy(self.measured.model(), &plan, watch).await?;
        let graph = &self.measured.model().graph;
        let (model_hash, profile_hash) = self.measured.hashes();
        Ok(FinetuneReport {
            version: FINETUNE_VERSION,
            architecture: graph.architecture.clone(),
            classes: graph.classes,
            model_hash,
            profile_hash,
            images_hash: Some(self.dataset.test.hash(&self.evaluation_images(&plan))),
            dataset: self.dataset.name.clone(),
            device: self.device_name.into(),
            program: rrlab_types::PROGRAM.into(),
            plan,
            dense_accuracy,
            runs: Vec::new(),
        })
    }

    fn continued(
        &self,
        plan: &FinetunePlan,
        state: FinetuneState,
    ) -> Result<(FinetuneReport, Option<TrainingState>), FinetuneError> {
        let FinetuneState { report, training } = state;
        let origin = ResumedFrom {
            model_hash: report.model_hash,
            profile_hash: report.profile_hash,
            images_hash: report.images_hash,
            dataset: &report.dataset,
            device: &report.device,
            program: &report.program,
        };
        let images = self.dataset.test.hash(&self.evaluation_images(plan));
        if let Some(problem) = origin.difference(&self.measured, images, &self.dataset.name, self.device_name) {
            return Err(FinetuneError::Other { problem });
        }
        if report.plan != *plan {
            return Err(FinetuneError::Other { problem: "was asked for with other settings".into() });
        }
        Ok((report, Some(training)))
    }

    /// Prunes and repairs for a combination, and enters it into the report.
    async fn begin(
        &self,
        (rule, sparsity): (Rule, Sparsity),
        report: &mut FinetuneReport,
        images: &CalibrationImages<'_>,
        dense: &DenseStatistics,
        watch: &mut impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<TrainingState, FinetuneError> {
        let plan = &report.plan;
        let request =
            AllocationRequest { rule, sparsity, settings: plan.settings, constraints: plan.constraints.clone() };
        let allocation = allocate(Evidence::Profile(self.measured.profile()), &request)
            .map_err(|source| FinetuneError::Allocate { rule, sparsity, source })?;
        let (pruned, masks) = prune(self.measured.model(), &allocation)?;
        let aside = async |progress: Progress<'_>| watch(None, progress).await;
        let repaired = repair(self.measured.model(), dense, &pruned, plan.repair, images, self.device, aside).await?;
        let start_accuracy = self.accuracy(&repaired, plan, watch).await?;
        let training = plan.training.clone();
        report.runs.push(FinetuneRun { rule, sparsity, kept: allocation.kept, start_accuracy, epochs: Vec::new() });
        watch(None, Progress::Run(report)).await?;
        Ok(TrainingState::start_pruned(repaired, masks, training))
    }

    /// Trains the last run of the report to its end.
    async fn train(
        &self,
        state: TrainingState,
        report: &mut FinetuneReport,
        watch: &mut impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<(), FinetuneError> {
        let test_images = self.evaluation_images(&report.plan);
        let mut trainer = Trainer::taught(state, self.dataset, Some(self.measured.model()), self.device)?;
        let steps = async |trainer: &Trainer<'_>, progress: Progress<'_>| {
            if let Some(run) = report.runs.last_mut() {
                run.epochs.clone_from(&trainer.log().epochs);
            }
            watch(Some(&UnderWay { report, trainer }), progress).await?;
            match progress {
                Progress::Epoch(_) => watch(Some(&UnderWay { report, trainer }), Progress::Run(report)).await,
                _ => Ok(()),
            }
        };
        trainer.run(&test_images, steps).await?;
        let mut model = trainer.model().await?;
        if let Some(run) = report.runs.last() {
            let accuracy = run.final_accuracy().unwrap_or_default();
            model.note_training(&report.plan.training, self.dataset, accuracy, test_images.len());
            watch(None, Progress::Tuned(run, &model)).await?;
        }
        Ok(())
    }
}
