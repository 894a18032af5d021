//! Sessions: browsers that somebody has signed in at, and whom an OpenID provider means.

use std::time::Duration;

use rrlab_protocol::{AuditAction, UserRole};
use sqlx::AnyConnection;

use super::audit::{Deed, note};
use super::database::{Store, StoreResult, now_ms};
use super::people::{Person, PersonRow, delete_sessions, hash_of, insert_person};

/// What somebody showed when they signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedInBy {
    /// The token of this number: with it the session ends.
    Token(i64),
    /// An OpenID provider's word.
    Provider,
}

impl Store {
    /// Keeps the hash of a new session's secret; it ends by itself after `life`.
    pub async fn begin_session(
        &self,
        person: i64,
        secret: &str,
        by: SignedInBy,
        life: Duration,
    ) -> StoreResult<()> {
        let (token, detail) = match by {
            SignedInBy::Token(token) => (Some(token), format!("with token {token}")),
            SignedInBy::Provider => (None, "by the OpenID provider".to_owned()),
        };
        let now = now_ms();
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO lab_sessions (user_id, hash, token_id, created_ms, expires_ms) \
                         VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(statement)
            .bind(person)
            .bind(hash_of(secret))
            .bind(token)
            .bind(now)
            .bind(now.saturating_add(life))
            .execute(&mut *transaction)
            .await?;
        let deed =
            Deed { by: Some(person), action: AuditAction::SignedIn, to: Some(person), detail };
        note(&mut transaction, deed).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whose session this is, unless it has ended or its owner is shut out.
    pub async fn person_of_session(&self, secret: &str) -> StoreResult<Option<Person>> {
        let statement = "SELECT u.id, u.name, u.role FROM lab_sessions s JOIN lab_users u ON u.id = s.user_id \
                         LEFT JOIN lab_tokens t ON t.id = s.token_id \
                         WHERE s.hash = $1 AND s.expires_ms > $2 AND u.disabled_ms IS NULL AND t.revoked_ms IS NULL \
                         AND (t.expires_ms IS NULL OR t.expires_ms > $2)";
        let row: Option<PersonRow> = sqlx::query_as(statement)
            .bind(hash_of(secret))
            .bind(now_ms())
            .fetch_optional(&self.pool)
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Ends a session; nothing where there is none of this secret.
    pub async fn end_session(&self, secret: &str) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        let ended: Option<(i64,)> =
            sqlx::query_as("DELETE FROM lab_sessions WHERE hash = $1 RETURNING user_id")
                .bind(hash_of(secret))
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some((person,)) = ended {
            let action = AuditAction::SignedOut;
            let deed = Deed { by: Some(person), action, to: Some(person), detail: String::new() };
            note(&mut transaction, deed).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Ends all sessions of a person; how many there were.
    pub async fn end_sessions(&self, person: i64, by: Option<i64>) -> StoreResult<u64> {
        let mut transaction = self.pool.begin().await?;
        let ended = delete_sessions(&mut transaction, person).await?;
        let detail = format!("everywhere: {ended} sessions");
        let action = AuditAction::SignedOut;
        note(&mut transaction, Deed { by, action, to: Some(person), detail }).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Forgets sessions that have ended by themselves.
    pub async fn forget_ended_sessions(&self) -> StoreResult<()> {
        let statement = sqlx::query("DELETE FROM lab_sessions WHERE expires_ms <= $1");
        statement.bind(now_ms()).execute(&self.pool).await?;
        Ok(())
    }

    /// Whom a provider means by a subject, if they were here before, shut out or not.
    pub async fn person_of_identity(
        &self,
        issuer: &str,
        subject: &str,
    ) -> StoreResult<Option<Person>> {
        let statement = "SELECT u.id, u.name, u.role FROM lab_identities i JOIN lab_users u ON u.id = i.user_id \
                         WHERE i.issuer = $1 AND i.subject = $2";
        let row: Option<PersonRow> =
            sqlx::query_as(statement).bind(issuer).bind(subject).fetch_optional(&self.pool).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// A new person whom a provider means by a subject, or whoever that is already; `None` where somebody
    /// else has the name.
    pub async fn add_identified_person(
        &self,
        issuer: &str,
        subject: &str,
        name: &str,
        role: UserRole,
    ) -> StoreResult<Option<Person>> {
        let mut transaction = self.pool.begin().await?;
        if let Some(person) = insert_person(&mut transaction, name, role, None).await? {
            bind(&mut transaction, person.id, issuer, subject, None).await?;
            transaction.commit().await?;
            return Ok(Some(person));
        }
        transaction.rollback().await?;
        // Of two first visits at once the second comes when the first has ended.
        self.person_of_identity(issuer, subject).await
    }

    /// From now on a provider's subject is this person; whether it was nobody before.
    pub async fn bind_identity(
        &self,
        person: i64,
        issuer: &str,
        subject: &str,
        by: Option<i64>,
    ) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        let bound = bind(&mut transaction, person, issuer, subject, by).await?;
        transaction.commit().await?;
        Ok(bound)
    }
}

/// From now on a provider's subject is this person; whether it was nobody before.
async fn bind(
    connection: &mut AnyConnection,
    person: i64,
    issuer: &str,
    subject: &str,
    by: Option<i64>,
) -> StoreResult<bool> {
    let statement = "INSERT INTO lab_identities (issuer, subject, user_id, created_ms) \
                     VALUES ($1, $2, $3, $4) ON CONFLICT (issuer, subject) DO NOTHING";
    let bound = sqlx::query(statement)
        .bind(issuer)
        .bind(subject)
        .bind(person)
        .bind(now_ms())
        .execute(&mut *connection)
        .await?;
    if bound.rows_affected() == 0 {
        return Ok(false);
    }
    let (action, detail) = (AuditAction::IdentityBound, issuer.to_owned());
    note(connection, Deed { by, action, to: Some(person), detail }).await?;
    Ok(true)
}
