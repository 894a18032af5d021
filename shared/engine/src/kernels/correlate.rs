//! Correlation of an image's channels with shifted copies of themselves: the sums that second
//! moments of patches need.

use super::matmul::{Matrix, WriteMode, matmul_into_part};
use super::patch_sums::mirror;
use super::planes::{Offset, Planes};
use super::spectrum;
use crate::threads;

/// Values of images that are joined at a time, where a single image does not have more.
const VALUES_AT_ONCE: usize = 1 << 21;
/// Rows of the products that are one task.
const ROWS_PER_TASK: usize = 64;

/// Σ over images and pixels of `X[c](y, x)` · `X[c'](y + dy, x + dx)`, zero outside the image: by
/// spectra where that costs less.
///
/// # Shapes
/// - `input`: X, `[batch, channels, height, width]`
/// - output: `[offsets, c', c]`
pub fn correlate(planes: &Planes, input: &[f32], offsets: &[Offset]) -> Vec<f32> {
    let Planes { channels, height, width, .. } = *planes;
    // Others shift every pixel out of the image: exactly 0, and nothing to compute.
    let overlaps = |offset: &Offset| offset.0 < height && offset.1.unsigned_abs() < width;
    let inside: Vec<Offset> = offsets.iter().copied().filter(overlaps).collect();
    let found = correlate_inside(planes, input, &inside);
    if inside.len() == offsets.len() {
        return found;
    }
    let size = channels * channels;
    let mut sums = vec![0.0; offsets.len() * size];
    let wanted = offsets.iter().zip(sums.chunks_mut(size)).filter(|(offset, _)| overlaps(offset));
    for ((_, sums), found) in wanted.zip(found.chunks(size)) {
        sums.copy_from_slice(found);
    }
    sums
}

/// The same for offsets that leave a part of the image inside it.
fn correlate_inside(planes: &Planes, input: &[f32], offsets: &[Offset]) -> Vec<f32> {
    let sizes = [offsets.len(), planes.height, planes.width, planes.channels];
    let by_pixels: u64 = sizes.map(|count| count as u64).iter().product();
    if spectrum::cost(planes, offsets) < by_pixels {
        return spectrum::correlate(planes, input, offsets);
    }
    correlate_pixels(planes, input, offsets)
}

/// The same by a product over the pixels for each offset.
fn correlate_pixels(planes: &Planes, input: &[f32], offsets: &[Offset]) -> Vec<f32> {
    let Planes { channels, height, width, .. } = *planes;
    let (pixels, size) = (height * width, channels * channels);
    let image = channels * pixels;
    let mut sums = vec![0.0; offsets.len() * size];
    for images in input.chunks((VALUES_AT_ONCE / image).max(1) * image) {
        // `[channels, images, pixels]`: deep layers have few pixels, and a product over those of one
        // image would write all sums for next to no work.
        let joined = by_channel(channels, pixels, images);
        let columns = images.len() / channels;
        let rows_per_task = ROWS_PER_TASK.min(channels);
        let task = |shifted: &mut Vec<f32>, task: usize, out: &mut [f32]| {
            let mut rest = out;
            let mut row = task * rows_per_task;
            while !rest.is_empty() {
                let (offset, first) = (offsets[row / channels], row % channels);
                let rows = (rest.len() / channels).min(channels - first);
                let (out, after) = rest.split_at_mut(rows * channels);
                let source = &joined[first * columns..][..rows * columns];
                let left = shift(planes, source, offset, shifted);
                // What is not shifted is symmetric: up to the diagonal is enough.
                let reached = if offset == (0, 0) { first + rows } else { channels };
                let left = Matrix::new(left, rows, columns);
                let right = Matrix::new(&joined[..reached * columns], reached, columns);
                matmul_into_part(left, right.transposed(), out, channels, WriteMode::Add);
                (rest, row) = (after, row + rows);
            }
        };
        threads::for_each_chunk_with(&mut sums, rows_per_task * channels, Vec::new, task);
    }
    for (_, sums) in offsets.iter().zip(sums.chunks_mut(size)).filter(|(o, _)| **o == (0, 0)) {
        mirror(sums, channels);
    }
    sums
}

/// `[channels, images, pixels]` from `[images, channels, pixels]`.
fn by_channel(channels: usize, pixels: usize, images: &[f32]) -> Vec<f32> {
    let mut joined = vec![0.0; images.len()];
    threads::for_each_chunk(&mut joined, images.len() / channels, |channel, row| {
        for (image, plane) in row.chunks_mut(pixels).enumerate() {
            plane.copy_from_slice(&images[(image * channels + channel) * pixels..][..pixels]);
        }
    });
    joined
}

/// Planes in which what lies at (y + dy, x + dx) has moved to (y, x), with zeros from outside, in
/// `buffer` if anything moves.
fn shift<'a>(
    planes: &Planes,
    source: &'a [f32],
    offset: Offset,
    buffer: &'a mut Vec<f32>,
) -> &'a [f32] {
    let (Planes { height, width, .. }, (rows, columns)) = (*planes, offset);
    if offset == (0, 0) {
        return source;
    }
    buffer.clear();
    buffer.resize(source.len(), 0.0);
    let length = width.saturating_sub(columns.unsigned_abs());
    let (from, to) = (columns.max(0) as usize, (-columns).max(0) as usize);
    if length == 0 {
        return buffer;
    }
    for (plane, shifted) in source.chunks(height * width).zip(buffer.chunks_mut(height * width)) {
        for row in 0..height.saturating_sub(rows) {
            let source = &plane[(row + rows) * width + from..][..length];
            shifted[row * width + to..][..length].copy_from_slice(source);
        }
    }
    buffer
}
