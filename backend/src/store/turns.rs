//! Whose turn it is: jobs that wait start in an order that is fair between people.
//!
//! A job's place is the device time that its owner has had in the last day and that their jobs before
//! it are likely to take; the lowest starts next. So who has had least is next, until they have had as
//! much as others; of one person the oldest job; and people who have had alike take turns, however many
//! jobs each has asked for.

use std::collections::BTreeMap;

use rrlab_protocol::{JobKind, JobProgress, JobState};
use sqlx::AnyConnection;

use super::able::AbleWorkers;
use super::database::{DAY_MS, Store, StoreResult, from_json};
use super::needs::{JobNeeds, NeedsRow};
use super::workers::LiveWorker;

/// Device time before this long ago is forgotten.
const MEMORY_MS: i64 = DAY_MS;
/// Jobs of a kind whose durations tell how long one is likely to take.
const LATEST: i64 = 20;
/// What a job is taken to last where nothing tells.
const UNKNOWN_SECONDS: f64 = 60.0;

/// A job that waits or runs.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenJob {
    pub id: i64,
    owner: i64,
    /// The worker that computes it, where it runs.
    pub worker: Option<String>,
    /// Seconds that it still takes, where anything tells.
    pub seconds: Option<f64>,
    /// What its worker must have.
    pub needs: JobNeeds,
}

/// Jobs that wait, in the order in which they start, and those that run.
pub struct Turns {
    pub waiting: Vec<OpenJob>,
    pub running: Vec<OpenJob>,
    /// The workers that are alive; none is asked for where nothing waits.
    pub workers: Vec<LiveWorker>,
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    id: i64,
    owner_id: i64,
    worker: Option<String>,
    kind: String,
    state: String,
    claimed_ms: Option<i64>,
    progress: Option<String>,
    work: Option<f64>,
    #[sqlx(flatten)]
    needs: NeedsRow,
}

/// How long jobs of a kind took lately.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    /// Mean seconds.
    seconds: f64,
    /// Seconds for each multiply-accumulate, where that is known of any.
    of_work: Option<f64>,
    /// How many times as much it was with the time of helpers.
    with_help: f64,
}

/// The latest jobs of a kind, added up: milliseconds, how many, and those of known work with that.
#[derive(sqlx::FromRow)]
struct UsualRow {
    kind: String,
    computed: i64,
    helped: i64,
    jobs: i64,
    worked: i64,
    work: f64,
}

impl From<UsualRow> for Usual {
    fn from(row: UsualRow) -> Self {
        let computed = row.computed as f64;
        Self {
            seconds: computed / 1000.0 / row.jobs as f64,
            of_work: (row.work > 0.0).then(|| row.worked as f64 / 1000.0 / row.work),
            with_help: if row.computed > 0 { 1.0 + row.helped as f64 / computed } else { 1.0 },
        }
    }
}

impl Usual {
    fn seconds(&self, work: Option<f64>) -> f64 {
        work.zip(self.of_work).map_or(self.seconds, |(work, seconds)| work * seconds)
    }

    /// Of all devices together.
    fn device_seconds(&self, work: Option<f64>) -> f64 {
        self.seconds(work) * self.with_help
    }
}

impl OpenRow {
    fn is_running(&self) -> bool {
        self.state == JobState::Running.name()
    }

    fn job(self, usual: &BTreeMap<String, Usual>, now: i64) -> OpenJob {
        // What another version wrote tells nothing, and must not keep others from their turns.
        let progress: Option<JobProgress> =
            self.progress.as_deref().and_then(|text| from_json("a job's progress", text).ok());
        let elapsed = self.claimed_ms.map_or(0.0, |claimed| (now - claimed) as f64 / 1000.0);
        let usual = usual.get(&self.kind).map(|usual| usual.seconds(self.work));
        let seconds = if self.is_running() {
            let told = progress.and_then(|progress| progress.seconds_left);
            told.or(usual.map(|usual| (usual - elapsed).max(0.0)))
        } else {
            usual
        };
        let Self { id, owner_id: owner, worker, .. } = self;
        OpenJob { id, owner, worker, seconds, needs: self.needs.into() }
    }
}

macro_rules! select_open {
    ($rest:literal) => {
        concat!(
            "SELECT id, owner_id, worker, kind, state, claimed_ms, progress, dataset, dataset_hash, program, work \
             FROM lab_jobs WHERE state IN ('queued', 'running') ",
            $rest
        )
    };
}

impl Store {
    /// Every job that waits and, where any does, every job that runs.
    pub async fn turns(&self) -> StoreResult<Turns> {
        let rows: Vec<OpenRow> =
            sqlx::query_as(select_open!("ORDER BY id")).fetch_all(&self.pool).await?;
        let (running, waiting): (Vec<OpenRow>, Vec<OpenRow>) =
            rows.into_iter().partition(OpenRow::is_running);
        if waiting.is_empty() {
            return Ok(Turns { waiting: Vec::new(), running: Vec::new(), workers: Vec::new() });
        }
        let now = self.clock_ms().await?;
        let mut connection = self.pool.acquire().await?;
        let usual = usual_seconds(&mut connection).await?;
        let had = device_seconds(&mut connection, now).await?;
        drop(connection);
        let jobs = |rows: Vec<OpenRow>| -> Vec<OpenJob> {
            rows.into_iter().map(|row| row.job(&usual, now)).collect()
        };
        let (running, waiting, workers) = (jobs(running), jobs(waiting), self.workers().await?);
        let able = AbleWorkers::of(&workers, waiting.iter().map(|job| &job.needs));
        let is_stranded = |job: &OpenJob| able.waits_for(&job.needs).is_some();
        let stranded: Vec<bool> = waiting.iter().map(is_stranded).collect();
        Ok(Turns { waiting: fair_order(waiting, &stranded, &running, &had), running, workers })
    }

    /// Seconds that a person's jobs were computed that run, wait or ended in the last day, and that
    /// those which run or wait are likely to take, where anything tells.
    pub async fn device_seconds_of(&self, owner: i64) -> StoreResult<f64> {
        let now = self.clock_ms().await?;
        device_seconds_of(&mut *self.pool.acquire().await?, owner, now).await
    }

    /// Seconds that workers have computed each person's jobs that run, wait or ended lately.
    pub(super) async fn device_seconds(&self, now: i64) -> StoreResult<BTreeMap<i64, f64>> {
        device_seconds(&mut *self.pool.acquire().await?, now).await
    }
}

/// Seconds of devices that a job of this kind and work is likely to take, where anything tells.
pub(super) async fn likely_seconds(
    connection: &mut AnyConnection,
    kind: JobKind,
    work: Option<f64>,
) -> StoreResult<Option<f64>> {
    let usual = usual_seconds(connection).await?;
    Ok(usual.get(kind.name()).map(|usual| usual.device_seconds(work)))
}

/// As [`Store::device_seconds_of`].
pub(super) async fn device_seconds_of(
    connection: &mut AnyConnection,
    owner: i64,
    now: i64,
) -> StoreResult<f64> {
    let had = device_seconds(connection, now).await?;
    let usual = usual_seconds(connection).await?;
    let rows: Vec<OpenRow> =
        sqlx::query_as(select_open!("AND owner_id = $1")).bind(owner).fetch_all(connection).await?;
    let left = rows.into_iter().filter_map(|row| {
        let with_help = usual.get(&row.kind).map_or(1.0, |usual| usual.with_help);
        Some(row.job(&usual, now).seconds? * with_help)
    });
    Ok(had.get(&owner).copied().unwrap_or(0.0) + left.sum::<f64>())
}

/// How long the latest jobs took that came to their end, by kind.
async fn usual_seconds(connection: &mut AnyConnection) -> StoreResult<BTreeMap<String, Usual>> {
    let statement = "SELECT kind, CAST(SUM(computed_ms) AS BIGINT) AS computed, CAST(SUM(helped_ms) AS BIGINT) AS helped, COUNT(*) AS jobs, \
                         CAST(SUM(CASE WHEN work > 0 THEN computed_ms ELSE 0 END) AS BIGINT) AS worked, \
                         SUM(CASE WHEN work > 0 THEN work ELSE 0.0 END) AS work \
                         FROM (SELECT kind, computed_ms, helped_ms, work, \
                         ROW_NUMBER() OVER (PARTITION BY kind ORDER BY id DESC) AS age FROM lab_jobs \
                         WHERE state = 'done' AND computed_ms IS NOT NULL) latest WHERE age <= $1 GROUP BY kind";
    let rows: Vec<UsualRow> = sqlx::query_as(statement).bind(LATEST).fetch_all(connection).await?;
    let by_kind = |row: UsualRow| (row.kind.clone(), row.into());
    Ok(rows.into_iter().map(by_kind).collect())
}

async fn device_seconds(
    connection: &mut AnyConnection,
    now: i64,
) -> StoreResult<BTreeMap<i64, f64>> {
    let statement = "SELECT owner_id, CAST(SUM(COALESCE(computed_ms, 0) + COALESCE($1 - claimed_ms, 0)) AS BIGINT) \
                         FROM lab_counted_jobs WHERE owner_id IS NOT NULL \
                         AND COALESCE(finished_ms, $1) > $2 GROUP BY owner_id";
    let rows: Vec<(i64, i64)> =
        sqlx::query_as(statement).bind(now).bind(now - MEMORY_MS).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(owner, ms)| (owner, ms as f64 / 1000.0)).collect())
}

/// Waiting jobs in the order in which they start, the stranded ones, which no worker can compute now, behind
/// all others: they take nobody's time, and so nobody's turn. Both lists are in order of age; `had` is the
/// device time that each owner has had.
fn fair_order(
    waiting: Vec<OpenJob>,
    stranded: &[bool],
    running: &[OpenJob],
    had: &BTreeMap<i64, f64>,
) -> Vec<OpenJob> {
    let (mut computable, mut others) = (Vec::new(), Vec::new());
    for (job, &is_stranded) in waiting.into_iter().zip(stranded) {
        if is_stranded { others.push(job) } else { computable.push(job) }
    }
    let mut order = in_turn(computable, running, had);
    order.extend(in_turn(others, running, had));
    order
}

fn in_turn(waiting: Vec<OpenJob>, running: &[OpenJob], had: &BTreeMap<i64, f64>) -> Vec<OpenJob> {
    let mut owed = had.clone();
    let lasts = |job: &OpenJob| job.seconds.unwrap_or(UNKNOWN_SECONDS);
    for job in running {
        *owed.entry(job.owner).or_default() += lasts(job);
    }
    let mut starts = Vec::with_capacity(waiting.len());
    for job in waiting {
        let (place, seconds) = (owed.entry(job.owner).or_default(), lasts(&job));
        starts.push((*place, job));
        *place += seconds;
    }
    // Stable: what has the same place starts by age.
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    starts.into_iter().map(|(_, job)| job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: i64, owner: i64, seconds: Option<f64>) -> OpenJob {
        OpenJob { id, owner, worker: None, seconds, needs: JobNeeds::default() }
    }

    fn order(waiting: &[OpenJob], running: &[OpenJob], had: &[(i64, f64)]) -> Vec<i64> {
        let had = had.iter().copied().collect();
        let none = vec![false; waiting.len()];
        fair_order(waiting.to_vec(), &none, running, &had).iter().map(|job| job.id).collect()
    }

    #[test]
    fn what_nobody_can_compute_takes_no_turn() {
        // Six hours that can't be computed keep none of the same person's other jobs back.
        let jobs = [job(1, 7, Some(20_000.0)), job(2, 8, Some(60.0)), job(3, 7, Some(60.0))];
        let jobs = [&jobs[..], &[job(4, 8, Some(60.0))]].concat();
        let order = |stranded: [bool; 4]| -> Vec<i64> {
            let order = fair_order(jobs.clone(), &stranded, &[], &BTreeMap::new());
            order.iter().map(|job| job.id).collect()
        };
        assert_eq!(order([false; 4]), [1, 2, 4, 3]);
        assert_eq!(order([true, false, false, false]), [2, 3, 4, 1]);
        assert_eq!(order([true; 4]), [1, 2, 4, 3], "among themselves as ever");
    }

    #[test]
    fn one_persons_jobs_start_by_age_whatever_they_take() {
        let jobs = [job(1, 7, Some(900.0)), job(2, 7, None), job(3, 7, Some(1.0))];
        assert_eq!(order(&jobs, &[], &[(7, 50.0)]), [1, 2, 3]);
    }

    #[test]
    fn people_who_have_had_alike_take_turns() {
        let jobs: Vec<OpenJob> = (1..=5).map(|id| job(id, 7, Some(60.0))).collect();
        let late = [jobs, vec![job(6, 8, Some(60.0)), job(7, 8, Some(60.0))]].concat();
        assert_eq!(order(&late, &[], &[]), [1, 6, 2, 7, 3, 4, 5]);
    }

    #[test]
    fn device_time_counts_not_jobs() {
        // Three quick ones fit into what one long one takes.
        let jobs = [job(1, 7, Some(600.0)), job(2, 7, Some(600.0)), job(3, 8, Some(200.0))];
        let jobs = [&jobs[..], &[job(4, 8, Some(200.0)), job(5, 8, Some(200.0))]].concat();
        assert_eq!(order(&jobs, &[], &[]), [1, 3, 4, 5, 2]);
        // What runs counts, and what was had before.
        let running = [job(9, 8, Some(700.0))];
        assert_eq!(order(&jobs, &running, &[]), [1, 2, 3, 4, 5]);
        assert_eq!(order(&jobs, &[], &[(7, 1000.0)]), [3, 4, 5, 1, 2]);
    }
}
