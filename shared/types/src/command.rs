//! The command of `rrlab` that computes again what a file holds.

use std::fmt::Display;

use crate::allocate::AllocationRequest;
use crate::criterion::Criterion;
use crate::profile::ModelProfile;
use crate::report::SweepReport;
use crate::rule::RuleSettings;
use crate::training::DistillationPlan;

/// Stands for the network's file, whose name no result knows.
pub const MODEL_FILE: &str = "model.safetensors";
/// What commands call a profile.
pub const PROFILE_FILE: &str = "profile.json";
/// What commands call RR of channels.
pub const CHANNELS_FILE: &str = "channels.json";
/// What commands call a sweep.
pub const SWEEP_FILE: &str = "sweep.json";

/// A command as a person enters it, put together option by option.
struct CommandLine(String);

impl CommandLine {
    fn new(subcommand: &str) -> Self {
        Self(format!("rrlab {subcommand}"))
    }

    fn option(mut self, name: &str, value: impl Display) -> Self {
        self.0.push_str(&format!(" --{name} {}", quoted(&value.to_string())));
        self
    }

    /// The option, where its value is not the one that the program takes without it.
    fn option_unless<T: Display + PartialEq>(self, usual: T, name: &str, value: T) -> Self {
        if value == usual { self } else { self.option(name, value) }
    }

    fn flag(mut self, name: &str, is_set: bool) -> Self {
        if is_set {
            self.0.push_str(&format!(" --{name}"));
        }
        self
    }

    fn list<T: Display>(self, name: &str, values: &[T]) -> Self {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.option(name, values.join(","))
    }

    fn each<T: Display>(self, name: &str, values: &[T]) -> Self {
        values.iter().fold(self, |command, value| command.option(name, value))
    }

    /// What differs from the settings that rules have of themselves, but for the operator.
    fn settings(self, settings: &RuleSettings) -> Self {
        let usual = RuleSettings::default();
        self.option_unless(usual.alpha, "alpha", settings.alpha)
            .option_unless(usual.prior, "prior", settings.prior)
            .option_unless(usual.share_exponent, "share-exponent", settings.share_exponent)
            .option_unless(usual.classifier_weight, "classifier-weight", settings.classifier_weight)
            .option_unless(usual.floor, "floor", settings.floor)
    }
}

/// A value as a shell reads it back.
fn quoted(value: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.,:=/+".contains(letter);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

impl ModelProfile {
    /// The command that measures this profile: of the network in one file, into another.
    pub fn command(&self, model: &str, out: &str) -> String {
        self.measuring(model).option("out", out).0
    }

    /// The same, with RR of every channel beside it.
    pub fn command_with_channels(&self, model: &str, out: &str, channels: &str) -> String {
        self.measuring(model).option("out", out).option("channels", channels).0
    }

    fn measuring(&self, model: &str) -> CommandLine {
        let measurement = &self.measurement;
        let mut command = CommandLine::new("calibrate")
            .option("model", model)
            .option("dataset", &measurement.dataset)
            .option("split", &measurement.split)
            .option("images", measurement.images);
        if let Some(class) = &measurement.class {
            command = command.option("class", class);
        }
        command.option("seed", measurement.seed).flag("direct", measurement.method == "direct")
    }
}

impl AllocationRequest {
    /// The command that shares out this budget by the profile in a file.
    pub fn command(&self, profile: &str) -> String {
        CommandLine::new("allocate")
            .option("profile", profile)
            .option("rule", self.rule)
            .option("sparsity", self.sparsity)
            .option_unless(RuleSettings::default().repair, "repair", self.settings.repair)
            .settings(&self.settings)
            .each("force", &self.constraints)
            .0
    }
}

impl SweepReport {
    /// The command that computes this sweep, calibration included: of the network in one file, into
    /// another. None where networks were distilled in a way that no option names.
    pub fn command(&self, model: &str, out: &str) -> Option<String> {
        let plan = &self.plan;
        let epochs = plan.distillation.map_or(0, |distillation| distillation.epochs);
        if plan.distillation != DistillationPlan::of_epochs(epochs) {
            return None;
        }
        let mut command = CommandLine::new("sweep")
            .option("model", model)
            .option("dataset", &self.origin.dataset)
            .list("rules", &plan.rules)
            .list("sparsities", &plan.sparsities)
            .list("repairs", &plan.repairs)
            .option_unless(Criterion::default(), "criterion", plan.criterion)
            .option_unless(RuleSettings::default().repair, "rule-repair", plan.settings.repair)
            .settings(&plan.settings)
            .each("force", &plan.constraints)
            .option("images", plan.calibration_images)
            .option("test-images", plan.evaluation_images)
            .option("judge-images", plan.judge_images)
            .option_unless(0, "distil", epochs)
            .option("seed", plan.seed_of_evaluation());
        if plan.seed != plan.seed_of_evaluation() {
            command = command.option("calibration-seeds", plan.seed);
        }
        if let Some(dataset) = &self.origin.calibration_dataset {
            command = command.option("calibration-dataset", dataset);
        }
        if let Some(class) = &plan.calibration_class {
            command = command.option("calibration-class", class);
        }
        Some(command.option("out", out).0)
    }
}
