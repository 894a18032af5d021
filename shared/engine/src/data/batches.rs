//! From images of a data set to a batch on the device: choice, augmentation, normalisation.

use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::index;
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rrlab_types::{FeatureShape, LayerGraph};

use super::images::{ImageSet, MAX_PIXEL, Normalization};
use crate::threads;

/// Most images that evaluation, calibration and repair compute at once: enough to keep a GPU busy.
pub const EVALUATION_BATCH: usize = 128;
/// Bytes that the widest activation of a batch may take. WebGPU lets one buffer have 128 MiB, and
/// several of them are held at once.
const WIDEST_ACTIVATION: usize = 64 << 20;
/// Values that a pixel of a colour can have.
const PIXEL_VALUES: usize = 1 << u8::BITS;
/// Pixels by which a training image may shift each way: the customary pad-and-crop of CIFAR.
const MAX_SHIFT: i32 = 4;

/// How many images of this shape evaluation, calibration and repair of a network compute at once:
/// fewer where they are large, or become so in the network.
pub fn evaluation_batch(graph: &LayerGraph, image: FeatureShape) -> usize {
    evaluation_batch_of(graph.widest().max(image.elements()))
}

/// The same where the widest activation of one image has so many values.
pub fn evaluation_batch_of(widest: usize) -> usize {
    let bytes = widest.saturating_mul(size_of::<f32>());
    (WIDEST_ACTIVATION / bytes.max(1)).clamp(1, EVALUATION_BATCH)
}

/// How one training image is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Augmentation {
    rows: i32,
    columns: i32,
    flipped: bool,
}

impl Augmentation {
    /// Drawn for this image of this epoch, whatever was drawn before: training resumes at any step.
    pub fn draw(seed: u64, epoch: usize, image: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // A stream of its own for each pair: neither epochs nor images come near 2³².
        rng.set_stream((epoch as u64) << 32 | image as u64);
        let mut shift = || rng.random_range(-MAX_SHIFT..=MAX_SHIFT);
        let (rows, columns) = (shift(), shift());
        Self { rows, columns, flipped: rng.random() }
    }

    /// The same without its shift.
    pub fn in_place(self) -> Self {
        Self { rows: 0, columns: 0, ..self }
    }
}

/// An image of a set and how it is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Index into the set.
    pub image: usize,
    /// How it is shifted and flipped.
    pub augmentation: Augmentation,
}

impl From<usize> for Sample {
    fn from(image: usize) -> Self {
        Self { image, augmentation: Augmentation::default() }
    }
}

impl Sample {
    /// These images as they are.
    pub fn unvaried(indices: &[usize]) -> Vec<Self> {
        indices.iter().map(|&index| index.into()).collect()
    }
}

/// Images of a set, augmented and normalised, on a device. What a shift uncovers is black before
/// normalisation, as in torchvision.
///
/// # Shapes
/// - output: `[samples, 3, side, side]`
pub fn images_to_device(
    set: &ImageSet,
    samples: &[Sample],
    normalization: &Normalization,
    device: &Device,
) -> Tensor<4> {
    let image = set.shape();
    let normalized: Vec<_> =
        (0..image.channels).map(|colour| normalized_pixels(normalization, colour)).collect();
    let length = image.elements();
    let values = threads::filled(samples.len() * length, length, |sample, values| {
        let Sample { image: index, augmentation } = samples[sample];
        write_normalized(set.image(index), image, augmentation, &normalized, values);
    });
    let shape = [samples.len(), image.channels, image.height, image.width];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// What becomes of each value that a pixel of this colour can have.
fn normalized_pixels(normalization: &Normalization, colour: usize) -> [f32; PIXEL_VALUES] {
    let (mean, std) = (normalization.mean[colour], normalization.std[colour]);
    let mut normalized = [0.0; PIXEL_VALUES];
    for (pixel, value) in normalized.iter_mut().enumerate() {
        *value = (pixel as f32 / MAX_PIXEL - mean) / std;
    }
    normalized
}

/// Writes one augmented, normalised image; `pixels` and `values` are `[3, side, side]`, and
/// `normalized` says of each colour what its pixels become.
fn write_normalized(
    pixels: &[u8],
    image: FeatureShape,
    augmentation: Augmentation,
    normalized: &[[f32; PIXEL_VALUES]],
    values: &mut [f32],
) {
    let side = image.width as i32;
    let inside = |at: i32| (0..side).contains(&at);
    for (colour, normalized) in normalized.iter().enumerate() {
        for row in 0..side {
            for column in 0..side {
                let from_row = row + augmentation.rows;
                let unflipped = if augmentation.flipped { side - 1 - column } else { column };
                let from_column = unflipped + augmentation.columns;
                let at = |row: i32, column: i32| (colour as i32 * side + row) * side + column;
                let pixel = if inside(from_row) && inside(from_column) {
                    pixels[at(from_row, from_column) as usize]
                } else {
                    0
                };
                values[at(row, column) as usize] = normalized[usize::from(pixel)];
            }
        }
    }
}

/// `count` different images (or all, where there are fewer) drawn without regard to labels, in
/// ascending order.
pub fn draw_indices(set: &ImageSet, count: usize, seed: u64) -> Vec<usize> {
    draw_positions(set.len(), count, seed)
}

/// `count` different numbers below `available` (or all, where there are fewer), in ascending order.
pub(crate) fn draw_positions(available: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut positions = index::sample(&mut rng, available, count.min(available)).into_vec();
    positions.sort_unstable();
    positions
}
