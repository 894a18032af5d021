//! Allocation rules, their settings, and what a person forces.

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

use crate::budget::Density;
use crate::graph::Role;
use crate::repair::RepairOperator;

/// How a budget is shared out over the layers (`docs/method.md`, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownRule, parse_err_fn = unknown_rule)]
pub enum Rule {
    /// The same density everywhere.
    Uniform,
    /// First convolution dense, classifier at least 20 % dense, the rest uniform (Gale et al.
    /// 2019).
    UniformPlus,
    /// Density ∝ (in + out)/(in·out), capped at dense (Mocanu et al. 2018).
    Er,
    /// Density ∝ (in + out + kh + kw)/(in·out·kh·kw), capped at dense (Evci et al. 2020).
    Erk,
    /// The largest |w| of the whole network.
    GlobalMagnitude,
    /// The largest LAMP scores of the whole network (Lee et al. 2021).
    Lamp,
    /// Least unrepairable noise by what reaches the logits: min Σ √S·r/(1 − r), r = R/V of least
    /// squares.
    Rr,
    /// Least unrepairable noise by what reaches the residual stream: min Σ ω·R/(V − R), which `rr`
    /// was before sensitivity was measured.
    RrRatio,
    /// Density ∝ RR^α at the target sparsity (arXiv:2605.25508, read naively).
    RrProportional,
    /// Least residual distortion: min Σ R/V.
    ResidualOptimal,
    /// Least raw distortion: min Σ D/V, the control without repair.
    RawOptimal,
    /// A prior's density times (RR / mean RR)^α.
    Blend,
    /// Geometric mean of a prior's density and that of `rr`.
    BlendGeometric,
}

/// A name that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no rule is named `{name}`; there are {}", choices.join(", "))]
pub struct UnknownRule {
    name: String,
    choices: Vec<&'static str>,
}

impl Rule {
    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What a person reads on the page and in figures.
    pub fn label(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::UniformPlus => "uniform+",
            Self::Er => "ER (capped)",
            Self::Erk => "ERK (capped)",
            Self::GlobalMagnitude => "global magnitude",
            Self::Lamp => "LAMP",
            Self::Rr => "RR",
            Self::RrRatio => "RR by shares of the stream",
            Self::RrProportional => "RR, proportional",
            Self::ResidualOptimal => "residual-optimal",
            Self::RawOptimal => "raw-optimal",
            Self::Blend => "blend",
            Self::BlendGeometric => "geometric blend",
        }
    }

    /// Whether shapes alone decide, so that no profile is needed.
    pub fn needs_no_profile(self) -> bool {
        matches!(self, Self::Uniform | Self::UniformPlus | Self::Er | Self::Erk)
    }

    /// Whether the rule starts from another, its prior.
    pub fn is_blend(self) -> bool {
        matches!(self, Self::Blend | Self::BlendGeometric)
    }

    /// Whether the rule reads any of the settings but the floor.
    pub fn reads_settings(self) -> bool {
        !self.needs_no_profile() && !matches!(self, Self::GlobalMagnitude | Self::Lamp)
    }
}

fn unknown_rule(name: &str) -> UnknownRule {
    UnknownRule {
        name: name.into(),
        choices: Rule::VARIANTS.iter().map(|value| value.name()).collect(),
    }
}

/// A rule that another one may start from: any but a blend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "Rule", into = "Rule")]
pub struct Prior(Rule);

/// A blend given as the prior of a blend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` can't be the prior of a blend; choose a rule that stands alone, such as erk or lamp"
)]
pub struct PriorError(Rule);

impl Prior {
    /// Capped ERK, the prior unless another is chosen.
    pub const ERK: Self = Self(Rule::Erk);
}

impl TryFrom<Rule> for Prior {
    type Error = PriorError;

    fn try_from(rule: Rule) -> Result<Self, Self::Error> {
        if rule.is_blend() { Err(PriorError(rule)) } else { Ok(Self(rule)) }
    }
}

impl From<Prior> for Rule {
    fn from(prior: Prior) -> Self {
        prior.0
    }
}

impl std::fmt::Display for Prior {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Prior {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule: Rule = text.parse().map_err(|error: UnknownRule| error.to_string())?;
        Self::try_from(rule).map_err(|error| error.to_string())
    }
}

/// Numbers that some rules read; each says which.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RuleSettings {
    /// Operator whose residual distortion counts: every rule with R or RR in it; under `rr` every
    /// channelwise operator counts as least squares.
    pub repair: RepairOperator,
    /// Power of RR: `rr_proportional`, `blend`.
    pub alpha: f64,
    /// Where a blend starts from: `blend`, `blend_geometric`.
    pub prior: Prior,
    /// β, power of the share that a layer has in its stream: `rr_ratio` alone.
    pub share_exponent: f64,
    /// ω of the classifier: `rr_ratio` alone.
    pub classifier_weight: f64,
    /// Least density of every layer that is not forced, 0 for none but the one weight that each
    /// keeps: every rule.
    pub floor: f64,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            repair: RepairOperator::default(),
            alpha: 1.0,
            prior: Prior::ERK,
            share_exponent: 0.5,
            classifier_weight: 4.0,
            floor: 0.0,
        }
    }
}

impl RuleSettings {
    /// Whether a rule shares out a budget alike under these settings and under others.
    pub fn agree_for(&self, rule: Rule, other: &Self) -> bool {
        if rule.reads_settings() { self == other } else { self.floor == other.floor }
    }
}

/// Layers that a constraint speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// All layers of a role.
    Role(Role),
    /// The layer of this name.
    Layer(String),
}

/// Density that a constraint imposes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ForcedDensity {
    /// Every weight of the layer stays.
    Dense,
    /// The density of the whole network.
    Global,
    /// A density that the person gives.
    Value(Density),
    /// The density that this rule gives the layer without constraints.
    Rule(Rule),
}

/// Layers forced to a density before a rule shares out the rest: `projection=dense`,
/// `layer2.0.conv1=0.2`, …
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Constraint {
    /// The layers that are forced.
    pub target: Target,
    /// The density that they are forced to.
    pub density: ForcedDensity,
}

/// A text that is no constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no constraint: {problem}; write LAYERS=DENSITY, with a role ({}) or a layer's name, and dense, global, \
     a number such as 0.2, or rule:NAME",
    Role::VARIANTS.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
)]
pub struct ConstraintSyntaxError {
    text: String,
    problem: String,
}

impl std::str::FromStr for Constraint {
    type Err = ConstraintSyntaxError;

    /// ```
    /// use rrlab_types::{Constraint, ForcedDensity, Role, Target};
    ///
    /// let constraint: Constraint = "projection=rule:rr".parse()?;
    /// assert_eq!(constraint.target, Target::Role(Role::Projection));
    /// assert!("layer2.0.conv1=0.2".parse::<Constraint>().is_ok());
    /// assert!("projection=1.2".parse::<Constraint>().is_err());
    /// # Ok::<(), rrlab_types::ConstraintSyntaxError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem: String| ConstraintSyntaxError { text: text.into(), problem };
        let (layers, density) = text.split_once('=').ok_or_else(|| fail("it has no `=`".into()))?;
        if layers.is_empty() {
            return Err(fail("it names no layers".into()));
        }
        let role = Role::VARIANTS.iter().copied().find(|role| role.name() == layers);
        let target = role.map_or_else(|| Target::Layer(layers.into()), Target::Role);
        let density = match (density, density.strip_prefix("rule:")) {
            ("dense", _) => ForcedDensity::Dense,
            ("global", _) => ForcedDensity::Global,
            (_, Some(rule)) => {
                ForcedDensity::Rule(rule.parse().map_err(|error| fail(format!("{error}")))?)
            }
            (number, None) => {
                let value =
                    number.parse().map_err(|_| fail(format!("`{number}` is no density")))?;
                ForcedDensity::Value(Density::new(value).map_err(|error| fail(error.to_string()))?)
            }
        };
        Ok(Self { target, density })
    }
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.target {
            Target::Role(role) => write!(f, "{role}=")?,
            Target::Layer(name) => write!(f, "{name}=")?,
        }
        match self.density {
            ForcedDensity::Dense => f.write_str("dense"),
            ForcedDensity::Global => f.write_str("global"),
            ForcedDensity::Value(density) => write!(f, "{}", density.get()),
            ForcedDensity::Rule(rule) => write!(f, "rule:{rule}"),
        }
    }
}
