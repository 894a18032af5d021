//! Against other pages, strangers' frames and too many requests.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tower_governor::GovernorError;
use tower_governor::key_extractor::KeyExtractor;

use super::error::ApiError;
use super::extract::SESSION_COOKIE;
use super::lab::App;
use crate::hex::hex;

/// Names by which a server for whoever started it is reached: any other is a stranger's page whose
/// name was made to lead here (DNS rebinding).
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses what another site's page sends in a person's name.
pub async fn same_site(State(lab): State<App>, request: Request, next: Next) -> Response {
    match refusal(&lab, request.method(), request.headers()) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(lab: &App, method: &Method, headers: &HeaderMap) -> Option<ApiError> {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = header(header::HOST).unwrap_or_default();
    if !lab.settings.hosted && !LOCAL_NAMES.contains(&without_port(host)) {
        let problem = "this server answers to localhost alone; start it with --hosted".to_owned();
        return Some(ApiError::Malformed(StatusCode::MISDIRECTED_REQUEST, problem));
    }
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    let foreign = match header(header::HeaderName::from_static("sec-fetch-site")) {
        // The browser's own word; a proxy may have changed the host.
        Some(site) => !["same-origin", "none"].contains(&site),
        None => {
            header(header::ORIGIN).is_some_and(|origin| origin.rsplit("://").next() != Some(host))
        }
    };
    (changes && foreign).then_some(ApiError::Forbidden("another site's page may not do this"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Content security policies of the page.
#[derive(Debug, Clone)]
pub struct PagePolicy {
    /// Of all that stands in no frame.
    pub alone: HeaderValue,
    /// Of a view that is made for frames, where anybody may show it in one.
    pub embedded: Option<HeaderValue>,
}

/// Whether this is the address of a view that is made for frames: it has no controls of the server's.
fn is_made_for_frames(uri: &Uri) -> bool {
    let is_view = |part: &str| ["embed=graph", "embed=pane", "embed=both"].contains(&part);
    uri.path() == "/" && uri.query().is_some_and(|query| query.split('&').any(is_view))
}

/// Headers of every answer.
pub async fn headers(State(policy): State<PagePolicy>, request: Request, next: Next) -> Response {
    let embedded = policy.embedded.filter(|_| is_made_for_frames(request.uri()));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if embedded.is_none() {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    let content = embedded.unwrap_or(policy.alone);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(content);
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address of the page can hold the secret of a link.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Counts requests by address; behind a proxy that is trusted, by the address that it names last.
#[derive(Debug, Clone, Copy)]
pub struct ByAddress {
    /// Whether X-Forwarded-For is a trusted proxy's.
    pub behind_proxy: bool,
}

impl KeyExtractor for ByAddress {
    type Key = IpAddr;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<IpAddr, GovernorError> {
        let lines = request.headers().get_all("x-forwarded-for");
        let last = lines
            .iter()
            .next_back()
            .filter(|_| self.behind_proxy)
            .and_then(|line| line.to_str().ok());
        let named = last
            .and_then(|list| list.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        let peer = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(address)| address.ip());
        named.or(peer).ok_or(GovernorError::UnableToExtractKey)
    }
}

/// Counts requests by what they show that they were let in with, or as [`ByAddress`].
#[derive(Debug, Clone)]
pub struct ByCaller {
    /// The header in which a trusted proxy names people.
    pub identity: Option<HeaderName>,
    /// How others are told apart.
    pub otherwise: ByAddress,
}

impl KeyExtractor for ByCaller {
    type Key = String;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<String, GovernorError> {
        let header =
            |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let cookie = header(header::COOKIE).filter(|cookies| cookies.contains(SESSION_COOKIE));
        let named = self.identity.as_ref().and_then(|name| request.headers().get(name));
        let shown = header(header::AUTHORIZATION).map(str::as_bytes);
        let shown = shown.or(named.map(HeaderValue::as_bytes)).or(cookie.map(str::as_bytes));
        match shown {
            Some(shown) => Ok(hex(&Sha256::digest(shown))),
            None => Ok(self.otherwise.extract(request)?.to_string()),
        }
    }
}

/// The answer to too many requests.
pub fn refused(error: GovernorError) -> Response {
    match error {
        GovernorError::TooManyRequests { wait_time, .. } => ApiError::TooMany {
            problem: "too many requests; wait a moment".into(),
            retry_seconds: wait_time.max(1),
        },
        _ => ApiError::Internal,
    }
    .into_response()
}
