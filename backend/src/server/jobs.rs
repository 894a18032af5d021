//! Jobs: asked for, listed, cancelled, forgotten.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rrlab_engine::architecture::Architecture;
use rrlab_protocol::{Artifact, ArtifactKind, DatasetRef, FieldProblem, Job, JobRequest, Problem};
use rrlab_types::{Binding, FinetunePlan, PROGRAM, SweepPlan, TrainingPlan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::courses::check_teacher;
use super::error::{ApiError, ApiResult};
use super::extract::{Author, Body, PathValues, QueryValues};
use super::lab::{App, Lab};
use super::quota::{check_device_time, check_memory, check_storage, no_device_time, no_room};
use super::request::{self, ReadRequest};
use crate::cost::{Cost, Scale, cost};
use crate::facts::{ArtifactFacts, NetworkSize};
use crate::store::{AddJobOutcome, CancelOutcome, JobLimits, JobNeeds, NewJob};

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
    OpenApiRouter::new()
        .routes(routes!(list, submit))
        .routes(routes!(show, forget))
        .routes(routes!(cancel))
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
    /// Those of the students of a course that you teach, in place of yours.
    course: Option<i64>,
}

/// Your jobs, the latest first; an admin's list has everybody's
#[utoipa::path(
    get, path = "/jobs", operation_id = "list_jobs",
    tag = "jobs",
    params(Listing),
    responses((status = 200, body = JobList))
)]
async fn list(
    State(lab): State<App>,
    author: Author,
    QueryValues(listing): QueryValues<Listing>,
) -> ApiResult<Json<JobList>> {
    let latest_event = lab.store.latest_event().await?;
    let before = listing.before.unwrap_or(i64::MAX);
    let jobs = match listing.course {
        None => lab.store.jobs(author.scope(), before, PAGE).await?,
        Some(course) => {
            check_teacher(&lab, &author, course).await?;
            lab.store.jobs_of_course(course, before, PAGE).await?
        }
    };
    let next = jobs.last().filter(|_| jobs.len() as i64 == PAGE).map(|job| job.id);
    Ok(Json(JobList { jobs, next, latest_event }))
}

/// Ask for a job
///
/// It needs what differs from the defaults alone: `{"kind": "train", "dataset": "shapes10"}`. An
/// uploaded data set is `{"stored": NUMBER}`. Everything that is missing, unknown or wrong is named
/// at once, in `fields`.
#[utoipa::path(
    post, path = "/jobs", operation_id = "submit_job", tag = "jobs", request_body = JobRequest,
    responses(
        (status = 201, body = Job),
        (status = 422, description = "It can't be computed as asked; `fields` says what is wrong", body = Problem),
        (status = 429, description = "You have as many jobs as one person may", body = Problem),
    )
)]
async fn submit(
    State(lab): State<App>,
    author: Author,
    Body(request): Body<Value>,
) -> ApiResult<(StatusCode, Json<Job>)> {
    let limit = lab.settings.jobs_per_user;
    // Looked at before anything is read for the job; what counts is asked once more when it is
    // entered.
    if lab.store.open_jobs(author.0.id).await? >= limit as i64 {
        return Err(too_many_jobs(limit));
    }
    check_device_time(&lab, &author).await?;
    check_storage(&lab, &author, 0).await?;
    let (request, inputs) = checked(&lab, &author, request).await?;
    let (needs, cost) = needs_and_cost(&lab, &request, &inputs).await?;
    if let Some(cost) = &cost {
        check_memory(&lab, cost.memory)?;
    }
    let most = lab.settings.device_time_per_user;
    let limits = JobLimits {
        open: limit,
        device_seconds: most.map(|most| most.as_secs_f64()),
        stored_bytes: lab.settings.stored_bytes_per_user,
    };
    let new = NewJob { request: &request, needs: &needs, cost };
    let id = match lab.store.add_job(author.0.id, new, limits).await? {
        AddJobOutcome::Job(id) => id,
        AddJobOutcome::TooMany => return Err(too_many_jobs(limit)),
        AddJobOutcome::TooLong { had, likely } => {
            return Err(no_device_time(had, most.unwrap_or_default(), Some(likely)));
        }
        AddJobOutcome::TooLarge { stored, more } => {
            let most = lab.settings.stored_bytes_per_user.unwrap_or_default();
            return Err(no_room(stored, more, most));
        }
        AddJobOutcome::Gone(id, kind) => return Err(ApiError::InvalidFields(vec![gone(id, kind)])),
    };
    tracing::info!(job = id, owner = author.0.name, kind = %request.kind(), "job accepted");
    let job = lab.store.job(id, None).await?.ok_or(ApiError::NotFound("job"))?;
    Ok((StatusCode::CREATED, Json(job)))
}

/// What a worker must have to compute what was accepted here, and what that is taken to cost.
async fn needs_and_cost(
    lab: &Lab,
    request: &JobRequest,
    inputs: &[Artifact],
) -> ApiResult<(JobNeeds, Option<Cost>)> {
    let mut facts = ArtifactFacts::default();
    let stored = inputs.iter().filter(|input| input.kind == ArtifactKind::Dataset);
    let dataset_bytes = stored.map(|input| input.bytes.unsigned_abs()).sum();
    for artifact in inputs {
        let ArtifactFacts { size, training_images, .. } = lab.facts_of(artifact).await?;
        facts.size = facts.size.or(size);
        facts.training_images = facts.training_images.or(training_images);
    }
    if let JobRequest::Train(job) = request {
        facts.size = size_of_new(&job.architecture);
    }
    let mut dataset = None;
    if let DatasetRef::Named(name) = request.dataset() {
        let (data, name) = (lab.data.clone(), name.clone());
        let read = tokio::task::spawn_blocking(move || {
            let (hash, summary) = (data.dataset_hash(&name)?, data.summary(&name)?);
            anyhow::Ok((hash.map(|hash| (name, hash)), summary))
        });
        let read = read.await.map_err(anyhow::Error::from).flatten();
        let (found, summary) = read.map_err(|error| {
            tracing::error!("a data set can't be read: {error:#}");
            ApiError::Internal
        })?;
        dataset = found;
        facts.training_images = ArtifactFacts::of_dataset(&summary).training_images;
    }
    let scale = facts.size.zip(facts.training_images).map(|(network, images)| Scale {
        network,
        training_images: images as f64,
        dataset_bytes,
    });
    let needs = JobNeeds { dataset, program: Some(PROGRAM.into()) };
    Ok((needs, scale.map(|scale| cost(request, &scale))))
}

/// Size of a network that is to be trained, nearly: its classes come with the data.
fn size_of_new(architecture: &str) -> Option<NetworkSize> {
    let graph = architecture.parse::<Architecture>().and_then(|known| known.graph(2));
    graph.ok().map(|graph| NetworkSize::of(&graph))
}

fn too_many_jobs(limit: usize) -> ApiError {
    let problem = format!(
        "you have {limit} jobs waiting or running, as many as one person may; cancel one, or wait"
    );
    ApiError::TooMany { problem, retry_seconds: RETRY_SECONDS }
}

/// A job as it is now, with its results
#[utoipa::path(
    get, path = "/jobs/{id}", operation_id = "show_job",
    tag = "jobs",
    params(("id" = i64, Path, description = "The job")),
    responses((status = 200, body = Job), (status = 404, description = "No such job", body = Problem))
)]
async fn show(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<Json<Job>> {
    Ok(Json(lab.store.seen_job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?))
}

/// Cancel a job: at once while it waits, within a batch while it runs
#[utoipa::path(
    post, path = "/jobs/{id}/cancel", operation_id = "cancel_job",
    tag = "jobs",
    params(("id" = i64, Path, description = "The job")),
    responses(
        (status = 202, description = "It is cancelled, or will be in a moment", body = Job),
        (status = 404, description = "No such job", body = Problem),
        (status = 409, description = "It has ended already", body = Problem),
    )
)]
async fn cancel(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<(StatusCode, Json<Job>)> {
    lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    match lab.store.cancel_job(id, author.0.id).await? {
        CancelOutcome::TooLate => Err(ApiError::conflict("the job has ended already")),
        CancelOutcome::Cancelled | CancelOutcome::Cancelling => {
            let job = lab.store.job(id, None).await?.ok_or(ApiError::NotFound("job"))?;
            Ok((StatusCode::ACCEPTED, Json(job)))
        }
    }
}

/// Forget a job that has ended, with its events and links; its results stay
#[utoipa::path(
    delete, path = "/jobs/{id}", operation_id = "forget_job",
    tag = "jobs",
    params(("id" = i64, Path, description = "The job")),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 404, description = "No such job", body = Problem),
        (status = 409, description = "It has not ended", body = Problem),
    )
)]
async fn forget(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<StatusCode> {
    lab.store.job(id, author.scope()).await?.ok_or(ApiError::NotFound("job"))?;
    if lab.store.delete_job(id, Some(author.0.id)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::conflict("the job has not ended; cancel it first"))
    }
}

/// The job that was asked for, with the artifacts that it reads.
///
/// # Errors
/// [`ApiError::InvalidFields`] with everything that is missing, unknown or wrong in it.
async fn checked(
    lab: &Lab,
    author: &Author,
    request: Value,
) -> ApiResult<(JobRequest, Vec<Artifact>)> {
    let ReadRequest { request, mut problems } = request::read(request);
    let Some(request) = request else { return Err(ApiError::InvalidFields(problems)) };
    problems.extend(problems_of(&request));
    let unread: Vec<String> = problems.iter().map(|problem| problem.field.clone()).collect();
    let is_read =
        |field: &str| !unread.iter().any(|unread| unread.split(['.', '[']).next() == Some(field));
    if let DatasetRef::Named(name) = request.dataset()
        && is_read(ArtifactKind::Dataset.name())
    {
        problems.extend(unknown_dataset(lab, name).await);
    }
    let mut inputs = Vec::new();
    for (id, kind) in request.inputs() {
        if !is_read(kind.name()) {
            continue;
        }
        match input(lab, author, id, kind).await? {
            Ok(artifact) => inputs.push(artifact),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(profile_of_another_network(lab, &inputs).await?);
    if problems.is_empty() { Ok((request, inputs)) } else { Err(ApiError::InvalidFields(problems)) }
}

async fn unknown_dataset(lab: &Lab, name: &str) -> Option<FieldProblem> {
    let known = lab.dataset_names().await;
    if known.iter().any(|known| known == name) {
        return None;
    }
    let problem = format!("no data set is named `{name}` here; there are {}", known.join(", "));
    Some(field("dataset", problem))
}

/// An artifact that a job is to read, or why it can't.
async fn input(
    lab: &Lab,
    author: &Author,
    id: i64,
    kind: ArtifactKind,
) -> ApiResult<Result<Artifact, FieldProblem>> {
    Ok(match lab.store.artifact(id, author.scope()).await? {
        None => Err(gone(id, kind)),
        Some(found) if found.kind != kind => {
            Err(field(kind.name(), format!("{id} is a {}, but a {kind} is needed", found.kind)))
        }
        Some(found) => Ok(found),
    })
}

fn gone(id: i64, kind: ArtifactKind) -> FieldProblem {
    field(kind.name(), format!("there is no {kind} {id}"))
}

/// Why a profile can't be used with the network beside it among a job's inputs.
async fn profile_of_another_network(
    lab: &Lab,
    inputs: &[Artifact],
) -> ApiResult<Option<FieldProblem>> {
    let of_kind = |kind| inputs.iter().find(|input| input.kind == kind);
    let (Some(model), Some(profile)) =
        (of_kind(ArtifactKind::Model), of_kind(ArtifactKind::Profile))
    else {
        return Ok(None);
    };
    let (network, measured) = (lab.facts_of(model).await?, lab.facts_of(profile).await?);
    let Some(network) = network.model_hash else { return Ok(None) };
    let remedy = "leave `profile` out to have this network measured";
    let problem = match network.check("the profile", measured.model_hash.as_ref(), remedy) {
        Ok(Binding::Bound) => return Ok(None),
        // Nobody sits beside a job to be told that only layers could be compared.
        Ok(Binding::Unbound) => {
            format!("the profile does not say which network it is of: {remedy}")
        }
        Err(error) => error.to_string(),
    };
    Ok(Some(field("profile", problem)))
}

fn field(name: &str, problem: impl Into<String>) -> FieldProblem {
    FieldProblem { field: name.into(), problem: problem.into() }
}

/// What can't be computed of a request, seen by itself.
fn problems_of(request: &JobRequest) -> Vec<FieldProblem> {
    let mut problems = Problems::default();
    match request {
        JobRequest::Train(job) => {
            problems.add("architecture", architecture_problem(&job.architecture));
            problems.training("plan", &job.plan);
            let taught = job.plan.distillation.is_some();
            problems.require(
                "plan.distillation",
                !taught,
                "a new network has no teacher: leave it out",
            );
        }
        JobRequest::Calibrate(job) => problems.count("images", job.images, MOST_IMAGES),
        JobRequest::Evaluate(job) => problems.count("images", job.images, MOST_IMAGES),
        JobRequest::Choose(job) => {
            let plan = &job.plan;
            problems.require("plan.rules", !plan.rules.is_empty(), EMPTY);
            problems.at_most("plan", plan.networks(), MOST_COMBINATIONS);
            let criterion = plan.criterion.check(plan.repair).err();
            problems.add("plan.criterion", criterion.map(|error| error.to_string()));
            problems.count("plan.calibration_images", plan.calibration_images, MOST_IMAGES);
            problems.at_most("plan.judge_images", plan.judge_images, MOST_IMAGES);
            let least = plan.least_judge_images();
            problems.require(
                "plan.judge_images",
                plan.judge_images >= least,
                &format!("it is {}; it must be at least {least}", plan.judge_images),
            );
        }
        JobRequest::Sweep(job) => {
            let SweepPlan { rules, sparsities, repairs, .. } = &job.plan;
            let counts = [
                ("rules", rules.len()),
                ("sparsities", sparsities.len()),
                ("repairs", repairs.len()),
            ];
            problems.combinations(&counts);
            let criterion = job.plan.check_criterion().err();
            problems.add("plan.criterion", criterion.map(|error| error.to_string()));
            problems.count("plan.calibration_images", job.plan.calibration_images, MOST_IMAGES);
            problems.count("plan.evaluation_images", job.plan.evaluation_images, MOST_IMAGES);
            problems.at_most("plan.judge_images", job.plan.judge_images, MOST_IMAGES);
            if let Some(plan) = job.plan.distillation {
                problems.training("plan.distillation", &plan.training(job.plan.seed));
            }
        }
        JobRequest::Finetune(job) => {
            let FinetunePlan { rules, sparsities, .. } = &job.plan;
            problems.combinations(&[("rules", rules.len()), ("sparsities", sparsities.len())]);
            let criterion = job.plan.criterion.check(job.plan.repair).err();
            problems.add("plan.criterion", criterion.map(|error| error.to_string()));
            problems.count("plan.calibration_images", job.plan.calibration_images, MOST_IMAGES);
            problems.count("plan.evaluation_images", job.plan.evaluation_images, MOST_IMAGES);
            problems.training("plan.training", &job.plan.training);
        }
    }
    problems.0
}

/// What is wrong with a list that has nothing in it.
const EMPTY: &str = "it is empty; name at least one";

/// What was found so far.
#[derive(Default)]
struct Problems(Vec<FieldProblem>);

impl Problems {
    fn add(&mut self, name: &str, problem: Option<String>) {
        self.0.extend(problem.map(|problem| field(name, problem)));
    }

    fn require(&mut self, name: &str, is_right: bool, problem: &str) {
        if !is_right {
            self.add(name, Some(problem.into()));
        }
    }

    fn at_most(&mut self, name: &str, value: usize, most: usize) {
        self.require(
            name,
            value <= most,
            &format!("it is {value}; this server computes up to {most}"),
        );
    }

    /// From 1 to `most`.
    fn count(&mut self, name: &str, value: usize, most: usize) {
        self.require(name, value > 0, "it is 0; it must be at least 1");
        self.at_most(name, value, most);
    }

    /// Lists of a plan, each of which is gone through for each value of the others.
    fn combinations(&mut self, lists: &[(&str, usize)]) {
        let mut product = 1usize;
        for (name, length) in lists {
            self.require(&format!("plan.{name}"), *length > 0, EMPTY);
            product = product.saturating_mul(*length);
        }
        self.at_most("plan", product, MOST_COMBINATIONS);
    }

    fn training(&mut self, name: &str, plan: &TrainingPlan) {
        for problem in plan.problems() {
            self.add(&format!("{name}.{}", problem.field), Some(problem.to_string()));
        }
        self.at_most(&format!("{name}.epochs"), plan.epochs, MOST_EPOCHS);
        self.at_most(&format!("{name}.batch_size"), plan.batch_size, MOST_BATCH);
    }
}

fn architecture_problem(name: &str) -> Option<String> {
    let graph = name.parse::<Architecture>().and_then(|architecture| architecture.graph(2));
    let weights = match graph {
        Ok(graph) => graph.prunable_weights(),
        Err(error) => return Some(error.to_string()),
    };
    (weights > MOST_WEIGHTS).then(|| {
        format!("{name} has {weights} weights; this server trains networks of up to {MOST_WEIGHTS}")
    })
}
