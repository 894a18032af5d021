//! A model on the host: its layer graph, its tensors by name, and where it comes from.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rrlab_types::{ContentHasher, LayerGraph, ModelHash, Op, PROGRAM, PrunedFrom, TrainingPlan};
use serde::{Deserialize, Serialize};

use crate::data::Dataset;

/// ε under the square root of every batch norm (PyTorch's default).
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// A tensor in host memory, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Values, as many as the shape says.
    pub values: Vec<f32>,
}

/// Tensors by PyTorch name: `conv1.weight`, `bn1.running_var`, …
pub type StateDict = BTreeMap<String, HostTensor>;

/// Mean and deviation of each colour, on pixels scaled to 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divided by.
    pub std: [f32; 3],
}

impl std::fmt::Display for Normalization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let colours = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
        write!(f, "mean {} and deviation {}", colours(self.mean), colours(self.std))
    }
}

/// What is known of a model beside its weights.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Data set that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Normalisation of the images that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// What it was pruned from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned_from: Option<PrunedFrom>,
    /// How it came to be, a line for each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
}

/// A network with its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its layers.
    pub graph: LayerGraph,
    /// Every tensor that the graph names, and no other.
    pub state: StateDict,
    /// Where it comes from.
    pub info: ModelInfo,
}

/// Why a state dict is not one of the network at hand.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StateDictError {
    /// A tensor is missing.
    #[error("tensor `{name}` of {architecture} is missing{}", found_hint(found))]
    Missing {
        /// The network's architecture.
        architecture: String,
        /// The tensor's name.
        name: String,
        /// Some names that are there.
        found: Vec<String>,
    },
    /// A tensor of another shape.
    #[error("tensor `{name}` is {found:?}; {architecture} with {classes} classes needs {expected:?}")]
    Shape {
        /// The network's architecture.
        architecture: String,
        /// The network's classes.
        classes: usize,
        /// The tensor's name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor that belongs to no layer.
    #[error("tensor `{name}` belongs to no layer of {architecture}: is it another architecture?")]
    Unexpected {
        /// The network's architecture.
        architecture: String,
        /// The tensor's name.
        name: String,
    },
    /// A NaN, an infinity, or a negative variance.
    #[error("tensor `{name}` holds {value} at index {index}; {expected}")]
    Value {
        /// The tensor's name.
        name: String,
        /// Index into its values, row-major.
        index: usize,
        /// The value.
        value: f32,
        /// What would be right.
        expected: &'static str,
    },
}

/// A data set with more or fewer classes than the network tells apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{dataset} has {found} classes, but the network tells {expected} apart")]
pub struct ClassesError {
    /// The data set.
    pub dataset: String,
    /// Its classes.
    pub found: usize,
    /// The network's classes.
    pub expected: usize,
}

fn found_hint(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!("; the file has {}, …", found.join(", ")) }
}

/// A tensor that a layer graph calls for.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorSpec {
    /// Its name in the state dict.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Name of a module's tensor.
pub fn tensor_name(module: &str, tensor: &str) -> String {
    format!("{module}.{tensor}")
}

/// All tensors of a network, in graph order.
pub fn tensor_specs(graph: &LayerGraph) -> Vec<TensorSpec> {
    let mut specs = Vec::new();
    for node in &graph.nodes {
        let mut push = |tensor: &str, shape| specs.push(TensorSpec { name: tensor_name(&node.name, tensor), shape });
        if let Some(shape) = node.op.weight_shape() {
            push("weight", shape);
        }
        match node.op {
            Op::Conv2d { out_channels: outputs, bias: true, .. }
            | Op::Linear { out_features: outputs, bias: true, .. } => push("bias", vec![outputs]),
            Op::BatchNorm { channels } => {
                let tensors = ["weight", "bias", "running_mean", "running_var"];
                tensors.into_iter().for_each(|tensor| push(tensor, vec![channels]));
            }
            _ => {}
        }
    }
    specs
}

impl Model {
    /// A model of these tensors, in any order.
    ///
    /// # Errors
    /// The first tensor that is missing, of the wrong shape, not finite, or of no layer.
    pub fn new(graph: LayerGraph, mut state: StateDict, info: ModelInfo) -> Result<Self, StateDictError> {
        // PyTorch counts batches in an integer that nothing reads.
        state.retain(|name, _| !name.ends_with(".num_batches_tracked"));
        let specs = tensor_specs(&graph);
        for spec in &specs {
            let tensor = state.get(&spec.name).ok_or_else(|| StateDictError::Missing {
                architecture: graph.architecture.clone(),
                name: spec.name.clone(),
                found: state.keys().take(3).cloned().collect(),
            })?;
            check_tensor(&graph, spec, tensor)?;
        }
        if let Some(name) = state.keys().find(|name| !specs.iter().any(|spec| spec.name == **name)) {
            return Err(StateDictError::Unexpected { architecture: graph.architecture.clone(), name: name.clone() });
        }
        Ok(Self { graph, state, info })
    }

    /// A model with random weights (He et al. 2015, fan-out, normal), ready to be trained.
    pub fn random(graph: LayerGraph, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut state = StateDict::new();
        for spec in tensor_specs(&graph) {
            let count: usize = spec.shape.iter().product();
            let values = match (spec.shape.len(), spec.name.rsplit('.').next()) {
                (4, _) => {
                    let fan_out = spec.shape[0] * spec.shape[2] * spec.shape[3];
                    normal_values(&mut rng, count, (2.0 / fan_out as f64).sqrt())
                }
                (2, _) => normal_values(&mut rng, count, (1.0 / spec.shape[1] as f64).sqrt()),
                (_, Some("weight" | "running_var")) => vec![1.0; count],
                _ => vec![0.0; count],
            };
            state.insert(spec.name, HostTensor { shape: spec.shape, values });
        }
        Self { graph, state, info: ModelInfo::default() }
    }

    /// A network to be trained on a data set: random weights, and what is known of the images.
    pub fn untrained(graph: LayerGraph, dataset: &Dataset, seed: u64) -> Self {
        let info = ModelInfo {
            dataset: Some(dataset.name.clone()),
            normalization: Some(dataset.normalization),
            ..ModelInfo::default()
        };
        Self { info, ..Self::random(graph, seed) }
    }

    /// Writes into the history how the network was trained, and its accuracy on this many test images.
    pub fn note_training(&mut self, plan: &TrainingPlan, dataset: &Dataset, accuracy: f64, images: usize) {
        self.info.history.push(format!(
            "trained for {} epochs on {} (seed {}) by {PROGRAM}: {:.2} % on {images} of its test images",
            plan.epochs,
            dataset.name,
            plan.seed,
            100.0 * accuracy,
        ));
    }

    /// Whether its logits are of the data set's classes.
    ///
    /// # Errors
    /// If there are more or fewer.
    pub fn check_classes(&self, dataset: &Dataset) -> Result<(), ClassesError> {
        let (found, expected) = (dataset.classes.len(), self.graph.classes);
        if found == expected { Ok(()) } else { Err(ClassesError { dataset: dataset.name.clone(), found, expected }) }
    }

    /// Normalisation of a data set's images for this network: the one that it was trained with, else the data set's.
    pub fn normalization_of(&self, dataset: &Dataset) -> Normalization {
        self.info.normalization.unwrap_or(dataset.normalization)
    }

    /// Hash of layers and tensors: equal for equal networks, whatever file they came in and whatever is said of them.
    pub fn hash(&self) -> ModelHash {
        let mut hasher = ContentHasher::new("rrlab model");
        for node in &self.graph.nodes {
            // What follows from these three (shapes, costs, roles) is no part of a network's identity. Plain data without
            // maps always has a JSON text, with its fields in the order of their declaration.
            hasher.add(&serde_json::to_vec(&(&node.name, &node.op, &node.inputs)).unwrap_or_default());
        }
        for (name, tensor) in &self.state {
            hasher.add(name.as_bytes());
            hasher.add(&tensor.shape.iter().flat_map(|&length| (length as u64).to_le_bytes()).collect::<Vec<u8>>());
            hasher.add_values(&tensor.values);
        }
        ModelHash::of(hasher)
    }

    /// Weights of a prunable layer that are not 0.
    ///
    /// # Panics
    /// As [`Model::tensor`].
    pub fn nonzero_weights(&self, layer: &str) -> usize {
        self.tensor(layer, "weight").values.iter().filter(|weight| **weight != 0.0).count()
    }

    /// A tensor of a module that the graph has.
    ///
    /// # Panics
    /// If the graph has no such tensor: [`Model::new`] saw to it that all others are there.
    pub fn tensor(&self, module: &str, tensor: &str) -> &HostTensor {
        &self.state[&tensor_name(module, tensor)]
    }

    /// The same, to be changed.
    ///
    /// # Panics
    /// As [`Model::tensor`].
    pub fn tensor_mut(&mut self, module: &str, tensor: &str) -> &mut HostTensor {
        self.state.get_mut(&tensor_name(module, tensor)).expect("a tensor that the graph names")
    }
}

fn check_tensor(graph: &LayerGraph, spec: &TensorSpec, tensor: &HostTensor) -> Result<(), StateDictError> {
    if tensor.shape != spec.shape {
        return Err(StateDictError::Shape {
            architecture: graph.architecture.clone(),
            classes: graph.classes,
            name: spec.name.clone(),
            found: tensor.shape.clone(),
            expected: spec.shape.clone(),
        });
    }
    let variance = spec.name.ends_with(".running_var");
    let wrong = |value: f32| !value.is_finite() || (variance && value < 0.0);
    match tensor.values.iter().position(|&value| wrong(value)) {
        None => Ok(()),
        Some(index) => Err(StateDictError::Value {
            name: spec.name.clone(),
            index,
            value: tensor.values[index],
            expected: if variance { "a variance is finite and not negative" } else { "a weight is a finite number" },
        }),
    }
}

/// Normal deviates by Box and Muller's transform, the same on every platform.
fn normal_values(rng: &mut ChaCha8Rng, count: usize, deviation: f64) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        let scale = deviation * (-2.0 * radius.ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * angle).sin_cos();
        values.extend([(scale * cosine) as f32, (scale * sine) as f32]);
    }
    values.truncate(count);
    values
}
