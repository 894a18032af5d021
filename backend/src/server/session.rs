//! Who uses the page: sessions of those who signed in with a token, and what the server is like.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use rrlab_protocol::{Me, Problem, ServerInfo};
use serde::Deserialize;
use time::Duration as CookieAge;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Caller, MaybePerson};
use super::lab::{App, Lab};
use super::oidc;
use crate::secret::new_secret;
use crate::store::{Person, SignedInBy, StoreResult};

/// What stands before the token in the address of [`enter`].
pub const TOKEN_PARAMETER: &str = "token=";

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(server))
        .routes(routes!(sign_in, sign_out))
        .routes(routes!(sign_out_everywhere))
}

fn me(person: Person) -> Me {
    Me { name: person.name, role: person.role }
}

/// The server, as you may use it
#[utoipa::path(
    get, path = "/server", operation_id = "describe_server",
    tag = "server",
    responses((status = 200, body = ServerInfo)),
    security(())
)]
async fn server(
    State(lab): State<App>,
    MaybePerson(person): MaybePerson,
) -> ApiResult<Json<ServerInfo>> {
    let mut devices: Vec<String> = Vec::new();
    let mut datasets = Vec::new();
    // Strangers learn that there is a lab, and no more.
    if person.is_some() {
        devices = lab.store.workers().await?.into_iter().map(|worker| worker.device).collect();
        devices.sort();
        devices.dedup();
        datasets = lab.dataset_names().await;
    }
    Ok(Json(ServerInfo {
        program: rrlab_types::PROGRAM.into(),
        hosted: lab.settings.hosted,
        user: person.map(me),
        datasets,
        devices,
        jobs_per_user: lab.settings.jobs_per_user,
        upload_bytes: lab.settings.upload_bytes,
        sign_in_address: lab.oidc.is_some().then(|| oidc::BEGIN.into()),
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The token, as `rrlab token create` showed it.
    token: String,
}

/// Sign in on the page: begins a session, whose secret is kept in a cookie that scripts can't read
#[utoipa::path(
    post, path = "/session", operation_id = "sign_in", tag = "server", request_body = SignIn,
    responses((status = 200, body = Me), (status = 401, description = "No such token", body = Problem)), security(())
)]
async fn sign_in(
    State(lab): State<App>,
    jar: CookieJar,
    Body(sign_in): Body<SignIn>,
) -> ApiResult<(CookieJar, Json<Me>)> {
    let token = lab.store.valid_token(&sign_in.token).await?.ok_or(ApiError::Unauthorized)?;
    let by = SignedInBy::Token(token.id);
    let secret = begin_session(&lab, token.person.id, by).await?;
    Ok((jar.add(session_cookie(&lab, secret)), Json(me(token.person))))
}

/// Begins a session; its secret is in no other place than the cookie.
pub async fn begin_session(lab: &Lab, person: i64, by: SignedInBy) -> StoreResult<String> {
    let secret = new_secret();
    lab.store.begin_session(person, &secret, by, lab.settings.session_life).await?;
    Ok(secret)
}

/// The cookie that holds a session's secret, as long as the session lasts at most.
pub fn session_cookie(lab: &Lab, secret: String) -> Cookie<'static> {
    let life = CookieAge::try_from(lab.settings.session_life).unwrap_or(CookieAge::MAX);
    Cookie::build((lab.settings.session_cookie.clone(), secret))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(lab.settings.secure_cookies)
        .max_age(life)
        .build()
}

/// Lets in whoever opens the address that a server for one person printed when it started: the token
/// begins a session, and goes out of the address. Nothing where the address holds none that is valid.
///
/// Where a server is hosted, a link could sign people in as somebody else.
pub async fn enter(lab: &App, uri: &Uri) -> ApiResult<Option<impl IntoResponse>> {
    let pairs = || uri.query().unwrap_or_default().split('&');
    let token = pairs().find_map(|pair| pair.strip_prefix(TOKEN_PARAMETER));
    let Some(token) = token.filter(|_| !lab.settings.hosted) else { return Ok(None) };
    let Some(token) = lab.store.valid_token(token).await? else { return Ok(None) };
    let secret = begin_session(lab, token.person.id, SignedInBy::Token(token.id)).await?;
    let rest: Vec<&str> = pairs().filter(|pair| !pair.starts_with(TOKEN_PARAMETER)).collect();
    let separator = if rest.is_empty() { "" } else { "?" };
    let address = format!("{}{separator}{}", uri.path(), rest.join("&"));
    let cookies = CookieJar::new().add(session_cookie(lab, secret));
    Ok(Some((cookies, Redirect::to(&address))))
}

/// Sign out of this browser
#[utoipa::path(
    delete, path = "/session", operation_id = "sign_out", tag = "server",
    responses((status = 204, description = "The session has ended, and the cookie is gone")), security(())
)]
async fn sign_out(State(lab): State<App>, jar: CookieJar) -> ApiResult<(CookieJar, StatusCode)> {
    let over = session_cookie(&lab, String::new());
    if let Some(cookie) = jar.get(over.name()) {
        lab.store.end_session(cookie.value()).await?;
    }
    Ok((jar.remove(over), StatusCode::NO_CONTENT))
}

/// Sign out of all browsers; tokens stay
#[utoipa::path(
    delete, path = "/sessions", operation_id = "sign_out_everywhere", tag = "server",
    responses((status = 204, description = "All of your sessions have ended"))
)]
async fn sign_out_everywhere(
    State(lab): State<App>,
    Caller(person): Caller,
) -> ApiResult<StatusCode> {
    lab.store.end_sessions(person.id, Some(person.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
