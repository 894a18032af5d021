//! Versions of the formats that files are in.

use serde::Deserialize;

/// A file of another version than this program reads, or of none.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// A version of the format that this program does not know.
    #[error("the {what} is of version {found}; this program reads versions {oldest} to {known}")]
    Unknown {
        /// What the file holds.
        what: &'static str,
        /// The version that it names.
        found: u64,
        /// The earliest version that is read.
        oldest: u32,
        /// The latest version that is read, which is the one that is written.
        known: u32,
    },
    /// Not JSON, or without a version.
    #[error("not a {what}: {source}")]
    Missing {
        /// Kind of document that was expected, such as `profile`.
        what: &'static str,
        /// Where the text departs from it.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Earliest version of every format that is read: it does not say what its numbers are of.
const OLDEST: u32 = 1;

/// Checks the version that a JSON text names before the rest of it is read; returns it.
pub(crate) fn check_version(
    what: &'static str,
    text: &str,
    known: u32,
) -> Result<u32, VersionError> {
    let Versioned { version: found } =
        serde_json::from_str(text).map_err(|source| VersionError::Missing { what, source })?;
    match u32::try_from(found) {
        Ok(version) if (OLDEST..=known).contains(&version) => Ok(version),
        _ => Err(VersionError::Unknown { what, found, oldest: OLDEST, known }),
    }
}
