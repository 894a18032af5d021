//! Files that are going to be written: checked before anything is computed for them, written aside
//! and renamed.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::HumanBytes;

/// Room that a report needs, such as a profile or a sweep: many times what any has.
pub const REPORT_BYTES: u64 = 8 << 20;

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is computed.
    Keep,
    /// It is replaced.
    Replace,
}

/// Why a file can't be written, found before there is anything to write.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// A folder.
    #[error("{option} {} is a folder; name a file in it", path.display())]
    Folder {
        /// What named it.
        option: String,
        /// The folder.
        path: PathBuf,
    },
    /// A device, a pipe or the like, which a file would take the place of.
    #[error("{option} {} is no plain file; name another", path.display())]
    Special {
        /// What named it.
        option: String,
        /// It.
        path: PathBuf,
    },
    /// In a folder that does not exist.
    #[error("{option} {}: there is no folder {}; create it, or choose another", path.display(), folder.display())]
    NoFolder {
        /// What named it.
        option: String,
        /// The file.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// In a folder that can't be written to.
    #[error("{option} {}: folder {} can't be written to ({problem}); choose another", path.display(), folder.display())]
    Unwritable {
        /// What named it.
        option: String,
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// What the system says.
        problem: std::io::Error,
    },
    /// There already.
    #[error("{option} {} exists; --force-overwrite replaces it, or choose another name", path.display())]
    Exists {
        /// What named it.
        option: String,
        /// The file.
        path: PathBuf,
    },
    /// On a disk that is too full.
    #[error(
        "{option} {} takes up to {}, and {} has {} left; make room, or choose another folder",
        path.display(), HumanBytes(*needed), folder.display(), HumanBytes(*free)
    )]
    NoRoom {
        /// What named it.
        option: String,
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
}

/// A file that can be written, as far as that can be known before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    path: PathBuf,
}

impl Destination {
    /// Checks a file that `option` names. `bytes` is the room that it takes, with what lies beside
    /// it meanwhile.
    ///
    /// # Errors
    /// Why it can't be written, or must not be.
    pub fn check(
        option: &str,
        path: &Path,
        existing: Existing,
        bytes: u64,
    ) -> Result<Self, DestinationError> {
        let (option, path) = (option.to_owned(), path.to_owned());
        let ends_as_folder = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
        if let Ok(found) = std::fs::metadata(&path) {
            if found.is_dir() {
                return Err(DestinationError::Folder { option, path });
            }
            if !found.is_file() {
                return Err(DestinationError::Special { option, path });
            }
            if existing == Existing::Keep {
                return Err(DestinationError::Exists { option, path });
            }
        } else if ends_as_folder || path.file_name().is_none() {
            return Err(DestinationError::Folder { option, path });
        }
        let folder = folder_of(&path).to_owned();
        if !folder.is_dir() {
            return Err(DestinationError::NoFolder { option, path, folder });
        }
        // Rights alone do not tell: the disk may be mounted for reading, and root may do anything.
        if let Err(problem) = file_aside(&folder) {
            return Err(DestinationError::Unwritable { option, path, folder, problem });
        }
        // A system that does not say how much is free finds out when it writes.
        let free = fs4::available_space(&folder).unwrap_or(u64::MAX);
        if free < bytes {
            return Err(DestinationError::NoRoom { option, path, folder, needed: bytes, free });
        }
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// If that fails after all.
    pub fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.path, bytes)
    }

    /// The same of what is made piece by piece.
    ///
    /// # Errors
    /// As [`Destination::write`], or as `pieces` says.
    pub fn write_pieces<E: Into<anyhow::Error>>(
        &self,
        pieces: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> anyhow::Result<()> {
        write_pieces_atomically(&self.path, Readers::All, pieces)
    }

    /// The same of what is nobody else's to read.
    ///
    /// # Errors
    /// As [`Destination::write`], or as `pieces` says.
    pub fn write_private_pieces<E: Into<anyhow::Error>>(
        &self,
        pieces: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> anyhow::Result<()> {
        write_pieces_atomically(&self.path, Readers::Owner, pieces)
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that goes when it is dropped, unless it is renamed.
fn file_aside(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".rrlab-").tempfile_in(folder)
}

/// Writes a file whole or not at all.
///
/// # Errors
/// What the system says, with the file's name.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_pieces_atomically(path, Readers::All, |file| file.write_all(bytes))
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    All,
    Owner,
}

fn write_pieces_atomically<E: Into<anyhow::Error>>(
    path: &Path,
    readers: Readers,
    pieces: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let mut aside = BufWriter::new(file_aside(folder_of(path))?);
        pieces(&mut aside).map_err(Into::into)?;
        let aside = aside.into_inner()?;
        aside.as_file().sync_all()?;
        // Temporary files are private to their owner; results are not.
        if readers == Readers::All {
            #[cfg(unix)]
            aside.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        }
        aside.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_refused_before_anything_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let refused = Destination::check("--out", &path, Existing::Keep, u64::MAX / 2).unwrap_err();
        assert!(matches!(refused, DestinationError::NoRoom { .. }), "{refused}");
        assert!(Destination::check("--out", &path, Existing::Keep, 1).is_ok());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "checking leaves nothing behind"
        );
    }

    #[test]
    fn a_file_is_replaced_only_where_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.json");
        std::fs::write(&path, "{}").unwrap();
        let refused = Destination::check("--out", &path, Existing::Keep, 1).unwrap_err();
        assert!(refused.to_string().contains("--force-overwrite"), "{refused}");
        Destination::check("--out", &path, Existing::Replace, 1).unwrap().write(b"[]").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"[]");
    }
}
