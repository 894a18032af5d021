//! Jobs that several workers compute: the one that has such a job offers its parts, a sweep's entries or
//! the runs of fine-tuning, and others take some.
//!
//! A part is the same whoever computes it, so nothing is lost but time where two do.

use std::time::Duration;

use rrlab_protocol::JobRequest;
use sqlx::AnyConnection;

use super::artifacts::{NewArtifact, enter_result};
use super::database::{Store, StoreError, StoreResult, from_json};
use super::needs::{JobNeeds, NeedsRow};

/// What states are of, each under its hash in the object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateOf {
    /// The job's number.
    pub job: i64,
    /// Place of the part that a helper computes; none of the job as a whole.
    pub place: Option<usize>,
}

impl StateOf {
    /// Of a job.
    pub fn job(job: i64) -> Self {
        Self { job, place: None }
    }

    /// Of a part of a job.
    pub fn part(job: i64, place: usize) -> Self {
        Self { job, place: Some(place) }
    }
}

/// A running job whose worker would have others help.
#[derive(Debug, Clone)]
pub struct HelpWanted {
    /// Number of the job.
    pub job: i64,
    /// What was asked for.
    pub request: JobRequest,
    /// What it needs of whoever helps.
    pub needs: JobNeeds,
    /// The job's report without parts (JSON), as its worker has it.
    pub offer: String,
}

#[derive(sqlx::FromRow)]
struct WantedRow {
    id: i64,
    request: String,
    offer: String,
    #[sqlx(flatten)]
    needs: NeedsRow,
}

/// Who takes a part.
#[derive(Debug, Clone, Copy)]
pub struct PartTaker<'a> {
    /// Number of the job.
    pub job: i64,
    /// The worker.
    pub worker: &'a str,
    /// For how long it is a helper's, which renews that; nothing for whoever has the job itself.
    pub lease_ms: Option<i64>,
}

/// A part that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPart {
    /// Its place in the plan's order.
    pub place: usize,
    /// Hash of the state that whoever had it before left.
    pub checkpoint: Option<String>,
}

/// What is known of one part, without the part itself: all are looked at again and again.
#[derive(sqlx::FromRow)]
struct PartRow {
    place: i64,
    lease_ms: Option<i64>,
    /// 1 where it has come.
    is_done: i64,
    /// 1 where whoever had it left it.
    is_left: i64,
}

impl Store {
    /// Offers the open parts of a job that a worker computes, of so many in all. What was computed for
    /// the same offer stays; what its worker's predecessors had taken themselves is open again.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where the job is no longer this worker's.
    pub async fn offer_parts(
        &self,
        (job, worker): (i64, &str),
        offer: &str,
        open: &[usize],
        all: usize,
    ) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        let before: Option<(Option<String>,)> = sqlx::query_as(
            "UPDATE lab_jobs SET worker = worker WHERE id = $1 AND worker = $2 RETURNING offer",
        )
        .bind(job)
        .bind(worker)
        .fetch_optional(&mut *transaction)
        .await?;
        let (before,) = before.ok_or(StoreError::LostJob)?;
        let stale = if before.as_deref() == Some(offer) {
            "UPDATE lab_parts SET worker = '' WHERE job_id = $1 AND entry IS NULL AND lease_ms IS NULL"
        } else {
            "DELETE FROM lab_parts WHERE job_id = $1"
        };
        sqlx::query(stale).bind(job).execute(&mut *transaction).await?;
        let done = "INSERT INTO lab_parts (job_id, place, worker) VALUES ($1, $2, $3) \
                    ON CONFLICT (job_id, place) DO UPDATE SET worker = excluded.worker, lease_ms = NULL";
        for place in (0..all).filter(|place| !open.contains(place)) {
            sqlx::query(done)
                .bind(job)
                .bind(place as i64)
                .bind(worker)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("UPDATE lab_jobs SET offer = $2 WHERE id = $1")
            .bind(job)
            .bind(offer)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Running jobs on such a device whose workers would have help, the oldest first.
    pub async fn help_wanted(&self, device: &str) -> StoreResult<Vec<HelpWanted>> {
        let statement = "SELECT id, request, offer, dataset, dataset_hash, program FROM lab_jobs \
                         WHERE state = 'running' AND cancel = 0 AND offer IS NOT NULL AND device = $1 ORDER BY id";
        let rows: Vec<WantedRow> =
            sqlx::query_as(statement).bind(device).fetch_all(&self.pool).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The first part at these places that has come from another (JSON).
    pub async fn ready_part(&self, job: i64, open: &[usize]) -> StoreResult<Option<String>> {
        let rows = part_rows(&mut *self.pool.acquire().await?, job).await?;
        let is_ready =
            |place: &&usize| rows.iter().any(|row| row.is_done != 0 && row.place == **place as i64);
        let Some(&place) = open.iter().find(is_ready) else { return Ok(None) };
        let statement = "SELECT entry FROM lab_parts WHERE job_id = $1 AND place = $2";
        let (entry,): (String,) =
            sqlx::query_as(statement).bind(job).bind(place as i64).fetch_one(&self.pool).await?;
        Ok(Some(entry))
    }

    /// Takes the first of these places that is free; `None` where none is, and for a helper where the job
    /// does not run any more or offers something else.
    ///
    /// # Errors
    /// [`StoreError::LostJob`] where whoever has the job asks, and has it no longer.
    pub async fn take_part(
        &self,
        taker: PartTaker<'_>,
        offer: &str,
        open: &[usize],
    ) -> StoreResult<Option<TakenPart>> {
        // Idle workers ask again and again: nothing is written where nothing is free.
        let rows = part_rows(&mut *self.pool.acquire().await?, taker.job).await?;
        if taker.first_free(&rows, open, self.clock_ms().await?).is_none() {
            return Ok(None);
        }
        let mut transaction = self.pool.begin().await?;
        if !lock_offer(&mut transaction, taker, offer).await? {
            return match taker.lease_ms {
                Some(_) => Ok(None),
                None => Err(StoreError::LostJob),
            };
        }
        let (rows, now) = (part_rows(&mut transaction, taker.job).await?, self.clock_ms().await?);
        let Some(place) = taker.first_free(&rows, open, now) else { return Ok(None) };
        let statement = "INSERT INTO lab_parts (job_id, place, worker, lease_ms) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (job_id, place) DO UPDATE \
                         SET worker = excluded.worker, lease_ms = excluded.lease_ms RETURNING checkpoint";
        let (checkpoint,): (Option<String>,) = sqlx::query_as(statement)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .bind(taker.lease_ms.map(|lease| now + lease))
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(TakenPart { place, checkpoint }))
    }

    /// Notes the hash of a state that the part which a helper computes can go on from, and tells that of the
    /// state before, if any; `None` where the part is the helper's no longer.
    pub async fn save_part(
        &self,
        taker: PartTaker<'_>,
        place: usize,
        hash: &str,
    ) -> StoreResult<Option<Option<String>>> {
        let mut transaction = self.pool.begin().await?;
        let own = "UPDATE lab_parts SET worker = worker WHERE job_id = $1 AND place = $2 AND worker = $3 \
                   AND entry IS NULL RETURNING checkpoint";
        let before: Option<(Option<String>,)> = sqlx::query_as(own)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some((before,)) = before else { return Ok(None) };
        sqlx::query("UPDATE lab_parts SET checkpoint = $3 WHERE job_id = $1 AND place = $2")
            .bind(taker.job)
            .bind(place as i64)
            .bind(hash)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(before))
    }

    /// A helper is still at it, and is to go on: whether the job still runs and the part is its own.
    pub async fn renew_part(&self, taker: PartTaker<'_>, place: usize) -> StoreResult<bool> {
        let statement = "UPDATE lab_parts SET lease_ms = $4 WHERE job_id = $1 AND place = $2 AND worker = $3 \
                         AND EXISTS (SELECT 1 FROM lab_jobs j WHERE j.id = $1 AND j.state = 'running' AND j.cancel = 0)";
        let renewed = sqlx::query(statement)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .bind(self.clock_ms().await? + taker.lease_ms.unwrap_or_default())
            .execute(&self.pool)
            .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Hands in a part that a helper has computed in this time, which its owner has had, with the network
    /// that came out of it; whether the part was still the helper's.
    pub async fn hand_in_part(
        &self,
        taker: PartTaker<'_>,
        place: usize,
        entry: &str,
        result: Option<NewArtifact<'_>>,
        took: Duration,
    ) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        // In the order of all others: first the job, then its parts.
        let owner = add_help(&mut transaction, taker.job, took).await?;
        let Some(owner) = owner else { return Ok(false) };
        let statement = "UPDATE lab_parts SET entry = $4 \
                         WHERE job_id = $1 AND place = $2 AND worker = $3 AND entry IS NULL";
        let done = sqlx::query(statement)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .bind(entry)
            .execute(&mut *transaction)
            .await?;
        let is_helpers = done.rows_affected() > 0;
        if let Some(result) = result.filter(|_| is_helpers) {
            enter_result(&mut transaction, (taker.job, owner), result).await?;
        }
        transaction.commit().await?;
        Ok(is_helpers)
    }

    /// Whether a job or a part of it can go on from the state of this hash.
    pub async fn is_checkpoint_needed(&self, of: StateOf, hash: &str) -> StoreResult<bool> {
        let statement = "SELECT 1 FROM lab_jobs WHERE id = $1 AND checkpoint = $2 AND $3 < 0 UNION ALL \
                         SELECT 1 FROM lab_parts WHERE job_id = $1 AND checkpoint = $2 AND place = $3 AND entry IS NULL";
        let place = of.place.map_or(-1, |place| place as i64);
        let needed = sqlx::query(statement).bind(of.job).bind(hash).bind(place);
        Ok(needed.fetch_optional(&self.pool).await?.is_some())
    }

    /// A helper leaves a part to others, with its last state, after so long, which its owner has had.
    pub async fn leave_part(
        &self,
        taker: PartTaker<'_>,
        place: usize,
        took: Duration,
    ) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        add_help(&mut transaction, taker.job, took).await?;
        let statement = "UPDATE lab_parts SET worker = '', lease_ms = NULL \
                         WHERE job_id = $1 AND place = $2 AND worker = $3 AND entry IS NULL";
        sqlx::query(statement)
            .bind(taker.job)
            .bind(place as i64)
            .bind(taker.worker)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

impl PartTaker<'_> {
    /// The first of these places that this one may take. Whoever has the job also takes what a helper has
    /// fallen silent over, so that an entry which ends workers ends one helper, not all; and what it, or
    /// one before it, had taken: it asks for what it does not have.
    fn first_free(&self, rows: &[PartRow], open: &[usize], now: i64) -> Option<usize> {
        let has_job = self.lease_ms.is_none();
        let is_free = |place: usize| match rows.iter().find(|row| row.place == place as i64) {
            None => true,
            Some(row) if row.is_left != 0 => true,
            Some(row) => has_job && row.is_done == 0 && row.lease_ms.is_none_or(|end| end < now),
        };
        open.iter().copied().find(|place| is_free(*place))
    }
}

impl TryFrom<WantedRow> for HelpWanted {
    type Error = StoreError;

    fn try_from(row: WantedRow) -> StoreResult<Self> {
        Ok(Self {
            job: row.id,
            request: from_json("a job's request", &row.request)?,
            needs: row.needs.into(),
            offer: row.offer,
        })
    }
}

async fn part_rows(connection: &mut AnyConnection, job: i64) -> StoreResult<Vec<PartRow>> {
    let statement = "SELECT place, lease_ms, \
                     CAST(CASE WHEN entry IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_done, \
                     CAST(CASE WHEN worker = '' THEN 1 ELSE 0 END AS BIGINT) AS is_left \
                     FROM lab_parts WHERE job_id = $1";
    Ok(sqlx::query_as(statement).bind(job).fetch_all(connection).await?)
}

/// Locks a job to the end of the transaction, since one after the other takes its parts; whether it
/// still offers them, to a helper, or is still the taker's.
async fn lock_offer(
    connection: &mut AnyConnection,
    taker: PartTaker<'_>,
    offer: &str,
) -> StoreResult<bool> {
    let (statement, that) = match taker.lease_ms {
        Some(_) => (
            "UPDATE lab_jobs SET offer = offer \
             WHERE id = $1 AND state = 'running' AND cancel = 0 AND offer = $2",
            offer,
        ),
        None => ("UPDATE lab_jobs SET offer = offer WHERE id = $1 AND worker = $2", taker.worker),
    };
    let locked = sqlx::query(statement).bind(taker.job).bind(that).execute(connection).await?;
    Ok(locked.rows_affected() > 0)
}

/// Counts time of a helper's; whose job it was for, where that is still there.
async fn add_help(
    connection: &mut AnyConnection,
    job: i64,
    took: Duration,
) -> StoreResult<Option<i64>> {
    let statement =
        "UPDATE lab_jobs SET helped_ms = helped_ms + $2 WHERE id = $1 RETURNING owner_id";
    let owner: Option<(i64,)> = sqlx::query_as(statement)
        .bind(job)
        .bind(i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
        .fetch_optional(connection)
        .await?;
    Ok(owner.map(|(owner,)| owner))
}

/// Forgets what was offered and done of a job that has ended.
pub(super) async fn forget_parts(connection: &mut AnyConnection, job: i64) -> StoreResult<()> {
    let statement = sqlx::query("UPDATE lab_jobs SET offer = NULL WHERE id = $1");
    statement.bind(job).execute(&mut *connection).await?;
    let statement = sqlx::query("DELETE FROM lab_parts WHERE job_id = $1");
    statement.bind(job).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rrlab_protocol::UserRole;
    use serde_json::json;

    use super::*;
    use crate::store::{AddJobOutcome, JobLimits, NewJob, sqlite_address};

    const OFFER: &str = "offer";

    fn parent(job: i64, worker: &str) -> PartTaker<'_> {
        PartTaker { job, worker, lease_ms: None }
    }

    fn helper(job: i64, lease_ms: i64) -> PartTaker<'static> {
        PartTaker { job, worker: "helper", lease_ms: Some(lease_ms) }
    }

    /// A database with a job that a worker has.
    async fn running(folder: &std::path::Path) -> (Store, i64) {
        let store = Store::open(&sqlite_address(&folder.join("lab.sqlite"))).await.unwrap();
        let owner = store.add_person("ann", UserRole::Student, None).await.unwrap().unwrap();
        let request = json!({ "kind": "train", "dataset": "shapes10" });
        let request: JobRequest = serde_json::from_value(request).unwrap();
        let added = store.add_job(owner.id, NewJob::new(&request), JobLimits::NONE).await.unwrap();
        let AddJobOutcome::Job(job) = added else { panic!("{added:?}") };
        store.claim_job(job, "first", "cpu", 60_000).await.unwrap().expect("it waits");
        (store, job)
    }

    #[tokio::test]
    async fn what_nobody_computes_is_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let (store, job) = running(folder.path()).await;
        assert!(store.help_wanted("cpu").await.unwrap().is_empty());
        // The first of four is done already.
        let open = [1, 2, 3];
        store.offer_parts((job, "first"), OFFER, &open, 4).await.unwrap();
        assert_eq!(store.help_wanted("cpu").await.unwrap().len(), 1);
        assert!(store.help_wanted("gpu").await.unwrap().is_empty());
        let take = async |taker, open: &[usize]| {
            let taken = store.take_part(taker, OFFER, open).await?;
            StoreResult::Ok(taken.map(|taken| taken.place))
        };
        assert_eq!(take(parent(job, "first"), &open).await.unwrap(), Some(1));
        // Once more, where it did not hear the answer.
        assert_eq!(take(parent(job, "first"), &[1]).await.unwrap(), Some(1));
        assert_eq!(take(helper(job, -1), &[0, 1, 2, 3]).await.unwrap(), Some(2));
        // Its helper is silent: what ends workers ends no other helper, and whoever has the job goes on.
        assert_eq!(take(helper(job, 60_000), &[2]).await.unwrap(), None);
        assert_eq!(take(parent(job, "first"), &[2]).await.unwrap(), Some(2));
        assert_eq!(take(helper(job, 60_000), &[3]).await.unwrap(), Some(3));
        assert_eq!(take(parent(job, "first"), &[3]).await.unwrap(), None, "a helper is at it");
        assert_eq!(store.take_part(helper(job, 1), "another", &open).await.unwrap(), None);
        // Another worker has the job now: the first takes nothing any more.
        store.abandon_job(job, "first").await.unwrap();
        store.claim_job(job, "second", "cpu", 60_000).await.unwrap().expect("it waits");
        let late = take(parent(job, "first"), &[1]).await;
        assert!(matches!(late, Err(StoreError::LostJob)), "{late:?}");
        store.offer_parts((job, "second"), OFFER, &open, 4).await.unwrap();
        assert_eq!(take(helper(job, 60_000), &[1, 2]).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn a_part_goes_on_from_the_state_that_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let (store, job) = running(folder.path()).await;
        store.offer_parts((job, "first"), OFFER, &[0, 1], 2).await.unwrap();
        let of = StateOf::part(job, 0);
        let taken = async |taker| store.take_part(taker, OFFER, &[0]).await.unwrap();
        let with = |checkpoint: Option<&str>| {
            Some(TakenPart { place: 0, checkpoint: checkpoint.map(Into::into) })
        };
        assert_eq!(taken(helper(job, 60_000)).await, with(None));
        let save = async |taker, hash| store.save_part(taker, 0, hash).await.unwrap();
        assert_eq!(save(helper(job, 60_000), "aa").await, Some(None));
        assert_eq!(save(parent(job, "another"), "bb").await, None, "not its own");
        assert!(store.is_checkpoint_needed(of, "aa").await.unwrap());
        assert!(!store.is_checkpoint_needed(StateOf::part(job, 1), "aa").await.unwrap());
        assert!(!store.is_checkpoint_needed(StateOf::job(job), "aa").await.unwrap());
        // It is left: any other goes on, and so does whoever has the job where that one falls silent.
        store.leave_part(helper(job, 60_000), 0, Duration::from_secs(3)).await.unwrap();
        assert!(store.people().await.unwrap()[0].device_seconds > 3.0, "they are its owner's");
        let other = PartTaker { worker: "other", ..helper(job, -1) };
        assert_eq!(taken(other).await, with(Some("aa")));
        assert_eq!(save(other, "cc").await, Some(Some("aa".into())));
        assert!(!store.is_checkpoint_needed(of, "aa").await.unwrap(), "there is a later one");
        assert_eq!(taken(helper(job, 60_000)).await, None);
        assert_eq!(taken(parent(job, "first")).await, with(Some("cc")));
        // Whoever has the job next finds it, and nobody takes what is done.
        store.abandon_job(job, "first").await.unwrap();
        store.claim_job(job, "second", "cpu", 60_000).await.unwrap().expect("it waits");
        store.offer_parts((job, "second"), OFFER, &[0], 2).await.unwrap();
        let first = store.take_part(helper(job, 60_000), OFFER, &[1, 0]).await.unwrap();
        assert_eq!(first, with(Some("cc")));
        // On another device none of it counts.
        store.abandon_job(job, "second").await.unwrap();
        store.claim_job(job, "third", "gpu", 60_000).await.unwrap().expect("it waits");
        assert!(!store.renew_part(helper(job, 60_000), 0).await.unwrap());
        assert_eq!(save(helper(job, 60_000), "dd").await, None);
    }

    #[tokio::test]
    async fn an_entry_counts_for_the_offer_that_it_was_computed_for() {
        let folder = tempfile::tempdir().unwrap();
        let (store, job) = running(folder.path()).await;
        store.offer_parts((job, "first"), OFFER, &[0, 1], 2).await.unwrap();
        let entry = r#"{"kept": 1}"#;
        let taker = helper(job, 60_000);
        let hand_in = async |place| {
            let took = Duration::from_millis(40);
            store.hand_in_part(taker, place, entry, None, took).await.unwrap()
        };
        assert!(!hand_in(0).await, "it was not taken");
        assert_eq!(store.take_part(taker, OFFER, &[0, 1]).await.unwrap().unwrap().place, 0);
        assert!(hand_in(0).await);
        assert!(!hand_in(0).await, "once");
        assert_eq!(store.ready_part(job, &[0, 1]).await.unwrap().as_deref(), Some(entry));
        assert_eq!(store.ready_part(job, &[1]).await.unwrap(), None);
        // The same again, as after a restart, keeps it; another begins anew.
        store.offer_parts((job, "first"), OFFER, &[0, 1], 2).await.unwrap();
        assert_eq!(store.ready_part(job, &[0]).await.unwrap().as_deref(), Some(entry));
        assert_eq!(store.take_part(taker, OFFER, &[1]).await.unwrap().unwrap().place, 1);
        store.offer_parts((job, "first"), "another", &[0, 1], 2).await.unwrap();
        assert_eq!(store.ready_part(job, &[0]).await.unwrap(), None);
        assert!(!hand_in(1).await, "of the offer before");
        assert!(!store.renew_part(taker, 1).await.unwrap());
        let person = &store.people().await.unwrap()[0];
        assert!(person.device_seconds > 0.15, "each attempt is time: {person:?}");
    }
}
