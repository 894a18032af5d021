//! What a worker holds, and how it carries out each request with the engine.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use rrlab_engine::architecture::{Architecture, ArchitectureError};
use rrlab_engine::calibrate::{CalibrationError, CalibrationImages, Method, calibrate};
use rrlab_engine::checkpoint::{self, CheckpointError, NetworkHint};
use rrlab_engine::data::{
    Dataset, ImportError, Importer, Sample, Split, archive_entries, draw_indices, images_to_device, is_archive,
    shapes10,
};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::import::{self, Hint};
use rrlab_engine::measured::Measured;
use rrlab_engine::model::{ClassesError, Model};
use rrlab_engine::network::{Network, download};
use rrlab_engine::prune::prune;
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::sweep::{Sweep, SweepError};
use rrlab_engine::train::{Trainer, TrainingError, TrainingState, TrainingStateError};
use rrlab_engine::watch::{Interrupted, Progress, Stopped};
use rrlab_protocol::{CheckpointKind, ComputeEvent, ComputeRequest, Predictions};
use rrlab_types::{
    Allocation, AllocationError, IdentityError, ModelHash, ModelProfile, Repair, SweepPlan, SweepReport,
};
use wasm_bindgen_futures::spawn_local;

use crate::control::{Control, Permit};
use crate::port::{Incoming, Part, hand_over, listen, tell};

/// Test images on which an epoch's accuracy is measured: enough to see it rise, few enough not to be waited for.
const EPOCH_IMAGES: usize = 500;
/// Shortest time between two states of a training that the page can go on from.
const CHECKPOINT_MILLISECONDS: f64 = 2000.0;

/// Why a request was not carried out.
enum Failure {
    Stopped,
    /// The device will not work again.
    Lost(String),
    Problem(String),
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Stopped(stopped) => stopped.into(),
            Interrupted::Device(_) => Self::Lost(interrupted.to_string()),
        }
    }
}

impl From<CalibrationError> for Failure {
    fn from(error: CalibrationError) -> Self {
        match error {
            CalibrationError::Interrupted(interrupted) => interrupted.into(),
            other => Self::Problem(other.to_string()),
        }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Interrupted(interrupted) => interrupted.into(),
            SweepError::Calibration(error) => error.into(),
            other => Self::Problem(other.to_string()),
        }
    }
}

impl From<TrainingError> for Failure {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Interrupted(interrupted) => interrupted.into(),
            other => Self::Problem(other.to_string()),
        }
    }
}

macro_rules! problems {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Problem(error.to_string())
            }
        })+
    };
}
problems!(
    AllocationError,
    ArchitectureError,
    CheckpointError,
    ClassesError,
    IdentityError,
    ImportError,
    TrainingStateError
);

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self::Problem(problem)
    }
}

/// What requests so far have left.
struct Bench {
    device: OpenDevice,
    data: Option<Dataset>,
    /// The network with its hash.
    model: Option<(ModelHash, Model)>,
    /// The network's profile on the images.
    profile: Option<ModelProfile>,
    /// What was pruned from the network last.
    pruned: Option<Pruned>,
}

/// A pruned network before and after its repair.
struct Pruned {
    pruned: Model,
    repaired: Model,
}

type Queue = Rc<RefCell<VecDeque<(Incoming, Permit)>>>;

/// Serves the page's requests from now on.
pub fn serve(device: OpenDevice) {
    let control = Rc::new(Control::default());
    let queue = Queue::default();
    // While requests are carried out the bench is away.
    let bench = Rc::new(RefCell::new(Some(Bench { device, data: None, model: None, profile: None, pruned: None })));
    listen(move |incoming| match incoming.request {
        ComputeRequest::Pause => control.set_paused(true),
        ComputeRequest::Resume => control.set_paused(false),
        ComputeRequest::Stop => control.stop(),
        _ => {
            queue.borrow_mut().push_back((incoming, control.permit()));
            let away = bench.borrow_mut().take();
            if let Some(mut here) = away {
                let (queue, bench) = (queue.clone(), bench.clone());
                spawn_local(async move {
                    loop {
                        let next = queue.borrow_mut().pop_front();
                        let Some((incoming, permit)) = next else { break };
                        tell(&outcome(here.carry_out(incoming, &permit).await));
                    }
                    bench.replace(Some(here));
                });
            }
        }
    });
}

fn outcome(result: Result<(), Failure>) -> ComputeEvent {
    match result {
        Ok(()) => ComputeEvent::Done,
        Err(Failure::Stopped) => ComputeEvent::Stopped,
        Err(Failure::Lost(problem)) => ComputeEvent::Lost { problem },
        Err(Failure::Problem(problem)) => ComputeEvent::Failed { problem },
    }
}

/// Tells how many of `total` units of `what` are done.
struct Counter {
    what: &'static str,
    done: usize,
    total: usize,
}

impl Counter {
    fn new(what: &'static str, total: usize) -> Self {
        let counter = Self { what, done: 0, total };
        counter.tell();
        counter
    }

    fn add(&mut self, count: usize) {
        self.done += count;
        self.tell();
    }

    fn tell(&self) {
        tell(&ComputeEvent::Progress { what: self.what.into(), done: self.done, total: self.total });
    }
}

impl Bench {
    async fn carry_out(&mut self, incoming: Incoming, permit: &Permit) -> Result<(), Failure> {
        permit.breathe().await?;
        let Incoming { request, parts } = incoming;
        match request {
            ComputeRequest::Shapes { train, test, seed } => self.put_data(shapes10(train, test, seed)),
            ComputeRequest::Files { name } => {
                let data = read_files(&name, &parts, permit).await?;
                self.put_data(data);
            }
            ComputeRequest::Start { architecture, seed } => {
                let data = self.data()?;
                let graph = architecture.parse::<Architecture>()?.graph(data.classes.len())?;
                let model = Model::untrained(graph, data, seed);
                self.put_model(model);
            }
            ComputeRequest::Open { name, architecture } => {
                let architecture = architecture.map(|name| name.parse()).transpose()?;
                let network = NetworkHint { architecture, classes: None };
                let hint = Hint { network, normalization: None };
                let bytes = one_part(&parts)?.bytes().await?;
                let imported = import::read(&bytes, hint).map_err(|error| format!("{name}: {error}"))?;
                self.put_model(imported.model);
            }
            ComputeRequest::Train { model, plan } => {
                let model = self.model(&model)?.clone();
                self.train(TrainingState::start(model, plan), permit).await?;
            }
            ComputeRequest::Continue => {
                let state = TrainingState::from_bytes(&one_part(&parts)?.bytes().await?)?;
                self.put_model(state.model.clone());
                self.train(state, permit).await?;
            }
            ComputeRequest::Calibrate { model, images, seed } => self.calibrate(&model, images, seed, permit).await?,
            ComputeRequest::Sweep { model, plan, previous } => {
                self.sweep(&model, plan, previous.map(|report| *report), permit).await?
            }
            ComputeRequest::Prune { allocation, repair, images, seed } => {
                self.prune(&allocation, repair, (images, seed), permit).await?;
            }
            ComputeRequest::Predict { model, images, seed } => self.predict(&model, images, seed).await?,
            ComputeRequest::Profile { profile } => self.put_profile(*profile)?,
            ComputeRequest::Pause | ComputeRequest::Resume | ComputeRequest::Stop => {}
        }
        Ok(())
    }

    fn data(&self) -> Result<&Dataset, Failure> {
        self.data.as_ref().ok_or_else(|| "there are no images yet: choose some first".to_owned().into())
    }

    /// The network of this hash.
    fn model(&self, asked: &ModelHash) -> Result<&Model, Failure> {
        let (held, model) = self.held()?;
        if held == asked {
            return Ok(model);
        }
        Err(format!("network {} was asked about, but {} is here: choose it again", asked.short(), held.short()).into())
    }

    /// The network, whichever it is.
    fn held(&self) -> Result<(&ModelHash, &Model), Failure> {
        let held = self.model.as_ref().map(|(hash, model)| (hash, model));
        held.ok_or_else(|| "there is no network yet: choose one first".to_owned().into())
    }

    fn put_profile(&mut self, profile: ModelProfile) -> Result<(), Failure> {
        let (hash, _) = self.held()?;
        // The page sends back only what was measured here, which names its network.
        let _ = profile.check_model(hash)?;
        self.profile = Some(profile);
        Ok(())
    }

    fn put_data(&mut self, data: Dataset) {
        tell(&ComputeEvent::Data {
            name: data.name.clone(),
            classes: data.classes.clone(),
            train: data.train.len(),
            test: data.test.len(),
        });
        self.data = Some(data);
        (self.profile, self.pruned) = (None, None);
    }

    fn put_model(&mut self, model: Model) {
        let hash = model.hash();
        let (graph, history) = (Box::new(model.graph.clone()), model.info.history.clone());
        tell(&ComputeEvent::Model { hash, graph, history });
        self.model = Some((hash, model));
        (self.profile, self.pruned) = (None, None);
    }

    async fn train(&mut self, state: TrainingState, permit: &Permit) -> Result<(), Failure> {
        let data = self.data()?;
        let plan = state.plan.clone();
        let mut trainer = Trainer::new(state, data, &self.device.device)?;
        let mut saved = js_sys::Date::now();
        let mut test_accuracy = 0.0;
        let drawn = draw_indices(&data.test, EPOCH_IMAGES, plan.seed);
        let before = *self.held()?.0;
        let mut steps = Counter { what: "steps", done: trainer.steps_done(), total: trainer.total_steps() };
        steps.tell();
        let mut failure = None;
        let trained = trainer.run(&drawn, async |trainer, progress| {
            match progress {
                Progress::Step(report) => {
                    tell(&ComputeEvent::Step { report: *report });
                    steps.add(1);
                }
                Progress::Epoch(report) => {
                    test_accuracy = report.test_accuracy.unwrap_or_default();
                    let (epoch, accuracy, images) = (report.epoch, test_accuracy, drawn.len());
                    tell(&ComputeEvent::Epoch { epoch, accuracy, images });
                }
                _ => {}
            }
            let stopped = permit.breathe().await;
            if stopped.is_err() || js_sys::Date::now() - saved > CHECKPOINT_MILLISECONDS {
                if let Err(problem) = hand_over_state(trainer, before).await {
                    failure = Some(problem);
                    return Err(Stopped);
                }
                saved = js_sys::Date::now();
            }
            stopped
        });
        let trained = trained.await;
        failure.map_or(Ok(()), Err)?;
        let stopped = match trained {
            Ok(_) => false,
            Err(TrainingError::Interrupted(Interrupted::Stopped(_))) => true,
            Err(error) => return Err(error.into()),
        };
        // A training that was stopped leaves the network as it is then: what comes next is done with that one.
        let mut model = trainer.model().await?;
        if stopped {
            let (done, total) = (trainer.steps_done(), trainer.total_steps());
            model.info.history.push(format!("trained on {} for {done} of {total} steps, then stopped", data.name));
        } else {
            model.note_training(&plan, data, test_accuracy, drawn.len());
        }
        let kind = if stopped { CheckpointKind::Stopped } else { CheckpointKind::Model };
        hand_over(&ComputeEvent::Checkpoint { model: model.hash(), kind }, &checkpoint::write(&model)?);
        self.put_model(model);
        if stopped { Err(Failure::Stopped) } else { Ok(()) }
    }

    async fn calibrate(&mut self, asked: &ModelHash, images: usize, seed: u64, permit: &Permit) -> Result<(), Failure> {
        let (data, model) = (self.data()?, self.model(asked)?);
        let images = CalibrationImages::draw(data, Split::Train, images, seed, model.normalization_of(data))?;
        let mut counter = Counter::new("images", images.len());
        let layers = model.graph.prunable_layers().len();
        let watch = async |progress: Progress<'_>| {
            match progress {
                Progress::Images(count) => counter.add(count),
                Progress::Layer(layer) => {
                    if counter.what != "layers" {
                        counter = Counter::new("layers", layers);
                    }
                    tell(&ComputeEvent::Layer { model: *asked, layer: Box::new(layer.clone()) });
                    counter.add(1);
                }
                _ => {}
            }
            permit.breathe().await
        };
        let OpenDevice { device, name, .. } = &self.device;
        let profile = calibrate(model, device, name, &images, Method::SecondMoments, watch).await?;
        tell(&ComputeEvent::Profile { profile: Box::new(profile.clone()) });
        self.profile = Some(profile);
        Ok(())
    }

    async fn sweep(
        &self,
        asked: &ModelHash,
        plan: SweepPlan,
        previous: Option<SweepReport>,
        permit: &Permit,
    ) -> Result<(), Failure> {
        let (data, model) = (self.data()?, self.model(asked)?);
        model.check_classes(data)?;
        let profile = self.profile.as_ref().ok_or_else(|| "measure the network first".to_owned())?;
        let sweep = Sweep {
            measured: Measured::new(model, profile)?,
            dataset: data,
            normalization: model.normalization_of(data),
            device: &self.device.device,
            device_name: &self.device.name,
        };
        let mut counter = Counter::new("networks", plan.asked());
        let watch = async |progress: Progress<'_>| {
            if let Progress::Entry(report) = progress {
                tell(&ComputeEvent::Sweep { report: Box::new(report.clone()) });
                counter.done = report.entries.len();
                counter.tell();
            }
            permit.breathe().await
        };
        let report = sweep.run(plan, previous, watch).await?;
        tell(&ComputeEvent::Sweep { report: Box::new(report) });
        Ok(())
    }

    async fn prune(
        &mut self,
        allocation: &Allocation,
        how: Repair,
        (count, seed): (usize, u64),
        permit: &Permit,
    ) -> Result<(), Failure> {
        let (data, (hash, model)) = (self.data()?, self.held()?);
        let (hash, device) = (*hash, &self.device.device);
        let (pruned, _) = prune(model, allocation)?;
        let images = CalibrationImages::draw(data, Split::Train, count, seed, model.normalization_of(data))?;
        // The dense network's pass and the repair's.
        let mut counter = Counter::new("nodes", 2 * (model.graph.nodes.len() - 1));
        let mut watch = async |_: Progress<'_>| {
            counter.add(1);
            permit.breathe().await
        };
        let dense = DenseStatistics::measure(model, &images, device, &mut watch).await?;
        let repaired = repair(model, &dense, &pruned, how, &images, device, &mut watch).await?;
        let kind = CheckpointKind::Pruned;
        hand_over(&ComputeEvent::Checkpoint { model: hash, kind }, &checkpoint::write(&repaired)?);
        self.pruned = Some(Pruned { pruned, repaired });
        Ok(())
    }

    async fn predict(&self, asked: &ModelHash, count: usize, seed: u64) -> Result<(), Failure> {
        let (data, model) = (self.data()?, self.model(asked)?);
        model.check_classes(data)?;
        let drawn = draw_indices(&data.test, count, seed);
        let dense = self.logits(model, data, &drawn).await?;
        let (mut pruned, mut repaired) = (None, None);
        if let Some(models) = &self.pruned {
            pruned = Some(self.logits(&models.pruned, data, &drawn).await?);
            repaired = Some(self.logits(&models.repaired, data, &drawn).await?);
        }
        let labels = drawn.iter().map(|&image| data.test.labels()[image]).collect();
        let predictions = Predictions { model: *asked, classes: data.classes.clone(), labels, dense, pruned, repaired };
        let pixels: Vec<u8> = drawn.iter().flat_map(|&image| data.test.image(image)).copied().collect();
        hand_over(&ComputeEvent::Predictions { predictions }, &pixels);
        Ok(())
    }

    async fn logits(&self, model: &Model, data: &Dataset, drawn: &[usize]) -> Result<Vec<Vec<f32>>, Failure> {
        let samples: Vec<Sample> = drawn.iter().map(|&image| image.into()).collect();
        let device = &self.device.device;
        let images = images_to_device(&data.test, &samples, &model.normalization_of(data), device);
        let logits = download(Network::new(model, device).forward(images)).await.map_err(Interrupted::Device)?;
        Ok(logits.chunks(model.graph.classes).map(<[f32]>::to_vec).collect())
    }
}

/// Hands over the state of a training that began with this network.
async fn hand_over_state(trainer: &Trainer<'_>, before: ModelHash) -> Result<(), Failure> {
    let state = trainer.state().await?.to_bytes()?;
    hand_over(&ComputeEvent::Checkpoint { model: before, kind: CheckpointKind::Training }, &state);
    Ok(())
}

fn one_part(parts: &[Part]) -> Result<&Part, Failure> {
    parts.first().ok_or_else(|| "the file did not come along; choose it again".to_owned().into())
}

/// The data set of these files and archives.
async fn read_files(name: &str, parts: &[Part], permit: &Permit) -> Result<Dataset, Failure> {
    let mut importer = Importer::default();
    let mut counter = Counter::new("files", parts.len());
    for part in parts {
        let bytes = part.bytes().await?;
        if is_archive(&part.name) {
            archive_entries(&part.name, &bytes, |path, bytes| importer.add(path, bytes).map(|_| ()))?;
        } else {
            importer.add(&part.name, &bytes)?;
        }
        counter.add(1);
        permit.breathe().await?;
    }
    Ok(importer.finish(name)?)
}
