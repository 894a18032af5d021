//! Courses: a teacher sees the work of their students, and a link enrols.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use rrlab_protocol::{
    Course, CourseLink, CourseLinkPlan, CourseMember, Enrolled, Enrolment, Invitation, Me, Problem,
    UserRole,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admission::is_right_name;
use super::error::{ApiError, ApiResult};
use super::extract::{Author, Body, MaybePerson, PathValues};
use super::lab::{App, Lab};
use super::session::{begin_session, session_cookie};
use crate::secret::new_secret;
use crate::store::{Joined, SignedInBy};

/// What the token of somebody is called whom a link has added.
const FIRST_TOKEN: &str = "from enrolling";

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(members))
        .routes(routes!(remove_member))
        .routes(routes!(links, make_link))
        .routes(routes!(revoke_link))
        .routes(routes!(invitation, enrol))
}

/// Courses that you learn or teach in; an admin's list has all
#[utoipa::path(
    get, path = "/courses", operation_id = "list_courses", tag = "courses",
    responses((status = 200, body = Vec<Course>))
)]
async fn list(State(lab): State<App>, author: Author) -> ApiResult<Json<Vec<Course>>> {
    Ok(Json(match author.scope() {
        Some(person) => lab.store.courses_of(person).await?,
        None => lab.store.courses().await?,
    }))
}

/// Who is in a course, for who teaches it
#[utoipa::path(
    get, path = "/courses/{id}/members", operation_id = "list_members", tag = "courses",
    params(("id" = i64, Path, description = "The course")),
    responses((status = 200, body = Vec<CourseMember>), (status = 404, description = "You teach no such course", body = Problem))
)]
async fn members(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<Json<Vec<CourseMember>>> {
    check_teacher(&lab, &author, id).await?;
    Ok(Json(lab.store.course_members(id).await?))
}

/// Take somebody out of a course that you teach, or leave one
#[utoipa::path(
    delete, path = "/courses/{id}/members/{person}", operation_id = "remove_member", tag = "courses",
    params(("id" = i64, Path, description = "The course"), ("person" = i64, Path, description = "Their number")),
    responses((status = 204, description = "They are in it no more"), (status = 404, description = "They were not", body = Problem))
)]
async fn remove_member(
    State(lab): State<App>,
    author: Author,
    PathValues((id, person)): PathValues<(i64, i64)>,
) -> ApiResult<StatusCode> {
    if person != author.0.id {
        check_teacher(&lab, &author, id).await?;
    }
    if lab.store.remove_member(id, person, Some(author.0.id)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("member"))
    }
}

/// Links that enrol in a course that you teach
#[utoipa::path(
    get, path = "/courses/{id}/links", operation_id = "list_course_links", tag = "courses",
    params(("id" = i64, Path, description = "The course")),
    responses((status = 200, body = Vec<CourseLink>), (status = 404, description = "You teach no such course", body = Problem))
)]
async fn links(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
) -> ApiResult<Json<Vec<CourseLink>>> {
    check_teacher(&lab, &author, id).await?;
    Ok(Json(lab.store.course_links(id).await?))
}

/// Make a link that enrols whoever opens it, while there is room
///
/// Its secret is told this once. Where the lab has no provider that signs people in, the link adds
/// them, under a name that they choose.
#[utoipa::path(
    post, path = "/courses/{id}/links", operation_id = "make_course_link", tag = "courses",
    params(("id" = i64, Path, description = "The course")), request_body = CourseLinkPlan,
    responses(
        (status = 201, body = CourseLink),
        (status = 404, description = "You teach no such course", body = Problem),
        (status = 422, description = "It would last too long, or have too many seats", body = Problem),
    )
)]
async fn make_link(
    State(lab): State<App>,
    author: Author,
    PathValues(id): PathValues<i64>,
    Body(plan): Body<CourseLinkPlan>,
) -> ApiResult<(StatusCode, Json<CourseLink>)> {
    check_teacher(&lab, &author, id).await?;
    const DAYS: u32 = CourseLinkPlan::MOST_DAYS;
    const SEATS: u32 = CourseLinkPlan::MOST_SEATS;
    if !(1..=DAYS).contains(&plan.days) || !(1..=SEATS).contains(&plan.seats) {
        let problem = format!("a link has 1 to {DAYS} days and 1 to {SEATS} seats");
        return Err(ApiError::Invalid(problem));
    }
    let link = lab.store.add_course_link(id, &new_secret(), plan, Some(author.0.id)).await?;
    Ok((StatusCode::CREATED, Json(link)))
}

/// Revoke a link: it enrols nobody any more
#[utoipa::path(
    delete, path = "/courses/{id}/links/{link}", operation_id = "revoke_course_link", tag = "courses",
    params(("id" = i64, Path, description = "The course"), ("link" = i64, Path, description = "The link's number")),
    responses((status = 204, description = "It enrols nobody"), (status = 404, description = "No such link", body = Problem))
)]
async fn revoke_link(
    State(lab): State<App>,
    author: Author,
    PathValues((id, link)): PathValues<(i64, i64)>,
) -> ApiResult<StatusCode> {
    check_teacher(&lab, &author, id).await?;
    if lab.store.revoke_course_link(id, link, author.0.id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("link"))
    }
}

/// Which course a link enrols in; needs no token
#[utoipa::path(
    get, path = "/enrolments/{secret}", operation_id = "show_invitation", tag = "courses",
    params(("secret" = String, Path, description = "The link's secret")),
    responses((status = 200, body = Invitation), (status = 404, description = "No such link", body = Problem)), security(())
)]
async fn invitation(
    State(lab): State<App>,
    PathValues(secret): PathValues<String>,
) -> ApiResult<Json<Invitation>> {
    let course = lab.store.course_of_link(&secret).await?.ok_or(ApiError::NotFound("link"))?;
    let Course { name, teachers, .. } = course;
    Ok(Json(Invitation { course: name, teachers, adds_people: adds_people(&lab) }))
}

/// Enrol by a link; somebody who is not signed in is added under a name that they choose, and signed in
#[utoipa::path(
    post, path = "/enrolments/{secret}", operation_id = "enrol", tag = "courses",
    params(("secret" = String, Path, description = "The link's secret")), request_body = Enrolment,
    responses(
        (status = 200, body = Enrolled),
        (status = 401, description = "Sign in first: the lab's provider knows people", body = Problem),
        (status = 404, description = "No such link", body = Problem),
        (status = 409, description = "The name is somebody's, or the course is full", body = Problem),
    ),
    security(())
)]
async fn enrol(
    State(lab): State<App>,
    jar: CookieJar,
    MaybePerson(person): MaybePerson,
    PathValues(secret): PathValues<String>,
    Body(enrolment): Body<Enrolment>,
) -> ApiResult<(CookieJar, Json<Enrolled>)> {
    let course = lab.store.course_of_link(&secret).await?.ok_or(ApiError::NotFound("link"))?.name;
    if let Some(person) = person {
        check_joined(lab.store.enrol(&secret, person.id).await?)?;
        let person = Me { name: person.name, role: person.role };
        return Ok((jar, Json(Enrolled { person, course, token: None })));
    }
    if !adds_people(&lab) {
        return Err(ApiError::Unauthorized);
    }
    let name = enrolment.name.as_deref().unwrap_or_default().trim();
    if !is_right_name(name) {
        let problem = "say what you are to be called: 1 to 200 bytes that can be printed";
        return Err(ApiError::Invalid(problem.into()));
    }
    let added = lab.store.enrol_new_person(&secret, name, UserRole::Student).await?;
    let taken =
        || ApiError::conflict(format!("somebody here is called {name}; choose another name"));
    let (joined, person) = added.ok_or_else(taken)?;
    check_joined(joined)?;
    let token = new_secret();
    let number = lab.store.add_token(person.id, &token, FIRST_TOKEN, None).await?;
    let session = begin_session(&lab, person.id, SignedInBy::Token(number)).await?;
    let person = Me { name: person.name, role: person.role };
    let enrolled = Enrolled { person, course, token: Some(token) };
    Ok((jar.add(session_cookie(&lab, session)), Json(enrolled)))
}

/// Whether links add people: where nobody else says who they are.
fn adds_people(lab: &Lab) -> bool {
    lab.oidc.is_none() && lab.settings.proxy_identity.is_none()
}

fn check_joined(joined: Joined) -> ApiResult<()> {
    match joined {
        Joined::Yes => Ok(()),
        Joined::NoLink => Err(ApiError::NotFound("link")),
        Joined::Full => {
            Err(ApiError::conflict("the course is full: ask who teaches it for another link"))
        }
    }
}

/// Whether somebody teaches a course, or looks after the lab.
///
/// # Errors
/// [`ApiError::NotFound`] else: others do not learn that there is one.
pub async fn check_teacher(lab: &Lab, author: &Author, course: i64) -> ApiResult<()> {
    let is_theirs = lab.store.is_course_of(course, author.scope()).await?;
    if is_theirs { Ok(()) } else { Err(ApiError::NotFound("course")) }
}
