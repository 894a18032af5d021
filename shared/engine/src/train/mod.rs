//! Training by SGD or Adam over augmented batches, resumable at any step to the same
//! result.

mod optimizer;
mod state;

use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData, activation};
use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use rrlab_types::{
    Binding, Distillation, IdentityError, ImagesHash, Optimizer as OptimizerKind, StepReport,
    TrainingPlan, TrainingPlanError,
};

use crate::data::{Augmentation, Dataset, Normalization, Sample, images_to_device};
use crate::evaluate::{accuracy, are_right};
use crate::model::{ClassesError, Model, StateDictError};
use crate::network::{Network, ParameterMap};
use crate::prune::Masks;
use crate::transfer::download;
use crate::watch::{Interrupted, Progress, Stopped};
use optimizer::Optimizer;
pub use optimizer::OptimizerState;
pub use state::{TrainingLog, TrainingState, TrainingStateError};

/// Why a network can't be trained, or training ended early.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum TrainingError {
    /// A plan that makes no sense.
    #[error(transparent)]
    Plan(#[from] TrainingPlanError),
    /// More or fewer classes than the network tells apart.
    #[error(transparent)]
    Classes(#[from] ClassesError),
    /// A training that began on other images.
    #[error(transparent)]
    Images(#[from] IdentityError),
    /// The loss is no longer a number.
    #[error("the loss became {loss} in epoch {epoch}, step {step}: a lower learning rate may help")]
    Diverged {
        loss: f32,
        epoch: usize,
        /// Step in the epoch, from 1.
        step: usize,
    },
    /// A weight that is no longer a number, though the loss still was.
    #[error("training left what numbers can hold: {0}: a lower learning rate may help")]
    Weights(#[from] StateDictError),
    /// Velocities, or means of squared gradients, of other weights than the network's.
    #[error(
        "what the optimizer remembers of `{name}` is of {found} numbers; the network's tensor has {expected}"
    )]
    Velocity {
        name: String,
        /// Numbers of the velocity.
        found: usize,
        /// Values of the network's tensor; 0 where it has none of this name.
        expected: usize,
    },
    /// A mean of gradients without the mean of their squares.
    #[error("the state of Adam has no squares for `{name}`; begin the training anew")]
    Squares { name: String },
    /// A mask of other weights than the network's.
    #[error("the mask of `{layer}` is of {found} weights; the layer has {expected}")]
    Mask {
        layer: String,
        /// Weights of the mask.
        found: usize,
        /// Weights of the layer.
        expected: usize,
    },
    /// A plan with distillation but nothing to distil from, or a teacher of another network.
    #[error("distillation needs the dense network of the same classes as teacher")]
    Teacher,
    /// It was asked to end, or the device failed.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl From<ExecutionError> for TrainingError {
    fn from(error: ExecutionError) -> Self {
        Self::Interrupted(Interrupted::Device(error))
    }
}

impl From<Stopped> for TrainingError {
    fn from(stopped: Stopped) -> Self {
        Self::Interrupted(Interrupted::Stopped(stopped))
    }
}

/// A network while it is trained.
pub struct Trainer<'a> {
    dataset: &'a Dataset,
    /// The training images that it learns from, as indices into their split.
    images: Vec<usize>,
    images_hash: ImagesHash,
    normalization: Normalization,
    plan: TrainingPlan,
    network: Network,
    /// The dense network, and how much it teaches.
    teacher: Option<(Network, Distillation)>,
    optimizer: Optimizer,
    masks: Masks,
    log: TrainingLog,
    /// The network as training began, with the graph and the history that it still has.
    start: Model,
    epoch: usize,
    step: usize,
    /// The training images in the order of this epoch.
    order: Vec<usize>,
    /// A batch that was prepared, with its step of this epoch.
    ready: Option<(usize, Batch)>,
}

/// What a step learns from.
struct Batch {
    /// `[batch, 3, side, side]`.
    images: Tensor<4>,
    labels: Vec<u32>,
}

impl<'a> Trainer<'a> {
    /// Begins, or goes on where `state` left off.
    ///
    /// # Errors
    /// If the plan makes no sense or asks for a teacher, or classes, masks, or the images so far do
    /// not match.
    pub fn new(
        state: TrainingState,
        dataset: &'a Dataset,
        device: &Device,
    ) -> Result<Self, TrainingError> {
        Self::taught(state, dataset, None, device)
    }

    /// The same on some of the training images alone, at these indices, with the dense network where
    /// the plan has distillation.
    ///
    /// # Errors
    /// As [`Trainer::taught`].
    pub fn on_images(
        state: TrainingState,
        dataset: &'a Dataset,
        images: Vec<usize>,
        teacher: Option<&Model>,
        device: &Device,
    ) -> Result<Self, TrainingError> {
        let TrainingState { model, optimizer, masks, plan, epoch, step, log, images: so_far } =
            state;
        plan.check()?;
        if plan.reads_labels() {
            model.check_classes(dataset)?;
        }
        check_masks(&model, &masks)?;
        check_optimizer(&model, plan.optimizer, &optimizer)?;
        let images_hash = dataset.train.hash(&images);
        // A file of an earlier version does not say; it goes on as it would have then.
        let _: Binding = images_hash.check(
            "the training so far",
            so_far.as_ref(),
            "choose the images it began on",
        )?;
        let teacher = match (plan.distillation, teacher) {
            (None, _) => None,
            (Some(how), Some(teacher)) if teacher.graph().classes() == model.graph().classes() => {
                Some((Network::new(teacher, device), how))
            }
            (Some(_), _) => return Err(TrainingError::Teacher),
        };
        // The teacher stays on the plain device, where no record for gradients is kept.
        let device = device.clone().autodiff();
        let mut network = Network::new(&model, &device);
        network.map_trainable(&mut RequireGradients);
        let optimizer = Optimizer::new(&plan, &optimizer, &masks, &device);
        let order = epoch_order(&images, plan.seed, epoch);
        let normalization = model.normalization_of(dataset);
        Ok(Self {
            dataset,
            images,
            images_hash,
            normalization,
            plan,
            network,
            teacher,
            optimizer,
            masks,
            log,
            start: model,
            epoch,
            step,
            order,
            ready: None,
        })
    }

    /// The same with the dense network, from which a plan with distillation learns.
    ///
    /// # Errors
    /// If the plan makes no sense, asks for a teacher where there is none, or classes, masks, or
    /// the images so far do not match.
    pub fn taught(
        state: TrainingState,
        dataset: &'a Dataset,
        teacher: Option<&Model>,
        device: &Device,
    ) -> Result<Self, TrainingError> {
        let all = (0..dataset.train.len()).collect();
        Self::on_images(state, dataset, all, teacher, device)
    }

    /// Steps of one epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.order.len().div_ceil(self.plan.batch_size)
    }

    /// Steps of all epochs.
    pub fn total_steps(&self) -> usize {
        self.steps_per_epoch() * self.plan.epochs
    }

    /// Steps done so far.
    pub fn steps_done(&self) -> usize {
        self.epoch * self.steps_per_epoch() + self.step
    }

    /// Whether all epochs are done.
    pub fn is_finished(&self) -> bool {
        self.epoch >= self.plan.epochs
    }

    /// How it trains.
    pub fn plan(&self) -> &TrainingPlan {
        &self.plan
    }

    /// What the epochs so far did.
    pub fn log(&self) -> &TrainingLog {
        &self.log
    }

    /// Trains to the end. After each epoch the network is evaluated on these test images, if there
    /// are any. The watcher hears of every step, epoch and image evaluated, and can save the
    /// trainer's state whenever it hears.
    ///
    /// # Errors
    /// If the loss is no longer finite, the device fails or the watcher ends it.
    pub async fn run(
        &mut self,
        test_images: &[usize],
        mut watch: impl AsyncFnMut(&Self, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<(), TrainingError> {
        if !test_images.is_empty() {
            // The state may have been saved between an epoch's end and its evaluation.
            self.evaluate_epoch(test_images, &mut watch).await?;
        }
        while let Some(step) = self.step().await? {
            watch(self, Progress::Step(&step)).await?;
            self.evaluate_epoch(test_images, &mut watch).await?;
        }
        Ok(())
    }

    /// Evaluates the epoch that was just finished, unless that was done.
    async fn evaluate_epoch(
        &mut self,
        test_images: &[usize],
        watch: &mut impl AsyncFnMut(&Self, Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<(), TrainingError> {
        let Some(mut epoch) = self.log.epochs.last().copied() else { return Ok(()) };
        if self.step != 0 || epoch.test_accuracy.is_some() {
            return Ok(());
        }
        if !test_images.is_empty() {
            // Evaluated without the record that gradients would need.
            let device = self.network.device().clone().inner();
            let network = Network::new(&self.model().await?, &device);
            let (trainer, set, normalization) = (&*self, &self.dataset.test, &self.normalization);
            let images = async |progress: Progress<'_>| watch(trainer, progress).await;
            let fraction = accuracy(&network, set, test_images, normalization, images).await?;
            epoch.test_accuracy = Some(fraction);
            *self.log.epochs.last_mut().expect("the epoch was found there") = epoch;
        }
        Ok(watch(self, Progress::Epoch(&epoch)).await?)
    }

    /// One step, or `None` when all are done.
    ///
    /// # Errors
    /// If the loss is no longer finite or the device fails.
    pub async fn step(&mut self) -> Result<Option<StepReport>, TrainingError> {
        if self.is_finished() {
            return Ok(None);
        }
        // After a step that failed it is not of this one.
        let ready = self.ready.take().filter(|(step, _)| *step == self.step);
        let (_, Batch { images, labels }) =
            ready.unwrap_or_else(|| (self.step, self.batch(self.step)));

        let (loss, predictions) = self.loss(images, &labels);
        let mut gradients = loss.backward();
        let done = self.steps_done();
        let progress = done as f64 / self.total_steps() as f64;
        let rate = self.plan.learning_rate * self.plan.schedule.factor(progress);
        self.network.map_trainable(&mut self.optimizer.step(done + 1, rate, &mut gradients));

        // A device that computes beside the host has all of this step by now, and is read as late
        // as that, once. Meanwhile the next step's images go there.
        let next = self.step + 1;
        self.ready = (next < self.steps_per_epoch()).then(|| (next, self.batch(next)));
        let right = are_right(predictions, &labels).sum();
        let numbers = download(Tensor::cat(vec![loss.inner(), right.inner()], 0)).await?;
        let report = StepReport {
            epoch: self.epoch,
            step: self.step,
            steps_per_epoch: self.steps_per_epoch(),
            loss: numbers[0],
            correct: numbers[1] as usize,
            images: labels.len(),
        };
        // It does not come back from there: one NaN makes every later one.
        if !report.loss.is_finite() {
            let (epoch, step) = (report.epoch + 1, report.step + 1);
            return Err(TrainingError::Diverged { loss: report.loss, epoch, step });
        }
        self.log.add(&report);
        self.advance();
        Ok(Some(report))
    }

    /// The batch of this step of the epoch.
    fn batch(&self, step: usize) -> Batch {
        let first = step * self.plan.batch_size;
        let chosen = &self.order[first..(first + self.plan.batch_size).min(self.order.len())];
        let samples: Vec<Sample> = chosen.iter().map(|&image| self.sample(image)).collect();
        let (set, device) = (&self.dataset.train, self.network.device());
        let images = images_to_device(set, &samples, &self.normalization, device);
        Batch { images, labels: set.labels_of(chosen) }
    }

    /// Mean loss of a batch, and the class with the highest logit for each image, `[batch, 1]`.
    fn loss(&mut self, images: Tensor<4>, labels: &[u32]) -> (Tensor<1>, Tensor<2, Int>) {
        // The teacher sees the same variation of each image as the network.
        let teacher = self.teacher.as_ref();
        let taught = teacher.map(|(teacher, how)| (teacher.forward(images.clone().inner()), *how));
        let logits = if self.plan.frozen_statistics {
            self.network.forward(images)
        } else {
            self.network.forward_training(images)
        };
        let predictions = logits.clone().detach().argmax(1);
        let Some((teacher, Distillation { weight, temperature })) = taught else {
            return (self.cross_entropy(logits, labels), predictions);
        };
        let divergence = distillation_loss(logits.clone(), teacher, temperature).mul_scalar(weight);
        // Without a share in the loss labels are not looked at: they may be of other classes.
        if !self.plan.reads_labels() {
            return (divergence, predictions);
        }
        let cross_entropy = self.cross_entropy(logits, labels);
        (cross_entropy.mul_scalar(1.0 - weight) + divergence, predictions)
    }

    /// Mean cross-entropy of a batch against its smoothed labels.
    fn cross_entropy(&self, logits: Tensor<2>, labels: &[u32]) -> Tensor<1> {
        let (classes, smoothing) = (self.network.graph().classes(), self.plan.label_smoothing);
        let targets = smoothed_targets(labels, classes, smoothing, self.network.device());
        let log_probabilities = activation::log_softmax(logits, 1);
        (log_probabilities * targets).sum().div_scalar(-(labels.len() as f64))
    }

    fn sample(&self, image: usize) -> Sample {
        if !self.plan.augment {
            return image.into();
        }
        let drawn = Augmentation::draw(self.plan.seed, self.epoch, image);
        Sample { image, augmentation: if self.plan.in_place { drawn.in_place() } else { drawn } }
    }

    fn advance(&mut self) {
        self.step += 1;
        if self.step == self.steps_per_epoch() {
            self.step = 0;
            self.epoch += 1;
            self.order = epoch_order(&self.images, self.plan.seed, self.epoch);
        }
    }

    /// The model as it is now.
    ///
    /// # Errors
    /// If the device fails, or a weight is no longer finite.
    pub async fn model(&self) -> Result<Model, TrainingError> {
        let Model { info, .. } = self.start.clone();
        Ok(Model::new(self.start.graph().clone(), self.network.tensors().await?, info)?)
    }

    /// Everything that it takes to go on later.
    ///
    /// # Errors
    /// As [`Trainer::model`].
    pub async fn state(&self) -> Result<TrainingState, TrainingError> {
        Ok(TrainingState {
            model: self.model().await?,
            optimizer: self.optimizer.state().await?,
            masks: self.masks.clone(),
            plan: self.plan.clone(),
            epoch: self.epoch,
            step: self.step,
            log: self.log.clone(),
            images: Some(self.images_hash),
        })
    }
}

/// Has gradients computed for every parameter.
struct RequireGradients;

impl ParameterMap for RequireGradients {
    fn map<const D: usize>(&mut self, _: &str, _: bool, tensor: Tensor<D>) -> Tensor<D> {
        tensor.require_grad()
    }
}

fn check_masks(model: &Model, masks: &Masks) -> Result<(), TrainingError> {
    let layers = model.graph().prunable_layers();
    for (layer, mask) in masks {
        let known = layers.iter().find(|known| known.name == layer);
        let expected = known.map_or(0, |known| known.weights);
        if mask.len() != expected {
            return Err(TrainingError::Mask { layer: layer.clone(), found: mask.len(), expected });
        }
    }
    Ok(())
}

fn check_optimizer(
    model: &Model,
    kind: OptimizerKind,
    state: &OptimizerState,
) -> Result<(), TrainingError> {
    // Adam's mean of gradients without that of their squares, or the other way round.
    let lonely = state.velocity.keys().find(|name| !state.squares.contains_key(*name));
    if let (OptimizerKind::Adam, Some(name)) = (kind, lonely) {
        return Err(TrainingError::Squares { name: name.clone() });
    }
    for (name, velocity) in state.velocity.iter().chain(&state.squares) {
        let found = velocity.values().len();
        let expected = model.tensors().get(name).map_or(0, |tensor| tensor.values().len());
        if found != expected {
            return Err(TrainingError::Velocity { name: name.clone(), found, expected });
        }
    }
    Ok(())
}

/// T²·KL(teacher ‖ network) at temperature T, mean over the batch; logits `[batch, classes]`, the
/// teacher's without gradients. T² keeps the gradients as large as those of the labels, whatever T
/// is (Hinton et al. 2015).
fn distillation_loss(logits: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
    let batch = logits.dims()[0] as f64;
    let teacher = Tensor::from_inner(activation::log_softmax(teacher.div_scalar(temperature), 1));
    let network = activation::log_softmax(logits.div_scalar(temperature), 1);
    // From logarithms: a softmax that rounds to 0 has none.
    (teacher.clone().exp() * (teacher - network))
        .sum()
        .mul_scalar(temperature * temperature / batch)
}

/// Keeps the draws of orders apart from those of augmentations, which have the plan's seed too:
/// "shuffle" in ASCII.
const SHUFFLE: u64 = 0x0073_6875_6666_6c65;

/// Order of the images in one epoch, whatever came before.
fn epoch_order(images: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ SHUFFLE);
    rng.set_stream(epoch as u64);
    let mut order = images.to_vec();
    // Always of the same beginning: to shuffle the last epoch's order would need all those before.
    order.shuffle(&mut rng);
    order
}

/// Target distribution of each image, `[batch, classes]`.
fn smoothed_targets(labels: &[u32], classes: usize, smoothing: f64, device: &Device) -> Tensor<2> {
    // Smoothing gives every class the same, the right one too (Szegedy et al. 2016).
    let mut values = vec![(smoothing / classes as f64) as f32; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        values[row * classes + label as usize] += 1.0 - smoothing as f32;
    }
    Tensor::from_data(TensorData::new(values, [labels.len(), classes]), device)
}
