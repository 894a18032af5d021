//! The two addresses by which a browser signs in at the lab's OpenID provider.
//!
//! What ties a provider's answer to the browser that asked lies in a cookie of that browser for ten
//! minutes, so that any server of the lab can take the answer.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rrlab_protocol::UserRole;
use serde::{Deserialize, Serialize};
use time::Duration as CookieAge;

use super::admission::follow_groups;
use super::lab::{App, Lab};
use super::oidc::{BEGIN, DONE, Identity, OidcError, Pending};
use super::session::{begin_session, session_cookie};
use crate::store::{Person, SignedInBy, StoreError};

/// Name of the cookie of a sign-in that is under way, or its end.
const UNDER_WAY_COOKIE: &str = "rrlab_sign_in";
/// Longest path that is come back to, in bytes: with the rest it fits into a cookie.
const LONGEST_PATH: usize = 2000;
/// Seconds for which somebody may take to sign in at the provider.
const UNDER_WAY_SECONDS: i64 = 600;

/// A sign-in that is under way, in the browser's cookie.
#[derive(Serialize, Deserialize)]
struct UnderWay {
    pending: Pending,
    /// Where the browser goes to afterwards: a path of the lab's.
    to: String,
}

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
enum SignInError {
    #[error(
        "this browser has not begun to sign in, or more than ten minutes ago, or keeps no cookies"
    )]
    NotBegun,
    #[error(transparent)]
    Provider(#[from] OidcError),
    #[error(
        "somebody else here is called {name}. If that is you, whoever runs the lab can say so: \
         rrlab user bind {name} --issuer {issuer} --subject {subject}"
    )]
    NameTaken { name: String, issuer: String, subject: String },
    #[error("{0} is shut out; ask whoever runs the lab")]
    ShutOut(String),
    #[error("the lab's database can't be reached just now")]
    Store(#[from] StoreError),
}

impl SignInError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotBegun => StatusCode::BAD_REQUEST,
            Self::ShutOut(_) | Self::Provider(OidcError::Refused(_) | OidcError::NoName(_)) => {
                StatusCode::FORBIDDEN
            }
            Self::NameTaken { .. } => StatusCode::CONFLICT,
            Self::Provider(OidcError::Unreachable(_) | OidcError::Untrusted(_)) => {
                StatusCode::BAD_GATEWAY
            }
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An answer for a browser: nobody's program asks here.
impl IntoResponse for SignInError {
    fn into_response(self) -> Response {
        tracing::warn!(problem = %self, "nobody was signed in");
        let problem = html_escaped(&self.to_string());
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not signed in</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><h1>Not signed in</h1><p>{problem}</p>\
             <p><a href=\"{BEGIN}\">Try again</a> or <a href=\"/\">go to the lab</a>.</p></html>"
        );
        (self.status(), Html(page)).into_response()
    }
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The two addresses of signing in, where the lab has a provider.
pub fn routes() -> Router<App> {
    Router::new().route(BEGIN, get(begin)).route(DONE, get(done))
}

#[derive(Deserialize)]
struct Beginning {
    #[serde(default)]
    to: String,
}

async fn begin(
    State(lab): State<App>,
    Query(Beginning { to }): Query<Beginning>,
) -> Result<Response, SignInError> {
    let Some(oidc) = &lab.oidc else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let to = if is_path(&to) { to } else { "/".into() };
    let (address, pending) = oidc.begin().await?;
    let text = serde_json::to_vec(&UnderWay { pending, to }).unwrap_or_default();
    // The provider's page sends the browser back: a strict cookie would not come with it.
    let mut cookie = under_way_cookie(&lab, URL_SAFE_NO_PAD.encode(text));
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_max_age(CookieAge::seconds(UNDER_WAY_SECONDS));
    Ok((CookieJar::new().add(cookie), Redirect::to(&address)).into_response())
}

/// The cookie of a sign-in that is under way. Over TLS a browser takes one of such a name from this very
/// host alone: another of the same domain can't sign somebody in as somebody else.
fn under_way_cookie(lab: &Lab, content: String) -> Cookie<'static> {
    let secure = lab.settings.secure_cookies;
    let name = if secure { format!("__Host-{UNDER_WAY_COOKIE}") } else { UNDER_WAY_COOKIE.into() };
    Cookie::build((name, content)).path("/").secure(secure).build()
}

/// Whether it is a path of the lab's: what begins with two slashes is another site's.
fn is_path(to: &str) -> bool {
    let plain = !to.contains('\\') && !to.chars().any(char::is_control);
    to.starts_with('/') && !to.starts_with("//") && to.len() <= LONGEST_PATH && plain
}

#[derive(Deserialize)]
struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

async fn done(
    State(lab): State<App>,
    jar: CookieJar,
    Query(returned): Query<Returned>,
) -> Result<Response, SignInError> {
    let Some(oidc) = &lab.oidc else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let over = under_way_cookie(&lab, String::new());
    let kept = jar.get(over.name()).and_then(|cookie| under_way(cookie.value()));
    let UnderWay { pending, to } = kept.ok_or(SignInError::NotBegun)?;
    if returned.state.as_ref() != Some(pending.state.secret()) {
        return Err(SignInError::NotBegun);
    }
    let code = match (returned.error, returned.code) {
        (Some(error), _) => return Err(OidcError::Refused(error).into()),
        (None, None) => return Err(OidcError::Untrusted("there is no code in it".into()).into()),
        (None, Some(code)) => code,
    };
    let identity = oidc.identity(code, pending).await?;
    let person = admit(&lab, identity).await?;
    let secret = begin_session(&lab, person.id, SignedInBy::Provider).await?;
    let cookies = jar.remove(over).add(session_cookie(&lab, secret));
    Ok((cookies, Redirect::to(&to)).into_response())
}

fn under_way(content: &str) -> Option<UnderWay> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(content).ok()?).ok()
}

/// The person whom the provider means, added on their first visit.
async fn admit(lab: &Lab, identity: Identity) -> Result<Person, SignInError> {
    let Identity { issuer, subject, name, role } = identity;
    let known = lab.store.person_of_identity(&issuer, &subject).await?;
    let person = match known {
        Some(person) => person,
        None => {
            let name = name?;
            let first = role.unwrap_or(UserRole::Student);
            let made = lab.store.add_identified_person(&issuer, &subject, &name, first).await?;
            made.ok_or(SignInError::NameTaken { name, issuer, subject })?
        }
    };
    follow_groups(&lab.store, &person, role).await?;
    let admitted = lab.store.admitted_person(&person.name).await?;
    admitted.ok_or(SignInError::ShutOut(person.name))
}
