//! For whoever runs the server: whether it lives, whether it is ready, and what it counts.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http};
use strum::VariantArray as _;

use super::error::ApiResult;
use super::extract::Admin;
use super::lab::App;
use crate::readiness::readiness;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
}

/// Whether database and object store answer.
async fn ready(State(lab): State<App>) -> Response {
    readiness(&lab.store, &lab.objects).await
}

/// What the server and its workers count, for Prometheus.
async fn numbers(State(lab): State<App>, _: Admin) -> ApiResult<Response> {
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
        metrics::gauge!("rrlab_jobs", "state" => state.name()).set(totals.count(state) as f64);
    }
    let oldest = totals.oldest_waiting_seconds().unwrap_or(0.0);
    metrics::gauge!("rrlab_oldest_waiting_seconds").set(oldest);
    let stranded = lab.store.stranded_jobs().await?;
    metrics::gauge!("rrlab_stranded_jobs").set(stranded as f64);
    for (kind, count, milliseconds) in totals.ended {
        metrics::counter!("rrlab_jobs_ended_total", "kind" => kind.name())
            .absolute(count.unsigned_abs());
        metrics::counter!("rrlab_job_seconds_total", "kind" => kind.name())
            .absolute(milliseconds.unsigned_abs() / 1000);
    }
    metrics::counter!("rrlab_worker_crashes_total").absolute(totals.crashes.unsigned_abs());
    // By device, not by worker: those of a scheduler come and go under ever new names.
    let mut devices: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for worker in lab.store.workers().await? {
        devices.entry(worker.device).or_default()[usize::from(worker.job.is_some())] += 1;
    }
    for (device, workers) in devices {
        for (state, count) in ["idle", "busy"].into_iter().zip(workers) {
            metrics::gauge!("rrlab_workers", "device" => device.clone(), "state" => state)
                .set(f64::from(count));
        }
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
    metrics::describe_gauge!(
        "rrlab_stranded_jobs",
        "Waiting jobs that no worker that is alive can compute"
    );
    metrics::describe_counter!("rrlab_jobs_ended_total", "Jobs that have ended, by kind");
    metrics::describe_counter!(
        "rrlab_job_seconds_total",
        "Seconds that workers computed these, by kind"
    );
    metrics::describe_counter!("rrlab_worker_crashes_total", "Workers that died under jobs");
    metrics::describe_gauge!("rrlab_workers", "Workers that are alive, by device, busy and idle");
    metrics::describe_counter!("rrlab_requests_total", "Requests by method, route and status");
    metrics::describe_histogram!(
        "rrlab_request_seconds",
        "Seconds to the beginning of the answer, by method and route"
    );
}

/// Methods that are counted by their names.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The route of a request; "page" where the page answers.
pub fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str)
}

/// Counts requests and how long they take.
pub async fn count(request: Request, next: Next) -> Response {
    // Somebody may send a word of their own as a method.
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
