//! The notebook of runs: what was tried in this browser, with its settings and its results. It is kept
//! from one visit to the next, in the browser's local storage.

use leptos::prelude::window;
use rrlab_types::{Repair, SweepReport};
use serde::{Deserialize, Serialize};
use web_sys::{Storage, UrlSearchParams};

/// Where it is kept.
const KEY: &str = "rrlab.notebook";
/// Runs that are kept; the oldest go first.
const MOST_RUNS: usize = 1000;

/// A network that was pruned and repaired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it was done, in milliseconds since 1970.
    pub when: f64,
    /// Architecture, and the beginning of the network's hash.
    pub network: String,
    /// Data set of the images.
    pub images: String,
    /// Rule, sparsity and what was forced.
    pub allocation: String,
    /// Global sparsity.
    pub sparsity: f64,
    /// What repaired it, and what chose the weights that stay.
    pub repair: String,
    /// Accuracy of the dense network.
    pub dense: f64,
    /// Accuracy before repair, where that was measured.
    pub pruned: Option<f64>,
    /// Accuracy after repair.
    pub repaired: f64,
    pub calibration_images: usize,
    pub test_images: usize,
    pub seed: u64,
    /// The page with these settings, as the query of its address.
    pub link: String,
}

impl Run {
    /// The runs of a sweep, each repair of each pruned network one; `query` is the page's address at
    /// the time.
    pub fn of_sweep(report: &SweepReport, query: &str) -> Vec<Self> {
        let when = js_sys::Date::now();
        let plan = &report.plan;
        let hash = report.origin.model_hash.map_or_else(String::new, |hash| hash.short());
        let forced: Vec<String> = plan.constraints.iter().map(ToString::to_string).collect();
        let forced = match forced.as_slice() {
            [] => String::new(),
            some => format!(", {} forced", some.join(", ")),
        };
        let mut runs = Vec::new();
        for entry in report.entries.iter().filter(|entry| entry.repair != Repair::None) {
            let pruned = report.entry(entry.rule, entry.sparsity, Repair::None);
            runs.push(Self {
                when,
                network: format!("{} {hash}", report.architecture).trim_end().to_owned(),
                images: report.origin.dataset.clone(),
                allocation: format!("{} at {}{forced}", entry.rule.label(), entry.sparsity),
                sparsity: entry.sparsity.get(),
                repair: format!("{}, masks by {}", entry.repair.label(), plan.criterion.label()),
                dense: report.dense_accuracy,
                pruned: pruned.map(|entry| entry.accuracy),
                repaired: entry.accuracy,
                calibration_images: plan.calibration_images,
                test_images: plan.evaluation_images,
                seed: plan.seed,
                link: link(
                    query,
                    &[
                        ("rule", entry.rule.to_string()),
                        ("sparsity", entry.sparsity.to_string()),
                        ("criterion", plan.criterion.to_string()),
                        (
                            "force",
                            plan.constraints
                                .iter()
                                .map(ToString::to_string)
                                .collect::<Vec<_>>()
                                .join(","),
                        ),
                    ],
                ),
            });
        }
        runs
    }
}

/// A query with these settings instead of its own; empty ones are left out.
fn link(query: &str, settings: &[(&str, String)]) -> String {
    let Ok(params) = UrlSearchParams::new_with_str(query) else { return query.to_owned() };
    for (key, text) in settings {
        if text.is_empty() {
            params.delete(key);
        } else {
            params.set(key, text);
        }
    }
    params.to_string().into()
}

/// Runs that are kept, the latest first.
///
/// # Errors
/// If the browser keeps nothing, or what it keeps is no notebook.
pub fn read() -> Result<Vec<Run>, String> {
    match storage()?.get_item(KEY) {
        Ok(None) => Ok(Vec::new()),
        Ok(Some(text)) => serde_json::from_str(&text)
            .map_err(|error| format!("the notebook of this browser can't be read ({error})")),
        Err(_) => Err(refusal()),
    }
}

/// Keeps these runs before the others, and gives all.
///
/// # Errors
/// As [`read`]; what was kept before then stays as it is.
pub fn add(runs: Vec<Run>) -> Result<Vec<Run>, String> {
    let mut all = runs;
    all.extend(read()?);
    all.truncate(MOST_RUNS);
    let text = serde_json::to_string(&all).map_err(|error| error.to_string())?;
    storage()?.set_item(KEY, &text).map_err(|_| refusal())?;
    Ok(all)
}

/// Forgets all runs.
///
/// # Errors
/// If the browser keeps nothing.
pub fn clear() -> Result<(), String> {
    storage()?.remove_item(KEY).map_err(|_| refusal())
}

fn storage() -> Result<Storage, String> {
    window().local_storage().ok().flatten().ok_or_else(refusal)
}

fn refusal() -> String {
    "the browser keeps no notebook; save its runs as CSV".to_owned()
}
