//! Fine-tuning of pruned, repaired networks: rules and sparsities from the same start, resumable at
//! any step.

use rrlab_types::{FINETUNE_VERSION, FinetunePlan, FinetuneReport, FinetuneRun, Rule, Sparsity};

use crate::calibrate::CalibrationError;
use crate::checkpoint::TensorFile;
use crate::experiment::{Combination, Experiment, ExperimentError, ImageDraw, Preparation};
use crate::sharing::{Alone, Share, SharedWork, Sharing, close};
use crate::train::{Trainer, TrainingError, TrainingState, TrainingStateError};
use crate::watch::{Interrupted, Progress, Stopped};

/// Metadata key of the report in a state's file.
const REPORT_KEY: &str = "rrlab.finetune";

/// Why fine-tuning ended early.
#[derive(Debug, thiserror::Error)]
pub enum FinetuneError {
    /// What comes before training failed, or earlier work does not go with this one.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A plan that makes no sense, or a training that failed.
    #[error(transparent)]
    Training(#[from] TrainingError),
}

impl From<CalibrationError> for FinetuneError {
    fn from(error: CalibrationError) -> Self {
        Self::Experiment(error.into())
    }
}

impl From<Interrupted> for FinetuneError {
    fn from(interrupted: Interrupted) -> Self {
        Self::Experiment(interrupted.into())
    }
}

impl From<Stopped> for FinetuneError {
    fn from(stopped: Stopped) -> Self {
        Self::Experiment(stopped.into())
    }
}

/// Fine-tuning at rest: what is done, and the training under way.
#[derive(Debug, Clone, PartialEq)]
pub struct FinetuneState {
    /// All runs that were begun; the last is under way.
    pub report: FinetuneReport,
    /// Network, masks and optimizer of the run under way.
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
        let missing =
            || TrainingStateError::NoProgress { problem: "it is not of fine-tuning".into() };
        let report = file.metadata.remove(REPORT_KEY).ok_or_else(missing)?;
        let report = FinetuneReport::from_json(&report)
            .map_err(|error| TrainingStateError::NoProgress { problem: error.to_string() })?;
        Ok(Self { report, training: TrainingState::from_file(file)? })
    }
}

impl SharedWork for FinetuneReport {
    type Part = FinetuneRun;
    type State = FinetuneState;
}

/// Fine-tuning that goes on: what is done, and the training under way if any is.
#[derive(Debug, Clone, PartialEq)]
pub struct BegunFinetuning {
    /// The runs that were begun.
    pub report: FinetuneReport,
    /// Of the last of them, where that is not done.
    pub training: Option<TrainingState>,
}

impl From<FinetuneState> for BegunFinetuning {
    fn from(FinetuneState { report, training }: FinetuneState) -> Self {
        Self { report, training: Some(training) }
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

/// Every combination of a plan, in the order in which they are computed.
fn combinations(plan: &FinetunePlan) -> Vec<(Rule, Sparsity)> {
    let mut combinations = Vec::new();
    for &sparsity in &plan.sparsities {
        for &rule in &plan.rules {
            if !combinations.contains(&(rule, sparsity)) {
                combinations.push((rule, sparsity));
            }
        }
    }
    combinations
}

/// Number of runs that a plan asks for.
pub fn places(plan: &FinetunePlan) -> usize {
    combinations(plan).len()
}

fn image_draw(plan: &FinetunePlan) -> ImageDraw<'_> {
    ImageDraw {
        class: None,
        calibration: plan.calibration_images,
        evaluation: plan.evaluation_images,
        judge: 0,
        seed: plan.training.seed,
        evaluation_seed: plan.training.seed,
    }
}

impl Experiment<'_> {
    /// Prunes, repairs and trains every combination that `previous` does not hold. The watcher
    /// hears of everything, and can save the state of the run under way whenever it is shown one.
    ///
    /// # Errors
    /// See [`FinetuneError`].
    pub async fn finetune(
        &self,
        plan: FinetunePlan,
        previous: Option<FinetuneState>,
        watch: impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<FinetuneReport, FinetuneError> {
        self.shared_finetuning(plan, previous.map(Into::into), &mut Alone, watch).await
    }

    /// The same where several compute one fine-tuning, as `sharing` has it; the report has the runs in
    /// the plan's order in the end. Whoever computes a run hears of its network.
    ///
    /// # Errors
    /// See [`FinetuneError`].
    pub async fn shared_finetuning(
        &self,
        plan: FinetunePlan,
        previous: Option<BegunFinetuning>,
        sharing: &mut impl Sharing<FinetuneReport>,
        mut watch: impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<FinetuneReport, FinetuneError> {
        plan.training.check().map_err(TrainingError::from)?;
        plan.criterion.check(plan.repair).map_err(ExperimentError::from)?;
        let BegunFinetuning { mut report, training } = match previous {
            Some(begun) => self.continued_finetuning(&plan, begun)?,
            None => self.new_finetuning(plan, &mut watch).await?,
        };
        let combinations = combinations(&report.plan);
        let place = |run: &FinetuneRun| {
            combinations.iter().position(|combination| *combination == (run.rule, run.sparsity))
        };
        let is_open = |(rule, sparsity)| report.run(rule, sparsity).is_none();
        let mut open: Vec<usize> =
            (0..combinations.len()).filter(|place| is_open(combinations[*place])).collect();
        // The last one is not worth another's way, unless this one is busy.
        if open.len() + usize::from(training.is_some()) > 1 {
            let bare = FinetuneReport { runs: Vec::new(), ..report.clone() };
            sharing.offer(&bare, &open, combinations.len())?;
        }
        if let Some(training) = training {
            self.train_run(training, &mut report, &mut watch).await?;
        }
        let mut between_runs = async |progress: Progress<'_>| watch(None, progress).await;
        let (draw, criterion) = (image_draw(&report.plan), report.plan.criterion);
        let preparation = self.prepare(draw, criterion, &mut between_runs).await?;
        while !open.is_empty() {
            match sharing.next(&open)? {
                Share::Nothing => break,
                Share::Ready(run) => {
                    report.runs.push(run);
                    watch(None, Progress::Run(&report)).await?;
                }
                Share::Compute(place, begun) => {
                    let combination = combinations[place];
                    let state = match begun {
                        Some(begun) => {
                            let state = self.take_over_run(combination, &mut report, begun)?;
                            watch(None, Progress::Run(&report)).await?;
                            state
                        }
                        None => {
                            self.begin_run(combination, &mut report, &preparation, &mut watch)
                                .await?
                        }
                    };
                    self.train_run(state, &mut report, &mut watch).await?;
                }
            }
            close(&mut open, report.runs.last().and_then(place), "fine-tuning")?;
        }
        report.runs.sort_by_key(place);
        Ok(report)
    }

    async fn new_finetuning(
        &self,
        plan: FinetunePlan,
        watch: &mut impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<BegunFinetuning, FinetuneError> {
        let (model, draw) = (self.measured.model(), image_draw(&plan));
        model.check_classes(self.dataset).map_err(TrainingError::from)?;
        let between_runs = async |progress: Progress<'_>| watch(None, progress).await;
        let dense_accuracy = self.outcomes(model, draw, between_runs).await?.accuracy();
        let report = FinetuneReport {
            version: FINETUNE_VERSION,
            architecture: model.graph().architecture().to_owned(),
            classes: model.graph().classes(),
            origin: self.origin(draw),
            plan,
            dense_accuracy,
            runs: Vec::new(),
        };
        Ok(BegunFinetuning { report, training: None })
    }

    fn continued_finetuning(
        &self,
        plan: &FinetunePlan,
        begun: BegunFinetuning,
    ) -> Result<BegunFinetuning, ExperimentError> {
        let (work, report) = ("fine-tuning", &begun.report);
        self.check_continues(work, &report.origin, image_draw(plan))?;
        if report.plan != *plan {
            let problem = "was asked for with other settings".into();
            return Err(ExperimentError::OtherWork { work, problem });
        }
        Ok(begun)
    }

    /// Prunes and repairs for a combination, and enters it into the report.
    async fn begin_run(
        &self,
        (rule, sparsity): (Rule, Sparsity),
        report: &mut FinetuneReport,
        preparation: &Preparation<'_>,
        watch: &mut impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<TrainingState, FinetuneError> {
        let FinetunePlan { repair, settings, ref constraints, .. } = report.plan;
        let combination =
            Combination { rule, sparsity, repair, settings, constraints, distillation: None };
        let draw = image_draw(&report.plan);
        let between_runs = async |progress: Progress<'_>| watch(None, progress).await;
        let repaired = self.prune_and_repair(combination, preparation, draw, between_runs).await?;
        let (kept, start_accuracy) = (repaired.kept, repaired.outcomes.accuracy());
        let run = FinetuneRun { rule, sparsity, kept, start_accuracy, epochs: Vec::new() };
        report.runs.push(run);
        watch(None, Progress::Run(report)).await?;
        let plan = report.plan.training.clone();
        Ok(TrainingState::start_pruned(repaired.model, repaired.masks, plan))
    }

    /// Enters a run into the report that another began.
    fn take_over_run(
        &self,
        combination: (Rule, Sparsity),
        report: &mut FinetuneReport,
        mut begun: FinetuneState,
    ) -> Result<TrainingState, ExperimentError> {
        let work = "training";
        self.check_continues(work, &begun.report.origin, image_draw(&report.plan))?;
        let run = begun.report.runs.pop();
        let Some(run) = run.filter(|run| (run.rule, run.sparsity) == combination) else {
            let problem = "is of another rule or sparsity".into();
            return Err(ExperimentError::OtherWork { work, problem });
        };
        report.runs.push(run);
        Ok(begun.training)
    }

    /// Trains the last run of the report to its end.
    async fn train_run(
        &self,
        state: TrainingState,
        report: &mut FinetuneReport,
        watch: &mut impl AsyncFnMut(Option<&UnderWay<'_, '_>>, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<(), FinetuneError> {
        let test_images = self.evaluation_images(image_draw(&report.plan));
        let teacher = Some(self.measured.model());
        let mut trainer = Trainer::taught(state, self.dataset, teacher, self.device)?;
        let with_report = async |trainer: &Trainer<'_>, progress: Progress<'_>| {
            if let Some(run) = report.runs.last_mut() {
                run.epochs.clone_from(&trainer.log().epochs);
            }
            watch(Some(&UnderWay { report, trainer }), progress).await?;
            match progress {
                Progress::Epoch(_) => {
                    watch(Some(&UnderWay { report, trainer }), Progress::Run(report)).await
                }
                _ => Ok(()),
            }
        };
        trainer.run(&test_images, with_report).await?;
        let mut model = trainer.model().await?;
        if let Some(run) = report.runs.last() {
            let accuracy = run.final_accuracy().unwrap_or_default();
            let plan = &report.plan.training;
            model.note_training(plan, self.dataset, accuracy, test_images.len());
            watch(None, Progress::Tuned(run, &model)).await?;
        }
        Ok(())
    }
}
