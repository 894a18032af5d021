//! Layer graph, profiles, budgets, allocation rules and reports of the Repairability Lab.
//!
//! Pure data and pure functions: nothing here touches a tensor, a file or a clock, so the same code
//! runs in the command line, the server and the page.

mod allocate;
mod allocation;
mod bisect;
mod budget;
mod channels;
mod command;
mod comparison;
mod criterion;
mod document;
mod draws;
mod evaluation;
mod finetune;
mod footprint;
pub mod glossary;
mod graph;
mod group;
mod identity;
mod observation;
mod outcomes;
mod prediction;
mod profile;
mod repair;
mod report;
mod rule;
mod selection;
mod selection_plan;
mod sketch;
mod story;
mod training;
mod version;

pub use allocate::{AllocateError, AllocationRequest, Evidence, allocate};
pub use allocation::{
    Allocation, AllocationError, LayerAllocation, LayerDifference, LayerState, PrunedFrom,
};
pub use budget::{Budget, BudgetError, Density, FractionError, Sparsity};
pub use channels::{
    CHANNELS_VERSION, ChannelProfile, ChannelProfileError, ChannelRatio, LayerChannels,
};
pub use command::{CHANNELS_FILE, MODEL_FILE, PROFILE_FILE, SWEEP_FILE};
pub use comparison::{MatchedLayers, Matching};
pub use criterion::{Criterion, CriterionError, UnknownCriterion};
pub use document::{Document, DocumentError};
pub use draws::{DrawnDifference, DrawnEntries, SweepDraws};
pub use evaluation::Evaluation;
pub use finetune::{
    FINETUNE_VERSION, FinetuneFormatError, FinetunePlan, FinetuneReport, FinetuneRun,
};
pub use footprint::Footprint;
pub use graph::{
    AveragePool, BATCH_NORM_EPSILON, Conv2d, FeatureShape, GraphError, LayerGraph, Module, Node,
    NodeId, Op, Padding, Pool, PrunableLayer, ResidualBlock, Role, ShapeError, Window,
};
pub use group::LayerGroup;
pub use identity::{
    Binding, ConfigurationHash, ContentHasher, HashSyntaxError, IdentityError, ImagesHash,
    ModelHash, ProfileHash,
};
pub use observation::{NetworkState, ObservedChannel, ThreeStates, ValueSpread};
pub use outcomes::{Outcomes, OutcomesError, PairedComparison, SIGNIFICANCE};
pub use prediction::{PredictionError, predicted_noise, rank_correlation};
pub use profile::{
    CHANNEL_QUANTILES, CHANNEL_SPARSITIES, CURVE_SPARSITIES, ChannelSpread, LayerProfile,
    Measurement, ModelProfile, PROFILE_VERSION, ProfileError, SensitivityMeasurement,
    UnmeasuredOperator,
};
pub use repair::{
    Affine, ChannelMoments, ChannelwiseOperator, Repair, RepairOperator, UnknownRepair,
};
pub use report::{
    AccuracyAt, CALIBRATION_IMAGES, Crossing, EVALUATION_IMAGES, JUDGE_IMAGES,
    RecoverabilityTransition, ReportOrigin, SWEEP_VERSION, Standing, SweepEntry, SweepFormatError,
    SweepPlan, SweepReport,
};
pub use rule::{
    Constraint, ConstraintSyntaxError, ForcedDensity, Prior, PriorError, Rule, RuleSettings,
    Target, UnknownRule,
};
pub use selection::{Candidate, PairedDifference, Refinement, Search, Selection, UnknownSearch};
pub use selection_plan::SelectionPlan;
pub use sketch::{ScoreSketch, falling_lamp_scores, lamp_scores, magnitude_order, significant};
pub use story::{Story, StoryError, StoryPlace, StoryStep};
pub use training::{
    Distillation, DistillationPlan, EpochReport, Optimizer, Schedule, StepReport, TrainingPlan,
    TrainingPlanError, epochs_in_words,
};
pub use version::VersionError;

/// Name and version of the program, as results state them.
pub const PROGRAM: &str = concat!("rrlab ", env!("CARGO_PKG_VERSION"));
