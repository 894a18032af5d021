//! A model on the host: its layer graph, its tensors by name, and where it comes from.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rrlab_types::{
    ContentHasher, Conv2d, LayerGraph, ModelHash, Op, PROGRAM, PrunedFrom, TrainingPlan,
};
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Normalization};
use crate::tensors::{HostTensor, ShapeError, StateDict, tensor_name};

/// What is known of a model beside its weights.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Data set that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Normalisation of the images that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// Rows or columns that an image's shorter side is scaled to before the middle is cut out that
    /// the network sees, where that is more than the middle has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<usize>,
    /// Names of the classes, in the order of the logits, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// What it was pruned from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned_from: Option<PrunedFrom>,
    /// How it came to be, a line for each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
}

/// A network with its weights. A model that exists has every tensor that its graph calls for and no
/// other, each of the right shape and finite, and no variance below 0: [`Model::new`] and
/// [`Model::set_values`] see to it.
///
/// ```
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::model::Model;
///
/// let graph = "resnet8".parse::<Architecture>()?.graph(10)?;
/// let model = Model::random(graph, 7);
/// assert_eq!(model.tensor("conv1", "weight").shape(), [16, 3, 3, 3]);
/// # Ok::<(), rrlab_engine::architecture::ArchitectureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    graph: LayerGraph,
    tensors: StateDict,
    /// Where it comes from. No number follows from it.
    pub info: ModelInfo,
}

/// Why a state dict is not one of the network at hand.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum StateDictError {
    /// A tensor that the graph calls for is not there.
    #[error("tensor `{name}` of {architecture} is missing{}", found_hint(found))]
    Missing {
        architecture: String,
        name: String,
        /// Some names that are there.
        found: Vec<String>,
    },
    /// A tensor of another shape.
    #[error(
        "tensor `{name}` is {found:?}; {architecture} with {classes} classes needs {expected:?}"
    )]
    Shape {
        architecture: String,
        classes: usize,
        name: String,
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor that belongs to no layer.
    #[error("tensor `{name}` belongs to no layer of {architecture}: is it another architecture?")]
    Unexpected { architecture: String, name: String },
    /// A NaN, an infinity, or a negative variance.
    #[error("tensor `{name}` holds {value} at index {index}; {expected}")]
    Value {
        name: String,
        /// Index into its values, row-major.
        index: usize,
        value: f32,
        /// What would be right.
        expected: &'static str,
    },
    /// Values that are more or fewer than a tensor's.
    #[error(transparent)]
    Length(#[from] ShapeError),
}

/// A data set whose classes are not those that the network tells apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "a variant's message says what its fields are")]
pub enum ClassesError {
    /// More or fewer.
    #[error("{dataset} has {found} classes, but the network tells {expected} apart")]
    Count { dataset: String, found: usize, expected: usize },
    /// The same in another order: each image would count as another class.
    #[error(
        "{dataset} has the network's classes in another order: its class {label} is `{found}`, the network's `{expected}`"
    )]
    Order { dataset: String, label: usize, found: String, expected: String },
}

fn found_hint(found: &[String]) -> String {
    if found.is_empty() {
        String::new()
    } else {
        format!("; the file has {}, …", found.join(", "))
    }
}

/// A tensor that a layer graph calls for.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorSpec {
    /// Its name in the state dict.
    pub name: String,
    /// Length of each dimension.
    pub shape: Vec<usize>,
}

/// All tensors of a network, in graph order.
///
/// # Shapes
/// - `weight` of a convolution: `[out, in / groups, rows, columns]`; of a linear layer of either
///   kind: `[out, in]`
/// - `bias` of either: `[out]`
/// - `weight`, `bias`, `running_mean`, `running_var` of a batch norm: `[channels]`; the first two of
///   the other norms and of affine maps likewise
/// - `layer_scale` of a layer scale: `[channels, 1, 1]`; `embedding` of an embedding:
///   `[channels, height, width]`
pub fn tensor_specs(graph: &LayerGraph) -> Vec<TensorSpec> {
    let mut specs = Vec::new();
    for node in graph.nodes() {
        let mut push = |tensor: &str, shape| {
            specs.push(TensorSpec { name: tensor_name(&node.name, tensor), shape });
        };
        if let Some(shape) = node.op.weight_shape() {
            push("weight", shape);
        }
        match node.op {
            Op::Conv2d(Conv2d { out_channels: outputs, bias: true, .. })
            | Op::PositionLinear { out_channels: outputs, bias: true, .. }
            | Op::Linear { out_features: outputs, bias: true, .. } => push("bias", vec![outputs]),
            Op::LayerScale { channels } => push("layer_scale", layer_scale_shape(channels)),
            Op::Embedding { channels, height, width } => {
                push("embedding", vec![channels, height, width]);
            }
            Op::BatchNorm { channels, .. } => {
                for tensor in ["weight", "bias", "running_mean", "running_var"] {
                    push(tensor, vec![channels]);
                }
            }
            Op::GroupNorm { channels, .. }
            | Op::LayerNorm { channels, .. }
            | Op::ChannelAffine { channels } => {
                push("weight", vec![channels]);
                push("bias", vec![channels]);
            }
            _ => {}
        }
    }
    specs
}

/// Lengths of a layer scale's dimensions, as torchvision has them.
pub(crate) fn layer_scale_shape(channels: usize) -> Vec<usize> {
    vec![channels, 1, 1]
}

impl Model {
    /// A model of these tensors, in any order.
    ///
    /// # Errors
    /// The first tensor that is missing, of the wrong shape, not finite, or of no layer.
    pub fn new(
        graph: LayerGraph,
        mut tensors: StateDict,
        info: ModelInfo,
    ) -> Result<Self, StateDictError> {
        // PyTorch counts batches in an integer that nothing reads.
        tensors.retain(|name, _| !name.ends_with(".num_batches_tracked"));
        let specs = tensor_specs(&graph);
        for spec in &specs {
            let tensor = tensors.get(&spec.name).ok_or_else(|| StateDictError::Missing {
                architecture: graph.architecture().to_owned(),
                name: spec.name.clone(),
                found: tensors.keys().take(3).cloned().collect(),
            })?;
            check_shape(&graph, spec, tensor)?;
            check_values(&spec.name, tensor.values())?;
        }
        for name in tensors.keys() {
            if !specs.iter().any(|spec| spec.name == *name) {
                let architecture = graph.architecture().to_owned();
                return Err(StateDictError::Unexpected { architecture, name: name.clone() });
            }
        }
        Ok(Self { graph, tensors, info })
    }

    /// A model with random weights (He et al. 2015, fan-out, normal), ready to be trained.
    pub fn random(graph: LayerGraph, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tensors = StateDict::new();
        for spec in tensor_specs(&graph) {
            let tensor = random_tensor(&mut rng, &spec);
            tensors.insert(spec.name, tensor);
        }
        Self { graph, tensors, info: ModelInfo::default() }
    }

    /// The layers, in the order in which they are computed.
    pub fn graph(&self) -> &LayerGraph {
        &self.graph
    }

    /// All its tensors: those that [`tensor_specs`] lists.
    pub fn tensors(&self) -> &StateDict {
        &self.tensors
    }

    /// A network to be trained on a data set: random weights, and what is known of the images.
    pub fn untrained(graph: LayerGraph, dataset: &Dataset, seed: u64) -> Self {
        let (own, found) = (graph.image(), dataset.train.shape());
        let is_of_its_size = [own.height, own.width] == [found.height, found.width];
        let info = ModelInfo {
            dataset: Some(dataset.name.clone()),
            normalization: Some(dataset.normalization),
            resize: dataset.resize.filter(|_| is_of_its_size),
            class_names: dataset.classes.clone(),
            ..ModelInfo::default()
        };
        Self { info, ..Self::random(graph, seed) }
    }

    /// Writes into the history how the network was trained, and its accuracy on this many test
    /// images.
    pub fn note_training(
        &mut self,
        plan: &TrainingPlan,
        dataset: &Dataset,
        accuracy: f64,
        images: usize,
    ) {
        let TrainingPlan { epochs, seed, .. } = plan;
        let (name, percent) = (&dataset.name, 100.0 * accuracy);
        self.info.history.push(format!(
            "trained for {epochs} epochs on {name} (seed {seed}) by {PROGRAM}: \
             {percent:.2} % on {images} of its test images"
        ));
    }

    /// Writes into the history how the network learned from the dense one, on this many images.
    pub fn note_distillation(&mut self, plan: &TrainingPlan, dataset: &Dataset, images: usize) {
        let (TrainingPlan { epochs, seed, .. }, name) = (plan, &dataset.name);
        self.info.history.push(format!(
            "distilled without labels from the dense network for {epochs} epochs on {images} \
             images of {name} (seed {seed}) by {PROGRAM}"
        ));
    }

    /// Whether its logits are of the data set's classes. Names that differ altogether are no
    /// matter: authors have their own words for the same.
    ///
    /// # Errors
    /// If there are more or fewer, or they have the same names in another order.
    pub fn check_classes(&self, dataset: &Dataset) -> Result<(), ClassesError> {
        let (names, own) = (&dataset.classes, &self.info.class_names);
        let (found, expected) = (names.len(), self.graph.classes());
        let dataset = || dataset.name.clone();
        if found != expected {
            return Err(ClassesError::Count { dataset: dataset(), found, expected });
        }
        for (label, (found, expected)) in names.iter().zip(own).enumerate() {
            if found != expected && own.contains(found) {
                let (found, expected) = (found.clone(), expected.clone());
                return Err(ClassesError::Order { dataset: dataset(), label, found, expected });
            }
        }
        Ok(())
    }

    /// What a person should know of the data set's images beside those that the network was made for:
    /// that they are of another size, or were scaled otherwise.
    pub fn note_on_images(&self, dataset: &Dataset) -> Option<String> {
        let (own, found) = (self.graph.image(), dataset.train.shape());
        if own.channels == 1 {
            return Some("images are made grey for the network, which takes one channel".into());
        }
        if [own.height, own.width] != [found.height, found.width] {
            return Some(format!(
                "images of {}×{} pixels are resized to the network's {}×{}",
                found.height, found.width, own.height, own.width
            ));
        }
        let [asked, done] = [self.info.resize, dataset.resize].map(|to| to.unwrap_or(own.height));
        (self.info.resize.is_some() && asked != done).then(|| {
            format!(
                "the network is for images scaled to {asked} pixels before their middle is cut out, and \
                 {} was imported with {done}",
                dataset.name
            )
        })
    }

    /// Normalisation of a data set's images for this network: the one that it was trained with,
    /// else the data set's.
    pub fn normalization_of(&self, dataset: &Dataset) -> Normalization {
        self.info.normalization.unwrap_or(dataset.normalization)
    }

    /// Hash of layers and tensors: equal for equal networks, whatever file they came in and
    /// whatever is said of them.
    pub fn hash(&self) -> ModelHash {
        let mut hasher = ContentHasher::new("rrlab model");
        for node in self.graph.nodes() {
            // What follows from these three (shapes, costs, roles) is no part of a network's
            // identity. Plain data without maps always has a JSON text, with its fields in the
            // order of their declaration.
            let text = serde_json::to_vec(&(&node.name, &node.op, &node.inputs));
            hasher.add(&text.unwrap_or_default());
        }
        for (name, tensor) in &self.tensors {
            let lengths = tensor.shape().iter().flat_map(|&length| (length as u64).to_le_bytes());
            hasher.add(name.as_bytes());
            hasher.add(&lengths.collect::<Vec<u8>>());
            hasher.add_values(tensor.values());
        }
        ModelHash::of(hasher)
    }

    /// Weights of a prunable layer that are not 0.
    ///
    /// # Panics
    /// As [`Model::tensor`].
    pub fn nonzero_weights(&self, layer: &str) -> usize {
        self.tensor(layer, "weight").values().iter().filter(|weight| **weight != 0.0).count()
    }

    /// A tensor of a module that the graph has.
    ///
    /// # Panics
    /// If the graph has no such tensor: [`Model::new`] saw to it that all others are there.
    pub fn tensor(&self, module: &str, tensor: &str) -> &HostTensor {
        &self.tensors[&tensor_name(module, tensor)]
    }

    /// Gives a tensor of a module other values, row-major in the tensor's own shape. The model
    /// stays as it is where they are refused.
    ///
    /// # Errors
    /// If they are more or fewer than the tensor's, or one is not finite or a negative variance.
    ///
    /// # Panics
    /// As [`Model::tensor`].
    pub fn set_values(
        &mut self,
        module: &str,
        tensor: &str,
        values: Vec<f32>,
    ) -> Result<(), StateDictError> {
        let name = tensor_name(module, tensor);
        check_values(&name, &values)?;
        let shape = self.tensors[&name].shape().to_vec();
        self.tensors.insert(name, HostTensor::new(shape, values)?);
        Ok(())
    }

    /// The same network with a bias of zeros in each prunable layer that neither has one nor a batch
    /// norm behind it: then there is something that a repair can be folded into.
    pub fn with_room_for_repair(mut self) -> Self {
        let ids = self.graph.ids().filter(|&id| {
            let node = self.graph.node(id);
            node.role.is_some()
                && !node.op.has_bias()
                && self.graph.following_batch_norm(id).is_none()
        });
        for id in ids.collect::<Vec<_>>() {
            self.graph = self.graph.with_bias(id);
            let node = self.graph.node(id);
            let channels = node.op.weight_shape().map_or(0, |shape| shape[0]);
            let bias = HostTensor::vector(vec![0.0; channels]);
            self.tensors.insert(tensor_name(&node.name, "bias"), bias);
        }
        self
    }

    /// Sets all weights of a layer to 0 that its mask does not keep.
    ///
    /// # Panics
    /// As [`Model::tensor`].
    pub fn apply_mask(&mut self, layer: &str, mask: &[bool]) {
        let name = tensor_name(layer, "weight");
        let weights = self.tensors.get_mut(&name).expect("a tensor that the graph names");
        for (weight, stays) in weights.values_mut().iter_mut().zip(mask) {
            if !stays {
                *weight = 0.0;
            }
        }
    }
}

fn check_shape(
    graph: &LayerGraph,
    spec: &TensorSpec,
    tensor: &HostTensor,
) -> Result<(), StateDictError> {
    if tensor.shape() == spec.shape {
        return Ok(());
    }
    Err(StateDictError::Shape {
        architecture: graph.architecture().to_owned(),
        classes: graph.classes(),
        name: spec.name.clone(),
        found: tensor.shape().to_vec(),
        expected: spec.shape.clone(),
    })
}

fn check_values(name: &str, values: &[f32]) -> Result<(), StateDictError> {
    let is_variance = name.ends_with(".running_var");
    for (index, &value) in values.iter().enumerate() {
        if !value.is_finite() || (is_variance && value < 0.0) {
            let expected = if is_variance {
                "a variance is finite and not negative"
            } else {
                "a weight is a finite number"
            };
            return Err(StateDictError::Value { name: name.into(), index, value, expected });
        }
    }
    Ok(())
}

/// What a tensor holds before training, as in PyTorch's recipes for these networks.
fn random_tensor(rng: &mut ChaCha8Rng, spec: &TensorSpec) -> HostTensor {
    let count: usize = spec.shape.iter().product();
    let values = match (spec.shape.as_slice(), spec.name.rsplit('.').next()) {
        // A convolution: variance 2/fan-out keeps gradients as large behind a ReLU, which halves
        // them, as before it.
        (&[out, _, height, width], _) => {
            let fan_out = out * height * width;
            normal_values(rng, count, (2.0 / fan_out as f64).sqrt())
        }
        // A linear layer: no ReLU follows the classifier.
        (&[_, fan_in], _) => normal_values(rng, count, (1.0 / fan_in as f64).sqrt()),
        (_, Some("weight" | "running_var" | "layer_scale")) => vec![1.0; count],
        _ => vec![0.0; count],
    };
    HostTensor::new(spec.shape.clone(), values).expect("as many values as the shape says were made")
}

/// Normal deviates by Box and Muller's transform, the same on every platform.
pub(crate) fn normal_values(rng: &mut ChaCha8Rng, count: usize, deviation: f64) -> Vec<f32> {
    // They come in pairs: one too many where the count is odd.
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        // 1 less a number in [0, 1) is never 0, whose logarithm is infinite.
        let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        let scale = deviation * (-2.0 * radius.ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * angle).sin_cos();
        values.extend([(scale * cosine) as f32, (scale * sine) as f32]);
    }
    values.truncate(count);
    values
}
