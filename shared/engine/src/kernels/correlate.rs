//! Correlation of an image's channels with shifted copies of themselves: the sums that second
//! moments of patches need.

use super::matmul::{Matrix, WriteMode, matmul};
use super::unfold::swap_outer;
use crate::threads;

/// Shift of the second channel against the first, in rows and columns. Rows are never negative: the
/// other half follows by symmetry.
pub type Offset = (usize, isize);

/// Sizes of a batch of images.
#[derive(Debug, Clone, Copy)]
pub struct Planes {
    pub batch: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

/// Parts into which the batch is cut. Fixed, so that sums do not depend on the number of threads; 8
/// keep the cores of most machines busy, and each costs the memory of all sums once more.
const PARTS: usize = 8;
/// Values of the images that one product reads, where a single image does not have more: deep layers
/// have many channels and few pixels, and a product over the pixels of one image would write all
/// sums for next to no work. They and their shifted copy stay in the second cache.
const VALUES_PER_PRODUCT: usize = 1 << 16;

/// Σ over images and pixels of `X[c](y, x)` · `X[c'](y + dy, x + dx)`, zero outside the image.
///
/// # Shapes
/// - `input`: X, `[batch, channels, height, width]`
/// - output: `[offsets, c', c]`
pub fn correlate(planes: &Planes, input: &[f32], offsets: &[Offset]) -> Vec<f32> {
    let Planes { batch, channels, height, width } = *planes;
    let (pixels, size) = (height * width, channels * channels);
    let image = channels * pixels;
    let per_part = batch.div_ceil(PARTS).max(1);
    let per_product = (VALUES_PER_PRODUCT / image).clamp(1, per_part);
    let parts = threads::map_range(batch.div_ceil(per_part), |part| {
        let images = part * per_part..((part + 1) * per_part).min(batch);
        let mut sums = vec![0.0; offsets.len() * size];
        let (mut joined, mut shifted) = (Vec::new(), Vec::new());
        for images in input[images.start * image..images.end * image].chunks(per_product * image) {
            let count = images.len() / image;
            joined.resize(images.len(), 0.0);
            swap_outer(channels, pixels, count, images, &mut joined);
            for (offset, sums) in offsets.iter().zip(sums.chunks_mut(size)) {
                // Pixels from outside are 0.
                shifted.clear();
                shifted.resize(images.len(), 0.0);
                shift(planes, &joined, *offset, &mut shifted);
                let left = Matrix::new(&shifted, channels, count * pixels);
                let right = Matrix::new(&joined, channels, count * pixels).transposed();
                matmul(left, right, sums, WriteMode::Add);
            }
        }
        sums
    });
    let mut sums = vec![0.0; offsets.len() * size];
    for part in parts {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += value;
        }
    }
    sums
}

/// Moves what lies at (y + dy, x + dx) of each plane to (y, x); what has nothing to move there is
/// left as it is.
fn shift(planes: &Planes, image: &[f32], (rows, columns): Offset, shifted: &mut [f32]) {
    let Planes { height, width, .. } = *planes;
    let length = width.saturating_sub(columns.unsigned_abs());
    let (from, to) = (columns.max(0) as usize, (-columns).max(0) as usize);
    if length == 0 {
        return;
    }
    for (image, shifted) in image.chunks(height * width).zip(shifted.chunks_mut(height * width)) {
        for row in 0..height.saturating_sub(rows) {
            let source = &image[(row + rows) * width + from..][..length];
            shifted[row * width + to..][..length].copy_from_slice(source);
        }
    }
}
