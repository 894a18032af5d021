//! What every route has at hand.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use rrlab_engine::data::SHAPES10;
use rrlab_protocol::Artifact;
use tokio::sync::{Semaphore, watch};

use super::error::{ApiError, ApiResult};
use super::event_feed::EventFeed;
use super::oidc::Oidc;
use super::proxy::ProxyIdentity;
use super::uploads::Uploads;
use crate::embedder::Embedder;
use crate::facts::ArtifactFacts;
use crate::objects::Objects;
use crate::storage::DataFolder;
use crate::store::Store;

/// Streams of events that are open at once.
const STREAMS: usize = 1000;

/// The lab, shared by all routes.
pub type App = Arc<Lab>;

/// What whoever runs the server has set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether it serves many people, and not whoever started it alone.
    pub hosted: bool,
    /// Where a proxy says whom it signed in, if one does.
    pub proxy_identity: Option<ProxyIdentity>,
    /// Name of the cookie with a session's secret.
    pub session_cookie: String,
    /// How long a session lasts.
    pub session_life: Duration,
    /// Whether cookies go over TLS alone.
    pub secure_cookies: bool,
    /// Sites whose pages may show the lab's in a frame.
    pub embedders: Vec<Embedder>,
    /// Jobs that one person may have waiting and running.
    pub jobs_per_user: usize,
    /// Largest upload, in bytes.
    pub upload_bytes: u64,
    /// Bytes that one person may store, where there is a limit.
    pub stored_bytes_per_user: Option<i64>,
    /// Time for which one person's jobs may be computed in a day, where there is a limit.
    pub device_time_per_user: Option<Duration>,
    /// Bytes of memory that one job may be taken to need.
    pub job_memory: Option<u64>,
}

/// Everything that routes share.
pub struct Lab {
    /// People, artifacts, jobs and events.
    pub store: Store,
    /// Contents of artifacts, by hash.
    pub objects: Objects,
    /// Folder of the data sets that are asked for by name.
    pub data: DataFolder,
    /// What whoever runs the server has set.
    pub settings: Settings,
    /// The OpenID provider that signs people in, if one does.
    pub oidc: Option<Oidc>,
    /// What happens, for all streams.
    pub events: EventFeed,
    /// Whether the server is to end.
    pub stop: watch::Receiver<bool>,
    /// What is counted, as Prometheus reads it.
    pub metrics: PrometheusHandle,
    /// Room for uploads.
    pub uploads: Arc<Uploads>,
    /// A permit for each stream of events that may be open at once.
    pub streams: Arc<Semaphore>,
}

impl Lab {
    /// Names of the data sets on this machine; where they can't be listed, of those that need no
    /// file.
    pub async fn dataset_names(&self) -> Vec<String> {
        let data = self.data.clone();
        let listed = tokio::task::spawn_blocking(move || data.names()).await;
        let imported = match listed.map_err(anyhow::Error::from) {
            Ok(Ok(names)) => names,
            Ok(Err(error)) | Err(error) => {
                tracing::warn!("data sets can't be listed: {error:#}");
                Vec::new()
            }
        };
        let mut names = vec![SHAPES10.to_owned()];
        names.extend(imported);
        names
    }

    /// Which network and profile an artifact is. One that was stored before hashes were kept is
    /// read for it, once.
    ///
    /// # Errors
    /// If it has to be read and can't be.
    pub async fn facts_of(&self, artifact: &Artifact) -> ApiResult<ArtifactFacts> {
        let Artifact { kind, model_hash, profile_hash, .. } = *artifact;
        let work = self.store.work_facts(artifact.id).await?;
        let known = ArtifactFacts { model_hash, profile_hash, ..work };
        if known.is_known_for(kind) {
            return Ok(known);
        }
        let content = self.objects.get(&artifact.hash).await?;
        let read =
            tokio::task::spawn_blocking(move || ArtifactFacts::of_content(kind, &content)).await;
        let facts = read.map_err(|error| {
            tracing::error!(%error, "reading an artifact broke down");
            ApiError::Internal
        })?;
        let facts = facts.map_err(ApiError::Invalid)?;
        self.store.set_facts(kind, &artifact.hash, facts).await?;
        Ok(facts)
    }

    /// As many permits as streams of events may be open at once.
    pub fn room_for_streams() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(STREAMS))
    }
}
