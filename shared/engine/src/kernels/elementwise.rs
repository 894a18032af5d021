//! Rectifiers and sums, number by number. burn computes them on one thread, which left the others of
//! a training step waiting for a quarter of the time.

use crate::threads;

/// Numbers that are one task: some of the first cache.
const NUMBERS_PER_TASK: usize = 1 << 14;

/// `x`, or 0 in place of what is less. What is not a number stays so: `max` would make 0 of it.
#[inline]
pub fn rectified(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// Gradient with respect to what was rectified, given that of the outcome; `x` is either.
#[inline]
pub fn rectified_gradient(x: f32, of_output: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { of_output }
}

/// Each number [`rectified`].
pub fn relu(input: &[f32]) -> Vec<f32> {
    threads::filled(input.len(), NUMBERS_PER_TASK, |task, out| {
        let input = &input[task * NUMBERS_PER_TASK..][..out.len()];
        for (out, &x) in out.iter_mut().zip(input) {
            *out = rectified(x);
        }
    })
}

/// Gradient of [`relu`] with respect to its input, given its output and the gradient of that.
pub fn relu_gradient(output: &[f32], gradient: &[f32]) -> Vec<f32> {
    of_two(output, gradient, rectified_gradient)
}

/// `x + y`.
pub fn sum(one: &[f32], other: &[f32]) -> Vec<f32> {
    of_two(one, other, |x, y| x + y)
}

/// `x + y` [`rectified`].
pub fn rectified_sum(one: &[f32], other: &[f32]) -> Vec<f32> {
    of_two(one, other, |x, y| rectified(x + y))
}

/// What `of` makes of each pair of numbers.
fn of_two(one: &[f32], other: &[f32], of: impl Fn(f32, f32) -> f32 + Sync + Send) -> Vec<f32> {
    assert_eq!(one.len(), other.len(), "as many numbers");
    threads::filled(one.len(), NUMBERS_PER_TASK, |task, out| {
        let first = task * NUMBERS_PER_TASK;
        let pairs = one[first..][..out.len()].iter().zip(&other[first..][..out.len()]);
        for (out, (&x, &y)) in out.iter_mut().zip(pairs) {
            *out = of(x, y);
        }
    })
}
