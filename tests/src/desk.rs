//! Somebody at a terminal: a folder, a small data set, and commands.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::rrlab;

/// A folder with a small data set in CIFAR-10's official layout.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// With the data set imported as `noise`.
    ///
    /// # Panics
    /// As [`Desk::succeeds`].
    #[expect(clippy::new_without_default, reason = "it writes files")]
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
            std::fs::write(files.join(name), (0..count).map(record).collect::<Vec<_>>().concat()).unwrap();
        }
        let desk = Self { folder };
        desk.succeeds(&["dataset", "import", "cifar", "--name", "noise"]);
        desk
    }

    /// The folder in which its commands run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of the program.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = rrlab(&self.path("data"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// What a command did.
    ///
    /// # Panics
    /// If it can't be run.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same as JSON.
    ///
    /// # Panics
    /// If it fails.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.succeeds(&[arguments, &["--format", "json"]].concat())).unwrap()
    }

    /// Standard error of a command that must fail with this code, and print no result.
    ///
    /// # Panics
    /// If it does not.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed a result");
        assert!(!error.contains("panicked"), "{arguments:?}: {error}");
        error
    }

    /// A short training, but for the name of its result.
    pub fn training() -> Vec<&'static str> {
        vec!["train", "--arch", "resnet8", "--dataset", "noise", "--epochs", "2", "--batch-size", "32", "--out"]
    }

    /// Trains a network.
    ///
    /// # Panics
    /// If that fails.
    pub fn trained(&self, out: &str) {
        self.succeeds(&[Self::training().as_slice(), &[out]].concat());
    }
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
