//! Where a person starts, watches and cancels jobs on the server, and opens their results.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use rrlab_types::{DatasetRef, FinetuneRun, Job, JobProgress, JobRequest, JobState, Repair, Rule, Sparsity};

use super::api;
use super::board::Board;
use super::form::{Form, JobForm};
use super::watch::Course;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::graph::LiveGraph;
use crate::run::in_words;

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
        <Show when=move || board.is_signed_in()>
            <JobForm form />
            <JobTable board />
            <Watched board />
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
fn title(request: &JobRequest, board: Board) -> String {
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
    let network = |id: &i64| called(*id, "network");
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match request {
        JobRequest::Train { architecture, plan, .. } => {
            format!("train {architecture} on {data}, {}", plural(plan.epochs, "epoch"))
        }
        JobRequest::Calibrate { model, images, .. } => {
            format!("measure {} on {images} images of {data}", network(model))
        }
        JobRequest::Sweep { model, plan, .. } => {
            format!("sweep {} on {data}, {}", network(model), plural(plan.asked(), "combination"))
        }
        JobRequest::Finetune { model, plan, .. } => {
            format!("fine-tune {} on {data}, {}", network(model), plural(plan.asked(), "run"))
        }
        JobRequest::Evaluate { model, .. } => format!("evaluate {} on {data}", network(model)),
    }
}

fn how_far(progress: &JobProgress) -> String {
    let left = progress.seconds_left.map_or_else(String::new, |seconds| format!(", {}", in_words(seconds)));
    let speed = progress.images_per_second.map_or_else(String::new, |speed| format!(", {speed:.0} images/s"));
    format!("{} of {} {}{speed}{left}", progress.done, progress.total, progress.what)
}

fn state_of(job: &Job) -> String {
    match (job.state, &job.progress, job.position) {
        _ if job.cancelling => "stopping …".into(),
        (JobState::Queued, _, Some(0)) => "next in the queue".into(),
        (JobState::Queued, _, Some(position)) => format!("{position} before it in the queue"),
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
        let opens = matches!(
            job.request,
            JobRequest::Calibrate { .. } | JobRequest::Sweep { .. } | JobRequest::Finetune { .. }
        ) && job.state == JobState::Done;
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

/// The job that is watched, as it goes.
#[component]
fn Watched(board: Board) -> impl IntoView {
    let id = board.settings.job;
    let course = board.course;
    let heading = move || {
        course.with(|course| {
            let state = course.state.map_or("…", JobState::name);
            let device = if course.device.is_empty() { String::new() } else { format!(" on {}", course.device) };
            let again = match course.starts {
                0 | 1 => String::new(),
                starts => format!(", taken up {starts} times"),
            };
            format!("Job {}: {state}{device}{again}", id.get())
        })
    };
    let progress = move || course.with(|course| course.progress.as_ref().map(how_far).unwrap_or_default());
    let results = move || {
        let job = board.jobs.with(|jobs| jobs.iter().any(|job| job.id == id.get()));
        let made = move || {
            board.artifacts.with(|artifacts| {
                let made = artifacts.iter().filter(|artifact| artifact.job == Some(id.get()));
                made.map(|artifact| {
                    let name =
                        format!("{}: {} ({:.0} KB)", artifact.kind, artifact.name, artifact.bytes as f64 / 1000.0);
                    view! { <li><a href=api::content(artifact.id, "") download="">{name}</a></li> }
                })
                .collect_view()
            })
        };
        job.then(|| view! { <ul id="results">{made}</ul> })
    };
    view! {
        <Show when=move || { id.get() > 0 }>
            <section id="watched" aria-label="The job that is watched">
                <h3>{heading}</h3>
                <p role="status">{progress}</p>
                {move || course.with(|course| course.problem.clone()).map(|problem| view! { <p class="problem">{problem}</p> })}
                <Curves board />
                {move || course.with(|course| course.graph.clone()).map(|graph| {
                    let layers = Signal::derive(move || course.with(|course| course.layers.clone()));
                    let density = 1.0 - board.settings.a.sparsity.get_untracked().get();
                    view! { <LiveGraph graph layers density /> }
                })}
                {results}
            </section>
        </Show>
    }
}

/// Lines of a sweep: accuracy over sparsity for each rule, after the repair.
fn sweep_lines(course: &Course) -> Vec<Series> {
    let mut lines: Vec<(Rule, Repair)> = course.entries.iter().map(|entry| (entry.rule, entry.repair)).collect();
    lines.sort_unstable();
    lines.dedup();
    let line = |(rule, repair): (Rule, Repair)| {
        let entries = course.entries.iter().filter(|entry| (entry.rule, entry.repair) == (rule, repair));
        let points = entries.map(|entry| (entry.sparsity.get(), entry.accuracy)).collect();
        let note = if repair == Repair::None { "pruned" } else { "repaired" };
        Series { note, dashed: repair == Repair::None, ..Series::line(rule.name(), points) }
    };
    lines.into_iter().map(line).collect()
}

/// Lines of fine-tuning: accuracy over epochs for each run, from the repaired network on.
fn tuning_lines(runs: &[FinetuneRun]) -> Vec<Series> {
    let line = |run: &FinetuneRun| {
        let start = (0.0, run.start_accuracy);
        let epochs = run.epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, epoch.test_accuracy?)));
        Series::line(format!("{} at {}", run.rule, run.sparsity), [start].into_iter().chain(epochs).collect())
    };
    runs.iter().map(line).collect()
}

#[component]
fn Curves(board: Board) -> impl IntoView {
    let course = board.course;
    let spec =
        |x: Axis, y: Axis, series: Vec<Series>, legend| ChartSpec { x, y, series, shade: None, mark: None, legend };
    let accuracy = || Axis::new("accuracy", AxisScale::Percent).between(0.0, 1.0);
    let epochs = || Axis { min: Some(0.0), ..Axis::new("epoch", AxisScale::Linear) };
    let losses = Signal::derive(move || {
        let series = course.with(|course| vec![Series::line("loss of a step", course.losses.clone())]);
        spec(epochs(), Axis { min: Some(0.0), ..Axis::new("loss", AxisScale::Linear) }, series, false)
    });
    let accuracies = Signal::derive(move || {
        let series = course.with(|course| vec![Series::line("accuracy", course.accuracies.clone())]);
        spec(epochs(), accuracy(), series, false)
    });
    let tuned =
        Signal::derive(move || spec(epochs(), accuracy(), course.with(|course| tuning_lines(&course.runs)), true));
    let swept = Signal::derive(move || {
        let (least, most) = course.with(|course| {
            let sparsities = course.entries.iter().map(|entry| entry.sparsity);
            let most = sparsities.clone().map(Sparsity::get).fold(0.0, f64::max);
            (sparsities.map(Sparsity::get).fold(most, f64::min), most)
        });
        spec(Axis::sparsity(least, most), accuracy(), course.with(sweep_lines), true)
    });
    let has = move |there: fn(&Course) -> bool| move || course.with(there);
    let settings = board.settings;
    let called = |title: &'static str| Signal::derive(move || title.to_owned());
    view! {
        <div class="charts" id="job-curves">
            <Show when=has(|course| course.losses.len() > 1)>
                <Chart settings name="job-loss" title=called("Loss while training") spec=losses height=200 />
            </Show>
            <Show when=has(|course| !course.accuracies.is_empty())>
                <Chart settings name="job-accuracy" title=called("Accuracy on test images") spec=accuracies height=200 />
            </Show>
            <Show when=has(|course| !course.runs.is_empty())>
                <Chart settings name="job-tuning" title=called("Accuracy on test images after each epoch") spec=tuned height=260 />
            </Show>
            <Show when=has(|course| course.entries.len() > 1)>
                <Chart settings name="job-sweep" title=called("Accuracy over sparsity so far") spec=swept height=300 />
            </Show>
        </div>
    }
}
