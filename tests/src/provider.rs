//! A small OpenID provider: signs in, without asking, whoever the test says, and lies as the test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::sha2::{Digest as _, Sha256};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

/// The lab's name there, and what it shows.
const CLIENT: &str = "lab";
const SECRET: &str = "a secret of the provider's and the lab's";
/// Bits of its keys: the fewest that are taken for safe.
const BITS: usize = 2048;

/// What a provider may get wrong in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Signed with a key that is not its own.
    Key,
    /// Not signed at all, and says so.
    Unsigned,
    /// For another sign-in.
    Nonce,
    /// For another program than the lab.
    Audience,
    /// Of another provider.
    Issuer,
    /// Of a time that is over.
    Expired,
}

/// A provider that runs until it is dropped.
pub struct Provider {
    address: String,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    address: String,
    key: RsaPrivateKey,
    another_key: RsaPrivateKey,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    claims: Value,
    flaw: Option<Flaw>,
    lab: Option<String>,
    /// What each code was given for.
    codes: BTreeMap<String, BTreeMap<String, String>>,
    given: usize,
}

impl Inner {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().expect("no test broke down with it")
    }
}

impl Provider {
    /// Begins one.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        // Another site than the lab's, which is at 127.0.0.1.
        let port = listener.local_addr().expect("it has one").port();
        let address = format!("http://localhost:{port}");
        let key = || RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS).expect("a key");
        let (key, another_key) = (key(), key());
        let inner = Inner { address: address.clone(), key, another_key, now: Mutex::default() };
        let inner = Arc::new(inner);
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(description))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(inner.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        Self { address, inner, task }
    }

    /// Its address, as its tokens name it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What a lab is started with to know it.
    pub fn options(&self) -> [&str; 6] {
        let secret = "--oidc-client-secret";
        ["--oidc-issuer", &self.address, "--oidc-client-id", CLIENT, secret, SECRET]
    }

    /// From now on whoever comes is this person, with these claims (`sub` among them).
    pub fn person(&self, claims: Value) {
        self.inner.now().claims = claims;
    }

    /// Sends browsers back to the lab at this address, wherever the lab says that it is: its port is not
    /// known before it has begun.
    pub fn sends_back_to(&self, lab: &str) {
        self.inner.now().lab = Some(lab.to_owned());
    }

    /// From now on its tokens have this flaw.
    pub fn lies(&self, flaw: Option<Flaw>) {
        self.inner.now().flaw = flaw;
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn description(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", inner.address);
    Json(json!({
        "issuer": inner.address,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn keys(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let number = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    let (n, e) = (number(inner.key.n()), number(inner.key.e()));
    Json(json!({ "keys": [
        { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "first", "n": n, "e": e }
    ] }))
}

async fn authorize(
    State(inner): State<Arc<Inner>>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    let right = asked["client_id"] == CLIENT && asked["response_type"] == "code";
    let scopes: Vec<&str> = asked["scope"].split(' ').collect();
    if !right || !scopes.contains(&"openid") || asked["code_challenge_method"] != "S256" {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let mut now = inner.now();
    now.given += 1;
    let code = format!("code-{}", now.given);
    let to = match &now.lab {
        Some(lab) => format!("{lab}/sign-in/done"),
        None => asked["redirect_uri"].clone(),
    };
    let back = format!("{to}?code={code}&state={}", asked["state"]);
    now.codes.insert(code, asked);
    Redirect::to(&back).into_response()
}

async fn token(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let refused =
        |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    let escaped = SECRET.replace('\'', "%27").replace(' ', "+");
    let shown = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{escaped}")));
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&shown) {
        return refused("invalid_client");
    }
    let mut now = inner.now();
    // Each code once.
    let Some(asked) = now.codes.remove(&form["code"]) else { return refused("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
        return refused("invalid_grant");
    }
    let id_token = inner.id_token(&now.claims, &asked["nonce"], now.flaw);
    let answer = json!({ "access_token": "none", "token_type": "Bearer", "id_token": id_token });
    Json(answer).into_response()
}

impl Inner {
    fn id_token(&self, claims: &Value, nonce: &str, flaw: Option<Flaw>) -> String {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let began = if flaw == Some(Flaw::Expired) { seconds - 7200 } else { seconds };
        let or = |right: &str, wrong: Flaw, lie: &str| {
            if flaw == Some(wrong) { lie.to_owned() } else { right.to_owned() }
        };
        let mut payload = json!({
            "iss": or(&self.address, Flaw::Issuer, "http://127.0.0.1:1"),
            "aud": or(CLIENT, Flaw::Audience, "another"),
            "nonce": or(nonce, Flaw::Nonce, "another"),
            "iat": began,
            "exp": began + 300,
        });
        let own = claims.as_object().expect("claims have names").clone();
        payload.as_object_mut().expect("it is one").extend(own);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        if flaw == Some(Flaw::Unsigned) {
            return format!("{}.{}.", part(&json!({ "alg": "none" })), part(&payload));
        }
        let header = json!({ "alg": "RS256", "kid": "first", "typ": "JWT" });
        let text = format!("{}.{}", part(&header), part(&payload));
        let key = if flaw == Some(Flaw::Key) { &self.another_key } else { &self.key };
        let signature = SigningKey::<Sha256>::new(key.clone()).sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
