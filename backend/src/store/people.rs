//! People and the tokens that they show.

use rrlab_protocol::UserRole;
use sha2::{Digest, Sha256};

use super::database::{Store, StoreResult, named, now_ms};
use crate::hex::hex;

/// Somebody who may use the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Number, by which artifacts and jobs name their owner.
    pub id: i64,
    /// Name, unique in the lab.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
}

/// A token as it is listed: without its secret, which nobody keeps.
#[derive(Debug, Clone, sqlx::FromRow, serde::Serialize)]
pub struct TokenRow {
    /// Number, by which it is revoked.
    pub id: i64,
    /// Whose it is.
    pub name: String,
    /// What it is for.
    pub label: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    id: i64,
    name: String,
    role: String,
}

impl TryFrom<PersonRow> for Person {
    type Error = super::database::StoreError;

    fn try_from(row: PersonRow) -> StoreResult<Self> {
        Ok(Self { id: row.id, role: named("a role", &row.role)?, name: row.name })
    }
}

/// What is kept of a secret of 256 random bits: it needs no salt and no slow hash.
pub(super) fn hash_of(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

impl Store {
    /// The person of this name, made with this role where there is none; `None` where there is one
    /// of another role.
    pub async fn add_person(&self, name: &str, role: UserRole) -> StoreResult<Option<Person>> {
        sqlx::query("INSERT INTO lab_users (name, role, created_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(role.name())
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(self.person(name).await?.filter(|person| person.role == role))
    }

    /// The person of this name.
    pub async fn person(&self, name: &str) -> StoreResult<Option<Person>> {
        let row: Option<PersonRow> =
            sqlx::query_as("SELECT id, name, role FROM lab_users WHERE name = $1")
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Everybody who may use the lab, by name.
    pub async fn people(&self) -> StoreResult<Vec<Person>> {
        let rows: Vec<PersonRow> =
            sqlx::query_as("SELECT id, name, role FROM lab_users ORDER BY name")
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Keeps the hash of a new token.
    pub async fn add_token(&self, person: i64, secret: &str, label: &str) -> StoreResult<i64> {
        let statement = "INSERT INTO lab_tokens (user_id, hash, label, created_ms) VALUES ($1, $2, $3, $4) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(statement)
            .bind(person)
            .bind(hash_of(secret))
            .bind(label)
            .bind(now_ms())
            .fetch_one(&self.pool)
            .await?;
        Ok(id)
    }

    /// Whose token this is, unless it was revoked.
    pub async fn person_of_token(&self, secret: &str) -> StoreResult<Option<Person>> {
        let statement = "SELECT u.id, u.name, u.role FROM lab_tokens t JOIN lab_users u ON u.id = t.user_id \
                         WHERE t.hash = $1 AND t.revoked_ms IS NULL";
        let row: Option<PersonRow> =
            sqlx::query_as(statement).bind(hash_of(secret)).fetch_optional(&self.pool).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Every token that was ever made, the revoked ones too, by number.
    pub async fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        let statement = "SELECT t.id, u.name, t.label, t.created_ms, t.revoked_ms FROM lab_tokens t \
                         JOIN lab_users u ON u.id = t.user_id ORDER BY t.id";
        Ok(sqlx::query_as(statement).fetch_all(&self.pool).await?)
    }

    /// Revokes a token; whether there was one to revoke.
    pub async fn revoke_token(&self, id: i64) -> StoreResult<bool> {
        let done = sqlx::query(
            "UPDATE lab_tokens SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL",
        )
        .bind(id)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
