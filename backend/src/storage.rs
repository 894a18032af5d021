//! Files: read with a clear error, written aside and renamed, so that there is never half a file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rrlab_engine::checkpoint;
use rrlab_engine::data::{Dataset, SHAPES10, shapes10};
use rrlab_engine::import::{self, Hint, Imported};
use rrlab_engine::model::Model;
use rrlab_engine::watch::Stopped;
use rrlab_types::ModelProfile;

/// Training and test images of `shapes10`, and its seed: the same for everybody.
const SHAPES10_IMAGES: (usize, usize) = (10_000, 2_000);
const SHAPES10_SEED: u64 = 10;

/// Writes a file whole or not at all.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut aside = tempfile::Builder::new().prefix(".rrlab-").tempfile_in(folder)?;
        aside.write_all(bytes)?;
        aside.as_file().sync_all()?;
        // Temporary files are private to their owner; results are not.
        #[cfg(unix)]
        aside.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        aside.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("can't write {}", path.display()))
}

/// Reads a file.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// Reads a text file.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = read(path)?;
    String::from_utf8(bytes).with_context(|| format!("{} is not text", path.display()))
}

/// Reads a model of ours or of others.
pub fn read_model(path: &Path, hint: Hint) -> anyhow::Result<Imported> {
    import::read(&read(path)?, hint).with_context(|| path.display().to_string())
}

/// Writes a model.
pub fn write_model(path: &Path, model: &Model) -> anyhow::Result<()> {
    write_atomically(path, &checkpoint::write(model)?)
}

/// Reads a profile.
pub fn read_profile(path: &Path) -> anyhow::Result<ModelProfile> {
    ModelProfile::from_json(&read_text(path)?).with_context(|| path.display().to_string())
}

/// The state of long work, saved now and then so that it can go on after a stop.
pub struct Saving<'a> {
    path: &'a Path,
    every: Duration,
    saved: Instant,
    problem: Option<anyhow::Error>,
}

impl<'a> Saving<'a> {
    /// To this file, this often.
    pub fn new(path: &'a Path, every: Duration) -> Self {
        Self { path, every, saved: Instant::now(), problem: None }
    }

    /// Saves where it is time to.
    ///
    /// # Errors
    /// If that fails: the work is to end, and [`Saving::outcome`] says why.
    pub async fn save_if_due(&mut self, state: impl AsyncFnOnce() -> anyhow::Result<Vec<u8>>) -> Result<(), Stopped> {
        if self.saved.elapsed() < self.every {
            return Ok(());
        }
        self.saved = Instant::now();
        match state().await.and_then(|bytes| write_atomically(self.path, &bytes)) {
            Ok(()) => Ok(()),
            Err(problem) => {
                self.problem = Some(problem);
                Err(Stopped)
            }
        }
    }

    /// What came of the work: why it could not be saved, before that it was stopped for it.
    ///
    /// # Errors
    /// As said.
    pub fn outcome<T, E: Into<anyhow::Error>>(self, result: Result<T, E>) -> anyhow::Result<T> {
        match self.problem {
            Some(problem) => Err(problem),
            None => result.map_err(Into::into),
        }
    }
}

/// The folder of data sets.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// The one asked for, else the platform's.
    pub fn new(asked: Option<PathBuf>) -> anyhow::Result<Self> {
        let path = match asked {
            Some(path) => path,
            None => directories::ProjectDirs::from("", "", "rrlab")
                .context("this platform names no folder for data; give one with --data-dir")?
                .data_dir()
                .to_owned(),
        };
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> anyhow::Result<PathBuf> {
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !plain || name.starts_with('.') {
            bail!("`{name}` can't be the name of a data set: use letters, digits, `-` and `_`");
        }
        Ok(self.path.join(format!("{name}.dataset.safetensors")))
    }

    /// Keeps a data set.
    pub fn store(&self, dataset: &Dataset) -> anyhow::Result<PathBuf> {
        if dataset.name == SHAPES10 {
            bail!("`{SHAPES10}` is generated, not imported; choose another --name");
        }
        let path = self.file(&dataset.name)?;
        std::fs::create_dir_all(&self.path).with_context(|| format!("can't create {}", self.path.display()))?;
        write_atomically(&path, &dataset.to_bytes()?)?;
        Ok(path)
    }

    /// Checks a name before work is spent on the data set that is to bear it.
    pub fn check_name(&self, name: &str) -> anyhow::Result<()> {
        self.file(name).map(|_| ())
    }

    /// Names of the data sets that were imported.
    pub fn names(&self) -> anyhow::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("can't read {}", self.path.display())),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(".dataset.safetensors").map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// The data set of this name: `shapes10`, or an imported one.
    pub fn load(&self, name: &str) -> anyhow::Result<Dataset> {
        if name == SHAPES10 {
            let (train, test) = SHAPES10_IMAGES;
            return Ok(shapes10(train, test, SHAPES10_SEED));
        }
        let path = self.file(name)?;
        if !path.exists() {
            let mut known = self.names()?;
            known.insert(0, SHAPES10.to_owned());
            bail!(
                "no data set is named `{name}` in {}; there are {}. Import one with `rrlab dataset import PATH --name {name}`",
                self.path.display(),
                known.join(", "),
            );
        }
        Dataset::from_bytes(&read(&path)?).with_context(|| path.display().to_string())
    }
}
