//! Somebody at a terminal: a folder, a small data set, and commands.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::rrlab;

/// A command's arguments as they are typed, without quotes.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// A folder with a small data set in CIFAR-10's official layout.
pub struct Desk {
    /// The folder; it goes with this value.
    pub folder: tempfile::TempDir,
}

impl Desk {
    /// An empty desk but for the data set, `noise`: 160 training and 60 test images.
    ///
    /// # Panics
    /// If it can't be made.
    #[expect(
        clippy::new_without_default,
        reason = "a desk runs the program: nothing to be made by the way"
    )]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("cifar");
        std::fs::create_dir(&files).unwrap();
        let mut state = 1u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for (name, count) in [("data_batch_1.bin", 160), ("test_batch.bin", 60)] {
            let record = |index: usize| {
                let label = (index % 10) as u8;
                let image: Vec<u8> = (0..3072).map(|_| noise() / 2 + label * 12).collect();
                [vec![label], image].concat()
            };
            std::fs::write(files.join(name), (0..count).map(record).collect::<Vec<_>>().concat())
                .unwrap();
        }
        let desk = Self { folder };
        desk.succeeds(&["dataset", "import", "cifar", "--name", "noise"]);
        desk
    }

    /// The folder in which its commands run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of this name in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = rrlab(&self.path("data"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// What came of it.
    ///
    /// # Panics
    /// If the program can't be started.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The result of a command that must succeed, as JSON.
    ///
    /// # Panics
    /// If it does not.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.succeeds(&[arguments, &["--format", "json"]].concat())).unwrap()
    }

    /// Standard error of a command that must fail with this code, and print no result.
    ///
    /// # Panics
    /// If it does otherwise.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed a result");
        assert!(!error.contains("panicked"), "{arguments:?}: {error}");
        error
    }

    /// A training that takes seconds; the name of its file comes last.
    pub fn training() -> Vec<&'static str> {
        words("train --arch resnet8 --dataset noise --epochs 2 --batch-size 32 --out")
    }

    /// Trains a network.
    ///
    /// # Panics
    /// If that fails.
    pub fn trained(&self, out: &str) {
        self.succeeds(&[Self::training().as_slice(), &[out]].concat());
    }

    /// What commands print, on both streams, one command after the other, as somebody at the
    /// terminal sees it.
    ///
    /// # Panics
    /// If the program can't be started, or panics.
    pub fn transcript(&self, commands: &[&[&str]]) -> String {
        let mut transcript = String::new();
        for arguments in commands {
            let output = self.output(arguments);
            let [printed, said] =
                [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
            assert!(!said.contains("panicked"), "{arguments:?}: {said}");
            transcript.push_str(&format!("$ rrlab {}\n{said}{printed}", arguments.join(" ")));
            if !output.status.success() {
                transcript
                    .push_str(&format!("[exit code {}]\n", output.status.code().unwrap_or(-1)));
            }
            transcript.push('\n');
        }
        transcript
    }

    /// Filters for snapshots: what differs from run to run or from machine to machine.
    pub fn snapshot_settings(&self) -> insta::Settings {
        // Temporary folders have names without a special character but the dot; on some systems a
        // link leads to them.
        let folder = self
            .folder
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .replace('.', r"\.");
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(&format!(r"/\S*{folder}"), "[folder]");
        settings.add_filter(r"\b[0-9a-f]{12}\b", "[hash]");
        // Which graphics card was passed over, and why.
        settings.add_filter(r"using cpu: .*\n", "");
        settings.add_filter(r"[-+]?\d+\.\d\d%", "[percent]");
        settings
    }
}

/// Compares a text that a command of a [`Desk`] printed with what it printed when somebody last
/// looked.
#[macro_export]
macro_rules! assert_said {
    ($desk:expr, $said:expr, @$expected:literal) => {
        $desk.snapshot_settings().bind(|| $crate::insta::assert_snapshot!($said, @$expected));
    };
}

/// The same for everything that some commands print.
#[macro_export]
macro_rules! assert_transcript {
    ($desk:expr, [$($command:expr),+ $(,)?], @$expected:literal) => {
        $crate::assert_said!($desk, $desk.transcript(&[$(&$command[..]),+]), @$expected);
    };
}

/// Waits until a running program has written a file, or ended.
///
/// # Panics
/// If the program can't be asked.
pub fn wait_for(running: &mut Child, file: &Path) {
    while !file.exists() && running.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
}
