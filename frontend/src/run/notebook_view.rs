//! The notebook as a table: sorted by any column, saved, each row a link.

use std::cmp::Ordering;

use leptos::prelude::*;

use super::notebook::{self, Run};
use super::session::{Session, set_if_other};
use crate::address;
use crate::export;
use crate::format::{date_time, percent};
use crate::problem::Problem;
use crate::settings::aria_sort;

/// What stands in a run's cell; those of a column are ordered by it.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Cell {
    Text(String),
    Count(u64),
    /// Milliseconds since 1970.
    Time(f64),
    Accuracy(Option<f64>),
    /// By sparsity first.
    Allocation {
        sparsity: f64,
        text: String,
    },
}

impl Cell {
    /// As a person reads it.
    fn text(self) -> String {
        match self {
            Self::Text(text) | Self::Allocation { text, .. } => text,
            Self::Count(count) => count.to_string(),
            Self::Time(milliseconds) => date_time(milliseconds),
            Self::Accuracy(accuracy) => accuracy.map_or_else(String::new, percent),
        }
    }

    /// As a saved table has it: accuracies with all their digits.
    fn saved(self) -> String {
        match self {
            Self::Accuracy(accuracy) => {
                accuracy.map_or_else(String::new, |value| value.to_string())
            }
            other => other.text(),
        }
    }
}

/// A column's head, and a run's cell in it.
type Column = (&'static str, fn(&Run) -> Cell);

const COLUMNS: [Column; 11] = [
    ("when", |run| Cell::Time(run.when)),
    ("network", |run| Cell::Text(run.network.clone())),
    ("images", |run| Cell::Text(run.images.clone())),
    ("allocation", |run| Cell::Allocation { sparsity: run.sparsity, text: run.allocation.clone() }),
    ("repair", |run| Cell::Text(run.repair.clone())),
    ("dense", |run| Cell::Accuracy(Some(run.dense))),
    ("pruned", |run| Cell::Accuracy(run.pruned)),
    ("repaired", |run| Cell::Accuracy(Some(run.repaired))),
    ("calibration images", |run| Cell::Count(run.calibration_images as u64)),
    ("test images", |run| Cell::Count(run.test_images as u64)),
    ("seed", |run| Cell::Count(run.seed)),
];

/// The notebook, where anything is in it.
#[component]
pub fn Notebook(session: Session) -> impl IntoView {
    let (runs, problem) = (session.notebook, session.notebook_problem);
    // The latest first.
    let sort = RwSignal::new((0usize, true));
    let sorted = Memo::new(move |_| {
        let (column, descending) = sort.get();
        let mut runs = runs.get();
        let (_, cell) = COLUMNS[column];
        let order = |a: &Run, b: &Run| cell(a).partial_cmp(&cell(b)).unwrap_or(Ordering::Equal);
        runs.sort_by(|a, b| if descending { order(b, a) } else { order(a, b) });
        runs
    });
    let count = move || match runs.with(Vec::len) {
        1 => "1 run".to_owned(),
        some => format!("{some} runs"),
    };
    let head = move |index: usize| {
        let order = move || aria_sort(sort.get().0 == index, sort.get().1);
        let click = move |_| sort.update(|sort| *sort = (index, sort.0 == index && !sort.1));
        view! { <th scope="col" aria-sort=order><button type="button" on:click=click>{COLUMNS[index].0}</button></th> }
    };
    let rows = move || sorted.get().into_iter().map(row).collect_view();
    let save = move |_| {
        session.read_notebook();
        let text = sorted.with_untracked(|runs| csv(runs));
        export::save_text("rrlab-notebook.csv", &text, "text/csv");
    };
    view! {
        <Show when=move || problem.with(Option::is_some) || runs.with(|runs| !runs.is_empty())>
            <details id="notebook" on:toggle=move |_| session.read_notebook()>
                <summary>"Notebook of this browser: "{count}</summary>
                <Problem problem=Signal::derive(move || problem.get()) />
                <div class="tools">
                    <button type="button" on:click=save>"Save as CSV"</button>
                    <button type="button" on:click=move |_| session.clear_notebook()>"Forget all"</button>
                </div>
                <div class="table" tabindex="0" role="group" aria-label="Runs, scrolls sideways">
                    <table>
                        <thead><tr>{(0..COLUMNS.len()).map(head).collect_view()}</tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </details>
        </Show>
    }
}

/// A run's cells; its allocation is a link to the page with its settings.
fn row(run: Run) -> impl IntoView {
    let cell = |(_, cell): &Column| match cell(&run) {
        Cell::Allocation { text, .. } => {
            let address = address::with_query(&run.link);
            view! { <td class="text"><a href=address>{text}</a></td> }.into_any()
        }
        other => view! { <td>{other.text()}</td> }.into_any(),
    };
    view! { <tr>{COLUMNS.iter().map(cell).collect_view()}</tr> }
}

/// The runs as comma-separated values.
fn csv(runs: &[Run]) -> String {
    let mut head: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    head.push("link".into());
    let row = |run: &Run| {
        let mut cells: Vec<String> = COLUMNS.iter().map(|(_, cell)| cell(run).saved()).collect();
        cells.push(address::with_query(&run.link));
        cells
    };
    export::csv(&head, &runs.iter().map(row).collect::<Vec<_>>())
}

impl Session {
    /// Reads the notebook of this browser, to which another tab may have added.
    pub fn read_notebook(self) {
        match notebook::read() {
            Ok(runs) => self.show_notebook(runs),
            Err(problem) => self.notebook_problem.set(Some(problem)),
        }
    }

    /// Writes what a sweep has computed into the notebook; what can't be kept is shown nonetheless.
    pub(super) fn note_sweep(self) {
        let runs = self.inner.with_value(|inner| {
            let query = untrack(|| address::exported_query(self.settings));
            inner.machine.sweep().map(|report| Run::of_sweep(report, &query))
        });
        let Some(runs) = runs.filter(|runs| !runs.is_empty()) else { return };
        match notebook::add(runs.clone()) {
            Ok(all) => self.show_notebook(all),
            Err(problem) => {
                self.notebook.update(|shown| drop(shown.splice(0..0, runs)));
                self.notebook_problem.set(Some(problem));
            }
        }
    }

    fn clear_notebook(self) {
        match notebook::clear() {
            Ok(()) => self.show_notebook(Vec::new()),
            Err(problem) => self.notebook_problem.set(Some(problem)),
        }
    }

    fn show_notebook(self, runs: Vec<Run>) {
        self.notebook_problem.set(None);
        set_if_other(self.notebook, runs);
    }
}
