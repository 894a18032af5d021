//! `ModelProfile`, the pivot: everything that graph, sliders and ablations need, measured once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

use crate::graph::LayerGraph;
use crate::identity::{Binding, ContentHasher, IdentityError, ImagesHash, ModelHash, ProfileHash};
use crate::repair::{ChannelwiseOperator, RepairOperator};
use crate::sketch::ScoreSketch;
use crate::version::{VersionError, check_version};

/// Version of the format that this program writes. Version 1 did not name the network and the
/// images; version 2 knew no sensitivity and had shorter curves.
pub const PROFILE_VERSION: u32 = 3;

/// First version with the sensitivity of every layer, and with curves over all of
/// [`CURVE_SPARSITIES`].
const FIRST_WITH_SENSITIVITY: u32 = 3;

/// Sparsities of every curve: 0.05 to 0.9995, denser above 0.85.
pub const CURVE_SPARSITIES: [f64; 43] = [
    0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80,
    0.85, 0.86, 0.87, 0.88, 0.89, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.955, 0.96, 0.965, 0.97,
    0.975, 0.98, 0.985, 0.99, 0.992, 0.994, 0.996, 0.998, 0.9985, 0.999, 0.9993, 0.9995,
];

/// Those of [`CURVE_SPARSITIES`] that curves of versions 1 and 2 are over: 0.3 to 0.998.
const EARLIER_SPARSITIES: Range<usize> = 5..39;

/// Sparsities at which the spread of RR over channels is kept.
pub const CHANNEL_SPARSITIES: [f64; 10] =
    [0.50, 0.70, 0.80, 0.85, 0.90, 0.93, 0.95, 0.97, 0.98, 0.99];

/// Number of quantiles of RR over channels: minimum, tenths, maximum.
pub const CHANNEL_QUANTILES: usize = 11;

/// How a profile was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Data set of the calibration images.
    pub dataset: String,
    /// Split that the images were drawn from, `train` or `test`.
    pub split: String,
    /// The one class that all of them are of, where they were not drawn without regard to labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Number of calibration images.
    pub images: usize,
    /// Seed with which they were drawn.
    pub seed: u64,
    /// Hash of these images; a profile of version 1 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_hash: Option<ImagesHash>,
    /// Kind of device that computed and, for a GPU, its adapter.
    pub device: String,
    /// How moments were computed: `second_moments` or `direct` (`docs/method.md`, section 3).
    pub method: String,
    /// What the sensitivity was measured with; a profile of version 1 or 2 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<SensitivityMeasurement>,
    /// Version of the program.
    pub program: String,
}

impl Measurement {
    /// Which images, as in `1024 train images of cifar10, cat alone`.
    pub fn images_in_words(&self) -> String {
        let Self { images, split, dataset, .. } = self;
        format!("{images} {split} images of {dataset}{}", class_in_words(self.class.as_deref()))
    }
}

/// Which class images are of, as what follows their number: `, cat alone`; nothing where they are of
/// all.
pub(crate) fn class_in_words(class: Option<&str>) -> String {
    class.map(|class| format!(", {class} alone")).unwrap_or_default()
}

/// What the sensitivity of a network's layers was measured with (`docs/method.md`, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensitivityMeasurement {
    /// Calibration images that gradients were taken on.
    pub images: usize,
    /// Random combinations of the logits that were drawn for each of them.
    pub rounds: usize,
}

/// Spread of RR over the channels of a layer at [`CHANNEL_SPARSITIES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelSpread {
    /// [`CHANNEL_QUANTILES`] quantiles for each sparsity.
    pub quantiles: Vec<Vec<f64>>,
}

/// What was measured of one prunable layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerProfile {
    /// Name of the layer's module.
    pub name: String,
    /// Σ_c `E[y²]` of the dense output.
    pub second_moment: f64,
    /// V/Σ_c `E[y²]`: variance of the dense output over its second moment.
    pub variance: f64,
    /// Share that the layer's side of a residual block has in the sum's variance; 1 elsewhere.
    pub share: f64,
    /// S of each output channel: the variance that white noise as strong as the channel's own
    /// output causes in the logits, over the logits' own. None in a profile of version 1 or 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel_sensitivity: Vec<f64>,
    /// Σ_c D_c / Σ_c `E[y²]` at each of [`LayerProfile::sparsities`].
    pub raw: Vec<f64>,
    /// Σ_c R_c / Σ_c `E[y²]` at each of [`LayerProfile::sparsities`]. Of reconstruction only where it was
    /// measured: not in profiles of earlier versions, nor without second moments of the inputs.
    pub residual: BTreeMap<RepairOperator, Vec<f64>>,
    /// Spread of RR over the output channels, by operator.
    pub channels: BTreeMap<RepairOperator, ChannelSpread>,
    /// How many weights pass which |w|.
    pub magnitude: ScoreSketch,
    /// How many weights pass which LAMP score.
    pub lamp: ScoreSketch,
}

/// What was measured of a network: the input of every rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelProfile {
    /// [`PROFILE_VERSION`] when it was written.
    pub version: u32,
    /// The network that was measured; a profile of version 1 does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_hash: Option<ModelHash>,
    /// The layers of the network, without weights.
    pub graph: LayerGraph,
    /// How it was measured.
    pub measurement: Measurement,
    /// One for each prunable layer, in graph order.
    pub layers: Vec<LayerProfile>,
    #[serde(skip)]
    hash: HashOnce,
}

/// A profile's hash, computed when it is first asked for. A copy computes its own: it may be
/// changed first.
#[derive(Debug, Default)]
struct HashOnce(OnceLock<ProfileHash>);

impl Clone for HashOnce {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for HashOnce {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Why a text is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Written by a version of the program that this one does not know.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Not JSON, or not a profile's; a broken layer graph is told in its own words.
    #[error("not a profile: {0}")]
    Format(#[from] serde_json::Error),
    /// Layers that do not match the graph, or numbers that can't be.
    #[error("the profile's layer `{layer}` is broken: {problem}")]
    Layer {
        /// Name of the layer; `*` where all of them are meant.
        layer: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
}

/// An operator whose residual a profile does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the profile does not say what {operator} leaves: measure the network again with `rrlab calibrate` (by second \
     moments), or choose another repair operator"
)]
pub struct UnmeasuredOperator {
    operator: RepairOperator,
}

impl ModelProfile {
    /// A profile of the network with this hash.
    pub fn new(
        model: ModelHash,
        graph: LayerGraph,
        measurement: Measurement,
        layers: Vec<LayerProfile>,
    ) -> Self {
        let hash = HashOnce::default();
        Self { version: PROFILE_VERSION, model_hash: Some(model), graph, measurement, layers, hash }
    }

    /// Hash of everything in it. It is computed once: what changes a profile does so before.
    pub fn hash(&self) -> ProfileHash {
        *self.hash.0.get_or_init(|| {
            let mut hasher = ContentHasher::new("rrlab profile");
            // Maps with names for keys and finite numbers always have a JSON text.
            hasher.add(&serde_json::to_vec(self).unwrap_or_default());
            ProfileHash::of(hasher)
        })
    }

    /// Checks that it was measured on the network with this hash.
    ///
    /// # Errors
    /// If it was measured on another.
    pub fn check_model(&self, model: &ModelHash) -> Result<Binding, IdentityError> {
        model.check(
            "the profile",
            self.model_hash.as_ref(),
            "measure this network with `rrlab calibrate`",
        )
    }

    /// Checks that it was measured what this operator leaves of the damage.
    ///
    /// # Errors
    /// For reconstruction where the profile is of an earlier version, or was not measured by second
    /// moments. A single layer may be without: a linear one with more inputs than there were images.
    pub fn check_residual(&self, operator: RepairOperator) -> Result<(), UnmeasuredOperator> {
        match self.layers.iter().any(|layer| layer.residual.contains_key(&operator)) {
            true => Ok(()),
            false => Err(UnmeasuredOperator { operator }),
        }
    }

    /// Reads a profile and checks all that the allocation rules take for granted.
    ///
    /// # Errors
    /// If it is of another version, no profile, or inconsistent.
    pub fn from_json(text: &str) -> Result<Self, ProfileError> {
        check_version("profile", text, PROFILE_VERSION)?;
        let profile: Self = serde_json::from_str(text)?;
        profile.check_layers()?;
        Ok(profile)
    }

    fn check_layers(&self) -> Result<(), ProfileError> {
        let prunable = self.graph.prunable_layers();
        let fail = |layer: &str, problem: String| {
            Err(ProfileError::Layer { layer: layer.into(), problem })
        };
        if prunable.len() != self.layers.len() {
            let problem = format!(
                "{} layers were measured, but the graph has {}",
                self.layers.len(),
                prunable.len()
            );
            return fail("*", problem);
        }
        for (expected, layer) in prunable.iter().zip(&self.layers) {
            if expected.name != layer.name {
                return fail(
                    &layer.name,
                    format!("the graph has `{}` in its place", expected.name),
                );
            }
            if let Some(problem) = layer.problem(self.version, expected.weight_shape[0]) {
                return fail(&layer.name, problem);
            }
        }
        Ok(())
    }
}

/// Sparsities that curves of a profile of this version are over.
fn sparsities_of(version: u32) -> &'static [f64] {
    if version < FIRST_WITH_SENSITIVITY {
        &CURVE_SPARSITIES[EARLIER_SPARSITIES]
    } else {
        &CURVE_SPARSITIES
    }
}

/// Sparsities that a curve of so many points is over.
fn sparsities_of_length(points: usize) -> &'static [f64] {
    let versions = [PROFILE_VERSION, FIRST_WITH_SENSITIVITY - 1].map(sparsities_of);
    versions.into_iter().find(|sparsities| sparsities.len() == points).unwrap_or(&CURVE_SPARSITIES)
}

impl LayerProfile {
    /// What is wrong with it as a layer of so many output channels in a profile of this version.
    fn problem(&self, version: u32, channels: usize) -> Option<String> {
        let sane = |value: &f64| value.is_finite() && *value >= 0.0;
        if ![self.second_moment, self.variance, self.share].iter().all(sane) {
            return Some(
                "its variance, second moment or share is not a number of at least 0".into(),
            );
        }
        for operator in ChannelwiseOperator::VARIANTS.iter().copied().map(RepairOperator::from) {
            if !self.residual.contains_key(&operator) {
                return Some(format!("it has no curve for the repair operator {operator}"));
            }
        }
        let points = sparsities_of(version).len();
        let mut curves = self.residual.values().chain([&self.raw]);
        if curves.any(|curve| curve.len() != points || !curve.iter().all(sane)) {
            return Some(format!("a curve is not {points} numbers of at least 0"));
        }
        let channels = if version < FIRST_WITH_SENSITIVITY { 0 } else { channels };
        let sensitivity = &self.channel_sensitivity;
        if sensitivity.len() != channels || !sensitivity.iter().all(sane) {
            return Some(format!("its sensitivity is not {channels} numbers of at least 0"));
        }
        let sketches = [&self.magnitude, &self.lamp];
        (!sketches.iter().all(|sketch| sketch.is_valid()))
            .then(|| "a sketch of its scores is out of order".into())
    }

    /// Sparsities of its curves: [`CURVE_SPARSITIES`], or fewer of them in a profile of version 1
    /// or 2.
    pub fn sparsities(&self) -> &'static [f64] {
        sparsities_of_length(self.raw.len())
    }

    /// Least density that its curves are measured at.
    pub(crate) fn least_density(&self) -> f64 {
        self.sparsities().last().map_or(1.0, |sparsity| 1.0 - sparsity)
    }

    /// S, the share of the logits' variance that white noise of the layer's own variance causes;
    /// nothing in a profile of version 1 or 2.
    pub fn sensitivity(&self) -> Option<f64> {
        (!self.channel_sensitivity.is_empty()).then(|| self.channel_sensitivity.iter().sum())
    }

    /// Raw distortion over `E[y²]` at any density.
    pub fn raw_at(&self, density: f64) -> f64 {
        interpolate(&self.raw, density)
    }

    /// Residual distortion over `E[y²]` at any density. Where a profile has no curve of
    /// reconstruction ([`ModelProfile::check_residual`]) that of least squares, which bounds it.
    pub fn residual_at(&self, operator: RepairOperator, density: f64) -> f64 {
        let bound = || &self.residual[&RepairOperator::LeastSquares];
        interpolate(self.residual.get(&operator).unwrap_or_else(bound), density)
    }

    /// RR at any density; 0 where pruning distorts nothing.
    pub fn rr_at(&self, operator: RepairOperator, density: f64) -> f64 {
        let raw = self.raw_at(density);
        if raw > 0.0 { self.residual_at(operator, density) / raw } else { 0.0 }
    }
}

/// A curve over the sparsities of its profile's version. Between them it is a power of density
/// (straight in both logarithms: a straight line in density or its logarithm alone would give
/// optimal rules corners to sit in), or linear where a value is 0; from the first to 0 at dense it
/// is linear in density, and beyond the last it goes on with its last slope.
fn interpolate(curve: &[f64], density: f64) -> f64 {
    let sparsities = sparsities_of_length(curve.len());
    let first = 1.0 - sparsities[0];
    if density >= first {
        return curve[0] * ((1.0 - density) / (1.0 - first)).max(0.0);
    }
    let after = sparsities.partition_point(|&sparsity| 1.0 - sparsity > density);
    let index = after.clamp(1, sparsities.len() - 1);
    let [high, low] = [index - 1, index].map(|i| (1.0 - sparsities[i]).ln());
    let share = (high - density.ln()) / (high - low);
    let (from, to) = (curve[index - 1], curve[index]);
    if from > 0.0 && to > 0.0 {
        from * (to / from).powf(share)
    } else {
        (from + share * (to - from)).max(0.0)
    }
}
