//! The two operations that decide how long training takes: convolution and batch normalisation, forward and backward.
//!
//! On a GPU they are burn's own. On the CPU they are ours, because burn-flex converts layouts and tiles each image in
//! turn: on ResNet-20 a training step took 2 to 3 times as long with it (`cargo bench -p rrlab-engine`). The same
//! mathematics either way: `tests/kernels.rs` holds one against the other, gradients included.

mod backend;
mod batch_norm;
mod conv2d;
mod correlate;
mod matmul;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{
    Device, Tensor, TensorData, module,
    ops::{ConvOptions, UnfoldOptions},
};

use backend::CpuKernels;
pub use correlate::Offset;
pub(crate) use matmul::{Into as Write, Matrix, matmul};

/// Stride and zero padding of a square convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between output positions.
    pub stride: usize,
    /// Zeros added on each side.
    pub padding: usize,
}

impl Window {
    /// Output positions along a side of `input` pixels.
    pub fn output_side(self, input: usize) -> usize {
        (input + 2 * self.padding - self.kernel) / self.stride + 1
    }
}

/// Output of a training-mode batch norm with the moments that its running statistics need.
pub struct BatchNormOutput {
    /// The normalised, scaled and shifted input, `[batch, channels, height, width]`.
    pub output: Tensor<4>,
    /// Mean of each channel over batch and positions.
    pub mean: Tensor<1>,
    /// Variance of each channel, divided by the count (not the count less one).
    pub variance: Tensor<1>,
}

/// Whether tensors of this device are computed by the CPU kernels of this module.
fn is_cpu(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(autodiff) => matches!(autodiff.clone().inner(), DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns, reason = "other devices exist only when their features are on")]
        _ => false,
    }
}

/// `input` `[batch, in, h, w]` convolved with `weight` `[out, in, k, k]`.
pub fn conv2d(input: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    if is_cpu(&input.device()) {
        let output = Dispatch::conv2d_forward(
            input.into_dispatch(),
            weight.into_dispatch(),
            window.kernel,
            window.stride,
            window.padding,
        );
        return Tensor::from_dispatch(output);
    }
    conv2d_by_burn(input, weight, window)
}

/// The same by burn's own operation, whatever the device.
pub fn conv2d_by_burn(input: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    let Window { stride, padding, .. } = window;
    let options = ConvOptions::new([stride, stride], [padding, padding], [1, 1], 1);
    module::conv2d(input, weight, None, options)
}

/// Batch normalisation by the statistics of the batch itself, as in training.
pub fn batch_norm(input: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> BatchNormOutput {
    if is_cpu(&input.device()) {
        let (output, mean, variance) = Dispatch::batch_norm_forward(
            input.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            epsilon as f32,
        );
        return BatchNormOutput {
            output: Tensor::from_dispatch(output),
            mean: Tensor::from_dispatch(mean),
            variance: Tensor::from_dispatch(variance),
        };
    }
    batch_norm_by_burn(input, gamma, beta, epsilon)
}

/// The same by burn's own operations, whatever the device.
pub fn batch_norm_by_burn(input: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> BatchNormOutput {
    let [batch, channels, height, width] = input.dims();
    let count = (batch * height * width) as f64;
    let sum = |t: Tensor<4>| t.sum_dim(0).sum_dim(2).sum_dim(3).div_scalar(count);
    let mean = sum(input.clone());
    let centred = input - mean.clone();
    let variance = sum(centred.clone() * centred.clone());
    let scale = gamma.reshape([1, channels, 1, 1]) / variance.clone().add_scalar(epsilon).sqrt();
    BatchNormOutput {
        output: centred * scale + beta.reshape([1, channels, 1, 1]),
        mean: mean.reshape([channels]),
        variance: variance.reshape([channels]),
    }
}

/// Σ over images and pixels of `X[c](y, x)` · `X[c'](y + dy, x + dx)` for each offset (dy, dx), zero outside the image:
/// `[offsets, c', c]`.
pub fn correlate(input: Tensor<4>, offsets: &[Offset]) -> Tensor<3> {
    if is_cpu(&input.device()) {
        let [batch, channels, height, width] = input.dims();
        let planes = correlate::Planes { batch, channels, height, width };
        let device = input.device();
        // A read of the CPU device is a view of its memory: nothing is waited for.
        let data = burn::tensor::read_sync(input.into_data_async()).expect("the CPU device does not fail");
        let values = data.as_slice::<f32>().expect("activations are f32");
        let sums = correlate::correlate(&planes, values, offsets);
        return Tensor::from_data(TensorData::new(sums, [offsets.len(), channels, channels]), &device);
    }
    correlate_by_burn(input, offsets)
}

/// The same by burn's own operations, whatever the device.
pub fn correlate_by_burn(input: Tensor<4>, offsets: &[Offset]) -> Tensor<3> {
    let [batch, channels, height, width] = input.dims();
    let device = input.device();
    let rows_of_channels = |part: Tensor<4>, pixels: usize| part.swap_dims(0, 1).reshape([channels, batch * pixels]);
    let sums = offsets.iter().map(|&(rows, columns)| {
        let (tall, wide) = (height.saturating_sub(rows), width.saturating_sub(columns.unsigned_abs()));
        if tall * wide == 0 {
            return Tensor::zeros([1, channels, channels], &device);
        }
        let (right, left) = (columns.max(0) as usize, (-columns).max(0) as usize);
        let fixed = input.clone().slice([0..batch, 0..channels, 0..tall, left..left + wide]);
        let moved = input.clone().slice([0..batch, 0..channels, rows..rows + tall, right..right + wide]);
        let product = rows_of_channels(moved, tall * wide).matmul(rows_of_channels(fixed, tall * wide).transpose());
        product.reshape([1, channels, channels])
    });
    Tensor::cat(sums.collect(), 0)
}

/// Patches of a convolution's input, `[patch, batch · positions]`, patch entries in the order of the weight's.
pub fn patches(input: Tensor<4>, window: Window) -> Tensor<2> {
    let Window { kernel, stride, padding } = window;
    let [batch, channels, height, width] = input.dims();
    let positions = window.output_side(height) * window.output_side(width);
    let options = UnfoldOptions::new([stride, stride], [padding, padding], [1, 1]);
    let unfolded = module::unfold4d(input, [kernel, kernel], options);
    unfolded.swap_dims(0, 1).reshape([channels * kernel * kernel, batch * positions])
}
