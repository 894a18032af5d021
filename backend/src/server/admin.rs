//! For admins: people, workers, the queue, storage and the audit log.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rrlab_protocol::{
    AuditEntry, JobCount, JobState, LabOverview, PersonChange, PersonSummary, Problem,
    WorkerSummary,
};
use serde::Deserialize;
use strum::VariantArray as _;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::extract::{Admin, Body, PathValues, QueryValues};
use super::lab::{App, Lab};
use crate::store::LiveWorker;

/// Entries of the audit log in one answer.
const PAGE: i64 = 200;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(change_person))
        .routes(routes!(end_sessions))
        .routes(routes!(audit))
}

/// People, workers, the queue and storage
#[utoipa::path(
    get, path = "/admin/overview", operation_id = "see_lab", tag = "admin",
    responses((status = 200, body = LabOverview), (status = 403, description = "You are no admin", body = Problem))
)]
async fn overview(State(lab): State<App>, _: Admin) -> ApiResult<Json<LabOverview>> {
    let totals = lab.store.totals().await?;
    let count = |state: &JobState| JobCount { state: *state, count: totals.count(*state) };
    Ok(Json(LabOverview {
        people: lab.store.people().await?,
        workers: lab.store.workers().await?.into_iter().map(summary).collect(),
        jobs: JobState::VARIANTS.iter().map(count).collect(),
        oldest_waiting_seconds: totals.oldest_waiting_seconds(),
        stranded_jobs: lab.store.stranded_jobs().await?,
        stored_bytes: lab.store.all_stored_bytes().await?,
    }))
}

fn summary(worker: LiveWorker) -> WorkerSummary {
    let program = worker.program().map(str::to_owned);
    let LiveWorker { name, device, job, .. } = worker;
    WorkerSummary { name, device, job, program }
}

/// Give somebody another role, shut them out, or let them in again
#[utoipa::path(
    patch, path = "/admin/people/{id}", operation_id = "change_person", tag = "admin",
    params(("id" = i64, Path, description = "The person")), request_body = PersonChange,
    responses(
        (status = 200, body = PersonSummary),
        (status = 403, description = "You are no admin", body = Problem),
        (status = 404, description = "No such person", body = Problem),
        (status = 409, description = "It is yourself: a lab must not lose its last admin by a slip", body = Problem),
    )
)]
async fn change_person(
    State(lab): State<App>,
    Admin(admin): Admin,
    PathValues(id): PathValues<i64>,
    Body(change): Body<PersonChange>,
) -> ApiResult<Json<PersonSummary>> {
    let person = known(&lab, id).await?;
    if id == admin.id && change != PersonChange::default() {
        let problem = "you can't change your own role, or shut yourself out: another admin can";
        return Err(ApiError::conflict(problem));
    }
    if let Some(role) = change.role.filter(|role| *role != person.role) {
        lab.store.set_role(id, role, Some(admin.id)).await?;
    }
    if let Some(disabled) = change.disabled.filter(|now| *now != person.disabled_ms.is_some()) {
        lab.store.set_disabled(id, disabled, Some(admin.id)).await?;
    }
    Ok(Json(known(&lab, id).await?))
}

/// Sign somebody out of all browsers; their tokens stay
#[utoipa::path(
    delete, path = "/admin/people/{id}/sessions", operation_id = "end_sessions", tag = "admin",
    params(("id" = i64, Path, description = "The person")),
    responses(
        (status = 204, description = "All of their sessions have ended"),
        (status = 403, description = "You are no admin", body = Problem),
        (status = 404, description = "No such person", body = Problem),
    )
)]
async fn end_sessions(
    State(lab): State<App>,
    Admin(admin): Admin,
    PathValues(id): PathValues<i64>,
) -> ApiResult<StatusCode> {
    known(&lab, id).await?;
    lab.store.end_sessions(id, Some(admin.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn known(lab: &Lab, id: i64) -> ApiResult<PersonSummary> {
    lab.store.summary_of(id).await?.ok_or(ApiError::NotFound("person"))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditListing {
    /// Entries with lower numbers alone.
    before: Option<i64>,
    /// Of this person alone, by their number: what they did and what was done to them.
    person: Option<i64>,
}

/// Who did what to whom, the latest first
#[utoipa::path(
    get, path = "/admin/audit", operation_id = "list_audit", tag = "admin", params(AuditListing),
    responses(
        (status = 200, description = "200 entries at most", body = Vec<AuditEntry>),
        (status = 403, description = "You are no admin", body = Problem),
    )
)]
async fn audit(
    State(lab): State<App>,
    _: Admin,
    QueryValues(listing): QueryValues<AuditListing>,
) -> ApiResult<Json<Vec<AuditEntry>>> {
    let before = listing.before.unwrap_or(i64::MAX);
    Ok(Json(lab.store.audit(listing.person, before, PAGE).await?))
}
