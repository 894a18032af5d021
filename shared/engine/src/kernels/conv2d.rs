//! Convolution as a matrix product with unfolded patches (im2col), a few images at a time so that
//! the patches stay in the cache.

use super::matmul::{Matrix, WriteMode, matmul};
use super::window::Window;
use crate::threads;

/// Output positions that one matrix product covers at least, where the batch has them: wide enough
/// for `gemm` to come to speed on the 4×4 images of deep layers, narrow enough that the patches of
/// 64 channels (576 KiB) stay in the second cache.
const POSITIONS_PER_PRODUCT: usize = 256;
/// Into how many parts the batch is cut for the weight gradient. Fixed, so that sums do not depend
/// on the number of threads; each part costs the memory of the weight once more.
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
fn valid_range(
    outputs: usize,
    inputs: usize,
    offset: usize,
    window: Window,
) -> std::ops::Range<usize> {
    let Window { stride, padding, .. } = window;
    let first = padding.saturating_sub(offset).div_ceil(stride);
    let last = (inputs + padding).saturating_sub(offset).div_ceil(stride).min(outputs);
    first.min(last)..last
}

/// Calls `visit(index into the patches, index into the images, length)` for each run of pixels that
/// a patch matrix shares with `images` images. Everything it does not visit is padding.
fn for_each_run(geometry: &Geometry, images: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let (window, out_width, positions) =
        (geometry.window, geometry.out_width(), geometry.positions());
    let pitch = images * positions;
    for image in 0..images {
        for row in 0..geometry.patch() {
            let area = window.kernel * window.kernel;
            let (channel, offset) = (row / area, row % area);
            let (row_offset, column_offset) = (offset / window.kernel, offset % window.kernel);
            let columns = valid_range(out_width, geometry.in_width, column_offset, window);
            if columns.is_empty() {
                continue;
            }
            for y in valid_range(geometry.out_height(), geometry.in_height, row_offset, window) {
                let input_row = y * window.stride + row_offset - window.padding;
                let input_column = columns.start * window.stride + column_offset - window.padding;
                let plane = image * geometry.in_channels + channel;
                let source =
                    (plane * geometry.in_height + input_row) * geometry.in_width + input_column;
                let target = row * pitch + image * positions + y * out_width + columns.start;
                visit(target, source, columns.len());
            }
        }
    }
}

/// Patches of `images` images as a matrix `[patch, images · positions]`; `patches` holds zeros
/// where padding is.
fn unfold(geometry: &Geometry, input: &[f32], images: usize, patches: &mut [f32]) {
    let stride = geometry.window.stride;
    for_each_run(geometry, images, |target, source, length| {
        let target = &mut patches[target..target + length];
        if stride == 1 {
            target.copy_from_slice(&input[source..source + length]);
        } else {
            let pixels = input[source..].iter().step_by(stride);
            for (to, from) in target.iter_mut().zip(pixels) {
                *to = *from;
            }
        }
    });
}

/// The transpose of [`unfold`]: adds each patch entry to the pixel that it came from.
fn fold(geometry: &Geometry, patches: &[f32], images: usize, input: &mut [f32]) {
    let stride = geometry.window.stride;
    for_each_run(geometry, images, |target, source, length| {
        let values = &patches[target..target + length];
        let pixels = input[source..].iter_mut().step_by(stride);
        for (to, from) in pixels.zip(values) {
            *to += *from;
        }
    });
}

/// `[inner, outer, positions]` from `[outer, inner, positions]`. With images outside and channels
/// inside it makes the rows of a matrix product, the other way round images of a product's rows.
fn swap_outer(inner: usize, positions: usize, outer: usize, from: &[f32], to: &mut [f32]) {
    for at_outer in 0..outer {
        for at_inner in 0..inner {
            let source = (at_outer * inner + at_inner) * positions;
            let target = (at_inner * outer + at_outer) * positions;
            to[target..target + positions].copy_from_slice(&from[source..source + positions]);
        }
    }
}

/// Output of a convolution without bias.
///
/// # Shapes
/// - `input`: `[batch, in, height, width]`
/// - `weight`: `[out, in, kernel, kernel]`
/// - output: [`Geometry::output_shape`]
pub fn forward(geometry: &Geometry, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let mut output = vec![0.0; geometry.batch * geometry.output_image()];
    let group = geometry.images_per_product();
    threads::for_each_chunk_with(
        &mut output,
        group * geometry.output_image(),
        Scratch::default,
        |scratch, index, out| {
            let images = out.len() / geometry.output_image();
            let first = index * group * geometry.input_image();
            let input = &input[first..][..images * geometry.input_image()];
            let columns = images * geometry.positions();
            let patches = prepared(&mut scratch.patches, &mut scratch.images, geometry, images);
            unfold(geometry, input, images, patches);
            let left = Matrix::new(weight, geometry.out_channels, geometry.patch());
            let right = Matrix::new(patches, geometry.patch(), columns);
            // Rows of the product are channels over all images: of one image they are its output
            // already.
            if images == 1 {
                matmul(left, right, out, WriteMode::Replace);
            } else {
                let product = resized(&mut scratch.product, out.len());
                matmul(left, right, product, WriteMode::Replace);
                swap_outer(images, geometry.positions(), geometry.out_channels, product, out);
            }
        },
    );
    output
}

/// Gradients with respect to input and weight, in their shapes, given that of the output.
pub fn backward(
    geometry: &Geometry,
    input: &[f32],
    weight: &[f32],
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let mut input_gradient = vec![0.0; input.len()];
    let images_per_part = geometry.batch.div_ceil(GRADIENT_PARTS);
    let parts = geometry.batch.div_ceil(images_per_part);
    let mut weight_gradients = vec![vec![0.0; weight.len()]; parts];
    let (input_image, output_image) = (geometry.input_image(), geometry.output_image());
    let input_gradients = input_gradient.chunks_mut(images_per_part * input_image);
    let work = input_gradients.zip(&mut weight_gradients).enumerate().collect();
    threads::for_each(work, |(part, (input_gradient, weight_gradient))| {
        let first = part * images_per_part;
        let images = input_gradient.len() / input_image;
        let input = &input[first * input_image..][..images * input_image];
        let gradient = &gradient[first * output_image..][..images * output_image];
        backward_part(geometry, input, weight, gradient, input_gradient, weight_gradient);
    });
    (input_gradient, sum_of(weight_gradients))
}

/// The second of these gradients alone: Σ over images and positions of each output channel's
/// gradient times each entry of a patch.
///
/// # Shapes
/// - `gradient`: [`Geometry::output_shape`]
/// - output: `[out, patch]`
pub fn weight_gradient(geometry: &Geometry, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let images_per_part = geometry.batch.div_ceil(GRADIENT_PARTS);
    let parts = geometry.batch.div_ceil(images_per_part);
    let group = geometry.images_per_product();
    let (input_image, output_image) = (geometry.input_image(), geometry.output_image());
    sum_of(threads::map_range(parts, |part| {
        let mut sums = vec![0.0; geometry.out_channels * geometry.patch()];
        let mut scratch = Scratch::default();
        let images = part * images_per_part..((part + 1) * images_per_part).min(geometry.batch);
        let inputs =
            input[images.start * input_image..images.end * input_image].chunks(group * input_image);
        let gradients = gradient[images.start * output_image..images.end * output_image]
            .chunks(group * output_image);
        for (input, gradient) in inputs.zip(gradients) {
            add_weight_gradient(geometry, input, gradient, &mut scratch, &mut sums);
        }
        sums
    }))
}

/// The sum of the parts' weight gradients, of which there is at least one.
fn sum_of(mut parts: Vec<Vec<f32>>) -> Vec<f32> {
    // `swap_remove` puts the last part first; the order is fixed, which is all that reproducibility
    // asks.
    let mut sum = parts.swap_remove(0);
    for part in &parts {
        for (sum, value) in sum.iter_mut().zip(part) {
            *sum += value;
        }
    }
    sum
}

/// Adds the weight gradient over a product's images; leaves the output's gradient in
/// `scratch.product` as `[out, images · positions]`.
fn add_weight_gradient(
    geometry: &Geometry,
    input: &[f32],
    gradient: &[f32],
    scratch: &mut Scratch,
    weight_gradient: &mut [f32],
) {
    let images = input.len() / geometry.input_image();
    let columns = images * geometry.positions();
    let product = resized(&mut scratch.product, gradient.len());
    swap_outer(geometry.out_channels, geometry.positions(), images, gradient, product);
    let output_gradient = Matrix::new(product, geometry.out_channels, columns);
    let patches = prepared(&mut scratch.patches, &mut scratch.images, geometry, images);
    unfold(geometry, input, images, patches);
    let transposed = Matrix::new(patches, geometry.patch(), columns).transposed();
    matmul(output_gradient, transposed, weight_gradient, WriteMode::Add);
}

/// Both gradients over one part of the batch; the weight's is added to what `weight_gradient`
/// holds.
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
        add_weight_gradient(geometry, input, gradient, &mut scratch, weight_gradient);
        let images = input.len() / geometry.input_image();
        let columns = images * geometry.positions();
        let output_gradient = Matrix::new(&scratch.product, geometry.out_channels, columns);

        let weight = Matrix::new(weight, geometry.out_channels, geometry.patch()).transposed();
        let patch_gradients = resized(&mut scratch.patch_gradients, geometry.patch() * columns);
        matmul(weight, output_gradient, patch_gradients, WriteMode::Replace);
        fold(geometry, patch_gradients, images, input_gradient);
    }
}

/// Buffers that one thread reuses from product to product.
#[derive(Default)]
struct Scratch {
    patches: Vec<f32>,
    patch_gradients: Vec<f32>,
    product: Vec<f32>,
    /// Images that `patches` is laid out for; 0 before the first.
    images: usize,
}

/// A buffer for patches whose padding is zero: cleared when the number of images changes, since
/// padding then moves.
fn prepared<'a>(
    buffer: &'a mut Vec<f32>,
    held: &mut usize,
    geometry: &Geometry,
    images: usize,
) -> &'a mut [f32] {
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
