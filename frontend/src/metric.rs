//! What colours and numbers on the graph can stand for.

use std::iter::Sum;

use rrlab_types::{Allocation, ModelProfile, RepairOperator};

use crate::choices::choices;
use crate::colour::Scale;
use crate::format::{count, percent};

/// Difference of density that has the strongest colour where no layer's is larger: less is hardly a
/// difference.
const LEAST_DIFFERENCE: f64 = 0.05;

choices! {
    /// A number that a layer, or a group of layers, has.
    Metric {
        /// Relative repairability.
        Rr = "rr", "RR";
        /// Raw distortion over E[y²].
        Raw = "raw", "raw distortion";
        /// Residual distortion over E[y²].
        Residual = "residual", "residual distortion";
        /// Weights kept over weights.
        Density = "density", "density";
        /// Weights removed over weights.
        Sparsity = "sparsity", "sparsity";
        Kept = "kept", "weights kept";
        Weights = "weights", "weights";
        /// Multiply-accumulates of the dense layer.
        Macs = "macs", "multiply-accumulates";
        /// Density in B less density in A.
        Difference = "difference", "density, B − A";
    }
}

/// LayerNumbers of a layer under an allocation, or of several layers together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LayerNumbers {
    pub layers: usize,
    pub weights: usize,
    /// Weights that are kept.
    pub kept: usize,
    /// How many of them are close to being cut off.
    pub near_collapse: usize,
    /// Their multiply-accumulates for one image when dense.
    pub macs: u64,
    /// Sum of their raw distortions over E[y²].
    pub raw: f64,
    /// Sum of their residual distortions over E[y²].
    pub residual: f64,
}

impl LayerNumbers {
    /// Of every prunable layer, in graph order; residual distortion is what `operator` leaves.
    pub fn of_layers(
        profile: &ModelProfile,
        allocation: &Allocation,
        operator: RepairOperator,
    ) -> Vec<Self> {
        let shapes = profile.graph.prunable_layers();
        let mut numbers = Vec::with_capacity(shapes.len());
        for ((profile, layer), shape) in profile.layers.iter().zip(&allocation.layers).zip(shapes) {
            numbers.push(Self {
                layers: 1,
                weights: layer.weights,
                kept: layer.kept,
                near_collapse: layer.is_near_collapse().into(),
                macs: shape.macs,
                raw: profile.raw_at(layer.density),
                residual: profile.residual_at(operator, layer.density),
            });
        }
        numbers
    }

    /// Weights kept over weights.
    pub fn density(self) -> f64 {
        self.kept as f64 / self.weights.max(1) as f64
    }

    /// Residual over raw distortion; 0 where pruning distorts nothing.
    pub fn rr(self) -> f64 {
        if self.raw > 0.0 { self.residual / self.raw } else { 0.0 }
    }
}

impl Sum for LayerNumbers {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |a, b| Self {
            layers: a.layers + b.layers,
            weights: a.weights + b.weights,
            kept: a.kept + b.kept,
            near_collapse: a.near_collapse + b.near_collapse,
            macs: a.macs + b.macs,
            raw: a.raw + b.raw,
            residual: a.residual + b.residual,
        })
    }
}

impl Metric {
    /// The number, where `other` is B's of the same layers.
    pub fn of(self, numbers: LayerNumbers, other: LayerNumbers) -> f64 {
        let mean = |sum: f64| sum / numbers.layers.max(1) as f64;
        match self {
            Self::Rr => numbers.rr(),
            Self::Raw => mean(numbers.raw),
            Self::Residual => mean(numbers.residual),
            Self::Density => numbers.density(),
            Self::Sparsity => 1.0 - numbers.density(),
            Self::Kept => numbers.kept as f64,
            Self::Weights => numbers.weights as f64,
            Self::Macs => numbers.macs as f64,
            Self::Difference => other.density() - numbers.density(),
        }
    }

    /// The number as it stands on a box: few digits, with its unit.
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Rr | Self::Raw | Self::Residual => format!("{value:.3}"),
            Self::Density | Self::Sparsity => percent(value),
            Self::Kept | Self::Weights | Self::Macs => count(value),
            Self::Difference => format!("{:+.1} pp", 100.0 * value),
        }
    }

    /// The name as it stands on a node, before the number.
    pub fn short(self) -> &'static str {
        match self {
            Self::Rr => "RR",
            Self::Raw => "raw",
            Self::Residual => "residual",
            Self::Density => "density",
            Self::Sparsity => "sparsity",
            Self::Kept => "keeps",
            Self::Weights => "weights",
            Self::Macs => "MACs",
            Self::Difference => "B − A",
        }
    }

    /// Colours of these values. Ranges that have a meaning are fixed, so that colours stay while
    /// the slider moves.
    pub fn scale(self, values: &[f64]) -> Scale {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let farthest = values.iter().map(|value| value.abs()).fold(LEAST_DIFFERENCE, f64::max);
        match self {
            Self::Rr => Scale::around(1.0, 1.0),
            Self::Raw | Self::Residual | Self::Density | Self::Sparsity => Scale::amounts(0.0, 1.0),
            Self::Kept | Self::Weights | Self::Macs => Scale::magnitudes(least, most),
            Self::Difference => Scale::around(0.0, farthest),
        }
    }

    /// Colours that reach from the least to the most of these values: differences show that a
    /// fixed range hides, and a colour means another number once the values change.
    pub fn stretched(self, values: &[f64]) -> Scale {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self {
            // A difference keeps its centre: that nothing differs is what it is read by.
            Self::Difference => self.scale(values),
            Self::Kept | Self::Weights | Self::Macs => Scale::magnitudes(least, most),
            Self::Rr | Self::Raw | Self::Residual | Self::Density | Self::Sparsity => {
                Scale::amounts(least, most)
            }
        }
    }

    /// What the ends and the middle of the legend mean, in words.
    pub fn meaning(self) -> [&'static str; 3] {
        match self {
            Self::Rr => ["mended", "no effect", "made worse"],
            Self::Raw | Self::Residual => ["undistorted", "", "as large as the output"],
            Self::Density => ["nothing kept", "", "dense"],
            Self::Sparsity => ["dense", "", "nothing kept"],
            Self::Kept | Self::Weights | Self::Macs => ["few", "", "many"],
            Self::Difference => ["A keeps more", "", "B keeps more"],
        }
    }
}
