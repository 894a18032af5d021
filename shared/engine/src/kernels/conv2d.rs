//! Convolution as a matrix product with unfolded patches (im2col), a few images at a time so that the patches stay
//! in the cache.

use super::Window;
use super::matmul::{Into, Matrix, matmul};
use crate::threads;

/// Output positions that one matrix product covers at least, where the batch has them.
const POSITIONS_PER_PRODUCT: usize = 256;
/// Into how many parts the batch is cut for the weight gradient. Fixed, so that sums do not depend on threads.
const GRADIENT_PARTS: usize = 8;

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub in_height: usize,
    pub in_width: usize,
    pub window: Window,
}

impl Geometry {
    fn out_height(&self) -> usize {
        self.window.output_side(self.in_height)
    }

    fn out_width(&self) -> usize {
        self.window.output_side(self.in_width)
    }

    /// Shape of the output.
    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.out_channels, self.out_height(), self.out_width()]
    }

    fn positions(&self) -> usize {
        self.out_height() * self.out_width()
    }

    fn input_image(&self) -> usize {
        self.in_channels * self.in_height * self.in_width
    }

    fn output_image(&self) -> usize {
        self.out_channels * self.positions()
    }

    fn patch(&self) -> usize {
        self.in_channels * self.window.kernel * self.window.kernel
    }

    fn images_per_product(&self) -> usize {
        POSITIONS_PER_PRODUCT.div_ceil(self.positions()).min(self.batch)
    }
}

/// Where the patches of one kernel offset lie: output columns `columns` read input column
/// `column · stride + offset − padding`.
fn valid_range(outputs: usize, inputs: usize, offset: usize, window: Window) -> std::ops::Range<usize> {
    let Window { stride, padding, .. } = window;
    let first = padding.saturating_sub(offset).div_ceil(stride);
    let last = (inputs + padding).saturating_sub(offset).div_ceil(stride).min(outputs);
    first.min(last)..last
}

/// Calls `copy(patch row start, image start, length)` for each run of pixels that a patch matrix shares with `images`
/// images. Everything it does not visit is padding.
fn for_each_run(geometry: &Geometry, images: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let (window, out_width, positions) = (geometry.window, geometry.out_width(), geometry.positions());
    let pitch = images * positions;
    for image in 0..images {
        for row in 0..geometry.patch() {
            let (channel, offset) = (row / (window.kernel * window.kernel), row % (window.kernel * window.kernel));
            let (row_offset, column_offset) = (offset / window.kernel, offset % window.kernel);
            let columns = valid_range(out_width, geometry.in_width, column_offset, window);
            if columns.is_empty() {
                continue;
            }
            for y in valid_range(geometry.out_height(), geometry.in_height, row_offset, window) {
                let input_row = y * window.stride + row_offset - window.padding;
                let input_column = columns.start * window.stride + column_offset - window.padding;
                let plane = image * geometry.in_channels + channel;
                let source = (plane * geometry.in_height + input_row) * geometry.in_width + input_column;
                let target = row * pitch + image * positions + y * out_width + columns.start;
                visit(target, source, columns.len());
            }
        }
    }
}

/// Patches of `images` images as a matrix `[patch, images · positions]`; `patches` holds zeros where padding is.
fn unfold(geometry: &Geometry, input: &[f32], images: usize, patches: &mut [f32]) {
    let stride = geometry.window.stride;
    for_each_run(geometry, images, |target, source, length| {
        let target = &mut patches[target..target + length];
        if stride == 1 {
            target.copy_from_slice(&input[source..source + length]);
        } else {
            let pixels = input[source..].iter().step_by(stride);
            target.iter_mut().zip(pixels).for_each(|(to, from)| *to = *from);
        }
    });
}

/// The transpose of [`unfold`]: adds each patch entry to the pixel that it came from.
fn fold(geometry: &Geometry, patches: &[f32], images: usize, input: &mut [f32]) {
    let stride = geometry.window.stride;
    for_each_run(geometry, images, |target, source, length| {
        let values = &patches[target..target + length];
        let pixels = input[source..].iter_mut().step_by(stride);
        pixels.zip(values).for_each(|(to, from)| *to += *from);
    });
}

/// Rows of `[channels, images · positions]` from `images` images of `[channels, positions]`, or back.
fn gather_channels(channels: usize, positions: usize, images: usize, from: &[f32], to: &mut [f32]) {
    for image in 0..images {
        for channel in 0..channels {
            let source = (image * channels + channel) * positions;
            let target = (channel * images + image) * positions;
            to[target..target + positions].copy_from_slice(&from[source..source + positions]);
        }
    }
}

/// `input` `[batch, in, h, w]` convolved with `weight` `[out, in · k · k]`.
pub fn forward(geometry: &Geometry, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let mut output = vec![0.0; geometry.batch * geometry.output_image()];
    let group = geometry.images_per_product();
    threads::for_each_chunk_with(
        &mut output,
        group * geometry.output_image(),
        Scratch::default,
        |scratch, index, out| {
            let images = out.len() / geometry.output_image();
            let input = &input[index * group * geometry.input_image()..][..images * geometry.input_image()];
            let columns = images * geometry.positions();
            let patches = prepared(&mut scratch.patches, &mut scratch.images, geometry, images);
            unfold(geometry, input, images, patches);
            let (left, right) = (
                Matrix::new(weight, geometry.out_channels, geometry.patch()),
                Matrix::new(patches, geometry.patch(), columns),
            );
            if images == 1 {
                matmul(left, right, out, Into::Replace);
            } else {
                let product = resized(&mut scratch.product, out.len());
                matmul(left, right, product, Into::Replace);
                gather_channels(images, geometry.positions(), geometry.out_channels, product, out);
            }
        },
    );
    output
}

/// Gradients with respect to input and weight, given that of the output.
pub fn backward(geometry: &Geometry, input: &[f32], weight: &[f32], gradient: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut input_gradient = vec![0.0; input.len()];
    let images_per_part = geometry.batch.div_ceil(GRADIENT_PARTS);
    let parts = geometry.batch.div_ceil(images_per_part);
    let mut weight_gradients = vec![vec![0.0; weight.len()]; parts];
    let work = input_gradient.chunks_mut(images_per_part * geometry.input_image()).zip(&mut weight_gradients);
    threads::for_each(work.enumerate().collect(), |(part, (input_gradient, weight_gradient))| {
        let first = part * images_per_part;
        let images = input_gradient.len() / geometry.input_image();
        let input = &input[first * geometry.input_image()..][..images * geometry.input_image()];
        let gradient = &gradient[first * geometry.output_image()..][..images * geometry.output_image()];
        backward_part(geometry, input, weight, gradient, input_gradient, weight_gradient);
    });
    let mut weight_gradient = weight_gradients.swap_remove(0);
    // `swap_remove` put the last part first; the order is fixed, which is all that reproducibility asks.
    for part in &weight_gradients[..parts - 1] {
        weight_gradient.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    (input_gradient, weight_gradient)
}

fn backward_part(
    geometry: &Geometry,
    input: &[f32],
    weight: &[f32],
    gradient: &[f32],
    input_gradient: &mut [f32],
    weight_gradient: &mut [f32],
) {
    let mut scratch = Scratch::default();
    let group = geometry.images_per_product();
    let inputs = input.chunks(group * geometry.input_image());
    let gradients = gradient.chunks(group * geometry.output_image());
    let input_gradients = input_gradient.chunks_mut(group * geometry.input_image());
    for ((input, gradient), input_gradient) in inputs.zip(gradients).zip(input_gradients) {
        let images = input.len() / geometry.input_image();
        let columns = images * geometry.positions();
        let product = resized(&mut scratch.product, gradient.len());
        gather_channels(geometry.out_channels, geometry.positions(), images, gradient, product);
        let output_gradient = Matrix::new(product, geometry.out_channels, columns);

        let patches = prepared(&mut scratch.patches, &mut scratch.images, geometry, images);
        unfold(geometry, input, images, patches);
        let transposed = Matrix::new(patches, geometry.patch(), columns).transposed();
        matmul(output_gradient, transposed, weight_gradient, Into::Add);

        let weight = Matrix::new(weight, geometry.out_channels, geometry.patch()).transposed();
        let patch_gradients = resized(&mut scratch.patch_gradients, geometry.patch() * columns);
        matmul(weight, output_gradient, patch_gradients, Into::Replace);
        fold(geometry, patch_gradients, images, input_gradient);
    }
}

/// Buffers that one thread reuses from product to product.
#[derive(Default)]
struct Scratch {
    patches: Vec<f32>,
    patch_gradients: Vec<f32>,
    product: Vec<f32>,
    images: usize,
}

/// A buffer for patches whose padding is zero: cleared when the number of images changes, since padding then moves.
fn prepared<'a>(buffer: &'a mut Vec<f32>, held: &mut usize, geometry: &Geometry, images: usize) -> &'a mut [f32] {
    if *held != images {
        buffer.clear();
        buffer.resize(geometry.patch() * images * geometry.positions(), 0.0);
        *held = images;
    }
    buffer
}

fn resized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    &mut buffer[..length]
}
