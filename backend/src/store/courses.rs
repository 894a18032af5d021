//! Courses, their people, and the links that enrol.

use rrlab_protocol::{AuditAction, Course, CourseLink, CourseLinkPlan, CourseMember, UserRole};
use sqlx::AnyConnection;

use super::audit::{Deed, note};
use super::database::{DAY_MS, Store, StoreResult, now_ms};
use super::people::{Person, hash_of, insert_person};

/// Whether somebody is in a course now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// They are, from now on or before.
    Yes,
    /// The link has ended meanwhile.
    NoLink,
    /// The course has as many students as it may.
    Full,
}

#[derive(sqlx::FromRow)]
struct CourseRow {
    id: i64,
    name: String,
    teaches: i64,
    learns: i64,
    students: i64,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    id: i64,
    name: String,
    teaches: i64,
    joined_ms: i64,
    jobs: i64,
    open_jobs: i64,
}

#[derive(sqlx::FromRow)]
struct LinkRow {
    id: i64,
    course_id: i64,
    seats: i64,
    created_ms: i64,
    expires_ms: i64,
}

/// The statement that asks for courses, as somebody sees them: $1 is their number.
macro_rules! select_courses {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.name, \
             (SELECT COUNT(*) FROM lab_course_members m WHERE m.course_id = c.id AND m.user_id = $1 AND m.teaches = 1) \
             AS teaches, \
             (SELECT COUNT(*) FROM lab_course_members m WHERE m.course_id = c.id AND m.user_id = $1 AND m.teaches = 0) \
             AS learns, \
             (SELECT COUNT(*) FROM lab_course_members m WHERE m.course_id = c.id AND m.teaches = 0) AS students \
             FROM lab_courses c ",
            $rest
        )
    };
}

impl Store {
    /// Makes a course; its number, or `None` where there is one of this name.
    pub async fn add_course(&self, name: &str) -> StoreResult<Option<i64>> {
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO lab_courses (name, created_ms) VALUES ($1, $2) \
                         ON CONFLICT (name) DO NOTHING RETURNING id";
        let made: Option<(i64,)> = sqlx::query_as(statement)
            .bind(name)
            .bind(now_ms())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some((id,)) = made else { return Ok(None) };
        note_course(&mut transaction, AuditAction::CourseMade, id, None, None).await?;
        transaction.commit().await?;
        Ok(Some(id))
    }

    /// Removes a course with its links; its people and their work stay.
    pub async fn remove_course(&self, id: i64) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        let statement = sqlx::query("DELETE FROM lab_courses WHERE id = $1");
        statement.bind(id).execute(&mut *transaction).await?;
        note_course(&mut transaction, AuditAction::CourseRemoved, id, None, None).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts somebody into a course, or has who is in it teach or learn.
    pub async fn set_member(&self, course: i64, person: i64, teaches: bool) -> StoreResult<()> {
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO lab_course_members (course_id, user_id, teaches, joined_ms) \
                         VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (course_id, user_id) DO UPDATE SET teaches = excluded.teaches";
        sqlx::query(statement)
            .bind(course)
            .bind(person)
            .bind(i64::from(teaches))
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        let detail = format!("course {course}, {}", if teaches { "teaches" } else { "learns" });
        let (by, action) = (None, AuditAction::CourseJoined);
        note(&mut transaction, Deed { by, action, to: Some(person), detail }).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes somebody out of a course; whether they were in it.
    pub async fn remove_member(
        &self,
        course: i64,
        person: i64,
        by: Option<i64>,
    ) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        let statement = "DELETE FROM lab_course_members WHERE course_id = $1 AND user_id = $2";
        let done =
            sqlx::query(statement).bind(course).bind(person).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let action = AuditAction::CourseLeft;
        note_course(&mut transaction, action, course, by, Some(person)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Every course, by name.
    pub async fn courses(&self) -> StoreResult<Vec<Course>> {
        let statement = select_courses!("ORDER BY c.name");
        let rows = sqlx::query_as(statement).bind(0_i64).fetch_all(&self.pool).await?;
        self.with_teachers(rows).await
    }

    /// The courses that somebody is in, by name.
    pub async fn courses_of(&self, person: i64) -> StoreResult<Vec<Course>> {
        let statement = select_courses!(
            "WHERE c.id IN (SELECT course_id FROM lab_course_members WHERE user_id = $1) ORDER BY c.name"
        );
        let rows = sqlx::query_as(statement).bind(person).fetch_all(&self.pool).await?;
        self.with_teachers(rows).await
    }

    /// Whether there is a course that somebody teaches; any course where nobody is named.
    pub async fn is_course_of(&self, course: i64, teacher: Option<i64>) -> StoreResult<bool> {
        let statement = "SELECT id FROM lab_courses WHERE id = $1 AND ($2 = 0 OR id IN \
                         (SELECT course_id FROM lab_course_members WHERE user_id = $2 AND teaches = 1))";
        let found = sqlx::query(statement).bind(course).bind(teacher.unwrap_or(0));
        Ok(found.fetch_optional(&self.pool).await?.is_some())
    }

    /// The course that a link enrols in, unless it was revoked or has ended.
    pub async fn course_of_link(&self, secret: &str) -> StoreResult<Option<Course>> {
        let statement = select_courses!(
            "JOIN lab_course_links l ON l.course_id = c.id \
             WHERE l.hash = $2 AND l.revoked_ms IS NULL AND l.expires_ms > $3"
        );
        let rows = sqlx::query_as(statement)
            .bind(0_i64)
            .bind(hash_of(secret))
            .bind(now_ms())
            .fetch_all(&self.pool)
            .await?;
        Ok(self.with_teachers(rows).await?.pop())
    }

    async fn with_teachers(&self, rows: Vec<CourseRow>) -> StoreResult<Vec<Course>> {
        let statement = "SELECT u.name FROM lab_course_members m JOIN lab_users u ON u.id = m.user_id \
                         WHERE m.course_id = $1 AND m.teaches = 1 ORDER BY u.name";
        let mut courses = Vec::with_capacity(rows.len());
        for CourseRow { id, name, teaches, learns, students } in rows {
            let teachers: Vec<(String,)> =
                sqlx::query_as(statement).bind(id).fetch_all(&self.pool).await?;
            let teachers = teachers.into_iter().map(|(name,)| name).collect();
            let (teaches, learns) = (teaches > 0, learns > 0);
            courses.push(Course { id, name, teaches, learns, teachers, students });
        }
        Ok(courses)
    }

    /// Everybody in a course, teachers first.
    pub async fn course_members(&self, course: i64) -> StoreResult<Vec<CourseMember>> {
        let statement = "SELECT u.id, u.name, m.teaches, m.joined_ms, \
                         (SELECT COUNT(*) FROM lab_jobs j WHERE j.owner_id = u.id) AS jobs, \
                         (SELECT COUNT(*) FROM lab_jobs j WHERE j.owner_id = u.id \
                          AND j.state IN ('queued', 'running')) AS open_jobs \
                         FROM lab_course_members m JOIN lab_users u ON u.id = m.user_id \
                         WHERE m.course_id = $1 ORDER BY m.teaches DESC, u.name";
        let rows: Vec<MemberRow> =
            sqlx::query_as(statement).bind(course).fetch_all(&self.pool).await?;
        let device_seconds = self.device_seconds(self.clock_ms().await?).await?;
        let member = |row: MemberRow| CourseMember {
            device_seconds: device_seconds.get(&row.id).copied().unwrap_or(0.0),
            id: row.id,
            name: row.name,
            teaches: row.teaches > 0,
            joined_ms: row.joined_ms,
            jobs: row.jobs,
            open_jobs: row.open_jobs,
        };
        Ok(rows.into_iter().map(member).collect())
    }

    /// Keeps the hash of a new link's secret.
    pub async fn add_course_link(
        &self,
        course: i64,
        secret: &str,
        plan: CourseLinkPlan,
        by: Option<i64>,
    ) -> StoreResult<CourseLink> {
        let created_ms = now_ms();
        let expires_ms = created_ms + i64::from(plan.days) * DAY_MS;
        let seats = i64::from(plan.seats);
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO lab_course_links (course_id, hash, seats, created_ms, expires_ms) \
                         VALUES ($1, $2, $3, $4, $5) RETURNING id";
        let (id,): (i64,) = sqlx::query_as(statement)
            .bind(course)
            .bind(hash_of(secret))
            .bind(seats)
            .bind(created_ms)
            .bind(expires_ms)
            .fetch_one(&mut *transaction)
            .await?;
        note_course(&mut transaction, AuditAction::CourseLinkMade, course, by, None).await?;
        transaction.commit().await?;
        Ok(CourseLink { id, course, seats, created_ms, expires_ms, secret: Some(secret.into()) })
    }

    /// Links of a course that still enrol.
    pub async fn course_links(&self, course: i64) -> StoreResult<Vec<CourseLink>> {
        let statement = "SELECT id, course_id, seats, created_ms, expires_ms FROM lab_course_links \
                         WHERE course_id = $1 AND revoked_ms IS NULL AND expires_ms > $2 ORDER BY id";
        let rows: Vec<LinkRow> =
            sqlx::query_as(statement).bind(course).bind(now_ms()).fetch_all(&self.pool).await?;
        let link = |row: LinkRow| CourseLink {
            id: row.id,
            course: row.course_id,
            seats: row.seats,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            secret: None,
        };
        Ok(rows.into_iter().map(link).collect())
    }

    /// Revokes a link of a course; whether there was one to revoke.
    pub async fn revoke_course_link(&self, course: i64, id: i64, by: i64) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE lab_course_links SET revoked_ms = $3 \
                         WHERE id = $1 AND course_id = $2 AND revoked_ms IS NULL";
        let done = sqlx::query(statement)
            .bind(id)
            .bind(course)
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let action = AuditAction::CourseLinkRevoked;
        note_course(&mut transaction, action, course, Some(by), None).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Somebody enrols by a link. Who is in the course already stays what they are.
    pub async fn enrol(&self, secret: &str, person: i64) -> StoreResult<Joined> {
        let mut transaction = self.pool.begin().await?;
        let joined = join(&mut transaction, secret, person).await?;
        if joined == Joined::Yes {
            transaction.commit().await?;
        }
        Ok(joined)
    }

    /// The same of somebody new, who is added by it or not at all; `None` where the name is somebody's.
    pub async fn enrol_new_person(
        &self,
        secret: &str,
        name: &str,
        role: UserRole,
    ) -> StoreResult<Option<(Joined, Person)>> {
        let mut transaction = self.pool.begin().await?;
        let Some(person) = insert_person(&mut transaction, name, role, None).await? else {
            return Ok(None);
        };
        let joined = join(&mut transaction, secret, person.id).await?;
        if joined == Joined::Yes {
            transaction.commit().await?;
        }
        Ok(Some((joined, person)))
    }
}

/// Takes a seat of the course that a link enrols in.
async fn join(connection: &mut AnyConnection, secret: &str, person: i64) -> StoreResult<Joined> {
    // One after the other takes the last seat, by whichever link.
    let statement = "UPDATE lab_courses SET name = name WHERE id IN (SELECT course_id FROM lab_course_links \
                     WHERE hash = $1 AND revoked_ms IS NULL AND expires_ms > $2)";
    sqlx::query(statement).bind(hash_of(secret)).bind(now_ms()).execute(&mut *connection).await?;
    let statement = "SELECT course_id, seats FROM lab_course_links \
                     WHERE hash = $1 AND revoked_ms IS NULL AND expires_ms > $2";
    let link: Option<(i64, i64)> = sqlx::query_as(statement)
        .bind(hash_of(secret))
        .bind(now_ms())
        .fetch_optional(&mut *connection)
        .await?;
    let Some((course, seats)) = link else { return Ok(Joined::NoLink) };
    let statement = "INSERT INTO lab_course_members (course_id, user_id, teaches, joined_ms) \
                     VALUES ($1, $2, 0, $3) ON CONFLICT (course_id, user_id) DO NOTHING";
    let joined = sqlx::query(statement)
        .bind(course)
        .bind(person)
        .bind(now_ms())
        .execute(&mut *connection)
        .await?;
    if joined.rows_affected() == 0 {
        return Ok(Joined::Yes);
    }
    let statement = "SELECT COUNT(*) FROM lab_course_members WHERE course_id = $1 AND teaches = 0";
    let (students,): (i64,) =
        sqlx::query_as(statement).bind(course).fetch_one(&mut *connection).await?;
    if students > seats {
        return Ok(Joined::Full);
    }
    let detail = format!("course {course}, learns");
    let (by, action) = (Some(person), AuditAction::CourseJoined);
    note(connection, Deed { by, action, to: Some(person), detail }).await?;
    Ok(Joined::Yes)
}

/// Writes down what was done to a course.
async fn note_course(
    connection: &mut AnyConnection,
    action: AuditAction,
    course: i64,
    by: Option<i64>,
    to: Option<i64>,
) -> StoreResult<()> {
    note(connection, Deed { by, action, to, detail: format!("course {course}") }).await
}
