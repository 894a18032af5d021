//! Correlations at many offsets at once, by Fourier transforms: an image's spectrum times its own
//! holds the correlations at every offset, so that 13 offsets cost two products of channels for each
//! frequency instead of 13 for each pixel.
//!
//! With zeros beside the image, as many as the longest offset, nothing wraps around, and
//!
//! Σ_p `X[c](p)` · `X[c'](p + o)` = 1/N Σ_f conj(X̂_c(f)) · X̂_c'(f) · exp(iω_f·o)
//!
//! over the N frequencies f of the image with its zeros. Images are real: half of the frequencies
//! are the others' conjugates. The transforms are products with matrices of sines and cosines:
//! images here are small, and a product is what is fast everywhere.

use std::f64::consts::TAU;

use super::matmul::{Matrix, WriteMode, matmul, matmul_into_part};
use super::planes::{Offset, Planes};
use crate::threads;

/// Numbers that a block of frequencies may hold in spectra and in products of channels, where a single
/// column of them does not hold more: of wide layers it holds a part of what their second moments do.
const BLOCK: usize = 1 << 22;
/// Rows of a product of channels that are computed at a time, up to the diagonal.
const ROWS_PER_PRODUCT: usize = 64;

/// Sizes of the transform.
#[derive(Debug, Clone, Copy)]
struct Frequencies {
    /// Along the rows of pixels, all of them.
    rows: usize,
    /// Along a row of pixels, with its zeros.
    width: usize,
    /// Of these the ones that are no others' conjugates.
    columns: usize,
}

impl Frequencies {
    /// Of images with as many zeros beside them as the longest of these offsets.
    fn new(planes: &Planes, offsets: &[Offset]) -> Self {
        let reach = |of: fn(&Offset) -> usize| offsets.iter().map(of).max().unwrap_or(0);
        let rows = planes.height + reach(|offset| offset.0);
        let width = planes.width + reach(|offset| offset.1.unsigned_abs());
        Self { rows, width, columns: width / 2 + 1 }
    }

    /// How often a frequency with this column stands in the whole spectrum, itself and its conjugate.
    fn count(self, column: usize) -> f64 {
        if column == 0 || 2 * column == self.width { 1.0 } else { 2.0 }
    }
}

/// Multiplications of a large product that take the time of one of a transform, whose products are
/// thin, and of a number that goes to memory for each pair of channels and comes back some times
/// (both measured).
const OF_TRANSFORM: u64 = 2;
const OF_PAIR: u64 = 64;

/// What it costs for an image and channel, with its part of what is done once for the batch, in
/// multiplications of a large product.
pub fn cost(planes: &Planes, offsets: &[Offset]) -> u64 {
    let Frequencies { rows, columns, .. } = Frequencies::new(planes, offsets);
    // A page counts in 32 bits, which a large image's would not fit.
    let [rows, columns] = [rows, columns].map(|count| count as u64);
    let [height, width] = [planes.height, planes.width].map(|count| count as u64);
    let [channels, batch] = [planes.channels, planes.batch.max(1)].map(|count| count as u64);
    let offsets = offsets.len() as u64;
    let transforms = 2 * columns * height * (width + 2 * rows);
    // Of three products two are symmetric, of which half is computed; so is half of what reads them.
    let products = 2 * rows * columns * channels;
    let reading = 3 * offsets * rows * columns * channels / 2;
    let pairs = (rows * columns + offsets) * channels;
    OF_TRANSFORM * transforms + products + (reading + OF_PAIR * pairs) / batch
}

/// Cosine and sine of a part of a turn.
fn turn(numerator: usize, denominator: usize) -> (f64, f64) {
    let angle = TAU * (numerator % denominator) as f64 / denominator as f64;
    (angle.cos(), angle.sin())
}

/// What takes a row of pixels to its spectrum, `[2 · columns, width of the image]`: real parts, then
/// imaginary parts.
fn along_rows(planes: &Planes, frequencies: Frequencies) -> Vec<f32> {
    let Frequencies { width, columns, .. } = frequencies;
    let mut matrix = vec![0.0; 2 * columns * planes.width];
    let (real, imaginary) = matrix.split_at_mut(columns * planes.width);
    for column in 0..columns {
        for x in 0..planes.width {
            let (cosine, sine) = turn(column * x, width);
            real[column * planes.width + x] = cosine as f32;
            imaginary[column * planes.width + x] = -sine as f32;
        }
    }
    matrix
}

/// What takes a column of complex numbers to its spectrum, `[2 · rows, 2 · height of the image]`: of
/// each number its real part, then its imaginary part.
fn along_columns(planes: &Planes, frequencies: Frequencies) -> Vec<f32> {
    let (rows, across) = (frequencies.rows, 2 * planes.height);
    let mut matrix = vec![0.0; 2 * rows * across];
    for row in 0..rows {
        for y in 0..planes.height {
            let (cosine, sine) = turn(row * y, rows);
            let at = 2 * row * across + 2 * y;
            matrix[at] = cosine as f32;
            matrix[at + 1] = sine as f32;
            matrix[at + across] = -sine as f32;
            matrix[at + across + 1] = cosine as f32;
        }
    }
    matrix
}

/// What a frequency's products add to the correlations at each offset, the real and the imaginary
/// one: `[offsets, rows · columns]` each, for some columns of frequencies.
fn back(
    frequencies: Frequencies,
    columns: std::ops::Range<usize>,
    offsets: &[Offset],
) -> [Vec<f32>; 2] {
    let Frequencies { rows, width, .. } = frequencies;
    let size = offsets.len() * columns.len() * rows;
    let [mut real, mut imaginary] = [Vec::with_capacity(size), Vec::with_capacity(size)];
    for &(down, right) in offsets {
        for column in columns.clone() {
            let share = frequencies.count(column) / (rows * width) as f64;
            let right = right.rem_euclid(width as isize) as usize;
            for row in 0..rows {
                let (cosine, sine) = turn(row * down * width + column * right * rows, rows * width);
                real.push((share * cosine) as f32);
                imaginary.push((-share * sine) as f32);
            }
        }
    }
    [real, imaginary]
}

/// As [`super::correlate::correlate`].
pub fn correlate(planes: &Planes, input: &[f32], offsets: &[Offset]) -> Vec<f32> {
    let Planes { batch, channels, height, width } = *planes;
    let frequencies = Frequencies::new(planes, offsets);
    let Frequencies { rows, columns, .. } = frequencies;
    // A column of the products is one channel of one image.
    let lanes = batch * channels;
    let to_rows = along_rows(planes, frequencies);
    let to_columns = along_columns(planes, frequencies);

    // `[height, 2, columns, lanes]`
    let mut halfway = vec![0.0; height * 2 * columns * lanes];
    threads::for_each_chunk(&mut halfway, 2 * columns * lanes, |y, out| {
        let pixels = Matrix::part(&input[y * width..], lanes, width, height * width).transposed();
        matmul(Matrix::new(&to_rows, 2 * columns, width), pixels, out, WriteMode::Replace);
    });

    let size = channels * channels;
    let per_column = rows * 2 * (lanes + size);
    let at_once = (BLOCK / per_column).clamp(1, columns);
    // `[channels, offsets, channels]`, what is symmetric and what is not.
    let mut even = vec![0.0; channels * offsets.len() * channels];
    let mut odd = even.clone();
    let mut spectrum = vec![0.0; at_once * 2 * rows * lanes];
    let mut products = vec![0.0; at_once * 2 * rows * size];
    for first in (0..columns).step_by(at_once) {
        let count = at_once.min(columns - first);
        let spectrum = &mut spectrum[..count * 2 * rows * lanes];
        threads::for_each_chunk(spectrum, 2 * rows * lanes, |column, out| {
            let row = &halfway[(first + column) * lanes..];
            let row = Matrix::part(row, 2 * height, lanes, columns * lanes);
            let left = Matrix::new(&to_columns, 2 * rows, 2 * height);
            matmul(left, row, out, WriteMode::Replace);
        });
        let products = &mut products[..count * 2 * rows * size];
        threads::for_each_chunk(products, 2 * size, |frequency, out| {
            let spectrum = &spectrum[frequency * 2 * lanes..][..2 * lanes];
            let (real, imaginary) = spectrum.split_at(lanes);
            multiply(channels, real, imaginary, out);
        });
        let of_frequencies = count * rows;
        let [cosines, sines] = back(frequencies, first..first + count, offsets);
        for (sums, factors, part) in [(&mut even, &cosines, 0), (&mut odd, &sines, 1)] {
            threads::for_each_chunk(sums, offsets.len() * channels, |channel, out| {
                let left = Matrix::new(factors, offsets.len(), of_frequencies);
                let reached = if part == 0 { diagonal_block(channel, channels) } else { channels };
                let row = &products[part * size + channel * channels..];
                let right = Matrix::part(row, of_frequencies, reached, 2 * size);
                matmul_into_part(left, right, out, channels, WriteMode::Add);
            });
        }
    }
    put_together(channels, offsets.len(), &even, &odd)
}

/// Channels that the row of this one is computed up to.
fn diagonal_block(channel: usize, channels: usize) -> usize {
    ((channel / ROWS_PER_PRODUCT + 1) * ROWS_PER_PRODUCT).min(channels)
}

/// Products of the channels' spectra at one frequency, `[2, c', c]`: Re·Reᵀ + Im·Imᵀ up to its
/// diagonal, which is symmetric, and Im·Reᵀ.
///
/// # Shapes
/// - `real`, `imaginary`: `[batch, channels]`
fn multiply(channels: usize, real: &[f32], imaginary: &[f32], out: &mut [f32]) {
    let batch = real.len() / channels;
    let (even, odd) = out.split_at_mut(channels * channels);
    for first in (0..channels).step_by(ROWS_PER_PRODUCT) {
        let reached = diagonal_block(first, channels);
        let rows = &mut even[first * channels..reached * channels];
        for (part, mode) in [(real, WriteMode::Replace), (imaginary, WriteMode::Add)] {
            let left = Matrix::part(&part[first..], batch, reached - first, channels).transposed();
            let right = Matrix::part(part, batch, reached, channels);
            matmul_into_part(left, right, rows, channels, mode);
        }
    }
    let imaginary = Matrix::new(imaginary, batch, channels).transposed();
    matmul(imaginary, Matrix::new(real, batch, channels), odd, WriteMode::Replace);
}

/// Correlations `[offsets, c', c]` from their symmetric part, of which what lies below the diagonal
/// is there, and that which less its transpose is the other part; both `[c', offsets, c]`.
fn put_together(channels: usize, offsets: usize, even: &[f32], odd: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0; offsets * channels * channels];
    let at = |shifted: usize, offset: usize, channel: usize| {
        (shifted * offsets + offset) * channels + channel
    };
    threads::for_each_chunk(&mut sums, channels * channels, |offset, sums| {
        for (shifted, sums) in sums.chunks_mut(channels).enumerate() {
            for (channel, sum) in sums.iter_mut().enumerate() {
                let (low, high) = (shifted.min(channel), shifted.max(channel));
                *sum = even[at(high, offset, low)] + odd[at(shifted, offset, channel)]
                    - odd[at(channel, offset, shifted)];
            }
        }
    });
    sums
}
