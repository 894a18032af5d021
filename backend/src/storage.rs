//! Files that are read, with a clear error; states of work under way; and the folder of data sets.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use bytes::Bytes;
use rrlab_engine::data::{Dataset, DatasetSummary, SHAPES10, SHAPES10_CLASSES, shapes10};
use rrlab_engine::import::{self, Hint, Imported};
use rrlab_engine::watch::Stopped;
use rrlab_types::{Allocation, ModelProfile, SweepReport};
use sha2::{Digest, Sha256};

use crate::allocation_file;
use crate::destination::{Destination, Existing, write_atomically};
use crate::file_kind::{Wanted, refused};
use crate::hex::hex;
use crate::interrupt::Interrupt;

/// Training and test images of `shapes10`, and its seed: the same for everybody.
const SHAPES10_IMAGES: (usize, usize) = (10_000, 2_000);
const SHAPES10_SEED: u64 = 10;
/// SHA-256 of the file that holds them: what was kept by a program that drew other images is not
/// used.
const SHAPES10_SHA256: &str = "d1b87c25211c0c81a5dadb144e314da8c4c79b491d36dc8c0faf6a9e351cf3e3";

/// Reads a file.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// A file's bytes, which are read when they are looked at and leave memory when others need it.
pub fn map(path: &Path) -> anyhow::Result<Bytes> {
    let map = std::fs::File::open(path).and_then(|file| map_file(&file));
    map.with_context(|| format!("can't read {}", path.display()))
}

/// The same of a file that is open.
pub fn map_file(file: &std::fs::File) -> std::io::Result<Bytes> {
    // SAFETY: memory would change with the file. The lab replaces files by renaming others and
    // never writes into one that is read.
    #[allow(unsafe_code, reason = "another program may change the file meanwhile")]
    let map = unsafe { memmap2::Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}

/// Whether an error is that no room is left, however deep in it the operating system says so.
pub fn disk_is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(inner) = source {
        let kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if let Some(
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge,
        ) = kind
        {
            return true;
        }
        source = inner.source();
    }
    false
}

/// Reads a model, in a file of ours or of others.
///
/// # Errors
/// If the file can't be read, is of another kind, or holds no whole network.
pub fn read_model(path: &Path, hint: Hint) -> anyhow::Result<Imported> {
    let bytes = read(path)?;
    let beside = |name: &str, bytes: Range<u64>| read_beside(path, name, bytes);
    import::read_beside(&bytes, hint, &beside)
        .map_err(|error| refused(path, &bytes, Wanted::Model, error))
}

/// Reads bytes of a file that a model names as lying in its own folder, or below that.
pub fn read_beside(model: &Path, name: &str, bytes: Range<u64>) -> Result<Vec<u8>, String> {
    let is_below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_below || name.is_empty() {
        return Err("that is not a file in the model's folder".into());
    }
    let path = model.parent().unwrap_or(Path::new("")).join(name);
    let length = bytes.end - bytes.start;
    let read = || {
        let mut file = std::fs::File::open(&path)?;
        file.seek(SeekFrom::Start(bytes.start))?;
        let mut content = Vec::new();
        file.take(length).read_to_end(&mut content)?;
        Ok(content)
    };
    let content = read().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))?;
    if content.len() as u64 != length {
        return Err(format!("{} ends before byte {}", path.display(), bytes.end));
    }
    Ok(content)
}

/// Reads a profile.
///
/// # Errors
/// If the file can't be read, is of another kind, or holds no whole profile.
pub fn read_profile(path: &Path) -> anyhow::Result<ModelProfile> {
    read_document(path, Wanted::Profile, ModelProfile::from_json)
}

/// Reads an allocation.
///
/// # Errors
/// If the file can't be read, is of another kind, or holds no whole allocation.
pub fn read_allocation(path: &Path) -> anyhow::Result<Allocation> {
    read_document(path, Wanted::Allocation, allocation_file::parse)
}

/// Reads a file of text.
///
/// # Errors
/// If it can't be read, or is no text.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(read(path)?).with_context(|| format!("{} is not text", path.display()))
}

/// Reads a sweep.
///
/// # Errors
/// As [`read_sweep_to_go_on_from`].
pub fn read_sweep(path: &Path) -> anyhow::Result<SweepReport> {
    read_document(path, Wanted::Sweep, SweepReport::from_json)
}

/// Reads an unfinished sweep.
///
/// # Errors
/// If the file can't be read, is of another kind, or holds no whole sweep.
pub fn read_sweep_to_go_on_from(path: &Path) -> anyhow::Result<SweepReport> {
    read_document(path, Wanted::SweepToGoOnFrom, SweepReport::from_json)
}

fn read_document<T, E: Into<anyhow::Error>>(
    path: &Path,
    wanted: Wanted,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> anyhow::Result<T> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| refused(path, &bytes, wanted, error))?;
    parse(text).map_err(|error| refused(path, &bytes, wanted, error))
}

/// The state of long work, saved now and then, and when a person ends the work, so that it can go
/// on after a stop.
pub struct Saving<'a> {
    path: &'a Path,
    every: Duration,
    interrupt: &'a Interrupt,
    saved: Instant,
    problem: Option<anyhow::Error>,
}

impl<'a> Saving<'a> {
    /// To this file, this often.
    pub fn new(path: &'a Path, every: Duration, interrupt: &'a Interrupt) -> Self {
        Self { path, every, interrupt, saved: Instant::now(), problem: None }
    }

    /// Saves where it is time to, or `must_save` says so, or the work is to end.
    ///
    /// # Errors
    /// If a person ends the work, or it can't be saved: [`Saving::outcome`] says which.
    pub async fn save_if_due(
        &mut self,
        must_save: bool,
        state: impl AsyncFnOnce() -> anyhow::Result<Vec<u8>>,
    ) -> Result<(), Stopped> {
        if !must_save && !self.interrupt.is_asked() && self.saved.elapsed() < self.every {
            return Ok(());
        }
        self.saved = Instant::now();
        if let Err(problem) = state().await.and_then(|bytes| write_atomically(self.path, &bytes)) {
            self.problem = Some(problem);
            return Err(Stopped);
        }
        self.interrupt.check()
    }

    /// What came of the work.
    ///
    /// # Errors
    /// Why it could not be saved, that a person ended it and how it goes on, or why it failed.
    pub fn outcome<T, E: Into<anyhow::Error>>(self, result: Result<T, E>) -> anyhow::Result<T> {
        match self.problem {
            Some(problem) => Err(problem),
            None => self.interrupt.outcome(result, self.path.exists().then_some(self.path)),
        }
    }
}

/// The folder of data sets.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
    /// Hashes of data sets by name.
    hashes: Arc<Mutex<BTreeMap<String, KnownHash>>>,
}

/// Hash of a file of this length and time.
#[derive(Debug, Clone)]
struct KnownHash {
    length: u64,
    modified: SystemTime,
    hash: String,
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
        Ok(Self { path, hashes: Arc::default() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> anyhow::Result<PathBuf> {
        let plain = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !plain || name.starts_with('.') {
            bail!("`{name}` can't be the name of a data set: use letters, digits, `-` and `_`");
        }
        Ok(self.path.join(format!("{name}.dataset.safetensors")))
    }

    /// Makes the folder where there is none.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn make(&self) -> anyhow::Result<()> {
        create_folder(&self.path)
    }

    /// Where a new data set of this name goes, before work is spent on it.
    ///
    /// # Errors
    /// If no data set can have that name, there is one that is to be kept, or the folder can't be
    /// written to.
    pub fn destination(&self, name: &str, existing: Existing) -> anyhow::Result<Destination> {
        if name == SHAPES10 {
            bail!("`{SHAPES10}` is generated, not imported; choose another --name");
        }
        let path = self.file(name)?;
        self.make()?;
        Ok(Destination::check(&format!("data set `{name}`:"), &path, existing, 0)?)
    }

    /// SHA-256 of the file of an imported data set; `None` of one that is drawn, alike everywhere. A
    /// file is read once, and again when it was replaced.
    ///
    /// # Errors
    /// If there is no such data set, or it can't be read.
    pub fn dataset_hash(&self, name: &str) -> anyhow::Result<Option<String>> {
        if name == SHAPES10 {
            return Ok(None);
        }
        let path = self.file(name)?;
        let stamp = std::fs::metadata(&path).and_then(|about| Ok((about.len(), about.modified()?)));
        let (length, modified) = stamp.with_context(|| format!("can't read {}", path.display()))?;
        let lock = || self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(name)
            && (known.length, known.modified) == (length, modified)
        {
            return Ok(Some(known.hash.clone()));
        }
        let hash = sha256(&map(&path)?);
        let known = KnownHash { length, modified, hash: hash.clone() };
        lock().insert(name.to_owned(), known);
        Ok(Some(hash))
    }

    /// Names of the data sets that were imported.
    pub fn names(&self) -> anyhow::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("can't read {}", self.path.display()));
            }
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(".dataset.safetensors").map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// What the data set of this name holds. No image is read or drawn for it.
    ///
    /// # Errors
    /// If there is no such data set, or its file is damaged.
    pub fn summary(&self, name: &str) -> anyhow::Result<DatasetSummary> {
        if name == SHAPES10 {
            let (train, test) = SHAPES10_IMAGES;
            return Ok(DatasetSummary {
                name: name.into(),
                classes: SHAPES10_CLASSES,
                train,
                test,
            });
        }
        let path = self.existing_file(name)?;
        let unreadable = || format!("can't read {}", path.display());
        let file = std::fs::File::open(&path).with_context(unreadable)?;
        let bytes = file.metadata().with_context(unreadable)?.len();
        DatasetSummary::read(std::io::BufReader::new(file), bytes)
            .with_context(|| path.display().to_string())
    }

    /// The data set of this name: `shapes10`, or an imported one.
    ///
    /// # Errors
    /// If there is no such data set, or its file is damaged.
    pub fn load(&self, name: &str) -> anyhow::Result<Dataset> {
        if name == SHAPES10 {
            return self.shapes10();
        }
        let path = self.existing_file(name)?;
        Dataset::from_bytes(map(&path)?).with_context(|| path.display().to_string())
    }

    fn existing_file(&self, name: &str) -> anyhow::Result<PathBuf> {
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
        Ok(path)
    }

    /// `shapes10`, drawn once and kept. What is kept is used only if its hash is the one that this
    /// program would draw.
    fn shapes10(&self) -> anyhow::Result<Dataset> {
        let folder = self.path.join("cache");
        let path = folder.join(format!("{SHAPES10}-{SHAPES10_SHA256}.safetensors"));
        if let Ok(bytes) = map(&path)
            && sha256(&bytes) == SHAPES10_SHA256
        {
            return Dataset::from_bytes(bytes).with_context(|| path.display().to_string());
        }
        let (train, test) = SHAPES10_IMAGES;
        let dataset = shapes10(train, test, SHAPES10_SEED);
        // A data folder that can't be written to, or is full, costs the time to draw again and
        // nothing else.
        let _ = create_folder(&folder).and_then(|()| write_atomically(&path, &dataset.to_bytes()?));
        Ok(dataset)
    }
}

fn create_folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("can't create {}", path.display()))
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes10_is_drawn_once_and_again_where_what_was_kept_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(Some(folder.path().join("data"))).unwrap();
        let drawn = data.load(SHAPES10).unwrap();
        let kept =
            data.path.join("cache").join(format!("{SHAPES10}-{SHAPES10_SHA256}.safetensors"));
        let bytes = std::fs::read(&kept).unwrap();
        assert_eq!(
            sha256(&bytes),
            SHAPES10_SHA256,
            "the generator draws other images: state their hash here"
        );
        assert!(data.load(SHAPES10).unwrap() == drawn);

        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for wrong in [&damaged, &bytes[..bytes.len() / 2]] {
            std::fs::write(&kept, wrong).unwrap();
            assert!(data.load(SHAPES10).unwrap() == drawn);
            assert!(std::fs::read(&kept).unwrap() == bytes, "what was damaged is replaced");
        }
        let summary = data.summary(SHAPES10).unwrap();
        assert_eq!((summary.classes, summary.train), (drawn.classes.len(), drawn.train.len()));
        assert_eq!(
            data.names().unwrap(),
            Vec::<String>::new(),
            "what is kept is no imported data set"
        );
    }
}
