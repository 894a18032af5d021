//! What a request says: who asks, and its body, path and query with errors as the API's.

use std::convert::Infallible;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use rrlab_protocol::UserRole;

use super::error::ApiError;
use super::lab::{App, Lab};
use crate::secret::PREFIX;
use crate::store::{Person, StoreResult};

/// Name of the cookie that holds a session's secret, or a part of it.
pub const SESSION_COOKIE: &str = "rrlab_session";

/// Whoever asks, if the lab knows them.
pub struct MaybePerson(pub Option<Person>);

/// Somebody who may read by link at least.
pub struct Caller(pub Person);

/// Somebody with work of their own: a student or an admin.
pub struct Author(pub Person);

/// Somebody who looks after the lab.
pub struct Admin(pub Person);

impl Author {
    /// Whose work they see: `None` for everybody's.
    pub fn scope(&self) -> Option<i64> {
        (self.0.role != UserRole::Admin).then_some(self.0.id)
    }
}

/// What a request shows to be let in: a token of the lab's in its header, else what a trusted proxy
/// says, else the session in its cookie.
fn credential(parts: &Parts, lab: &Lab) -> Credential {
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let proxy = lab.settings.proxy_identity.as_ref();
    match (bearer, token, proxy) {
        (_, Some(token), None) => Credential::Token(token.to_owned()),
        // The proxy may pass a token of its own on.
        (_, Some(token), Some(_)) if token.starts_with(PREFIX) => {
            Credential::Token(token.to_owned())
        }
        (_, _, Some(proxy)) if parts.headers.contains_key(&proxy.name) => proxy
            .named(&parts.headers)
            .map_or(Credential::None, |name| Credential::Proxy(name.into())),
        (Some(_), _, None) => Credential::None,
        _ => CookieJar::from_headers(&parts.headers)
            .get(&lab.settings.session_cookie)
            .map_or(Credential::None, |cookie| Credential::Session(cookie.value().to_owned())),
    }
}

impl FromRequestParts<App> for MaybePerson {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, lab: &App) -> Result<Self, ApiError> {
        let credential = credential(parts, lab);
        if let (Credential::Proxy(name), Some(proxy)) = (&credential, &lab.settings.proxy_identity)
            && !proxy.admit(name, &parts.headers, &lab.store).await?
        {
            return Ok(Self(None));
        }
        Ok(Self(credential.person(lab).await?))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, lab: &App) -> Result<Self, ApiError> {
        let MaybePerson(person) = MaybePerson::from_request_parts(parts, lab).await?;
        person.map(Self).ok_or(ApiError::Unauthorized)
    }
}

impl FromRequestParts<App> for Author {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, lab: &App) -> Result<Self, ApiError> {
        let Caller(person) = Caller::from_request_parts(parts, lab).await?;
        match person.role {
            UserRole::Reviewer => Err(ApiError::Forbidden(
                "a reviewer reads what is shared by a link, and has no work of their own",
            )),
            UserRole::Student | UserRole::Admin => Ok(Self(person)),
        }
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, lab: &App) -> Result<Self, ApiError> {
        let Caller(person) = Caller::from_request_parts(parts, lab).await?;
        match person.role {
            UserRole::Admin => Ok(Self(person)),
            UserRole::Reviewer | UserRole::Student => {
                Err(ApiError::Forbidden("this is for admins"))
            }
        }
    }
}

/// What a request was let in with, for answers that last longer than it may hold.
pub enum Credential {
    /// Nothing.
    None,
    /// The token that was shown, to be looked up again.
    Token(String),
    /// A session's secret, likewise.
    Session(String),
    /// A trusted proxy's word that it is the person of this name.
    Proxy(String),
    /// The secret in the link's address, likewise.
    Link(String),
}

impl Credential {
    /// Whether it was not revoked meanwhile, and whom it let in, if anybody, may do what they might.
    pub async fn holds(&self, lab: &Lab, let_in: Option<&Person>) -> StoreResult<bool> {
        match self {
            Self::Link(secret) => Ok(lab.store.shared_job(secret).await?.is_some()),
            other => Ok(let_in.is_some() && other.person(lab).await?.as_ref() == let_in),
        }
    }

    /// Whom it lets in as; nobody by a link, which shows one job.
    async fn person(&self, lab: &Lab) -> StoreResult<Option<Person>> {
        match self {
            Self::Token(token) => Ok(lab.store.valid_token(token).await?.map(|token| token.person)),
            Self::Session(secret) => lab.store.person_of_session(secret).await,
            Self::Proxy(name) => lab.store.admitted_person(name).await,
            Self::Link(_) | Self::None => Ok(None),
        }
    }
}

impl FromRequestParts<App> for Credential {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, lab: &App) -> Result<Self, Infallible> {
        Ok(credential(parts, lab))
    }
}

/// A body of media type `application/json`, read as a `T`; else 400, 413, 415 or 422.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T> FromRequest<S> for Body<T>
where
    Json<T>: FromRequest<S, Rejection = JsonRejection>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::Malformed(rejection.status(), rejection.body_text())),
        }
    }
}

/// Values of the path.
pub struct PathValues<T>(pub T);

impl<S: Send + Sync, T> FromRequestParts<S> for PathValues<T>
where
    Path<T>: FromRequestParts<S, Rejection = PathRejection>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::Malformed(rejection.status(), rejection.body_text())),
        }
    }
}

/// Values of the query.
pub struct QueryValues<T>(pub T);

impl<S: Send + Sync, T> FromRequestParts<S> for QueryValues<T>
where
    Query<T>: FromRequestParts<S, Rejection = QueryRejection>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::Malformed(rejection.status(), rejection.body_text())),
        }
    }
}
