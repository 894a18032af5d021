//! `rrlab serve`: the page, the API under `/api/v1`, and a worker beside them.

mod admin;
mod admission;
mod artifacts;
mod courses;
mod description;
mod error;
mod event_feed;
mod events;
mod extract;
mod guard;
mod jobs;
mod lab;
mod oidc;
mod operation;
mod page;
mod proxy;
mod quota;
mod request;
mod session;
mod shares;
mod sign_in;
mod uploads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use governor::clock::QuantaInstant;
use governor::middleware::NoOpMiddleware;
use tokio::sync::watch;
use tower::ServiceBuilder;
use tower_governor::GovernorLayer;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use admission::GroupRoles;
use description::Description;
use error::ApiError;
pub use event_feed::EventFeed;
pub use extract::SESSION_COOKIE;
use guard::{ByAddress, ByCaller, PagePolicy};
pub use lab::{App, Lab, Settings};
pub use oidc::{ClaimGroups, DONE as SIGN_IN_DONE, Oidc, OidcSettings};
pub use operation::describe as describe_metrics;
pub use page::Page;
pub use proxy::{ProxyGroups, ProxyIdentity};
pub use session::TOKEN_PARAMETER;

/// Longest that a request may take, but for streams of events, uploads and downloads.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same for uploads and downloads.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Requests of one caller that may come at once.
const BURST: u32 = 1000;
/// Callers that may come from one address.
const CALLERS_PER_ADDRESS: u64 = 20;
/// How often silent callers are forgotten.
const FORGET: Duration = Duration::from_secs(30);
/// Name of the header that tells requests apart in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How often somebody may ask, and how callers are told apart.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    /// Requests of one caller each second, beyond a burst.
    pub requests_per_second: u64,
    /// Whether X-Forwarded-For is a trusted proxy's.
    pub behind_proxy: bool,
}

fn timeout(limit: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limit)
}

/// The API with its description.
fn api() -> (Router<App>, utoipa::openapi::OpenApi) {
    let quick = OpenApiRouter::new()
        .merge(jobs::routes())
        .merge(session::routes())
        .merge(admin::routes())
        .merge(courses::routes());
    let quick = quick.layer(timeout(TIMEOUT));
    let transfers = OpenApiRouter::new()
        .merge(artifacts::routes())
        .merge(shares::routes())
        .layer(timeout(TRANSFER_TIMEOUT));
    let routes = OpenApiRouter::new().merge(quick).merge(transfers).merge(events::routes());
    let described = OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", routes);
    let (router, mut description) = described.split_for_parts();
    // Types are known only now that the routes are.
    description::complete(&mut description);
    (router, description)
}

/// The whole server as one service.
pub async fn router(lab: App, page: Page, limits: &RequestLimits) -> anyhow::Result<Router> {
    let by_address = ByAddress { behind_proxy: limits.behind_proxy };
    let identity = lab.settings.proxy_identity.as_ref().map(|proxy| proxy.name.clone());
    let by_caller = ByCaller { identity, otherwise: by_address };
    let callers = limiter(limits.requests_per_second, BURST, by_caller)?;
    // A class may share an address; beyond that, what a request shows is not even looked up.
    let shared = |count: u64| count.saturating_mul(CALLERS_PER_ADDRESS);
    let burst = u32::try_from(shared(u64::from(BURST))).unwrap_or(u32::MAX);
    let addresses = limiter(shared(limits.requests_per_second), burst, by_address)?;
    let (api, description) = api();
    let described = Json(description.clone());
    let embedders = &lab.settings.embedders;
    let policy = PagePolicy {
        alone: page.policy(&[]).await,
        embedded: match embedders.as_slice() {
            [] => None,
            some => Some(page.policy(some).await),
        },
    };
    let app = api
        .route("/api/v1/openapi.json", axum::routing::get(async move || described))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .route("/api", axum::routing::any(unknown_route))
        .route("/api/", axum::routing::any(unknown_route))
        .route("/api/{*rest}", axum::routing::any(unknown_route))
        .merge(
            utoipa_swagger_ui::SwaggerUi::new("/api/docs")
                .url("/api/v1/description.json", description),
        )
        .merge(operation::routes())
        .merge(sign_in::routes().layer(timeout(TIMEOUT)))
        .layer(GovernorLayer::new(callers).error_handler(guard::refused))
        .layer(GovernorLayer::new(addresses).error_handler(guard::refused))
        .layer(middleware::from_fn_with_state(lab.clone(), guard::same_site))
        .fallback(async move |State(lab): State<App>, request: Request| match *request.method() {
            axum::http::Method::GET | axum::http::Method::HEAD => {
                match session::enter(&lab, request.uri()).await {
                    Ok(Some(entered)) => entered.into_response(),
                    Ok(None) => page.serve(request.uri(), request.headers()).await,
                    Err(error) => error.into_response(),
                }
            }
            _ => ([(header::ALLOW, "GET,HEAD")], ApiError::MethodNotAllowed).into_response(),
        })
        .layer(middleware::from_fn(operation::count))
        .layer(middleware::from_fn_with_state(policy, guard::headers));
    let around = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request| {
            let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
            // The route, not the path: that can hold the secret of a link.
            tracing::info_span!("request", id, method = %request.method(), route = operation::route(request))
        }))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(CatchPanicLayer::custom(broke_down));
    Ok(app.layer(around).with_state(lab))
}

async fn unknown_route() -> ApiError {
    ApiError::NotFound("route")
}

type Limiter<K> = GovernorConfig<K, NoOpMiddleware<QuantaInstant>>;

/// So many requests each second beyond a burst; forgets callers that are silent.
fn limiter<K: KeyExtractor<Key: Send + Sync + 'static> + Send + Sync + 'static>(
    requests_per_second: u64,
    burst: u32,
    key: K,
) -> anyhow::Result<Arc<Limiter<K>>> {
    let limiter = GovernorConfigBuilder::default()
        .per_nanosecond((1_000_000_000 / requests_per_second.max(1)).max(1))
        .burst_size(burst)
        .key_extractor(key)
        .finish()
        .context("requests per second must be at least 1")?;
    let limiter = Arc::new(limiter);
    let known = limiter.limiter().clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(FORGET).await;
            known.retain_recent();
        }
    });
    Ok(limiter)
}

fn broke_down(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request broke down");
    ApiError::Internal.into_response()
}

/// Serves until `stop` becomes true; open streams end then.
///
/// # Errors
/// If the socket fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    app: Router,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            stop.wait_for(|stop| *stop).await.ok();
        })
        .await?;
    Ok(())
}
