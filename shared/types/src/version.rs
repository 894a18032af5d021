//! Versions of the formats that files are in.

use serde::Deserialize;

/// A file of another version than this program reads, or of none.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// Another version.
    #[error("the {what} is of version {found}; this program reads version {known}")]
    Unknown {
        /// What the file holds.
        what: &'static str,
        /// The version that it names.
        found: u64,
        /// The version that is read.
        known: u32,
    },
    /// Not JSON, or without a version.
    #[error("not a {what}: {source}")]
    Missing {
        /// What was expected.
        what: &'static str,
        /// Where the text departs from it.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Checks the version that a JSON text names before the rest of it is read.
pub(crate) fn check_version(what: &'static str, text: &str, known: u32) -> Result<(), VersionError> {
    let Versioned { version: found } =
        serde_json::from_str(text).map_err(|source| VersionError::Missing { what, source })?;
    if found == u64::from(known) { Ok(()) } else { Err(VersionError::Unknown { what, found, known }) }
}
