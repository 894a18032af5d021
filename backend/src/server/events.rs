//! Events as they happen: server-sent events, numbered, and replayed from where a listener left off.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::extract::{At, Author, Params};
use super::lab::App;
use crate::store::StoredEvent;

/// Events that are read at once.
const BATCH: i64 = 200;
/// How often a silent stream shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(all_events)).routes(routes!(job_events))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Since {
    /// Number of the last event that is known. The header Last-Event-ID counts for more.
    after: Option<i64>,
}

/// Events of all jobs that you see, from now on or from where you left off
#[utoipa::path(
    get, path = "/events", operation_id = "listen", tag = "jobs", params(Since),
    responses((status = 200, description = "A stream of `{\"job\": number, \"event\": …}`, each with its number as id",
        content_type = "text/event-stream"))
)]
async fn all_events(
    State(lab): State<App>,
    author: Author,
    Params(since): Params<Since>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let after = match last_event(&headers).or(since.after) {
        Some(after) => after,
        None => lab.store.latest_event().await?,
    };
    Ok(stream(lab, after, None, author.scope()))
}

/// Events of a job, from its beginning or from where you left off
#[utoipa::path(
    get, path = "/jobs/{id}/events", operation_id = "listen_to_job", tag = "jobs", params(("id" = i64, Path, description = "The job"), Since),
    responses(
        (status = 200, description = "A stream of `{\"job\": number, \"event\": …}`, each with its number as id",
            content_type = "text/event-stream"),
        (status = 204, description = "The job has ended and you know all of its events"),
        (status = 404, description = "No such job", body = rrlab_types::Problem),
    )
)]
async fn job_events(
    State(lab): State<App>,
    author: Author,
    At(id): At<i64>,
    Params(since): Params<Since>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let job = lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    let after = last_event(&headers).or(since.after).unwrap_or(0);
    if job.state.is_final() && lab.store.events_after(after, Some(id), None, 1).await?.is_empty() {
        // Tells a browser not to connect again.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(stream(lab, after, Some(id), None))
}

fn last_event(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn stream(lab: App, after: i64, job: Option<i64>, owner: Option<i64>) -> Response {
    let mut headers = HeaderMap::new();
    // A proxy that collects what it passes on would hold events back.
    headers.insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    (headers, Sse::new(events(lab, after, job, owner)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
        .into_response()
}

/// Ends when the server does: an open stream would hold up its end.
fn events(lab: App, after: i64, job: Option<i64>, owner: Option<i64>) -> impl Stream<Item = Result<Event, Infallible>> {
    struct Listener {
        lab: App,
        after: i64,
        waiting: VecDeque<StoredEvent>,
    }
    let listener = Listener { lab, after, waiting: VecDeque::new() };
    futures::stream::unfold(listener, move |mut listener| async move {
        let (mut pulse, mut stop) = (listener.lab.pulse.clone(), listener.lab.stop.clone());
        loop {
            if let Some(event) = listener.waiting.pop_front() {
                listener.after = event.id;
                let data = format!("{{\"job\":{},\"event\":{}}}", event.job_id, event.body);
                return Some((Ok(Event::default().id(event.id.to_string()).data(data)), listener));
            }
            let seen = *pulse.borrow_and_update();
            match listener.lab.store.events_after(listener.after, job, owner, BATCH).await {
                Ok(events) if !events.is_empty() => listener.waiting = events.into(),
                Ok(_) => {
                    // Nothing up to here was for this listener.
                    tokio::select! {
                        changed = pulse.wait_for(|latest| *latest != seen) => changed.ok()?,
                        _ = stop.wait_for(|stop| *stop) => return None,
                    };
                }
                // The listener comes back, with the number of the last event that it got.
                Err(error) => {
                    tracing::error!(%error, "a stream of events ends");
                    return None;
                }
            }
        }
    })
}
