//! A job as it goes, and what it came to: one's own, or one that a link shows.

use leptos::prelude::*;
use rrlab_protocol::{Artifact, Share};
use rrlab_types::{Evaluation, FinetuneRun, Repair, Rule, Sparsity};

use super::api;
use super::board::Board;
use super::panel::{how_far, title};
use super::watch::Course;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::graph::LiveGraph;
use crate::metric::{moment, percent};
use crate::settings::Settings;

/// The job that is watched.
#[component]
pub fn Watched(board: Board) -> impl IntoView {
    let id = board.settings.job;
    let results = Signal::derive(move || {
        let known = board.jobs.with(|jobs| jobs.iter().any(|job| job.id == id.get()));
        let made = |artifacts: &Vec<Artifact>| {
            artifacts.iter().filter(|artifact| known && artifact.job == Some(id.get())).cloned().collect()
        };
        board.artifacts.with(made)
    });
    view! {
        <Show when=move || { id.get() > 0 }>
            <section id="watched" aria-label="The job that is watched">
                <h3>{move || format!("Job {}: {}", id.get(), board.course.with(whereabouts))}</h3>
                <JobCourse settings=board.settings course=board.course results share=String::new() />
                <Links board />
            </section>
        </Show>
    }
}

/// The job that the page's link shows, to whoever has the link.
#[component]
pub fn Shared(board: Board) -> impl IntoView {
    let results =
        Signal::derive(move || board.shared.with(|job| job.iter().flat_map(|job| job.results.clone()).collect()));
    let shared = move || {
        board.shared.get().map(|job| {
            let share = board.settings.share.get_untracked();
            view! {
                <section class="panel run" id="shared" aria-label="What the link shows">
                    <h2>{format!("Shared by {}: {}", job.owner, title(&job.request, board))}</h2>
                    <p class="faint">{move || format!("Job {}: {}", job.id, board.shared_course.with(whereabouts))}</p>
                    <JobCourse settings=board.settings course=board.shared_course results share />
                </section>
            }
        })
    };
    // Made anew only for another job: its results come in one by one.
    let which = Memo::new(move |_| board.shared.with(|job| job.as_ref().map(|job| job.id)));
    move || which.get().and_then(|_| untrack(shared))
}

/// Its state, device, and how often it was taken up.
fn whereabouts(course: &Course) -> String {
    let state = course.state.map_or("…", |state| state.name());
    let device = if course.device.is_empty() { String::new() } else { format!(" on {}", course.device) };
    let again = match course.starts {
        0 | 1 => String::new(),
        starts => format!(", taken up {starts} times"),
    };
    format!("{state}{device}{again}")
}

fn found(evaluation: &Evaluation) -> String {
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

/// Progress, curves, layers and results of a job.
#[component]
fn JobCourse(
    settings: Settings,
    course: RwSignal<Course>,
    /// What it made and is still there.
    results: Signal<Vec<Artifact>>,
    /// Secret of the link that shows it; empty for one's own.
    share: String,
) -> impl IntoView {
    let progress = move || course.with(|course| course.progress.as_ref().map(how_far).unwrap_or_default());
    let made = move || {
        results.with(|results| {
            let item = |artifact: &Artifact| {
                let name = format!("{}: {} ({})", artifact.kind, artifact.name, bytes(artifact.bytes));
                view! { <li><a href=api::content(artifact.id, &share) download="">{name}</a></li> }
            };
            results.iter().map(item).collect_view()
        })
    };
    view! {
        <p role="status">{progress}</p>
        {move || course.with(|course| course.problem.clone()).map(|problem| view! { <p class="problem">{problem}</p> })}
        {move || course.with(|course| course.evaluation.as_ref().map(found)).map(|found| view! { <p class="evaluation">{found}</p> })}
        <Curves settings course />
        {move || course.with(|course| course.graph.clone()).map(|graph| {
            let layers = Signal::derive(move || course.with(|course| course.layers.clone()));
            let density = 1.0 - settings.a.sparsity.get_untracked().get();
            view! { <LiveGraph graph layers density /> }
        })}
        <ul class="results">{made}</ul>
    }
}

/// A size, for people.
pub fn bytes(bytes: i64) -> String {
    let kilobytes = bytes as f64 / 1000.0;
    if kilobytes < 1000.0 { format!("{kilobytes:.0} KB") } else { format!("{:.1} MB", kilobytes / 1000.0) }
}

/// Links to the job that is watched, each to be revoked.
#[component]
fn Links(board: Board) -> impl IntoView {
    let link = move |share: Share| {
        let made = moment(share.created_ms as f64);
        view! {
            <li>{format!("A link of {made} shows this job to whoever has it. ")}
                <button type="button" class="link-revoke" on:click=move |_| board.revoke(share.clone())>"Revoke"</button>
            </li>
        }
    };
    view! { <ul class="results">{move || board.links.get().into_iter().map(link).collect_view()}</ul> }
}

/// Lines of a sweep: accuracy over sparsity for each rule, after the repair.
fn sweep_lines(course: &Course) -> Vec<Series> {
    let mut lines: Vec<(Rule, Repair)> = course.entries.iter().map(|entry| (entry.rule, entry.repair)).collect();
    lines.sort_unstable();
    lines.dedup();
    let mut rules: Vec<Rule> = lines.iter().map(|(rule, _)| *rule).collect();
    rules.dedup();
    let line = |(rule, repair): (Rule, Repair)| {
        let entries = course.entries.iter().filter(|entry| (entry.rule, entry.repair) == (rule, repair));
        let points = entries.map(|entry| (entry.sparsity.get(), entry.accuracy)).collect();
        let note = if repair == Repair::None { "pruned" } else { "repaired" };
        // One colour for each rule.
        let style = rules.iter().position(|known| *known == rule);
        Series { note, style, dashed: repair == Repair::None, ..Series::line(rule.name(), points) }
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
fn Curves(settings: Settings, course: RwSignal<Course>) -> impl IntoView {
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
    let called = |title: &'static str| Signal::derive(move || title.to_owned());
    view! {
        <div class="charts">
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
