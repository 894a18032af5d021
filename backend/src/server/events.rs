//! Events as they happen: server-sent events, numbered, and replayed from where a listener left
//! off.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use rrlab_protocol::Job;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::extract::{Author, Credential, PathValues, QueryValues};
use super::lab::App;
use crate::store::{StoreError, StoredEvent};

/// Events that are read at once.
const BATCH: i64 = 200;
/// How often a silent stream shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Seconds after which somebody may try again to listen.
const RETRY_SECONDS: u64 = 10;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(all_events)).routes(routes!(job_events))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Since {
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
    credential: Credential,
    QueryValues(since): QueryValues<Since>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let after = match last_event(&headers).or(since.after) {
        Some(after) => after,
        None => lab.store.latest_event().await?,
    };
    stream(lab, after, EventFilter { job: None, owner: author.scope(), credential })
}

/// Events of a job, from its beginning or from where you left off
#[utoipa::path(
    get, path = "/jobs/{id}/events", operation_id = "listen_to_job",
    tag = "jobs",
    params(("id" = i64, Path, description = "The job"), Since),
    responses(
        (status = 200, description = "A stream of `{\"job\": number, \"event\": …}`, each with its number as id",
            content_type = "text/event-stream"),
        (status = 204, description = "The job has ended and you know all of its events"),
        (status = 404, description = "No such job", body = rrlab_protocol::Problem),
    )
)]
async fn job_events(
    State(lab): State<App>,
    author: Author,
    credential: Credential,
    PathValues(id): PathValues<i64>,
    QueryValues(since): QueryValues<Since>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let job = lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    events_of(lab, &job, credential, &since, &headers).await
}

/// Events of a job that may be seen with this credential.
pub async fn events_of(
    lab: App,
    job: &Job,
    credential: Credential,
    since: &Since,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let after = last_event(headers).or(since.after).unwrap_or(0);
    if job.state.is_final()
        && lab.store.events_after(after, Some(job.id), None, 1).await?.is_empty()
    {
        // Tells a browser not to connect again.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    stream(lab, after, EventFilter { job: Some(job.id), owner: None, credential })
}

fn last_event(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn stream(lab: App, after: i64, filter: EventFilter) -> ApiResult<Response> {
    let room = lab.streams.clone().try_acquire_owned().map_err(|_| ApiError::TooMany {
        problem: "too many listen already; try again in a moment".into(),
        retry_seconds: RETRY_SECONDS,
    })?;
    let mut headers = HeaderMap::new();
    // A proxy that collects what it passes on would hold events back.
    headers.insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    let events = Sse::new(events(lab, after, filter, room))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok((headers, events).into_response())
}

/// What a listener may see, and why.
struct EventFilter {
    job: Option<i64>,
    owner: Option<i64>,
    credential: Credential,
}

/// Ends with the job that it is of; when the server does (an open stream would hold up its end);
/// and when what it was opened with is revoked.
fn events(
    lab: App,
    after: i64,
    filter: EventFilter,
    room: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    struct Listener {
        lab: App,
        after: i64,
        filter: EventFilter,
        waiting: VecDeque<StoredEvent>,
        over: bool,
        _room: OwnedSemaphorePermit,
    }
    let listener =
        Listener { lab, after, filter, waiting: VecDeque::new(), over: false, _room: room };
    futures::stream::unfold(listener, move |mut listener| async move {
        let (mut latest_event, mut stop) =
            (listener.lab.latest_event.clone(), listener.lab.stop.clone());
        if listener.over {
            return None;
        }
        loop {
            if let Some(event) = listener.waiting.pop_front() {
                listener.after = event.id;
                listener.over = event.last != 0 && listener.filter.job.is_some();
                let data = format!("{{\"job\":{},\"event\":{}}}", event.job_id, event.body);
                return Some((Ok(Event::default().id(event.id.to_string()).data(data)), listener));
            }
            let known = *latest_event.borrow_and_update();
            let EventFilter { job, owner, credential } = &listener.filter;
            let lab = &listener.lab;
            let read = async {
                let events = lab.store.events_after(listener.after, *job, *owner, BATCH).await?;
                Ok::<_, StoreError>(if events.is_empty() || credential.holds(lab).await? {
                    Some(events)
                } else {
                    None
                })
            };
            match read.await {
                Ok(None) => return None,
                Ok(Some(events)) if !events.is_empty() => listener.waiting = events.into(),
                Ok(Some(_)) => {
                    // Nothing up to here was for this listener.
                    tokio::select! {
                        changed = latest_event.wait_for(|latest| *latest != known) => changed.ok()?,
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
