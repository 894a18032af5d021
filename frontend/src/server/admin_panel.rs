//! For admins: people, workers, the queue, storage and the audit log.

use std::future::Future;
use std::time::Duration;

use leptos::prelude::*;
use rrlab_protocol::{
    AuditEntry, JobCount, LabOverview, PersonChange, PersonSummary, UserRole, WorkerSummary,
};

use super::api;
use super::refresh::refresh_while_visible;
use crate::format::{date_time, duration, file_size};

/// How often the lab is looked at while that is open.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// What is known of the lab, and what an admin asks of it.
#[derive(Clone, Copy)]
struct AdminState {
    overview: RwSignal<Option<LabOverview>>,
    audit: RwSignal<Vec<AuditEntry>>,
    /// What went wrong last.
    notice: RwSignal<String>,
}

impl AdminState {
    fn new() -> Self {
        Self {
            overview: RwSignal::new(None),
            audit: RwSignal::new(Vec::new()),
            notice: RwSignal::new(String::new()),
        }
    }

    fn refresh(self) {
        leptos::task::spawn_local(async move {
            match api::overview().await {
                Ok(overview) => self.overview.set(Some(overview)),
                Err(problem) => self.notice.set(problem),
            }
            match api::audit().await {
                Ok(entries) => self.audit.set(entries),
                Err(problem) => self.notice.set(problem),
            }
        });
    }

    fn act(self, work: impl Future<Output = Result<(), String>> + 'static) {
        leptos::task::spawn_local(async move {
            self.notice.set(work.await.err().unwrap_or_default());
            self.refresh();
        });
    }

    fn change(self, person: i64, change: PersonChange) {
        self.act(async move { api::change_person(person, change).await });
    }
}

/// The lab as its admins see it, folded away; looked at anew while it is open. `me` is who looks.
#[component]
pub fn AdminPanel(me: String) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let toggle = move |_| is_open.update(|open| *open = !*open);
    view! {
        <details class="numbers" id="admin" on:toggle=toggle>
            <summary id="admin-open">"The lab: people, workers, storage"</summary>
            <Show when=move || is_open.get()><Administration me=me.clone() /></Show>
        </details>
    }
}

#[component]
fn Administration(me: String) -> impl IntoView {
    let admin = AdminState::new();
    admin.refresh();
    refresh_while_visible(REFRESH_INTERVAL, move || admin.refresh());
    let of = move |part: fn(&LabOverview) -> AnyView| {
        admin.overview.with(|overview| overview.as_ref().map(part))
    };
    // Rows that are looked at stay while nothing of theirs changes.
    let people = Memo::new(move |_| {
        admin.overview.with(|overview| overview.as_ref().map(|lab| lab.people.clone()))
    });
    let rows = move || {
        let row = |person| person_row(admin, person, &me);
        people.get().unwrap_or_default().into_iter().map(row).collect_view()
    };
    view! {
        <p class="problem" role="status">{move || admin.notice.get()}</p>
        {move || of(|lab| queue_text(lab).into_any())}
        <h3>"People"</h3>
        <div class="table">
            <table id="people">
                <thead><tr>
                    <th scope="col">"name"</th><th scope="col">"role"</th>
                    <th scope="col">"computed in a day"</th><th scope="col">"stored"</th>
                    <th scope="col">"jobs"</th><th scope="col">"signed in at"</th>
                    <th scope="col"><span class="sr-only">"what can be done"</span></th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <h3>"Workers"</h3>
        {move || of(|lab| workers(&lab.workers).into_any())}
        <h3>"Who did what"</h3>
        <div class="table">
            <table id="audit">
                <thead><tr>
                    <th scope="col">"when"</th><th scope="col">"who"</th><th scope="col">"did"</th>
                    <th scope="col">"to"</th><th scope="col">"what"</th>
                </tr></thead>
                <tbody>{move || admin.audit.get().into_iter().map(audit_row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// The queue and what is stored, in a line.
fn queue_text(lab: &LabOverview) -> impl IntoView + use<> {
    let jobs: Vec<String> = lab.jobs.iter().map(count_text).collect();
    let oldest = match lab.oldest_waiting_seconds {
        Some(seconds) => format!("; the oldest that waits has for {}", duration(seconds)),
        None => String::new(),
    };
    let stranded = match lab.stranded_jobs {
        0 => String::new(),
        count => format!("; no worker can compute {count} of them"),
    };
    let stored = file_size(lab.stored_bytes);
    view! { <p id="lab-state">{format!("Jobs: {}{oldest}{stranded}. Stored: {stored}.", jobs.join(", "))}</p> }
}

fn count_text(count: &JobCount) -> String {
    format!("{} {}", count.count, count.state)
}

fn person_row(admin: AdminState, person: PersonSummary, me: &str) -> impl IntoView + use<> {
    let PersonSummary { id, name, role, disabled_ms, .. } = person;
    let is_out = disabled_ms.is_some();
    let is_me = name == me;
    let choose = move |event| {
        if let Ok(role) = event_target_value(&event).parse::<UserRole>() {
            admin.change(id, PersonChange { role: Some(role), disabled: None });
        }
    };
    let option = |value: UserRole| {
        view! { <option value=value.name() selected=value == role>{value.name()}</option> }
    };
    let roles = [UserRole::Student, UserRole::Reviewer, UserRole::Admin].map(option);
    let shut = move |_| admin.change(id, PersonChange { role: None, disabled: Some(!is_out) });
    let label = if is_out { "Let in again" } else { "Shut out" };
    view! {
        <tr data-person=id>
            <th scope="row">{name.clone()}{is_out.then_some(" (shut out)")}</th>
            <td class="text">
                <select aria-label=format!("Role of {name}") disabled=is_me on:change=choose>
                    {roles}</select>
            </td>
            <td>{duration(person.device_seconds)}</td>
            <td>{file_size(person.stored_bytes)}</td>
            <td>{format!("{} ({} open)", person.jobs, person.open_jobs)}</td>
            <td>{person.sessions}</td>
            <td class="text"><span class="tools">
                <button type="button" class="person-shut" disabled=is_me on:click=shut>{label}</button>
                <button type="button" class="person-sign-out" disabled={person.sessions == 0}
                    on:click=move |_| admin.act(api::end_sessions(id))>"Sign out"</button>
            </span></td>
        </tr>
    }
}

fn workers(workers: &[WorkerSummary]) -> impl IntoView + use<> {
    if workers.is_empty() {
        return view! { <p class="faint">"None is alive."</p> }.into_any();
    }
    let row = |worker: WorkerSummary| {
        let job = worker.job.map_or_else(|| "waits".to_owned(), |job| format!("job {job}"));
        view! {
            <tr>
                <th scope="row">{worker.name}</th><td class="text">{worker.device}</td>
                <td class="text">{job}</td><td class="text">{worker.program}</td>
            </tr>
        }
    };
    view! {
        <div class="table">
            <table id="workers">
                <thead><tr>
                    <th scope="col">"worker"</th><th scope="col">"device"</th>
                    <th scope="col">"computes"</th><th scope="col">"program"</th>
                </tr></thead>
                <tbody>{workers.iter().cloned().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn audit_row(entry: AuditEntry) -> impl IntoView {
    let actor = entry.actor.unwrap_or_else(|| "the lab".to_owned());
    view! {
        <tr>
            <td class="text">{date_time(entry.at_ms as f64)}</td>
            <td class="text">{actor}</td>
            <td class="text">{entry.action.name().replace('_', " ")}</td>
            <td class="text">{entry.person}</td>
            <td class="text">{entry.detail}</td>
        </tr>
    }
}
