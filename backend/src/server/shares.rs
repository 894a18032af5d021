//! Links that show a job and its results to whoever has them.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use rrlab_protocol::{ArtifactKind, Job, Problem, Share};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::artifacts::{FileContent, download};
use super::error::{ApiError, ApiResult};
use super::events::{Since, events_of};
use super::extract::{Author, Credential, PathValues, QueryValues};
use super::lab::App;
use crate::secret::new_secret;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, share))
        .routes(routes!(revoke))
        .routes(routes!(shared))
        .routes(routes!(shared_content))
        .routes(routes!(shared_events))
}

/// Links to a job
#[utoipa::path(
    get, path = "/jobs/{id}/shares", operation_id = "list_shares",
    tag = "shares",
    params(("id" = i64, Path, description = "The job")),
    responses((status = 200, body = Vec<Share>), (status = 404, description = "No such job", body = Problem))
)]
async fn list(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<Json<Vec<Share>>> {
    lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    Ok(Json(lab.store.shares(id).await?))
}

/// Make a link that shows a job and its results, and nothing else
///
/// Its secret is told this once.
#[utoipa::path(
    post, path = "/jobs/{id}/shares", operation_id = "share_job",
    tag = "shares",
    params(("id" = i64, Path, description = "The job")),
    responses((status = 201, body = Share), (status = 404, description = "No such job", body = Problem))
)]
async fn share(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<(StatusCode, Json<Share>)> {
    lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    Ok((StatusCode::CREATED, Json(lab.store.add_share(id, &new_secret(), author.0.id).await?)))
}

/// Revoke a link
#[utoipa::path(
    delete, path = "/jobs/{id}/shares/{share}", operation_id = "revoke_share", tag = "shares",
    params(("id" = i64, Path, description = "The job"), ("share" = i64, Path, description = "The link's number")),
    responses((status = 204, description = "It shows nothing any more"), (status = 404, description = "No such link", body = Problem))
)]
async fn revoke(
    State(lab): State<App>,
    author: Author,
    PathValues((id, share)): PathValues<(i64, i64)>,
) -> ApiResult<StatusCode> {
    lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    if lab.store.revoke_share(id, share, author.0.id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("link"))
    }
}

async fn job_of(lab: &App, secret: &str) -> ApiResult<Job> {
    let id = lab.store.shared_job(secret).await?.ok_or(ApiError::NotFound("link"))?;
    lab.store.job(id, None).await?.ok_or(ApiError::NotFound("link"))
}

/// What a link shows; needs no token
#[utoipa::path(
    get, path = "/shared/{secret}", operation_id = "show_shared",
    tag = "shares",
    params(("secret" = String, Path, description = "The link's secret")),
    responses((status = 200, body = Job), (status = 404, description = "No such link", body = Problem)), security(())
)]
async fn shared(
    State(lab): State<App>,
    PathValues(secret): PathValues<String>,
) -> ApiResult<Json<Job>> {
    Ok(Json(job_of(&lab, &secret).await?))
}

/// Events of the job that a link shows, from any of them on; needs no token
#[utoipa::path(
    get, path = "/shared/{secret}/events", operation_id = "listen_to_shared", tag = "shares",
    params(("secret" = String, Path, description = "The link's secret"), Since),
    responses(
        (status = 200, description = "A stream of `{\"job\": number, \"event\": …}`, each with its number as id",
            content_type = "text/event-stream"),
        (status = 204, description = "The job has ended and you know all of its events"),
        (status = 404, description = "No such link", body = Problem),
    ),
    security(())
)]
async fn shared_events(
    State(lab): State<App>,
    PathValues(secret): PathValues<String>,
    QueryValues(since): QueryValues<Since>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let job = job_of(&lab, &secret).await?;
    events_of(lab, &job, (Credential::Link(secret), None), &since, &headers).await
}

/// A result that a link shows; needs no token
#[utoipa::path(
    get, path = "/shared/{secret}/artifacts/{id}/content", operation_id = "download_shared",
    tag = "shares",
    params(("secret" = String, Path, description = "The link's secret"), ("id" = i64, Path, description = "The artifact")),
    responses(
        (status = 200, description = "The file", body = FileContent, content_type = "application/octet-stream"),
        (status = 404, description = "No such link, or it does not show this", body = Problem),
    ),
    security(())
)]
async fn shared_content(
    State(lab): State<App>,
    PathValues((secret, id)): PathValues<(String, i64)>,
) -> ApiResult<Response> {
    let job = job_of(&lab, &secret).await?;
    // A sweep can't be drawn without the profile that it was on.
    let is_profile = job.request.inputs().contains(&(id, ArtifactKind::Profile));
    let shown = is_profile || job.results.iter().any(|result| result.id == id);
    let artifact = if shown { lab.store.artifact(id, None).await? } else { None };
    download(&lab, &artifact.ok_or(ApiError::NotFound("artifact"))?).await
}
