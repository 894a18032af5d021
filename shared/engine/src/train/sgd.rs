//! SGD with Nesterov momentum (Sutskever et al. 2013, in PyTorch's form).
//!
//! Not burn's own, because its state can only be read synchronously, which no browser's GPU allows,
//! and training that resumes must save it.

use std::collections::BTreeMap;

use burn::tensor::{Device, ExecutionError, Gradients, Tensor};

use crate::network::{ParameterMap, download, upload};
use crate::prune::Masks;
use crate::tensors::{HostTensor, StateDict, tensor_name};

/// The optimizer's numbers, with a velocity for each parameter.
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    /// Flat, by the name of the parameter.
    velocity: BTreeMap<String, Tensor<1>>,
    /// 1 where a weight learns, 0 where it stays as it is, flat, by the name of the weight.
    masks: BTreeMap<String, Tensor<1>>,
}

impl Sgd {
    /// Starts from these velocities; a parameter without one starts at rest, and weights outside
    /// their mask stay there.
    pub fn new(
        momentum: f64,
        weight_decay: f64,
        velocity: &StateDict,
        masks: &Masks,
        device: &Device,
    ) -> Self {
        let device = device.clone().inner();
        let vector = |values: &[f32]| upload(values, [values.len()], &device);
        let mut masks_on_device = BTreeMap::new();
        for (layer, mask) in masks {
            let values: Vec<f32> = mask.iter().map(|&stays| f32::from(u8::from(stays))).collect();
            masks_on_device.insert(tensor_name(layer, "weight"), vector(&values));
        }
        let mut velocity_on_device = BTreeMap::new();
        for (name, tensor) in velocity {
            velocity_on_device.insert(name.clone(), vector(tensor.values()));
        }
        Self { momentum, weight_decay, velocity: velocity_on_device, masks: masks_on_device }
    }

    /// Velocities back on the host, flat.
    pub async fn velocity(&self) -> Result<StateDict, ExecutionError> {
        let mut state = StateDict::new();
        for (name, tensor) in &self.velocity {
            state.insert(name.clone(), HostTensor::vector(download(tensor.clone()).await?));
        }
        Ok(state)
    }

    /// A step along these gradients, to be mapped over a network's parameters.
    pub fn step<'a>(&'a mut self, rate: f64, gradients: &'a mut Gradients) -> Step<'a> {
        Step { sgd: self, rate, gradients }
    }
}

/// One step of the optimizer.
pub struct Step<'a> {
    sgd: &'a mut Sgd,
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
            gradient + value.clone().flatten::<1>(0, D - 1).mul_scalar(self.sgd.weight_decay)
        } else {
            gradient
        };
        // What has neither gradient nor velocity does not move: a pruned weight stays exactly 0.
        // Decay comes before the mask, so that it can't move one either.
        let gradient = match self.sgd.masks.get(name) {
            Some(mask) => gradient * mask.clone(),
            None => gradient,
        };
        let velocity = match self.sgd.velocity.remove(name) {
            Some(velocity) => velocity.mul_scalar(self.sgd.momentum) + gradient.clone(),
            None => gradient.clone(),
        };
        self.sgd.velocity.insert(name.to_owned(), velocity.clone());
        // Nesterov's step looks ahead along the velocity that was just brought up to date.
        let direction = gradient + velocity.mul_scalar(self.sgd.momentum);
        // Off the record of this step: the next one begins a record of its own.
        let value = value - direction.mul_scalar(self.rate).reshape(shape);
        Tensor::from_inner(value).require_grad()
    }
}
