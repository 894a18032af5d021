//! The latest jobs, with what can be done with each.

use leptos::prelude::*;
use rrlab_protocol::{Job, JobRequest, JobState};

use super::job_text::{state_text, title};
use super::state::ServerState;

/// The latest jobs of who is signed in; a sentence where there are none.
#[component]
pub fn JobTable(server: ServerState) -> impl IntoView {
    let rows = move || server.jobs.get().into_iter().map(|job| job_row(server, job)).collect_view();
    let fallback = || view! { <p class="faint">"No jobs yet."</p> };
    view! {
        <Show when=move || server.jobs.with(|jobs| !jobs.is_empty()) fallback>
            <div class="table">
                <table id="jobs">
                    <thead><tr>
                        <th scope="col">"job"</th><th scope="col">"what"</th>
                        <th scope="col">"state"</th>
                        <th scope="col"><span class="sr-only">"what can be done"</span></th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </Show>
    }
}

fn job_row(server: ServerState, job: Job) -> impl IntoView {
    let id = job.id;
    let progress = job.progress.as_ref().filter(|progress| progress.total > 0);
    let bar = progress.map(|progress| {
        let share = progress.done as f64 / progress.total as f64;
        view! { <progress max="1" value=share aria-label=format!("Progress of job {id}")></progress> }
    });
    let (state, state_name) = (state_text(&job), job.state.name());
    let actions = actions(server, &job);
    let is_watched = move || (server.settings.job.get() == id).to_string();
    view! {
        <tr data-job=id data-state=state_name aria-current=is_watched>
            <td>{id}</td>
            <th scope="row">{move || title(&job.request, server)}</th>
            <td class="text">{state}{bar}</td>
            <td class="text"><span class="tools">{actions}</span></td>
        </tr>
    }
}

/// Whether a job of this kind makes something that the lab can show.
fn has_results_to_open(request: &JobRequest) -> bool {
    !matches!(request, JobRequest::Train(_) | JobRequest::Evaluate(_))
}

fn actions(server: ServerState, job: &Job) -> impl IntoView + use<> {
    let id = job.id;
    let can_open = job.state == JobState::Done && has_results_to_open(&job.request);
    let open = can_open.then(|| {
        view! {
            <button type="button" class="job-open primary" on:click=move |_| server.open(id)>
                "Open in the lab"</button>
        }
    });
    let end = if job.state.is_final() {
        view! {
            <button type="button" class="job-share"
                title="A link that shows this job’s results to whoever has it"
                on:click=move |_| server.share(id)>"Share"</button>
            <button type="button" class="job-forget" title="Its results stay"
                on:click=move |_| server.forget(id)>"Forget"</button>
        }
        .into_any()
    } else {
        view! {
            <button type="button" class="job-cancel" on:click=move |_| server.cancel(id)>
                "Cancel"</button>
        }
        .into_any()
    };
    view! {
        <button type="button" class="job-watch" on:click=move |_| server.settings.job.set(id)>
            "Watch"</button>
        {open}
        {end}
    }
}
