//! Files in archives, within bounds on what an archive may unpack to.

use std::cell::Cell;
use std::io::{Cursor, Read};

use super::error::ImportError;

/// Largest file of an archive that is read: CIFAR-100's training file has 154 MB.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// Most bytes of all files of an archive: a small one can claim to hold any number.
const MAX_ARCHIVE_BYTES: u64 = 4 << 30;
/// Most bytes of what a tar archive has between two files.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Whether a file of this name is an archive that [`archive_entries`] reads.
pub fn is_archive(path: &str) -> bool {
    let lower = path.to_lowercase();
    [".tar", ".tar.gz", ".tgz", ".zip"].iter().any(|ending| lower.ends_with(ending))
}

/// Calls `visit(path, bytes)` for every file in a .tar, .tar.gz or .zip archive.
///
/// # Errors
/// If the archive can't be read, or as `visit` says.
pub fn archive_entries(
    path: &str,
    bytes: &[u8],
    visit: impl FnMut(&str, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    if path.to_lowercase().ends_with(".zip") {
        return zip_entries(path, bytes, visit);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return tar_entries(
            path,
            "gzipped tar archive",
            flate2::read::GzDecoder::new(bytes),
            visit,
        );
    }
    tar_entries(path, "tar archive", bytes, visit)
}

fn tar_entries(
    path: &str,
    kind: &'static str,
    reader: impl Read,
    mut visit: impl FnMut(&str, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let fail = |error: std::io::Error| ImportError::Archive {
        path: path.into(),
        kind,
        problem: error.to_string(),
    };
    let allowance = Cell::new(MAX_HEADER_BYTES);
    let mut archive = tar::Archive::new(LimitedReader { reader, allowance: &allowance });
    let mut left = MAX_ARCHIVE_BYTES;
    for entry in archive.entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        if entry.header().entry_type().is_file() {
            let name = entry.path().map_err(fail)?.to_string_lossy().into_owned();
            allowance.set(entry.size());
            let bytes = read_limited(&mut entry, &mut left).map_err(fail)?;
            visit(&name, &bytes)?;
        }
        allowance.set(MAX_HEADER_BYTES);
    }
    Ok(())
}

/// A reader that gives no more than is allowed. Between files a tar archive has headers, long names
/// and other things that are read whole, whatever size they say they have.
struct LimitedReader<'a, R> {
    reader: R,
    allowance: &'a Cell<u64>,
}

impl<R: Read> Read for LimitedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.allowance.get()).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            let problem =
                format!("what stands between its files is larger than {MAX_HEADER_BYTES} bytes");
            return Err(std::io::Error::other(problem));
        }
        let read = self.reader.read(&mut buffer[..most])?;
        self.allowance.set(self.allowance.get() - read as u64);
        Ok(read)
    }
}

fn zip_entries(
    path: &str,
    bytes: &[u8],
    mut visit: impl FnMut(&str, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let fail =
        |problem: String| ImportError::Archive { path: path.into(), kind: "zip archive", problem };
    let mut archive =
        zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| fail(error.to_string()))?;
    let mut left = MAX_ARCHIVE_BYTES;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| fail(error.to_string()))?;
        if entry.is_file() {
            let bytes =
                read_limited(&mut entry, &mut left).map_err(|error| fail(error.to_string()))?;
            let name = entry.name().map_err(|error| fail(error.to_string()))?.into_owned();
            visit(&name, &bytes)?;
        }
    }
    Ok(())
}

/// Reads a file of an archive of which so many bytes may still come.
fn read_limited(reader: &mut impl Read, left: &mut u64) -> std::io::Result<Vec<u8>> {
    let limit = MAX_FILE_BYTES.min(*left);
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    let length = bytes.len() as u64;
    if length > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!(
            "a file in it is larger than {MAX_FILE_BYTES} bytes"
        )));
    }
    if length > *left {
        return Err(std::io::Error::other(format!(
            "its files are larger than {MAX_ARCHIVE_BYTES} bytes together"
        )));
    }
    *left -= length;
    Ok(bytes)
}
