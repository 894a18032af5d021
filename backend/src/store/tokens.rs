//! Tokens, which people show in their programs and to begin a session.

use rrlab_protocol::AuditAction;

use super::audit::{Deed, note};
use super::database::{Store, StoreResult, now_ms};
use super::people::{Person, PersonRow, hash_of};

/// A token that was shown and lets its owner in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidToken {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    pub person: Person,
}

#[derive(sqlx::FromRow)]
struct ValidTokenRow {
    token: i64,
    #[sqlx(flatten)]
    person: PersonRow,
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
    /// When it ends, or ended, by itself.
    pub expires_ms: Option<i64>,
}

impl TokenRow {
    /// Whether it lets its owner in, unless they are shut out.
    pub fn is_valid(&self) -> bool {
        self.revoked_ms.is_none() && self.expires_ms.is_none_or(|end| end > now_ms())
    }
}

impl Store {
    /// Keeps the hash of a new token, which ends by itself at `expires_ms`.
    pub async fn add_token(
        &self,
        person: i64,
        secret: &str,
        label: &str,
        expires_ms: Option<i64>,
    ) -> StoreResult<i64> {
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO lab_tokens (user_id, hash, label, created_ms, expires_ms) \
                         VALUES ($1, $2, $3, $4, $5) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(statement)
            .bind(person)
            .bind(hash_of(secret))
            .bind(label)
            .bind(now_ms())
            .bind(expires_ms)
            .fetch_one(&mut *transaction)
            .await?;
        let (action, detail) = (AuditAction::TokenCreated, format!("token {id}"));
        note(&mut transaction, Deed { by: None, action, to: Some(person), detail }).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Forgets the tokens of a person with this label that have ended by themselves.
    pub async fn forget_ended_tokens(&self, person: i64, label: &str) -> StoreResult<()> {
        let statement =
            "DELETE FROM lab_tokens WHERE user_id = $1 AND label = $2 AND expires_ms <= $3";
        let statement = sqlx::query(statement).bind(person).bind(label).bind(now_ms());
        statement.execute(&self.pool).await?;
        Ok(())
    }

    /// The token of this secret, unless it was revoked or has ended, or its owner is shut out.
    pub async fn valid_token(&self, secret: &str) -> StoreResult<Option<ValidToken>> {
        let statement = "SELECT t.id AS token, u.id, u.name, u.role FROM lab_tokens t \
                         JOIN lab_users u ON u.id = t.user_id \
                         WHERE t.hash = $1 AND t.revoked_ms IS NULL AND u.disabled_ms IS NULL \
                         AND (t.expires_ms IS NULL OR t.expires_ms > $2)";
        let row: Option<ValidTokenRow> = sqlx::query_as(statement)
            .bind(hash_of(secret))
            .bind(now_ms())
            .fetch_optional(&self.pool)
            .await?;
        let valid =
            |row: ValidTokenRow| Ok(ValidToken { id: row.token, person: row.person.try_into()? });
        row.map(valid).transpose()
    }

    /// Every token that was ever made, the revoked ones too, by number.
    pub async fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        let statement = "SELECT t.id, u.name, t.label, t.created_ms, t.revoked_ms, t.expires_ms FROM lab_tokens t \
                         JOIN lab_users u ON u.id = t.user_id ORDER BY t.id";
        Ok(sqlx::query_as(statement).fetch_all(&self.pool).await?)
    }

    /// Revokes a token, and with it the sessions that were begun with it; whether there was one to
    /// revoke.
    pub async fn revoke_token(&self, id: i64) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_tokens SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL \
                         RETURNING user_id";
        let revoked: Option<(i64,)> = sqlx::query_as(statement)
            .bind(id)
            .bind(now_ms())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some((person,)) = revoked else { return Ok(false) };
        let (action, detail) = (AuditAction::TokenRevoked, format!("token {id}"));
        note(&mut transaction, Deed { by: None, action, to: Some(person), detail }).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
