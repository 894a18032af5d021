//! Convolution as a matrix product with unfolded patches (im2col), a few images at a time so that
//! the patches stay in the cache.

use super::matmul::{Matrix, WriteMode, matmul};
use super::unfold::Input;
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
    pub input: Input,
    pub out_channels: usize,
    /// Parts of the channels that do not mix.
    pub groups: usize,
}

impl Geometry {
    /// Shape of the output.
    pub fn output_shape(&self) -> [usize; 4] {
        let [rows, columns] = self.input.places();
        [self.input.batch, self.out_channels, rows, columns]
    }

    fn positions(&self) -> usize {
        self.input.positions()
    }

    fn output_image(&self) -> usize {
        self.out_channels * self.positions()
    }

    fn images_per_product(&self) -> usize {
        POSITIONS_PER_PRODUCT.div_ceil(self.positions()).min(self.input.batch)
    }

    /// Weights of each group, `[out / groups, patch / groups]`.
    fn weights<'a>(&self, weight: &'a [f32]) -> impl Iterator<Item = Matrix<'a, f32>> + use<'a> {
        let rows = self.out_channels / self.groups;
        let patch = self.input.patch() / self.groups;
        weight.chunks(rows * patch).map(move |group| Matrix::new(group, rows, patch))
    }

    /// Rows of each group of a matrix over all channels or all patch entries, `[rows / groups,
    /// columns]`.
    fn rows<'a>(
        &self,
        matrix: &'a [f32],
        columns: usize,
    ) -> impl Iterator<Item = Matrix<'a, f32>> + use<'a> {
        let rows = matrix.len() / columns / self.groups;
        matrix.chunks(rows * columns).map(move |group| Matrix::new(group, rows, columns))
    }
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
/// - `weight`: `[out, in / groups, rows, columns]`
/// - output: [`Geometry::output_shape`]
pub fn forward(geometry: &Geometry, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let mut output = vec![0.0; geometry.input.batch * geometry.output_image()];
    let at_once = geometry.images_per_product();
    threads::for_each_chunk_with(
        &mut output,
        at_once * geometry.output_image(),
        Scratch::default,
        |scratch, index, out| {
            let images = out.len() / geometry.output_image();
            let first = index * at_once * geometry.input.image();
            let input = &input[first..][..images * geometry.input.image()];
            let patches = prepared(&mut scratch.patches, &mut scratch.images, geometry, images);
            geometry.input.unfold(images, 0..geometry.input.patch(), input, patches);
            // Rows of the product are channels over all images: of one image they are its output
            // already.
            if images == 1 {
                multiply(geometry, weight, patches, out);
            } else {
                let product = resized(&mut scratch.product, out.len());
                multiply(geometry, weight, patches, product);
                swap_outer(images, geometry.positions(), geometry.out_channels, product, out);
            }
        },
    );
    output
}

/// Weights times patches, group by group: `[out, columns]`.
fn multiply(geometry: &Geometry, weight: &[f32], patches: &[f32], product: &mut [f32]) {
    let columns = patches.len() / geometry.input.patch();
    let out = geometry.out_channels / geometry.groups * columns;
    let groups = geometry.weights(weight).zip(geometry.rows(patches, columns));
    for ((weight, patches), product) in groups.zip(product.chunks_mut(out)) {
        matmul(weight, patches, product, WriteMode::Replace);
    }
}

/// Gradients with respect to input and weight, in their shapes, given that of the output.
pub fn backward(
    geometry: &Geometry,
    input: &[f32],
    weight: &[f32],
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let mut input_gradient = vec![0.0; input.len()];
    let images_per_part = geometry.input.batch.div_ceil(GRADIENT_PARTS);
    let parts = geometry.input.batch.div_ceil(images_per_part);
    let mut weight_gradients = vec![vec![0.0; weight.len()]; parts];
    let (input_image, output_image) = (geometry.input.image(), geometry.output_image());
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
/// - output: `[out, patch / groups]`
pub fn weight_gradient(geometry: &Geometry, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let batch = geometry.input.batch;
    let images_per_part = batch.div_ceil(GRADIENT_PARTS);
    let at_once = geometry.images_per_product();
    let (input_image, output_image) = (geometry.input.image(), geometry.output_image());
    sum_of(threads::map_range(batch.div_ceil(images_per_part), |part| {
        let mut sums = vec![0.0; geometry.out_channels * geometry.input.patch() / geometry.groups];
        let mut scratch = Scratch::default();
        let images = part * images_per_part..((part + 1) * images_per_part).min(batch);
        let inputs = input[images.start * input_image..images.end * input_image]
            .chunks(at_once * input_image);
        let gradients = gradient[images.start * output_image..images.end * output_image]
            .chunks(at_once * output_image);
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
    let images = input.len() / geometry.input.image();
    let columns = images * geometry.positions();
    let product = resized(&mut scratch.product, gradient.len());
    swap_outer(geometry.out_channels, geometry.positions(), images, gradient, product);
    let patches = prepared(&mut scratch.patches, &mut scratch.images, geometry, images);
    geometry.input.unfold(images, 0..geometry.input.patch(), input, patches);
    let weights_of_group = weight_gradient.len() / geometry.groups;
    let groups = geometry.rows(product, columns).zip(geometry.rows(patches, columns));
    let weight_gradients = weight_gradient.chunks_mut(weights_of_group);
    for ((output_gradient, patches), weight_gradient) in groups.zip(weight_gradients) {
        matmul(output_gradient, patches.transposed(), weight_gradient, WriteMode::Add);
    }
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
    let at_once = geometry.images_per_product();
    let inputs = input.chunks(at_once * geometry.input.image());
    let gradients = gradient.chunks(at_once * geometry.output_image());
    let input_gradients = input_gradient.chunks_mut(at_once * geometry.input.image());
    let patch_of_group = geometry.input.patch() / geometry.groups;
    for ((input, gradient), input_gradient) in inputs.zip(gradients).zip(input_gradients) {
        add_weight_gradient(geometry, input, gradient, &mut scratch, weight_gradient);
        let images = input.len() / geometry.input.image();
        let columns = images * geometry.positions();

        let patch_gradients =
            resized(&mut scratch.patch_gradients, geometry.input.patch() * columns);
        let groups = geometry.weights(weight).zip(geometry.rows(&scratch.product, columns));
        let of_groups = patch_gradients.chunks_mut(patch_of_group * columns);
        for ((weight, output_gradient), patch_gradients) in groups.zip(of_groups) {
            matmul(weight.transposed(), output_gradient, patch_gradients, WriteMode::Replace);
        }
        geometry.input.fold(images, patch_gradients, input_gradient);
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
        buffer.resize(geometry.input.patch() * images * geometry.positions(), 0.0);
        *held = images;
    }
    buffer
}

fn resized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    &mut buffer[..length]
}
