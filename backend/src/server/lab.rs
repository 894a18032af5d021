//! What every route has at hand.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};

use crate::objects::Objects;
use crate::queue::Queue;
use crate::storage::DataFolder;
use crate::store::{Person, Store};

/// How often the database is asked whether anything happened, once for all streams.
const PULSE: Duration = Duration::from_millis(200);
/// Uploads that are held in memory at once.
const UPLOADS: usize = 2;
/// Streams of events that are open at once.
const STREAMS: usize = 1000;

/// The lab, shared by all routes.
pub type App = Arc<Lab>;

/// What whoever runs the server has set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether everybody must show a token.
    pub hosted: bool,
    /// Whether cookies go over TLS alone.
    pub secure_cookies: bool,
    /// Jobs that one person may have waiting and running.
    pub jobs_per_user: usize,
    /// Largest upload, in bytes.
    pub upload_bytes: u64,
    /// Bytes that one person may store, where there is a limit.
    pub stored_bytes_per_user: Option<i64>,
}

/// Everything that routes share.
pub struct Lab {
    /// The database.
    pub store: Store,
    /// The object store.
    pub objects: Objects,
    /// The queue.
    pub queue: Queue,
    /// Data sets by name.
    pub data: DataFolder,
    /// Settings.
    pub settings: Settings,
    /// Who asks where nobody has to show a token.
    pub everybody: Option<Person>,
    /// Number of the latest event.
    pub pulse: watch::Receiver<i64>,
    /// Whether the server is to end.
    pub stop: watch::Receiver<bool>,
    /// Metrics.
    pub metrics: PrometheusHandle,
    /// Room for uploads.
    pub uploads: Arc<Semaphore>,
    /// Room for streams of events.
    pub streams: Arc<Semaphore>,
}

impl Lab {
    /// Room for uploads.
    pub fn room_for_uploads() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(UPLOADS))
    }

    /// Room for streams of events.
    pub fn room_for_streams() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(STREAMS))
    }
}

/// Asks the database again and again for the number of the latest event, and tells it to whoever waits for events.
pub fn pulse(store: Store, mut stop: watch::Receiver<bool>) -> watch::Receiver<i64> {
    let (tell, told) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            match store.latest_event().await {
                Ok(latest) => {
                    tell.send_if_modified(|known| std::mem::replace(known, latest) != latest);
                }
                Err(error) => tracing::error!(%error, "can't ask for events"),
            }
            tokio::select! {
                () = tokio::time::sleep(PULSE) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
    });
    told
}
