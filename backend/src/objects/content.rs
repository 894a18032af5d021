//! Content by its SHA-256, and checkpoints of jobs: put there and read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientOptions, Error, GetResult, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart,
};
use sha2::{Digest, Sha256};

use super::key::{self, LabKey};
use crate::hex::hex;
use crate::storage::disk_is_full;
use crate::store::StateOf;

/// S3 takes large content in parts of this size, so many at once.
const PART: usize = 16 << 20;
const PARTS_AT_ONCE: usize = 4;
/// Silence of S3 after which a request has failed.
const SILENCE: Duration = Duration::from_secs(30);

/// What the object store can't do.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// No room is left.
    #[error(
        "the disk of the object store is full; delete what is no longer needed, or give it more room"
    )]
    Full,
    /// It could not be reached, or refused.
    #[error("the object store failed: {0}")]
    Store(Error),
    /// Content that is not there.
    #[error("content {0} is not in the object store")]
    Missing(String),
    /// Content that is not what its hash says.
    #[error("content {0} is damaged: its bytes have another hash")]
    Damaged(String),
    /// A folder that can't be made.
    #[error("can't make the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Not as its source: what it says holds what its sources say, and would be said twice.
impl From<Error> for ObjectError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// A store of which it is not known yet whether it is the lab's: nothing can be done with it but to
/// find that out.
#[derive(Debug)]
pub struct UnboundObjects {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) in_parts: bool,
    pub(super) address: String,
}

/// Content by hash, in the store that belongs to the lab's database.
#[derive(Debug, Clone)]
pub struct Objects {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Whether large content goes there in parts.
    pub(super) in_parts: bool,
    /// The lab's id.
    pub(super) lab: Arc<str>,
}

impl Objects {
    /// At `s3://BUCKET/…` (credentials and endpoint from the customary AWS_* variables), or in a
    /// folder, which is made where it is missing.
    ///
    /// # Errors
    /// If the address makes no sense or the folder can't be made.
    pub fn open(address: &str) -> Result<UnboundObjects, ObjectError> {
        if !is_s3(address) {
            let failed = |source| ObjectError::Folder { path: address.into(), source };
            std::fs::create_dir_all(address).map_err(failed)?;
        }
        open(address)
    }

    /// The same, but makes nothing: `None` where there is no such folder yet.
    ///
    /// # Errors
    /// If the address makes no sense or the folder can't be read.
    pub fn open_existing(address: &str) -> Result<Option<UnboundObjects>, ObjectError> {
        if is_s3(address) || Path::new(address).exists() {
            open(address).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Keeps content; returns its hash.
    ///
    /// # Errors
    /// If there is no room for it or the store can't be reached.
    pub async fn put(&self, bytes: Bytes) -> Result<String, ObjectError> {
        let hash = hash_of(bytes.clone()).await?;
        self.write(&content(&hash), bytes).await?;
        Ok(hash)
    }

    /// Content of this hash.
    ///
    /// # Errors
    /// If it is not there, is damaged, or the store can't be reached.
    pub async fn get(&self, hash: &str) -> Result<Bytes, ObjectError> {
        self.read(&content(hash)).await
    }

    /// Size of the content of this hash, and the content as it is read.
    ///
    /// # Errors
    /// If it is not there, or the store can't be reached.
    pub async fn stream(&self, hash: &str) -> Result<(u64, ContentStream), ObjectError> {
        let found = self.find(&content(hash)).await?;
        Ok((found.meta.size, found.into_stream()))
    }

    /// Keeps a state that a job or a part of it can go on from; returns its hash.
    ///
    /// # Errors
    /// As [`Objects::put`].
    pub async fn put_checkpoint(&self, of: StateOf, bytes: Bytes) -> Result<String, ObjectError> {
        let hash = hash_of(bytes.clone()).await?;
        self.write(&checkpoint(of, &hash), bytes).await?;
        Ok(hash)
    }

    /// The state of a job or of a part with this hash.
    ///
    /// # Errors
    /// As [`Objects::get`].
    pub async fn checkpoint(&self, of: StateOf, hash: &str) -> Result<Bytes, ObjectError> {
        self.read(&checkpoint(of, hash)).await
    }

    async fn write(&self, key: &LabKey, bytes: Bytes) -> Result<(), ObjectError> {
        let key = &key.path();
        if !self.in_parts || bytes.len() <= PART {
            self.store.put(key, PutPayload::from(bytes)).await.map_err(explained)?;
            return Ok(());
        }
        let upload = self.store.put_multipart(key).await.map_err(explained)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        for start in (0..bytes.len()).step_by(PART) {
            upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(explained)?;
            upload.put(bytes.slice(start..bytes.len().min(start + PART)));
        }
        upload.finish().await.map_err(explained)?;
        Ok(())
    }

    async fn read(&self, key: &LabKey) -> Result<Bytes, ObjectError> {
        let bytes = self.find(key).await?.bytes().await.map_err(explained)?;
        let hash = hash_of(bytes.clone()).await?;
        if hash == key.hash() { Ok(bytes) } else { Err(ObjectError::Damaged(key.hash().into())) }
    }

    /// Where the lab keeps it, or where the version before did.
    async fn find(&self, key: &LabKey) -> Result<GetResult, ObjectError> {
        let found = match self.store.get(&key.path()).await {
            Err(Error::NotFound { .. }) => self.store.get(&key.earlier_path()).await,
            found => found,
        };
        found.map_err(|error| match error {
            Error::NotFound { .. } => ObjectError::Missing(key.hash().into()),
            error => explained(error),
        })
    }

    pub(super) async fn remove(&self, key: &LabKey) -> Result<(), ObjectError> {
        match self.store.delete(&key.path()).await {
            // Somebody else was faster.
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(explained(error)),
        }
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), ObjectError> {
        match self.store.head(&key::mark()).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Content as it is read.
pub type ContentStream = BoxStream<'static, object_store::Result<Bytes>>;

const S3: &str = "s3://";

fn is_s3(address: &str) -> bool {
    address.starts_with(S3)
}

fn open(address: &str) -> Result<UnboundObjects, ObjectError> {
    let (store, in_parts) = match address.strip_prefix(S3) {
        Some(place) => (open_s3(place)?, true),
        None => (open_folder(address)?, false),
    };
    Ok(UnboundObjects { store, in_parts, address: address.into() })
}

fn open_s3(place: &str) -> Result<Arc<dyn ObjectStore>, ObjectError> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    // Large content takes as long as it takes, unless nothing comes any more.
    let options = ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE);
    let allow_http = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true");
    let s3 = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(options)
        .with_allow_http(allow_http)
        .build()?;
    Ok(if prefix.is_empty() { Arc::new(s3) } else { Arc::new(PrefixStore::new(s3, prefix)) })
}

fn open_folder(path: &str) -> Result<Arc<dyn ObjectStore>, ObjectError> {
    Ok(Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true)))
}

/// Of large content this takes a while: other tasks of the thread should not wait for it.
async fn hash_of(bytes: Bytes) -> Result<String, ObjectError> {
    let hash = tokio::task::spawn_blocking(move || hex(&Sha256::digest(&bytes))).await;
    hash.map_err(|source| ObjectError::Store(Error::JoinError { source }))
}

fn content(hash: &str) -> LabKey {
    LabKey::Content { hash: hash.into() }
}

fn checkpoint(of: StateOf, hash: &str) -> LabKey {
    LabKey::Checkpoint { of, hash: hash.into() }
}

/// Tells a full disk from other failures.
pub(super) fn explained(error: Error) -> ObjectError {
    if disk_is_full(&error) { ObjectError::Full } else { error.into() }
}
