//! Where a person starts, watches and cancels jobs on the server, and opens their results.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use rrlab_protocol::{DatasetRef, Job, JobProgress, JobRequest, JobState};

use super::board::Board;
use super::course::Watched;
use super::form::{Form, JobForm};
use super::stored::StoredTable;
use crate::run::{duration, in_words};

/// Sign-in, form, jobs, and the job that is watched.
#[component]
pub fn ServerPanel(board: Board) -> impl IntoView {
    let form = Form::new(board);
    let who = move || {
        board.info.with(|info| {
            let Some(info) = info else { return "No server answers beside this page.".to_owned() };
            let devices = match info.devices.len() {
                0 => "no worker is there yet".to_owned(),
                _ => format!("computes on {}", info.devices.join(", ")),
            };
            match &info.user {
                Some(user) if info.hosted => {
                    format!("{}: {devices}. You are {} ({}).", info.program, user.name, user.role)
                }
                Some(_) => format!("{} on this machine: {devices}.", info.program),
                None => format!("{}: sign in with your token.", info.program),
            }
        })
    };
    let hosted = move || board.info.with(|info| info.as_ref().is_some_and(|info| info.hosted));
    view! {
        <p class="faint" id="server">{who}
            <Show when=move || hosted() && board.is_signed_in()>
                " "<button type="button" id="sign-out" on:click=move |_| board.sign_out()>"Sign out"</button>
            </Show>
        </p>
        <p id="notice" role="status" class:problem=move || board.notice.with(|notice| !notice.is_empty())>{move || board.notice.get()}</p>
        <Show when=move || hosted() && !board.is_signed_in()><SignIn board /></Show>
        <Show when=move || board.is_signed_in() && !board.has_jobs()>
            <p>"A reviewer reads what is shared by a link: open the link that you were given."</p>
        </Show>
        <Show when=move || board.has_jobs()>
            <JobForm form />
            <JobTable board />
            <Watched board />
            <StoredTable board />
        </Show>
    }
}

#[component]
fn SignIn(board: Board) -> impl IntoView {
    let token = RwSignal::new(String::new());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        board.sign_in(token.get_untracked().trim().to_owned());
        token.set(String::new());
    };
    view! {
        <form class="tools" on:submit=submit>
            <label class="inline"><span>"Token"</span>
                <input type="password" id="token" autocomplete="current-password" placeholder="rrlab_…"
                    prop:value=token on:input:target=move |event| token.set(event.target().value()) />
            </label>
            <button type="submit" id="sign-in" class="primary">"Sign in"</button>
        </form>
    }
}

/// What was asked for, in a line.
pub fn title(request: &JobRequest, board: Board) -> String {
    let called = |id: i64, what: &str| {
        board.artifacts.with(|artifacts| {
            let found = artifacts.iter().find(|artifact| artifact.id == id);
            found.map_or_else(|| format!("{what} {id}"), |artifact| artifact.name.clone())
        })
    };
    let data = match request.dataset() {
        DatasetRef::Named(name) => name.clone(),
        DatasetRef::Stored(id) => called(*id, "data set"),
    };
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let network = request.model().map_or_else(String::new, |id| called(id, "network"));
    match request {
        JobRequest::Train(job) => {
            format!("train {} on {data}, {}", job.architecture, plural(job.plan.epochs, "epoch"))
        }
        JobRequest::Calibrate(job) => format!("measure {network} on {} images of {data}", job.images),
        JobRequest::Sweep(job) => {
            format!("sweep {network} on {data}, {}", plural(job.plan.asked(), "combination"))
        }
        JobRequest::Finetune(job) => {
            format!("fine-tune {network} on {data}, {}", plural(job.plan.asked(), "run"))
        }
        JobRequest::Evaluate(_) => format!("evaluate {network} on {data}"),
    }
}

/// How far a job is, in words.
pub fn how_far(progress: &JobProgress) -> String {
    let left = progress.seconds_left.map_or_else(String::new, |seconds| format!(", {}", in_words(seconds)));
    let speed = progress.images_per_second.map_or_else(String::new, |speed| format!(", {speed:.0} images/s"));
    format!("{} of {} {}{speed}{left}", progress.done, progress.total, progress.what)
}

fn state_of(job: &Job) -> String {
    match (job.state, &job.progress, job.position) {
        _ if job.cancelling => "stopping …".into(),
        (JobState::Queued, _, Some(position)) => {
            let place = if position == 0 {
                "next in the queue".to_owned()
            } else {
                format!("{position} before it in the queue")
            };
            let start = job.starts_in_seconds.map(|seconds| format!(", starts in about {}", duration(seconds)));
            place + &start.unwrap_or_default()
        }
        (JobState::Running, Some(progress), _) => how_far(progress),
        (JobState::Done, ..) => {
            let milliseconds = job.finished_ms.zip(job.started_ms).map_or(0, |(end, start)| end - start);
            format!("done in {:.0} s", milliseconds as f64 / 1000.0)
        }
        (JobState::Failed, ..) => format!("failed: {}", job.problem.as_deref().unwrap_or("nobody said why")),
        (state, ..) => state.to_string(),
    }
}

#[component]
fn JobTable(board: Board) -> impl IntoView {
    let row = move |job: Job| {
        let (id, running) = (job.id, !job.state.is_final());
        let progress = job.progress.as_ref().filter(|progress| progress.total > 0);
        let bar = progress.map(|progress| {
            let share = progress.done as f64 / progress.total as f64;
            view! { <progress max="1" value=share aria-label=format!("Progress of job {id}")></progress> }
        });
        let opens = matches!(job.request, JobRequest::Calibrate(_) | JobRequest::Sweep(_) | JobRequest::Finetune(_))
            && job.state == JobState::Done;
        let (state, name) = (state_of(&job), job.state.name());
        let watched = move || (board.settings.job.get() == id).to_string();
        view! {
            <tr data-job=id data-state=name aria-current=watched>
                <td>{id}</td>
                <th scope="row">{move || title(&job.request, board)}</th>
                <td class="text">{state}{bar}</td>
                <td class="text"><span class="tools">
                    <button type="button" class="job-watch" on:click=move |_| board.settings.job.set(id)>"Watch"</button>
                    {opens.then(|| view! { <button type="button" class="job-open primary" on:click=move |_| board.open(id)>"Open in the lab"</button> })}
                    {if running {
                        view! { <button type="button" class="job-cancel" on:click=move |_| board.cancel(id)>"Cancel"</button> }.into_any()
                    } else {
                        view! {
                            <button type="button" class="job-share" title="A link that shows this job’s results to whoever has it" on:click=move |_| board.share(id)>"Share"</button>
                            <button type="button" class="job-forget" title="Its results stay" on:click=move |_| board.forget(id)>"Forget"</button>
                        }.into_any()
                    }}
                </span></td>
            </tr>
        }
    };
    view! {
        <Show when=move || board.jobs.with(|jobs| !jobs.is_empty()) fallback=|| view! { <p class="faint">"No jobs yet."</p> }>
            <div class="table">
                <table id="jobs">
                    <thead><tr><th scope="col">"job"</th><th scope="col">"what"</th><th scope="col">"state"</th><th scope="col"><span class="sr-only">"what can be done"</span></th></tr></thead>
                    <tbody>{move || board.jobs.get().into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </Show>
    }
}
