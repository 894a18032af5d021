//! A layer's output regressed on some of its inputs, with a ridge (`docs/method.md`, section 4).
//!
//! With the inputs' covariance G_c = G − m mᵀ, the kept inputs S of an output channel and the
//! covariance t of these inputs with the output, the weights `ŵ = (G_c[S,S] + λI)⁻¹ t` leave least of
//! it; the residual is v − tᵀŵ, where v is the output's variance.

mod cholesky;

pub use cholesky::{Factor, NotPositiveDefinite};

/// λ in parts of the mean diagonal of G_c: inputs that never vary, or vary together, make it
/// singular.
const RIDGE: f64 = 1e-4;
/// By how much λ grows where the moments' errors are larger than it.
const RIDGE_GROWTH: f64 = 10.0;

/// The inputs of a layer, or of a group of its channels.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    second: &'a [f32],
    mean: &'a [f64],
    ridge: f64,
    /// Trace of G.
    total: f64,
}

/// The factor of `G_c[S,S] + λI`, with its λ.
#[derive(Debug)]
pub struct RidgeFactor {
    pub factor: Factor,
    pub ridge: f64,
}

impl<'a> Inputs<'a> {
    /// Inputs with these moments.
    ///
    /// # Shapes
    /// - `second`: G = `E[x xᵀ]`, `[inputs, inputs]`
    /// - `mean`: m = `E[x]`, `[inputs]`
    pub fn new(second: &'a [f32], mean: &'a [f64]) -> Self {
        assert_eq!(second.len(), mean.len() * mean.len(), "second moments of all pairs of inputs");
        let count = mean.len();
        let mut inputs = Self { second, mean, ridge: 0.0, total: 0.0 };
        let variances = (0..count).map(|input| inputs.covariance(input, input).max(0.0));
        let ridge = RIDGE * variances.sum::<f64>() / count as f64;
        // G is known to f32's precision only: errors of its entries, which are as random as
        // rounding is, make eigenvalues of up to about this. It matters where inputs hardly vary
        // around their means, as over a single position.
        let diagonal = || second.iter().step_by(count + 1).map(|&square| f64::from(square));
        let (largest, total) = (diagonal().fold(0.0, f64::max), diagonal().sum::<f64>());
        let precision = f64::from(f32::EPSILON) * (largest * total).sqrt();
        // Where all inputs are 0, any positive number makes all weights 0.
        inputs.ridge = ridge.max(precision).max(f64::MIN_POSITIVE);
        inputs.total = total;
        inputs
    }

    /// m.
    pub fn mean(&self) -> &'a [f64] {
        self.mean
    }

    fn covariance(&self, one: usize, other: usize) -> f64 {
        let second = f64::from(self.second[one * self.mean.len() + other]);
        second - self.mean[one] * self.mean[other]
    }

    /// The factor of `G_c[S,S] + λI` for these inputs, in their order. Where errors of the moments make
    /// that indefinite, λ grows until it is not: inputs that hardly vary around large means, as behind
    /// a layer that lost nearly all weights, are known no better.
    ///
    /// # Errors
    /// If the moments are not finite.
    pub fn factor(&self, kept: &[usize]) -> Result<RidgeFactor, NotPositiveDefinite> {
        let mut ridge = self.ridge;
        loop {
            match self.factor_with(kept, ridge) {
                Ok(factor) => return Ok(RidgeFactor { factor, ridge }),
                // No eigenvalue of finite moments is so far below 0.
                Err(error) if ridge > self.total || !self.total.is_finite() => return Err(error),
                Err(_) => ridge *= RIDGE_GROWTH,
            }
        }
    }

    fn factor_with(&self, kept: &[usize], ridge: f64) -> Result<Factor, NotPositiveDefinite> {
        let size = kept.len();
        let mut matrix = vec![0.0; size * size];
        for (row, &one) in kept.iter().enumerate() {
            let (before, from) = (&kept[..=row], &mut matrix[row * size..]);
            for (value, &other) in from.iter_mut().zip(before) {
                *value = self.covariance(one, other);
            }
            from[row] += ridge;
        }
        Factor::of(matrix, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs that are 1 but for what f32 makes of sums of them.
    fn nearly_constant(count: usize) -> (Vec<f32>, Vec<f64>) {
        let mut second = vec![1.0f32; count * count];
        for row in 0..count {
            for column in 0..=row {
                let error = (row * 31 + column * 17) % 11;
                let value = 1.0 + (error as f32 - 5.0) * 2.0 * f32::EPSILON;
                (second[row * count + column], second[column * count + row]) = (value, value);
            }
        }
        (second, vec![1.0; count])
    }

    #[test]
    fn errors_of_the_moments_are_met_by_a_larger_ridge() {
        let (second, mean) = nearly_constant(60);
        let inputs = Inputs::new(&second, &mean);
        let all: Vec<usize> = (0..60).collect();
        assert!(inputs.factor_with(&all, inputs.ridge).is_err(), "the case is of this kind");
        let RidgeFactor { factor, ridge } = inputs.factor(&all).unwrap();
        assert!(ridge > inputs.ridge && ridge < 1e-3, "{ridge}");
        // What is within the errors gets next to no weight.
        let weights = factor.solve(&vec![1e-8; 60]);
        assert!(weights.iter().all(|weight| weight.abs() < 1e-2), "{weights:?}");
    }

    #[test]
    fn moments_that_are_not_finite_have_no_factor() {
        let (mut second, mean) = nearly_constant(3);
        second[4] = f32::NAN;
        assert!(Inputs::new(&second, &mean).factor(&[0, 1, 2]).is_err());
        second[4] = f32::INFINITY;
        assert!(Inputs::new(&second, &mean).factor(&[0, 1, 2]).is_err());
    }
}
