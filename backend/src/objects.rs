//! The object store: content by its SHA-256, in a folder or in S3.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};

use crate::store::{Store, StoreError, hex};

/// Age below which content that nothing refers to is left alone: whoever put it may be about to name it.
const GRACE: Duration = Duration::from_secs(3600);

/// What the object store can't do.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// No room is left.
    #[error("the disk of the object store is full; delete what is no longer needed, or give it more room")]
    Full,
    /// It could not be reached, or refused.
    #[error("the object store failed: {0}")]
    Store(#[from] object_store::Error),
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
}

impl Objects {
    /// At `s3://BUCKET/…` (credentials and endpoint from the customary AWS_* variables), or in a folder.
    ///
    /// # Errors
    /// If the address makes no sense or the folder can't be made.
    pub fn open(address: &str) -> Result<Self, ObjectError> {
        let store: Arc<dyn ObjectStore> = if let Some(rest) = address.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let s3 = AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
            if prefix.is_empty() { Arc::new(s3) } else { Arc::new(object_store::prefix::PrefixStore::new(s3, prefix)) }
        } else {
            let failed = |source| ObjectError::Folder { path: address.into(), source };
            std::fs::create_dir_all(Path::new(address)).map_err(failed)?;
            Arc::new(LocalFileSystem::new_with_prefix(address)?.with_fsync(true))
        };
        Ok(Self { store })
    }

    /// Keeps content; returns its hash.
    ///
    /// # Errors
    /// If there is no room for it or the store can't be reached.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<String, ObjectError> {
        let hash = hex(&Sha256::digest(&bytes));
        self.store.put(&key(&hash), PutPayload::from(bytes)).await.map_err(explained)?;
        Ok(hash)
    }

    /// Content of this hash.
    ///
    /// # Errors
    /// If it is not there, is damaged, or the store can't be reached.
    pub async fn get(&self, hash: &str) -> Result<Vec<u8>, ObjectError> {
        let bytes = self.store.get(&key(hash)).await?.bytes().await?;
        if hex(&Sha256::digest(&bytes)) == hash { Ok(bytes.into()) } else { Err(ObjectError::Damaged(hash.into())) }
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

    /// Removes content that nothing refers to; returns how much there was.
    ///
    /// # Errors
    /// If store or database can't be reached.
    pub async fn remove_unneeded(&self, store: &Store) -> Result<usize, UnneededError> {
        let found: Vec<_> = self.store.list(None).try_collect().await.map_err(ObjectError::from)?;
        let mut removed = 0;
        for object in found {
            let age = std::time::SystemTime::now().duration_since(object.last_modified.into()).unwrap_or_default();
            let hash = object.location.filename().unwrap_or_default();
            if age > GRACE && !store.is_content_needed(hash).await? {
                self.store.delete(&object.location).await.map_err(ObjectError::from)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
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

fn key(hash: &str) -> Key {
    Key::from_iter([hash.get(..2).unwrap_or("00"), hash])
}

/// Tells a full disk from other failures, however deep the operating system's error lies.
fn explained(error: object_store::Error) -> ObjectError {
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
