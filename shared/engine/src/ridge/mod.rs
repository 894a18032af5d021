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

/// The inputs of a layer, or of a group of its channels.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    second: &'a [f32],
    mean: &'a [f64],
    ridge: f64,
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
        let mut inputs = Self { second, mean, ridge: 0.0 };
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
        inputs
    }

    /// λ.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// m.
    pub fn mean(&self) -> &'a [f64] {
        self.mean
    }

    fn covariance(&self, one: usize, other: usize) -> f64 {
        let second = f64::from(self.second[one * self.mean.len() + other]);
        second - self.mean[one] * self.mean[other]
    }

    /// The factor of `G_c[S,S] + λI` for these inputs, in their order.
    ///
    /// # Errors
    /// If the moments are not finite, or of inputs whose covariances f32 can't tell apart.
    pub fn factor(&self, kept: &[usize]) -> Result<Factor, NotPositiveDefinite> {
        let size = kept.len();
        let mut matrix = vec![0.0; size * size];
        for (row, &one) in kept.iter().enumerate() {
            let (before, from) = (&kept[..=row], &mut matrix[row * size..]);
            for (value, &other) in from.iter_mut().zip(before) {
                *value = self.covariance(one, other);
            }
            from[row] += self.ridge;
        }
        Factor::of(matrix, size)
    }
}
