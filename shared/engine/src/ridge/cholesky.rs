//! Cholesky factors of symmetric positive definite matrices, in f64.
//!
//! The factors that reconstruction needs are of some hundred rows, thousands of them at a time, one
//! for each output channel: each is computed on one thread, in blocks of columns, so that nearly
//! all of the work is matrix products by `gemm`. (A linear algebra crate would switch on features
//! of crates that burn is built on, for the one routine of it that is used.)

use std::ops::Range;

use crate::kernels::{Matrix, WriteMode, matmul};

/// Columns that are factored together: narrow enough that what is not a matrix product takes a
/// small part of the time, wide enough for those products to come to speed.
const BLOCK: usize = 24;
/// Columns of an inverse that one product gives.
const INVERTED_COLUMNS: usize = 128;
/// Sums that a dot product keeps apart, so that it can be vectorised.
const LANES: usize = 8;

/// A matrix that has no Cholesky factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the matrix is not positive definite")]
pub struct NotPositiveDefinite;

/// The lower triangular L of A = L Lᵀ.
#[derive(Debug)]
pub struct Factor {
    size: usize,
    /// `[size, size]`, row-major; what lies above the diagonal has no meaning.
    lower: Vec<f64>,
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((left, left_rest), (right, right_rest)) =
        (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    for (left, right) in left.iter().zip(right) {
        // By index: neighbouring lanes then become one instruction, and nothing is called for each.
        for lane in 0..LANES {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// `target −= factor · values`.
fn subtract_scaled(target: &mut [f64], factor: f64, values: &[f64]) {
    for (target, value) in target.iter_mut().zip(values) {
        *target -= factor * value;
    }
}

impl Factor {
    /// The factor of a matrix `[size, size]`, of which only the lower triangle is read.
    ///
    /// # Errors
    /// If the matrix is not positive definite, in f64.
    pub fn of(matrix: Vec<f64>, size: usize) -> Result<Self, NotPositiveDefinite> {
        assert_eq!(matrix.len(), size * size, "a square matrix");
        let mut factor = Self { size, lower: matrix };
        let mut product = Vec::new();
        for first in (0..size).step_by(BLOCK) {
            let columns = first..(first + BLOCK).min(size);
            factor.subtract_earlier(columns.clone(), &mut product);
            factor.factor_diagonal(columns.clone())?;
            factor.solve_below(columns, &mut product);
        }
        Ok(factor)
    }

    /// Takes from a block of columns what the columns before it account for:
    /// `A[k.., k..l] −= L[k.., ..k] · L[k..l, ..k]ᵀ`.
    fn subtract_earlier(&mut self, columns: Range<usize>, product: &mut Vec<f64>) {
        let (size, first, width) = (self.size, columns.start, columns.len());
        if first == 0 {
            return;
        }
        let rows = size - first;
        product.resize(rows * width, 0.0);
        let earlier = &self.lower[first * size..];
        let left = Matrix::part(earlier, rows, first, size);
        let right = Matrix::part(earlier, width, first, size).transposed();
        matmul(left, right, product, WriteMode::Replace);
        for (row, product) in product.chunks(width).enumerate() {
            let target = &mut self.lower[(first + row) * size..][columns.clone()];
            subtract_scaled(target, 1.0, product);
        }
    }

    /// Factors the diagonal block of these columns, from which those before have been taken.
    fn factor_diagonal(&mut self, columns: Range<usize>) -> Result<(), NotPositiveDefinite> {
        let size = self.size;
        for row in columns.clone() {
            let (above, rest) = self.lower.split_at_mut(row * size);
            let row_values = &mut rest[..size];
            for column in columns.start..row {
                let other = &above[column * size..][..size];
                let known = columns.start..column;
                let sum = dot(&row_values[known.clone()], &other[known]);
                row_values[column] = (row_values[column] - sum) / other[column];
            }
            let known = &row_values[columns.start..row];
            let pivot = row_values[row] - dot(known, known);
            // Not `<= 0.0`: what is not a number is no pivot either.
            if !(pivot > 0.0 && pivot.is_finite()) {
                return Err(NotPositiveDefinite);
            }
            row_values[row] = pivot.sqrt();
        }
        Ok(())
    }

    /// What lies below a factored diagonal block D of these columns: `L = A · D⁻ᵀ`, a matrix product
    /// with the inverse, which is small.
    fn solve_below(&mut self, columns: Range<usize>, product: &mut Vec<f64>) {
        let (size, width) = (self.size, columns.len());
        let rows = size - columns.end;
        if rows == 0 {
            return;
        }
        let inverse = self.inverse_of_diagonal(columns.clone());
        product.resize(rows * width, 0.0);
        let below = &self.lower[columns.end * size + columns.start..];
        let below = Matrix::part(below, rows, width, size);
        let inverse = Matrix::new(&inverse, width, width).transposed();
        matmul(below, inverse, product, WriteMode::Replace);
        for (row, product) in product.chunks(width).enumerate() {
            self.lower[(columns.end + row) * size..][columns.clone()].copy_from_slice(product);
        }
    }

    /// The inverse of a factored diagonal block, `[columns, columns]`.
    fn inverse_of_diagonal(&self, columns: Range<usize>) -> Vec<f64> {
        let width = columns.len();
        let mut inverse = vec![0.0; width * width];
        for row in 0..width {
            let values = &self.row(columns.start + row)[columns.clone()];
            let (above, rest) = inverse.split_at_mut(row * width);
            let inverted = &mut rest[..width];
            for (factor, above) in values[..row].iter().zip(above.chunks(width)) {
                subtract_scaled(&mut inverted[..row], *factor, &above[..row]);
            }
            inverted[row] = 1.0;
            inverted[..=row].iter_mut().for_each(|value| *value /= values[row]);
        }
        inverse
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.lower[row * self.size..][..self.size]
    }

    /// z = L⁻¹t. For every k, the sum of the first k squares of z is tᵀA⁻¹t of the leading k × k
    /// part of A.
    ///
    /// # Shapes
    /// - `target`, output: `[size]`
    pub fn forward(&self, target: &[f64]) -> Vec<f64> {
        let mut solved: Vec<f64> = Vec::with_capacity(self.size);
        for (row, value) in target.iter().enumerate() {
            let values = self.row(row);
            solved.push((value - dot(&values[..row], &solved)) / values[row]);
        }
        solved
    }

    /// A⁻¹t.
    ///
    /// # Shapes
    /// - `target`, output: `[size]`
    pub fn solve(&self, target: &[f64]) -> Vec<f64> {
        let mut solved = self.forward(target);
        for row in (0..self.size).rev() {
            let values = self.row(row);
            solved[row] /= values[row];
            let value = solved[row];
            subtract_scaled(&mut solved[..row], value, &values[..row]);
        }
        solved
    }

    /// The diagonal of A⁻¹: column by column the squares of L⁻¹.
    ///
    /// # Shapes
    /// - output: `[size]`
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let size = self.size;
        let mut diagonal = vec![0.0; size];
        let mut inverse = vec![0.0; size * size];
        let mut product = Vec::new();
        for first in (0..size).step_by(BLOCK) {
            let rows = first..(first + BLOCK).min(size);
            self.subtract_inverted(rows.clone(), &mut inverse, &mut product);
            for row in rows {
                let (above, rest) = inverse.split_at_mut(row * size);
                let inverted = &mut rest[..=row];
                let values = self.row(row);
                for before in first..row {
                    let known = &above[before * size..][..=before];
                    subtract_scaled(&mut inverted[..=before], values[before], known);
                }
                inverted[row] = 1.0;
                for (value, sum) in inverted.iter_mut().zip(&mut diagonal) {
                    *value /= values[row];
                    *sum += *value * *value;
                }
            }
        }
        diagonal
    }

    /// Takes from rows of L⁻¹, which are 0 so far, what the rows before them account for: L times
    /// these, a few columns at a time, since nothing lies above their diagonal.
    fn subtract_inverted(&self, rows: Range<usize>, inverse: &mut [f64], product: &mut Vec<f64>) {
        let (size, first) = (self.size, rows.start);
        for start in (0..first).step_by(INVERTED_COLUMNS) {
            let columns = start..(start + INVERTED_COLUMNS).min(first);
            product.resize(rows.len() * columns.len(), 0.0);
            let inner = first - start;
            let left = &self.lower[first * size + start..];
            let left = Matrix::part(left, rows.len(), inner, size);
            let right = &inverse[start * size + start..];
            let right = Matrix::part(right, inner, columns.len(), size);
            matmul(left, right, product, WriteMode::Replace);
            for (row, product) in rows.clone().zip(product.chunks(columns.len())) {
                subtract_scaled(&mut inverse[row * size..][columns.clone()], 1.0, product);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symmetric positive definite matrix of a fixed pattern, larger than a block.
    fn matrix(size: usize) -> Vec<f64> {
        let value = |row: usize, column: usize| {
            let (near, far) = (row.max(column), row.min(column));
            let wave = ((near * 7 + far * 3) % 11) as f64 / 11.0 - 0.5;
            if near == far { size as f64 + wave } else { wave }
        };
        (0..size * size).map(|index| value(index / size, index % size)).collect()
    }

    fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
        matrix.chunks(vector.len()).map(|row| dot(row, vector)).collect()
    }

    #[test]
    fn solutions_solve_whatever_the_size() {
        for size in [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let matrix = matrix(size);
            let factor = Factor::of(matrix.clone(), size).unwrap();
            let target: Vec<f64> = (0..size).map(|index| (index % 5) as f64 - 1.7).collect();
            for (found, target) in product(&matrix, &factor.solve(&target)).iter().zip(&target) {
                assert!((found - target).abs() < 1e-10, "{size}: {found} against {target}");
            }
        }
    }

    #[test]
    fn the_inverse_diagonal_is_that_of_solved_unit_vectors() {
        let size = INVERTED_COLUMNS + 2 * BLOCK + 3;
        let factor = Factor::of(matrix(size), size).unwrap();
        for (index, found) in factor.inverse_diagonal().into_iter().enumerate() {
            let mut unit = vec![0.0; size];
            unit[index] = 1.0;
            let expected = factor.solve(&unit)[index];
            assert!((found - expected).abs() < 1e-12, "{index}: {found} against {expected}");
        }
    }

    #[test]
    fn factors_of_leading_parts_are_parts_of_the_factor() {
        let (size, part) = (BLOCK + 9, BLOCK - 3);
        let matrix = matrix(size);
        let target: Vec<f64> = (0..size).map(|index| (index % 3) as f64 + 0.5).collect();
        let all = Factor::of(matrix.clone(), size).unwrap().forward(&target);
        let leading = matrix.chunks(size).take(part).flat_map(|row| row[..part].to_vec());
        let alone = Factor::of(leading.collect(), part).unwrap();
        let quadratic = dot(&alone.solve(&target[..part]), &target[..part]);
        let squares: f64 = all[..part].iter().map(|value| value * value).sum();
        assert!((quadratic - squares).abs() < 1e-10, "{squares} against {quadratic}");
    }

    #[test]
    fn what_has_no_factor_is_refused() {
        for matrix in [vec![0.0], vec![-1.0], vec![f64::NAN], vec![f64::INFINITY]] {
            assert_eq!(Factor::of(matrix, 1).unwrap_err(), NotPositiveDefinite);
        }
        assert!(Factor::of(vec![1.0, 0.0, 2.0, 1.0], 2).is_err(), "indefinite");
    }
}
