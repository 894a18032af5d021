//! The notebook as a table: sorted by any column, saved, each row a link.

use std::cmp::Ordering;

use leptos::prelude::*;

use super::notebook::{self, Run};
use super::session::{Session, set_if_other};
use crate::address;
use crate::export;
use crate::format::{date_time, percent};
use crate::problem::Problem;

/// A column: its head, the text of a run's cell, and the order of two runs.
struct Column {
    name: &'static str,
    text: fn(&Run) -> String,
    order: fn(&Run, &Run) -> Ordering,
}

const COLUMNS: [Column; 11] = [
    Column {
        name: "when",
        text: |run| date_time(run.when),
        order: |a, b| a.when.total_cmp(&b.when),
    },
    Column {
        name: "network",
        text: |run| run.network.clone(),
        order: |a, b| a.network.cmp(&b.network),
    },
    Column {
        name: "images",
        text: |run| run.images.clone(),
        order: |a, b| a.images.cmp(&b.images),
    },
    Column {
        name: "allocation",
        text: |run| run.allocation.clone(),
        order: |a, b| {
            (a.sparsity.total_cmp(&b.sparsity)).then_with(|| a.allocation.cmp(&b.allocation))
        },
    },
    Column {
        name: "repair",
        text: |run| run.repair.clone(),
        order: |a, b| a.repair.cmp(&b.repair),
    },
    Column {
        name: "dense",
        text: |run| percent(run.dense),
        order: |a, b| a.dense.total_cmp(&b.dense),
    },
    Column {
        name: "pruned",
        text: |run| run.pruned.map_or_else(String::new, percent),
        order: |a, b| a.pruned.unwrap_or(0.0).total_cmp(&b.pruned.unwrap_or(0.0)),
    },
    Column {
        name: "repaired",
        text: |run| percent(run.repaired),
        order: |a, b| a.repaired.total_cmp(&b.repaired),
    },
    Column {
        name: "calibration images",
        text: |run| run.calibration_images.to_string(),
        order: |a, b| a.calibration_images.cmp(&b.calibration_images),
    },
    Column {
        name: "test images",
        text: |run| run.test_images.to_string(),
        order: |a, b| a.test_images.cmp(&b.test_images),
    },
    Column { name: "seed", text: |run| run.seed.to_string(), order: |a, b| a.seed.cmp(&b.seed) },
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
        let order = COLUMNS[column].order;
        runs.sort_by(|a, b| if descending { order(b, a) } else { order(a, b) });
        runs
    });
    let count = move || match runs.with(Vec::len) {
        1 => "1 run".to_owned(),
        some => format!("{some} runs"),
    };
    let head = move |index: usize| {
        let by_this = move || sort.get().0 == index;
        let order = move || match (by_this(), sort.get().1) {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        let click = move |_| sort.update(|sort| *sort = (index, sort.0 == index && !sort.1));
        view! { <th scope="col" aria-sort=order><button type="button" on:click=click>{COLUMNS[index].name}</button></th> }
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
    let cell = |column: &Column| {
        let text = (column.text)(&run);
        if column.name == "allocation" {
            let address = address::with_query(&run.link);
            view! { <td class="text"><a href=address>{text}</a></td> }.into_any()
        } else {
            view! { <td>{text}</td> }.into_any()
        }
    };
    view! { <tr>{COLUMNS.iter().map(cell).collect_view()}</tr> }
}

/// The runs as comma-separated values, fractions with all their digits.
fn csv(runs: &[Run]) -> String {
    let mut head: Vec<String> = COLUMNS.iter().map(|column| column.name.to_owned()).collect();
    head.push("link".into());
    let row = |run: &Run| {
        let mut cells: Vec<String> = COLUMNS.iter().map(|column| (column.text)(run)).collect();
        for (cell, column) in cells.iter_mut().zip(&COLUMNS) {
            match column.name {
                "dense" => *cell = run.dense.to_string(),
                "pruned" => {
                    *cell = run.pruned.map_or_else(String::new, |pruned| pruned.to_string())
                }
                "repaired" => *cell = run.repaired.to_string(),
                _ => {}
            }
        }
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
