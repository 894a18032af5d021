//! The interpreter: a model's tensors on a device, and what each node of its graph does with them.

use burn::tensor::{
    Device, ExecutionError, Tensor, activation, module,
    ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions},
    s,
};
use rrlab_types::{AveragePool, FeatureShape, LayerGraph, Node, NodeId, Op, Padding, Pool, Window};

use crate::chain::{Chain, rectifier_of};
use crate::kernels::{self, Finish};
use crate::model::{Model, layer_scale_shape};
use crate::tensors::{HostTensor, StateDict, tensor_name};
use crate::transfer::{download, upload};

/// Share of a batch's statistics in the running ones (PyTorch's default).
const RUNNING_MOMENTUM: f64 = 0.1;

/// Shares of red, green and blue in a grey value (ITU-R BT.601, as in Pillow's `convert("L")`).
/// They add up to 1: images whose colours are equal stay as they are, also where all colours were
/// normalised alike.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Tensors of one node on the device.
#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "a network has some dozen nodes; how large they are depends on the devices compiled in"
)]
pub enum Parameters {
    /// A node without any.
    None,
    /// Of a convolution `[out, in / groups, rows, columns]` or a linear layer of either kind
    /// `[out, in, 1, 1]`.
    Weight {
        /// In the shape that the variant names.
        weight: Tensor<4>,
        /// `[out]`, where the layer has one.
        bias: Option<Tensor<1>>,
    },
    /// Of a batch norm, `[channels]` each.
    BatchNorm {
        /// γ, by which normalised values are multiplied.
        gamma: Tensor<1>,
        /// β, which is added after that.
        beta: Tensor<1>,
        /// Running mean of the channel, which evaluation subtracts.
        mean: Tensor<1>,
        /// Running variance of the channel, over n − 1.
        variance: Tensor<1>,
        /// ε, which is added to the variance.
        epsilon: f64,
    },
    /// Of a layer scale, `[channels]`.
    Scale {
        /// γ, by which values are multiplied.
        gamma: Tensor<1>,
    },
    /// Of an embedding, `[1, channels, height, width]`.
    Embedding {
        /// What is added to each image.
        values: Tensor<4>,
    },
    /// Of a layer norm, a group norm or an affine map, `[channels]` each.
    Affine {
        /// γ, by which values are multiplied.
        gamma: Tensor<1>,
        /// β, which is added after that.
        beta: Tensor<1>,
    },
}

impl Parameters {
    /// What evaluation multiplies each channel by and adds to it, of a batch norm's running
    /// statistics.
    ///
    /// # Panics
    /// If they are not of a batch norm.
    pub(crate) fn scale_and_shift(&self) -> (Tensor<1>, Tensor<1>) {
        let Self::BatchNorm { gamma, beta, mean, variance, epsilon } = self else {
            panic!("not a batch norm's tensors");
        };
        let deviation = variance.clone().add_scalar(*epsilon).sqrt();
        let scale = gamma.clone() / deviation;
        let shift = beta.clone() - mean.clone() * scale.clone();
        (scale, shift)
    }
}

/// Something done to each tensor that training changes.
pub trait ParameterMap {
    /// The tensor that takes the place of `tensor`, of the same shape. `name` is its name in the
    /// state dict; `decays` says whether weight decay applies to it.
    fn map<const D: usize>(&mut self, name: &str, decays: bool, tensor: Tensor<D>) -> Tensor<D>;
}

/// A network on a device.
#[derive(Debug, Clone)]
pub struct Network {
    graph: LayerGraph,
    parameters: Vec<Parameters>,
    device: Device,
}

impl Network {
    /// The model's tensors on this device.
    pub fn new(model: &Model, device: &Device) -> Self {
        let graph = model.graph().clone();
        let parameters =
            graph.nodes().iter().map(|node| upload_node(model, node, device)).collect();
        Self { graph, parameters, device: device.clone() }
    }

    /// The layers that it computes, in their order.
    pub fn graph(&self) -> &LayerGraph {
        &self.graph
    }

    /// The device that it computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Tensors of a node on the device.
    pub fn parameters(&self, id: NodeId) -> &Parameters {
        &self.parameters[id.0]
    }

    /// Takes a node's tensors afresh from the model, which repair has changed on the host.
    pub fn refresh(&mut self, model: &Model, id: NodeId) {
        self.parameters[id.0] = upload_node(model, self.graph.node(id), &self.device);
    }

    /// Output of one node for a batch; batch norms use their running statistics.
    ///
    /// # Shapes
    /// - `inputs`: one for each of the node's inputs, `[batch, channels, height, width]`
    /// - output: `[batch, channels, height, width]`; vectors are channels of one pixel
    pub fn node_output(&self, id: NodeId, inputs: &[Tensor<4>]) -> Tensor<4> {
        self.perhaps_rectified_output(id, inputs, false)
    }

    /// The same for a batch norm or a sum with a rectifier behind it, of which `rectified` says whether it
    /// is there.
    fn perhaps_rectified_output(
        &self,
        id: NodeId,
        inputs: &[Tensor<4>],
        rectified: bool,
    ) -> Tensor<4> {
        match &self.parameters[id.0] {
            norm @ Parameters::BatchNorm { .. } => {
                let (scale, shift) = norm.scale_and_shift();
                kernels::scale_and_shift(inputs[0].clone(), scale, shift, rectified)
            }
            parameters => stateless_output(self.graph.node(id), parameters, inputs, rectified),
        }
    }

    /// Logits of a batch, as in evaluation.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`, of any size
    /// - output: `[batch, classes]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_showing(images, |_| false, |_, _| ())
    }

    /// The same, showing the inputs of some nodes before they are computed: of those that `is_shown` names.
    pub fn forward_showing(
        &self,
        images: Tensor<4>,
        is_shown: impl Fn(NodeId) -> bool,
        mut show: impl FnMut(NodeId, &[Tensor<4>]),
    ) -> Tensor<2> {
        let joins = kernels::finishes(&self.device);
        let mut values = Activations::new(&self.graph, images);
        for id in self.graph.ids().skip(1) {
            if values.is_computed(id) {
                continue;
            }
            let inputs = values.take_inputs(&self.graph, id);
            if is_shown(id) {
                show(id, &inputs);
            }
            let chain = joins
                .then(|| Chain::at(&self.graph, id, &is_shown, |other| values.holds(other)))
                .flatten();
            match chain {
                Some(chain) => {
                    let output = self.chain_output(&chain, inputs, &mut values);
                    values.store_last(chain.nodes(), output);
                }
                None => self.compute_node(id, &inputs, &is_shown, &mut values),
            }
        }
        values.into_logits(&self.graph)
    }

    /// Computes a node from its inputs, with its rectifier where that can be had at once and is not to be
    /// shown.
    pub(crate) fn compute_node(
        &self,
        id: NodeId,
        inputs: &[Tensor<4>],
        is_shown: impl Fn(NodeId) -> bool,
        values: &mut Activations,
    ) {
        let rectifier = rectifier_of(&self.graph, id).filter(|&rectifier| !is_shown(rectifier));
        let output = self.perhaps_rectified_output(id, inputs, rectifier.is_some());
        values.store_rectified(id, rectifier, output);
    }

    /// Output of a chain's last node.
    fn chain_output(
        &self,
        chain: &Chain,
        mut inputs: Vec<Tensor<4>>,
        values: &mut Activations,
    ) -> Tensor<4> {
        let Parameters::Weight { weight, bias } = self.parameters(chain.first()) else {
            unreachable!("a convolution has a weight");
        };
        let channels = [weight.dims()[0]];
        let (scale, shift) = match chain.norm {
            Some(norm) => self.parameters(norm).scale_and_shift(),
            None => (Tensor::ones(channels, &self.device), Tensor::zeros(channels, &self.device)),
        };
        let shift = match bias {
            Some(bias) => bias.clone() * scale.clone() + shift,
            None => shift,
        };
        let input = inputs.swap_remove(0);
        let summand = chain.summand.map(|other| values.take(other));
        let window = window_of(self.graph.node(chain.first()).op);
        let finish = Finish { scale, shift, summand, rectified: chain.rectified };
        kernels::conv2d_finished(input, weight.clone(), window, finish)
    }

    /// The same as [`Network::forward`], node by node, showing each one's output as soon as it is there,
    /// with the inputs that it came from.
    pub fn forward_observed(
        &self,
        images: Tensor<4>,
        mut observe: impl FnMut(NodeId, NodeValues<'_>),
    ) -> Tensor<2> {
        let mut values = Activations::new(&self.graph, images);
        for id in self.graph.ids().skip(1) {
            let inputs = values.take_inputs(&self.graph, id);
            let output = self.node_output(id, &inputs);
            observe(id, NodeValues { inputs: &inputs, output: &output });
            values.store(id, output);
        }
        values.into_logits(&self.graph)
    }

    /// The same as in training: batch norms use the batch's statistics and take them into their
    /// running ones.
    pub fn forward_training(&mut self, images: Tensor<4>) -> Tensor<2> {
        let mut values = Activations::new(&self.graph, images);
        for id in self.graph.ids().skip(1) {
            if values.is_computed(id) {
                continue;
            }
            let inputs = values.take_inputs(&self.graph, id);
            let rectifier = rectifier_of(&self.graph, id);
            let rectified = rectifier.is_some();
            let output = match &mut self.parameters[id.0] {
                Parameters::BatchNorm { gamma, beta, mean, variance, epsilon } => {
                    let input = inputs[0].clone();
                    let [batch, _, height, width] = input.dims();
                    let (gamma, beta) = (gamma.clone(), beta.clone());
                    let result = kernels::batch_norm(input, gamma, beta, *epsilon, rectified);
                    // PyTorch normalises by the variance over n and keeps that over n − 1: a
                    // batch's own mean makes its values look less spread than those of images to
                    // come.
                    let count = (batch * height * width) as f64;
                    let bessel = count / (count - 1.0).max(1.0);
                    let unbiased = result.variance.detach().mul_scalar(bessel);
                    *mean = running(mean.clone(), result.mean.detach());
                    *variance = running(variance.clone(), unbiased);
                    result.output
                }
                parameters => stateless_output(self.graph.node(id), parameters, &inputs, rectified),
            };
            values.store_rectified(id, rectifier, output);
        }
        values.into_logits(&self.graph)
    }

    /// Replaces each tensor that training changes: weights, biases, batch norms' scales and shifts.
    pub fn map_trainable(&mut self, map: &mut impl ParameterMap) {
        for (node, parameters) in self.graph.nodes().iter().zip(&mut self.parameters) {
            let name = |tensor| tensor_name(&node.name, tensor);
            match parameters {
                Parameters::None => {}
                Parameters::Weight { weight, bias } => {
                    *weight = map.map(&name("weight"), true, weight.clone());
                    *bias = bias.take().map(|bias| map.map(&name("bias"), false, bias));
                }
                Parameters::Embedding { values } => {
                    *values = map.map(&name("embedding"), false, values.clone());
                }
                Parameters::Scale { gamma } => {
                    *gamma = map.map(&name("layer_scale"), false, gamma.clone());
                }
                Parameters::BatchNorm { gamma, beta, .. } | Parameters::Affine { gamma, beta } => {
                    *gamma = map.map(&name("weight"), false, gamma.clone());
                    *beta = map.map(&name("bias"), false, beta.clone());
                }
            }
        }
    }

    /// Every tensor back on the host.
    ///
    /// # Errors
    /// As [`download`].
    pub async fn tensors(&self) -> Result<StateDict, ExecutionError> {
        let mut state = StateDict::new();
        for (node, parameters) in self.graph.nodes().iter().zip(&self.parameters) {
            for (tensor, values) in download_node(node, parameters).await? {
                state.insert(tensor_name(&node.name, tensor), values);
            }
        }
        Ok(state)
    }
}

/// What a node took and gave for one batch.
///
/// # Shapes
/// - each tensor: `[batch, channels, height, width]`
#[derive(Debug, Clone, Copy)]
pub struct NodeValues<'a> {
    /// One for each of the node's inputs.
    pub inputs: &'a [Tensor<4>],
    /// What the node made of them.
    pub output: &'a Tensor<4>,
}

/// Outputs of nodes that some later node still takes.
pub struct Activations {
    values: Vec<Option<Tensor<4>>>,
    /// How many nodes have yet to take each node's output.
    pending: Vec<usize>,
    /// Whether each node was computed, with its own turn or with another's.
    computed: Vec<bool>,
}

impl Activations {
    /// A pass that begins with these images, `[batch, channels, height, width]`; those of another
    /// size than the network's are resized, and coloured ones made grey for a network of one channel.
    pub fn new(graph: &LayerGraph, images: Tensor<4>) -> Self {
        let mut values = vec![None; graph.nodes().len()];
        values[0] = Some(fitted(images, graph.image()));
        let pending = graph.ids().map(|id| graph.consumers(id).count()).collect();
        let computed = vec![false; values.len()];
        Self { values, pending, computed }
    }

    /// Takes the inputs of a node: what no other node has yet to take is held no longer.
    pub fn take_inputs(&mut self, graph: &LayerGraph, id: NodeId) -> Vec<Tensor<4>> {
        graph.node(id).inputs.iter().map(|&input| self.take(input)).collect()
    }

    /// Takes a node's output for one of the nodes that have yet to.
    pub fn take(&mut self, NodeId(id): NodeId) -> Tensor<4> {
        self.pending[id] -= 1;
        let held = &mut self.values[id];
        let value = if self.pending[id] == 0 { held.take() } else { held.clone() };
        value.expect("nodes are computed after their inputs")
    }

    /// Whether a node's output is there to be taken.
    pub fn holds(&self, NodeId(id): NodeId) -> bool {
        self.values[id].is_some()
    }

    /// Keeps a node's output for its consumers.
    pub fn store(&mut self, id: NodeId, output: Tensor<4>) {
        self.values[id.0] = Some(output);
        self.computed[id.0] = true;
    }

    /// Keeps the output of nodes that were computed at once: the last one's.
    pub fn store_last(&mut self, nodes: &[NodeId], output: Tensor<4>) {
        for node in nodes {
            self.computed[node.0] = true;
        }
        self.store(nodes[nodes.len() - 1], output);
    }

    /// Keeps the output of a node, or of the rectifier that was computed with it.
    pub fn store_rectified(&mut self, id: NodeId, rectifier: Option<NodeId>, output: Tensor<4>) {
        match rectifier {
            Some(rectifier) => self.store_last(&[id, rectifier], output),
            None => self.store(id, output),
        }
    }

    /// Whether a node was computed: it has no turn of its own then.
    pub fn is_computed(&self, NodeId(id): NodeId) -> bool {
        self.computed[id]
    }

    /// The last node's output as `[batch, classes]`.
    pub fn into_logits(mut self, graph: &LayerGraph) -> Tensor<2> {
        let last =
            self.values.last_mut().and_then(Option::take).expect("the last node was computed");
        let batch = last.dims()[0];
        last.reshape([batch, graph.classes()])
    }
}

fn upload_node(model: &Model, node: &Node, device: &Device) -> Parameters {
    let values = |tensor| model.tensor(&node.name, tensor).values();
    let vector = |tensor| upload(values(tensor), [values(tensor).len()], device);
    match node.op {
        Op::Conv2d(conv) => Parameters::Weight {
            weight: upload(values("weight"), conv.weight_shape(), device),
            bias: conv.bias.then(|| vector("bias")),
        },
        Op::PositionLinear { in_channels: inputs, out_channels: outputs, bias }
        | Op::Linear { in_features: inputs, out_features: outputs, bias } => Parameters::Weight {
            weight: upload(values("weight"), [outputs, inputs, 1, 1], device),
            bias: bias.then(|| vector("bias")),
        },
        Op::BatchNorm { epsilon, .. } => Parameters::BatchNorm {
            gamma: vector("weight"),
            beta: vector("bias"),
            mean: vector("running_mean"),
            variance: vector("running_var"),
            epsilon,
        },
        Op::GroupNorm { .. } | Op::LayerNorm { .. } | Op::ChannelAffine { .. } => {
            Parameters::Affine { gamma: vector("weight"), beta: vector("bias") }
        }
        Op::LayerScale { .. } => Parameters::Scale { gamma: vector("layer_scale") },
        Op::Embedding { channels, height, width } => Parameters::Embedding {
            values: upload(values("embedding"), [1, channels, height, width], device),
        },
        _ => Parameters::None,
    }
}

/// A node's tensors, by their names in its module.
async fn download_node(
    node: &Node,
    parameters: &Parameters,
) -> Result<Vec<(&'static str, HostTensor)>, ExecutionError> {
    let mut tensors = Vec::new();
    match parameters {
        Parameters::None => {}
        Parameters::Weight { weight, bias } => {
            // A linear layer's weight has four dimensions on the device and two on the host.
            let shape = node.op.weight_shape().expect("a node with a weight has a shape for it");
            let values = download(weight.clone()).await?;
            let weight = HostTensor::new(shape, values).expect("it was uploaded in this shape");
            tensors.push(("weight", weight));
            if let Some(bias) = bias {
                tensors.push(("bias", HostTensor::vector(download(bias.clone()).await?)));
            }
        }
        Parameters::Embedding { values } => {
            let [_, channels, height, width] = values.dims();
            let values = download(values.clone()).await?;
            let embedding = HostTensor::new(vec![channels, height, width], values);
            tensors.push(("embedding", embedding.expect("it was uploaded in this shape")));
        }
        Parameters::Scale { gamma } => {
            let values = download(gamma.clone()).await?;
            let scale = HostTensor::new(layer_scale_shape(values.len()), values);
            tensors.push(("layer_scale", scale.expect("one factor for each channel")));
        }
        Parameters::Affine { gamma, beta } => {
            for (name, vector) in [("weight", gamma), ("bias", beta)] {
                tensors.push((name, HostTensor::vector(download(vector.clone()).await?)));
            }
        }
        Parameters::BatchNorm { gamma, beta, mean, variance, .. } => {
            let named = [
                ("weight", gamma),
                ("bias", beta),
                ("running_mean", mean),
                ("running_var", variance),
            ];
            for (name, vector) in named {
                tensors.push((name, HostTensor::vector(download(vector.clone()).await?)));
            }
        }
    }
    Ok(tensors)
}

/// The running statistic after a batch's own was taken into it.
fn running(held: Tensor<1>, batch: Tensor<1>) -> Tensor<1> {
    held.mul_scalar(1.0 - RUNNING_MOMENTUM) + batch.mul_scalar(RUNNING_MOMENTUM)
}

/// Window of a prunable node: that of a linear layer of either kind is one pixel.
pub fn window_of(op: Op) -> Window {
    match op {
        Op::Conv2d(conv) => conv.window(),
        _ => Window::PIXEL,
    }
}

/// Groups of a prunable node's channels that do not mix: a linear layer is one.
pub fn groups_of(op: Op) -> usize {
    match op {
        Op::Conv2d(conv) => conv.groups,
        _ => 1,
    }
}

/// Output of a prunable node without its bias, for any weight of its shape.
///
/// # Shapes
/// - `weight`: `[out, in / groups, rows, columns]`; of a linear layer of either kind
///   `[out, in, 1, 1]`
/// - `input`: `[batch, in, height, width]`; a linear layer takes `channels · height · width`
///   features in this order
/// - output: `[batch, out, height, width]`; of a linear layer `[batch, out, 1, 1]`
pub fn weighted_output(op: Op, weight: Tensor<4>, input: Tensor<4>) -> Tensor<4> {
    match op {
        Op::Linear { in_features, out_features, .. } => {
            let batch = input.dims()[0];
            let weight = weight.reshape([out_features, in_features]);
            let product = input.reshape([batch, in_features]).matmul(weight.transpose());
            product.reshape([batch, out_features, 1, 1])
        }
        _ => kernels::conv2d(input, weight, window_of(op)),
    }
}

/// The images as a network takes them: grey where it has a single channel, and in its size,
/// bilinearly between the centres of pixels.
fn fitted(images: Tensor<4>, to: FeatureShape) -> Tensor<4> {
    let [_, channels, height, width] = images.dims();
    let images = if channels == LUMA.len() && to.channels == 1 { grey(images) } else { images };
    if [height, width] == [to.height, to.width] {
        return images;
    }
    let options = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_output_size([to.height, to.width])
        .with_align_corners(false);
    module::interpolate(images, options)
}

/// Red, green and blue as one channel.
fn grey(images: Tensor<4>) -> Tensor<4> {
    let weights = upload(&LUMA, [1, LUMA.len(), 1, 1], &images.device());
    (images * weights).sum_dim(1)
}

/// Output of a node that is no batch norm; a sum's with a rectifier where one is behind it.
fn stateless_output(
    node: &Node,
    parameters: &Parameters,
    inputs: &[Tensor<4>],
    rectified: bool,
) -> Tensor<4> {
    let input = inputs[0].clone();
    match (node.op, parameters) {
        (op, Parameters::Weight { weight, bias }) => {
            let output = weighted_output(op, weight.clone(), input);
            match bias {
                Some(bias) => output + kernels::per_channel(bias.clone()),
                None => output,
            }
        }
        (_, Parameters::Embedding { values }) => input + values.clone(),
        (_, Parameters::Scale { gamma }) => input * kernels::per_channel(gamma.clone()),
        (op, Parameters::Affine { gamma, beta }) => {
            kernels::scale_and_shift(normalised(op, input), gamma.clone(), beta.clone(), false)
        }
        (Op::Add, _) if rectified => kernels::rectified_sum(input, inputs[1].clone()),
        (op, _) if op.is_activation() => activated(op, input),
        (op, _) => rearranged(op, inputs),
    }
}

/// What an affine map of each channel is applied to: the input less its mean, over its deviation,
/// in the parts that the operation says.
fn normalised(op: Op, input: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = input.dims();
    match op {
        Op::LayerNorm { epsilon, .. } => standardised(input, epsilon),
        Op::GroupNorm { groups, epsilon, .. } => {
            let elements = channels / groups * height * width;
            let parts = input.reshape([batch * groups, elements, 1, 1]);
            standardised(parts, epsilon).reshape([batch, channels, height, width])
        }
        _ => input,
    }
}

/// Values less their mean over dimension 1, over their deviation.
fn standardised(values: Tensor<4>, epsilon: f64) -> Tensor<4> {
    let centred = values.clone() - values.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    centred / variance.add_scalar(epsilon).sqrt()
}

/// Output of an activation: every value by itself.
fn activated(op: Op, input: Tensor<4>) -> Tensor<4> {
    match op {
        Op::Relu => kernels::relu(input),
        Op::Relu6 => activation::relu6(input),
        Op::Clip { low, high } => input.clamp(low, high),
        Op::ScaleShift { scale, shift } => input.mul_scalar(scale).add_scalar(shift),
        Op::LeakyRelu { slope } => activation::leaky_relu(input, slope),
        Op::Sigmoid => activation::sigmoid(input),
        Op::HardSigmoid => activation::hard_sigmoid(input, 1.0 / 6.0, 0.5),
        Op::Silu => activation::silu(input),
        Op::HardSwish => activation::hard_swish(input),
        Op::Gelu => activation::gelu(input),
        op => unreachable!("{op:?} is no activation"),
    }
}

/// Output of an operation without parameters that is no activation: it adds, pools or reorders.
fn rearranged(op: Op, inputs: &[Tensor<4>]) -> Tensor<4> {
    let input = inputs[0].clone();
    let [batch, channels, height, width] = input.dims();
    match op {
        Op::Add => kernels::sum(input, inputs[1].clone()),
        Op::Mul => input * inputs[1].clone(),
        Op::Concat => Tensor::cat(inputs.to_vec(), 1),
        Op::ChannelSlice { start, end } => input.slice(s![.., start..end]),
        Op::ChannelShuffle { groups } => input
            .reshape([batch, groups, channels / groups, height * width])
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width]),
        Op::Softmax => activation::softmax(input, 1),
        Op::Attention { heads, scale } => attention(heads, scale, inputs),
        Op::FlattenPositions => input.reshape([batch, channels, 1, height * width]),
        Op::TakePosition { index } => {
            let line = input.reshape([batch, channels, height * width, 1]);
            line.slice(s![.., .., index..index + 1])
        }
        Op::ZeroPad { padding: Padding { top, left, bottom, right } } => {
            input.pad((left, right, top, bottom), 0.0)
        }
        Op::Flatten => input.reshape([batch, channels * height * width, 1, 1]),
        Op::MaxPool(Pool { size, stride, padding, ceil }) => {
            let options = MaxPoolOptions {
                kernel_size: size,
                stride,
                padding: pairs(padding),
                dilation: [1, 1],
                ceil_mode: ceil,
            };
            module::max_pool2d(input, options)
        }
        Op::AveragePool(AveragePool { pool, counts_padding }) => {
            let options = AvgPoolOptions {
                kernel_size: pool.size,
                stride: pool.stride,
                padding: pairs(pool.padding),
                count_include_pad: counts_padding,
                ceil_mode: pool.ceil,
            };
            module::avg_pool2d(input, options)
        }
        Op::AdaptiveAveragePool { size } => module::adaptive_avg_pool2d(input, size),
        Op::GlobalAveragePool => input.mean_dim(2).mean_dim(3),
        Op::PadShortcut { out_channels, stride } => pad_shortcut(input, out_channels, stride),
        op => unreachable!("{op:?} has no output of its own"),
    }
}

/// softmax(scale·qᵀk) of queries and keys, by which the values of each query are weighed; each head
/// has its share of the channels.
fn attention(heads: usize, scale: f64, inputs: &[Tensor<4>]) -> Tensor<4> {
    // [batch · heads, channels of a head, positions]
    let of_heads = |input: &Tensor<4>| -> Tensor<3> {
        let [batch, channels, height, width] = input.dims();
        input.clone().reshape([batch * heads, channels / heads, height * width])
    };
    let [queries, keys, values] = [0, 1, 2].map(|index| of_heads(&inputs[index]));
    let products = queries.swap_dims(1, 2).matmul(keys).mul_scalar(scale);
    let weights = activation::softmax(products, 2);
    let [batch, _, height, width] = inputs[0].dims();
    let channels = inputs[2].dims()[1];
    values.matmul(weights.swap_dims(1, 2)).reshape([batch, channels, height, width])
}

/// Padding as pairs of before and after, rows first.
fn pairs(padding: Padding) -> [(usize, usize); 2] {
    let Padding { top, left, bottom, right } = padding;
    [(top, bottom), (left, right)]
}

/// Every `stride`-th pixel of each channel, between channels of zeros.
fn pad_shortcut(input: Tensor<4>, out_channels: usize, stride: usize) -> Tensor<4> {
    let [_, channels, ..] = input.dims();
    let pixels = input.slice(s![.., .., ..;stride, ..;stride]);
    let [batch, _, height, width] = pixels.dims();
    let before = (out_channels - channels) / 2;
    let zeros = Tensor::zeros([batch, out_channels, height, width], &pixels.device());
    zeros.slice_assign(s![.., before..before + channels, .., ..], pixels)
}
