//! Looks after jobs, whoever computes them: those of dead workers come back, and content that nothing
//! needs is removed. Servers and workers all do; more of them
//! do no harm.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::objects::{GRACE, Objects};
use crate::store::{Store, StoreError};

/// How often jobs of dead workers are looked for.
const RECOVERY: Duration = Duration::from_secs(2);
/// How often content that nothing needs is removed.
const CLEANING: Duration = Duration::from_secs(3600);

/// Ages after which something is forgotten; without one it never is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// Since a job ended.
    pub jobs: Option<Duration>,
    /// Of an entry of the audit log.
    pub audit: Option<Duration>,
}

/// Looks after jobs until it is aborted, and forgets what is old.
pub fn look_after_jobs(store: Store, objects: Objects, keep: Keep) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut cleaned = Instant::now();
        loop {
            if let Err(error) = recover(&store).await {
                tracing::error!(%error, "can't look after jobs");
            }
            if cleaned.elapsed() > CLEANING {
                cleaned = Instant::now();
                if let Err(error) = forget(&store, keep).await {
                    tracing::error!(%error, "can't forget what is old");
                }
                clean(&store, &objects).await;
            }
            tokio::time::sleep(RECOVERY).await;
        }
    })
}

async fn recover(store: &Store) -> Result<(), StoreError> {
    for job in store.recover_jobs().await? {
        tracing::warn!(job, "its worker died");
    }
    Ok(())
}

async fn forget(store: &Store, keep: Keep) -> Result<(), StoreError> {
    store.forget_ended_sessions().await?;
    if let Some(age) = keep.jobs {
        let jobs = store.forget_jobs(age).await?;
        tracing::info!(jobs, "forgot jobs that ended long ago");
    }
    if let Some(age) = keep.audit {
        let entries = store.forget_audit(age).await?;
        tracing::info!(entries, "forgot entries of the audit log");
    }
    Ok(())
}

async fn clean(store: &Store, objects: &Objects) {
    match objects.remove_unneeded(store, GRACE).await {
        Ok(removed) if removed.is_empty() => {}
        Ok(removed) => {
            tracing::info!(removed = removed.len(), "removed content that nothing needs")
        }
        Err(error) => tracing::error!(%error, "can't remove content that nothing needs"),
    }
}
