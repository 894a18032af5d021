//! The commands that a person would type.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

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

/// A page or a figure of sweeps, made anew each time: it follows from them alone.
pub fn derived(command: &str, sweeps: &[PathBuf], out: &Path) -> Step {
    let mut step = Step::new(&[command], out.to_owned());
    step.arguments.extend(sweeps.iter().map(OsString::from));
    let mut step = step.with("--out", out);
    step.arguments.push("--force-overwrite".into());
    step
}
