//! What leaves the page: tables, drawings and allocations, each with a fingerprint of the configuration that made it.

use leptos::prelude::*;
use rrlab_types::{ConfigurationHash, ContentHasher, LayerAllocation};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::address;
use crate::chart::binding;
use crate::graph::{GRAPH_ID, whole_size};
use crate::lab::{Lab, Side};
use crate::metric::{Metric, Numbers};

/// Style of the graph, which a saved drawing takes along.
const GRAPH_STYLE: &str = include_str!("../graph.css");
/// Colours that it refers to, as on white paper.
const PAPER: &str = "svg { --ink: #1c2126; --faint: #59636d; --line: #d9dee2; --ground: #fff; --accent: #1f6391; \
                     color: #1c2126; font-family: system-ui, sans-serif; }\n";

/// Hash of the profile, of both allocations and of every setting but those of the person who looks: two files of one kind
/// with the same one show the same, whatever the page's colours.
pub fn configuration(lab: Lab) -> ConfigurationHash {
    let mut hasher = ContentHasher::new("rrlab configuration");
    hasher.add(lab.profile.with_value(|profile| profile.hash()).to_string().as_bytes());
    for side in [Side::A, Side::B] {
        let outcome = lab.outcome(side).get_untracked();
        hasher.add(&serde_json::to_vec(&outcome.ok()).unwrap_or_default());
    }
    hasher.add(untrack(|| address::exported_query(lab.settings)).as_bytes());
    ConfigurationHash::of(hasher)
}

/// Name of a file that is saved.
pub fn file_name(lab: Lab, what: &str, ending: &str) -> String {
    let architecture = lab.profile.with_value(|profile| profile.graph.architecture.replace([':', '='], "-"));
    format!("{architecture}-{what}-{}.{ending}", configuration(lab).short())
}

/// The address that shows what is exported, with the profile that it is of: where that was opened from a file, the address
/// alone leads to another, and the page says so.
fn exported_address(lab: Lab) -> String {
    let of = format!("of={}", lab.profile.with_value(|profile| profile.hash().short()));
    let query = untrack(|| address::exported_query(lab.settings));
    address::with_query(&if query.is_empty() { of } else { format!("{query}&{of}") })
}

/// What a saved drawing says of itself.
pub fn description(lab: Lab) -> String {
    let [a, b] = [Side::A, Side::B].map(|side| untrack(|| lab.describe(side)));
    let network =
        lab.profile.with_value(|profile| format!("{} on {}", profile.graph.architecture, profile.measurement.dataset));
    format!(
        "Repairability Lab: {network}; A: {a}; B: {b}; configuration {}; {}",
        configuration(lab).short(),
        exported_address(lab)
    )
}

/// Comma-separated values.
pub fn csv(head: &[String], rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory does not fail; rows are as long as the head.
    let written = writer.write_record(head).and_then(|()| rows.iter().try_for_each(|row| writer.write_record(row)));
    let bytes = written.ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// A layer with everything that is known of it under an allocation.
#[derive(Debug, Clone, Serialize)]
pub struct LayerRow {
    /// Its place among the prunable layers, from 1.
    pub order: usize,
    /// What the allocation gave it.
    #[serde(flatten)]
    pub allocation: LayerAllocation,
    /// Multiply-accumulates for one image when dense.
    pub macs: u64,
    /// Raw distortion over E[y²].
    pub raw: f64,
    /// Residual distortion over E[y²].
    pub residual: f64,
    /// Relative repairability.
    pub rr: f64,
}

/// Every layer under one of the two allocations.
pub fn layer_rows(lab: Lab, side: Side) -> Vec<LayerRow> {
    let numbers = lab.numbers(side).get();
    lab.outcome(side).with(|outcome| {
        let layers = outcome.as_ref().map_or(&[][..], |allocation| &allocation.layers);
        let row = |(index, (layer, numbers)): (usize, (&LayerAllocation, &Numbers))| LayerRow {
            order: index + 1,
            allocation: layer.clone(),
            macs: numbers.macs,
            raw: numbers.raw,
            residual: numbers.residual,
            rr: numbers.rr(),
        };
        layers.iter().zip(&numbers).enumerate().map(row).collect()
    })
}

/// Saves the layers as CSV.
pub fn layers_csv(lab: Lab, side: Side) {
    let hash = configuration(lab).to_string();
    let head = [
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
    let row = |row: LayerRow| {
        let layer = row.allocation;
        let shape: Vec<String> = layer.shape.iter().map(ToString::to_string).collect();
        let (weights, kept, density) = (layer.weights.to_string(), layer.kept.to_string(), layer.density.to_string());
        let [raw, residual, rr] = [row.raw, row.residual, row.rr].map(|value| value.to_string());
        let (role, state) = (layer.role.to_string(), layer.state.name().to_owned());
        vec![
            layer.name,
            role,
            shape.join("x"),
            weights,
            row.macs.to_string(),
            kept,
            density,
            raw,
            residual,
            rr,
            state,
            hash.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = untrack(|| layer_rows(lab, side)).into_iter().map(row).collect();
    binding::save(&file_name(lab, &format!("layers-{side}"), "csv"), &csv(&head.map(str::to_owned), &rows), "text/csv");
}

/// Saves the layers as JSON, with the address that shows them.
pub fn layers_json(lab: Lab, side: Side) {
    let rows = untrack(|| layer_rows(lab, side));
    let value = json!({ "configuration": configuration(lab), "profile": lab.profile.with_value(|profile| profile.hash()), "address": exported_address(lab), "layers": rows });
    save_json(lab, &format!("layers-{side}"), &value);
}

/// Saves an allocation as `rrlab prune` and this page read it.
pub fn allocation_json(lab: Lab, side: Side) {
    if let Ok(allocation) = lab.outcome(side).get_untracked() {
        save_json(lab, &format!("{}-{}", allocation.rule, allocation.sparsity), &json!(allocation));
    }
}

/// Saves the metric that colours the graph as node data for Model Explorer (its `GraphNodeData`): value and colours of
/// each node, and the gradient between the least and the largest value.
pub fn node_data(lab: Lab, side: Side) {
    let metric = lab.settings.metric.get_untracked();
    let (mine, other) = untrack(|| match metric {
        Metric::Difference => (lab.numbers_a.get(), lab.numbers_b.get()),
        _ => (lab.numbers(side).get(), lab.numbers(side).get()),
    });
    let values: Vec<f64> = mine.iter().zip(&other).map(|(&mine, &other)| metric.of(mine, other)).collect();
    let scale = metric.scale(&values);
    let node = |value: f64| {
        let colour = scale.colour(value);
        json!({ "value": value, "bgColor": colour.hex(), "textColor": colour.text() })
    };
    let results: Map<String, Value> = lab.profile.with_value(|profile| {
        profile.layers.iter().zip(&values).map(|(layer, &value)| (layer.name.clone(), node(value))).collect()
    });
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let stop = |stop: f64| json!({ "stop": stop, "bgColor": scale.colour(least + stop * (most - least)).hex() });
    let gradient = [0.0, 0.25, 0.5, 0.75, 1.0].map(stop);
    let architecture = lab.profile.with_value(|profile| profile.graph.architecture.clone());
    let data = json!({ "results": results, "gradient": gradient });
    save_json(lab, &format!("{metric}-node-data-{side}"), &json!({ architecture: data }));
}

fn save_json(lab: Lab, what: &str, value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    binding::save(&file_name(lab, what, "json"), &text, "application/json");
}

fn graph_text(lab: Lab, side: Side) -> Option<String> {
    let element = document().get_element_by_id(&format!("{GRAPH_ID}{side}"))?;
    let (width, height) = whole_size(&element)?;
    Some(binding::drawing(&element, &format!("{PAPER}{GRAPH_STYLE}"), width, height, &description(lab)))
}

/// Saves the graph as SVG.
pub fn graph_svg(lab: Lab, side: Side) {
    if let Some(text) = graph_text(lab, side) {
        binding::save(&file_name(lab, &format!("graph-{side}"), "svg"), &text, "image/svg+xml");
    }
}

/// Saves the graph as PNG.
pub fn graph_png(lab: Lab, side: Side) {
    if let Some(text) = graph_text(lab, side) {
        binding::save_png(&file_name(lab, &format!("graph-{side}"), "png"), &text);
    }
}
