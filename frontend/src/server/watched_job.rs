//! A job as it goes, and what it came to: one's own, or one that a link shows.

use leptos::prelude::*;
use rrlab_protocol::{Artifact, Share};
use rrlab_types::{Candidate, Evaluation, Selection};

use super::api;
use super::job_charts::JobCharts;
use super::job_events::JobHistory;
use super::job_text::{progress_text, title};
use super::state::ServerState;
use crate::format::{date_time, file_size, percent};
use crate::graph::LiveGraph;
use crate::settings::Settings;

/// The job that is watched.
#[component]
pub fn WatchedJob(server: ServerState) -> impl IntoView {
    let id = server.settings.job;
    let results = Signal::derive(move || {
        let id = id.get();
        if !server.jobs.with(|jobs| jobs.iter().any(|job| job.id == id)) {
            return Vec::new();
        }
        let is_result = |artifact: &&Artifact| artifact.job == Some(id);
        server.artifacts.with(|artifacts| artifacts.iter().filter(is_result).cloned().collect())
    });
    let head = move || format!("Job {}: {}", id.get(), server.history.with(state_and_device));
    view! {
        <Show when=move || { id.get() > 0 }>
            <section id="watched" aria-label="The job that is watched">
                <h3>{head}</h3>
                <JobView settings=server.settings history=server.history results
                    share=String::new() />
                <Links server />
            </section>
        </Show>
    }
}

/// The job that the page's link shows, to whoever has the link.
#[component]
pub fn SharedJob(server: ServerState) -> impl IntoView {
    server.follow_link();
    let results = Signal::derive(move || {
        let job = server.shared.get();
        job.map(|job| job.results).unwrap_or_default()
    });
    let history = server.shared_history;
    let shared = move || {
        server.shared.get().map(|job| {
            let share = server.settings.share.get_untracked();
            let head = format!("Shared by {}: {}", job.owner, title(&job.request, server));
            let state = move || format!("Job {}: {}", job.id, history.with(state_and_device));
            view! {
                <section class="panel run" id="shared" aria-label="What the link shows">
                    <h2>{head}</h2>
                    <p class="faint">{state}</p>
                    <JobView settings=server.settings history results share />
                </section>
            }
        })
    };
    // Made anew only for another job: its results come in one by one.
    let which = Memo::new(move |_| server.shared.with(|job| job.as_ref().map(|job| job.id)));
    move || which.get().and_then(|_| untrack(shared))
}

/// A job's state, device, and how often it was taken up.
fn state_and_device(history: &JobHistory) -> String {
    let state = history.state.map_or("…", |state| state.name());
    let device =
        if history.device.is_empty() { String::new() } else { format!(" on {}", history.device) };
    let again = match history.starts {
        0 | 1 => String::new(),
        starts => format!(", taken up {starts} times"),
    };
    format!("{state}{device}{again}")
}

/// Accuracy and weights of an evaluated network, in a sentence.
fn evaluation_text(evaluation: &Evaluation) -> String {
    format!(
        "{}: {} of {} {} images of {} classified right; {} of {} weights are not 0.",
        evaluation.model,
        percent(evaluation.accuracy),
        evaluation.images,
        evaluation.split,
        evaluation.dataset,
        evaluation.nonzero_weights,
        evaluation.weights
    )
}

/// The candidates of a choice, the chosen one first, and what a search found.
fn selection_lines(selection: &Selection) -> Vec<String> {
    let line = |candidate: &Candidate| {
        let Candidate { rule, divergence, behind, .. } = candidate;
        let behind = if behind.mean > 0.0 { format!(", {behind} behind") } else { String::new() };
        format!("{} diverges by {divergence:.4} nats{behind}", rule.label())
    };
    let mut lines: Vec<String> = selection.candidates.iter().map(line).collect();
    lines.extend(selection.refinement.as_ref().map(|found| {
        let taken = if found.taken { "taken" } else { "the rule’s allocation stays" };
        format!("the search of {} networks gains {}: {taken}", found.networks, found.gain)
    }));
    lines
}

/// Progress, curves, layers and results of a job.
#[component]
fn JobView(
    settings: Settings,
    history: RwSignal<JobHistory>,
    /// What it made and is still there.
    results: Signal<Vec<Artifact>>,
    /// Secret of the link that shows it; empty for one's own.
    share: String,
) -> impl IntoView {
    let progress = move || {
        let progress = history.with(|history| history.progress.clone());
        progress.as_ref().map(progress_text).unwrap_or_default()
    };
    let problem = move || {
        let problem = history.with(|history| history.problem.clone());
        problem.map(|problem| view! { <p class="problem">{problem}</p> })
    };
    let evaluation = move || {
        let text = history.with(|history| history.evaluation.as_ref().map(evaluation_text));
        text.map(|text| view! { <p class="evaluation">{text}</p> })
    };
    let selection = move || {
        let lines = history.with(|history| history.selection.as_ref().map(selection_lines))?;
        let lines = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
        Some(view! { <ol class="selection">{lines}</ol> })
    };
    let graph = move || {
        let graph = history.with(|history| history.graph.clone())?;
        let layers = Signal::derive(move || history.with(|history| history.layers.clone()));
        let density = settings.a.sparsity.get_untracked().density().get();
        Some(view! { <LiveGraph graph layers density /> })
    };
    let files = move || {
        let file = |artifact: Artifact| {
            let size = file_size(artifact.bytes);
            let name = format!("{}: {} ({size})", artifact.kind, artifact.name);
            view! { <li><a href=api::content(artifact.id, &share) download="">{name}</a></li> }
        };
        results.get().into_iter().map(file).collect_view()
    };
    let is_cut = Memo::new(move |_| history.with(|history| history.is_cut));
    view! {
        <Show when=move || is_cut.get()>
            <p class="notice" role="status">"The server does not answer. What is shown here is as it was; \
                it is asked again."</p>
        </Show>
        <p role="status">{progress}</p>
        {problem}
        {evaluation}
        {selection}
        <JobCharts settings history />
        {graph}
        <ul class="results">{files}</ul>
    }
}

/// Links to the job that is watched, each to be revoked.
#[component]
fn Links(server: ServerState) -> impl IntoView {
    let link = move |share: Share| {
        let made = date_time(share.created_ms as f64);
        let revoke = move |_| server.revoke(share.clone());
        view! {
            <li>{format!("A link of {made} shows this job to whoever has it. ")}
                <button type="button" class="link-revoke" on:click=revoke>"Revoke"</button>
            </li>
        }
    };
    view! { <ul class="results">{move || server.links.get().into_iter().map(link).collect_view()}</ul> }
}
