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
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::event_feed::EventBatch;
use super::extract::{Author, Credential, PathValues, QueryValues};
use super::lab::App;
use crate::store::{OwnedEvent, Person, StoreResult, StoredEvent};

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
    let owner = author.scope();
    stream(lab, after, EventFilter { job: None, owner, credential, let_in: Some(author.0) })
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
    let job = lab.store.seen_job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    events_of(lab, &job, (credential, Some(author.0)), &since, &headers).await
}

/// Events of a job that may be seen with this credential, by the person whom it let in.
pub async fn events_of(
    lab: App,
    job: &Job,
    (credential, let_in): (Credential, Option<Person>),
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
    stream(lab, after, EventFilter { job: Some(job.id), owner: None, credential, let_in })
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
    /// Whom the credential let in; nobody by a link.
    let_in: Option<Person>,
}

impl EventFilter {
    fn takes(&self, happened: &OwnedEvent) -> bool {
        match (self.job, self.owner) {
            (Some(job), _) => happened.event.job_id == job,
            (None, Some(owner)) => happened.owner_id == owner,
            (None, None) => true,
        }
    }
}

/// A stream of events.
struct Listener {
    lab: App,
    /// Number of the last event that was told.
    after: i64,
    filter: EventFilter,
    feed: broadcast::Receiver<EventBatch>,
    /// Whether all that happened before the feed's next batch was read.
    caught_up: bool,
    waiting: VecDeque<StoredEvent>,
    over: bool,
    _room: OwnedSemaphorePermit,
}

/// Ends with the job that it is of; when the server does (an open stream would hold up its end);
/// and when what it was opened with is revoked, or whoever it let in may do more or less.
fn events(
    lab: App,
    after: i64,
    filter: EventFilter,
    room: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let feed = lab.events.subscribe();
    let (waiting, caught_up, over) = (VecDeque::new(), false, false);
    let listener = Listener { lab, after, filter, feed, caught_up, waiting, over, _room: room };
    futures::stream::unfold(listener, async move |mut listener| {
        let event = listener.next().await?;
        listener.after = event.id;
        listener.over = event.last != 0 && listener.filter.job.is_some();
        let data = format!("{{\"job\":{},\"event\":{}}}", event.job_id, event.body);
        Some((Ok(Event::default().id(event.id.to_string()).data(data)), listener))
    })
}

impl Listener {
    /// The next event; `None` where the stream ends. Whoever listened comes back then, with the
    /// number of the last event that they got.
    async fn next(&mut self) -> Option<StoredEvent> {
        if self.over {
            return None;
        }
        while self.waiting.is_empty() {
            let read = if self.caught_up { self.hear().await } else { self.catch_up().await };
            match read {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    tracing::error!(%error, "a stream of events ends");
                    return None;
                }
            }
        }
        self.waiting.pop_front()
    }

    /// Reads what happened before now; whether to go on.
    async fn catch_up(&mut self) -> StoreResult<bool> {
        let EventFilter { job, owner, .. } = self.filter;
        let events = self.lab.store.events_after(self.after, job, owner, BATCH).await?;
        self.caught_up = events.is_empty();
        self.take(events).await
    }

    /// Waits for what happens next; whether to go on.
    async fn hear(&mut self) -> StoreResult<bool> {
        let mut stop = self.lab.stop.clone();
        let heard = tokio::select! {
            heard = self.feed.recv() => heard,
            _ = stop.wait_for(|stop| *stop) => return Ok(false),
        };
        match heard {
            Ok(batch) => {
                let new = |happened: &&OwnedEvent| {
                    happened.event.id > self.after && self.filter.takes(happened)
                };
                let events = batch.iter().filter(new).map(|happened| happened.event.clone());
                let events = events.collect();
                self.take(events).await
            }
            Err(RecvError::Lagged(_)) => {
                self.caught_up = false;
                Ok(true)
            }
            Err(RecvError::Closed) => Ok(false),
        }
    }

    /// Takes events to be told, where whoever listens still may hear them.
    async fn take(&mut self, events: Vec<StoredEvent>) -> StoreResult<bool> {
        let EventFilter { credential, let_in, .. } = &self.filter;
        if !events.is_empty() && !credential.holds(&self.lab, let_in.as_ref()).await? {
            return Ok(false);
        }
        self.waiting.extend(events);
        Ok(true)
    }
}
