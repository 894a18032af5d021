//! Charts of a job: loss and accuracy while it trains, runs of fine-tuning, lines of a sweep.

use leptos::prelude::*;
use rrlab_types::{FinetuneRun, Repair, Rule};

use super::job_events::JobHistory;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::rule_look::rule_look;
use crate::settings::Settings;

/// Lines of a sweep: accuracy over sparsity for each rule, before and after the repair.
fn sweep_lines(history: &JobHistory) -> Vec<Series> {
    let mut lines: Vec<(Rule, Repair)> =
        history.entries.iter().map(|entry| (entry.rule, entry.repair)).collect();
    lines.sort_unstable();
    lines.dedup();
    let mut series = Vec::with_capacity(lines.len());
    for (rule, repair) in lines {
        let entries =
            history.entries.iter().filter(|entry| entry.rule == rule && entry.repair == repair);
        let points = entries.map(|entry| (entry.sparsity.get(), entry.accuracy)).collect();
        series.push(Series {
            note: if repair == Repair::None { "pruned" } else { "repaired" },
            look: Some(rule_look(rule)),
            dashed: repair == Repair::None,
            ..Series::line(rule.label(), points)
        });
    }
    series
}

/// Least and largest sparsity of a sweep so far.
fn sparsity_range(history: &JobHistory) -> (f64, f64) {
    let sparsities = || history.entries.iter().map(|entry| entry.sparsity.get());
    let most = sparsities().fold(0.0, f64::max);
    (sparsities().fold(most, f64::min), most)
}

/// A line of fine-tuning: accuracy over epochs, from the repaired network on.
fn finetune_line(run: &FinetuneRun) -> Series {
    let mut points = vec![(0.0, run.start_accuracy)];
    for epoch in &run.epochs {
        if let Some(accuracy) = epoch.test_accuracy {
            points.push((epoch.epoch as f64, accuracy));
        }
    }
    Series::line(format!("{} at {}", run.rule.label(), run.sparsity), points)
}

fn accuracy_axis() -> Axis {
    Axis::new("accuracy", AxisScale::Percent).between(0.0, 1.0)
}

fn epoch_axis() -> Axis {
    Axis { min: Some(0.0), ..Axis::new("epoch", AxisScale::Linear) }
}

fn losses(history: &JobHistory) -> ChartSpec {
    let loss_axis = Axis { min: Some(0.0), ..Axis::new("loss", AxisScale::Linear) };
    ChartSpec::new(
        epoch_axis(),
        loss_axis,
        vec![Series::line("loss of a step", history.losses.clone())],
    )
}

fn accuracies(history: &JobHistory) -> ChartSpec {
    let line = Series::line("accuracy", history.accuracies.clone());
    ChartSpec::new(epoch_axis(), accuracy_axis(), vec![line])
}

fn finetuning(history: &JobHistory) -> ChartSpec {
    let lines = history.runs.iter().map(finetune_line).collect();
    ChartSpec { legend: true, ..ChartSpec::new(epoch_axis(), accuracy_axis(), lines) }
}

fn sweep(history: &JobHistory) -> ChartSpec {
    let (least, most) = sparsity_range(history);
    let x = Axis::sparsity(least, most);
    ChartSpec { legend: true, ..ChartSpec::new(x, accuracy_axis(), sweep_lines(history)) }
}

/// The charts for which the job has points already.
#[component]
pub fn JobCharts(settings: Settings, history: RwSignal<JobHistory>) -> impl IntoView {
    let spec = move |of: fn(&JobHistory) -> ChartSpec| Signal::derive(move || history.with(of));
    let title = |title: &'static str| Signal::derive(move || title.to_owned());
    let has = move |there: fn(&JobHistory) -> bool| move || history.with(there);
    view! {
        <div class="charts">
            <Show when=has(|history| history.losses.len() > 1)>
                <Chart settings name="job-loss" title=title("Loss while training")
                    spec=spec(losses) height=200 />
            </Show>
            <Show when=has(|history| !history.accuracies.is_empty())>
                <Chart settings name="job-accuracy" title=title("Accuracy on test images")
                    spec=spec(accuracies) height=200 />
            </Show>
            <Show when=has(|history| !history.runs.is_empty())>
                <Chart settings name="job-tuning"
                    title=title("Accuracy on test images after each epoch")
                    spec=spec(finetuning) height=260 />
            </Show>
            <Show when=has(|history| history.entries.len() > 1)>
                <Chart settings name="job-sweep" title=title("Accuracy over sparsity so far")
                    spec=spec(sweep) height=300 />
            </Show>
        </div>
    }
}
