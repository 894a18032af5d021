//! Courses: the students' jobs for who teaches them, links that enrol, and whoever opens one.

use std::future::Future;
use std::time::Duration;

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use rrlab_protocol::{
    Course, CourseLink, CourseLinkPlan, CourseMember, Enrolment, Invitation, Job, JobState,
};

use super::api;
use super::job_text::{state_text, title};
use super::refresh::refresh_while_visible;
use super::state::ServerState;
use crate::address;
use crate::clipboard;
use crate::format::{date_time, duration};

/// How often a course is looked at while it is open.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// What is known of somebody's courses, and what they ask of them.
#[derive(Clone, Copy)]
struct CourseState {
    server: ServerState,
    courses: RwSignal<Vec<Course>>,
    /// The course that is looked at by who teaches it.
    chosen: RwSignal<Option<i64>>,
    members: RwSignal<Vec<CourseMember>>,
    links: RwSignal<Vec<CourseLink>>,
    jobs: RwSignal<Vec<Job>>,
    notice: RwSignal<String>,
}

impl CourseState {
    fn new(server: ServerState) -> Self {
        Self {
            server,
            courses: RwSignal::new(Vec::new()),
            chosen: RwSignal::new(None),
            members: RwSignal::new(Vec::new()),
            links: RwSignal::new(Vec::new()),
            jobs: RwSignal::new(Vec::new()),
            notice: RwSignal::new(String::new()),
        }
    }

    fn refresh(self) {
        leptos::task::spawn_local(async move {
            if let Err(problem) = self.look().await {
                self.notice.set(problem);
            }
        });
    }

    async fn look(self) -> Result<(), String> {
        let courses = api::courses().await?;
        let taught = courses.iter().find(|course| course.teaches).map(|course| course.id);
        if self.courses.with_untracked(|known| *known != courses) {
            self.courses.set(courses);
        }
        if self.chosen.get_untracked().is_none() && taught.is_some() {
            self.chosen.set(taught);
        }
        let Some(course) = self.chosen.get_untracked() else { return Ok(()) };
        let members = api::members(course).await?;
        let links = api::course_links(course).await?;
        let jobs = api::jobs_of_course(course).await?;
        if self.chosen.get_untracked() == Some(course) {
            self.members.set(members);
            self.links.set(links);
            self.jobs.set(jobs);
        }
        Ok(())
    }

    fn act(self, work: impl Future<Output = Result<String, String>> + 'static) {
        leptos::task::spawn_local(async move {
            self.notice.set(work.await.unwrap_or_else(|problem| problem));
            self.refresh();
        });
    }

    fn choose(self, course: i64) {
        self.chosen.set(Some(course));
        self.members.set(Vec::new());
        self.links.set(Vec::new());
        self.jobs.set(Vec::new());
        self.refresh();
    }

    /// Copies a link that enrols whoever opens it.
    fn invite(self, course: i64, plan: CourseLinkPlan) {
        self.act(async move {
            let secret = api::make_course_link(course, plan).await?;
            let query = format!("run=true&compute_on=server&enrol={secret}");
            let link = address::with_query(&query);
            let copied = clipboard::copy(&link).await;
            let what = if copied { "Copied the link" } else { "The link" };
            Ok(format!("{what}; whoever has it can enrol for {} days: {link}", plan.days))
        });
    }
}

/// Courses of who is signed in, folded away; nothing where there are none.
#[component]
pub fn CoursePanel(server: ServerState) -> impl IntoView {
    let state = CourseState::new(server);
    let is_open = RwSignal::new(false);
    Effect::new(move |_| {
        server.enrolled.track();
        state.refresh();
    });
    let refresh = move || {
        if is_open.get_untracked() {
            state.refresh();
        }
    };
    refresh_while_visible(REFRESH_INTERVAL, refresh);
    let count = move || state.courses.with(Vec::len);
    let toggle = move |_| is_open.update(|open| *open = !*open);
    view! {
        <Show when=move || { count() > 0 }>
            <details class="numbers" id="courses" on:toggle=toggle>
                <summary id="courses-open">{move || format!("Courses ({})", count())}</summary>
                <p id="course-notice" role="status">{move || state.notice.get()}</p>
                <ul class="results">
                    {move || state.courses.get().into_iter().map(|course| course_line(state, course)).collect_view()}
                </ul>
                <Show when=move || state.chosen.get().is_some()><Taught state /></Show>
            </details>
        </Show>
    }
}

fn course_line(state: CourseState, course: Course) -> impl IntoView {
    let Course { id, name, teaches, learns, teachers, students } = course;
    let can_look = teaches || state.server.admin().is_some();
    let choose = can_look.then(|| {
        let is_chosen = move || (state.chosen.get() == Some(id)).to_string();
        view! { " "<button type="button" class="course-choose" aria-pressed=is_chosen
        on:click=move |_| state.choose(id)>"Look at it"</button> }
    });
    let seen = learns.then_some(" They see your jobs and what these make.");
    let taught = format!("{name}, taught by {}; students: {students}.", teachers.join(", "));
    view! { <li>{taught}{seen}{choose}</li> }
}

/// The students' jobs, and links, of the course that is chosen.
#[component]
fn Taught(state: CourseState) -> impl IntoView {
    let member = move |member| member_row(state, member);
    let invite = move |_| {
        if let Some(course) = state.chosen.get_untracked() {
            state.invite(course, CourseLinkPlan::default());
        }
    };
    view! {
        <p><button type="button" id="course-invite" on:click=invite>"Copy a link that enrols"</button></p>
        <ul class="results">
            {move || state.links.get().into_iter().map(|link| link_line(state, link)).collect_view()}
        </ul>
        <div class="table">
            <table id="members">
                <thead><tr>
                    <th scope="col">"name"</th><th scope="col">"computed in a day"</th>
                    <th scope="col">"jobs"</th>
                    <th scope="col"><span class="sr-only">"what can be done"</span></th>
                </tr></thead>
                <tbody>{move || state.members.get().into_iter().map(member).collect_view()}</tbody>
            </table>
        </div>
        <div class="table">
            <table id="course-jobs">
                <thead><tr>
                    <th scope="col">"job"</th><th scope="col">"whose"</th><th scope="col">"what"</th>
                    <th scope="col">"state"</th>
                    <th scope="col"><span class="sr-only">"what can be done"</span></th>
                </tr></thead>
                <tbody>{move || state.jobs.get().into_iter().map(|job| job_row(state, job)).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn link_line(state: CourseState, link: CourseLink) -> impl IntoView {
    let CourseLink { id, course, seats, expires_ms, .. } = link;
    let until = date_time(expires_ms as f64);
    let revoke = move |_| {
        state.act(async move { api::revoke_course_link(course, id).await.map(|()| String::new()) });
    };
    view! {
        <li>{format!("A link enrols up to {seats} students until {until}. ")}
            <button type="button" class="course-revoke" on:click=revoke>"Revoke"</button>
        </li>
    }
}

fn member_row(state: CourseState, member: CourseMember) -> impl IntoView {
    let CourseMember { id, name, teaches, jobs, open_jobs, device_seconds, .. } = member;
    let remove = (!teaches).then(|| {
        let remove = move |_| {
            let Some(course) = state.chosen.get_untracked() else { return };
            state.act(async move { api::remove_member(course, id).await.map(|()| String::new()) });
        };
        view! { <button type="button" class="member-remove" title="Their work stays" on:click=remove>
            "Take out"</button> }
    });
    view! {
        <tr data-member=id>
            <th scope="row">{name}{teaches.then_some(" (teaches)")}</th>
            <td>{duration(device_seconds)}</td>
            <td>{format!("{jobs} ({open_jobs} open)")}</td>
            <td class="text"><span class="tools">{remove}</span></td>
        </tr>
    }
}

fn job_row(state: CourseState, job: Job) -> impl IntoView {
    let (id, server) = (job.id, state.server);
    let open = (job.state == JobState::Done).then(|| {
        view! { <button type="button" class="primary" on:click=move |_| server.open(id)>
        "Open in the lab"</button> }
    });
    view! {
        <tr data-job=id>
            <td>{id}</td>
            <td class="text">{job.owner.clone()}</td>
            <th scope="row">{title(&job.request, server)}</th>
            <td class="text">{state_text(&job)}</td>
            <td class="text"><span class="tools">
                <button type="button" on:click=move |_| server.settings.job.set(id)>"Watch"</button>
                {open}
            </span></td>
        </tr>
    }
}

/// Whoever opened a link that enrols: what it leads to, and the way in.
#[component]
pub fn Enrol(server: ServerState) -> impl IntoView {
    let invitation = RwSignal::new(None::<Invitation>);
    let said = RwSignal::new(String::new());
    let name = RwSignal::new(String::new());
    let secret = server.settings.enrol.get_untracked();
    leptos::task::spawn_local({
        let secret = secret.clone();
        async move {
            match api::invitation(&secret).await {
                Ok(found) => invitation.set(Some(found)),
                Err(problem) => said.set(format!("The link enrols nobody: {problem}")),
            }
        }
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let chosen = name.get_untracked().trim().to_owned();
        let name = Some(chosen).filter(|name| !name.is_empty());
        let secret = secret.clone();
        leptos::task::spawn_local(async move {
            match api::enrol(&secret, &Enrolment { name }).await {
                Ok(enrolled) => {
                    said.set(format!("{} is in {} now.", enrolled.person.name, enrolled.course));
                    invitation.set(None);
                    server.welcome(enrolled.token);
                }
                Err(problem) => said.set(problem),
            }
        });
    };
    let text = move |found: &Invitation| {
        format!(
            "This link enrols you in {}, taught by {}: they will see your jobs and what these make.",
            found.course,
            found.teachers.join(", ")
        )
    };
    let chooses_name = move || {
        !server.is_signed_in()
            && invitation.with(|found| found.as_ref().is_some_and(|found| found.adds_people))
    };
    let can_enrol = move || server.is_signed_in() || chooses_name();
    view! {
        <p id="enrol-said" role="status">{move || said.get()}</p>
        <Show when=move || invitation.with(Option::is_some)>
            <form class="tools" on:submit=submit.clone()>
                <p>{move || invitation.with(|found| found.as_ref().map(text))}</p>
                <Show when=chooses_name>
                    <label class="inline"><span>"Your name"</span>
                        <input type="text" id="enrol-name" autocomplete="username" required
                            prop:value=name
                            on:input:target=move |event| name.set(event.target().value()) />
                    </label>
                </Show>
                <Show when=can_enrol fallback=|| view! { <p>"Sign in first."</p> }>
                    <button type="submit" id="enrol" class="primary">"Enrol"</button>
                </Show>
            </form>
        </Show>
    }
}
