//! Sparsity, density and the budget of weights that both stand for.

use serde::{Deserialize, Serialize};

/// Fraction of weights removed: at least 0, below 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(minimum = 0.0, maximum = 1.0))]
#[serde(try_from = "f64", into = "f64")]
pub struct Sparsity(f64);

/// Fraction of weights kept: above 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(minimum = 0.0, maximum = 1.0))]
#[serde(try_from = "f64", into = "f64")]
pub struct Density(f64);

/// A number that is no sparsity or density.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FractionError {
    /// A number that is no sparsity.
    #[error(
        "sparsity {0} is not possible: it is at least 0 (dense) and below 1 (nothing would be left)"
    )]
    Sparsity(f64),
    /// A number that is no density.
    #[error(
        "density {0} is not possible: it is above 0 (nothing would be left) and at most 1 (dense)"
    )]
    Density(f64),
    /// A text that is no number.
    #[error("`{0}` is not a number")]
    Number(String),
}

impl Sparsity {
    /// Nothing is removed.
    pub const DENSE: Self = Self(0.0);
    /// Where plans that name none prune: most networks are in their transition there.
    pub const CUSTOMARY: Self = Self(0.95);

    /// A sparsity of this value.
    ///
    /// # Errors
    /// [`FractionError::Sparsity`] for anything outside [0, 1), NaN included.
    pub fn new(value: f64) -> Result<Self, FractionError> {
        if (0.0..1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(FractionError::Sparsity(value))
        }
    }

    /// The fraction, as a number between 0 and 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The fraction that is kept, d = 1 − s.
    pub fn density(self) -> Density {
        Density(1.0 - self.0)
    }
}

impl Density {
    /// Every weight is kept.
    pub const DENSE: Self = Self(1.0);

    /// A density of this value.
    ///
    /// # Errors
    /// [`FractionError::Density`] for anything outside (0, 1], NaN included.
    pub fn new(value: f64) -> Result<Self, FractionError> {
        if value > 0.0 && value <= 1.0 {
            Ok(Self(value))
        } else {
            Err(FractionError::Density(value))
        }
    }

    /// The fraction, as a number between 0 and 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Weights kept of `weights`, rounded, at least one.
    pub fn kept_of(self, weights: usize) -> usize {
        ((self.0 * weights as f64).round() as usize).clamp(1, weights.max(1))
    }
}

impl TryFrom<f64> for Sparsity {
    type Error = FractionError;
    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl TryFrom<f64> for Density {
    type Error = FractionError;
    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Sparsity> for f64 {
    fn from(value: Sparsity) -> Self {
        value.0
    }
}

impl From<Density> for f64 {
    fn from(value: Density) -> Self {
        value.0
    }
}

impl std::str::FromStr for Sparsity {
    type Err = FractionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text.trim().parse().map_err(|_| FractionError::Number(text.into()))?)
    }
}

impl std::fmt::Display for Sparsity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Weights kept over all prunable layers: B = round((1 − s)·N).
///
/// ```
/// use rrlab_types::{Budget, Sparsity};
///
/// let budget = Budget::new(Sparsity::new(0.95)?, 270_896, 22)?;
/// assert_eq!(budget.kept(), 13_545);
///
/// // Every layer keeps at least one weight.
/// assert!(Budget::new(Sparsity::new(0.999)?, 1_000, 2).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    kept: usize,
    weights: usize,
}

/// A budget that leaves some layer without a weight.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "sparsity {sparsity} keeps {kept} of {weights} weights, fewer than one for each of the {layers} layers; \
     the highest sparsity possible here is {highest:.6}"
)]
pub struct BudgetError {
    sparsity: f64,
    kept: usize,
    weights: usize,
    layers: usize,
    highest: f64,
}

impl Budget {
    /// The budget of a network with this many prunable weights and layers.
    ///
    /// # Errors
    /// If it holds less than one weight for each layer.
    pub fn new(sparsity: Sparsity, weights: usize, layers: usize) -> Result<Self, BudgetError> {
        let kept = (sparsity.density().get() * weights as f64).round() as usize;
        if kept < layers {
            let highest = 1.0 - layers as f64 / weights as f64;
            return Err(BudgetError { sparsity: sparsity.get(), kept, weights, layers, highest });
        }
        Ok(Self { kept, weights })
    }

    /// Weights kept in all layers together, B = round((1 − s)·N).
    pub fn kept(self) -> usize {
        self.kept
    }

    /// Prunable weights of the network, N.
    pub fn weights(self) -> usize {
        self.weights
    }

    /// Density of the whole network.
    pub fn density(self) -> Density {
        Density(self.kept as f64 / self.weights as f64)
    }
}
