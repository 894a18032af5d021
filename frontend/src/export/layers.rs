//! Layers and allocations as files.

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use rrlab_types::LayerAllocation;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::csv::csv;
use super::provenance::{configuration, exported_address, file_name};
use super::save::save_text;
use crate::lab::{Lab, Side};
use crate::later::NotFetched;
use crate::metric::{LayerNumbers, Metric};

/// A file of layers or of an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerFile {
    Csv,
    Json,
    /// As `rrlab prune` and this page read it.
    Allocation,
    /// The graph's colours, for Model Explorer.
    NodeData,
}

/// Saves what is known of the layers under one of the two allocations; says so where its code can't be
/// fetched.
pub fn save_layers(lab: Lab, side: Side, file: LayerFile) {
    leptos::task::spawn_local(async move {
        match fetch_saving().await {
            Ok(save) => save(lab, side, file),
            Err(problem) => _ = window().alert_with_message(&problem.to_string()),
        }
    });
}

#[wasm_split(save_layers, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_saving() -> Result<fn(Lab, Side, LayerFile), NotFetched> {
    Ok(|lab, side, file| match file {
        LayerFile::Csv => layers_csv(lab, side),
        LayerFile::Json => layers_json(lab, side),
        LayerFile::Allocation => allocation_json(lab, side),
        LayerFile::NodeData => node_data(lab, side),
    })
}

/// Columns of the saved table.
const COLUMNS: [&str; 12] = [
    "layer",
    "role",
    "shape",
    "weights",
    "macs",
    "kept",
    "density",
    "raw",
    "residual",
    "rr",
    "state",
    "configuration",
];

/// A layer with everything that is known of it under an allocation: an object of the saved JSON.
#[derive(Debug, Clone, Serialize)]
struct LayerRow {
    /// Its place among the prunable layers, from 1.
    order: usize,
    /// What the allocation gave it.
    #[serde(flatten)]
    allocation: LayerAllocation,
    /// Multiply-accumulates for one image when dense.
    macs: u64,
    /// Raw distortion, over E[y²].
    raw: f64,
    /// Residual distortion, over E[y²].
    residual: f64,
    rr: f64,
}

/// Every layer under one of the two allocations, in graph order; none where there is no allocation.
fn layer_rows(lab: Lab, side: Side) -> Vec<LayerRow> {
    let numbers = lab.numbers(side).get();
    let Ok(allocation) = lab.outcome(side).get() else { return Vec::new() };
    let layers = allocation.layers.into_iter().zip(&numbers).enumerate();
    let row =
        |(index, (allocation, numbers)): (usize, (LayerAllocation, &LayerNumbers))| LayerRow {
            order: index + 1,
            allocation,
            macs: numbers.macs,
            raw: numbers.raw,
            residual: numbers.residual,
            rr: numbers.rr(),
        };
    layers.map(row).collect()
}

/// A row's values, in the order of [`COLUMNS`].
fn values(row: LayerRow, configuration: &str) -> Vec<String> {
    let layer = row.allocation;
    let shape: Vec<String> = layer.shape.iter().map(ToString::to_string).collect();
    vec![
        layer.name,
        layer.role.to_string(),
        shape.join("x"),
        layer.weights.to_string(),
        row.macs.to_string(),
        layer.kept.to_string(),
        layer.density.to_string(),
        row.raw.to_string(),
        row.residual.to_string(),
        row.rr.to_string(),
        layer.state.name().to_owned(),
        configuration.to_owned(),
    ]
}

/// Saves the layers as CSV.
fn layers_csv(lab: Lab, side: Side) {
    let hash = configuration(lab).to_string();
    let rows = untrack(|| layer_rows(lab, side));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| values(row, &hash)).collect();
    let name = file_name(lab, &format!("layers-{side}"), "csv");
    save_text(&name, &csv(&COLUMNS.map(str::to_owned), &rows), "text/csv");
}

/// Saves the layers as JSON, with the address that shows them.
fn layers_json(lab: Lab, side: Side) {
    let value = json!({
        "configuration": configuration(lab),
        "profile": lab.profile.with_value(|profile| profile.hash()),
        "address": exported_address(lab),
        "layers": untrack(|| layer_rows(lab, side)),
    });
    save_json(lab, &format!("layers-{side}"), &value);
}

/// Saves an allocation.
fn allocation_json(lab: Lab, side: Side) {
    if let Ok(allocation) = lab.outcome(side).get_untracked() {
        save_json(lab, &format!("{}-{}", allocation.rule, allocation.sparsity), &json!(allocation));
    }
}

/// Saves the metric that colours the graph as node data for Model Explorer (its `GraphNodeData`):
/// value and colours of each node, and the gradient between the least and the largest value.
fn node_data(lab: Lab, side: Side) {
    let metric = lab.settings.metric.get_untracked();
    let (mine, other) = untrack(|| match metric {
        Metric::Difference => (lab.numbers_a.get(), lab.numbers_b.get()),
        _ => (lab.numbers(side).get(), lab.numbers(side).get()),
    });
    let values: Vec<f64> =
        mine.iter().zip(&other).map(|(&mine, &other)| metric.of(mine, other)).collect();
    let scale = match lab.settings.stretch.get_untracked() {
        true => metric.stretched(&values),
        false => metric.scale(&values),
    };
    let node = |value: f64| {
        let colour = scale.colour(value);
        json!({ "value": value, "bgColor": colour.hex(), "textColor": colour.text() })
    };
    let names = lab.layer_names();
    let results: Map<String, Value> =
        names.into_iter().zip(values.iter().map(|&value| node(value))).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let stop = |stop: f64| {
        let colour = scale.colour(least + stop * (most - least));
        json!({ "stop": stop, "bgColor": colour.hex() })
    };
    let gradient = [0.0, 0.25, 0.5, 0.75, 1.0].map(stop);
    let architecture = lab.profile.with_value(|profile| profile.graph.architecture().to_owned());
    let data = json!({ "results": results, "gradient": gradient });
    save_json(lab, &format!("{metric}-node-data-{side}"), &json!({ architecture: data }));
}

fn save_json(lab: Lab, what: &str, value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    save_text(&file_name(lab, what, "json"), &text, "application/json");
}
