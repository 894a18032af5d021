//! Running other programs, with a line that says what and how long it took.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Why a step failed.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// The command line makes no sense.
    pub fn usage(problem: &str) -> Self {
        Self(format!("error: {problem}"))
    }

    /// Something that a person must do.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(format!("error: {}", problem.into()))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program with its arguments.
pub struct Step {
    command: Command,
}

/// The repository, as Cargo says when it runs this program: what was known when it was built may be another clone that
/// shares the target folder.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where tools are installed: outside the repository, so that a fresh clone finds them.
pub fn tools_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("rrlab").join("tools")
}

impl Step {
    fn new(program: impl Into<OsString>, arguments: &[&str]) -> Self {
        let mut command = Command::new(program.into());
        command.args(arguments).current_dir(root());
        Self { command }
    }

    /// Cargo.
    pub fn cargo(arguments: &[&str]) -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
    }

    /// Any other program.
    pub fn program(program: &str, arguments: &[&str]) -> Self {
        Self::new(program, arguments)
    }

    /// Rustup.
    pub fn rustup(arguments: &[&str]) -> Self {
        Self::new("rustup", arguments)
    }

    /// A tool that [`crate::tools`] installed; it finds the others on its PATH.
    pub fn tool(name: &str, arguments: &[&str]) -> Self {
        let folder = tools_folder().join("bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [folder.clone()].into_iter().chain(std::env::split_paths(&path));
        let mut step = Self::new(folder.join(name), arguments);
        if let Ok(joined) = std::env::join_paths(folders) {
            step.command.env("PATH", joined);
        }
        step
    }

    /// More arguments.
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// What the program prints, where it succeeds.
    pub fn output(mut self) -> Option<String> {
        let output = self.command.output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    }
}

/// Runs a step; says what it is before, and how long it took after.
pub fn step(what: &str, mut step: Step) -> Result<(), Failure> {
    println!("==> {what}");
    let started = Instant::now();
    let status = step.command.status().map_err(|error| {
        Failure(format!("error: {what}: can't run {}: {error}", step.command.get_program().to_string_lossy()))
    })?;
    if !status.success() {
        return Err(Failure(format!("error: {what} failed ({status})")));
    }
    println!("    {what}: {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
