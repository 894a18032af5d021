//! What is stored: names, owners and hashes; the bytes are in the object store.

use std::str::FromStr;

use rrlab_protocol::{Artifact, ArtifactKind, AuditAction, JobEvent};
use sqlx::AnyConnection;

use super::audit::note_if_anothers;
use super::database::{Store, StoreError, StoreResult, named, now_ms};
use super::events::add_event;
use super::people::lock_person;
use crate::facts::{ArtifactFacts, NetworkSize};

type AnyQuery<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

/// Something to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewArtifact<'a> {
    /// What its content is.
    pub kind: ArtifactKind,
    /// What it is called, for people; need not be unique.
    pub name: &'a str,
    /// SHA-256 of its content, as the object store names it.
    pub hash: &'a str,
    /// Size of its content.
    pub bytes: usize,
    /// What is known of it.
    pub facts: ArtifactFacts,
}

#[derive(sqlx::FromRow)]
pub(super) struct ArtifactRow {
    id: i64,
    kind: String,
    name: String,
    hash: String,
    bytes: i64,
    owner: String,
    job_id: Option<i64>,
    created_ms: i64,
    model_hash: Option<String>,
    profile_hash: Option<String>,
}

impl TryFrom<ArtifactRow> for Artifact {
    type Error = StoreError;

    fn try_from(row: ArtifactRow) -> StoreResult<Self> {
        Ok(Self {
            id: row.id,
            kind: named("a kind of artifact", &row.kind)?,
            name: row.name,
            hash: row.hash,
            bytes: row.bytes,
            owner: row.owner,
            job: row.job_id,
            created_ms: row.created_ms,
            model_hash: hash_from("a network's hash", row.model_hash)?,
            profile_hash: hash_from("a profile's hash", row.profile_hash)?,
        })
    }
}

/// What is known of the size of an artifact's work.
#[derive(sqlx::FromRow)]
struct WorkRow {
    macs: Option<i64>,
    parameters: Option<i64>,
    widest: Option<i64>,
    activations: Option<i64>,
    moments: Option<i64>,
    training_images: Option<i64>,
}

impl From<WorkRow> for ArtifactFacts {
    fn from(row: WorkRow) -> Self {
        let size = || {
            Some(NetworkSize {
                macs: row.macs?.unsigned_abs(),
                parameters: row.parameters?.unsigned_abs(),
                widest: row.widest?.unsigned_abs(),
                activations: row.activations?.unsigned_abs(),
                moments: row.moments?.unsigned_abs(),
            })
        };
        let training_images = row.training_images.map(i64::unsigned_abs);
        Self { size: size(), training_images, ..Self::default() }
    }
}

macro_rules! update_facts {
    ($which:literal) => {
        concat!(
            "UPDATE lab_artifacts SET model_hash = $1, profile_hash = $2, macs = $3, parameters = $4, \
             widest = $5, activations = $6, moments = $7, training_images = $8 ",
            $which
        )
    };
}

/// Binds what [`update_facts`] sets.
fn with_facts<'q>(query: AnyQuery<'q>, facts: ArtifactFacts) -> AnyQuery<'q> {
    let size = |of: fn(NetworkSize) -> u64| facts.size.map(of).map(count);
    query
        .bind(facts.model_hash.map(String::from))
        .bind(facts.profile_hash.map(String::from))
        .bind(size(|size| size.macs))
        .bind(size(|size| size.parameters))
        .bind(size(|size| size.widest))
        .bind(size(|size| size.activations))
        .bind(size(|size| size.moments))
        .bind(facts.training_images.map(count))
}

/// A count as a column holds it.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn hash_from<T: FromStr>(what: &'static str, column: Option<String>) -> StoreResult<Option<T>> {
    let Some(value) = column else { return Ok(None) };
    match value.parse() {
        Ok(hash) => Ok(Some(hash)),
        Err(_) => Err(StoreError::Content { what, value }),
    }
}

macro_rules! select_artifacts {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.kind, a.name, a.hash, a.bytes, u.name AS owner, a.job_id, \
             a.created_ms, a.model_hash, a.profile_hash FROM lab_artifacts a \
             JOIN lab_users u ON u.id = a.owner_id ",
            $rest
        )
    };
}

async fn insert(
    connection: &mut AnyConnection,
    owner: i64,
    job: Option<i64>,
    new: NewArtifact<'_>,
) -> StoreResult<Artifact> {
    let statement = "INSERT INTO lab_artifacts \
                     (owner_id, kind, name, hash, bytes, job_id, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                     ON CONFLICT (job_id, kind, name) DO UPDATE SET hash = excluded.hash, \
                     bytes = excluded.bytes RETURNING id";
    let (id,): (i64,) = sqlx::query_as(statement)
        .bind(owner)
        .bind(new.kind.name())
        .bind(new.name)
        .bind(new.hash)
        .bind(new.bytes as i64)
        .bind(job)
        .bind(now_ms())
        .fetch_one(&mut *connection)
        .await?;
    with_facts(sqlx::query(update_facts!("WHERE id = $9")), new.facts)
        .bind(id)
        .execute(&mut *connection)
        .await?;
    let row: ArtifactRow = sqlx::query_as(select_artifacts!("WHERE a.id = $1"))
        .bind(id)
        .fetch_one(&mut *connection)
        .await?;
    row.try_into()
}

/// Enters what somebody's job made, and tells of it.
pub(super) async fn enter_result(
    connection: &mut AnyConnection,
    (job, owner): (i64, i64),
    new: NewArtifact<'_>,
) -> StoreResult<Artifact> {
    let artifact = insert(connection, owner, Some(job), new).await?;
    add_event(connection, job, &JobEvent::Result(artifact.clone())).await?;
    Ok(artifact)
}

impl Store {
    /// Enters something that was uploaded; `None` where its owner would have stored more than they may.
    pub async fn add_artifact(
        &self,
        owner: i64,
        new: NewArtifact<'_>,
        most_bytes: Option<i64>,
    ) -> StoreResult<Option<Artifact>> {
        let mut transaction = self.pool.begin().await?;
        lock_person(&mut transaction, owner).await?;
        let artifact = insert(&mut transaction, owner, None, new).await?;
        let stored = stored_bytes(&mut transaction, owner).await?;
        if most_bytes.is_some_and(|most| stored > most) {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(artifact))
    }

    /// Enters something that a worker's job made.
    pub async fn add_result(
        &self,
        job: i64,
        worker: &str,
        new: NewArtifact<'_>,
    ) -> StoreResult<Artifact> {
        let mut transaction = self.pool.begin().await?;
        let statement =
            "UPDATE lab_jobs SET worker = worker WHERE id = $1 AND worker = $2 RETURNING owner_id";
        let owner: Option<(i64,)> = sqlx::query_as(statement)
            .bind(job)
            .bind(worker)
            .fetch_optional(&mut *transaction)
            .await?;
        let (owner,) = owner.ok_or(StoreError::LostJob)?;
        let artifact = enter_result(&mut transaction, (job, owner), new).await?;
        transaction.commit().await?;
        Ok(artifact)
    }

    /// An artifact of this owner, or anybody's where none is named.
    pub async fn artifact(&self, id: i64, owner: Option<i64>) -> StoreResult<Option<Artifact>> {
        let row: Option<ArtifactRow> =
            sqlx::query_as(select_artifacts!("WHERE a.id = $1 AND ($2 = 0 OR a.owner_id = $2)"))
                .bind(id)
                .bind(owner.unwrap_or(0))
                .fetch_optional(&self.pool)
                .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The same of whoever sees it: its owner and who teaches them, or anybody's where none is named.
    pub async fn seen_artifact(
        &self,
        id: i64,
        viewer: Option<i64>,
    ) -> StoreResult<Option<Artifact>> {
        let statement = select_artifacts!(
            "WHERE a.id = $1 AND ($2 = 0 OR a.owner_id = $2 \
             OR a.owner_id IN (SELECT owner_id FROM lab_sight WHERE viewer_id = $2))"
        );
        let row: Option<ArtifactRow> = sqlx::query_as(statement)
            .bind(id)
            .bind(viewer.unwrap_or(0))
            .fetch_optional(&self.pool)
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Artifacts of an owner, or everybody's, the latest first.
    pub async fn artifacts(
        &self,
        owner: Option<i64>,
        kind: Option<ArtifactKind>,
        before: i64,
        limit: i64,
    ) -> StoreResult<Vec<Artifact>> {
        let rows: Vec<ArtifactRow> = sqlx::query_as(select_artifacts!(
            "WHERE ($1 = 0 OR a.owner_id = $1) AND ($2 = '' OR a.kind = $2) AND a.id < $3 ORDER BY a.id DESC LIMIT $4"
        ))
        .bind(owner.unwrap_or(0))
        .bind(kind.map_or("", |kind| kind.name()))
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What is known of the size of an artifact's work: [`ArtifactFacts`] without its hashes.
    pub async fn work_facts(&self, id: i64) -> StoreResult<ArtifactFacts> {
        let statement = "SELECT macs, parameters, widest, activations, moments, training_images \
                         FROM lab_artifacts WHERE id = $1";
        let row: Option<WorkRow> =
            sqlx::query_as(statement).bind(id).fetch_optional(&self.pool).await?;
        Ok(row.map(ArtifactFacts::from).unwrap_or_default())
    }

    /// Keeps what is known of all artifacts of this kind and content.
    pub async fn set_facts(
        &self,
        kind: ArtifactKind,
        content_hash: &str,
        facts: ArtifactFacts,
    ) -> StoreResult<()> {
        with_facts(sqlx::query(update_facts!("WHERE kind = $9 AND hash = $10")), facts)
            .bind(kind.name())
            .bind(content_hash)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What a job made.
    pub async fn results(&self, job: i64) -> StoreResult<Vec<Artifact>> {
        let rows: Vec<ArtifactRow> =
            sqlx::query_as(select_artifacts!("WHERE a.job_id = $1 ORDER BY a.id"))
                .bind(job)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Jobs that read an artifact, with whether they are still to be computed.
    pub async fn jobs_reading(&self, artifact: i64) -> StoreResult<Vec<(i64, bool)>> {
        let statement = "SELECT j.id, j.state FROM lab_job_inputs i JOIN lab_jobs j ON j.id = i.job_id \
                         WHERE i.artifact_id = $1 ORDER BY j.id";
        let rows: Vec<(i64, String)> =
            sqlx::query_as(statement).bind(artifact).fetch_all(&self.pool).await?;
        let open = |state: &str| state == "queued" || state == "running";
        Ok(rows.into_iter().map(|(id, state)| (id, open(&state))).collect())
    }

    /// Links that show an artifact: those of the job that made it.
    pub async fn links_showing(&self, artifact: &Artifact) -> StoreResult<Vec<i64>> {
        let statement =
            "SELECT id FROM lab_shares WHERE job_id = $1 AND revoked_ms IS NULL ORDER BY id";
        let rows: Vec<(i64,)> =
            sqlx::query_as(statement).bind(artifact.job).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Bytes of all that a person has stored.
    pub async fn stored_bytes(&self, owner: i64) -> StoreResult<i64> {
        stored_bytes(&mut *self.pool.acquire().await?, owner).await
    }

    /// Bytes of everybody's artifacts; equal content counts once.
    pub async fn all_stored_bytes(&self) -> StoreResult<i64> {
        let statement = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM \
                         (SELECT DISTINCT hash, bytes FROM lab_artifacts) contents";
        let (bytes,): (i64,) = sqlx::query_as(statement).fetch_one(&self.pool).await?;
        Ok(bytes)
    }

    /// Forgets an artifact, unless a job that is still to be computed reads it; whether it did.
    pub async fn delete_artifact(&self, id: i64, by: i64) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        // Whoever asks for a job that reads it does the same first: one waits for the other.
        lock_artifact(&mut transaction, id).await?;
        let statement = "DELETE FROM lab_artifacts WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM lab_job_inputs i \
                         JOIN lab_jobs j ON j.id = i.job_id WHERE i.artifact_id = $1 AND j.state IN ('queued', 'running')) \
                         RETURNING owner_id";
        let deleted: Option<(i64,)> =
            sqlx::query_as(statement).bind(id).fetch_optional(&mut *transaction).await?;
        let Some((owner,)) = deleted else { return Ok(false) };
        let (action, detail) = (AuditAction::ArtifactDeleted, format!("artifact {id}"));
        note_if_anothers(&mut transaction, by, action, owner, detail).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether an artifact is of this content.
    pub async fn is_content_needed(&self, hash: &str) -> StoreResult<bool> {
        let statement = "SELECT 1 FROM lab_artifacts WHERE hash = $1 LIMIT 1";
        Ok(sqlx::query(statement).bind(hash).fetch_optional(&self.pool).await?.is_some())
    }
}

pub(super) async fn stored_bytes(connection: &mut AnyConnection, owner: i64) -> StoreResult<i64> {
    let statement =
        "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM lab_artifacts WHERE owner_id = $1";
    let (bytes,): (i64,) = sqlx::query_as(statement).bind(owner).fetch_one(connection).await?;
    Ok(bytes)
}

/// Locks an artifact's row to the end of the transaction; whether it is there.
pub(super) async fn lock_artifact(connection: &mut AnyConnection, id: i64) -> StoreResult<bool> {
    let held = sqlx::query("UPDATE lab_artifacts SET name = name WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(held.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use rrlab_protocol::UserRole;

    use super::*;
    use crate::store::sqlite_address;

    #[tokio::test]
    async fn of_uploads_at_once_no_more_is_stored_than_one_may() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&sqlite_address(&folder.path().join("lab.sqlite"))).await.unwrap();
        let owner = store.add_person("ann", UserRole::Student, None).await.unwrap().unwrap().id;
        let kind = ArtifactKind::Profile;
        let facts = ArtifactFacts::default();
        let new = NewArtifact { kind, name: "one", hash: "a", bytes: 60, facts };
        let uploads = (0..4).map(|_| store.add_artifact(owner, new, Some(130)));
        let stored = futures::future::join_all(uploads).await;
        let stored = stored.into_iter().filter(|added| added.as_ref().unwrap().is_some());
        assert_eq!(stored.count(), 2);
        assert_eq!(store.stored_bytes(owner).await.unwrap(), 120);
        assert!(store.add_artifact(owner, new, None).await.unwrap().is_some());
    }
}
