//! Convolution: in Winograd's tiles where they save multiplications ([`super::winograd`]), else as a
//! matrix product with unfolded patches (im2col), a few images at a time so that the patches stay in
//! the cache.

use rrlab_types::{Padding, Window};

use super::elementwise;
use super::matmul::{Matrix, WriteMode, matmul};
use super::unfold::{Input, swap_outer};
use super::winograd::{self, Winograd};
use crate::threads;

/// Output positions that one matrix product covers at least, where the batch has them: wide enough
/// for `gemm` to come to speed on the 4×4 images of deep layers, narrow enough that the patches of
/// 64 channels (576 KiB) stay in the second cache.
const POSITIONS_PER_PRODUCT: usize = 256;
/// Into how many parts the batch is cut for the weight gradient. Fixed, so that sums do not depend
/// on the number of threads, of which no more than so many can share a layer; each part costs the memory of
/// the weight once more.
const GRADIENT_PARTS: usize = winograd::ENTRIES;

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

    /// The convolution that takes the output's gradient to the input's, where it is one: of stride 1,
    /// padded by no more than the kernel reaches.
    fn backwards(&self) -> Option<Self> {
        let Window { kernel, stride, padding, dilation } = self.input.window;
        let [rows, columns] = [0, 1].map(|side| dilation[side] * (kernel[side] - 1));
        let padding = Padding {
            top: rows.checked_sub(padding.top)?,
            left: columns.checked_sub(padding.left)?,
            bottom: rows.checked_sub(padding.bottom)?,
            right: columns.checked_sub(padding.right)?,
        };
        let [height, width] = self.input.places();
        let window = Window { kernel, stride, padding, dilation };
        let (batch, channels) = (self.input.batch, self.out_channels);
        let input = Input { batch, channels, height, width, window };
        let backwards = Self { input, out_channels: self.input.channels, groups: self.groups };
        (stride == [1; 2]).then_some(backwards)
    }

    /// The same in tiles, where that saves multiplications.
    fn in_tiles(&self) -> Option<Winograd> {
        Winograd::of(self.input, self.out_channels, self.groups)
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

/// What becomes of a convolution's output while the cache still holds it: `x·scale + shift` of each
/// channel, then a sum, then 0 in place of what is less. In vectors `V` and images `T` of the device or
/// of the host.
///
/// # Shapes
/// - `scale`, `shift`: `[out]`
/// - `summand`: as the output, `[batch, out, rows, columns]`
#[derive(Debug, Clone)]
pub struct Finish<V, T> {
    /// What each channel is multiplied by.
    pub scale: V,
    /// What is added to each channel after that.
    pub shift: V,
    /// What is added to every number after that.
    pub summand: Option<T>,
    /// Whether 0 takes the place of what is less.
    pub rectified: bool,
}

impl Finish<&[f32], &[f32]> {
    /// Finishes successive images of the output, `[images, out, positions]`, from this one on.
    fn apply(&self, first: usize, positions: usize, output: &mut [f32]) {
        let before = first * self.scale.len() * positions;
        for (index, plane) in output.chunks_mut(positions).enumerate() {
            let channel = index % self.scale.len();
            let (scale, shift) = (self.scale[channel], self.shift[channel]);
            match self.summand {
                Some(summand) => {
                    let summand = &summand[before + index * positions..][..positions];
                    for (value, summand) in plane.iter_mut().zip(summand) {
                        *value = self.rectify(*value * scale + shift + summand);
                    }
                }
                None => plane.iter_mut().for_each(|value| {
                    *value = self.rectify(*value * scale + shift);
                }),
            }
        }
    }

    fn rectify(&self, value: f32) -> f32 {
        if self.rectified { elementwise::rectified(value) } else { value }
    }
}

/// Output of a convolution without bias, finished or as it is.
///
/// # Shapes
/// - `input`: `[batch, in, height, width]`
/// - `weight`: `[out, in / groups, rows, columns]`
/// - output: [`Geometry::output_shape`]
pub fn forward(
    geometry: &Geometry,
    input: &[f32],
    weight: &[f32],
    finish: Option<&Finish<&[f32], &[f32]>>,
) -> Vec<f32> {
    let finish = |first: usize, output: &mut [f32]| {
        if let Some(finish) = finish {
            finish.apply(first, geometry.positions(), output);
        }
    };
    match geometry.in_tiles() {
        Some(winograd) => winograd.forward(input, weight, finish),
        None => forward_by_patches(geometry, input, weight, finish),
    }
}

/// The same by patches; `finish` takes successive images of the output with the first one's index.
fn forward_by_patches(
    geometry: &Geometry,
    input: &[f32],
    weight: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    let at_once = geometry.images_per_product();
    threads::filled_with(
        geometry.input.batch * geometry.output_image(),
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
            finish(index * at_once, out);
        },
    )
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

/// Gradient with respect to the input, in its shape, given that of the output.
///
/// # Shapes
/// - `weight`: `[out, in / groups, rows, columns]`
/// - `gradient`: [`Geometry::output_shape`]
pub fn input_gradient(geometry: &Geometry, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    if let Some(backwards) = geometry.backwards() {
        return forward(&backwards, gradient, &turned(geometry, weight), None);
    }
    let (input_image, output_image) = (geometry.input.image(), geometry.output_image());
    let at_once = geometry.images_per_product();
    threads::filled_with(
        geometry.input.batch * input_image,
        at_once * input_image,
        Scratch::default,
        |scratch, index, input_gradient| {
            let images = input_gradient.len() / input_image;
            let gradient = &gradient[index * at_once * output_image..][..images * output_image];
            let columns = images * geometry.positions();
            let product = by_channel(geometry, gradient, &mut scratch.product);
            let patches = resized(&mut scratch.patches, geometry.input.patch() * columns);
            let groups = geometry.weights(weight).zip(geometry.rows(product, columns));
            let of_group = geometry.input.patch() / geometry.groups * columns;
            for ((weight, gradient), patches) in groups.zip(patches.chunks_mut(of_group)) {
                matmul(weight.transposed(), gradient, patches, WriteMode::Replace);
            }
            geometry.input.fold(images, patches, input_gradient);
        },
    )
}

/// Weights of [`Geometry::backwards`], `[in, out / groups, rows, columns]`: each kernel turned by half,
/// and the channels of each group exchanged.
fn turned(geometry: &Geometry, weight: &[f32]) -> Vec<f32> {
    let area = geometry.input.window.area();
    let [inputs, outputs] =
        [geometry.input.channels, geometry.out_channels].map(|all| all / geometry.groups);
    let of_group = inputs * outputs * area;
    let mut turned = vec![0.0; weight.len()];
    for (weight, turned) in weight.chunks(of_group).zip(turned.chunks_mut(of_group)) {
        for output in 0..outputs {
            for input in 0..inputs {
                let kernel = &weight[(output * inputs + input) * area..][..area];
                let target = &mut turned[(input * outputs + output) * area..][..area];
                target.copy_from_slice(kernel);
                target.reverse();
            }
        }
    }
    turned
}

/// Gradient with respect to the weight: Σ over images and positions of each output channel's
/// gradient times each entry of a patch.
///
/// # Shapes
/// - `input`: `[batch, in, height, width]`
/// - `gradient`: [`Geometry::output_shape`]
/// - output: `[out, patch / groups]`
pub fn weight_gradient(geometry: &Geometry, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    if let Some(winograd) = geometry.in_tiles() {
        return winograd.weight_gradient(input, gradient);
    }
    weight_gradient_by_patches(geometry, input, gradient)
}

fn weight_gradient_by_patches(geometry: &Geometry, input: &[f32], gradient: &[f32]) -> Vec<f32> {
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

/// Adds the weight gradient over a product's images.
fn add_weight_gradient(
    geometry: &Geometry,
    input: &[f32],
    gradient: &[f32],
    scratch: &mut Scratch,
    weight_gradient: &mut [f32],
) {
    let images = input.len() / geometry.input.image();
    let columns = images * geometry.positions();
    let product = by_channel(geometry, gradient, &mut scratch.product);
    let patches = prepared(&mut scratch.patches, &mut scratch.images, geometry, images);
    geometry.input.unfold(images, 0..geometry.input.patch(), input, patches);
    let weights_of_group = weight_gradient.len() / geometry.groups;
    let groups = geometry.rows(product, columns).zip(geometry.rows(patches, columns));
    let weight_gradients = weight_gradient.chunks_mut(weights_of_group);
    for ((output_gradient, patches), weight_gradient) in groups.zip(weight_gradients) {
        matmul(output_gradient, patches.transposed(), weight_gradient, WriteMode::Add);
    }
}

/// The output's gradient over a product's images, `[images, out, positions]`, as rows of a matrix,
/// `[out, images · positions]`.
fn by_channel<'a>(geometry: &Geometry, gradient: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
    let images = gradient.len() / geometry.output_image();
    if images == 1 {
        return gradient;
    }
    let product = resized(buffer, gradient.len());
    swap_outer(geometry.out_channels, geometry.positions(), images, gradient, product);
    product
}

/// Buffers that one thread reuses from product to product.
#[derive(Default)]
struct Scratch {
    patches: Vec<f32>,
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
