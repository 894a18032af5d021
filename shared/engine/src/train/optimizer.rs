//! SGD with Nesterov momentum (Sutskever et al. 2013, in PyTorch's form) and Adam (Kingma and Ba
//! 2015).
//!
//! Not burn's own, because their state can only be read synchronously, which no browser's GPU
//! allows, and training that resumes must save it.

use std::collections::BTreeMap;

use burn::tensor::{Device, ExecutionError, Gradients, Tensor};
use rrlab_types::{Optimizer as Kind, TrainingPlan};

use crate::network::ParameterMap;
use crate::prune::Masks;
use crate::tensors::{HostTensor, StateDict, tensor_name};
use crate::transfer::{download, upload};

/// Adam's decay of its mean of gradients, β₁, and of their squares, β₂.
const DECAYS: [f64; 2] = [0.9, 0.999];
/// Keeps Adam's root of squares apart from 0.
const EPSILON: f64 = 1e-8;

/// What an optimizer remembers, flat, by the name of the parameter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// SGD's velocities, or Adam's means of gradients.
    pub velocity: StateDict,
    /// Adam's means of squared gradients.
    pub squares: StateDict,
}

/// The optimizer's numbers, with what it remembers of each parameter.
pub struct Optimizer {
    kind: Kind,
    momentum: f64,
    weight_decay: f64,
    velocity: OnDevice,
    squares: OnDevice,
    /// 1 where a weight learns, 0 where it stays as it is.
    masks: OnDevice,
}

/// Flat tensors by the name of the parameter.
type OnDevice = BTreeMap<String, Tensor<1>>;

fn to_device(state: &StateDict, device: &Device) -> OnDevice {
    let vector = |tensor: &HostTensor| upload(tensor.values(), [tensor.values().len()], device);
    state.iter().map(|(name, tensor)| (name.clone(), vector(tensor))).collect()
}

async fn to_host(state: &OnDevice) -> Result<StateDict, ExecutionError> {
    let mut host = StateDict::new();
    for (name, tensor) in state {
        host.insert(name.clone(), HostTensor::vector(download(tensor.clone()).await?));
    }
    Ok(host)
}

impl Optimizer {
    /// Starts from this state; a parameter without one starts at rest, and weights outside their
    /// mask stay there.
    pub fn new(
        plan: &TrainingPlan,
        state: &OptimizerState,
        masks: &Masks,
        device: &Device,
    ) -> Self {
        let device = device.clone().inner();
        let mut masks_on_device = OnDevice::new();
        for (layer, mask) in masks {
            let values: Vec<f32> = mask.iter().map(|&stays| f32::from(u8::from(stays))).collect();
            let mask = upload(&values, [values.len()], &device);
            masks_on_device.insert(tensor_name(layer, "weight"), mask);
        }
        Self {
            kind: plan.optimizer,
            momentum: plan.momentum,
            weight_decay: plan.weight_decay,
            velocity: to_device(&state.velocity, &device),
            squares: to_device(&state.squares, &device),
            masks: masks_on_device,
        }
    }

    /// What it remembers, back on the host.
    pub async fn state(&self) -> Result<OptimizerState, ExecutionError> {
        Ok(OptimizerState {
            velocity: to_host(&self.velocity).await?,
            squares: to_host(&self.squares).await?,
        })
    }

    /// A step along these gradients, to be mapped over a network's parameters: the first of all has
    /// the number 1.
    pub fn step<'a>(
        &'a mut self,
        number: usize,
        rate: f64,
        gradients: &'a mut Gradients,
    ) -> Step<'a> {
        Step { optimizer: self, number, rate, gradients }
    }

    /// Where a parameter moves, for each unit of the learning rate.
    fn direction(&mut self, name: &str, number: usize, gradient: Tensor<1>) -> Tensor<1> {
        match self.kind {
            Kind::Sgd => {
                let velocity = match self.velocity.remove(name) {
                    Some(velocity) => velocity.mul_scalar(self.momentum) + gradient.clone(),
                    None => gradient.clone(),
                };
                self.velocity.insert(name.to_owned(), velocity.clone());
                // Nesterov's step looks ahead along the velocity that was just brought up to date.
                gradient + velocity.mul_scalar(self.momentum)
            }
            Kind::Adam => {
                let square = gradient.clone() * gradient.clone();
                let mean = moving_mean(&mut self.velocity, name, DECAYS[0], number, gradient);
                let square = moving_mean(&mut self.squares, name, DECAYS[1], number, square);
                mean / square.sqrt().add_scalar(EPSILON)
            }
        }
    }
}

/// Takes a value into a mean that forgets, and returns the mean without its bias towards the 0 that it
/// began with.
fn moving_mean(
    means: &mut OnDevice,
    name: &str,
    decay: f64,
    number: usize,
    value: Tensor<1>,
) -> Tensor<1> {
    let value = value.mul_scalar(1.0 - decay);
    let mean = match means.remove(name) {
        Some(mean) => mean.mul_scalar(decay) + value,
        None => value,
    };
    means.insert(name.to_owned(), mean.clone());
    mean.div_scalar(1.0 - decay.powf(number as f64))
}

/// One step of the optimizer.
pub struct Step<'a> {
    optimizer: &'a mut Optimizer,
    number: usize,
    rate: f64,
    gradients: &'a mut Gradients,
}

impl ParameterMap for Step<'_> {
    fn map<const D: usize>(&mut self, name: &str, decays: bool, tensor: Tensor<D>) -> Tensor<D> {
        // A tensor that no output depends on has no gradient.
        let Some(gradient) = tensor.grad_remove(self.gradients) else { return tensor };
        let shape = tensor.shape();
        let value = tensor.inner();
        let gradient = gradient.flatten::<1>(0, D - 1);
        let gradient = if decays {
            let decay = self.optimizer.weight_decay;
            gradient + value.clone().flatten::<1>(0, D - 1).mul_scalar(decay)
        } else {
            gradient
        };
        // What has neither gradient nor velocity does not move: a pruned weight stays exactly 0.
        // Decay comes before the mask, so that it can't move one either.
        let gradient = match self.optimizer.masks.get(name) {
            Some(mask) => gradient * mask.clone(),
            None => gradient,
        };
        let direction = self.optimizer.direction(name, self.number, gradient);
        // Off the record of this step: the next one begins a record of its own.
        let value = value - direction.mul_scalar(self.rate).reshape(shape);
        Tensor::from_inner(value).require_grad()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::read_sync;

    use super::*;

    /// Gradients of three weights in four steps.
    const GRADIENTS: [[f32; 3]; 4] =
        [[1.0, -2.0, 1e-3], [0.5, 4.0, 0.0], [-3.0, 0.0, 2e-3], [1.0, 1.0, -1e-3]];
    const START: [f32; 3] = [0.5, -1.0, 2.0];
    const RATE: f64 = 0.01;

    /// The weights after those steps, with the optimizer put to rest and woken before each.
    fn moved(plan: &TrainingPlan, masks: &Masks) -> Vec<f32> {
        let device = Device::flex().autodiff();
        let mut state = OptimizerState::default();
        let mut weights = START.to_vec();
        for (step, gradient) in GRADIENTS.iter().enumerate() {
            let mut optimizer = Optimizer::new(plan, &state, masks, &device);
            let tensor: Tensor<1> = upload(&weights, [3], &device).require_grad();
            let direction: Tensor<1> = upload(gradient, [3], &device);
            let mut gradients = (tensor.clone() * direction).sum().backward();
            let moved =
                optimizer.step(step + 1, RATE, &mut gradients).map("conv.weight", true, tensor);
            weights = read_sync(download(moved.inner())).unwrap();
            state = read_sync(optimizer.state()).unwrap();
        }
        weights
    }

    /// Algorithm 1 of Kingma and Ba, weight by weight, with decay in the gradient.
    fn adam_by_hand(weight_decay: f64) -> Vec<f32> {
        let of_weight = |index: usize| {
            let (mut weight, mut m, mut v) = (f64::from(START[index]), 0.0, 0.0);
            for (step, gradient) in GRADIENTS.iter().enumerate() {
                let gradient = f64::from(gradient[index]) + weight_decay * weight;
                m = 0.9 * m + 0.1 * gradient;
                v = 0.999 * v + 0.001 * gradient * gradient;
                let t = step as i32 + 1;
                let (m, v) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
                weight -= RATE * m / (v.sqrt() + 1e-8);
            }
            weight as f32
        };
        (0..3).map(of_weight).collect()
    }

    #[test]
    fn adam_moves_as_its_authors_say() {
        for weight_decay in [0.0, 0.1] {
            let plan = TrainingPlan { weight_decay, ..TrainingPlan::distillation() };
            let (ours, theirs) = (moved(&plan, &Masks::new()), adam_by_hand(weight_decay));
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert!((ours - theirs).abs() < 1e-5, "{ours} is not {theirs}");
            }
        }
    }

    #[test]
    fn neither_optimizer_moves_what_a_mask_removes() {
        let masks = Masks::from([("conv".to_owned(), vec![true, false, true])]);
        for plan in [TrainingPlan::default(), TrainingPlan::distillation()] {
            let weights = moved(&TrainingPlan { weight_decay: 0.1, ..plan }, &masks);
            assert_eq!(weights[1], START[1]);
            assert!(weights[0] != START[0] && weights[2] != START[2]);
        }
    }
}
