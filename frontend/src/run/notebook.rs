//! The notebook of runs: what was tried in this browser, with its settings and its results. It is kept
//! from one visit to the next, in the browser's local storage.

use leptos::prelude::window;
use rrlab_types::{Repair, RepairOperator, SweepEntry, SweepReport};
use serde::{Deserialize, Serialize};
use web_sys::{Storage, UrlSearchParams};

/// Where it is kept.
const KEY: &str = "rrlab.notebook";
/// Runs that are kept; the oldest go first.
const MOST_RUNS: usize = 1000;

/// A network that was pruned and repaired.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
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
    /// The runs of a sweep, each repair of each pruned network one; `query` is the page's address, of
    /// which links keep what no run is made by.
    pub fn of_sweep(report: &SweepReport, query: &str) -> Vec<Self> {
        let when = js_sys::Date::now();
        let (plan, origin) = (&report.plan, &report.origin);
        let hash = origin.model_hash.map_or_else(String::new, |hash| hash.short());
        let mut runs = Vec::new();
        for entry in &report.entries {
            let Repair::Operator(operator) = entry.repair else { continue };
            let pruned = report.entry(entry.rule, entry.sparsity, Repair::None);
            runs.push(Self {
                when,
                network: format!("{} {hash}", report.architecture).trim_end().to_owned(),
                images: origin.dataset.clone(),
                allocation: plan.allocation(entry.rule, entry.sparsity),
                sparsity: entry.sparsity.get(),
                repair: plan.treatment(entry.repair),
                dense: report.dense_accuracy,
                pruned: pruned.map(|entry| entry.accuracy),
                repaired: entry.accuracy,
                calibration_images: plan.calibration_images,
                test_images: plan.evaluation_images,
                seed: plan.seed,
                link: link(query, report, entry, operator),
            });
        }
        runs
    }
}

/// A query with the settings of this entry instead of its own.
fn link(query: &str, report: &SweepReport, entry: &SweepEntry, operator: RepairOperator) -> String {
    let Ok(params) = UrlSearchParams::new_with_str(query) else { return query.to_owned() };
    let plan = &report.plan;
    let forced: Vec<String> = plan.constraints.iter().map(ToString::to_string).collect();
    let distil = plan.distillation.map_or_else(String::new, |plan| plan.epochs.to_string());
    let profile = report.origin.profile_hash.map_or_else(String::new, |hash| hash.short());
    let settings = [
        ("rule", entry.rule.to_string()),
        ("sparsity", entry.sparsity.to_string()),
        ("repair", operator.to_string()),
        ("criterion", plan.criterion.to_string()),
        ("alpha", plan.settings.alpha.to_string()),
        ("prior", plan.settings.prior.to_string()),
        ("floor", plan.settings.floor.to_string()),
        ("force", forced.join(",")),
        ("run.seed", plan.seed.to_string()),
        ("run.calibration", plan.calibration_images.to_string()),
        ("run.test_images", plan.evaluation_images.to_string()),
        ("run.distil", distil),
        // Where the page has another profile under the name, it says so.
        ("of", profile),
    ];
    for (key, text) in settings {
        if text.is_empty() {
            params.delete(key);
        } else {
            params.set(key, &text);
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

/// Keeps these runs before the others, of which another tab may have added some, and gives all.
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
