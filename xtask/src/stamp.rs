//! Whether what was built is of the files that are here now.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use crate::run::{Failure, root};

/// Names and bytes of files in 64 bits: it tells the files of one repository apart and is compared
/// on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u64);

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Stamp {
    /// Of files and whole folders of the repository.
    ///
    /// # Errors
    /// If one can't be read.
    pub fn of(sources: &[&str]) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for source in sources {
            collect(&root().join(source), &mut files)?;
        }
        files.sort();
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        Self::of_files(&files)
    }

    /// Of these files, in this order.
    ///
    /// # Errors
    /// If one can't be read.
    pub fn of_files(files: &[&Path]) -> Result<Self, Failure> {
        let mut hasher = DefaultHasher::new();
        for file in files {
            let bytes = std::fs::read(file).map_err(|error| Failure::io(file, &error))?;
            hasher.write(file.file_name().unwrap_or_default().as_encoded_bytes());
            hasher.write_usize(bytes.len());
            hasher.write(&bytes);
        }
        Ok(Self(hasher.finish()))
    }

    /// Whether a file holds this stamp.
    pub fn is_in(self, file: &Path) -> bool {
        std::fs::read_to_string(file).is_ok_and(|text| text == self.to_string())
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// If that can't be written.
    pub fn write(self, file: &Path) -> Result<(), Failure> {
        std::fs::write(file, self.to_string()).map_err(|error| Failure::io(file, &error))
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(|error| Failure::io(path, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Failure::io(path, &error))?;
        collect(&entry.path(), files)?;
    }
    Ok(())
}
