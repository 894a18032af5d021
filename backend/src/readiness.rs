//! Whether a program of the lab has what it works with.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::objects::Objects;
use crate::store::Store;

/// Longest that database and object store may take to say that they are there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether database and object store answer: 200, or 503 and why in the log.
pub async fn readiness(store: &Store, objects: &Objects) -> Response {
    let store = async { store.ping().await.map_err(|error| error.to_string()) };
    let objects = async { objects.ping().await.map_err(|error| error.to_string()) };
    let asked = tokio::time::timeout(PATIENCE, async { [store.await, objects.await] }).await;
    let answers = asked.unwrap_or_else(|late| [Err(late.to_string()), Ok(())]);
    let problems: Vec<String> = answers.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() {
        "ready\n".into_response()
    } else {
        tracing::warn!(?problems, "not ready");
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: the log says why\n").into_response()
    }
}
