//! Which lab an object store belongs to. `rrlab/lab.json` in the store, the mark, holds the id that
//! the lab's database holds too: only a store of the same id is written to, read, or cleaned.

use futures::stream;
use futures::{StreamExt, TryStreamExt};
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};

use super::content::{ObjectError, Objects, UnboundObjects, explained};
use super::key::{self, LabKey};
use crate::store::{StateOf, Store, StoreError};

/// The form of marks that this version writes and reads.
const FORMAT: u32 = 1;
/// What a refusal calls the id of a database that was never used with a store.
const NO_LAB: &str = "(none yet)";
/// Keys that a refusal names.
const NAMED: usize = 2;
/// Contents that are looked for at once.
const LOOKS_AT_ONCE: usize = 32;

#[derive(Serialize, Deserialize)]
struct Mark {
    lab: String,
    format: u32,
}

/// What is wrong with a store's mark.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The store failed.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// It was there, and is no longer.
    #[error(
        "the mark rrlab/lab.json is gone from the object store: restart the program to have it looked into"
    )]
    Missing,
    /// It names another lab.
    #[error(
        "the object store belongs to the lab {marked}, as its rrlab/lab.json says, but the database is of the lab {lab}. \
         If the lab's database was moved, as from SQLite to PostgreSQL, copy its tables, lab_identity among them; else \
         give --artifacts the store of this database, or an empty one"
    )]
    Another {
        /// The id in the mark.
        marked: String,
        /// The id in the database.
        lab: String,
    },
    /// It is no JSON of a mark.
    #[error(
        "the mark rrlab/lab.json in the object store can't be read ({0}): write {{\"lab\": ID, \"format\": 1}} there, ID \
         being what the table lab_identity of the database that belongs to the store holds"
    )]
    Unreadable(String),
    /// It is of a form that this version does not know.
    #[error(
        "the mark rrlab/lab.json in the object store is of format {0}, this version of the program reads format {FORMAT}: \
         use the version that wrote it"
    )]
    Format(u32),
}

/// Why a store is not taken for a database's.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Its mark is not the database's.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// The store failed.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It belongs to no lab, and holds somebody's files.
    #[error(
        "it is not empty (it holds {found}) and has no mark rrlab/lab.json of a lab: give an empty folder or a prefix of \
         its own, as --artifacts {better}"
    )]
    NotEmpty {
        /// The first keys.
        found: String,
        /// An address that would do.
        better: String,
    },
    /// It belongs to no lab, and is not what the database was used with.
    #[error(
        "the database names {0} contents, the store holds none of them and has no mark rrlab/lab.json of a lab: give \
         --artifacts the store that the database was used with"
    )]
    NoneFound(usize),
}

impl UnboundObjects {
    /// Takes the store for this database's, marks it where neither has been used yet, or where it
    /// holds what a version that did not mark has put there.
    ///
    /// # Errors
    /// If it is another lab's, may be somebody else's, or store or database can't be reached.
    pub async fn bind(self, store: &Store) -> Result<Objects, BindError> {
        let lab = store.lab_id().await?;
        match read(&*self.store).await? {
            Some(mark) => require(mark, &lab)?,
            None => self.mark(store, &lab).await?,
        }
        Ok(Objects { store: self.store, in_parts: self.in_parts, lab: lab.into() })
    }

    /// Looks whether [`UnboundObjects::bind`] would take the store for this database's. Neither is
    /// changed.
    ///
    /// # Errors
    /// As that.
    pub(super) async fn require_bindable(&self, store: &Store) -> Result<(), BindError> {
        let Some(mark) = read(&*self.store).await? else {
            return self.require_markable(store).await;
        };
        let lab = store.known_lab_id().await?;
        Ok(require(mark, lab.as_deref().unwrap_or(NO_LAB))?)
    }

    async fn mark(&self, store: &Store, lab: &str) -> Result<(), BindError> {
        if let Err(refused) = self.require_markable(store).await {
            // Another program of this lab may have marked it and put content there since the mark
            // was looked for.
            let mark = read(&*self.store).await?.ok_or(refused)?;
            return Ok(require(mark, lab)?);
        }
        write(&*self.store, lab).await?;
        // Whose mark came first is read back: not every store keeps a second one from taking the
        // place of the first.
        Ok(require(read(&*self.store).await?.ok_or(MarkError::Missing)?, lab)?)
    }

    async fn require_markable(&self, store: &Store) -> Result<(), BindError> {
        let contents =
            store.content_hashes().await?.into_iter().map(|hash| LabKey::Content { hash });
        let checkpoints = store
            .checkpoints()
            .await?
            .into_iter()
            .map(|(job, hash)| LabKey::Checkpoint { of: StateOf::job(job), hash });
        let named: Vec<LabKey> = contents.chain(checkpoints).collect();
        if named.is_empty() { self.require_empty().await } else { self.require_any(named).await }
    }

    async fn require_empty(&self) -> Result<(), BindError> {
        // What S3's console puts there for an empty folder has no name below it.
        let all = self.store.list(None).try_filter(|object| {
            let is_named = !object.location.as_ref().is_empty();
            async move { is_named }
        });
        let found: Vec<_> = all.take(NAMED).try_collect().await.map_err(explained)?;
        if found.is_empty() {
            return Ok(());
        }
        let found = found
            .iter()
            .map(|object| object.location.to_string())
            .collect::<Vec<_>>()
            .join(" and ");
        Err(BindError::NotEmpty {
            found,
            better: format!("{}/rrlab-artifacts", self.address.trim_end_matches('/')),
        })
    }

    async fn require_any(&self, named: Vec<LabKey>) -> Result<(), BindError> {
        let count = named.len();
        let mut looks =
            stream::iter(named).map(|key| self.holds(key)).buffer_unordered(LOOKS_AT_ONCE);
        while let Some(held) = looks.next().await {
            if held? {
                return Ok(());
            }
        }
        Err(BindError::NoneFound(count))
    }

    async fn holds(&self, key: LabKey) -> Result<bool, ObjectError> {
        for path in [key.path(), key.earlier_path()] {
            match self.store.head(&path).await {
                Ok(_) => return Ok(true),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(explained(error)),
            }
        }
        Ok(false)
    }
}

impl Objects {
    /// Looks whether the store still is this lab's.
    ///
    /// # Errors
    /// If its mark is gone or another's, or the store can't be reached.
    pub(super) async fn require_mark(&self) -> Result<(), MarkError> {
        require(read(&*self.store).await?.ok_or(MarkError::Missing)?, &self.lab)
    }
}

/// The lab in a store's mark.
async fn read(store: &dyn ObjectStore) -> Result<Option<String>, MarkError> {
    let bytes = match store.get(&key::mark()).await {
        Ok(found) => found.bytes().await.map_err(explained)?,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(explained(error).into()),
    };
    let mark: Mark =
        serde_json::from_slice(&bytes).map_err(|error| MarkError::Unreadable(error.to_string()))?;
    if mark.format == FORMAT { Ok(Some(mark.lab)) } else { Err(MarkError::Format(mark.format)) }
}

fn require(marked: String, lab: &str) -> Result<(), MarkError> {
    if marked == lab { Ok(()) } else { Err(MarkError::Another { marked, lab: lab.into() }) }
}

/// Marks a store, unless somebody did meanwhile.
async fn write(store: &dyn ObjectStore, lab: &str) -> Result<(), MarkError> {
    let mark = serde_json::json!(Mark { lab: lab.into(), format: FORMAT });
    let bytes = PutPayload::from(format!("{mark}\n"));
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let Err(error) = store.put_opts(&key::mark(), bytes.clone(), create).await else {
        return Ok(());
    };
    if matches!(error, Error::AlreadyExists { .. }) || read(store).await?.is_some() {
        return Ok(());
    }
    // Neither every file system (it takes hard links) nor every imitation of S3 can create without
    // replacing.
    store.put(&key::mark(), bytes).await.map_err(explained)?;
    Ok(())
}
