//! Jobs: this table is the truth about them; the queue only says when to look.
//!
//! A worker holds a job by a lease that it renews. Whatever it writes names it, so that one that
//! was silent for too long and lost its job to another can change nothing any more.

use std::time::Duration;

use rrlab_protocol::{
    ArtifactKind, AuditAction, Job, JobEvent, JobKind, JobProgress, JobRequest, JobState,
};
use sqlx::AnyConnection;

use super::artifacts::{count, lock_artifact, stored_bytes};
use super::audit::note_if_anothers;
use super::database::{Store, StoreError, StoreResult, from_json, named, now_ms, to_json};
use super::events::{add_event, forget_progress};
use super::needs::JobNeeds;
use super::parts::forget_parts;
use super::people::lock_person;
use super::turns::{device_seconds_of, likely_seconds};
use crate::cost::Cost;

/// Workers that may die under a job, since it was last saved, before it is given up.
pub const MOST_CRASHES: i64 = 3;
/// Why such a job failed.
const GIVEN_UP: &str =
    "given up: workers died under it again and again (out of memory, or the device was lost)";

/// A job as its worker gets it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Number of the job.
    pub job: i64,
    /// What was asked for, with every default filled in.
    pub request: JobRequest,
    /// Hash of the state to go on from: one that was reached on the same device.
    pub checkpoint: Option<String>,
    /// Workers that died under it.
    pub crashes: i64,
    /// How long workers have computed it already.
    pub computed: Duration,
}

/// A job to be entered.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    /// What is asked for.
    pub request: &'a JobRequest,
    /// What it needs of a worker.
    pub needs: &'a JobNeeds,
    /// What it is taken to cost, where that can be told.
    pub cost: Option<Cost>,
}

/// What one person's jobs may be.
#[derive(Debug, Clone, Copy)]
pub struct JobLimits {
    /// How many wait or run.
    pub open: usize,
    /// Seconds of the last day that they are computed, or are likely to be.
    pub device_seconds: Option<f64>,
    /// Bytes of what is stored, and of what jobs that wait or run are taken to store.
    pub stored_bytes: Option<i64>,
}

/// What became of the wish for a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AddJobOutcome {
    /// It waits, under this number.
    Job(i64),
    /// Its owner has as many as one person may.
    TooMany,
    /// It would bring its owner's device time beyond what one person may have.
    TooLong {
        /// Seconds that the owner's other jobs have had or are likely to take.
        had: f64,
        /// Seconds that this one is likely to take.
        likely: f64,
    },
    /// It would bring what its owner stores beyond what one person may.
    TooLarge {
        /// Bytes that are stored, and that the owner's other jobs are taken to store.
        stored: i64,
        /// Bytes that this one is taken to store.
        more: i64,
    },
    /// What it should read is no longer there.
    Gone(i64, ArtifactKind),
}

/// Which jobs wait, in two numbers: whether there are others than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    /// How many.
    pub jobs: i64,
    /// Number of the latest.
    pub latest: i64,
}

/// What became of the wish to cancel a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It waited and is cancelled.
    Cancelled,
    /// It runs and will end within a batch.
    Cancelling,
    /// It had ended already.
    TooLate,
}

/// Numbers over all jobs, for metrics.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// How many jobs are in each state; states that none is in are left out.
    pub states: Vec<(JobState, i64)>,
    /// Since when the oldest waits, in milliseconds since 1970.
    pub oldest_waiting_ms: Option<i64>,
    /// Jobs that ended, those that were deleted since too, and the milliseconds that workers
    /// computed them, by kind.
    pub ended: Vec<(JobKind, i64, i64)>,
    /// Workers that died under jobs.
    pub crashes: i64,
}

impl Totals {
    /// How many jobs are in a state.
    pub fn count(&self, state: JobState) -> i64 {
        self.states.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count)
    }

    /// For how long the oldest of those that wait has waited, in seconds.
    pub fn oldest_waiting_seconds(&self) -> Option<f64> {
        self.oldest_waiting_ms.map(|since| (now_ms() - since).max(0) as f64 / 1000.0)
    }
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    request: String,
    checkpoint: Option<String>,
    crashes: i64,
    computed_ms: i64,
    offer: Option<String>,
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: i64,
    owner: String,
    request: String,
    state: String,
    problem: Option<String>,
    created_ms: i64,
    started_ms: Option<i64>,
    finished_ms: Option<i64>,
    progress: Option<String>,
    crashes: i64,
    device: Option<String>,
    cancel: i64,
    memory_bytes: Option<i64>,
    stored_bytes: Option<i64>,
}

impl TryFrom<JobRow> for Job {
    type Error = StoreError;

    fn try_from(row: JobRow) -> StoreResult<Self> {
        let state = named("a job's state", &row.state)?;
        let progress: Option<JobProgress> =
            row.progress.as_deref().map(|text| from_json("a job's progress", text)).transpose()?;
        Ok(Self {
            id: row.id,
            owner: row.owner,
            request: from_json("a job's request", &row.request)?,
            state,
            problem: row.problem,
            created_ms: row.created_ms,
            started_ms: row.started_ms,
            finished_ms: row.finished_ms,
            position: None,
            starts_in_seconds: None,
            takes_seconds: None,
            waits_for: None,
            memory_bytes: row.memory_bytes.map(i64::unsigned_abs),
            stored_bytes: row.stored_bytes.map(i64::unsigned_abs),
            progress: progress.filter(|_| state == JobState::Running),
            crashes: row.crashes,
            device: row.device,
            cancelling: row.cancel != 0 && !state.is_final(),
            results: Vec::new(),
        })
    }
}

macro_rules! select_jobs {
    ($rest:literal) => {
        concat!(
            "SELECT j.id, u.name AS owner, j.request, j.state, j.problem, j.created_ms, j.started_ms, j.finished_ms, \
             j.progress, j.crashes, j.device, j.cancel, j.memory_bytes, j.stored_bytes FROM lab_jobs j JOIN lab_users u ON u.id = j.owner_id ",
            $rest
        )
    };
}

/// Takes jobs from their workers at the time `$1`. One that was taken `$2` times since it was last
/// saved, or seven times as often in all, is given up because of `$3`.
macro_rules! crashed_jobs {
    ($which:literal) => {
        concat!(
            "UPDATE lab_jobs SET crashes = crashes + 1, crashes_in_place = crashes_in_place + 1, \
             worker = NULL, lease_ms = NULL, \
             computed_ms = COALESCE(computed_ms, 0) + $1 - claimed_ms, claimed_ms = NULL, \
             checkpoint = CASE WHEN cancel = 1 OR (crashes_in_place + 1 >= $2 OR crashes + 1 >= 7 * $2) \
             THEN NULL ELSE checkpoint END, \
             finished_ms = CASE WHEN cancel = 1 OR (crashes_in_place + 1 >= $2 OR crashes + 1 >= 7 * $2) THEN $1 ELSE NULL END, \
             problem = CASE WHEN cancel = 0 AND (crashes_in_place + 1 >= $2 OR crashes + 1 >= 7 * $2) THEN $3 ELSE NULL END, \
             state = CASE WHEN cancel = 1 THEN 'cancelled' WHEN (crashes_in_place + 1 >= $2 OR crashes + 1 >= 7 * $2) THEN 'failed' \
             ELSE 'queued' END WHERE state = 'running' AND ",
            $which,
            " RETURNING id, state, problem"
        )
    };
}

impl Store {
    /// Enters a job, unless its owner has as much as one person may already or an input was just deleted.
    pub async fn add_job(
        &self,
        owner: i64,
        NewJob { request, needs, cost }: NewJob<'_>,
        limits: JobLimits,
    ) -> StoreResult<AddJobOutcome> {
        let inputs = request.inputs();
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        lock_person(&mut transaction, owner).await?;
        if count_open(&mut transaction, owner).await? >= limits.open as i64 {
            return Ok(AddJobOutcome::TooMany);
        }
        let work = cost.map(|cost| cost.work);
        if let Some(most) = limits.device_seconds
            && let Some(likely) = likely_seconds(&mut transaction, request.kind(), work).await?
        {
            let had = device_seconds_of(&mut transaction, owner, now).await?;
            if had + likely > most {
                return Ok(AddJobOutcome::TooLong { had, likely });
            }
        }
        if let Some(most) = limits.stored_bytes
            && let Some(more) = cost.map(|cost| count(cost.stored))
        {
            let stored = stored_bytes(&mut transaction, owner).await?
                + bytes_to_come(&mut transaction, owner).await?;
            if stored.saturating_add(more) > most {
                return Ok(AddJobOutcome::TooLarge { stored, more });
            }
        }
        for (artifact, kind) in &inputs {
            if !lock_artifact(&mut transaction, *artifact).await? {
                return Ok(AddJobOutcome::Gone(*artifact, *kind));
            }
        }
        let statement = "INSERT INTO lab_jobs (owner_id, kind, request, state, created_ms, dataset, dataset_hash, program, work, memory_bytes, stored_bytes) \
                         VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10) RETURNING id";
        let (dataset, dataset_hash) = needs.dataset.clone().unzip();
        let (id,): (i64,) = sqlx::query_as(statement)
            .bind(owner)
            .bind(request.kind().name())
            .bind(to_json(request)?)
            .bind(now)
            .bind(dataset)
            .bind(dataset_hash)
            .bind(needs.program.clone())
            .bind(work)
            .bind(cost.map(|cost| count(cost.memory)))
            .bind(cost.map(|cost| count(cost.stored)))
            .fetch_one(&mut *transaction)
            .await?;
        for (artifact, _) in &inputs {
            sqlx::query("INSERT INTO lab_job_inputs (job_id, artifact_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(id)
                .bind(artifact)
                .execute(&mut *transaction)
                .await?;
        }
        let event = JobEvent::State { state: JobState::Queued, problem: None };
        add_event(&mut transaction, id, &event).await?;
        transaction.commit().await?;
        Ok(AddJobOutcome::Job(id))
    }

    /// Number of an owner's jobs that wait or run.
    pub async fn open_jobs(&self, owner: i64) -> StoreResult<i64> {
        count_open(&mut *self.pool.acquire().await?, owner).await
    }

    /// A job of this owner, or anybody's where none is named, with what it made.
    pub async fn job(&self, id: i64, owner: Option<i64>) -> StoreResult<Option<Job>> {
        self.one_job(select_jobs!("WHERE j.id = $1 AND ($2 = 0 OR j.owner_id = $2)"), id, owner)
            .await
    }

    /// The same of whoever sees it: its owner and who teaches them, or anybody's where none is named.
    pub async fn seen_job(&self, id: i64, viewer: Option<i64>) -> StoreResult<Option<Job>> {
        let statement = select_jobs!(
            "WHERE j.id = $1 AND ($2 = 0 OR j.owner_id = $2 \
             OR j.owner_id IN (SELECT owner_id FROM lab_sight WHERE viewer_id = $2))"
        );
        self.one_job(statement, id, viewer).await
    }

    async fn one_job(
        &self,
        statement: &'static str,
        id: i64,
        person: Option<i64>,
    ) -> StoreResult<Option<Job>> {
        let row: Option<JobRow> = sqlx::query_as(statement)
            .bind(id)
            .bind(person.unwrap_or(0))
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut jobs = [Job { results: self.results(id).await?, ..row.try_into()? }];
        self.place(&mut jobs).await?;
        let [job] = jobs;
        Ok(Some(job))
    }

    /// Jobs of an owner, or everybody's, the latest first, without what they made.
    pub async fn jobs(&self, owner: Option<i64>, before: i64, limit: i64) -> StoreResult<Vec<Job>> {
        let statement = select_jobs!(
            "WHERE ($1 = 0 OR j.owner_id = $1) AND j.id < $2 ORDER BY j.id DESC LIMIT $3"
        );
        self.many_jobs(statement, owner.unwrap_or(0), before, limit).await
    }

    /// The same of the students of a course.
    pub async fn jobs_of_course(
        &self,
        course: i64,
        before: i64,
        limit: i64,
    ) -> StoreResult<Vec<Job>> {
        let statement = select_jobs!(
            "WHERE j.owner_id IN (SELECT user_id FROM lab_course_members WHERE course_id = $1 AND teaches = 0) \
             AND j.id < $2 ORDER BY j.id DESC LIMIT $3"
        );
        self.many_jobs(statement, course, before, limit).await
    }

    async fn many_jobs(
        &self,
        statement: &'static str,
        whose: i64,
        before: i64,
        limit: i64,
    ) -> StoreResult<Vec<Job>> {
        let rows: Vec<JobRow> = sqlx::query_as(statement)
            .bind(whose)
            .bind(before)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        let mut jobs: Vec<Job> =
            rows.into_iter().map(TryInto::try_into).collect::<StoreResult<_>>()?;
        self.place(&mut jobs).await?;
        Ok(jobs)
    }

    /// Enters the places of those that wait.
    async fn place(&self, jobs: &mut [Job]) -> StoreResult<()> {
        if !jobs.iter().any(|job| job.state == JobState::Queued) {
            return Ok(());
        }
        let places = self.places().await?;
        for job in jobs.iter_mut() {
            let Some(place) = places.get(&job.id) else { continue };
            job.position = Some(place.position);
            job.starts_in_seconds = place.seconds;
            job.takes_seconds = place.takes;
            job.waits_for = place.waits_for.clone();
        }
        Ok(())
    }

    /// Cancels a job that waits, or asks its worker to.
    pub async fn cancel_job(&self, id: i64, by: i64) -> StoreResult<CancelOutcome> {
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_jobs SET cancel = 1, \
                         finished_ms = CASE WHEN state = 'queued' THEN $2 ELSE finished_ms END, \
                         state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END \
                         WHERE id = $1 AND state IN ('queued', 'running') RETURNING state, owner_id";
        let row: Option<(String, i64)> =
            sqlx::query_as(statement).bind(id).bind(now).fetch_optional(&mut *transaction).await?;
        let Some((state, owner)) = row else { return Ok(CancelOutcome::TooLate) };
        let outcome = match state.as_str() {
            "cancelled" => {
                let event = JobEvent::State { state: JobState::Cancelled, problem: None };
                add_event(&mut transaction, id, &event).await?;
                forget_parts(&mut transaction, id).await?;
                CancelOutcome::Cancelled
            }
            _ => CancelOutcome::Cancelling,
        };
        let action = AuditAction::JobCancelled;
        note_if_anothers(&mut transaction, by, action, owner, format!("job {id}")).await?;
        transaction.commit().await?;
        Ok(outcome)
    }

    /// Forgets a job that has ended, with its events and links; what it made stays, and that there
    /// was one is still counted. Whether it did. Without `by` its time was over.
    pub async fn delete_job(&self, id: i64, by: Option<i64>) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        let counted = "INSERT INTO lab_past_jobs (owner_id, kind, computed_ms, finished_ms, crashes) \
                       SELECT owner_id, kind, COALESCE(computed_ms, 0) + helped_ms, finished_ms, crashes FROM lab_jobs \
                       WHERE id = $1 AND state IN ('done', 'failed', 'cancelled')";
        let counted = sqlx::query(counted).bind(id).execute(&mut *transaction).await?;
        if counted.rows_affected() == 0 {
            return Ok(false);
        }
        let deleted: Option<(i64,)> =
            sqlx::query_as("DELETE FROM lab_jobs WHERE id = $1 RETURNING owner_id")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
        // Of two who delete it at once the second deletes, and counts, nothing.
        let Some((owner,)) = deleted else { return Ok(false) };
        if let Some(by) = by {
            let action = AuditAction::JobForgotten;
            note_if_anothers(&mut transaction, by, action, owner, format!("job {id}")).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets jobs that ended longer ago than this, but for those that a link shows; how many.
    pub async fn forget_jobs(&self, age: Duration) -> StoreResult<usize> {
        let statement = "SELECT id FROM lab_jobs j WHERE finished_ms <= $1 \
                         AND NOT EXISTS (SELECT 1 FROM lab_shares s WHERE s.job_id = j.id AND s.revoked_ms IS NULL) \
                         ORDER BY id";
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let old: Vec<(i64,)> = sqlx::query_as(statement)
            .bind(self.clock_ms().await?.saturating_sub(age_ms))
            .fetch_all(&self.pool)
            .await?;
        let mut forgotten = 0;
        for (id,) in old {
            forgotten += usize::from(self.delete_job(id, None).await?);
        }
        Ok(forgotten)
    }

    /// Which jobs wait: asked again and again by whoever has nothing to do.
    pub async fn waiting(&self) -> StoreResult<Waiting> {
        let statement = "SELECT COUNT(*) AS jobs, COALESCE(MAX(id), 0) AS latest FROM lab_jobs WHERE state = 'queued'";
        Ok(sqlx::query_as(statement).fetch_one(&self.pool).await?)
    }

    /// Gives a waiting job to a worker for so long; `None` where another was faster. A state that
    /// another device reached is left: the rest would be computed with other arithmetic, and the
    /// result be neither's.
    pub async fn claim_job(
        &self,
        id: i64,
        worker: &str,
        device: &str,
        lease_ms: i64,
    ) -> StoreResult<Option<Claim>> {
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_jobs SET state = 'running', worker = $2, lease_ms = $4, \
                         checkpoint = CASE WHEN device = $3 THEN checkpoint END, \
                         offer = CASE WHEN device = $3 THEN offer END, device = $3, \
                         started_ms = COALESCE(started_ms, $5), claimed_ms = $5, progress = NULL \
                         WHERE id = $1 AND state = 'queued' RETURNING request, checkpoint, crashes, COALESCE(computed_ms, 0) AS computed_ms, offer";
        let row: Option<ClaimRow> = sqlx::query_as(statement)
            .bind(id)
            .bind(worker)
            .bind(device)
            .bind(now + lease_ms)
            .bind(now)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(ClaimRow { request, checkpoint, crashes, computed_ms, offer }) = row else {
            return Ok(None);
        };
        if offer.is_none() {
            // What helpers still compute on the device before is of no use.
            forget_parts(&mut transaction, id).await?;
        }
        let event = JobEvent::State { state: JobState::Running, problem: None };
        add_event(&mut transaction, id, &event).await?;
        let event = JobEvent::Started { device: device.into(), resumed: checkpoint.is_some() };
        add_event(&mut transaction, id, &event).await?;
        transaction.commit().await?;
        Ok(Some(Claim {
            job: id,
            request: from_json("a job's request", &request)?,
            checkpoint,
            crashes,
            computed: Duration::from_millis(computed_ms.unsigned_abs()),
        }))
    }

    /// Renews a worker's lease; whether the job is to be cancelled.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where the job is no longer this worker's.
    pub async fn renew_lease(&self, id: i64, worker: &str, lease_ms: i64) -> StoreResult<bool> {
        let statement =
            "UPDATE lab_jobs SET lease_ms = $3 WHERE id = $1 AND worker = $2 RETURNING cancel";
        let row: Option<(i64,)> = sqlx::query_as(statement)
            .bind(id)
            .bind(worker)
            .bind(self.clock_ms().await? + lease_ms)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.ok_or(StoreError::LostJob)?.0 != 0)
    }

    /// Whether a worker's job is to be cancelled.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where the job is no longer this worker's.
    pub async fn is_cancelled(&self, id: i64, worker: &str) -> StoreResult<bool> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT cancel FROM lab_jobs WHERE id = $1 AND worker = $2")
                .bind(id)
                .bind(worker)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.ok_or(StoreError::LostJob)?.0 != 0)
    }

    /// Keeps the state that a job can go on from.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where the job is no longer this worker's.
    pub async fn save_checkpoint(&self, id: i64, worker: &str, hash: &str) -> StoreResult<()> {
        // The same state once more is no progress.
        let statement = "UPDATE lab_jobs SET checkpoint = $3, \
                         crashes_in_place = CASE WHEN checkpoint = $3 THEN crashes_in_place ELSE 0 END \
                         WHERE id = $1 AND worker = $2";
        let done =
            sqlx::query(statement).bind(id).bind(worker).bind(hash).execute(&self.pool).await?;
        if done.rows_affected() == 0 { Err(StoreError::LostJob) } else { Ok(()) }
    }

    /// Enters what happened to a worker's job.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where the job is no longer this worker's.
    pub async fn job_happened(
        &self,
        id: i64,
        worker: &str,
        events: &[JobEvent],
    ) -> StoreResult<()> {
        let progress = events.iter().rev().find_map(|event| match event {
            JobEvent::Progress(progress) => Some(progress),
            _ => None,
        });
        let progress = progress.map(to_json).transpose()?;
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE lab_jobs SET progress = COALESCE($3, progress) WHERE id = $1 AND worker = $2",
        )
        .bind(id)
        .bind(worker)
        .bind(progress)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::LostJob);
        }
        for event in events {
            add_event(&mut transaction, id, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a worker's job.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where the job is no longer this worker's.
    pub async fn finish_job(
        &self,
        id: i64,
        worker: &str,
        state: JobState,
        problem: Option<&str>,
    ) -> StoreResult<()> {
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_jobs SET state = $3, problem = $4, finished_ms = $5, worker = NULL, lease_ms = NULL, \
                         computed_ms = COALESCE(computed_ms, 0) + $5 - claimed_ms, claimed_ms = NULL, \
                         checkpoint = NULL WHERE id = $1 AND worker = $2";
        let done = sqlx::query(statement)
            .bind(id)
            .bind(worker)
            .bind(state.name())
            .bind(problem)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::LostJob);
        }
        forget_parts(&mut transaction, id).await?;
        // How far it was at every moment is of no use any more.
        forget_progress(&mut transaction, id).await?;
        add_event(
            &mut transaction,
            id,
            &JobEvent::State { state, problem: problem.map(Into::into) },
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts a worker's job back among those that wait: the worker is asked to end.
    pub async fn release_job(&self, id: i64, worker: &str) -> StoreResult<()> {
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_jobs SET state = 'queued', worker = NULL, lease_ms = NULL, \
                         computed_ms = COALESCE(computed_ms, 0) + $3 - claimed_ms, claimed_ms = NULL \
                         WHERE id = $1 AND worker = $2";
        let done = sqlx::query(statement)
            .bind(id)
            .bind(worker)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() > 0 {
            add_event(
                &mut transaction,
                id,
                &JobEvent::State { state: JobState::Queued, problem: None },
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Puts jobs whose workers have died back among those that wait, or gives them up; returns
    /// their numbers.
    pub async fn recover_jobs(&self) -> StoreResult<Vec<i64>> {
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        let rows = sqlx::query_as(crashed_jobs!("lease_ms < $1"))
            .bind(now)
            .bind(MOST_CRASHES)
            .bind(GIVEN_UP)
            .fetch_all(&mut *transaction)
            .await?;
        let jobs = tell_of_crashes(&mut transaction, rows).await?;
        transaction.commit().await?;
        Ok(jobs)
    }

    /// The same of one job, whose worker lives but can't compute any more.
    pub async fn abandon_job(&self, id: i64, worker: &str) -> StoreResult<()> {
        let now = self.clock_ms().await?;
        let mut transaction = self.pool.begin().await?;
        let rows = sqlx::query_as(crashed_jobs!("id = $4 AND worker = $5"))
            .bind(now)
            .bind(MOST_CRASHES)
            .bind(GIVEN_UP)
            .bind(id)
            .bind(worker)
            .fetch_all(&mut *transaction)
            .await?;
        tell_of_crashes(&mut transaction, rows).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Numbers over all jobs.
    pub async fn totals(&self) -> StoreResult<Totals> {
        let states: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM lab_jobs GROUP BY state")
                .fetch_all(&self.pool)
                .await?;
        let (oldest_waiting_ms,): (Option<i64>,) =
            sqlx::query_as("SELECT MIN(created_ms) FROM lab_jobs WHERE state = 'queued'")
                .fetch_one(&self.pool)
                .await?;
        let statement = "SELECT kind, COUNT(*), CAST(SUM(COALESCE(computed_ms, 0)) AS BIGINT) \
                         FROM lab_counted_jobs WHERE finished_ms IS NOT NULL GROUP BY kind";
        let ended: Vec<(String, i64, i64)> =
            sqlx::query_as(statement).fetch_all(&self.pool).await?;
        let (crashes,): (i64,) = sqlx::query_as(
            "SELECT CAST(COALESCE(SUM(crashes), 0) AS BIGINT) FROM lab_counted_jobs",
        )
        .fetch_one(&self.pool)
        .await?;
        let state = |(name, count): (String, i64)| Ok((named("a job's state", &name)?, count));
        let kind =
            |(name, count, ms): (String, i64, i64)| Ok((named("a job's kind", &name)?, count, ms));
        Ok(Totals {
            states: states.into_iter().map(state).collect::<StoreResult<_>>()?,
            oldest_waiting_ms,
            ended: ended.into_iter().map(kind).collect::<StoreResult<_>>()?,
            crashes,
        })
    }
}

/// Tells of jobs whose workers died; returns their numbers.
async fn tell_of_crashes(
    connection: &mut AnyConnection,
    rows: Vec<(i64, String, Option<String>)>,
) -> StoreResult<Vec<i64>> {
    let mut jobs = Vec::with_capacity(rows.len());
    for (id, state, problem) in rows {
        let state: JobState = named("a job's state", &state)?;
        if state.is_final() {
            forget_progress(connection, id).await?;
            forget_parts(connection, id).await?;
        }
        add_event(connection, id, &JobEvent::State { state, problem }).await?;
        jobs.push(id);
    }
    Ok(jobs)
}

/// Bytes that a person's jobs which wait or run are taken to store.
async fn bytes_to_come(connection: &mut AnyConnection, owner: i64) -> StoreResult<i64> {
    let statement = "SELECT CAST(COALESCE(SUM(stored_bytes), 0) AS BIGINT) FROM lab_jobs \
                     WHERE owner_id = $1 AND state IN ('queued', 'running')";
    let (bytes,): (i64,) = sqlx::query_as(statement).bind(owner).fetch_one(connection).await?;
    Ok(bytes)
}

async fn count_open(connection: &mut AnyConnection, owner: i64) -> StoreResult<i64> {
    let statement = "SELECT COUNT(*) FROM lab_jobs \
                     WHERE owner_id = $1 AND state IN ('queued', 'running')";
    let (open,): (i64,) = sqlx::query_as(statement).bind(owner).fetch_one(connection).await?;
    Ok(open)
}

#[cfg(test)]
mod tests {
    use rrlab_protocol::UserRole;
    use serde_json::json;

    use super::*;
    use crate::store::StateOf;

    impl<'a> NewJob<'a> {
        /// One of which nothing is known.
        pub fn new(request: &'a JobRequest) -> Self {
            const NONE: &JobNeeds = &JobNeeds { dataset: None, program: None };
            Self { request, needs: NONE, cost: None }
        }
    }

    impl JobLimits {
        /// As good as none.
        pub const NONE: Self = Self { open: 1000, device_seconds: None, stored_bytes: None };
    }
    use crate::store::sqlite_address;

    /// Workers that die under a job count from the last state that it was saved in; the same state
    /// saved again is none.
    #[tokio::test]
    async fn a_job_that_comes_on_is_not_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&sqlite_address(&folder.path().join("lab.sqlite"))).await.unwrap();
        let owner = store.add_person("ann", UserRole::Student, None).await.unwrap().unwrap();
        let request = json!({ "kind": "train", "dataset": "shapes10" });
        let request: JobRequest = serde_json::from_value(request).unwrap();
        let added = store.add_job(owner.id, NewJob::new(&request), JobLimits::NONE).await.unwrap();
        let AddJobOutcome::Job(job) = added else { panic!("{added:?}") };
        let saved = [None, Some("a"), Some("b"), Some("b"), Some("b"), None];
        for (attempt, hash) in saved.into_iter().enumerate() {
            let claim = store.claim_job(job, "worker", "cpu", 60_000).await.unwrap();
            assert_eq!(claim.expect("it waits").crashes, attempt as i64);
            if let Some(hash) = hash {
                store.save_checkpoint(job, "worker", hash).await.unwrap();
            }
            store.abandon_job(job, "another").await.unwrap();
            store.abandon_job(job, "worker").await.unwrap();
            let state = store.job(job, None).await.unwrap().unwrap().state;
            // Three after "b" was saved for the first time.
            let expected = if attempt < 4 { JobState::Queued } else { JobState::Failed };
            assert_eq!(state, expected, "attempt {attempt}");
            if state == JobState::Failed {
                assert!(
                    !store.is_checkpoint_needed(StateOf::job(job), "b").await.unwrap(),
                    "nobody goes on"
                );
                break;
            }
            let saved = hash.is_some();
            assert!(
                !saved
                    || store.is_checkpoint_needed(StateOf::job(job), hash.unwrap()).await.unwrap()
            );
        }
    }
}
