//! The object store: content by its SHA-256, and checkpoints of jobs, in a folder or in S3.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};

use crate::store::{Store, StoreError, hex};

/// Age below which content that nothing refers to is left alone: whoever put it may be about to name it.
const GRACE: Duration = Duration::from_secs(3600);
/// Folder of the checkpoints, in folders by the numbers of their jobs.
const CHECKPOINTS: &str = "checkpoints";
/// S3 takes large content in parts of this size, so many at once.
const PART: usize = 16 << 20;
const PARTS_AT_ONCE: usize = 4;
/// Silence of S3 after which a request has failed.
const SILENCE: Duration = Duration::from_secs(30);

/// What the object store can't do.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// No room is left.
    #[error("the disk of the object store is full; delete what is no longer needed, or give it more room")]
    Full,
    /// It could not be reached, or refused.
    #[error("the object store failed: {0}")]
    Store(#[from] object_store::Error),
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

/// Content by hash.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Whether large content goes there in parts.
    in_parts: bool,
}

impl Objects {
    /// At `s3://BUCKET/…` (credentials and endpoint from the customary AWS_* variables), or in a folder.
    ///
    /// # Errors
    /// If the address makes no sense or the folder can't be made.
    pub fn open(address: &str) -> Result<Self, ObjectError> {
        if let Some(rest) = address.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            // Large content takes as long as it takes, unless nothing comes any more.
            let options = ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE);
            let allow_http = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true");
            let s3 = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(options)
                .with_allow_http(allow_http)
                .build()?;
            let store: Arc<dyn ObjectStore> = if prefix.is_empty() {
                Arc::new(s3)
            } else {
                Arc::new(object_store::prefix::PrefixStore::new(s3, prefix))
            };
            return Ok(Self { store, in_parts: true });
        }
        let failed = |source| ObjectError::Folder { path: address.into(), source };
        std::fs::create_dir_all(Path::new(address)).map_err(failed)?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(address)?.with_fsync(true));
        Ok(Self { store, in_parts: false })
    }

    /// Keeps content; returns its hash.
    ///
    /// # Errors
    /// If there is no room for it or the store can't be reached.
    pub async fn put(&self, bytes: Bytes) -> Result<String, ObjectError> {
        let hash = hash_of(bytes.clone()).await?;
        self.write(&key(&hash), bytes).await?;
        Ok(hash)
    }

    /// Content of this hash.
    ///
    /// # Errors
    /// If it is not there, is damaged, or the store can't be reached.
    pub async fn get(&self, hash: &str) -> Result<Bytes, ObjectError> {
        self.read(&key(hash), hash).await
    }

    /// Size of the content of this hash, and the content as it is read.
    ///
    /// # Errors
    /// If it is not there, or the store can't be reached.
    pub async fn stream(&self, hash: &str) -> Result<(u64, ContentStream), ObjectError> {
        let found = self.store.get(&key(hash)).await.map_err(explained)?;
        Ok((found.meta.size, found.into_stream()))
    }

    /// Keeps a state that a job can go on from; returns its hash.
    ///
    /// # Errors
    /// As [`Objects::put`].
    pub async fn put_checkpoint(&self, job: i64, bytes: Bytes) -> Result<String, ObjectError> {
        let hash = hash_of(bytes.clone()).await?;
        self.write(&checkpoints(job).join(hash.as_str()), bytes).await?;
        Ok(hash)
    }

    /// The state of a job with this hash.
    ///
    /// # Errors
    /// As [`Objects::get`].
    pub async fn checkpoint(&self, job: i64, hash: &str) -> Result<Bytes, ObjectError> {
        self.read(&checkpoints(job).join(hash), hash).await
    }

    /// Removes all states of a job but the one of this hash.
    ///
    /// # Errors
    /// If the store can't be reached.
    pub async fn keep_checkpoint(&self, job: i64, hash: Option<&str>) -> Result<(), ObjectError> {
        let found: Vec<_> = self.store.list(Some(&checkpoints(job))).try_collect().await.map_err(explained)?;
        for object in found.iter().filter(|object| object.location.filename() != hash) {
            self.remove(&object.location).await?;
        }
        Ok(())
    }

    async fn write(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
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

    async fn read(&self, key: &Key, hash: &str) -> Result<Bytes, ObjectError> {
        let bytes = self.store.get(key).await.map_err(explained)?.bytes().await.map_err(explained)?;
        if hash_of(bytes.clone()).await? == hash { Ok(bytes) } else { Err(ObjectError::Damaged(hash.into())) }
    }

    async fn remove(&self, key: &Key) -> Result<(), ObjectError> {
        match self.store.delete(key).await {
            // Somebody else was faster.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(explained(error)),
        }
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), ObjectError> {
        match self.store.head(&Key::from("ready")).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes content and checkpoints that nothing refers to; returns how much there was.
    ///
    /// # Errors
    /// If store or database can't be reached.
    pub async fn remove_unneeded(&self, store: &Store) -> Result<usize, UnneededError> {
        let mut found = self.store.list(None);
        let mut removed = 0;
        while let Some(object) = found.next().await {
            let object = object.map_err(explained)?;
            if is_young(&object) || is_needed(store, &object.location).await? {
                continue;
            }
            // It may have been put again since the list was made.
            match self.store.head(&object.location).await {
                Ok(now) if !is_young(&now) => {
                    self.remove(&object.location).await?;
                    removed += 1;
                }
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(explained(error).into()),
            }
        }
        Ok(removed)
    }
}

/// Content as it is read.
pub type ContentStream = BoxStream<'static, object_store::Result<Bytes>>;

fn is_young(object: &object_store::ObjectMeta) -> bool {
    let age = std::time::SystemTime::now().duration_since(object.last_modified.into()).unwrap_or_default();
    age < GRACE
}

async fn is_needed(store: &Store, location: &Key) -> Result<bool, StoreError> {
    let parts: Vec<_> = location.parts().collect();
    match parts.iter().map(|part| part.as_ref()).collect::<Vec<_>>().as_slice() {
        [CHECKPOINTS, job, hash] => store.is_checkpoint_needed(job.parse().unwrap_or_default(), hash).await,
        [_, hash] => store.is_content_needed(hash).await,
        // Not the lab's.
        _ => Ok(true),
    }
}

/// Of large content this takes a while: other tasks of the thread should not wait for it.
async fn hash_of(bytes: Bytes) -> Result<String, ObjectError> {
    let hash = tokio::task::spawn_blocking(move || hex(&Sha256::digest(&bytes))).await;
    hash.map_err(|source| ObjectError::Store(object_store::Error::JoinError { source }))
}

/// Why unneeded content could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum UnneededError {
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn checkpoints(job: i64) -> Key {
    Key::from_iter([CHECKPOINTS.to_owned(), job.to_string()])
}

fn key(hash: &str) -> Key {
    Key::from_iter([hash.get(..2).unwrap_or("00"), hash])
}

/// Tells what is missing and a full disk from other failures, however deep the operating system's error lies.
fn explained(error: object_store::Error) -> ObjectError {
    if let object_store::Error::NotFound { path, .. } = error {
        return ObjectError::Missing(path);
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = source {
        let kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if let Some(
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge,
        ) = kind
        {
            return ObjectError::Full;
        }
        source = inner.source();
    }
    error.into()
}
