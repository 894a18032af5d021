//! The server's API, beside the page: where the page is served by something else, there is none.

use gloo::net::http::{Method, Request, RequestBuilder, Response};
use rrlab_protocol::{
    Artifact, AuditEntry, Course, CourseLink, CourseLinkPlan, CourseMember, Enrolled, Enrolment,
    Invitation, Job, JobRequest, LabOverview, Me, PersonChange, Problem, ServerInfo, Share,
};
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

/// Signs out of every browser.
pub async fn sign_out_everywhere() -> Result<(), String> {
    sent(request(Method::DELETE, "/sessions").build()).await.map(|_| ())
}

/// Courses of who is signed in.
pub async fn courses() -> Result<Vec<Course>, String> {
    answer(request(Method::GET, "/courses").build()).await
}

/// Who is in a course.
pub async fn members(course: i64) -> Result<Vec<CourseMember>, String> {
    answer(request(Method::GET, &format!("/courses/{course}/members")).build()).await
}

/// Takes somebody out of a course.
pub async fn remove_member(course: i64, person: i64) -> Result<(), String> {
    let path = format!("/courses/{course}/members/{person}");
    sent(request(Method::DELETE, &path).build()).await.map(|_| ())
}

/// The latest jobs of a course's students.
pub async fn jobs_of_course(course: i64) -> Result<Vec<Job>, String> {
    let path = format!("/jobs?course={course}");
    Ok(answer::<JobList>(request(Method::GET, &path).build()).await?.jobs)
}

/// Links that enrol in a course.
pub async fn course_links(course: i64) -> Result<Vec<CourseLink>, String> {
    answer(request(Method::GET, &format!("/courses/{course}/links")).build()).await
}

/// Makes a link that enrols; returns its secret.
pub async fn make_course_link(course: i64, plan: CourseLinkPlan) -> Result<String, String> {
    let path = format!("/courses/{course}/links");
    let link: CourseLink = answer(request(Method::POST, &path).json(&plan)).await?;
    link.secret.ok_or_else(|| "the server made a link without a secret".to_owned())
}

/// Revokes a link that enrols.
pub async fn revoke_course_link(course: i64, id: i64) -> Result<(), String> {
    let path = format!("/courses/{course}/links/{id}");
    sent(request(Method::DELETE, &path).build()).await.map(|_| ())
}

/// What a link that enrols leads to.
pub async fn invitation(secret: &str) -> Result<Invitation, String> {
    answer(request(Method::GET, &format!("/enrolments/{secret}")).build()).await
}

/// Enrols by a link.
pub async fn enrol(secret: &str, enrolment: &Enrolment) -> Result<Enrolled, String> {
    answer(request(Method::POST, &format!("/enrolments/{secret}")).json(enrolment)).await
}

/// The lab, for admins.
pub async fn overview() -> Result<LabOverview, String> {
    answer(request(Method::GET, "/admin/overview").build()).await
}

/// The latest entries of the audit log.
pub async fn audit() -> Result<Vec<AuditEntry>, String> {
    answer(request(Method::GET, "/admin/audit").build()).await
}

/// Gives somebody another role, shuts them out or lets them in.
pub async fn change_person(id: i64, change: PersonChange) -> Result<(), String> {
    let path = format!("/admin/people/{id}");
    sent(request(Method::PATCH, &path).json(&change)).await.map(|_| ())
}

/// Signs somebody out of all browsers.
pub async fn end_sessions(id: i64) -> Result<(), String> {
    sent(request(Method::DELETE, &format!("/admin/people/{id}/sessions")).build()).await.map(|_| ())
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
