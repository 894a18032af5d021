//! The audit log: who did what to whom. Entries are written in the transaction of what they tell of.

use std::time::Duration;

use rrlab_protocol::{AuditAction, AuditEntry};
use sqlx::AnyConnection;

use super::database::{Store, StoreResult, named, now_ms};

/// What somebody did.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    /// Who; `None` for whoever runs the lab, on its command line or by what it does by itself.
    pub by: Option<i64>,
    /// What.
    pub action: AuditAction,
    /// To whom, or to whose.
    pub to: Option<i64>,
    /// Of what, without anybody's name: an entry outlives the people that it is of.
    pub detail: String,
}

/// Writes a deed down, now.
pub(super) async fn note(connection: &mut AnyConnection, deed: Deed) -> StoreResult<()> {
    let statement = "INSERT INTO lab_audit (at_ms, actor_id, action, person_id, detail) \
                     VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(statement)
        .bind(now_ms())
        .bind(deed.by)
        .bind(deed.action.name())
        .bind(deed.to)
        .bind(deed.detail)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes down what somebody did with what is another's; what is one's own is one's own business.
pub(super) async fn note_if_anothers(
    connection: &mut AnyConnection,
    by: i64,
    action: AuditAction,
    owner: i64,
    detail: String,
) -> StoreResult<()> {
    if by == owner {
        return Ok(());
    }
    note(connection, Deed { by: Some(by), action, to: Some(owner), detail }).await
}

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: i64,
    at_ms: i64,
    actor_id: Option<i64>,
    actor: Option<String>,
    action: String,
    person_id: Option<i64>,
    person: Option<String>,
    detail: String,
}

/// The name of somebody, or what is left of those who were erased.
fn called(id: Option<i64>, name: Option<String>) -> Option<String> {
    name.or_else(|| id.map(|id| format!("(erased, number {id})")))
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = super::database::StoreError;

    fn try_from(row: AuditRow) -> StoreResult<Self> {
        Ok(Self {
            id: row.id,
            at_ms: row.at_ms,
            actor: called(row.actor_id, row.actor),
            action: named("an action", &row.action)?,
            person: called(row.person_id, row.person),
            detail: row.detail,
        })
    }
}

impl Store {
    /// The latest entries below a number, `count` at most, the last first; of one person, what they did
    /// and what was done to them.
    pub async fn audit(
        &self,
        person: Option<i64>,
        before: i64,
        count: i64,
    ) -> StoreResult<Vec<AuditEntry>> {
        let statement = "SELECT a.id, a.at_ms, a.actor_id, u.name AS actor, a.action, a.person_id, \
                         p.name AS person, a.detail FROM lab_audit a \
                         LEFT JOIN lab_users u ON u.id = a.actor_id LEFT JOIN lab_users p ON p.id = a.person_id \
                         WHERE a.id < $1 AND ($2 = 0 OR a.actor_id = $2 OR a.person_id = $2) \
                         ORDER BY a.id DESC LIMIT $3";
        let rows: Vec<AuditRow> = sqlx::query_as(statement)
            .bind(before)
            // Numbers of people begin with 1.
            .bind(person.unwrap_or(0))
            .bind(count)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Forgets entries older than this; how many there were.
    pub async fn forget_audit(&self, age: Duration) -> StoreResult<u64> {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let done = sqlx::query("DELETE FROM lab_audit WHERE at_ms <= $1")
            .bind(now_ms().saturating_sub(age))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }
}
