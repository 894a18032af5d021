//! The lab's id, which its object store bears too, and what the database expects to find there.

use super::database::{Store, StoreResult};
use crate::secret::random_hex;

/// Random bytes in an id.
const BYTES: usize = 16;

impl Store {
    /// The lab's id: made at the first call, by whichever of several programs is first, and the
    /// same ever after.
    pub async fn lab_id(&self) -> StoreResult<String> {
        sqlx::query(
            "INSERT INTO lab_identity (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING",
        )
        .bind(random_hex::<BYTES>())
        .execute(&self.pool)
        .await?;
        let (id,): (String,) =
            sqlx::query_as("SELECT id FROM lab_identity").fetch_one(&self.pool).await?;
        Ok(id)
    }

    /// The lab's id; `None` before the first call of [`Store::lab_id`].
    pub async fn known_lab_id(&self) -> StoreResult<Option<String>> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT id FROM lab_identity").fetch_optional(&self.pool).await?;
        Ok(row.map(|(id,)| id))
    }

    /// Hashes of the content of all artifacts.
    pub async fn content_hashes(&self) -> StoreResult<Vec<String>> {
        let statement = "SELECT DISTINCT hash FROM lab_artifacts";
        let rows: Vec<(String,)> = sqlx::query_as(statement).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(hash,)| hash).collect())
    }

    /// Jobs that can go on from a state, with its hash.
    pub async fn checkpoints(&self) -> StoreResult<Vec<(i64, String)>> {
        let statement = "SELECT id, checkpoint FROM lab_jobs WHERE checkpoint IS NOT NULL";
        Ok(sqlx::query_as(statement).fetch_all(&self.pool).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::{Store, sqlite_address};

    #[tokio::test]
    async fn programs_that_start_at_once_agree_on_the_id() {
        let folder = tempfile::tempdir().unwrap();
        let address = sqlite_address(&folder.path().join("lab.sqlite"));
        let mut programs = Vec::new();
        for _ in 0..8 {
            programs.push(Store::open(&address).await.unwrap());
        }
        let ids: Vec<String> =
            futures::future::try_join_all(programs.iter().map(Store::lab_id)).await.unwrap();
        assert!(
            ids[0].len() == 32 && ids[0].bytes().all(|digit| digit.is_ascii_hexdigit()),
            "{ids:?}"
        );
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        drop(programs);
        assert_eq!(
            Store::open(&address).await.unwrap().lab_id().await.unwrap(),
            ids[0],
            "it stays"
        );
    }
}
