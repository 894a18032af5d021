//! The server's API, beside the page: where the page is served by something else, there is none.

use gloo::net::http::{Method, Request, RequestBuilder, Response};
use rrlab_protocol::{Artifact, Job, JobRequest, Me, Problem, ServerInfo, Share};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// Where it is, as seen from the page.
const ROOT: &str = "api/v1";

/// Jobs, the latest first.
#[derive(Debug, Clone, Deserialize)]
pub struct JobList {
    pub jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct ArtifactList {
    artifacts: Vec<Artifact>,
}

/// Address of a route.
fn address(path: &str) -> String {
    format!("{ROOT}{path}")
}

/// Address of an artifact's content; of one that a link shows, through that link.
pub fn content(id: i64, share: &str) -> String {
    if share.is_empty() {
        address(&format!("/artifacts/{id}/content"))
    } else {
        address(&format!("/shared/{share}/artifacts/{id}/content"))
    }
}

/// Address of a job's events; of one that a link shows, through that link.
pub fn events(id: i64, share: &str) -> String {
    if share.is_empty() {
        address(&format!("/jobs/{id}/events"))
    } else {
        address(&format!("/shared/{share}/events"))
    }
}

/// The server, if there is one.
pub async fn server() -> Option<ServerInfo> {
    let response = Request::get(&address("/server")).send().await.ok().filter(Response::ok)?;
    response.json().await.ok()
}

/// The latest jobs of who is signed in, the latest first.
pub async fn jobs() -> Result<Vec<Job>, String> {
    Ok(answer::<JobList>(request(Method::GET, "/jobs").build()).await?.jobs)
}

/// A job with its results.
pub async fn job(id: i64) -> Result<Job, String> {
    answer(request(Method::GET, &format!("/jobs/{id}")).build()).await
}

/// The job that a link shows.
pub async fn shared(secret: &str) -> Result<Job, String> {
    answer(request(Method::GET, &format!("/shared/{secret}")).build()).await
}

/// Everything stored of who is signed in.
pub async fn artifacts() -> Result<Vec<Artifact>, String> {
    Ok(answer::<ArtifactList>(request(Method::GET, "/artifacts").build()).await?.artifacts)
}

/// Asks for a job.
pub async fn submit(job: &JobRequest) -> Result<Job, String> {
    answer(request(Method::POST, "/jobs").json(job)).await
}

/// Cancels a job that waits or runs; gives it as it is then.
pub async fn cancel(id: i64) -> Result<Job, String> {
    answer(request(Method::POST, &format!("/jobs/{id}/cancel")).build()).await
}

/// Removes a job that has ended from the list; its results stay.
pub async fn forget(id: i64) -> Result<(), String> {
    sent(request(Method::DELETE, &format!("/jobs/{id}")).build()).await.map(|_| ())
}

/// Makes a link to a job; returns its secret.
pub async fn share(id: i64) -> Result<String, String> {
    let share: Share = answer(request(Method::POST, &format!("/jobs/{id}/shares")).build()).await?;
    share.secret.ok_or_else(|| "the server made a link without a secret".to_owned())
}

/// Links to a job.
pub async fn shares(id: i64) -> Result<Vec<Share>, String> {
    answer(request(Method::GET, &format!("/jobs/{id}/shares")).build()).await
}

/// Revokes a link: whoever has it sees nothing any more.
pub async fn revoke(share: Share) -> Result<(), String> {
    sent(request(Method::DELETE, &format!("/jobs/{}/shares/{}", share.job, share.id)).build())
        .await
        .map(|_| ())
}

/// Deletes something stored; `confirmed` even though jobs that have ended read it.
pub async fn delete_artifact(id: i64, confirmed: bool) -> Result<(), String> {
    let confirmed = if confirmed { "true" } else { "false" };
    let path = format!("/artifacts/{id}?confirmed={confirmed}");
    sent(request(Method::DELETE, &path).build()).await.map(|_| ())
}

/// Stores a file as the query says: of which kind, under what name, and what else it says.
pub async fn upload(query: &[(&str, String)], data: &JsValue) -> Result<Artifact, String> {
    let query = query.iter().map(|(name, value)| (*name, value.as_str()));
    let upload = request(Method::POST, "/artifacts").query(query);
    answer(upload.header("content-type", "application/octet-stream").body(data.clone())).await
}

/// Signs in with a token.
pub async fn sign_in(token: &str) -> Result<Me, String> {
    answer(request(Method::POST, "/session").json(&serde_json::json!({ "token": token }))).await
}

pub async fn sign_out() -> Result<(), String> {
    sent(request(Method::DELETE, "/session").build()).await.map(|_| ())
}

/// Text of an artifact.
pub async fn text(id: i64, share: &str) -> Result<String, String> {
    let response = sent(Request::get(&content(id, share)).build()).await?;
    response.text().await.map_err(|error| error.to_string())
}

fn request(method: Method, path: &str) -> RequestBuilder {
    RequestBuilder::new(&address(path)).method(method)
}

async fn answer<T: DeserializeOwned>(
    request: Result<Request, gloo::net::Error>,
) -> Result<T, String> {
    sent(request)
        .await?
        .json()
        .await
        .map_err(|error| format!("the server’s answer can’t be read: {error}"))
}

/// The response, if it is one of success; else what the server says is wrong.
async fn sent(request: Result<Request, gloo::net::Error>) -> Result<Response, String> {
    let request = request.map_err(|error| error.to_string())?;
    let response =
        request.send().await.map_err(|error| format!("the server can’t be reached: {error}"))?;
    if response.ok() {
        return Ok(response);
    }
    let status = response.status();
    match response.json::<Problem>().await {
        Ok(Problem { problem, dependents, .. }) if dependents.is_empty() => Err(problem),
        Ok(Problem { problem, dependents, .. }) => {
            Err(format!("{problem} ({})", dependents.join(", ")))
        }
        Err(_) => Err(format!("the server says {status}")),
    }
}
