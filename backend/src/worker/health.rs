//! Whether a worker lives and what it counts, for whoever looks after it.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::{Worker, counts};
use crate::readiness::readiness;

#[derive(Clone)]
struct Watched {
    worker: Worker,
    metrics: PrometheusHandle,
}

/// Answers `/healthz`, `/readyz` and `/metrics` there.
///
/// # Errors
/// If the socket fails.
pub async fn serve(
    listener: TcpListener,
    worker: Worker,
    metrics: PrometheusHandle,
) -> std::io::Result<()> {
    counts::describe();
    let app = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
        .with_state(Watched { worker, metrics });
    axum::serve(listener, app).await
}

async fn alive(State(Watched { worker, .. }): State<Watched>) -> Response {
    match worker.check_device() {
        Ok(()) => "alive\n".into_response(),
        Err(lost) => (StatusCode::SERVICE_UNAVAILABLE, format!("{lost}\n")).into_response(),
    }
}

async fn ready(State(Watched { worker, .. }): State<Watched>) -> Response {
    readiness(&worker.0.store, &worker.0.objects).await
}

async fn numbers(State(Watched { worker, metrics }): State<Watched>) -> String {
    let busy = worker.0.current.lock().await.is_some();
    metrics::gauge!("rrlab_worker_busy").set(f64::from(u8::from(busy)));
    metrics.render()
}
