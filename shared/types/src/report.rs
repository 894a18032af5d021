//! What a sweep found, and what it means for the recoverability transition.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::allocate::AllocationRequest;
use crate::budget::Sparsity;
use crate::criterion::{Criterion, CriterionError};
use crate::identity::{Binding, IdentityError, ImagesHash, ModelHash, ProfileHash};
use crate::outcomes::Outcomes;
use crate::profile::class_in_words;
use crate::repair::{Repair, RepairOperator};
use crate::rule::{Constraint, Rule, RuleSettings};
use crate::training::{DistillationPlan, epochs_in_words};
use crate::version::{VersionError, check_version};

/// Version of the format that this program writes. Version 1 did not say what it is of in a way
/// that can be checked; version 2 did not say which images each network tells right.
pub const SWEEP_VERSION: u32 = 3;

/// Calibration images of a plan that does not say how many.
pub const CALIBRATION_IMAGES: usize = 1024;
/// Test images of a plan that does not say how many; a data set that has fewer gives all that it
/// has.
pub const EVALUATION_IMAGES: usize = 10_000;

/// Unlabelled images that the judge looks at in a plan that does not say how many.
pub const JUDGE_IMAGES: usize = 1024;

/// Recovery at which the recoverability transition begins.
const TRANSITION_UPPER: f64 = 0.8;
/// Recovery at which it ends.
const TRANSITION_LOWER: f64 = 0.2;

/// One pruned, repaired and evaluated network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepEntry {
    /// Rule that shared out the budget.
    pub rule: Rule,
    /// Global sparsity at which the network was pruned.
    pub sparsity: Sparsity,
    /// What was done to the pruned network before it was evaluated.
    pub repair: Repair,
    /// Weights kept, equal to the budget.
    pub kept: usize,
    /// Accuracy on the evaluation images.
    pub accuracy: f64,
    /// Which of them it told right; a sweep of version 2 does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Outcomes>,
    /// KL divergence in nats from the dense network's outputs, on unlabelled images that the repair
    /// did not see (`docs/method.md`, section 8); nothing where there was no judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<f64>,
}

/// What a sweep runs over and on; two sweeps with equal plans give equal entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SweepPlan {
    /// Rules, each at every sparsity with every repair.
    pub rules: Vec<Rule>,
    /// Global sparsities.
    pub sparsities: Vec<Sparsity>,
    /// Repairs of the same pruned network.
    pub repairs: Vec<Repair>,
    /// What chooses the weights that stay inside each layer; a plan that does not say means
    /// magnitude.
    #[serde(default)]
    pub criterion: Criterion,
    /// Numbers that the rules read.
    pub settings: RuleSettings,
    /// Layers forced, the same for every rule.
    pub constraints: Vec<Constraint>,
    /// Images on which repairs measure statistics.
    pub calibration_images: usize,
    /// The one class that these and the judge's are of; nothing for all, drawn without regard to
    /// labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_class: Option<String>,
    /// Evaluation images, drawn from the test split.
    pub evaluation_images: usize,
    /// Unlabelled images of the training split, none of them calibration images, on which the
    /// divergence from the dense network is measured; 0 for no judge. A plan of versions before
    /// had none.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = 1024))]
    pub judge_images: usize,
    /// How each repaired network learns from the dense network's outputs on the calibration images,
    /// where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<DistillationPlan>,
    /// Seed with which the images are drawn.
    pub seed: u64,
    /// Seed of the evaluation images, where it is another: sweeps that differ by `seed` alone are
    /// compared on the same ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_seed: Option<u64>,
}

/// What the numbers of a sweep or of fine-tuning were computed from. Numbers of one report can be
/// compared only if all of them come from the same network, profile, images, kind of device and
/// version of the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportOrigin {
    /// The dense network; a report of version 1 does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_hash: Option<ModelHash>,
    /// The profile that the budgets were shared out by, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_hash: Option<ProfileHash>,
    /// The evaluation images, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_hash: Option<ImagesHash>,
    /// Data set of calibration and training (train split) and evaluation (test split).
    pub dataset: String,
    /// Data set whose training images calibration's and the judge's are of, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_dataset: Option<String>,
    /// Name of the device that computed, its kind first.
    pub device: String,
    /// Name and version of the program.
    pub program: String,
}

impl ReportOrigin {
    /// What differs between an earlier part of some work, with this origin, and the work at hand,
    /// as the end of a sentence; nothing where it can be gone on with.
    pub fn difference(&self, here: &Self) -> Option<String> {
        let (Some(model), Some(profile)) = (self.model_hash, self.profile_hash) else {
            return Some(UNBOUND.into());
        };
        let (Some(here_model), Some(here_profile)) = (here.model_hash, here.profile_hash) else {
            return Some(
                "names its network, and the profile here does not say which network it is of"
                    .into(),
            );
        };
        if self.images_hash.is_none() {
            return Some(UNBOUND.into());
        }
        if model != here_model {
            return Some(format!(
                "is of network {}, and this one is {}",
                model.short(),
                here_model.short()
            ));
        }
        if profile != here_profile {
            return Some(format!(
                "is by profile {}, and this one is {}",
                profile.short(),
                here_profile.short()
            ));
        }
        if self.dataset != here.dataset {
            return Some(format!(
                "is on data set {}, and this one is {}",
                self.dataset, here.dataset
            ));
        }
        let (mine, of_here) = (self.calibrated_on(), here.calibrated_on());
        if mine != of_here {
            return Some(format!("is calibrated on data set {mine}, and this one is on {of_here}"));
        }
        if self.images_hash != here.images_hash {
            return Some("was evaluated on other images".into());
        }
        if device_kind(&self.device) != device_kind(&here.device) {
            return Some(format!(
                "was computed on {}, and this device is {}",
                self.device, here.device
            ));
        }
        if self.program != here.program {
            return Some(format!("was computed by {}, and this is {}", self.program, here.program));
        }
        None
    }

    /// The same but for the profile: each draw of calibration images has one of its own.
    pub fn difference_but_for_profile(&self, here: &Self) -> Option<String> {
        self.difference(&Self { profile_hash: self.profile_hash, ..here.clone() })
    }

    /// The same but for the calibration images and the profile that was measured on them.
    pub fn difference_but_for_calibration(&self, here: &Self) -> Option<String> {
        let calibration_dataset = self.calibration_dataset.clone();
        self.difference_but_for_profile(&Self { calibration_dataset, ..here.clone() })
    }

    /// Data set of the calibration images.
    fn calibrated_on(&self) -> &str {
        self.calibration_dataset.as_ref().unwrap_or(&self.dataset)
    }

    /// Where calibration images come from, as what follows their number: ` of shapes10`; nothing
    /// where that is the data set of all.
    pub fn calibration_dataset_in_words(&self) -> String {
        self.calibration_dataset.as_ref().map(|name| format!(" of {name}")).unwrap_or_default()
    }
}

/// What is said of a report that names no network, profile or images.
const UNBOUND: &str =
    "was written by an earlier version and does not say which network and profile it is of";

/// The kind of a device: the first word of its name, before the adapter's.
pub(crate) fn device_kind(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// Accuracy over rules, sparsities and repairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// [`SWEEP_VERSION`] when it was written.
    pub version: u32,
    /// Architecture with its options.
    pub architecture: String,
    /// Classes of the data set; chance is one over them.
    pub classes: usize,
    /// What its numbers were computed from.
    #[serde(flatten)]
    pub origin: ReportOrigin,
    /// What was asked for.
    pub plan: SweepPlan,
    /// Accuracy of the dense network on the same evaluation images.
    pub dense_accuracy: f64,
    /// What was found, in the order in which it was computed.
    pub entries: Vec<SweepEntry>,
}

/// The accuracy of a rule and repair at a sparsity, as a sweep tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AccuracyAt {
    /// Measured at this very sparsity.
    Measured(f64),
    /// On the straight line between the two sparsities next to it that were measured.
    Interpolated {
        /// Accuracy.
        accuracy: f64,
        /// The sparsities, the lower first.
        between: (Sparsity, Sparsity),
    },
}

impl AccuracyAt {
    /// The accuracy, however it is known.
    pub fn accuracy(self) -> f64 {
        match self {
            Self::Measured(accuracy) | Self::Interpolated { accuracy, .. } => accuracy,
        }
    }
}

/// How an entry stands among those of all rules at its sparsity and repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The most accurate, beyond noise better than every other.
    Leads,
    /// The most accurate or not told apart from it.
    WithinNoise,
    /// Beyond noise worse than the most accurate.
    Behind,
    /// There is no other.
    Alone,
    /// The report does not say which images were told right.
    Unknown,
}

impl Standing {
    /// How one stands among others. `differs` says whether two are told apart, the better first;
    /// nothing where that can't be known.
    pub(crate) fn among<T>(
        own: &T,
        others: &[T],
        accuracy: impl Fn(&T) -> f64,
        differs: impl Fn(&T, &T) -> Option<bool>,
    ) -> Self {
        if others.is_empty() {
            return Self::Alone;
        }
        let best = others.iter().max_by(|a, b| accuracy(a).total_cmp(&accuracy(b)));
        if let Some(best) = best.filter(|best| accuracy(best) > accuracy(own)) {
            return match differs(best, own) {
                Some(true) => Self::Behind,
                Some(false) => Self::WithinNoise,
                None => Self::Unknown,
            };
        }
        let mut standing = Self::Leads;
        for other in others {
            match differs(own, other) {
                Some(true) => {}
                Some(false) => standing = Self::WithinNoise,
                None => return Self::Unknown,
            }
        }
        standing
    }
}

/// Where recovery falls below a level, within the sparsities of a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Crossing {
    /// It is below already at the first.
    Before,
    /// Here, interpolated linearly between two sparsities.
    At(f64),
    /// It is not below even at the last.
    NotReached,
}

/// Sparsities between which recovery falls from 0.8 to 0.2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecoverabilityTransition {
    /// Where recovery falls below 0.8.
    pub begin: Crossing,
    /// Where it falls below 0.2.
    pub end: Crossing,
}

impl RecoverabilityTransition {
    /// Of recoveries over sparsities, these in ascending order.
    pub(crate) fn of(points: &[(f64, f64)]) -> Self {
        let crossing = |level: f64| {
            if points.first().is_some_and(|first| first.1 < level) {
                return Crossing::Before;
            }
            let fall = points.windows(2).find(|pair| pair[0].1 >= level && pair[1].1 < level);
            fall.map_or(Crossing::NotReached, |pair| {
                let share = (pair[0].1 - level) / (pair[0].1 - pair[1].1);
                Crossing::At(pair[0].0 + share * (pair[1].0 - pair[0].0))
            })
        };
        Self { begin: crossing(TRANSITION_UPPER), end: crossing(TRANSITION_LOWER) }
    }
}

impl std::fmt::Display for RecoverabilityTransition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.begin, self.end) {
            (_, Crossing::Before) => f.write_str("over before the first sparsity"),
            (Crossing::At(begin), Crossing::At(end)) => write!(f, "{begin:.3} to {end:.3}"),
            (Crossing::Before, Crossing::At(end)) => {
                write!(f, "begins before the first sparsity, ends at {end:.3}")
            }
            (Crossing::At(begin), Crossing::NotReached) => {
                write!(f, "begins at {begin:.3}, end not reached")
            }
            (Crossing::Before, Crossing::NotReached) => {
                f.write_str("begins before the first sparsity, end not reached")
            }
            (Crossing::NotReached, _) => f.write_str("not reached"),
        }
    }
}

/// Why a text is no sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepFormatError {
    /// Written by a version of the program that this one does not know.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Not JSON, or not a sweep's.
    #[error("not a sweep: {0}")]
    Format(#[from] serde_json::Error),
    /// A number that can't be.
    #[error("the sweep is broken: {problem}")]
    Inconsistent {
        /// What is inconsistent, as the end of a sentence.
        problem: String,
    },
}

/// The rules that are compared most, before and after the default repair, through the transition.
impl Default for SweepPlan {
    fn default() -> Self {
        Self {
            rules: vec![Rule::Uniform, Rule::Erk, Rule::Lamp, Rule::GlobalMagnitude, Rule::Rr],
            sparsities: [0.8, 0.9, 0.95]
                .into_iter()
                .filter_map(|value| Sparsity::new(value).ok())
                .collect(),
            repairs: vec![Repair::None, Repair::Operator(RepairOperator::default())],
            criterion: Criterion::default(),
            settings: RuleSettings::default(),
            constraints: Vec::new(),
            calibration_images: CALIBRATION_IMAGES,
            calibration_class: None,
            evaluation_images: EVALUATION_IMAGES,
            judge_images: JUDGE_IMAGES,
            distillation: None,
            seed: 0,
            evaluation_seed: None,
        }
    }
}

impl SweepPlan {
    /// The fine sweep of arXiv:2605.25508 through the transition, 0.90 to 0.98 by 0.005: its rules,
    /// the opponents that it does not lead with, and the control without repair; beside its repair
    /// the one that solves the kept weights anew.
    pub fn paper() -> Self {
        let thousandths = (900..=980).step_by(5);
        let sparsities =
            thousandths.filter_map(|value| Sparsity::new(f64::from(value) / 1000.0).ok());
        let mut plan = Self { sparsities: sparsities.collect(), ..Self::default() };
        plan.rules.extend([Rule::ResidualOptimal, Rule::RawOptimal]);
        plan.repairs.push(Repair::Operator(RepairOperator::Reconstruction));
        plan
    }

    /// Which class its calibration images are of, as what follows their number: `, cat alone`;
    /// nothing where they are of all.
    pub fn calibration_class_in_words(&self) -> String {
        class_in_words(self.calibration_class.as_deref())
    }

    /// What its repaired networks learned, as what follows how they were repaired: `, distilled for
    /// 20 epochs`; nothing where they learned nothing.
    pub fn distillation_in_words(&self) -> String {
        let words =
            |plan: DistillationPlan| format!(", distilled for {}", epochs_in_words(plan.epochs));
        self.distillation.map(words).unwrap_or_default()
    }

    /// Whether its networks are as this criterion and a repair leave them: nothing was learned after
    /// that.
    pub fn is_untrained(&self, criterion: Criterion) -> bool {
        self.criterion == criterion && self.distillation.is_none()
    }

    /// Rule, sparsity and what is forced of one of its networks, for a person.
    pub fn allocation(&self, rule: Rule, sparsity: Sparsity) -> String {
        let forced: Vec<String> = self.constraints.iter().map(ToString::to_string).collect();
        match forced.as_slice() {
            [] => format!("{} at {sparsity}", rule.label()),
            some => format!("{} at {sparsity}, {} forced", rule.label(), some.join(", ")),
        }
    }

    /// How its networks were pruned and repaired, for a person: a rung of the ladder of repairs.
    pub fn treatment(&self, repair: Repair) -> String {
        format!("{}{}", self.criterion.with_repair(repair), self.distillation_in_words())
    }

    /// Its sparsities in ascending order.
    pub fn ascending_sparsities(&self) -> Vec<Sparsity> {
        let mut sparsities = self.sparsities.clone();
        sparsities.sort_by(|a, b| a.get().total_cmp(&b.get()));
        sparsities
    }

    /// Whether the sweep's networks of a rule are those that this request describes, up to their
    /// sparsity.
    pub fn is_of(&self, request: &AllocationRequest) -> bool {
        self.constraints == request.constraints
            && self.settings.agree_for(request.rule, &request.settings)
    }

    /// Without its rules, sparsities and repairs: what decides about each entry alike.
    #[must_use]
    pub fn without_lists(&self) -> Self {
        Self { rules: Vec::new(), sparsities: Vec::new(), repairs: Vec::new(), ..self.clone() }
    }

    /// The same plan, in which the evaluation images have a seed of their own only where it is
    /// another.
    #[must_use]
    pub fn with_seed_once(self) -> Self {
        let evaluation_seed = self.evaluation_seed.filter(|seed| *seed != self.seed);
        Self { evaluation_seed, ..self }
    }

    /// Seed with which the evaluation images are drawn.
    pub fn seed_of_evaluation(&self) -> u64 {
        self.evaluation_seed.unwrap_or(self.seed)
    }

    /// Number of entries when the sweep is complete.
    pub fn asked(&self) -> usize {
        self.rules.len() * self.sparsities.len() * self.repairs.len()
    }

    /// Checks that its criterion goes with each of its repairs.
    ///
    /// # Errors
    /// As [`Criterion::check`].
    pub fn check_criterion(&self) -> Result<(), CriterionError> {
        self.repairs.iter().try_for_each(|&repair| self.criterion.check(repair))
    }
}

impl SweepReport {
    /// Reads a sweep.
    ///
    /// # Errors
    /// If it is of another version, no sweep, or holds accuracies that can't be.
    pub fn from_json(text: &str) -> Result<Self, SweepFormatError> {
        let version = check_version("sweep", text, SWEEP_VERSION)?;
        let mut report: Self = serde_json::from_str(&without_old_hash(version, text)?)?;
        report.plan = report.plan.with_seed_once();
        let fail = |problem| Err(SweepFormatError::Inconsistent { problem });
        if report.classes < 2 {
            return fail(format!("it is of {} classes; there must be at least 2", report.classes));
        }
        let mut accuracies =
            report.entries.iter().map(|entry| entry.accuracy).chain([report.dense_accuracy]);
        match accuracies.find(|accuracy| !(0.0..=1.0).contains(accuracy)) {
            Some(accuracy) => {
                fail(format!("an accuracy is {accuracy}; it must be between 0 and 1"))
            }
            None => Ok(report),
        }
    }

    /// Checks that its allocations follow from the profile with this hash.
    ///
    /// # Errors
    /// If they follow from another.
    pub fn check_profile(&self, profile: &ProfileHash) -> Result<Binding, IdentityError> {
        profile.check(
            "the sweep",
            self.origin.profile_hash.as_ref(),
            "open the profile that it was made with",
        )
    }

    /// Takes the place of an earlier state of the same sweep among others, or comes after them.
    pub fn put_into(&self, reports: &mut Vec<Self>) {
        let same = |known: &&mut Self| {
            known.origin.profile_hash == self.origin.profile_hash
                && known.origin.calibration_dataset == self.origin.calibration_dataset
                && known.plan == self.plan
        };
        match reports.iter_mut().find(same) {
            Some(known) => *known = self.clone(),
            None => reports.push(self.clone()),
        }
    }

    /// Network, data set, how weights were chosen where that was not by magnitude, what was learned
    /// afterwards, where calibration images came from if not from there, and what was forced.
    pub fn title(&self) -> String {
        let masks = match self.plan.criterion {
            Criterion::Obs => ", in steps".to_owned(),
            Criterion::Magnitude => String::new(),
            criterion => format!(", by {criterion}"),
        };
        let distilled = self.plan.distillation_in_words();
        let other = self.origin.calibration_dataset.as_ref();
        let calibrated = other.map(|name| format!(", by images of {name}")).unwrap_or_default();
        let forced = |constraint: &Constraint| format!(", {constraint} forced");
        let forced: Vec<String> = self.plan.constraints.iter().map(forced).collect();
        format!(
            "{} on {}{masks}{distilled}{calibrated}{}",
            self.architecture,
            self.origin.dataset,
            forced.concat()
        )
    }

    /// Whether another sweep is of the same network, profile and images, with the same seed, settings
    /// and constraints: its networks differ in how they were pruned inside layers, repaired and
    /// distilled.
    pub fn differs_in_treatment_alone(&self, other: &Self) -> bool {
        let (mut mine, theirs) = (self.plan.without_lists(), other.plan.without_lists());
        mine.criterion = theirs.criterion;
        mine.distillation = theirs.distillation;
        mine == theirs && self.origin.difference(&other.origin).is_none()
    }

    /// Whether another sweep is of the same network, profile and images, with the same seed, criterion
    /// and settings: its networks differ in the layers that were forced, if in any.
    pub fn differs_in_constraints_alone(&self, other: &Self) -> bool {
        let but_for_what_is_forced = |plan: &SweepPlan| SweepPlan {
            constraints: Vec::new(),
            judge_images: 0,
            ..plan.without_lists()
        };
        but_for_what_is_forced(&self.plan) == but_for_what_is_forced(&other.plan)
            && self.origin.difference(&other.origin).is_none()
    }

    /// Entries of a rule and repair in order of sparsity.
    pub fn line(&self, rule: Rule, repair: Repair) -> Vec<&SweepEntry> {
        let mut line: Vec<&SweepEntry> = self
            .entries
            .iter()
            .filter(|entry| entry.rule == rule && entry.repair == repair)
            .collect();
        line.sort_by(|a, b| a.sparsity.get().total_cmp(&b.sparsity.get()));
        line
    }

    /// The entry of one combination, where it was computed.
    pub fn entry(&self, rule: Rule, sparsity: Sparsity, repair: Repair) -> Option<&SweepEntry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| (entry.rule, entry.sparsity, entry.repair) == (rule, sparsity, repair))
    }

    /// Accuracy of a rule and repair at any sparsity between two that were measured; nothing
    /// outside of them.
    pub fn accuracy_at(
        &self,
        rule: Rule,
        repair: Repair,
        sparsity: Sparsity,
    ) -> Option<AccuracyAt> {
        let line = self.line(rule, repair);
        if let Some(entry) = line.iter().find(|entry| entry.sparsity == sparsity) {
            return Some(AccuracyAt::Measured(entry.accuracy));
        }
        let at = sparsity.get();
        let around =
            |pair: &&[&SweepEntry]| (pair[0].sparsity.get()..pair[1].sparsity.get()).contains(&at);
        let pair = line.windows(2).find(around)?;
        let (from, to) = (pair[0].sparsity, pair[1].sparsity);
        let share = (at - from.get()) / (to.get() - from.get());
        let accuracy = pair[0].accuracy + share * (pair[1].accuracy - pair[0].accuracy);
        Some(AccuracyAt::Interpolated { accuracy, between: (from, to) })
    }

    /// Entries of all rules at a sparsity and repair.
    fn rivals(&self, sparsity: Sparsity, repair: Repair) -> impl Iterator<Item = &SweepEntry> {
        let together =
            move |entry: &&SweepEntry| entry.sparsity == sparsity && entry.repair == repair;
        self.entries.iter().filter(together)
    }

    /// How an entry of this report stands among the rules, by McNemar's test on the same images.
    pub fn standing(&self, entry: &SweepEntry) -> Standing {
        let others = self.rivals(entry.sparsity, entry.repair);
        let others: Vec<&SweepEntry> = others.filter(|other| other.rule != entry.rule).collect();
        let differs = |one: &&SweepEntry, other: &&SweepEntry| {
            let comparison = one.outcomes.as_ref()?.compare(other.outcomes.as_ref()?)?;
            Some(comparison.is_beyond_noise())
        };
        Standing::among(&entry, &others, |entry| entry.accuracy, differs)
    }

    /// The judge's choice among the rules at a sparsity and repair: the entry whose outputs diverge
    /// least from the dense network's. Nothing where there was no judge.
    pub fn judged_best(&self, sparsity: Sparsity, repair: Repair) -> Option<&SweepEntry> {
        let judged = self.rivals(sparsity, repair).filter_map(|entry| {
            let divergence = entry.divergence?;
            Some((divergence, entry))
        });
        judged.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, entry)| entry)
    }

    /// Standard error of an accuracy of this report, from the number of its images: √(p(1 − p)/n).
    pub fn standard_error(&self, accuracy: f64) -> f64 {
        (accuracy * (1.0 - accuracy) / self.plan.evaluation_images as f64).sqrt()
    }

    /// Accuracy of guessing.
    pub fn chance(&self) -> f64 {
        1.0 / self.classes as f64
    }

    /// (accuracy − chance) / (dense accuracy − chance).
    pub fn recovery(&self, accuracy: f64) -> f64 {
        (accuracy - self.chance()) / (self.dense_accuracy - self.chance())
    }

    /// Whether recovery of this accuracy is between 0.2 and 0.8.
    pub fn is_in_transition(&self, accuracy: f64) -> bool {
        (TRANSITION_LOWER..=TRANSITION_UPPER).contains(&self.recovery(accuracy))
    }

    /// Where recovery falls from 0.8 to 0.2 for a rule and repair.
    pub fn transition(&self, rule: Rule, repair: Repair) -> RecoverabilityTransition {
        let points: Vec<(f64, f64)> = self
            .line(rule, repair)
            .into_iter()
            .map(|entry| (entry.sparsity.get(), self.recovery(entry.accuracy)))
            .collect();
        RecoverabilityTransition::of(&points)
    }
}

/// A report's JSON. One of version 1 names its network by a hash of another kind, which tells
/// nothing now.
///
/// # Errors
/// If it is not JSON.
pub(crate) fn without_old_hash(
    version: u32,
    text: &str,
) -> Result<Cow<'_, str>, serde_json::Error> {
    if version != 1 {
        return Ok(text.into());
    }
    let mut value: serde_json::Value = serde_json::from_str(text)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("model_hash");
    }
    // As text again: reports are read from text everywhere, which takes code of its own in the page.
    Ok(serde_json::to_string(&value)?.into())
}
