//! The commands that a person would type.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rrlab_types::{Rule, Sparsity};

use crate::cli::ReproduceArgs;

/// What the sweeps are of.
pub struct Files {
    pub dense: PathBuf,
    pub profile: PathBuf,
}

impl Files {
    pub fn of(args: &ReproduceArgs) -> Self {
        Self {
            dense: args.model.clone().unwrap_or_else(|| args.out.join("dense.safetensors")),
            profile: args.out.join("profile.json"),
        }
    }
}

/// A command with the file that it writes.
pub struct Step {
    pub arguments: Vec<OsString>,
    pub out: PathBuf,
    /// Whether a file that is there is the whole result. A sweep looks for itself what is missing.
    pub once: bool,
}

impl Step {
    pub fn new(command: &[&str], out: PathBuf) -> Self {
        let arguments = command.iter().map(OsString::from).collect();
        Self { arguments, out, once: false }
    }

    pub fn with(mut self, option: &str, value: impl Into<OsString>) -> Self {
        self.arguments.extend([option.into(), value.into()]);
        self
    }

    pub fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

/// Values as an option with commas takes them.
pub fn listed(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A sweep of the network on so many calibration images.
pub fn sweep(
    args: &ReproduceArgs,
    files: &Files,
    (rules, sparsities): (&[Rule], &[Sparsity]),
    images: usize,
    out: PathBuf,
) -> Step {
    let sweep = Step::new(&["sweep"], out.clone())
        .with("--model", &files.dense)
        .with("--dataset", &args.dataset)
        .with("--images", images.to_string())
        .with("--sparsities", listed(sparsities))
        .with("--rules", listed(rules))
        .with("--out", out);
    match args.evaluation.test_images {
        Some(images) => sweep.with("--test-images", images.to_string()),
        None => sweep,
    }
}

/// A page or a figure of sweeps, made anew each time: it follows from them alone.
pub fn derived(command: &str, sweeps: &[PathBuf], out: &Path) -> Step {
    let mut step = Step::new(&[command], out.to_owned());
    step.arguments.extend(sweeps.iter().map(OsString::from));
    let mut step = step.with("--out", out);
    step.arguments.push("--force-overwrite".into());
    step
}
