//! Repair operators: channelwise affine maps put after a pruned layer with the distortion that they
//! leave, and reconstruction, which solves the kept weights anew.

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

/// Keeps variances apart from zero under a root.
const EPSILON: f64 = 1e-8;
/// A pruned channel varies when its variance exceeds this fraction of the dense channel's. Below,
/// it is rounding: sums in f32 leave residues of 1e-7 of a channel's second moment, and repair
/// would scale them up a thousandfold.
const VARIES: f64 = 1e-6;
/// κ of [`RepairOperator::Shrunk`]: a pruned channel with 5 % of the dense variance is trusted
/// half.
const SHRINKAGE: f64 = 0.05;

/// What is done to one pruned layer, and what a curve of a profile is the residual of
/// (`docs/method.md`, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownRepair, parse_err_fn = unknown_operator)]
pub enum RepairOperator {
    /// a = √(v/v̂), b = μ − a·μ̂: mean and variance of the dense channel.
    #[default]
    VarianceMatching,
    /// a = √(v/v̂), b = 0.
    VarianceScale,
    /// One a for the layer, √(Σv/Σv̂); b = μ − a·μ̂.
    Layerwise,
    /// a drawn towards 1 where the pruned channel hardly varies.
    Shrunk,
    /// a = cov/v̂, b = μ − a·μ̂: no channelwise affine map leaves less.
    LeastSquares,
    /// All kept weights solved anew by least squares: nothing of the layer's own leaves less.
    Reconstruction,
}

/// A repair operator that is a map of each channel, in closed form from the channel's five moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::VariantArray)]
pub enum ChannelwiseOperator {
    /// See [`RepairOperator::VarianceMatching`].
    VarianceMatching,
    /// See [`RepairOperator::VarianceScale`].
    VarianceScale,
    /// See [`RepairOperator::Layerwise`].
    Layerwise,
    /// See [`RepairOperator::Shrunk`].
    Shrunk,
    /// See [`RepairOperator::LeastSquares`].
    LeastSquares,
}

impl From<ChannelwiseOperator> for RepairOperator {
    fn from(operator: ChannelwiseOperator) -> Self {
        match operator {
            ChannelwiseOperator::VarianceMatching => Self::VarianceMatching,
            ChannelwiseOperator::VarianceScale => Self::VarianceScale,
            ChannelwiseOperator::Layerwise => Self::Layerwise,
            ChannelwiseOperator::Shrunk => Self::Shrunk,
            ChannelwiseOperator::LeastSquares => Self::LeastSquares,
        }
    }
}

/// What is done to a pruned network as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Repair {
    /// The pruned network as it is.
    None,
    /// An operator at every prunable layer, from input to output, on what the layers repaired before
    /// give it.
    Operator(RepairOperator),
    /// Statistics of every batch norm estimated again on the pruned network.
    BnRecalibration,
}

/// A name that is no repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no repair is named `{name}`; there are {}", choices.join(", "))]
pub struct UnknownRepair {
    name: String,
    choices: Vec<&'static str>,
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Repair {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let names = Self::all().into_iter().map(Self::name);
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(names))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Repair {}

impl Repair {
    /// Every repair: none, the operators, and batch norm recalibration.
    pub fn all() -> Vec<Self> {
        let operators = RepairOperator::VARIANTS.iter().copied().map(Self::Operator);
        [Self::None].into_iter().chain(operators).chain([Self::BnRecalibration]).collect()
    }

    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Operator(operator) => operator.name(),
            Self::BnRecalibration => "bn_recalibration",
        }
    }

    /// What a person reads on the page and in figures.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "no repair",
            Self::Operator(operator) => operator.label(),
            Self::BnRecalibration => "BatchNorm recalibration",
        }
    }
}

impl UnknownRepair {
    fn new(name: &str, choices: impl Iterator<Item = &'static str>) -> Self {
        Self { name: name.into(), choices: choices.collect() }
    }
}

fn unknown_operator(name: &str) -> UnknownRepair {
    UnknownRepair::new(name, RepairOperator::VARIANTS.iter().map(|value| value.name()))
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Repair {
    type Err = UnknownRepair;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = Self::all();
        let found = all.iter().find(|repair| repair.name() == text).copied();
        found.ok_or_else(|| UnknownRepair::new(text, all.into_iter().map(Self::name)))
    }
}

impl Serialize for Repair {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Repair {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

/// Moments of one output channel over images and positions: dense output y, pruned output ŷ.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChannelMoments {
    /// μ = `E[y]`.
    pub mean: f64,
    /// v = `E[y²]` − μ².
    pub variance: f64,
    /// μ̂ = `E[ŷ]`.
    pub pruned_mean: f64,
    /// v̂ = `E[ŷ²]` − μ̂².
    pub pruned_variance: f64,
    /// cov(y, ŷ) = `E[yŷ]` − μμ̂.
    pub covariance: f64,
}

/// The map x ↦ scale·x + shift of one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// The factor a.
    pub scale: f64,
    /// The addend b.
    pub shift: f64,
}

impl Affine {
    /// The map that changes nothing.
    pub const IDENTITY: Self = Self { scale: 1.0, shift: 0.0 };
}

impl ChannelMoments {
    /// `E[y²]` = v + μ².
    pub fn second_moment(&self) -> f64 {
        self.variance + self.mean * self.mean
    }

    /// `E[(y − a·ŷ − b)²]`; with the identity, the raw distortion.
    pub fn distortion(&self, map: Affine) -> f64 {
        let Affine { scale, shift } = map;
        let spread =
            self.variance + scale * scale * self.pruned_variance - 2.0 * scale * self.covariance;
        let offset = self.mean - scale * self.pruned_mean - shift;
        spread.max(0.0) + offset * offset
    }

    fn pruned_varies(&self) -> bool {
        self.pruned_variance > VARIES * self.variance && self.pruned_variance > f64::MIN_POSITIVE
    }

    fn deviation_ratio(&self) -> f64 {
        ((self.variance + EPSILON) / (self.pruned_variance + EPSILON)).sqrt()
    }
}

impl RepairOperator {
    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What a person reads on the page and in figures.
    pub fn label(self) -> &'static str {
        match self {
            Self::VarianceMatching => "variance matching",
            Self::VarianceScale => "variance scale",
            Self::Layerwise => "one scale for a layer",
            Self::Shrunk => "shrunk variance matching",
            Self::LeastSquares => "least squares",
            Self::Reconstruction => "reconstruction",
        }
    }

    /// The map of each channel that it is; none for reconstruction, which changes weights.
    pub fn channelwise(self) -> Option<ChannelwiseOperator> {
        let mut all = ChannelwiseOperator::VARIANTS.iter().copied();
        all.find(|&operator| Self::from(operator) == self)
    }
}

impl ChannelwiseOperator {
    /// The map of each channel of a layer.
    ///
    /// ```
    /// use rrlab_types::{ChannelMoments, ChannelwiseOperator};
    ///
    /// // A pruned channel that varies a quarter as much as the dense one.
    /// let channel = ChannelMoments {
    ///     mean: 1.0,
    ///     variance: 4.0,
    ///     pruned_mean: 0.25,
    ///     pruned_variance: 1.0,
    ///     covariance: 1.5,
    /// };
    /// let map = ChannelwiseOperator::VarianceMatching.maps(&[channel])[0];
    /// assert!((map.scale - 2.0).abs() < 1e-6 && (map.shift - 0.5).abs() < 1e-6);
    ///
    /// // No channelwise map leaves less than least squares.
    /// let least = ChannelwiseOperator::LeastSquares.maps(&[channel])[0];
    /// assert!(channel.distortion(least) < channel.distortion(map));
    /// ```
    pub fn maps(self, channels: &[ChannelMoments]) -> Vec<Affine> {
        let sums =
            channels.iter().fold((0.0, 0.0), |(v, p), c| (v + c.variance, p + c.pruned_variance));
        let layer_ratio = ((sums.0 + EPSILON) / (sums.1 + EPSILON)).sqrt();
        channels.iter().map(|channel| self.map(channel, layer_ratio)).collect()
    }

    fn map(self, channel: &ChannelMoments, layer_ratio: f64) -> Affine {
        if !channel.pruned_varies() {
            return Affine { scale: 0.0, shift: channel.mean };
        }
        let scale = match self {
            Self::VarianceMatching | Self::VarianceScale => channel.deviation_ratio(),
            Self::Layerwise => layer_ratio,
            Self::Shrunk => {
                let trust = channel.pruned_variance
                    / (channel.pruned_variance + SHRINKAGE * channel.variance);
                1.0 + trust * ((channel.variance / channel.pruned_variance).sqrt() - 1.0)
            }
            Self::LeastSquares => channel.covariance / channel.pruned_variance,
        };
        let shift = if self == Self::VarianceScale {
            0.0
        } else {
            channel.mean - scale * channel.pruned_mean
        };
        Affine { scale, shift }
    }
}
