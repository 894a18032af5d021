//! Running other programs, with a line that says what, how far the whole is and about how long it
//! takes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

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

    /// With what a person can do about it.
    pub fn with_hint(self, hint: &str) -> Self {
        Self(format!("{} ({hint})", self.0))
    }

    /// A file or folder that can't be read or written.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The repository, as Cargo says when it runs this program: what was known when it was built may be
/// another clone that shares the target folder.
pub fn root() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where this project keeps what outlives a clone.
fn cache_folder() -> PathBuf {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache =
        variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("rrlab")
}

/// Where tools are installed: outside the repository, so that a fresh clone finds them.
pub fn tools_folder() -> PathBuf {
    cache_folder().join("tools")
}

/// Where Cargo builds.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program with its arguments.
pub struct Step {
    command: Command,
}

impl Step {
    fn new(program: impl Into<OsString>, arguments: &[&str]) -> Self {
        let mut command = Command::new(program.into());
        command.args(arguments).current_dir(root());
        // Cargo tells this program its own package. Build scripts that ask whether these variables
        // changed (ring's does) would build their crates, and all that need them, anew each time
        // that Cargo is called from elsewhere.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
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
        Self::new(tools_folder().join("bin").join(name), arguments).with_tools()
    }

    /// With the tools that [`crate::tools`] installed on its PATH.
    pub fn with_tools(mut self) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [tools_folder().join("bin")].into_iter().chain(std::env::split_paths(&path));
        if let Ok(joined) = std::env::join_paths(folders) {
            self.command.env("PATH", joined);
        }
        self
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

    /// Runs the program to its end.
    ///
    /// # Errors
    /// If it can't be started or does not succeed.
    pub fn run(mut self) -> Result<(), Failure> {
        let status = self.command.status().map_err(|error| self.not_started(&error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure(format!("error: {} failed ({status})", self.name())))
        }
    }

    /// Starts the program and goes on.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(mut self) -> Result<Child, Failure> {
        self.command.spawn().map_err(|error| self.not_started(&error))
    }

    fn name(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        Failure(format!(
            "error: can't run {}: {error}",
            self.command.get_program().to_string_lossy()
        ))
    }
}

/// Steps one after the other, each announced with its place and about how long it takes on this
/// machine.
pub struct Steps {
    done: usize,
    total: usize,
    began: Instant,
    durations: Durations,
}

impl Steps {
    /// So many steps.
    pub fn new(total: usize) -> Self {
        Self { done: 0, total, began: Instant::now(), durations: Durations::read() }
    }

    /// Does one step; `cold` is how long it takes two cores the first time.
    ///
    /// # Errors
    /// Those of the step.
    pub fn step<T>(
        &mut self,
        what: &str,
        cold: Duration,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.announce(what, cold);
        let started = Instant::now();
        let result = work()?;
        self.durations.write(what, started.elapsed());
        println!("    {what}: {}", in_words(started.elapsed()));
        Ok(result)
    }

    /// Says what comes next, and how long that takes unless it takes no time to speak of.
    pub fn announce(&mut self, what: &str, cold: Duration) {
        self.done += 1;
        if cold.is_zero() {
            println!("==> {} of {}: {what}", self.done, self.total);
            return;
        }
        let last =
            self.durations.last(what).map(|last| format!(", {} the last time", in_words(last)));
        let expected = format!(
            "up to {} the first time{}",
            in_words(on_this_machine(cold)),
            last.unwrap_or_default()
        );
        println!("==> {} of {}: {what} ({expected})", self.done, self.total);
    }

    /// Says how long all of it took.
    pub fn finish(&self) {
        println!("    all {} steps: {}", self.total, in_words(self.began.elapsed()));
    }
}

/// So many minutes on two cores.
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// Time that two cores take, on the cores that are here.
pub fn on_this_machine(two_cores: Duration) -> Duration {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    two_cores.mul_f64(2.0 / cores as f64)
}

fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} minutes", seconds / 60.0)
    }
}

/// How long each step took the last time on this machine: lines of seconds and the step's name. It
/// only serves to tell a person what to expect, so that what can't be read or written is left out.
struct Durations(Vec<(String, f64)>);

impl Durations {
    fn file() -> PathBuf {
        cache_folder().join("durations")
    }

    fn read() -> Self {
        let text = std::fs::read_to_string(Self::file()).unwrap_or_default();
        let line = |line: &str| {
            let (seconds, name) = line.split_once(' ')?;
            Some((name.to_owned(), seconds.parse().ok()?))
        };
        Self(text.lines().filter_map(line).collect())
    }

    fn last(&self, what: &str) -> Option<Duration> {
        let (_, seconds) = self.0.iter().find(|(name, _)| name == what)?;
        Duration::try_from_secs_f64(*seconds).ok()
    }

    fn write(&mut self, what: &str, duration: Duration) {
        self.0.retain(|(name, _)| name != what);
        self.0.push((what.to_owned(), duration.as_secs_f64()));
        let lines: String =
            self.0.iter().map(|(name, seconds)| format!("{seconds:.1} {name}\n")).collect();
        // Another run that writes at the same time costs an estimate.
        std::fs::create_dir_all(cache_folder())
            .and_then(|()| std::fs::write(Self::file(), lines))
            .ok();
    }
}
