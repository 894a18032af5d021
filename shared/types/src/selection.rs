//! How an allocation was selected: by the label-free judge among those of several rules, and by
//! a search for a better one (`docs/method.md`, section 8).

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

use crate::criterion::Criterion;
use crate::repair::Repair;
use crate::rule::{Prior, Rule};

/// Standard errors by which a difference must exceed 0 to count as more than noise: 5 % of
/// differences of nothing do.
const NOISE: f64 = 1.96;

/// What selected an allocation, on which networks and images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// Repair of every network that was judged.
    pub repair: Repair,
    /// What chose the weights that stay inside each of their layers.
    pub criterion: Criterion,
    /// Images that they were repaired on.
    pub calibration_images: usize,
    /// Images that they were judged on, none of them among those above.
    pub judge_images: usize,
    /// Seed with which both were drawn.
    pub seed: u64,
    /// The candidates, the selected one first.
    pub candidates: Vec<Candidate>,
    /// The search for a better one; none where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refinement: Option<Refinement>,
}

/// A rule whose allocation was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The rule.
    pub rule: Rule,
    /// What a blend starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
    /// KL(dense ‖ repaired), the mean over the judge's images, in nats.
    pub divergence: f64,
    /// How much more than the selected one's that is, image by image.
    pub behind: PairedDifference,
}

/// How allocations are searched for one whose network diverges less than the rules'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownSearch, parse_err_fn = unknown_search)]
pub enum Search {
    /// A walk downhill from the best rule's allocation, in the logarithms of densities.
    #[default]
    Walk,
    /// SPDY's: random coefficients of a quadratic cost for each layer, of which the best are changed
    /// at random (Frantar and Alistarh 2022). It starts from no rule.
    Spdy,
}

/// A name that is no search.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no search is named `{name}`; there are {}", choices.join(", "))]
pub struct UnknownSearch {
    name: String,
    choices: Vec<&'static str>,
}

fn unknown_search(name: &str) -> UnknownSearch {
    let choices = Search::VARIANTS.iter().map(|search| search.into()).collect();
    UnknownSearch { name: name.into(), choices }
}

/// A search over allocations for one whose network diverges less than the selected rule's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refinement {
    /// The search; one that is not named was a walk.
    #[serde(default)]
    pub search: Search,
    /// Networks that were pruned, repaired and judged on the way.
    pub networks: usize,
    /// Images that decided about each step.
    pub deciding_images: usize,
    /// How much more the rule's network diverges than the one that was found, on the judge's other
    /// images.
    pub gain: PairedDifference,
    /// Whether what was found was taken: its gain exceeds 0 on images that decided nothing.
    pub taken: bool,
}

/// The mean difference of two measurements of the same images, with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Mean over images.
    pub mean: f64,
    /// Standard deviation of the differences over √images.
    pub standard_error: f64,
}

impl PairedDifference {
    /// `these` minus `those`, image by image; both have the same number of images.
    ///
    /// ```
    /// use rrlab_types::PairedDifference;
    ///
    /// let difference = PairedDifference::of(&[3.0, 5.0], &[2.0, 2.0]);
    /// assert_eq!((difference.mean, difference.standard_error), (2.0, 1.0));
    /// assert!(difference.exceeds_noise());
    /// ```
    pub fn of(these: &[f64], those: &[f64]) -> Self {
        let differences: Vec<f64> = these.iter().zip(those).map(|(a, b)| a - b).collect();
        let count = differences.len().max(1) as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
        // Of one image nothing is known about the spread.
        let variance = if count > 1.0 { squares / (count - 1.0) } else { f64::INFINITY };
        Self { mean, standard_error: (variance / count).sqrt() }
    }

    /// Whether the first exceeds the second by more than the choice of images explains.
    pub fn exceeds_noise(self) -> bool {
        self.mean > NOISE * self.standard_error
    }
}

impl std::fmt::Display for PairedDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4} ± {:.4}", self.mean, self.standard_error)
    }
}
