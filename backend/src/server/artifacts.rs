//! What is stored: uploaded, downloaded, deleted.

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rrlab_protocol::{Artifact, ArtifactKind, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::extract::{Author, PathValues, QueryValues};
use super::lab::App;
use super::quota::check_storage;
use super::uploads;
use crate::facts::ArtifactFacts;
use crate::ingest::{IngestRequest, Ingested, UploadDescription, UploadKind, ingest};
use crate::store::NewArtifact;

/// Artifacts in one answer.
const PAGE: i64 = 200;
/// Longest name of an artifact, in characters.
const LONGEST_NAME: usize = 200;
/// Memory that reading an upload may take for each of its bytes: of a network there are the values
/// as they are read, as they are kept, and as they are written.
const MEMORY_PER_BYTE: u64 = 4;
/// Memory that it may take however small it is: the largest image that is read takes 400 MB.
const SPARE_MEMORY: u64 = 1 << 30;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, upload))
        .routes(routes!(show, delete))
        .routes(routes!(content))
}

/// Artifacts, the latest first.
#[derive(Debug, Serialize, ToSchema)]
struct ArtifactList {
    artifacts: Vec<Artifact>,
    /// Value of `before` for those that follow, if there are any.
    next: Option<i64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Only of this kind.
    kind: Option<ArtifactKind>,
    /// Only those with numbers below.
    before: Option<i64>,
}

/// What you have stored, the latest first; an admin's list has everybody's
#[utoipa::path(
    get, path = "/artifacts", operation_id = "list_artifacts",
    tag = "artifacts",
    params(Listing),
    responses((status = 200, body = ArtifactList))
)]
async fn list(
    State(lab): State<App>,
    author: Author,
    QueryValues(listing): QueryValues<Listing>,
) -> ApiResult<Json<ArtifactList>> {
    let before = listing.before.unwrap_or(i64::MAX);
    let artifacts = lab.store.artifacts(author.scope(), listing.kind, before, PAGE).await?;
    let next =
        artifacts.last().filter(|_| artifacts.len() as i64 == PAGE).map(|artifact| artifact.id);
    Ok(Json(ArtifactList { artifacts, next }))
}

/// Upload a network, a profile or a data set
///
/// It is read and checked before it is stored; what is stored is what was understood.
#[utoipa::path(
    post, path = "/artifacts", operation_id = "upload_artifact",
    tag = "artifacts",
    params(UploadDescription),
    request_body(content = FileContent, content_type = "application/octet-stream"),
    responses(
        (status = 201, body = Artifact),
        (status = 413, description = "It is too large", body = Problem),
        (status = 422, description = "It is broken, or not what it is said to be", body = Problem),
        (status = 507, description = "The server's disk is full", body = Problem),
    )
)]
async fn upload(
    State(lab): State<App>,
    author: Author,
    QueryValues(what): QueryValues<UploadDescription>,
    request: Request,
) -> ApiResult<(StatusCode, Json<Artifact>)> {
    check_name(&what.name)?;
    check_parameters(&what)?;
    // For as long as the upload is on its way or read.
    let place = lab.uploads.enter(author.0.id)?;
    let most_bytes = lab.settings.upload_bytes;
    let announced = request.body().size_hint().lower();
    if announced > most_bytes {
        return Err(uploads::too_large(request.into_body().into_data_stream()));
    }
    check_storage(&lab, &author, announced).await?;
    let (upload, bytes) =
        uploads::receive(request.into_body(), most_bytes, lab.data.path()).await?;
    let ingested = {
        let _turn = place.turn().await;
        let asked = IngestRequest {
            what: what.clone(),
            kept_bytes: most_bytes,
            memory_bytes: SPARE_MEMORY + bytes.saturating_mul(MEMORY_PER_BYTE),
        };
        ingest(&asked, upload, lab.data.path()).await?
    };
    let Ingested { kind, facts, content } = ingested;
    let size = content.len();
    check_storage(&lab, &author, size as u64).await?;
    let hash = lab.objects.put(content).await?;
    let new = NewArtifact { kind, name: &what.name, hash: &hash, bytes: size, facts };
    let most = lab.settings.stored_bytes_per_user;
    let added = lab.store.add_artifact(author.0.id, new, most).await?;
    let Some(artifact) = added else {
        // Another upload of theirs was faster.
        check_storage(&lab, &author, size as u64).await?;
        return Err(ApiError::conflict("another upload of yours was stored meanwhile: try again"));
    };
    tracing::info!(artifact = artifact.id, owner = author.0.name, %kind, bytes = size, "uploaded");
    Ok((StatusCode::CREATED, Json(artifact)))
}

fn check_name(name: &str) -> ApiResult<()> {
    let right = !name.trim().is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control);
    let wrong = || {
        ApiError::Invalid(format!(
            "`name` must have 1 to {LONGEST_NAME} characters that can be printed"
        ))
    };
    right.then_some(()).ok_or_else(wrong)
}

/// What is said of one kind of upload and given with another would be left out of account.
fn check_parameters(what: &UploadDescription) -> ApiResult<()> {
    let of_network = [
        ("architecture", what.architecture.is_some()),
        ("classes", what.classes.is_some()),
        ("preprocessing", what.preprocessing.is_some()),
    ];
    let of_images = [("size", what.size.is_some()), ("resize", what.resize.is_some())];
    let given = |parameters: &[(&'static str, bool)]| {
        parameters.iter().find_map(|&(name, given)| given.then_some(name))
    };
    if what.kind != UploadKind::Model
        && let Some(name) = given(&of_network)
    {
        return Err(ApiError::Invalid(format!("`{name}` is said of networks alone")));
    }
    if what.kind != UploadKind::Dataset
        && let Some(name) = given(&of_images)
    {
        return Err(ApiError::Invalid(format!(
            "`{name}` is said of data sets alone; a network's goes into `preprocessing`"
        )));
    }
    Ok(())
}

/// An artifact's description
#[utoipa::path(
    get, path = "/artifacts/{id}", operation_id = "show_artifact",
    tag = "artifacts",
    params(("id" = i64, Path, description = "The artifact")),
    responses((status = 200, body = Artifact), (status = 404, description = "No such artifact", body = Problem))
)]
async fn show(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<Json<Artifact>> {
    let artifact =
        lab.store.seen_artifact(id, author.scope()).await?.ok_or(ApiError::NotFound("artifact"))?;
    // What can't be read any more is described as well as it can be.
    let Ok(ArtifactFacts { model_hash, profile_hash, .. }) = lab.facts_of(&artifact).await else {
        return Ok(Json(artifact));
    };
    Ok(Json(Artifact { model_hash, profile_hash, ..artifact }))
}

/// The bytes of a file, as the description has them.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct FileContent(#[expect(dead_code, reason = "described, never made")] Vec<u8>);

/// An artifact's content
#[utoipa::path(
    get, path = "/artifacts/{id}/content", operation_id = "download_artifact", tag = "artifacts",
    params(("id" = i64, Path, description = "The artifact")),
    responses(
        (status = 200, description = "The file", body = FileContent, content_type = "application/octet-stream"),
        (status = 404, description = "No such artifact", body = Problem),
    )
)]
async fn content(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<Response> {
    let artifact =
        lab.store.seen_artifact(id, author.scope()).await?.ok_or(ApiError::NotFound("artifact"))?;
    download(&lab, &artifact).await
}

/// An artifact's content as a file.
pub async fn download(lab: &App, artifact: &Artifact) -> ApiResult<Response> {
    let (size, content) = lab.objects.stream(&artifact.hash).await?;
    let extension = artifact.kind.extension();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = artifact.name.chars().map(plain).collect();
    let mut headers = HeaderMap::new();
    let media = if extension == "json" { "application/json" } else { "application/octet-stream" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}.{extension}\""))
    {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok((headers, Body::from_stream(content)).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Deletion {
    /// Delete it even though jobs that have ended read it, which can't be repeated then, or links
    /// show it.
    #[serde(default)]
    confirmed: bool,
}

/// Delete an artifact; what depends on it is named first
#[utoipa::path(
    delete, path = "/artifacts/{id}", operation_id = "delete_artifact", tag = "artifacts",
    params(("id" = i64, Path, description = "The artifact"), Deletion),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 404, description = "No such artifact", body = Problem),
        (status = 409, description = "Jobs or links depend on it; the answer names them", body = Problem),
    )
)]
async fn delete(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
    QueryValues(deletion): QueryValues<Deletion>,
) -> ApiResult<StatusCode> {
    let artifact =
        lab.store.artifact(id, author.scope()).await?.ok_or(ApiError::NotFound("artifact"))?;
    let (open, ended): (Vec<_>, Vec<_>) =
        lab.store.jobs_reading(id).await?.into_iter().partition(|(_, open)| *open);
    let named =
        |jobs: &[(i64, bool)]| jobs.iter().map(|(job, _)| format!("job {job}")).collect::<Vec<_>>();
    if !open.is_empty() {
        let problem = "jobs that have not ended read it; cancel them first, or wait".into();
        return Err(ApiError::Conflict(Problem {
            problem,
            dependents: named(&open),
            ..Problem::default()
        }));
    }
    let links = lab.store.links_showing(&artifact).await?;
    if !(ended.is_empty() && links.is_empty() || deletion.confirmed) {
        let links = links.iter().map(|link| format!("link {link}"));
        let problem = "jobs that have ended read it and could not be repeated, or links show it; \
                       confirm (`confirmed=true`) to delete it nonetheless"
            .into();
        return Err(ApiError::Conflict(Problem {
            problem,
            dependents: named(&ended).into_iter().chain(links).collect(),
            ..Problem::default()
        }));
    }
    if lab.store.delete_artifact(id, author.0.id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::conflict("a job that reads it was asked for just now"))
    }
}
