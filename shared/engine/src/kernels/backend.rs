//! How the CPU kernels join burn: a backend extension for the CPU backend, and its backward passes
//! for autodiff.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, BackendTypes, Flex, TensorMetadata, backend_extension};
use burn::tensor::TensorData;
use rrlab_types::Window;

use super::batch_norm::{self, ChannelMoments, Extent, Norm};
use super::conv2d::{self, Geometry};
use super::elementwise;
use super::unfold::Input;

/// Operations that the CPU backend gets from this crate, with shapes and formulas in
/// [`mod@super::conv2d`] and [`mod@super::batch_norm`].
#[backend_extension(Flex, Autodiff)]
pub trait CpuKernels: Backend {
    /// Output of a convolution without bias.
    fn conv2d_forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self>;

    /// Gradient of a convolution with respect to its input, of which only the shape is read.
    fn conv2d_input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self>;

    /// Gradient of a convolution with respect to its weight, of which only the shape is read.
    fn conv2d_weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self>;

    /// Each channel times a number of its own, plus another, perhaps rectified.
    fn scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        rectified: bool,
    ) -> FloatTensor<Self>;

    /// Each channel times a number of its own.
    fn scale_channels(input: FloatTensor<Self>, scale: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Σ over batch and positions of each channel.
    fn channel_sums(values: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Σ over batch and positions of the products of two images, of each channel.
    fn channel_products(one: FloatTensor<Self>, other: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Batch norm: output, perhaps rectified, and mean and variance of each channel, `[2, channels]`.
    fn batch_norm_forward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of a batch norm with respect to input, γ and β, given its `moments`, mean and variance.
    fn batch_norm_backward(
        input: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        epsilon: f32,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Each number, or 0 in place of what is less.
    fn rectify(input: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of that with respect to its input, given its output and the gradient of that.
    fn rectify_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Sum of two tensors of one shape.
    fn sum_of_two(one: FloatTensor<Self>, other: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The same rectified.
    fn rectified_sum(one: FloatTensor<Self>, other: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The output as it is. For its gradient `squares`, `[channels]`, which is not read, gets Σ over
    /// batch and positions of the square of the output's.
    fn watched(output: FloatTensor<Self>, squares: FloatTensor<Self>) -> FloatTensor<Self>;
}

type CpuTensor = FloatTensor<Flex>;

fn tensor(values: Vec<f32>, shape: impl std::convert::Into<Vec<usize>>) -> CpuTensor {
    CpuTensor::from_data(TensorData::new(values, shape.into()))
}

/// Numbers of a contiguous tensor, which may share all of a larger one's memory.
pub(super) fn values(tensor: &CpuTensor) -> &[f32] {
    &tensor.storage()[..tensor.shape().num_elements()]
}

fn dims<const D: usize>(tensor: &CpuTensor) -> [usize; D] {
    tensor.shape().dims()
}

/// Sizes of a convolution of these tensors.
pub(super) fn geometry(input: &CpuTensor, weight: &CpuTensor, window: Window) -> Geometry {
    let [batch, channels, height, width] = dims(input);
    let [out_channels, channels_of_group, ..] = dims::<4>(weight);
    let input = Input { batch, channels, height, width, window };
    Geometry { input, out_channels, groups: channels / channels_of_group }
}

fn extent(input: &CpuTensor) -> Extent {
    let [batch, channels, height, width] = dims(input);
    Extent { batch, channels, positions: height * width }
}

impl CpuKernels for Flex {
    fn conv2d_forward(input: CpuTensor, weight: CpuTensor, window: Window) -> CpuTensor {
        let geometry = geometry(&input, &weight, window);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        tensor(
            conv2d::forward(&geometry, values(&input), values(&weight), None),
            geometry.output_shape(),
        )
    }

    fn conv2d_input_gradient(
        input: CpuTensor,
        weight: CpuTensor,
        gradient: CpuTensor,
        window: Window,
    ) -> CpuTensor {
        let geometry = geometry(&input, &weight, window);
        let (weight, gradient) = (weight.to_contiguous(), gradient.to_contiguous());
        let values = conv2d::input_gradient(&geometry, values(&weight), values(&gradient));
        tensor(values, dims::<4>(&input))
    }

    fn conv2d_weight_gradient(
        input: CpuTensor,
        weight: CpuTensor,
        gradient: CpuTensor,
        window: Window,
    ) -> CpuTensor {
        let geometry = geometry(&input, &weight, window);
        let (input, gradient) = (input.to_contiguous(), gradient.to_contiguous());
        let values = conv2d::weight_gradient(&geometry, values(&input), values(&gradient));
        tensor(values, dims::<4>(&weight))
    }

    fn scale_and_shift(
        input: CpuTensor,
        scale: CpuTensor,
        shift: CpuTensor,
        rectified: bool,
    ) -> CpuTensor {
        let (extent, shape) = (extent(&input), dims::<4>(&input));
        let (input, scale, shift) =
            (input.to_contiguous(), scale.to_contiguous(), shift.to_contiguous());
        let (input, scale, shift) = (values(&input), values(&scale), values(&shift));
        tensor(batch_norm::scale_and_shift(&extent, input, scale, shift, rectified), shape)
    }

    fn scale_channels(input: CpuTensor, scale: CpuTensor) -> CpuTensor {
        let channels = dims::<4>(&input)[1];
        Self::scale_and_shift(input, scale, tensor(vec![0.0; channels], [channels]), false)
    }

    fn channel_sums(of: CpuTensor) -> CpuTensor {
        let extent = extent(&of);
        tensor(batch_norm::sums(&extent, values(&of.to_contiguous())), [extent.channels])
    }

    fn channel_products(one: CpuTensor, other: CpuTensor) -> CpuTensor {
        let extent = extent(&one);
        let (one, other) = (one.to_contiguous(), other.to_contiguous());
        let sums = batch_norm::products(&extent, values(&one), values(&other));
        tensor(sums, [extent.channels])
    }

    fn batch_norm_forward(
        input: CpuTensor,
        gamma: CpuTensor,
        beta: CpuTensor,
        epsilon: f32,
        rectified: bool,
    ) -> (CpuTensor, CpuTensor) {
        let (extent, shape) = (extent(&input), dims::<4>(&input));
        let (input, gamma, beta) =
            (input.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let norm = Norm { gamma: values(&gamma), beta: values(&beta), epsilon, rectified };
        let moments = batch_norm::moments(&extent, values(&input));
        let output = batch_norm::forward(&extent, values(&input), &moments, &norm);
        let means = moments.iter().map(|m| m.mean);
        let both = means.chain(moments.iter().map(|m| m.variance)).collect();
        (tensor(output, shape), tensor(both, [2, extent.channels]))
    }

    fn batch_norm_backward(
        input: CpuTensor,
        moments: CpuTensor,
        gamma: CpuTensor,
        beta: CpuTensor,
        gradient: CpuTensor,
        epsilon: f32,
        rectified: bool,
    ) -> (CpuTensor, CpuTensor, CpuTensor) {
        let (extent, shape) = (extent(&input), dims::<4>(&input));
        let (input, gradient) = (input.to_contiguous(), gradient.to_contiguous());
        let (gamma, beta) = (gamma.to_contiguous(), beta.to_contiguous());
        let norm = Norm { gamma: values(&gamma), beta: values(&beta), epsilon, rectified };
        let moments = moments.to_contiguous();
        let (means, variances) = values(&moments).split_at(extent.channels);
        let pairs = means.iter().zip(variances);
        let moments: Vec<_> =
            pairs.map(|(&mean, &variance)| ChannelMoments { mean, variance }).collect();
        let gradients =
            batch_norm::backward(&extent, values(&input), &moments, &norm, values(&gradient));
        (
            tensor(gradients.input, shape),
            tensor(gradients.gamma, [extent.channels]),
            tensor(gradients.beta, [extent.channels]),
        )
    }

    fn rectify(input: CpuTensor) -> CpuTensor {
        let shape = dims::<4>(&input);
        tensor(elementwise::relu(values(&input.to_contiguous())), shape)
    }

    fn rectify_gradient(output: CpuTensor, gradient: CpuTensor) -> CpuTensor {
        let shape = dims::<4>(&output);
        let (output, gradient) = (output.to_contiguous(), gradient.to_contiguous());
        tensor(elementwise::relu_gradient(values(&output), values(&gradient)), shape)
    }

    fn sum_of_two(one: CpuTensor, other: CpuTensor) -> CpuTensor {
        let shape = one.shape().to_vec();
        let (one, other) = (one.to_contiguous(), other.to_contiguous());
        tensor(elementwise::sum(values(&one), values(&other)), shape)
    }

    fn rectified_sum(one: CpuTensor, other: CpuTensor) -> CpuTensor {
        let shape = one.shape().to_vec();
        let (one, other) = (one.to_contiguous(), other.to_contiguous());
        tensor(elementwise::rectified_sum(values(&one), values(&other)), shape)
    }

    fn watched(output: CpuTensor, _: CpuTensor) -> CpuTensor {
        output
    }
}

type Primitive<B> = <B as BackendTypes>::FloatTensorPrimitive;

#[derive(Debug)]
struct Conv2dStep;

impl<B: CpuKernels> Backward<B, 2> for Conv2dStep {
    type State = (Primitive<B>, Primitive<B>, Window);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [input_node, weight_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (input, weight, window) = ops.state;
        if let Some(node) = input_node {
            let (input, weight, gradient) = (input.clone(), weight.clone(), gradient.clone());
            let of_input = B::conv2d_input_gradient(input, weight, gradient, window);
            grads.register::<B>(node.id, of_input);
        }
        if let Some(node) = weight_node {
            let of_weight = B::conv2d_weight_gradient(input, weight, gradient, window);
            grads.register::<B>(node.id, of_weight);
        }
    }
}

#[derive(Debug)]
struct BatchNormStep;

impl<B: CpuKernels> Backward<B, 3> for BatchNormStep {
    /// Input, moments, γ and β, ε, and whether the output is rectified.
    type State = ([Primitive<B>; 4], f32, bool);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let ([input, moments, gamma, beta], epsilon, rectified) = ops.state;
        let (dx, dgamma, dbeta) =
            B::batch_norm_backward(input, moments, gamma, beta, gradient, epsilon, rectified);
        for (node, gradient) in ops.parents.into_iter().zip([dx, dgamma, dbeta]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct ScaleAndShiftStep;

impl<B: CpuKernels> Backward<B, 3> for ScaleAndShiftStep {
    /// The input, where the scale's gradient is asked for, the scale, and the output, where that is
    /// rectified.
    type State = (Option<Primitive<B>>, Primitive<B>, Option<Primitive<B>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [input_node, scale_node, shift_node] = ops.parents;
        let (input, scale, output) = ops.state;
        let mut gradient = grads.consume::<B>(&ops.node);
        if let Some(output) = output {
            gradient = B::rectify_gradient(output, gradient);
        }
        if let Some(node) = input_node {
            grads.register::<B>(node.id, B::scale_channels(gradient.clone(), scale));
        }
        if let (Some(node), Some(input)) = (scale_node, input) {
            grads.register::<B>(node.id, B::channel_products(input, gradient.clone()));
        }
        if let Some(node) = shift_node {
            grads.register::<B>(node.id, B::channel_sums(gradient));
        }
    }
}

#[derive(Debug)]
struct RectifyStep;

impl<B: CpuKernels> Backward<B, 1> for RectifyStep {
    /// The output.
    type State = Primitive<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [input_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(node) = input_node {
            grads.register::<B>(node.id, B::rectify_gradient(ops.state, gradient));
        }
    }
}

#[derive(Debug)]
struct SumStep;

impl<B: CpuKernels> Backward<B, 2> for SumStep {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        for node in ops.parents.into_iter().flatten() {
            grads.register::<B>(node.id, gradient.clone());
        }
    }
}

#[derive(Debug)]
struct RectifiedSumStep;

impl<B: CpuKernels> Backward<B, 2> for RectifiedSumStep {
    /// The output.
    type State = Primitive<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = B::rectify_gradient(ops.state, grads.consume::<B>(&ops.node));
        for node in ops.parents.into_iter().flatten() {
            grads.register::<B>(node.id, gradient.clone());
        }
    }
}

#[derive(Debug)]
struct WatchedStep;

impl<B: CpuKernels> Backward<B, 2> for WatchedStep {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [output_node, squares_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(node) = squares_node {
            let squares = B::channel_products(gradient.clone(), gradient.clone());
            grads.register::<B>(node.id, squares);
        }
        if let Some(node) = output_node {
            grads.register::<B>(node.id, gradient);
        }
    }
}

impl<B: CpuKernels, C: CheckpointStrategy> CpuKernels for Autodiff<B, C> {
    fn conv2d_forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        let output = B::conv2d_forward(input.clone(), weight.clone(), window);
        match Conv2dStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((input, weight, window), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn conv2d_input_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Window,
    ) -> FloatTensor<Self> {
        unreachable!("gradients are computed on the backend that autodiff wraps")
    }

    fn conv2d_weight_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Window,
    ) -> FloatTensor<Self> {
        unreachable!("gradients are computed on the backend that autodiff wraps")
    }

    fn scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        rectified: bool,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), scale.node(), shift.node()];
        let scale_is_tracked = scale.is_tracked();
        let (input, scale, shift) =
            (input.into_primitive(), scale.into_primitive(), shift.into_primitive());
        let output = B::scale_and_shift(input.clone(), scale.clone(), shift, rectified);
        match ScaleAndShiftStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let input = scale_is_tracked.then_some(input);
                prep.finish((input, scale, rectified.then(|| output.clone())), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn scale_channels(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("gradients are computed on the backend that autodiff wraps")
    }

    fn channel_sums(_: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("gradients are computed on the backend that autodiff wraps")
    }

    fn channel_products(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("gradients are computed on the backend that autodiff wraps")
    }

    fn batch_norm_forward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [input.node(), gamma.node(), beta.node()];
        let (input, gamma, beta) =
            (input.into_primitive(), gamma.into_primitive(), beta.into_primitive());
        let (output, moments) =
            B::batch_norm_forward(input.clone(), gamma.clone(), beta.clone(), epsilon, rectified);
        let output = match BatchNormStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let tensors = [input, moments.clone(), gamma, beta];
                prep.finish((tensors, epsilon, rectified), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(output),
        };
        (output, FloatTensor::<Self>::new(moments))
    }

    fn batch_norm_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f32,
        _: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("gradients are computed on the backend that autodiff wraps")
    }

    fn rectify(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = input.node();
        let output = B::rectify(input.into_primitive());
        match RectifyStep.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(output.clone(), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn rectify_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("gradients are computed on the backend that autodiff wraps")
    }

    fn sum_of_two(one: FloatTensor<Self>, other: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [one.node(), other.node()];
        let output = B::sum_of_two(one.into_primitive(), other.into_primitive());
        match SumStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn rectified_sum(one: FloatTensor<Self>, other: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [one.node(), other.node()];
        let output = B::rectified_sum(one.into_primitive(), other.into_primitive());
        match RectifiedSumStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(output.clone(), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn watched(output: FloatTensor<Self>, squares: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [output.node(), squares.node()];
        let output = B::watched(output.into_primitive(), squares.into_primitive());
        match WatchedStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
