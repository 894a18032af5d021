//! What nothing refers to any more is removed: of the lab's own, and only while the store bears the
//! lab's mark.

use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};

use super::content::{ObjectError, Objects, UnboundObjects, explained};
use super::key::{self, LabKey};
use super::mark::{BindError, MarkError};
use crate::store::{StateOf, Store, StoreError};

/// Age below which content that nothing refers to is left alone: whoever put it may be about to
/// name it.
pub const GRACE: Duration = Duration::from_secs(3600);

/// Content or a checkpoint that nothing refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unneeded {
    /// What it is.
    pub key: LabKey,
    /// Its size.
    pub bytes: u64,
    /// How long ago it was put there.
    pub age: Duration,
}

/// Why unneeded content could not be found or removed.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The store is not this lab's any more: nothing was removed.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// The store could not be bound to the database: nothing was looked for.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UnboundObjects {
    /// Content and checkpoints of at least this age that nothing refers to, in a store that
    /// [`UnboundObjects::bind`] would take for this database's. Writes nothing to either, so that ages are
    /// by this machine's clock.
    ///
    /// # Errors
    /// If the store would be refused, or store or database can't be reached.
    pub async fn unneeded(
        &self,
        store: &Store,
        older_than: Duration,
    ) -> Result<Vec<Unneeded>, CleanError> {
        self.require_bindable(store).await?;
        let ages = Ages { now: SystemTime::now(), older_than };
        list_unneeded(&*self.store, store, ages).await
    }
}

/// Which ages count as old.
#[derive(Debug, Clone, Copy)]
struct Ages {
    now: SystemTime,
    older_than: Duration,
}

impl Ages {
    /// By the clock of the store, which says when each object was put there: one that is ahead of it would
    /// take what was put a moment ago for old.
    async fn by_store(
        objects: &dyn ObjectStore,
        older_than: Duration,
    ) -> Result<Self, ObjectError> {
        let clock = key::clock();
        let now = match objects.put(&clock, PutPayload::default()).await {
            Ok(_) => objects.head(&clock).await.map_err(explained)?.last_modified.into(),
            // Where nothing can be written, as on a full disk, cleaning is needed most: by the latest that was.
            Err(_) => latest(objects).await?,
        };
        Ok(Self { now, older_than })
    }

    fn age(&self, object: &ObjectMeta) -> Duration {
        self.now.duration_since(object.last_modified.into()).unwrap_or_default()
    }

    fn is_old(&self, object: &ObjectMeta) -> bool {
        self.age(object) >= self.older_than
    }
}

impl Objects {
    /// Removes content and checkpoints of at least this age that nothing refers to, and says what
    /// was removed.
    ///
    /// # Errors
    /// If the store's mark is gone or another's: then nothing was removed; or if store or database
    /// can't be reached.
    pub async fn remove_unneeded(
        &self,
        store: &Store,
        older_than: Duration,
    ) -> Result<Vec<Unneeded>, CleanError> {
        self.require_mark().await?;
        let ages = Ages::by_store(&*self.store, older_than).await?;
        let unneeded = list_unneeded(&*self.store, store, ages).await?;
        self.require_mark().await?;
        let mut removed = Vec::new();
        for found in unneeded {
            // Since it was listed it may have been put again, and then named: in this order, so
            // look in the other.
            if !is_needed(store, &found.key).await? && self.is_old(&found.key, ages).await? {
                self.remove(&found.key).await?;
                removed.push(found);
            }
        }
        Ok(removed)
    }

    /// Removes one state of a job or of a part.
    ///
    /// # Errors
    /// As [`Objects::remove_other_checkpoints`].
    pub async fn remove_checkpoint(&self, of: StateOf, hash: &str) -> Result<(), MarkError> {
        self.require_mark().await?;
        self.remove(&LabKey::Checkpoint { of, hash: hash.into() }).await?;
        Ok(())
    }

    /// Removes all states of a job or of a part but the one of this hash; all of them where none is named,
    /// of a job those of its parts too.
    ///
    /// # Errors
    /// If the store's mark is gone or another's: then nothing was removed; or if the store can't be
    /// reached.
    pub async fn remove_other_checkpoints(
        &self,
        of: StateOf,
        keep: Option<&str>,
    ) -> Result<(), MarkError> {
        let folder = key::checkpoints_of(of);
        let found: Vec<_> =
            self.store.list(Some(&folder)).try_collect().await.map_err(explained)?;
        self.require_mark().await?;
        for object in found {
            let Some(found) = LabKey::parse(&object.location) else { continue };
            let is_other = match (&found, keep) {
                (LabKey::Checkpoint { of: found, hash }, Some(keep)) => {
                    *found == of && hash != keep
                }
                (_, keep) => keep.is_none(),
            };
            if is_other {
                self.remove(&found).await?;
            }
        }
        Ok(())
    }

    /// Whether something is there, and old.
    async fn is_old(&self, key: &LabKey, ages: Ages) -> Result<bool, ObjectError> {
        match self.store.head(&key.path()).await {
            Ok(now) => Ok(ages.is_old(&now)),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(explained(error)),
        }
    }
}

/// When something was last put there.
async fn latest(objects: &dyn ObjectStore) -> Result<SystemTime, ObjectError> {
    let all = objects.list(None).map_ok(|object| SystemTime::from(object.last_modified));
    let latest = all.try_fold(SystemTime::UNIX_EPOCH, async |latest, at| Ok(latest.max(at))).await;
    latest.map_err(explained)
}

async fn list_unneeded(
    objects: &dyn ObjectStore,
    store: &Store,
    ages: Ages,
) -> Result<Vec<Unneeded>, CleanError> {
    let mut unneeded = Vec::new();
    for folder in key::folders() {
        let mut listed = objects.list(Some(&folder));
        while let Some(object) = listed.next().await {
            let object = object.map_err(explained)?;
            let Some(key) = LabKey::parse(&object.location) else { continue };
            if ages.is_old(&object) && !is_needed(store, &key).await? {
                unneeded.push(Unneeded { key, bytes: object.size, age: ages.age(&object) });
            }
        }
    }
    Ok(unneeded)
}

async fn is_needed(store: &Store, key: &LabKey) -> Result<bool, StoreError> {
    match key {
        LabKey::Content { hash } => store.is_content_needed(hash).await,
        LabKey::Checkpoint { of, hash } => store.is_checkpoint_needed(*of, hash).await,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::store::sqlite_address;

    const HOURS: Duration = Duration::from_secs(5 * 3600);

    /// A lab with content that nothing refers to, five hours old: database, store, and the folder
    /// that holds both.
    async fn lab() -> (Store, Objects, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&sqlite_address(&folder.path().join("lab.sqlite"))).await.unwrap();
        let artifacts = folder.path().join("artifacts");
        let objects =
            Objects::open(&artifacts.display().to_string()).unwrap().bind(&store).await.unwrap();
        objects.put("unneeded".into()).await.unwrap();
        objects.put_checkpoint(StateOf::job(3), "unneeded too".into()).await.unwrap();
        for key in unneeded(&store, &objects, Duration::ZERO).await.unwrap() {
            make_old(&artifacts.join(key.key.path().as_ref()));
        }
        (store, objects, folder)
    }

    async fn unneeded(
        store: &Store,
        objects: &Objects,
        older_than: Duration,
    ) -> Result<Vec<Unneeded>, CleanError> {
        let ages = Ages::by_store(&*objects.store, older_than).await?;
        list_unneeded(&*objects.store, store, ages).await
    }

    fn make_old(file: &Path) {
        std::fs::File::options()
            .append(true)
            .open(file)
            .unwrap()
            .set_modified(SystemTime::now() - HOURS)
            .unwrap();
    }

    #[tokio::test]
    async fn a_dump_among_the_artifacts_survives() {
        let (store, objects, folder) = lab().await;
        let dump = folder.path().join("artifacts/backups/db.dump");
        std::fs::create_dir_all(dump.parent().unwrap()).unwrap();
        std::fs::write(&dump, "everything").unwrap();
        make_old(&dump);
        assert_eq!(objects.remove_unneeded(&store, GRACE).await.unwrap().len(), 2);
        assert_eq!(std::fs::read(&dump).unwrap(), b"everything");
    }

    #[tokio::test]
    async fn what_was_put_again_since_it_was_listed_stays() {
        let (store, objects, _folder) = lab().await;
        let listed = unneeded(&store, &objects, GRACE).await.unwrap();
        let ages = Ages::by_store(&*objects.store, GRACE).await.unwrap();
        objects.put("unneeded".into()).await.unwrap();
        let is_older = futures::future::try_join_all(
            listed.iter().map(|found| objects.is_old(&found.key, ages)),
        );
        assert_eq!(is_older.await.unwrap(), [false, true]);
    }

    #[tokio::test]
    async fn a_job_keeps_its_checkpoints_in_a_store_that_is_another_labs_by_now() {
        let (_store, objects, folder) = lab().await;
        let kept = objects.put_checkpoint(StateOf::job(4), "the latest".into()).await.unwrap();
        let earlier =
            objects.put_checkpoint(StateOf::job(4), "an earlier one".into()).await.unwrap();
        let mark = folder.path().join("artifacts/rrlab/lab.json");
        let own = std::fs::read(&mark).unwrap();
        std::fs::write(&mark, r#"{"lab": "ffffffffffffffffffffffffffffffff", "format": 1}"#)
            .unwrap();
        let refused =
            objects.remove_other_checkpoints(StateOf::job(4), Some(&kept)).await.unwrap_err();
        assert!(matches!(refused, MarkError::Another { .. }), "{refused}");
        assert!(objects.checkpoint(StateOf::job(4), &earlier).await.is_ok(), "nothing went");
        std::fs::write(&mark, own).unwrap();
        let of_part =
            objects.put_checkpoint(StateOf::part(4, 2), "of a part".into()).await.unwrap();
        objects.remove_other_checkpoints(StateOf::job(4), Some(&kept)).await.unwrap();
        assert!(objects.checkpoint(StateOf::job(4), &earlier).await.is_err());
        assert!(objects.checkpoint(StateOf::job(4), &kept).await.is_ok());
        // The job's own go, not those of its parts; with the job all do.
        assert!(objects.checkpoint(StateOf::part(4, 2), &of_part).await.is_ok());
        objects.remove_other_checkpoints(StateOf::job(4), None).await.unwrap();
        assert!(objects.checkpoint(StateOf::part(4, 2), &of_part).await.is_err());
        assert!(objects.checkpoint(StateOf::job(4), &kept).await.is_err());
    }

    #[tokio::test]
    async fn a_store_without_the_labs_mark_is_not_cleaned() {
        let (store, objects, folder) = lab().await;
        let before = unneeded(&store, &objects, GRACE).await.unwrap();
        assert_eq!(before.len(), 2);
        let mark = folder.path().join("artifacts/rrlab/lab.json");
        let own = std::fs::read(&mark).unwrap();
        for (text, expected) in [
            (None, "is gone"),
            (
                Some(r#"{"lab": "ffffffffffffffffffffffffffffffff", "format": 1}"#),
                "belongs to the lab ffff",
            ),
            (Some(r#"{"lab": "ffff"#), "can't be read"),
            (Some(r#"{"lab": "ffffffffffffffffffffffffffffffff", "format": 2}"#), "of format 2"),
        ] {
            match text {
                None => std::fs::remove_file(&mark).unwrap(),
                Some(text) => std::fs::write(&mark, text).unwrap(),
            }
            let refused = objects.remove_unneeded(&store, GRACE).await.unwrap_err();
            assert!(
                matches!(refused, CleanError::Mark(_)) && refused.to_string().contains(expected),
                "{refused}"
            );
            assert_eq!(unneeded(&store, &objects, GRACE).await.unwrap().len(), 2, "nothing went");
        }
        std::fs::write(&mark, own).unwrap();
        assert_eq!(objects.remove_unneeded(&store, GRACE).await.unwrap().len(), 2);
    }
}
