//! Each kind of job, with the engine, on a thread of its own.

use std::cell::RefCell;
use std::convert::Infallible;

use burn::tensor::read_sync;
use bytes::Bytes;
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::{Dataset, Split, draw_indices};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::evaluate::{accuracy, evaluation};
use rrlab_engine::experiment::Experiment;
use rrlab_engine::failure::Failure;
use rrlab_engine::finetune::{self, BegunFinetuning, FinetuneState, UnderWay};
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::sharing::{Share, Sharing};
use rrlab_engine::sweep;
use rrlab_engine::train::{Trainer, TrainingState};
use rrlab_engine::watch::{Progress, Stopped};
use rrlab_protocol::{ArtifactKind, JobEvent, JobRequest};
use rrlab_types::{
    FinetunePlan, FinetuneReport, FinetuneRun, ModelProfile, PROGRAM, SelectionPlan, SweepPlan,
    SweepReport, TrainingPlan,
};

use super::reporter::{JobReporter, JobResult, Outcome, StoredWork};
use crate::facts::ArtifactFacts;
use crate::storage::DataFolder;

/// Test images on which the accuracy after each epoch of training is measured.
const EPOCH_IMAGES: usize = 2000;

/// What a job reads, as it is stored.
#[derive(Default)]
pub struct Inputs {
    /// The network, safetensors, with the name of its artifact.
    pub model: Option<(String, Bytes)>,
    /// JSON of the profile that the request names.
    pub profile: Option<Bytes>,
    /// A profile that the job measured before it was interrupted.
    pub measured: Option<Bytes>,
    /// Where the images come from.
    pub dataset: Option<DatasetSource>,
    /// The state to go on from.
    pub checkpoint: Option<Bytes>,
}

/// Where the images of a job come from.
pub enum DatasetSource {
    /// Content of an uploaded data set, safetensors.
    Stored(Bytes),
    /// On the worker's machine, by its name.
    Named(DataFolder, String),
}

/// Computes a job, reporting what happens and what comes out.
pub fn run(
    request: JobRequest,
    inputs: Inputs,
    device: &OpenDevice,
    reporter: JobReporter,
) -> Outcome {
    let compute = || {
        let mut run = JobRun { inputs: ParsedInputs::read(inputs, device)?, device, reporter };
        match request {
            JobRequest::Train(job) => run.train(&job.architecture, job.plan),
            JobRequest::Calibrate(job) => run.calibrate(job.images, job.seed),
            JobRequest::Choose(job) => run.choose(&job.plan),
            JobRequest::Sweep(job) => run.sweep(job.plan),
            JobRequest::Finetune(job) => run.finetune(job.plan),
            JobRequest::Evaluate(job) => run.evaluate(job.images, job.seed),
        }
    };
    outcome(compute())
}

/// What another worker offers of its job.
pub enum Offered {
    /// Entries of a sweep.
    Sweep(SweepReport),
    /// Runs of fine-tuning.
    Finetune(FinetuneReport),
}

impl Offered {
    /// What was offered of a job, if this version did: numbers of two can't be compared.
    pub fn read(request: &JobRequest, offer: &str) -> Option<Self> {
        let read = match request {
            JobRequest::Sweep(_) => SweepReport::from_json(offer).ok().map(Self::Sweep),
            JobRequest::Finetune(_) => FinetuneReport::from_json(offer).ok().map(Self::Finetune),
            _ => None,
        };
        read.filter(|offered| offered.program() == PROGRAM)
    }

    fn program(&self) -> &str {
        match self {
            Self::Sweep(report) => &report.origin.program,
            Self::Finetune(report) => &report.origin.program,
        }
    }

    /// Number of parts, done and open.
    pub fn parts(&self) -> usize {
        match self {
            Self::Sweep(report) => sweep::places(&report.plan),
            Self::Finetune(report) => finetune::places(&report.plan),
        }
    }
}

/// Computes parts of a job that another worker has, until none is left to be taken.
pub fn help(
    offered: Offered,
    inputs: Inputs,
    device: &OpenDevice,
    reporter: &JobReporter,
) -> Outcome {
    let compute = || {
        let inputs = ParsedInputs::read(inputs, device)?;
        let (name, experiment) = inputs.experiment(device)?;
        match offered {
            Offered::Sweep(report) => help_sweep(&experiment, report, reporter),
            Offered::Finetune(report) => help_finetuning((name, &experiment), report, reporter),
        }
    };
    outcome(compute())
}

fn help_sweep(
    experiment: &Experiment<'_>,
    offered: SweepReport,
    reporter: &JobReporter,
) -> Result<(), Failure> {
    let watch = async |progress: Progress<'_>| match progress {
        Progress::Entry(SweepReport { entries, .. }) => match entries.last() {
            Some(entry) => reporter.part(entry, None),
            None => reporter.go_on(),
        },
        _ => reporter.go_on(),
    };
    let (plan, mut helper) = (offered.plan.clone(), Helper(reporter));
    read_sync(experiment.shared_sweep(plan, Some(offered), &mut helper, watch))?;
    Ok(())
}

fn help_finetuning(
    (name, experiment): (&str, &Experiment<'_>),
    offered: FinetuneReport,
    reporter: &JobReporter,
) -> Result<(), Failure> {
    let mut failure = None;
    let (plan, mut helper) = (offered.plan.clone(), Helper(reporter));
    let begun = BegunFinetuning { report: offered, training: None };
    let watch = async |under_way: Option<&UnderWay<'_, '_>>, progress: Progress<'_>| {
        if let Progress::Tuned(run, model) = progress {
            let result = tuned_result(name, run, model, &mut failure)?;
            reporter.part(run, Some(result))?;
        }
        if let Some(under_way) = under_way.filter(|_| reporter.is_checkpoint_due()) {
            save(reporter, finetuning_at_rest(under_way).await, &mut failure)?;
        }
        reporter.go_on()
    };
    let tuned = read_sync(experiment.shared_finetuning(plan, Some(begun), &mut helper, watch));
    failure.map_or(Ok(()), Err)?;
    tuned?;
    Ok(())
}

impl StoredWork for SweepReport {
    fn state(_: &[u8]) -> Option<Infallible> {
        None
    }
}

impl StoredWork for FinetuneReport {
    fn state(bytes: &[u8]) -> Option<FinetuneState> {
        finetuning_to_go_on_from(bytes)
    }
}

/// Takes parts of what another offers.
struct Helper<'r>(&'r JobReporter);

impl<Work: StoredWork> Sharing<Work> for Helper<'_> {
    fn next(&mut self, open: &[usize]) -> Result<Share<Work>, Stopped> {
        self.0.next_part(open)
    }
}

/// Offers parts to others. Both halves of a job report: which part is next, and what came out.
struct Host<'r, 'a>(&'r RefCell<&'a mut JobReporter>);

impl<Work: StoredWork> Sharing<Work> for Host<'_, '_> {
    fn offer(&mut self, work: &Work, open: &[usize], all: usize) -> Result<(), Stopped> {
        self.0.borrow_mut().offer(work, open, all)
    }

    fn next(&mut self, open: &[usize]) -> Result<Share<Work>, Stopped> {
        self.0.borrow().next_part(open)
    }
}

fn outcome(computed: Result<(), Failure>) -> Outcome {
    match computed {
        Ok(()) => Outcome::Done,
        Err(Failure::Stopped) => Outcome::Stopped,
        Err(Failure::Lost(problem)) => Outcome::Lost(problem),
        Err(Failure::Problem(problem)) => Outcome::Failed(problem),
    }
}

/// What a job reads, understood.
struct ParsedInputs {
    model: Option<(String, Model)>,
    profile: Option<ModelProfile>,
    dataset: Option<Dataset>,
    checkpoint: Option<Bytes>,
}

impl ParsedInputs {
    fn read(inputs: Inputs, device: &OpenDevice) -> Result<Self, Failure> {
        let model =
            |(name, bytes): (String, Bytes)| match checkpoint::read(&bytes, NetworkHint::default())
            {
                Ok(model) => Ok((name, model)),
                Err(error) => Err(Failure::Problem(format!("network {name}: {error}"))),
            };
        let dataset = |data: DatasetSource| match data {
            DatasetSource::Stored(bytes) => {
                Dataset::from_bytes(bytes).map_err(|error| error.to_string())
            }
            DatasetSource::Named(folder, name) => {
                folder.load(&name).map_err(|error| format!("{error:#}"))
            }
        };
        let given = inputs.profile.as_deref().map(profile).transpose()?;
        // What another device measured does not go with what this one goes on with.
        let measured = inputs.measured.as_deref().map(profile).transpose()?;
        let measured = measured.filter(|profile| profile.measurement.device == device.name);
        Ok(Self {
            model: inputs.model.map(model).transpose()?,
            profile: given.or(measured),
            dataset: inputs.dataset.map(dataset).transpose().map_err(Failure::Problem)?,
            checkpoint: inputs.checkpoint,
        })
    }

    /// The experiment on network, profile and images, with the network's name.
    fn experiment<'j>(
        &'j self,
        device: &'j OpenDevice,
    ) -> Result<(&'j str, Experiment<'j>), Failure> {
        let (name, model) = self.model.as_ref().ok_or_else(|| missing("network"))?;
        let dataset = self.dataset.as_ref().ok_or_else(|| missing("data set"))?;
        let profile = self.profile.as_ref().ok_or_else(|| missing("profile"))?;
        model.check_classes(dataset)?;
        let experiment = Experiment {
            measured: Measured::new(model, profile)?,
            dataset,
            calibration: None,
            device: &device.device,
            device_name: &device.name,
        };
        Ok((name, experiment))
    }
}

fn profile(bytes: &[u8]) -> Result<ModelProfile, Failure> {
    let profile = ModelProfile::from_json(&String::from_utf8_lossy(bytes));
    profile.map_err(|error| Failure::Problem(format!("profile: {error}")))
}

struct JobRun<'a> {
    inputs: ParsedInputs,
    device: &'a OpenDevice,
    reporter: JobReporter,
}

/// A sweep's checkpoint. One of another version of the program is none, since numbers of both can't
/// be compared: the job begins anew.
fn sweep_to_go_on_from(checkpoint: &[u8]) -> Option<SweepReport> {
    let read = SweepReport::from_json(&String::from_utf8_lossy(checkpoint));
    of_this_version(read, |report| &report.origin.program)
}

/// The same of fine-tuning.
fn finetuning_to_go_on_from(checkpoint: &[u8]) -> Option<FinetuneState> {
    of_this_version(FinetuneState::from_bytes(checkpoint), |state| &state.report.origin.program)
}

fn of_this_version<T, E: std::fmt::Display>(
    read: Result<T, E>,
    program: impl Fn(&T) -> &str,
) -> Option<T> {
    match read {
        Ok(state) if program(&state) == PROGRAM => return Some(state),
        Ok(state) => tracing::warn!(
            program = program(&state),
            "a checkpoint of another version; what it is of begins anew"
        ),
        Err(error) => {
            tracing::warn!(%error, "a checkpoint can't be read; what it is of begins anew")
        }
    }
    None
}

fn model_result(name: String, model: &Model) -> Result<JobResult, checkpoint::CheckpointError> {
    let (kind, bytes) = (ArtifactKind::Model, checkpoint::write(model)?);
    Ok(JobResult { kind, name, bytes, facts: ArtifactFacts::of_model(model) })
}

/// The network that came out of a run; where it can't be written, that is the failure that ends the work.
fn tuned_result(
    network: &str,
    run: &FinetuneRun,
    model: &Model,
    failure: &mut Option<Failure>,
) -> Result<JobResult, Stopped> {
    let name = format!("{network}, {} at {}", run.rule, run.sparsity);
    model_result(name, model).map_err(|error| {
        *failure = Some(error.into());
        Stopped
    })
}

fn missing(what: &str) -> Failure {
    Failure::Problem(format!("the job has no {what}"))
}

/// A file that fine-tuning can go on from.
async fn finetuning_at_rest(under_way: &UnderWay<'_, '_>) -> Result<Vec<u8>, Failure> {
    Ok(under_way.state().await?.to_bytes()?)
}

/// Hands over a state; one that could not be had is the failure that ends the work.
fn save(
    reporter: &JobReporter,
    state: Result<Vec<u8>, Failure>,
    failure: &mut Option<Failure>,
) -> Result<(), Stopped> {
    match state {
        Ok(bytes) => reporter.checkpoint(bytes),
        Err(problem) => {
            *failure = Some(problem);
            Err(Stopped)
        }
    }
}

/// Measures a profile, telling of each layer.
fn measure(
    model: &Model,
    dataset: &Dataset,
    (images, seed): (usize, u64),
    device: &OpenDevice,
    reporter: &mut JobReporter,
) -> Result<ModelProfile, Failure> {
    model.check_classes(dataset)?;
    let images = CalibrationImages::draw(
        dataset,
        Split::Train,
        images,
        seed,
        model.normalization_of(dataset),
    )?;
    reporter.tell(JobEvent::Measuring(Box::new(model.graph().clone())))?;
    reporter.count("images", 0, images.len());
    let layers = model.graph().prunable_layers().len();
    let mut measured = 0;
    let watch = async |progress: Progress<'_>| match progress {
        Progress::Images(count) => reporter.advance_by(count, count),
        Progress::Layer(layer) => {
            if measured == 0 {
                reporter.count("layers", 0, layers);
            }
            measured += 1;
            reporter.tell(JobEvent::Layer(Box::new(layer.clone())))?;
            reporter.advance(measured, 0, None)
        }
        _ => reporter.go_on(),
    };
    Ok(read_sync(calibrate(
        model,
        &device.device,
        &device.name,
        &images,
        Method::SecondMoments,
        watch,
    ))?)
}

impl JobRun<'_> {
    fn train(&mut self, architecture: &str, plan: TrainingPlan) -> Result<(), Failure> {
        let Self { inputs, device, reporter } = self;
        let dataset = inputs.dataset.as_ref().ok_or_else(|| missing("data set"))?;
        let state = match &inputs.checkpoint {
            Some(bytes) => TrainingState::from_bytes(bytes)?,
            None => {
                let graph = architecture.parse::<Architecture>()?.graph(dataset.classes.len())?;
                TrainingState::start(Model::untrained(graph, dataset, plan.seed), plan.clone())
            }
        };
        let mut trainer = Trainer::new(state, dataset, &device.device)?;
        reporter.count("steps", trainer.steps_done(), trainer.total_steps());
        let drawn = draw_indices(&dataset.test, EPOCH_IMAGES, plan.seed);
        let mut failure = None;
        let trained = read_sync(trainer.run(&drawn, async |trainer, progress| {
            if let Progress::Epoch(epoch) = progress {
                reporter.tell(JobEvent::Epoch(*epoch))?;
            }
            if reporter.is_checkpoint_due() {
                let state = trainer.state().await.map_err(Failure::from);
                save(reporter, state.and_then(|state| Ok(state.to_bytes()?)), &mut failure)?;
            }
            match progress {
                Progress::Step(step) => {
                    reporter.advance(trainer.steps_done(), step.images, Some(JobEvent::Step(*step)))
                }
                _ => reporter.go_on(),
            }
        }));
        failure.map_or(Ok(()), Err)?;
        trained?;
        let mut model = read_sync(trainer.model())?;
        let reached =
            trainer.log().epochs.last().and_then(|epoch| epoch.test_accuracy).unwrap_or_default();
        model.note_training(&plan, dataset, reached, drawn.len());
        let name = format!("{architecture} on {}", dataset.name);
        Ok(reporter.result(model_result(name, &model)?)?)
    }

    fn calibrate(&mut self, images: usize, seed: u64) -> Result<(), Failure> {
        let Self { inputs, device, reporter } = self;
        let (name, model) = inputs.model.as_ref().ok_or_else(|| missing("network"))?;
        let dataset = inputs.dataset.as_ref().ok_or_else(|| missing("data set"))?;
        let profile = measure(model, dataset, (images, seed), device, reporter)?;
        Ok(reporter.profile(name, &profile)?)
    }

    /// The profile that was given, or measured before an interruption; else it is measured now.
    fn measured(&mut self, images: usize, seed: u64) -> Result<(), Failure> {
        if self.inputs.profile.is_none() {
            let Self { inputs, device, reporter } = self;
            let (name, model) = inputs.model.as_ref().ok_or_else(|| missing("network"))?;
            let dataset = inputs.dataset.as_ref().ok_or_else(|| missing("data set"))?;
            let profile = measure(model, dataset, (images, seed), device, reporter)?;
            reporter.profile(name, &profile)?;
            self.inputs.profile = Some(profile);
        }
        Ok(())
    }

    fn choose(&mut self, plan: &SelectionPlan) -> Result<(), Failure> {
        self.measured(plan.calibration_images, plan.seed)?;
        let Self { inputs, device, reporter } = self;
        let (name, experiment) = inputs.experiment(device)?;
        reporter.count("networks", 0, plan.networks());
        let allocation = read_sync(experiment.select(plan, async |progress| match progress {
            Progress::Judged { .. } => reporter.advance_by(1, 0),
            _ => reporter.go_on(),
        }))?;
        if let Some(selection) = &allocation.selection {
            reporter.tell(JobEvent::Selected(selection.clone()))?;
        }
        let name = format!("{name}, {} at {}", allocation.rule_in_words(), allocation.sparsity);
        Ok(reporter.report(ArtifactKind::Allocation, &name, &allocation)?)
    }

    fn sweep(&mut self, mut plan: SweepPlan) -> Result<(), Failure> {
        self.measured(plan.calibration_images, plan.seed)?;
        let Self { inputs, device, reporter } = self;
        let (name, experiment) = inputs.experiment(device)?;
        plan.evaluation_images = plan.evaluation_images.min(experiment.dataset.test.len());
        let previous = inputs.checkpoint.as_deref().and_then(sweep_to_go_on_from);
        reporter.count(
            "networks",
            previous.as_ref().map_or(0, |report| report.entries.len()),
            plan.asked(),
        );
        let reporter = RefCell::new(reporter);
        let mut host = Host(&reporter);
        let shared = experiment.shared_sweep(plan, previous, &mut host, async |progress| {
            let mut reporter = reporter.borrow_mut();
            if let Progress::Entry(report) = progress {
                reporter.checkpoint(serde_json::to_vec(report).map_err(|_| Stopped)?)?;
                if let Some(entry) = report.entries.last() {
                    reporter.tell(JobEvent::Entry(entry.clone()))?;
                }
                reporter.advance(report.entries.len(), 0, None)?;
            }
            reporter.go_on()
        });
        let report = read_sync(shared)?;
        Ok(reporter.into_inner().report(ArtifactKind::Sweep, name, &report)?)
    }

    fn finetune(&mut self, mut plan: FinetunePlan) -> Result<(), Failure> {
        self.measured(plan.calibration_images, plan.training.seed)?;
        let Self { inputs, device, reporter } = self;
        let (name, experiment) = inputs.experiment(device)?;
        plan.evaluation_images = plan.evaluation_images.min(experiment.dataset.test.len());
        let previous = inputs.checkpoint.as_deref().and_then(finetuning_to_go_on_from);
        let mut failure = None;
        let mut counting = false;
        let (previous, reporter) = (previous.map(Into::into), RefCell::new(reporter));
        let mut host = Host(&reporter);
        let watch = async |under_way: Option<&UnderWay<'_, '_>>, progress: Progress<'_>| {
            match progress {
                Progress::Run(report) => {
                    let Some(run) = report.runs.last() else { return Ok(()) };
                    reporter.borrow().tell(JobEvent::Run(run.clone()))?;
                    // One that a helper has computed comes whole.
                    if counting && under_way.is_none() && run.final_accuracy().is_some() {
                        reporter.borrow_mut().advance_to(report.runs.len(), report.plan.asked())?;
                    }
                }
                Progress::Tuned(run, model) => {
                    reporter.borrow().result(tuned_result(name, run, model, &mut failure)?)?;
                }
                _ => {}
            }
            if let Some(under_way) = under_way {
                let (done, total) = under_way.steps();
                if !counting {
                    counting = true;
                    reporter.borrow_mut().count("steps", done.saturating_sub(1), total);
                }
                if reporter.borrow().is_checkpoint_due() {
                    let state = finetuning_at_rest(under_way).await;
                    save(&reporter.borrow(), state, &mut failure)?;
                }
                if let Progress::Step(step) = progress {
                    let mut reporter = reporter.borrow_mut();
                    reporter.advance(done, step.images, Some(JobEvent::Step(*step)))?;
                }
            }
            reporter.borrow().go_on()
        };
        let tuned = read_sync(experiment.shared_finetuning(plan, previous, &mut host, watch));
        failure.map_or(Ok(()), Err)?;
        let report = tuned?;
        Ok(reporter.into_inner().report(ArtifactKind::Finetune, name, &report)?)
    }

    fn evaluate(&mut self, images: usize, seed: u64) -> Result<(), Failure> {
        let Self { inputs, device, reporter } = self;
        let (name, model) = inputs.model.as_ref().ok_or_else(|| missing("network"))?;
        let dataset = inputs.dataset.as_ref().ok_or_else(|| missing("data set"))?;
        model.check_classes(dataset)?;
        let drawn = draw_indices(&dataset.test, images, seed);
        let network = Network::new(model, &device.device);
        reporter.count("images", 0, drawn.len());
        let watch = async |progress: Progress<'_>| match progress {
            Progress::Images(count) => reporter.advance_by(count, count),
            _ => reporter.go_on(),
        };
        let fraction = read_sync(accuracy(
            &network,
            &dataset.test,
            &drawn,
            &model.normalization_of(dataset),
            watch,
        ))?;
        let evaluation =
            evaluation(name, model, dataset, Split::Test, drawn.len(), &device.name, fraction);
        reporter.tell(JobEvent::Evaluated(evaluation.clone()))?;
        Ok(reporter.report(ArtifactKind::Evaluation, name, &evaluation)?)
    }
}
