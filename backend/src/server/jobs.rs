//! Jobs: asked for, listed, cancelled, forgotten.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::SHAPES10;
use rrlab_engine::measured::Measured;
use rrlab_protocol::{ArtifactKind, DatasetRef, Job, JobRequest, Problem};
use rrlab_types::{Binding, FinetunePlan, ModelProfile, Repair, Rule, Sparsity, SweepPlan, TrainingPlan};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::extract::{At, Author, Body, Params};
use super::lab::{App, Lab};
use crate::store::{Added, CancelOutcome};

/// Jobs in one answer.
const PAGE: i64 = 50;
/// Seconds after which somebody with too many jobs may ask again.
const RETRY_SECONDS: u64 = 30;
/// Largest networks, in weights, that the server trains.
const MOST_WEIGHTS: usize = 200_000_000;
/// Most images, epochs and combinations of one job.
const MOST_IMAGES: usize = 1_000_000;
const MOST_EPOCHS: usize = 1000;
const MOST_BATCH: usize = 4096;
const MOST_COMBINATIONS: usize = 5000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, submit)).routes(routes!(show, forget)).routes(routes!(cancel))
}

/// Jobs, the latest first.
#[derive(Debug, Serialize, ToSchema)]
struct JobList {
    jobs: Vec<Job>,
    /// Value of `before` for those that follow, if there are any.
    next: Option<i64>,
    /// Number of the latest event when this was read: what happened since comes after it.
    latest_event: i64,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Only jobs with numbers below.
    before: Option<i64>,
}

/// Your jobs, the latest first; an admin's list has everybody's
#[utoipa::path(get, path = "/jobs", operation_id = "list_jobs", tag = "jobs", params(Listing), responses((status = 200, body = JobList)))]
async fn list(State(lab): State<App>, author: Author, Params(listing): Params<Listing>) -> ApiResult<Json<JobList>> {
    let latest_event = lab.store.latest_event().await?;
    let jobs = lab.store.jobs(author.scope(), listing.before.unwrap_or(i64::MAX), PAGE).await?;
    let next = jobs.last().filter(|_| jobs.len() as i64 == PAGE).map(|job| job.id);
    Ok(Json(JobList { jobs, next, latest_event }))
}

/// Ask for a job
#[utoipa::path(
    post, path = "/jobs", operation_id = "submit_job", tag = "jobs", request_body = JobRequest,
    responses(
        (status = 201, body = Job),
        (status = 422, description = "It can't be computed as asked", body = Problem),
        (status = 429, description = "You have as many jobs as one person may", body = Problem),
    )
)]
async fn submit(
    State(lab): State<App>,
    author: Author,
    Body(request): Body<JobRequest>,
) -> ApiResult<(StatusCode, Json<Job>)> {
    check(&request).map_err(ApiError::Invalid)?;
    check_inputs(&lab, &author, &request).await?;
    let limit = lab.settings.jobs_per_user;
    let added = lab.store.add_job(author.0.id, &request, &request.inputs(), limit).await?;
    let id = match added {
        Added::Job(id) => id,
        Added::TooMany => {
            let problem =
                format!("you have {limit} jobs waiting or running, as many as one person may; cancel one, or wait");
            return Err(ApiError::TooMany { problem, retry_seconds: RETRY_SECONDS });
        }
        Added::Gone(id, kind) => return Err(gone(id, kind)),
    };
    tracing::info!(job = id, owner = author.0.name, kind = %request.kind(), "job accepted");
    lab.queue.push(&lab.store, id).await;
    let job = lab.store.job(id, None).await?.ok_or(ApiError::NotFound("job"))?;
    Ok((StatusCode::CREATED, Json(job)))
}

/// A job as it is now, with its results
#[utoipa::path(
    get, path = "/jobs/{id}", operation_id = "show_job", tag = "jobs", params(("id" = i64, Path, description = "The job")),
    responses((status = 200, body = Job), (status = 404, description = "No such job", body = Problem))
)]
async fn show(State(lab): State<App>, author: Author, At(id): At<i64>) -> ApiResult<Json<Job>> {
    Ok(Json(lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?))
}

/// Cancel a job: at once while it waits, within a batch while it runs
#[utoipa::path(
    post, path = "/jobs/{id}/cancel", operation_id = "cancel_job", tag = "jobs", params(("id" = i64, Path, description = "The job")),
    responses(
        (status = 202, description = "It is cancelled, or will be in a moment", body = Job),
        (status = 404, description = "No such job", body = Problem),
        (status = 409, description = "It has ended already", body = Problem),
    )
)]
async fn cancel(State(lab): State<App>, author: Author, At(id): At<i64>) -> ApiResult<(StatusCode, Json<Job>)> {
    lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    match lab.store.cancel_job(id).await? {
        CancelOutcome::TooLate => Err(ApiError::conflict("the job has ended already")),
        CancelOutcome::Cancelled | CancelOutcome::Cancelling => {
            let job = lab.store.job(id, None).await?.ok_or(ApiError::NotFound("job"))?;
            Ok((StatusCode::ACCEPTED, Json(job)))
        }
    }
}

/// Forget a job that has ended, with its events and links; its results stay
#[utoipa::path(
    delete, path = "/jobs/{id}", operation_id = "forget_job", tag = "jobs", params(("id" = i64, Path, description = "The job")),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 404, description = "No such job", body = Problem),
        (status = 409, description = "It has not ended", body = Problem),
    )
)]
async fn forget(State(lab): State<App>, author: Author, At(id): At<i64>) -> ApiResult<StatusCode> {
    lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    if lab.store.delete_job(id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::conflict("the job has not ended; cancel it first"))
    }
}

fn gone(id: i64, kind: ArtifactKind) -> ApiError {
    ApiError::Invalid(format!("{kind} {id}: there is no such {kind}"))
}

async fn check_inputs(lab: &Lab, author: &Author, request: &JobRequest) -> ApiResult<()> {
    if let DatasetRef::Named(name) = request.dataset() {
        let known = lab.dataset_names().await;
        if !known.contains(name) {
            let known = known.join(", ");
            return Err(ApiError::Invalid(format!("no data set is named `{name}` here; there are {known}")));
        }
    }
    for (id, kind) in request.inputs() {
        match lab.store.artifact(id, author.scope()).await? {
            None => return Err(gone(id, kind)),
            Some(found) if found.kind != kind => {
                return Err(ApiError::Invalid(format!("{id} is a {}, but a {kind} is needed", found.kind)));
            }
            Some(_) => {}
        }
    }
    check_profile(lab, request).await
}

/// Refuses a profile that was measured on another network than the job's.
async fn check_profile(lab: &Lab, request: &JobRequest) -> ApiResult<()> {
    let (JobRequest::Sweep { model, profile: Some(profile), .. }
    | JobRequest::Finetune { model, profile: Some(profile), .. }) = request
    else {
        return Ok(());
    };
    let model = stored(lab, *model, ArtifactKind::Model).await?;
    let profile = stored(lab, *profile, ArtifactKind::Profile).await?;
    let compared = tokio::task::spawn_blocking(move || belongs_together(&model, &profile)).await;
    let compared = compared.map_err(|error| {
        tracing::error!(%error, "comparing a profile with its network broke down");
        ApiError::Internal
    })?;
    compared.map_err(ApiError::Invalid)
}

async fn stored(lab: &Lab, id: i64, kind: ArtifactKind) -> ApiResult<Bytes> {
    let artifact = lab.store.artifact(id, None).await?.ok_or_else(|| gone(id, kind))?;
    Ok(lab.objects.get(&artifact.hash).await?)
}

fn belongs_together(model: &[u8], profile: &[u8]) -> Result<(), String> {
    let model = checkpoint::read(model, NetworkHint::default()).map_err(|error| format!("the network: {error}"))?;
    let profile = ModelProfile::from_json(&String::from_utf8_lossy(profile)).map_err(|error| error.to_string())?;
    match Measured::new(&model, &profile).map_err(|error| error.to_string())?.binding() {
        Binding::Bound => Ok(()),
        // Nobody sits beside a job to be told that only layers could be compared.
        Binding::Unbound => {
            Err("the profile does not say which network it is of: measure the network anew, or leave the profile out"
                .into())
        }
    }
}

impl Lab {
    /// Names of the data sets on this machine.
    pub async fn dataset_names(&self) -> Vec<String> {
        let data = self.data.clone();
        let listed = tokio::task::spawn_blocking(move || data.names()).await;
        let imported = listed.map_err(anyhow::Error::from).and_then(|names| names).unwrap_or_else(|error| {
            tracing::warn!("data sets can't be listed: {error:#}");
            Vec::new()
        });
        [SHAPES10.to_owned()].into_iter().chain(imported).collect()
    }
}

/// Whether a job makes sense by itself.
fn check(request: &JobRequest) -> Result<(), String> {
    match request {
        JobRequest::Train { architecture, plan, .. } => {
            check_architecture(architecture)?;
            check_training(plan)?;
            let teacherless = plan.distillation.is_none();
            teacherless.then_some(()).ok_or_else(|| "a new network has no teacher: leave out `distillation`".into())
        }
        JobRequest::Calibrate { images, .. } | JobRequest::Evaluate { images, .. } => check_images(*images),
        JobRequest::Sweep { plan, .. } => check_sweep(plan),
        JobRequest::Finetune { plan, .. } => check_finetune(plan),
    }
}

fn check_architecture(name: &str) -> Result<(), String> {
    let architecture: Architecture = name.parse().map_err(|error| format!("{error}"))?;
    let graph = architecture.graph(2).map_err(|error| format!("{error}"))?;
    let weights = graph.prunable_weights();
    if weights > MOST_WEIGHTS {
        return Err(format!("{name} has {weights} weights; this server trains networks of up to {MOST_WEIGHTS}"));
    }
    Ok(())
}

fn check_training(plan: &TrainingPlan) -> Result<(), String> {
    plan.check().map_err(|error| error.to_string())?;
    at_most("epochs", plan.epochs, MOST_EPOCHS)?;
    at_most("batch_size", plan.batch_size, MOST_BATCH)
}

fn check_images(images: usize) -> Result<(), String> {
    if images == 0 {
        return Err("`images` is 0; there must be at least one".into());
    }
    at_most("images", images, MOST_IMAGES)
}

fn check_sweep(plan: &SweepPlan) -> Result<(), String> {
    check_images(plan.calibration_images)?;
    check_images(plan.evaluation_images)?;
    check_repairs(&plan.repairs)?;
    check_combinations(&plan.rules, &plan.sparsities)?;
    at_most("combinations", plan.rules.len() * plan.sparsities.len() * plan.repairs.len(), MOST_COMBINATIONS)
}

fn check_finetune(plan: &FinetunePlan) -> Result<(), String> {
    check_images(plan.calibration_images)?;
    check_images(plan.evaluation_images)?;
    check_combinations(&plan.rules, &plan.sparsities)?;
    check_training(&plan.training)
}

fn check_repairs(repairs: &[Repair]) -> Result<(), String> {
    if repairs.is_empty() { Err("`repairs` is empty; name at least one, such as \"none\"".into()) } else { Ok(()) }
}

fn check_combinations(rules: &[Rule], sparsities: &[Sparsity]) -> Result<(), String> {
    if rules.is_empty() || sparsities.is_empty() {
        return Err("`rules` and `sparsities` must each name at least one".into());
    }
    at_most("rules", rules.len(), MOST_COMBINATIONS)?;
    at_most("sparsities", sparsities.len(), MOST_COMBINATIONS)?;
    at_most("combinations", rules.len() * sparsities.len(), MOST_COMBINATIONS)
}

fn at_most(what: &str, value: usize, most: usize) -> Result<(), String> {
    if value <= most { Ok(()) } else { Err(format!("`{what}` is {value}; this server computes up to {most}")) }
}
