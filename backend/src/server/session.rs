//! Who uses the page: signing in with a token, and what the server is like.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use rrlab_protocol::{Me, Problem, ServerInfo};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, MaybePerson};
use super::lab::App;
use crate::store::Person;

/// What stands before the token in the address of [`enter`].
pub const TOKEN_PARAMETER: &str = "token=";

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(server)).routes(routes!(sign_in, sign_out))
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
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The token, as `rrlab token create` showed it.
    token: String,
}

/// Sign in on the page: keeps a token in a cookie that scripts can't read
#[utoipa::path(
    post, path = "/session", operation_id = "sign_in", tag = "server", request_body = SignIn,
    responses((status = 200, body = Me), (status = 401, description = "No such token", body = Problem)), security(())
)]
async fn sign_in(
    State(lab): State<App>,
    jar: CookieJar,
    Body(sign_in): Body<SignIn>,
) -> ApiResult<(CookieJar, Json<Me>)> {
    let person = lab.store.person_of_token(&sign_in.token).await?.ok_or(ApiError::Unauthorized)?;
    Ok((jar.add(token_cookie(&lab, sign_in.token)), Json(me(person))))
}

fn token_cookie(lab: &App, token: String) -> Cookie<'static> {
    Cookie::build((lab.settings.token_cookie.clone(), token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(lab.settings.secure_cookies)
        .permanent()
        .build()
}

/// Lets in whoever opens the address that a server for one person printed when it started: the token
/// goes into a cookie, and out of the address. Nothing where the address holds none that is valid.
///
/// Where a server is hosted, a link could sign people in as somebody else.
pub async fn enter(lab: &App, uri: &Uri) -> ApiResult<Option<impl IntoResponse>> {
    let pairs = || uri.query().unwrap_or_default().split('&');
    let token = pairs().find_map(|pair| pair.strip_prefix(TOKEN_PARAMETER));
    let Some(token) = token.filter(|_| !lab.settings.hosted) else { return Ok(None) };
    if lab.store.person_of_token(token).await?.is_none() {
        return Ok(None);
    }
    let rest: Vec<&str> = pairs().filter(|pair| !pair.starts_with(TOKEN_PARAMETER)).collect();
    let separator = if rest.is_empty() { "" } else { "?" };
    let address = format!("{}{separator}{}", uri.path(), rest.join("&"));
    let cookies = CookieJar::new().add(token_cookie(lab, token.to_owned()));
    Ok(Some((cookies, Redirect::to(&address))))
}

/// Sign out
#[utoipa::path(
    delete, path = "/session", operation_id = "sign_out", tag = "server",
    responses((status = 204, description = "The cookie is gone")), security(())
)]
async fn sign_out(State(lab): State<App>, jar: CookieJar) -> (CookieJar, StatusCode) {
    let cookie = Cookie::build((lab.settings.token_cookie.clone(), "")).path("/").build();
    (jar.remove(cookie), StatusCode::NO_CONTENT)
}
