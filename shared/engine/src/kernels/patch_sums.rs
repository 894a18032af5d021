//! Second moments of patches, group by group of channels: the sums that calibration needs where
//! offsets between pixels do not give them.

use std::ops::{Range, RangeInclusive};

use super::matmul::{Matrix, WriteMode, matmul_into_part};
use super::unfold::Input;
use crate::threads;

/// Values of patches that are laid out at once (8 MiB), where so few are columns enough for a product
/// to come to speed: of more, each task of a product would bring its own part to the caches again.
const VALUES_AT_ONCE: usize = 1 << 21;
const LEAST_COLUMNS: usize = 512;
/// Rows of the patch matrix that are one task, and columns that a matrix is mirrored in at a time.
const ROWS_PER_TASK: usize = 64;
/// Into how many tasks the rows of a product of a single group are cut, and the least and the most rows
/// of one: each reads most of the patches, which few share.
const TASKS_OF_PRODUCT: usize = 8;
const ROWS_OF_PRODUCT: RangeInclusive<usize> = 64..=192;

/// Σ p pᵀ over images and positions of each group, `[groups, patch, patch]`, then Σ p,
/// `[groups, patch]`, where a patch is of `channels / groups` channels.
///
/// # Shapes
/// - `values`: `[batch, channels, height, width]`
pub fn patch_sums(input: &Input, groups: usize, values: &[f32]) -> Vec<f32> {
    let (all_rows, positions) = (input.patch(), input.positions());
    let patch = all_rows / groups;
    let mut sums = vec![0.0; all_rows * patch + all_rows];
    let (products, firsts) = sums.split_at_mut(all_rows * patch);
    let at_once = (VALUES_AT_ONCE / all_rows).max(LEAST_COLUMNS).div_ceil(positions);
    for values in values.chunks(at_once * input.image()) {
        let images = values.len() / input.image();
        let columns = images * positions;
        let mut patches = vec![0.0; all_rows * columns];
        threads::for_each_chunk(&mut patches, ROWS_PER_TASK * columns, |task, rows| {
            let first = task * ROWS_PER_TASK;
            input.unfold(images, first..first + rows.len() / columns, values, rows);
        });
        // A task's rows are of one group.
        let part = patch.div_ceil(TASKS_OF_PRODUCT);
        let rows_per_task = match groups {
            1 => part.clamp(*ROWS_OF_PRODUCT.start(), *ROWS_OF_PRODUCT.end()),
            _ => patch,
        };
        threads::for_each_chunk(products, rows_per_task * patch, |task, out| {
            let (first, rows) = (task * rows_per_task, out.len() / patch);
            let group = first / patch * patch;
            // The matrix is symmetric: up to the diagonal is enough.
            let reached = first - group + rows;
            let left = Matrix::new(&patches[first * columns..][..rows * columns], rows, columns);
            let right = &patches[group * columns..][..reached * columns];
            let right = Matrix::new(right, reached, columns).transposed();
            matmul_into_part(left, right, out, patch, WriteMode::Add);
        });
        for (sum, row) in firsts.iter_mut().zip(patches.chunks(columns)) {
            // In f64: a row may have a hundred thousand values.
            *sum += row.iter().map(|&value| f64::from(value)).sum::<f64>() as f32;
        }
    }
    for product in sums[..all_rows * patch].chunks_mut(patch * patch) {
        mirror(product, patch);
    }
    sums
}

/// Copies what lies below the diagonal of a matrix `[size, size]` to above it, in blocks that lie in
/// the cache either way.
pub fn mirror(matrix: &mut [f32], size: usize) {
    for rows in blocks(size) {
        for columns in blocks(rows.end) {
            for row in rows.clone() {
                for column in columns.start..columns.end.min(row) {
                    matrix[column * size + row] = matrix[row * size + column];
                }
            }
        }
    }
}

/// `0..size` in parts.
fn blocks(size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..size).step_by(ROWS_PER_TASK).map(move |first| first..(first + ROWS_PER_TASK).min(size))
}
