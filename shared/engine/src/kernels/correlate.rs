//! Correlation of an image's channels with shifted copies of themselves: the sums that second
//! moments of patches need.

use super::matmul::{Matrix, WriteMode, matmul};
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

/// Σ over images and pixels of `X[c](y, x)` · `X[c'](y + dy, x + dx)`, zero outside the image.
///
/// # Shapes
/// - `input`: X, `[batch, channels, height, width]`
/// - output: `[offsets, c', c]`
pub fn correlate(planes: &Planes, input: &[f32], offsets: &[Offset]) -> Vec<f32> {
    let Planes { batch, channels, height, width } = *planes;
    let (pixels, size) = (height * width, channels * channels);
    let per_part = batch.div_ceil(PARTS).max(1);
    let parts = threads::map_range(batch.div_ceil(per_part), |part| {
        let mut sums = vec![0.0; offsets.len() * size];
        let mut shifted = vec![0.0; offsets.len() * channels * pixels];
        for image in part * per_part..((part + 1) * per_part).min(batch) {
            let image = &input[image * channels * pixels..][..channels * pixels];
            for (offset, shifted) in offsets.iter().zip(shifted.chunks_mut(channels * pixels)) {
                shift(planes, image, *offset, shifted);
            }
            // All offsets in one product: it reads the image once.
            let left = Matrix::new(&shifted, offsets.len() * channels, pixels);
            let right = Matrix::new(image, channels, pixels).transposed();
            matmul(left, right, &mut sums, WriteMode::Add);
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

/// Moves what lies at (y + dy, x + dx) to (y, x); pixels from outside stay 0, as `shifted` holds
/// them from the start.
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
