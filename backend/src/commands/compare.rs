//! `rrlab compare`.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use rrlab_types::{
    Allocation, Document, FinetuneReport, FinetuneRun, ModelProfile, Repair, Rule, Sparsity,
    SweepReport,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::context::{Context, read_document};
use crate::cli::{CompareArgs, PointArgs};
use crate::output::{Csv, NONE, Report, percent};

/// What two results of one kind have in common, and where they differ.
#[derive(Serialize)]
struct Comparison {
    /// As [`Document::kind`] says.
    kind: &'static str,
    a: String,
    b: String,
    identity: Vec<IdentityCheck>,
    settings: Vec<SettingDifference>,
    cells: Vec<Cell>,
}

/// Whether both are of the same network, profile or images.
#[derive(Serialize)]
struct IdentityCheck {
    of: &'static str,
    a: Option<String>,
    b: Option<String>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Same,
    Different,
    /// One or both do not say.
    Unknown,
}

/// A setting, or anything else that is said of a result beside its cells; null where one does not
/// say it.
#[derive(Serialize)]
struct SettingDifference {
    name: String,
    a: Value,
    b: Value,
}

/// One number of both.
#[derive(Serialize)]
struct Cell {
    #[serde(flatten)]
    place: Place,
    quantity: Quantity,
    #[serde(serialize_with = "bare")]
    a: Option<f64>,
    #[serde(serialize_with = "bare")]
    b: Option<f64>,
    /// B − A.
    #[serde(serialize_with = "bare")]
    difference: Option<f64>,
    /// Of the difference, where both are accuracies.
    standard_error: Option<f64>,
}

/// Where a number stands in a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Place {
    Layer { name: String },
    Entry { rule: Rule, sparsity: Sparsity, repair: Repair },
    Epoch { rule: Rule, sparsity: Sparsity, epoch: usize },
}

/// What a number is, by its name in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Quantity {
    Accuracy,
    Kept,
    Density,
    Raw,
    Residual,
    Rr,
}

/// One of the two results.
struct Side {
    /// What is said of the whole.
    settings: Value,
    network: Option<String>,
    profile: Option<String>,
    images: Option<String>,
    numbers: Vec<Number>,
    /// Images that accuracies are of.
    evaluated_on: usize,
}

struct Number {
    place: Place,
    quantity: Quantity,
    value: f64,
}

pub fn run(context: &Context, args: &CompareArgs) -> anyhow::Result<()> {
    let [first, second] = [read_document(&args.first)?, read_document(&args.second)?];
    let [a, b] = [args.first.display().to_string(), args.second.display().to_string()];
    let kind = first.kind();
    ensure!(
        kind == second.kind(),
        "{a} is {kind} and {b} is {}: only results of one kind can be compared",
        second.kind()
    );
    let [left, right] = [Side::new(&first, args.point)?, Side::new(&second, args.point)?];
    let comparison = Comparison {
        kind,
        a,
        b,
        identity: identity(&first, &left, &right),
        settings: different_settings(&left.settings, &right.settings),
        cells: cells(&left, &right),
    };
    print(context, &comparison)
}

impl Side {
    fn new(document: &Document, point: PointArgs) -> anyhow::Result<Self> {
        match document {
            Document::Profile(profile) => Self::of_profile(profile, point),
            Document::Sweep(report) => Self::of_sweep(report),
            Document::Finetune(report) => Self::of_finetuning(report),
            Document::Allocation(allocation) => Self::of_allocation(allocation),
            Document::Channels(_) => bail!("RR of channels is compared on the page, not here"),
        }
    }

    fn of_profile(profile: &ModelProfile, point: PointArgs) -> anyhow::Result<Self> {
        let density = point.sparsity.density().get();
        let mut numbers = Vec::new();
        for layer in &profile.layers {
            let place = Place::Layer { name: layer.name.clone() };
            let mut push =
                |quantity, value| numbers.push(Number { place: place.clone(), quantity, value });
            push(Quantity::Raw, layer.raw_at(density));
            push(Quantity::Residual, layer.residual_at(point.repair, density));
            push(Quantity::Rr, layer.rr_at(point.repair, density));
        }
        let graph = &profile.graph;
        Ok(Self {
            settings: json!({
                "architecture": graph.architecture(),
                "classes": graph.classes(),
                "measurement": serde_json::to_value(&profile.measurement)?,
            }),
            network: profile.model_hash.map(|hash| hash.short()),
            profile: Some(profile.hash().short()),
            images: profile.measurement.images_hash.map(|hash| hash.short()),
            numbers,
            evaluated_on: 0,
        })
    }

    fn of_sweep(report: &SweepReport) -> anyhow::Result<Self> {
        let entries = report.entries.iter().map(|entry| Number {
            place: Place::Entry {
                rule: entry.rule,
                sparsity: entry.sparsity,
                repair: entry.repair,
            },
            quantity: Quantity::Accuracy,
            value: entry.accuracy,
        });
        Ok(Self {
            settings: serde_json::to_value(report)?,
            network: report.origin.model_hash.map(|hash| hash.short()),
            profile: report.origin.profile_hash.map(|hash| hash.short()),
            images: report.origin.images_hash.map(|hash| hash.short()),
            numbers: entries.collect(),
            evaluated_on: report.plan.evaluation_images,
        })
    }

    fn of_finetuning(report: &FinetuneReport) -> anyhow::Result<Self> {
        Ok(Self {
            settings: serde_json::to_value(report)?,
            network: report.origin.model_hash.map(|hash| hash.short()),
            profile: report.origin.profile_hash.map(|hash| hash.short()),
            images: report.origin.images_hash.map(|hash| hash.short()),
            numbers: report.runs.iter().flat_map(accuracies).collect(),
            evaluated_on: report.plan.evaluation_images,
        })
    }

    fn of_allocation(allocation: &Allocation) -> anyhow::Result<Self> {
        let mut numbers = Vec::new();
        for layer in &allocation.layers {
            let place = Place::Layer { name: layer.name.clone() };
            numbers.push(Number {
                place: place.clone(),
                quantity: Quantity::Kept,
                value: layer.kept as f64,
            });
            numbers.push(Number { place, quantity: Quantity::Density, value: layer.density });
        }
        Ok(Self {
            settings: serde_json::to_value(allocation)?,
            network: allocation.model_hash.map(|hash| hash.short()),
            profile: allocation.profile_hash.map(|hash| hash.short()),
            images: None,
            numbers,
            evaluated_on: 0,
        })
    }

    fn value(&self, place: &Place, quantity: Quantity) -> Option<f64> {
        let mut numbers = self.numbers.iter();
        numbers
            .find(|number| number.quantity == quantity && number.place == *place)
            .map(|number| number.value)
    }
}

/// Before fine-tuning, as epoch 0, and after each epoch that was evaluated.
fn accuracies(run: &FinetuneRun) -> Vec<Number> {
    let measured = run.epochs.iter().filter_map(|epoch| Some((epoch.epoch, epoch.test_accuracy?)));
    let epochs = [(0, run.start_accuracy)].into_iter().chain(measured);
    let number = |(epoch, value)| Number {
        place: Place::Epoch { rule: run.rule, sparsity: run.sparsity, epoch },
        quantity: Quantity::Accuracy,
        value,
    };
    epochs.map(number).collect()
}

/// What both could be of. Allocations are of no images.
fn identity(kind: &Document, a: &Side, b: &Side) -> Vec<IdentityCheck> {
    let mut named = vec![("network", &a.network, &b.network), ("profile", &a.profile, &b.profile)];
    if !matches!(kind, Document::Allocation(_)) {
        named.push(("images", &a.images, &b.images));
    }
    let mut checks = Vec::new();
    for (of, a, b) in named {
        let verdict = match (a, b) {
            (Some(a), Some(b)) if a == b => Verdict::Same,
            (Some(_), Some(_)) => Verdict::Different,
            _ => Verdict::Unknown,
        };
        checks.push(IdentityCheck { of, a: a.clone(), b: b.clone(), verdict });
    }
    checks
}

/// Fields that are no settings: what the cells or the identity say.
const NOT_SETTINGS: [&str; 9] = [
    "version",
    "layers",
    "entries",
    "runs",
    "kept",
    "model_hash",
    "profile_hash",
    "images_hash",
    "measurement.images_hash",
];

fn different_settings(a: &Value, b: &Value) -> Vec<SettingDifference> {
    let [mut left, mut right] = [BTreeMap::new(), BTreeMap::new()];
    collect_settings("", a, &mut left);
    collect_settings("", b, &mut right);
    let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
    names.sort();
    names.dedup();
    let mut differences = Vec::new();
    for name in names {
        let [a, b] = [&left, &right]
            .map(|settings| settings.get(name).copied().cloned().unwrap_or_default());
        if a != b {
            differences.push(SettingDifference { name: name.clone(), a, b });
        }
    }
    differences
}

/// Every value below `path` that is no object, by its path.
fn collect_settings<'v>(path: &str, value: &'v Value, settings: &mut BTreeMap<String, &'v Value>) {
    if NOT_SETTINGS.contains(&path) {
        return;
    }
    let Value::Object(fields) = value else {
        settings.insert(path.into(), value);
        return;
    };
    for (name, value) in fields {
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect_settings(&inner, value, settings);
    }
}

/// Every number of A, beside B's, then those that only B has.
fn cells(a: &Side, b: &Side) -> Vec<Cell> {
    let only_b =
        b.numbers.iter().filter(|number| a.value(&number.place, number.quantity).is_none());
    let cell = |number: &Number| {
        let [left, right] = [a, b].map(|side| side.value(&number.place, number.quantity));
        let both = left.zip(right);
        let accuracy = number.quantity == Quantity::Accuracy;
        Cell {
            place: number.place.clone(),
            quantity: number.quantity,
            a: left,
            b: right,
            difference: both.map(|(left, right)| right - left),
            standard_error: both.filter(|_| accuracy).map(|(left, right)| {
                standard_error((left, a.evaluated_on), (right, b.evaluated_on))
            }),
        }
    };
    a.numbers.iter().chain(only_b).map(cell).collect()
}

/// Of the difference of two accuracies, each on so many images drawn independently: √(p(1 − p)/n +
/// q(1 − q)/m). On the same images it is smaller.
fn standard_error(a: (f64, usize), b: (f64, usize)) -> f64 {
    let variance =
        |(accuracy, images): (f64, usize)| accuracy * (1.0 - accuracy) / images.max(1) as f64;
    (variance(a) + variance(b)).sqrt()
}

/// Counts without a decimal point.
fn bare<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        None => serializer.serialize_none(),
        Some(count) if count.fract() == 0.0 => serializer.serialize_i64(count as i64),
        Some(number) => serializer.serialize_f64(number),
    }
}

impl Comparison {
    fn differing(&self) -> Vec<&Cell> {
        self.cells.iter().filter(|cell| cell.a != cell.b).collect()
    }

    fn summary(&self) -> String {
        let mut lines = vec![format!("A is {}, B is {}: each is {}", self.a, self.b, self.kind)];
        lines.extend(self.identity.iter().map(IdentityCheck::described));
        for SettingDifference { name, a, b } in &self.settings {
            lines.push(format!("{name}: {} in A, {} in B", said(a), said(b)));
        }
        let (differing, all) = (self.differing().len(), self.cells.len());
        lines.push(match differing {
            0 => format!("all {all} numbers are equal"),
            _ => format!("{differing} of {all} numbers differ; those that are equal are not shown"),
        });
        let errors = self.cells.iter().filter_map(|cell| cell.standard_error);
        if let Some(largest) = errors.max_by(f64::total_cmp) {
            lines.push(format!(
                "one standard error of a difference is at most {}",
                percent(largest)
            ));
        }
        lines.join("\n")
    }
}

impl IdentityCheck {
    fn described(&self) -> String {
        let Self { of, a, b, verdict } = self;
        if a.is_none() && b.is_none() {
            return format!("{of}: can't be checked, neither says which");
        }
        let [a, b] = [a, b].map(|hash| hash.as_deref().unwrap_or("one that it does not name"));
        match verdict {
            Verdict::Same => format!("{of}: the same, {a}"),
            Verdict::Different => format!("{of}: DIFFERENT, A is of {a} and B of {b}"),
            Verdict::Unknown => format!("{of}: can't be checked, A is of {a} and B of {b}"),
        }
    }
}

fn said(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn print(context: &Context, comparison: &Comparison) -> anyhow::Result<()> {
    let places: &[&str] = match comparison.cells.first().map(|cell| &cell.place) {
        None => &[],
        Some(Place::Layer { .. }) => &["name"],
        Some(Place::Entry { .. }) => &["rule", "sparsity", "repair"],
        Some(Place::Epoch { .. }) => &["rule", "sparsity", "epoch"],
    };
    let csv = [places, &["quantity", "a", "b", "difference", "standard_error"]].concat();
    let columns = [places, &["quantity", "A", "B", "B − A"]].concat();
    let report = Report {
        value: comparison,
        csv: Csv { lines: "cells", columns: &csv },
        columns: &columns,
        rows: comparison.differing().into_iter().map(row).collect(),
        summary: Some(comparison.summary()),
    };
    report.print(context.format)
}

fn row(cell: &Cell) -> Vec<String> {
    let mut texts = match &cell.place {
        Place::Layer { name } => vec![name.clone()],
        Place::Entry { rule, sparsity, repair } => {
            vec![rule.to_string(), sparsity.to_string(), repair.to_string()]
        }
        Place::Epoch { rule, sparsity, epoch } => {
            vec![rule.to_string(), sparsity.to_string(), epoch.to_string()]
        }
    };
    let quantity = cell.quantity;
    texts.push(quantity.term().into());
    texts.extend(
        [cell.a, cell.b]
            .map(|value| value.map_or_else(|| NONE.into(), |value| quantity.text(value))),
    );
    texts.push(
        cell.difference.map_or_else(|| NONE.into(), |difference| quantity.signed(difference)),
    );
    texts
}

impl Quantity {
    /// What people call it.
    fn term(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Kept => "kept",
            Self::Density => "density",
            Self::Raw => "raw distortion",
            Self::Residual => "residual distortion",
            Self::Rr => "RR",
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Accuracy => percent(value),
            Self::Kept => format!("{value:.0}"),
            _ => format!("{value:.4}"),
        }
    }

    fn signed(self, difference: f64) -> String {
        let sign = if difference < 0.0 { "" } else { "+" };
        format!("{sign}{}", self.text(difference))
    }
}
