//! `rrlab allocate`.

use anyhow::Context as _;
use rrlab_types::{Allocation, AllocationRequest, Evidence, allocate};

use super::Context;
use crate::cli::AllocateArgs;
use crate::output::{Report, shape};
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
            let architecture = args.network.arch.context("name the network with --profile FILE or --arch NAME")?;
            let graph = architecture.graph(args.network.classes.unwrap_or(10))?;
            allocate(Evidence::Graph(&graph), &request)?
        }
    };
    print(context, &allocation)
}

fn print(context: &Context, allocation: &Allocation) -> anyhow::Result<()> {
    let rows = allocation.layers.iter().map(|layer| {
        vec![
            layer.name.clone(),
            layer.role.to_string(),
            shape(&layer.shape),
            layer.weights.to_string(),
            layer.kept.to_string(),
            format!("{:.4}", layer.density),
            layer.state.name().to_string(),
        ]
    });
    let report = Report {
        value: allocation,
        columns: &["layer", "role", "shape", "weights", "kept", "density", "state"],
        rows: rows.collect(),
        summary: Some(format!(
            "{} at sparsity {}: {} of {} weights kept",
            allocation.rule,
            allocation.sparsity,
            allocation.kept,
            allocation.weights()
        )),
    };
    report.print(context.format)
}
