//! For whoever runs the server: whether it lives, whether it is ready, and what it counts.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http};
use rrlab_protocol::UserRole;
use strum::VariantArray as _;

use super::error::{ApiError, ApiResult};
use super::extract::Caller;
use super::lab::App;
use crate::store::now_ms;

/// Longest that database and object store may take to say that they are there.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
}

/// Whether database and object store answer.
async fn ready(State(lab): State<App>) -> Response {
    let store = async { lab.store.ping().await.map_err(|error| error.to_string()) };
    let objects = async { lab.objects.ping().await.map_err(|error| error.to_string()) };
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

/// What the server and its workers count, for Prometheus. Where people need tokens, an admin's.
async fn numbers(State(lab): State<App>, Caller(person): Caller) -> ApiResult<Response> {
    if person.role != UserRole::Admin {
        return Err(ApiError::Forbidden("metrics are for admins"));
    }
    gather(&lab).await?;
    let mut headers = HeaderMap::new();
    headers
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; version=0.0.4"));
    Ok((headers, lab.metrics.render()).into_response())
}

/// Takes numbers from the database: they are of all servers and workers.
async fn gather(lab: &App) -> ApiResult<()> {
    let totals = lab.store.totals().await?;
    for &state in rrlab_protocol::JobState::VARIANTS {
        let count =
            totals.states.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
        metrics::gauge!("rrlab_jobs", "state" => state.name()).set(count as f64);
    }
    let waiting_ms = totals.oldest_waiting_ms.map_or(0, |since| (now_ms() - since).max(0));
    metrics::gauge!("rrlab_oldest_waiting_seconds").set(waiting_ms as f64 / 1000.0);
    for (kind, count, milliseconds) in totals.ended {
        metrics::gauge!("rrlab_jobs_ended", "kind" => kind.name()).set(count as f64);
        metrics::gauge!("rrlab_job_seconds", "kind" => kind.name())
            .set(milliseconds as f64 / 1000.0);
    }
    metrics::gauge!("rrlab_worker_crashes").set(totals.crashes as f64);
    for (worker, device, busy) in lab.store.workers().await? {
        metrics::gauge!("rrlab_device_busy", "worker" => worker, "device" => device)
            .set(f64::from(u8::from(busy)));
    }
    Ok(())
}

/// Names what is counted.
pub fn describe() {
    metrics::describe_gauge!("rrlab_jobs", "Jobs by state");
    metrics::describe_gauge!(
        "rrlab_oldest_waiting_seconds",
        "How long the oldest waiting job has waited"
    );
    metrics::describe_gauge!("rrlab_jobs_ended", "Jobs that have ended, by kind");
    metrics::describe_gauge!(
        "rrlab_job_seconds",
        "Seconds that these took from their first start to their end, by kind"
    );
    metrics::describe_gauge!("rrlab_worker_crashes", "Workers that died under jobs");
    metrics::describe_gauge!("rrlab_device_busy", "Whether a worker's device computes a job");
    metrics::describe_counter!("rrlab_requests_total", "Requests by method, route and status");
    metrics::describe_histogram!(
        "rrlab_request_seconds",
        "Seconds to the beginning of the answer, by method and route"
    );
}

/// Methods that are counted by their names.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

/// The route of a request; "page" where the page answers.
pub fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str)
}

/// Counts requests and how long they take.
pub async fn count(request: Request, next: Next) -> Response {
    // MaybePerson may send a word of their own as a method.
    let method =
        METHODS.into_iter().find(|method| *method == request.method().as_str()).unwrap_or("other");
    let route = route(&request).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("rrlab_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("rrlab_request_seconds", "method" => method, "route" => route)
        .record(began.elapsed().as_secs_f64());
    response
}
