//! Training: SGD with Nesterov momentum over augmented batches, resumable at any step to the same result.

mod sgd;
mod state;

use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData, activation};
use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use rrlab_types::{StepReport, TrainingPlan, TrainingPlanError};

use crate::data::{Augmentation, Dataset, Sample, images_to_device};
use crate::model::{ClassesError, Model};
use crate::network::{Network, ParameterMap, download};
use sgd::Sgd;
pub use state::{TrainingState, TrainingStateError};

/// Why a network can't be trained, or training ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A plan that makes no sense.
    #[error(transparent)]
    Plan(#[from] TrainingPlanError),
    /// More or fewer classes than the network tells apart.
    #[error(transparent)]
    Classes(#[from] ClassesError),
    /// The loss is no longer a number.
    #[error("the loss became {loss} in epoch {epoch}, step {step}: a lower learning rate may help")]
    Diverged {
        /// The loss.
        loss: f32,
        /// Epoch, from 1.
        epoch: usize,
        /// Step in the epoch, from 1.
        step: usize,
    },
    /// The device failed.
    #[error("the device failed while training: {0:?}")]
    Device(ExecutionError),
}

/// A network while it is trained.
pub struct Trainer<'a> {
    dataset: &'a Dataset,
    plan: TrainingPlan,
    network: Network,
    optimizer: Sgd,
    graph_model: Model,
    epoch: usize,
    step: usize,
    order: Vec<usize>,
}

impl<'a> Trainer<'a> {
    /// Begins, or goes on where `state` left off.
    ///
    /// # Errors
    /// If the plan makes no sense or the classes do not match.
    pub fn new(state: TrainingState, dataset: &'a Dataset, device: &Device) -> Result<Self, TrainingError> {
        let TrainingState { model, velocity, plan, epoch, step } = state;
        plan.check()?;
        model.check_classes(dataset)?;
        let device = device.clone().autodiff();
        let mut network = Network::new(&model, &device);
        network.map_trainable(&mut Track);
        let optimizer = Sgd::new(plan.momentum, plan.weight_decay, &velocity, &device);
        let order = epoch_order(dataset.train.len(), plan.seed, epoch);
        Ok(Self { dataset, plan, network, optimizer, graph_model: model, epoch, step, order })
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

    /// One step, or `None` when all are done.
    ///
    /// # Errors
    /// If the loss is no longer finite or the device fails.
    pub async fn step(&mut self) -> Result<Option<StepReport>, TrainingError> {
        if self.is_finished() {
            return Ok(None);
        }
        let first = self.step * self.plan.batch_size;
        let chosen = &self.order[first..(first + self.plan.batch_size).min(self.order.len())];
        let samples: Vec<Sample> = chosen.iter().map(|&image| self.sample(image)).collect();
        let labels: Vec<u32> = chosen.iter().map(|&image| self.dataset.train.labels()[image]).collect();
        let device = self.network.device().clone();
        let images = images_to_device(&self.dataset.train, &samples, &self.dataset.normalization, &device);

        let logits = self.network.forward_training(images);
        let targets = smoothed_targets(&labels, self.network.graph().classes, self.plan.label_smoothing, &device);
        let loss = (activation::log_softmax(logits.clone(), 1) * targets).sum().div_scalar(-(labels.len() as f64));
        let predictions = logits.detach().argmax(1);
        let mut gradients = loss.backward();
        let progress = self.steps_done() as f64 / self.total_steps() as f64;
        let rate = self.plan.learning_rate * self.plan.schedule.factor(progress);
        self.network.map_trainable(&mut self.optimizer.step(rate, &mut gradients));

        let report = StepReport {
            epoch: self.epoch,
            step: self.step,
            steps_per_epoch: self.steps_per_epoch(),
            loss: download(loss.inner()).await.map_err(TrainingError::Device)?[0],
            correct: count_correct(predictions, &labels).await.map_err(TrainingError::Device)?,
            images: labels.len(),
        };
        if !report.loss.is_finite() {
            let (epoch, step) = (report.epoch + 1, report.step + 1);
            return Err(TrainingError::Diverged { loss: report.loss, epoch, step });
        }
        self.advance();
        Ok(Some(report))
    }

    fn sample(&self, image: usize) -> Sample {
        if !self.plan.augment {
            return image.into();
        }
        Sample { image, augmentation: Augmentation::draw(self.plan.seed, self.epoch, image) }
    }

    fn advance(&mut self) {
        self.step += 1;
        if self.step == self.steps_per_epoch() {
            self.step = 0;
            self.epoch += 1;
            self.order = epoch_order(self.dataset.train.len(), self.plan.seed, self.epoch);
        }
    }

    /// The model as it is now.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn model(&self) -> Result<Model, TrainingError> {
        let state = self.network.state().await.map_err(TrainingError::Device)?;
        Ok(Model { state, ..self.graph_model.clone() })
    }

    /// Everything that it takes to go on later.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn state(&self) -> Result<TrainingState, TrainingError> {
        Ok(TrainingState {
            model: self.model().await?,
            velocity: self.optimizer.velocity().await.map_err(TrainingError::Device)?,
            plan: self.plan.clone(),
            epoch: self.epoch,
            step: self.step,
        })
    }
}

/// Has gradients computed for every parameter.
struct Track;

impl ParameterMap for Track {
    fn map<const D: usize>(&mut self, _: &str, _: bool, tensor: Tensor<D>) -> Tensor<D> {
        tensor.require_grad()
    }
}

/// Order of the images in one epoch, whatever came before.
fn epoch_order(images: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0073_6875_6666_6c65);
    rng.set_stream(epoch as u64);
    let mut order: Vec<usize> = (0..images).collect();
    order.shuffle(&mut rng);
    order
}

/// Target distribution of each image, `[batch, classes]`.
fn smoothed_targets(labels: &[u32], classes: usize, smoothing: f64, device: &Device) -> Tensor<2> {
    let mut values = vec![(smoothing / classes as f64) as f32; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        values[row * classes + label as usize] += 1.0 - smoothing as f32;
    }
    Tensor::from_data(TensorData::new(values, [labels.len(), classes]), device)
}

/// How many predictions `[batch, 1]` equal their labels.
pub(crate) async fn count_correct(predictions: Tensor<2, Int>, labels: &[u32]) -> Result<usize, ExecutionError> {
    let data = predictions.into_data_async().await?.convert::<i64>();
    let predicted = data.try_into_vec::<i64>().expect("the data was converted to i64 above");
    Ok(predicted.iter().zip(labels).filter(|(predicted, label)| **predicted == i64::from(**label)).count())
}
