//! `rrlab allocate`.

use anyhow::Context as _;
use rrlab_types::{Allocation, AllocationRequest, Evidence, LayerAllocation, allocate};

use super::context::Context;
use crate::allocation_file::{TABLE_COLUMNS, csv_columns};
use crate::cli::AllocateArgs;
use crate::output::{Csv, Report, shape};
use crate::progress::say;
use crate::storage::read_profile;

pub fn run(context: &Context, args: &AllocateArgs) -> anyhow::Result<()> {
    let request = AllocationRequest {
        rule: args.rule,
        sparsity: args.sparsity,
        settings: args.settings.settings(args.repair)?,
        constraints: args.force.clone(),
    };
    let allocation = match &args.profile {
        Some(path) => allocate(Evidence::Profile(&read_profile(path)?), &request)?,
        None => {
            let architecture =
                args.network.arch.context("name the network with --profile FILE or --arch NAME")?;
            let graph = architecture.graph(args.network.classes.unwrap_or(10))?;
            allocate(Evidence::Graph(&graph), &request)?
        }
    };
    note_near_collapse(&allocation);
    print(context, &allocation)
}

/// Says which layers are close to being cut off.
pub fn note_near_collapse(allocation: &Allocation) {
    let near: Vec<String> = allocation
        .layers
        .iter()
        .filter(|layer| layer.is_near_collapse())
        .map(|layer| format!("{} ({} of {} weights)", layer.name, layer.kept, layer.weights))
        .collect();
    if !near.is_empty() {
        say(&format!(
            "note: near collapse, with fewer weights than outputs: {}; --floor keeps more",
            near.join(", ")
        ));
    }
}

fn print(context: &Context, allocation: &Allocation) -> anyhow::Result<()> {
    let report = Report {
        value: allocation,
        csv: Csv { lines: "layers", columns: &csv_columns() },
        columns: &TABLE_COLUMNS,
        rows: allocation.layers.iter().map(row).collect(),
        summary: Some(kept_in_all(allocation)),
    };
    report.print(context.format)
}

fn row(layer: &LayerAllocation) -> Vec<String> {
    vec![
        layer.name.clone(),
        layer.role.to_string(),
        shape(&layer.shape),
        layer.weights.to_string(),
        layer.kept.to_string(),
        format!("{:.4}", layer.density),
        if layer.is_near_collapse() {
            "near collapse".into()
        } else {
            layer.state.name().to_string()
        },
    ]
}

/// What all layers keep together.
pub fn kept_in_all(allocation: &Allocation) -> String {
    let Allocation { sparsity, kept, .. } = allocation;
    let rule = allocation.rule_in_words();
    format!("{rule} at sparsity {sparsity}: {kept} of {} weights kept", allocation.weights())
}
