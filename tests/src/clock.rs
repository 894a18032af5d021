//! Machines whose clocks tests set, by libfaketime.

use std::path::PathBuf;

/// The library, as Debian installs it.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The clock of a machine on which programs run: as true as this machine's until it jumps.
pub struct Clock {
    offset: PathBuf,
    _folder: tempfile::TempDir,
}

impl Clock {
    /// A true one.
    ///
    /// # Panics
    /// If there is no room for it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for a clock");
        let clock = Self { offset: folder.path().join("offset"), _folder: folder };
        clock.jump(0);
        clock
    }

    /// Sets it so many seconds before the true time, or behind it; programs notice within a second.
    ///
    /// # Panics
    /// If it can't be set.
    pub fn jump(&self, seconds: i64) {
        // Whole: programs read it all the time.
        let next = self.offset.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}\n"))
            .and_then(|()| std::fs::rename(&next, &self.offset))
            .expect("the clock is set");
    }

    /// Environment of a program by this clock. What it measures with, the monotonic clock, never jumps.
    ///
    /// # Panics
    /// If the library is not installed.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut libraries = folders.map(|folder| folder.path().join(LIBRARY));
        let library = libraries
            .find(|library| library.exists())
            .expect("the tests need libfaketime: apt install libfaketime");
        [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.offset.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            // When files were written is told by the machine that has them.
            ("NO_FAKE_STAT", "1".into()),
        ]
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
