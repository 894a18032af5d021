//! Starts the process that reads an upload, and waits for it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rrlab_protocol::ArtifactKind;
use tokio::process::Command;

use super::request::{Answer, IngestRequest};
use crate::facts::ArtifactFacts;
use crate::storage::{disk_is_full, map_file};
use crate::this_program::this_program;

/// Longest that reading one upload may take.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// How a program of Rust says that it gets no more memory.
const OUT_OF_MEMORY: &str = "memory allocation of";
/// Threads of the process: an upload is read by one, nearly always.
const THREADS: &str = "2";

/// An upload that was read and found right.
#[derive(Debug)]
pub struct Ingested {
    /// What it is.
    pub kind: ArtifactKind,
    /// What is known of it.
    pub facts: ArtifactFacts,
    /// What is to be stored; a file mapped into memory.
    pub content: Bytes,
}

/// Why nothing came of an upload.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It is broken, or not what it is said to be, or too much.
    #[error("{0}")]
    Refused(String),
    /// The disk has no room for it.
    #[error("the disk is full")]
    DiskFull,
    /// The process could not be started, or broke down.
    #[error("the process that reads uploads: {0}")]
    BrokeDown(String),
}

impl From<io::Error> for IngestError {
    fn from(error: io::Error) -> Self {
        if disk_is_full(&error) { Self::DiskFull } else { Self::BrokeDown(error.to_string()) }
    }
}

/// Reads an upload in a process of its own. `folder` is where files without names may lie
/// meanwhile. The process ends with whoever waits for it.
///
/// # Errors
/// As [`IngestError`] says.
pub async fn ingest(
    request: &IngestRequest,
    upload: File,
    folder: &Path,
) -> Result<Ingested, IngestError> {
    let asked = serde_json::to_string(request)
        .map_err(|error| IngestError::BrokeDown(error.to_string()))?;
    let content = tempfile::tempfile_in(folder)?;
    let mut command = Command::new(this_program()?);
    command
        .arg("--data-dir")
        .arg(folder)
        .args(["ingest", &asked])
        // Secrets of the server's are none of a stranger's file.
        .env_clear()
        .env("RAYON_NUM_THREADS", THREADS)
        .stdin(Stdio::from(upload))
        .stdout(Stdio::from(content.try_clone()?))
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Without it a program of Windows finds no source of randomness.
    if let Some(root) = std::env::var_os("SystemRoot") {
        command.env("SystemRoot", root);
    }
    let ended = tokio::time::timeout(PATIENCE, command.spawn()?.wait_with_output()).await;
    let Ok(ended) = ended else {
        let minutes = PATIENCE.as_secs() / 60;
        let problem = format!("it takes more than {minutes} minutes to read; send less at once");
        return Err(IngestError::Refused(problem));
    };
    let ended = ended?;
    let told = String::from_utf8_lossy(&ended.stderr);
    match answer(ended.status, &told, request.memory_bytes)? {
        Answer::Read { kind, facts } => Ok(Ingested { kind, facts, content: map_file(&content)? }),
        Answer::Refused { problem } => Err(IngestError::Refused(problem)),
        Answer::DiskFull => Err(IngestError::DiskFull),
    }
}

/// The answer is the last line of what the process says.
fn answer(status: ExitStatus, told: &str, memory_bytes: u64) -> Result<Answer, IngestError> {
    let last = told.lines().next_back().unwrap_or_default();
    match serde_json::from_str(last) {
        Ok(answer) if status.success() => Ok(answer),
        _ if told.contains(OUT_OF_MEMORY) => {
            let problem =
                format!("it takes more than {} MiB of memory to read", memory_bytes >> 20);
            Ok(Answer::Refused { problem })
        }
        _ => Err(IngestError::BrokeDown(format!("{status}: {}", told.trim()))),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_process_that_gets_no_more_memory_refused_its_upload() {
        let aborted = ExitStatus::from_raw(6);
        let said = "memory allocation of 4096 bytes failed\n";
        let refused = answer(aborted, said, 64 << 20).unwrap();
        let problem = "it takes more than 64 MiB of memory to read".to_owned();
        assert_eq!(refused, Answer::Refused { problem });
        let broken = answer(ExitStatus::from_raw(11), "", 64 << 20).unwrap_err();
        assert!(matches!(broken, IngestError::BrokeDown(_)));
        let full = serde_json::to_string(&Answer::DiskFull).unwrap();
        let status = ExitStatus::from_raw(0);
        assert_eq!(answer(status, &format!("note: x\n{full}\n"), 0).unwrap(), Answer::DiskFull);
    }
}
