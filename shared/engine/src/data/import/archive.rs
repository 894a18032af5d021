//! Files in archives, one after the other.

use std::io::{Cursor, Read};

use zip::ZipReadOptions;
use zip::read::Config;
use zip::unstable::read::ZipIterable;

use super::budget::{ImportBudget, MAX_HEADER_BYTES, MeteredReader, UnpackedMeter};
use super::error::ImportError;

/// Bytes in whose multiples a tar archive is written.
const TAR_BLOCK: u64 = 512;

/// Whether a file of this name is an archive that [`super::Importer::add_archive`] reads.
pub fn is_archive(path: &str) -> bool {
    let lower = path.to_lowercase();
    [".tar", ".tar.gz", ".tgz", ".zip"].iter().any(|ending| lower.ends_with(ending))
}

/// Calls `visit(path, content)` for every file in a .tar, .tar.gz or .zip archive. What it does not
/// read of the content is passed over.
///
/// # Errors
/// If the archive can't be read or is more than the budget allows, or as `visit` says.
pub(super) fn archive_entries(
    path: &str,
    bytes: &[u8],
    budget: &ImportBudget,
    visit: impl FnMut(&str, &mut dyn Read) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let meter = UnpackedMeter::new(budget);
    let counter = FileCounter { archive: path, most: budget.files, files: 0 };
    let outcome = if path.to_lowercase().ends_with(".zip") {
        zip_entries(path, bytes, &meter, counter, visit)
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = flate2::read::GzDecoder::new(bytes);
        tar_entries(path, "gzipped tar archive", unpacked, &meter, counter, visit)
    } else {
        tar_entries(path, "tar archive", bytes, &meter, counter, visit)
    };
    outcome.map_err(|error| meter.excess(path).unwrap_or(error))
}

fn tar_entries(
    path: &str,
    kind: &'static str,
    reader: impl Read,
    meter: &UnpackedMeter,
    mut counter: FileCounter,
    mut visit: impl FnMut(&str, &mut dyn Read) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let fail = |error: std::io::Error| ImportError::Archive {
        path: path.into(),
        kind,
        problem: error.to_string(),
    };
    meter.allow(MAX_HEADER_BYTES);
    let mut archive = tar::Archive::new(MeteredReader { reader, meter });
    for entry in archive.entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        // Between files there are headers, long names and other things that are read whole,
        // whatever size they say they have.
        let content = entry.size().checked_next_multiple_of(TAR_BLOCK).unwrap_or(u64::MAX);
        meter.allow(content.saturating_add(MAX_HEADER_BYTES));
        counter.add(1)?;
        if entry.header().entry_type().is_file() {
            let name = entry.path().map_err(fail)?.to_string_lossy().into_owned();
            visit(&name, &mut entry)?;
        }
    }
    Ok(())
}

fn zip_entries(
    path: &str,
    bytes: &[u8],
    meter: &UnpackedMeter,
    mut counter: FileCounter,
    mut visit: impl FnMut(&str, &mut dyn Read) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let fail = |error: zip::result::ZipError| ImportError::Archive {
        path: path.into(),
        kind: "zip archive",
        problem: error.to_string(),
    };
    // Entries are not held: of hundreds of thousands that would take hundreds of megabytes.
    let mut archive = ZipIterable::try_new(Cursor::new(bytes), Config::default()).map_err(fail)?;
    counter.add(archive.len() as u64)?;
    let mut files = archive.files_with_cloned_reader(ZipReadOptions::new()).map_err(fail)?;
    while let Some(file) = files.next() {
        let file = file.map_err(fail)?;
        if file.is_file() {
            let name = file.name().map_err(fail)?.into_owned();
            visit(&name, &mut MeteredReader { reader: file, meter })?;
        }
    }
    Ok(())
}

/// Counts the entries of an archive.
struct FileCounter<'a> {
    archive: &'a str,
    most: u64,
    files: u64,
}

impl FileCounter<'_> {
    fn add(&mut self, files: u64) -> Result<(), ImportError> {
        self.files += files;
        if self.files <= self.most {
            return Ok(());
        }
        Err(ImportError::Files { path: self.archive.into(), most: self.most })
    }
}
