//! The operations that decide how long training, evaluation and calibration take: convolution, alone
//! or with what follows it, batch normalisation, rectifiers and sums, forward and backward.
//!
//! On a GPU they are burn's own. On the CPU they are ours, because burn-flex converts layouts and
//! tiles each image in turn: on ResNet-20 a training step took 2 to 3 times as long with it, before
//! Winograd's tiles (`cargo bench -p rrlab-engine --features rayon`). The same mathematics either way:
//! `tests/kernels.rs` holds one against the other, gradients included.

mod backend;
mod batch_norm;
mod conv2d;
mod correlate;
mod elementwise;
mod matmul;
mod patch_sums;
mod planes;
mod spectrum;
mod unfold;
mod winograd;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Dispatch, DispatchDevice, Flex};
use burn::tensor::{
    Device, Gradients, Tensor, TensorData, activation, module,
    ops::{ConvOptions, PadMode, UnfoldOptions},
    s,
};
use rrlab_types::{Padding, Window};

use backend::{CpuKernels, values as values_of};
pub use conv2d::Finish;
pub(crate) use matmul::{Matrix, WriteMode, matmul};
pub use planes::Offset;

/// Output of a training-mode batch norm with the moments that its running statistics need.
pub struct BatchNormOutput {
    /// The normalised, scaled, shifted and perhaps rectified input, `[batch, channels, height, width]`.
    pub output: Tensor<4>,
    /// Mean of each channel over batch and positions.
    pub mean: Tensor<1>,
    /// Variance of each channel, divided by the count (not the count less one).
    pub variance: Tensor<1>,
}

/// Whether tensors of this device are computed by the CPU kernels of this module.
pub(crate) fn is_cpu(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(autodiff) => {
            matches!(autodiff.clone().inner(), DispatchDevice::Flex(_))
        }
        #[allow(
            unreachable_patterns,
            reason = "other devices exist only when their features are on"
        )]
        _ => false,
    }
}

/// A convolution without bias: by the CPU's kernels there, by burn's own operation elsewhere.
///
/// # Shapes
/// - `input`: `[batch, in, height, width]`
/// - `weight`: `[out, in / groups, rows, columns]`, with rows and columns of the window's kernel
/// - output: `[batch, out, output rows, output columns]` ([`Window::places`])
pub fn conv2d(input: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    if is_cpu(&input.device()) {
        let output =
            Dispatch::conv2d_forward(input.into_dispatch(), weight.into_dispatch(), window);
        return Tensor::from_dispatch(output);
    }
    conv2d_by_burn(input, weight, window)
}

/// Whether [`conv2d_finished`] computes on this device: on the CPU, where no gradients are asked for.
/// Elsewhere its nodes are computed one after another.
pub fn finishes(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// A convolution without bias, finished in the pass that computes it; [`finishes`] says where.
///
/// # Shapes
/// - `input`, `weight`, output: as those of [`conv2d()`]
///
/// # Panics
/// On a device where it does not, where gradients would be lost, and if the summand has another shape.
pub fn conv2d_finished(
    input: Tensor<4>,
    weight: Tensor<4>,
    window: Window,
    finish: Finish<Tensor<1>, Tensor<4>>,
) -> Tensor<4> {
    let device = input.device();
    assert!(finishes(&device), "the CPU, and no gradients");
    let (input, weight) = (of_cpu(input), of_cpu(weight));
    let geometry = backend::geometry(&input, &weight, window);
    let shape = geometry.output_shape();
    let summand = finish.summand.map(|summand| {
        assert_eq!(summand.dims(), shape, "a summand of the output");
        of_cpu(summand)
    });
    let (scale, shift) = (of_cpu(finish.scale), of_cpu(finish.shift));
    let finish = Finish {
        scale: values_of(&scale),
        shift: values_of(&shift),
        summand: summand.as_ref().map(values_of),
        rectified: finish.rectified,
    };
    let output = conv2d::forward(&geometry, values_of(&input), values_of(&weight), Some(&finish));
    Tensor::from_data(TensorData::new(output, shape), &device)
}

/// The same by burn's own operation, whatever the device.
pub fn conv2d_by_burn(input: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    let groups = input.dims()[1] / weight.dims()[1];
    let options = ConvOptions::new(window.stride, [0, 0], window.dilation, groups);
    module::conv2d(padded(input, window.padding), weight, None, options)
}

/// The image with zeros around it.
fn padded(input: Tensor<4>, padding: Padding) -> Tensor<4> {
    if padding == Padding::default() {
        return input;
    }
    let Padding { top, left, bottom, right } = padding;
    input.pad([(top, bottom), (left, right)], PadMode::Constant(0.0))
}

/// Batch normalisation by the statistics of the batch itself, as in training, perhaps with a rectifier
/// behind it, which the CPU computes in the same pass.
///
/// # Shapes
/// - `input`: `[batch, channels, height, width]`
/// - `gamma`, `beta`: `[channels]`
pub fn batch_norm(
    input: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    rectified: bool,
) -> BatchNormOutput {
    if is_cpu(&input.device()) {
        let channels = input.dims()[1];
        let (output, moments) = Dispatch::batch_norm_forward(
            input.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            epsilon as f32,
            rectified,
        );
        let moments = Tensor::<2>::from_dispatch(moments);
        let of = |row: usize| moments.clone().slice(s![row]).reshape([channels]);
        return BatchNormOutput {
            output: Tensor::from_dispatch(output),
            mean: of(0),
            variance: of(1),
        };
    }
    batch_norm_by_burn(input, gamma, beta, epsilon, rectified)
}

/// The same by burn's own operations, whatever the device.
pub fn batch_norm_by_burn(
    input: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    rectified: bool,
) -> BatchNormOutput {
    let [batch, channels, height, width] = input.dims();
    let count = (batch * height * width) as f64;
    let channel_means = |t: Tensor<4>| t.sum_dim(0).sum_dim(2).sum_dim(3).div_scalar(count);
    let mean = channel_means(input.clone());
    // Squares of centred values: E[x²] − μ² would lose the variance of channels far from 0 to
    // rounding.
    let centred = input - mean.clone();
    let variance = channel_means(centred.clone() * centred.clone());
    let scale = per_channel(gamma) / variance.clone().add_scalar(epsilon).sqrt();
    BatchNormOutput {
        output: perhaps_rectified(centred * scale + per_channel(beta), rectified),
        mean: mean.reshape([channels]),
        variance: variance.reshape([channels]),
    }
}

fn perhaps_rectified(output: Tensor<4>, rectified: bool) -> Tensor<4> {
    if rectified { activation::relu(output) } else { output }
}

/// Each channel times a number of its own, plus another, perhaps rectified: what follows a norm. On the
/// CPU in one pass over the image.
///
/// # Shapes
/// - `input`, output: `[batch, channels, height, width]`
/// - `scale`, `shift`: `[channels]`
pub fn scale_and_shift(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    rectified: bool,
) -> Tensor<4> {
    if !is_cpu(&input.device()) {
        return scale_and_shift_by_burn(input, scale, shift, rectified);
    }
    let output = Dispatch::scale_and_shift(
        input.into_dispatch(),
        scale.into_dispatch(),
        shift.into_dispatch(),
        rectified,
    );
    Tensor::from_dispatch(output)
}

/// The same by burn's own operations, whatever the device.
pub fn scale_and_shift_by_burn(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    rectified: bool,
) -> Tensor<4> {
    perhaps_rectified(input * per_channel(scale) + per_channel(shift), rectified)
}

/// Each number, or 0 in place of what is less: by the CPU's kernels there, by burn's own operation
/// elsewhere.
pub fn relu(input: Tensor<4>) -> Tensor<4> {
    if !is_cpu(&input.device()) {
        return activation::relu(input);
    }
    Tensor::from_dispatch(Dispatch::rectify(input.into_dispatch()))
}

/// Sum of two tensors, likewise.
///
/// # Panics
/// If they are of different shapes.
pub fn sum<const D: usize>(one: Tensor<D>, other: Tensor<D>) -> Tensor<D> {
    assert_eq!(one.dims(), other.dims(), "a sum of two of one shape");
    if !is_cpu(&one.device()) {
        return one + other;
    }
    Tensor::from_dispatch(Dispatch::sum_of_two(one.into_dispatch(), other.into_dispatch()))
}

/// The same rectified, as [`relu`] does it.
///
/// # Panics
/// If they are of different shapes.
pub fn rectified_sum(one: Tensor<4>, other: Tensor<4>) -> Tensor<4> {
    assert_eq!(one.dims(), other.dims(), "a sum of two of one shape");
    if !is_cpu(&one.device()) {
        return activation::relu(one + other);
    }
    Tensor::from_dispatch(Dispatch::rectified_sum(one.into_dispatch(), other.into_dispatch()))
}

/// Where a backward pass leaves the square of a node's gradient.
pub enum SquaredGradient {
    /// As the gradient of this tensor, `[channels]`.
    Summed(Tensor<1>),
    /// This tensor's gradient is the node's, `[batch, channels, height, width]`.
    Whole(Tensor<4>),
}

impl SquaredGradient {
    /// Σ over batch and positions of its square, `[channels]`, on the device without a record; 0
    /// where nothing depends on the node.
    pub fn sums(&self, gradients: &Gradients) -> Tensor<1> {
        let (sums, channels, device) = match self {
            Self::Summed(leaf) => (leaf.grad(gradients), leaf.dims()[0], leaf.device()),
            Self::Whole(leaf) => {
                let gradient = leaf.grad(gradients);
                let sums = gradient.map(|gradient| channel_products(&gradient, &gradient));
                (sums, leaf.dims()[1], leaf.device())
            }
        };
        sums.unwrap_or_else(|| Tensor::zeros([channels], &device.inner()))
    }
}

/// A node's output on a device that keeps a record for gradients, `[batch, channels, height, width]`,
/// from which the square of its own gradient can be had: without keeping that on the CPU, from a sum
/// with zeros elsewhere.
pub fn watched(output: Tensor<4>) -> (Tensor<4>, SquaredGradient) {
    let device = output.device();
    if !is_cpu(&device) {
        return watched_by_burn(output);
    }
    let leaf = Tensor::<1>::zeros([output.dims()[1]], &device).require_grad();
    let watched = Dispatch::watched(output.into_dispatch(), leaf.clone().into_dispatch());
    (Tensor::from_dispatch(watched), SquaredGradient::Summed(leaf))
}

/// The same by burn's own operations, whatever the device.
pub fn watched_by_burn(output: Tensor<4>) -> (Tensor<4>, SquaredGradient) {
    let leaf = output.zeros_like().require_grad();
    (sum(output, leaf.clone()), SquaredGradient::Whole(leaf))
}

/// A vector of channels, `[channels]`, as `[1, channels, 1, 1]`, which stretches over batch and
/// positions.
pub fn per_channel(values: Tensor<1>) -> Tensor<4> {
    let [channels] = values.dims();
    values.reshape([1, channels, 1, 1])
}

/// Σ over batch and positions of each channel.
///
/// # Shapes
/// - `values`: `[batch, channels, height, width]`
/// - output: `[channels]`
pub fn channel_sums(values: Tensor<4>) -> Tensor<1> {
    if !is_cpu(&values.device()) {
        return channel_sums_by_burn(values);
    }
    let device = values.device();
    of_channels(&Flex::channel_sums(of_cpu(values)), &device)
}

/// The same by burn's own operations, whatever the device.
pub fn channel_sums_by_burn(values: Tensor<4>) -> Tensor<1> {
    let channels = values.dims()[1];
    values.sum_dim(3).sum_dim(2).sum_dim(0).reshape([channels])
}

/// Σ over batch and positions of the products of two images, of each channel.
///
/// # Shapes
/// - `one`, `other`: `[batch, channels, height, width]`
/// - output: `[channels]`
pub fn channel_products(one: &Tensor<4>, other: &Tensor<4>) -> Tensor<1> {
    let device = one.device();
    if !is_cpu(&device) {
        return channel_sums_by_burn(one.clone() * other.clone());
    }
    let [one, other] = [one, other].map(|values| of_cpu(values.clone()));
    of_channels(&Flex::channel_products(one, other), &device)
}

/// A number of each channel, `[channels]`, as a tensor of the device that it was computed for.
fn of_channels(sums: &FloatTensor<Flex>, device: &Device) -> Tensor<1> {
    let sums = values_of(sums).to_vec();
    let channels = [sums.len()];
    Tensor::from_data(TensorData::new(sums, channels), device)
}

/// A tensor of the CPU device, row-major in memory. Its numbers are not copied unless they lie
/// otherwise, as they would be on their way to the host where another tensor shares them.
fn of_cpu<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Flex> {
    let tensor = if tensor.is_autodiff() { tensor.inner() } else { tensor };
    let primitive = tensor.try_into_primitive::<Flex>();
    primitive.expect("callers have asked for its device").to_contiguous()
}

/// Σ over images and pixels of `X[c](y, x)` · `X[c'](y + dy, x + dx)` for each offset (dy, dx),
/// zero outside the image.
///
/// # Shapes
/// - `input`: X, `[batch, channels, height, width]`
/// - output: `[offsets, c', c]`: the shifted channel before the fixed one
pub fn correlate(input: Tensor<4>, offsets: &[Offset]) -> Tensor<3> {
    if is_cpu(&input.device()) {
        let [batch, channels, height, width] = input.dims();
        let planes = planes::Planes { batch, channels, height, width };
        let device = input.device();
        let data = of_cpu(input);
        let sums = correlate::correlate(&planes, values_of(&data), offsets);
        return Tensor::from_data(
            TensorData::new(sums, [offsets.len(), channels, channels]),
            &device,
        );
    }
    correlate_by_burn(input, offsets)
}

/// The same by burn's own operations, whatever the device.
pub fn correlate_by_burn(input: Tensor<4>, offsets: &[Offset]) -> Tensor<3> {
    let [batch, channels, height, width] = input.dims();
    let device = input.device();
    let mut sums = Vec::new();
    for &(rows, columns) in offsets {
        // Where the image and its shifted self overlap: outside, one of the factors is 0.
        let tall = height.saturating_sub(rows);
        let wide = width.saturating_sub(columns.unsigned_abs());
        if tall * wide == 0 {
            sums.push(Tensor::zeros([1, channels, channels], &device));
            continue;
        }
        let (right, left) = (columns.max(0) as usize, (-columns).max(0) as usize);
        let overlap = |top: usize, left: usize| {
            let part =
                input.clone().slice([0..batch, 0..channels, top..top + tall, left..left + wide]);
            part.swap_dims(0, 1).reshape([channels, batch * tall * wide])
        };
        let product = overlap(rows, right).matmul(overlap(0, left).transpose());
        sums.push(product.reshape([1, channels, channels]));
    }
    Tensor::cat(sums, 0)
}

/// Second moments of a convolution's input patches, not yet divided by their count: for each group
/// of channels Σ p pᵀ over images and positions, and Σ p.
///
/// # Shapes
/// - `input`: `[batch, channels, height, width]`
/// - output: `[groups · patch² + groups · patch]`, flat, where a patch has
///   `channels / groups · rows · columns` entries, in the order of the weight's: channel, row,
///   column
pub fn patch_sums(input: Tensor<4>, window: Window, groups: usize) -> Tensor<1> {
    if !is_cpu(&input.device()) {
        return patch_sums_by_burn(input, window, groups);
    }
    let [batch, channels, height, width] = input.dims();
    let geometry = unfold::Input { batch, channels, height, width, window };
    let device = input.device();
    let data = of_cpu(input);
    let sums = patch_sums::patch_sums(&geometry, groups, values_of(&data));
    let count = sums.len();
    Tensor::from_data(TensorData::new(sums, [count]), &device)
}

/// The same by burn's own operations, whatever the device.
pub fn patch_sums_by_burn(input: Tensor<4>, window: Window, groups: usize) -> Tensor<1> {
    let [batch, channels, height, width] = input.dims();
    let patch = channels / groups * window.area();
    let positions: usize = places(window, [height, width]).iter().product();
    let at_once = (unfold::PATCH_VALUES / (groups * patch * positions)).max(1);
    let mut sums: Option<Tensor<1>> = None;
    for first in (0..batch).step_by(at_once) {
        let images = at_once.min(batch - first);
        // Each group's channels as an image of its own.
        let grouped = input.clone().narrow(0, first, images).reshape([
            images * groups,
            channels / groups,
            height,
            width,
        ]);
        let patches = patches(grouped, window)
            .reshape([patch, images, groups, positions])
            .permute([2, 0, 1, 3])
            .reshape([groups, patch, images * positions]);
        let products = patches.clone().matmul(patches.clone().transpose());
        let firsts = patches.sum_dim(2);
        let part = Tensor::cat(vec![products.flatten(0, 2), firsts.flatten(0, 2)], 0);
        sums = Some(match sums {
            Some(sums) => sums + part,
            None => part,
        });
    }
    sums.unwrap_or_else(|| Tensor::zeros([groups * patch * (patch + 1)], &input.device()))
}

/// Places of a window in an image of this many rows and columns.
///
/// # Panics
/// If the window is larger than the padded image: a graph has no such convolution.
fn places(window: Window, image: [usize; 2]) -> [usize; 2] {
    window.places(image).expect("a graph's windows fit their images")
}

/// Patches of a convolution's input.
///
/// # Shapes
/// - `input`: `[batch, channels, height, width]`
/// - output: `[channels · rows · columns, batch · positions]`; entries of a patch in the order of
///   the weight's: channel, row, column
pub fn patches(input: Tensor<4>, window: Window) -> Tensor<2> {
    let [batch, channels, height, width] = input.dims();
    let positions: usize = places(window, [height, width]).iter().product();
    let options = UnfoldOptions::new(window.stride, [0, 0], window.dilation);
    let unfolded = module::unfold4d(padded(input, window.padding), window.kernel, options);
    unfolded.swap_dims(0, 1).reshape([channels * window.area(), batch * positions])
}

/// Σ over images and positions of each output channel times each entry of the patch that it is
/// computed from.
///
/// # Shapes
/// - `input`: `[batch, in, height, width]`
/// - `output`: `[batch, out, output height, output width]` ([`Window::places`])
/// - result: `[out, in / groups · rows · columns]`, entries of a patch in the order of the weight's
pub fn patch_products(
    input: Tensor<4>,
    output: Tensor<4>,
    window: Window,
    groups: usize,
) -> Tensor<2> {
    let device = input.device();
    if !is_cpu(&device) {
        return patch_products_by_burn(input, output, window, groups);
    }
    let [batch, channels, height, width] = input.dims();
    let out_channels = output.dims()[1];
    let of_input = unfold::Input { batch, channels, height, width, window };
    let geometry = conv2d::Geometry { input: of_input, out_channels, groups };
    assert_eq!(geometry.output_shape(), output.dims(), "an output of this input");
    let data = [input, output].map(of_cpu);
    let [input, output] = data.each_ref().map(values_of);
    let sums = conv2d::weight_gradient(&geometry, input, output);
    let patch = channels / groups * window.area();
    Tensor::from_data(TensorData::new(sums, [out_channels, patch]), &device)
}

/// The same by burn's own operations, whatever the device: a product for each position of the
/// kernel, since the patches of a batch would fill more than one buffer of a browser's GPU.
pub fn patch_products_by_burn(
    input: Tensor<4>,
    output: Tensor<4>,
    window: Window,
    groups: usize,
) -> Tensor<2> {
    let (input, output) = (padded(input, window.padding).chunk(groups, 1), output.chunk(groups, 1));
    let groups = input.into_iter().zip(output);
    Tensor::cat(groups.map(|(input, output)| products_of_group(input, output, window)).collect(), 0)
}

/// [`patch_products_by_burn`] of one group of channels, whose input is padded already.
fn products_of_group(padded: Tensor<4>, output: Tensor<4>, window: Window) -> Tensor<2> {
    let Window { kernel: [kernel_rows, kernel_columns], stride, dilation, .. } = window;
    let [batch, in_channels, ..] = padded.dims();
    let [_, out_channels, height, width] = output.dims();
    let matrix = |part: Tensor<4>| {
        let channels = part.dims()[1];
        part.swap_dims(0, 1).reshape([channels, batch * height * width])
    };
    // Pixels along one side that a place of the kernel reads at every position.
    let read = |place: usize, side: usize, positions: usize| {
        let first = place * dilation[side];
        first..first + stride[side] * (positions - 1) + 1
    };
    let [row_stride, column_stride] = stride;
    let output = matrix(output);
    let mut products = Vec::new();
    for row in 0..kernel_rows {
        for column in 0..kernel_columns {
            let (rows, columns) = (read(row, 0, height), read(column, 1, width));
            let pixels = padded.clone().slice(s![.., .., rows;row_stride, columns;column_stride]);
            let product = output.clone().matmul(matrix(pixels).transpose());
            products.push(product.reshape([out_channels, in_channels, 1]));
        }
    }
    Tensor::cat(products, 2).reshape([out_channels, in_channels * window.area()])
}
