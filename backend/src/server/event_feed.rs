//! New events of the whole lab: read from the database once, and handed to every stream.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::store::{OwnedEvent, Store, StoreResult};

/// How often the database is asked whether anything happened.
const POLL: Duration = Duration::from_millis(200);
/// Events that are read at once.
const BATCH: i64 = 1000;
/// Batches that a stream may be behind before it has to read from the database what it missed.
const BATCHES: usize = 64;

/// Events that happened after each other.
pub type EventBatch = Arc<[OwnedEvent]>;

/// Where streams hear what happens.
#[derive(Debug, Clone)]
pub struct EventFeed(broadcast::Sender<EventBatch>);

impl EventFeed {
    /// Follows what happens from now on, until `stop` becomes true.
    ///
    /// # Errors
    /// If the database does not say where that begins.
    pub async fn follow(store: Store, mut stop: watch::Receiver<bool>) -> StoreResult<Self> {
        let (sender, _) = broadcast::channel(BATCHES);
        let feed = Self(sender.clone());
        let mut known = store.latest_event().await?;
        tokio::spawn(async move {
            loop {
                match read_on(&store, &sender, known).await {
                    Ok(latest) => known = latest,
                    Err(error) => tracing::error!(%error, "can't ask for events"),
                }
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    _ = stop.wait_for(|stop| *stop) => break,
                }
            }
        });
        Ok(feed)
    }

    /// What happens from now on. Who has subscribed and then reads all that is in the database has
    /// missed nothing.
    pub fn subscribe(&self) -> broadcast::Receiver<EventBatch> {
        self.0.subscribe()
    }
}

/// Hands on what happened after the event of this number; returns the latest's.
async fn read_on(
    store: &Store,
    sender: &broadcast::Sender<EventBatch>,
    mut known: i64,
) -> StoreResult<i64> {
    let latest = store.latest_event().await?;
    while known < latest {
        let events = store.everybodys_events_after(known, BATCH).await?;
        // Those of a job that was deleted meanwhile are gone.
        let Some(last) = events.last() else { return Ok(latest) };
        known = last.event.id;
        // Nobody may listen.
        sender.send(events.into()).ok();
    }
    Ok(known)
}
