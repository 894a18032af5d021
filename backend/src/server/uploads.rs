//! Uploads on their way in: how many at once, and to a file that has no name.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use futures::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{ApiError, ApiResult};
use crate::storage::disk_is_full;

/// Uploads that come in at once.
const PLACES: usize = 64;
/// Those of one person: whoever sends slowly must not keep others out.
const PLACES_EACH: usize = 4;
/// Processes that read at once what has come in.
const READERS: usize = 2;
/// Seconds after which somebody may try again to upload.
const RETRY_SECONDS: u64 = 10;
/// Silence after which an upload is taken to have broken off.
const SILENCE: Duration = Duration::from_secs(60);
/// For how long what is refused is still read.
const LINGER: Duration = Duration::from_secs(30);
/// Silence after which nobody sends it any more.
const PAUSE: Duration = Duration::from_secs(1);

/// Room for uploads.
#[derive(Debug)]
pub struct Uploads {
    coming_in: Mutex<HashMap<i64, Theirs>>,
    readers: Arc<Semaphore>,
}

/// Uploads of one person.
#[derive(Debug, Default)]
struct Theirs {
    count: usize,
    /// Held while one of them is read: whoever sends what takes long must not keep others waiting.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { coming_in: Mutex::default(), readers: Arc::new(Semaphore::new(READERS)) }
    }
}

impl Uploads {
    /// A place for an upload of this person's.
    ///
    /// # Errors
    /// If as many as may be are on their way already.
    pub fn enter(self: &Arc<Self>, person: i64) -> ApiResult<UploadPlace> {
        let mut coming_in = self.coming_in.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = coming_in.values().map(|theirs| theirs.count).sum();
        let theirs = coming_in.get(&person).map_or(0, |theirs| theirs.count);
        if all >= PLACES || theirs >= PLACES_EACH {
            let who = if all >= PLACES { "others are" } else { "you are" };
            return Err(ApiError::TooMany {
                problem: format!("{who} uploading much just now; try again in a moment"),
                retry_seconds: RETRY_SECONDS,
            });
        }
        let theirs = coming_in.entry(person).or_default();
        theirs.count += 1;
        let reading = theirs.reading.clone();
        Ok(UploadPlace { uploads: self.clone(), person, reading })
    }
}

/// A place that an upload takes until this is dropped.
#[derive(Debug)]
pub struct UploadPlace {
    uploads: Arc<Uploads>,
    person: i64,
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// Held while an upload is read.
pub struct ReadingTurn {
    _theirs: tokio::sync::OwnedMutexGuard<()>,
    _reader: Option<OwnedSemaphorePermit>,
}

impl UploadPlace {
    /// Waits for its turn to be read.
    pub async fn turn(&self) -> ReadingTurn {
        let theirs = self.reading.clone().lock_owned().await;
        let reader = self.uploads.readers.clone().acquire_owned().await.ok();
        ReadingTurn { _theirs: theirs, _reader: reader }
    }
}

impl Drop for UploadPlace {
    fn drop(&mut self) {
        let mut coming_in = self.uploads.coming_in.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(theirs) = coming_in.get_mut(&self.person) {
            theirs.count -= 1;
            if theirs.count == 0 {
                coming_in.remove(&self.person);
            }
        }
    }
}

/// Writes a body to a file in `folder` that has no name; returns it with its length.
///
/// # Errors
/// If it is larger than `most_bytes`, breaks off, or there is no room for it.
pub async fn receive(body: Body, most_bytes: u64, folder: &Path) -> ApiResult<(File, u64)> {
    let file = tempfile::tempfile_in(folder).map_err(not_kept)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut pieces = body.into_data_stream();
    let mut length = 0;
    loop {
        let piece = tokio::time::timeout(SILENCE, pieces.next()).await.map_err(|_| {
            let problem = format!("nothing came for {} seconds", SILENCE.as_secs());
            ApiError::Malformed(StatusCode::REQUEST_TIMEOUT, problem)
        })?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|error| {
            let problem = format!("the upload broke off: {error}");
            ApiError::Malformed(StatusCode::BAD_REQUEST, problem)
        })?;
        length += piece.len() as u64;
        if length > most_bytes {
            return Err(too_large(pieces));
        }
        file.write_all(&piece).await.map_err(not_kept)?;
    }
    file.flush().await.map_err(not_kept)?;
    Ok((file.into_std().await, length))
}

/// A body of more bytes than the server takes. Many clients listen for an answer only when they have
/// sent everything: for a while the rest is read and forgotten.
pub fn too_large(mut rest: BodyDataStream) -> ApiError {
    tokio::spawn(tokio::time::timeout(LINGER, async move {
        while let Ok(Some(Ok(_))) = tokio::time::timeout(PAUSE, rest.next()).await {}
    }));
    let problem =
        "the file is larger than this server takes; GET /api/v1/server says how large it may be";
    ApiError::Malformed(StatusCode::PAYLOAD_TOO_LARGE, problem.into())
}

fn not_kept(error: std::io::Error) -> ApiError {
    tracing::error!(%error, "an upload can't be written");
    if disk_is_full(&error) { ApiError::Full } else { ApiError::Internal }
}
