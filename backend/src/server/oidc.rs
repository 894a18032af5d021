//! Signing in by an OpenID provider (Keycloak, Entra, Google, GitLab): OpenID Connect's authorization
//! code flow, with PKCE. Of the provider's word nothing is taken that is not in a signed ID token.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _,
};
use rrlab_protocol::UserRole;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::admission::{GroupRoles, is_right_name};

/// Where a browser begins to sign in.
pub const BEGIN: &str = "/sign-in";
/// Where the provider sends it back to.
pub const DONE: &str = "/sign-in/done";
/// How long the provider's description and keys are taken for true.
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// Longest that the provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer of the provider's that is read.
const LARGEST_ANSWER: usize = 1 << 20;

/// How the lab knows its provider, and what it takes from the provider's word.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// Address of the provider, as its tokens name it.
    pub issuer: IssuerUrl,
    /// Name of the lab at the provider.
    pub client: ClientId,
    /// What the lab shows the provider, unless it is a public client.
    pub secret: Option<ClientSecret>,
    /// Address of [`DONE`] as browsers reach it.
    pub redirect: RedirectUrl,
    /// What is asked for beside `openid`.
    pub scopes: Vec<Scope>,
    /// The claim with a person's name.
    pub name_claim: String,
    /// The claim with their groups, and what these make them; without it their role is as `rrlab user
    /// role` has it.
    pub groups: Option<ClaimGroups>,
}

/// Where a provider says in which groups somebody is.
#[derive(Debug, Clone)]
pub struct ClaimGroups {
    /// The claim: its name, or a JSON pointer such as `/realm_access/roles`.
    pub claim: String,
    /// What the groups make them.
    pub roles: GroupRoles,
}

/// The provider.
#[derive(Debug)]
pub struct Oidc {
    settings: OidcSettings,
    http: Http,
    known: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

/// Claims of a provider's own, such as groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OwnClaims(Map<String, Value>);

impl AdditionalClaims for OwnClaims {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        OwnClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// The lab as the provider's client, once the provider has described itself.
type Client = openidconnect::Client<
    OwnClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a provider's word is not had, or not taken.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// It says that somebody is not to be signed in.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// It does not answer.
    #[error("the provider could not be asked: {0}")]
    Unreachable(String),
    /// Its answer is not what the standard has it be.
    #[error("what the provider answered can't be trusted: {0}")]
    Untrusted(String),
    /// Its answer does not say whom it signed in, as the lab is to call them.
    #[error("the provider does not say a name: its claim `{0}` is missing, or can't be one")]
    NoName(String),
}

/// A sign-in that is under way, as the browser keeps it.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    /// What the provider gives back with its code.
    pub state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// Whom the provider has signed in.
#[derive(Debug)]
pub struct Identity {
    /// Who names them so.
    pub issuer: String,
    /// What the provider calls them, nobody else and for ever.
    pub subject: String,
    /// What the lab is to call them on their first visit, if the provider says.
    pub name: Result<String, OidcError>,
    /// What their groups make them, where these are asked for.
    pub role: Option<UserRole>,
}

/// What the provider's answers are read with.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error(transparent)]
    Request(#[from] reqwest::Error),
    #[error(transparent)]
    Response(#[from] axum::http::Error),
    #[error("an answer of more than {LARGEST_ANSWER} bytes")]
    TooLarge,
}

/// Asks the provider, in the place of the library's own client.
#[derive(Debug)]
struct Http(reqwest::Client);

impl Http {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await? {
            body.extend_from_slice(&part);
            if body.len() > LARGEST_ANSWER {
                return Err(HttpError::TooLarge);
            }
        }
        let mut response = axum::http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        Ok(response.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.answer(request))
    }
}

impl Oidc {
    /// Knows the provider; it is asked when somebody signs in.
    ///
    /// # Errors
    /// If the machine has no roots of trust.
    pub fn new(settings: OidcSettings) -> reqwest::Result<Self> {
        // Another than the provider that was named is not asked in its place.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { settings, http: Http(http), known: Mutex::new(None) })
    }

    async fn client(&self) -> Result<Client, OidcError> {
        let mut known = self.known.lock().await;
        let fresh = known.as_ref().filter(|(at, _)| at.elapsed() < KNOWN_FOR);
        let metadata = match fresh {
            Some((_, metadata)) => metadata.clone(),
            None => {
                let issuer = self.settings.issuer.clone();
                let metadata = CoreProviderMetadata::discover_async(issuer, &self.http).await;
                let metadata = metadata.map_err(|error| match error {
                    DiscoveryError::Request(_) | DiscoveryError::Response(..) => {
                        OidcError::Unreachable(causes(&error))
                    }
                    _ => OidcError::Untrusted(causes(&error)),
                })?;
                *known = Some((Instant::now(), metadata.clone()));
                metadata
            }
        };
        let OidcSettings { client, secret, redirect, .. } = self.settings.clone();
        Ok(Client::from_provider_metadata(metadata, client, secret).set_redirect_uri(redirect))
    }

    /// Where the browser signs in at the provider, and what it keeps meanwhile.
    ///
    /// # Errors
    /// If the provider does not say where.
    pub async fn begin(&self) -> Result<(String, Pending), OidcError> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (address, state, nonce) = self
            .client()
            .await?
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.settings.scopes.clone())
            .set_pkce_challenge(challenge)
            .url();
        Ok((address.into(), Pending { state, nonce, verifier }))
    }

    /// Whom the provider means by the code that it gave the browser.
    ///
    /// # Errors
    /// If it does not say, or not in a way that it can be believed.
    pub async fn identity(&self, code: String, pending: Pending) -> Result<Identity, OidcError> {
        let untrusted = |error: &dyn std::error::Error| OidcError::Untrusted(causes(error));
        let client = self.client().await?;
        let exchange = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| untrusted(&error))?
            .set_pkce_verifier(pending.verifier);
        let tokens = exchange.request_async(&self.http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) => OidcError::Refused(refusal.to_string()),
            RequestTokenError::Request(error) => OidcError::Unreachable(causes(&error)),
            error => untrusted(&error),
        })?;
        let none = || OidcError::Untrusted("there is no ID token in it".into());
        let token = tokens.id_token().ok_or_else(none)?;
        let claims = match token.claims(&client.id_token_verifier(), &pending.nonce) {
            Ok(claims) => claims,
            Err(error) => {
                // It may have other keys by now: whoever tries again finds out.
                *self.known.lock().await = None;
                return Err(untrusted(&error));
            }
        };
        let subject = claims.subject().to_string();
        let claims = serde_json::to_value(claims).map_err(|error| untrusted(&error))?;
        Ok(self.settings.identity(subject, &claims))
    }
}

impl OidcSettings {
    /// What the lab takes from the claims of an ID token that was verified.
    fn identity(&self, subject: String, claims: &Value) -> Identity {
        let name = claim(claims, &self.name_claim).and_then(Value::as_str);
        let name = name.filter(|name| is_right_name(name));
        // Some providers let people write any address there, and say so.
        let is_address = self.name_claim.trim_start_matches('/') == "email";
        let own = !is_address || claims["email_verified"] != Value::Bool(false);
        let name = name.filter(|_| own).map(str::to_owned);
        let name = name.ok_or_else(|| OidcError::NoName(self.name_claim.clone()));
        let role = self.groups.as_ref().map(|groups| groups.role(claims));
        Identity { issuer: self.issuer.to_string(), subject, name, role }
    }
}

impl ClaimGroups {
    fn role(&self, claims: &Value) -> UserRole {
        let groups = match claim(claims, &self.claim) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(group)) => vec![group.as_str()],
            _ => Vec::new(),
        };
        self.roles.role(groups.into_iter())
    }
}

/// A claim by its name, or by a JSON pointer.
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

/// An error with what lies under it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        below = cause.source();
    }
    text
}
