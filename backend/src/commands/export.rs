//! `rrlab export`.

use serde::Serialize;

use rrlab_types::ModelHash;

use super::context::{Context, model_bytes, read_model};
use crate::cli::ExportArgs;
use crate::destination::Destination;
use crate::model_file::ModelForm;
use crate::output::{Csv, Report};

/// What was written.
#[derive(Serialize)]
struct Exported {
    out: String,
    bytes: usize,
    architecture: String,
    weights: usize,
    nonzero_weights: usize,
    model_hash: ModelHash,
}

const CSV_COLUMNS: [&str; 6] =
    ["out", "bytes", "architecture", "weights", "nonzero_weights", "model_hash"];

pub fn run(context: &Context, args: &ExportArgs) -> anyhow::Result<()> {
    let form = ModelForm::of(&args.out)?;
    let model = read_model(&args.model.model, args.model.hint()?)?;
    let room = model_bytes(model.graph());
    let out = Destination::check("--out", &args.out, args.overwrite.into(), room)?;
    let bytes = form.bytes(&model, None)?;
    let graph = model.graph();
    let layers = graph.prunable_layers();
    let exported = Exported {
        out: args.out.display().to_string(),
        bytes: bytes.len(),
        architecture: graph.architecture().to_owned(),
        weights: graph.prunable_weights(),
        nonzero_weights: layers.iter().map(|layer| model.nonzero_weights(layer.name)).sum(),
        model_hash: model.hash(),
    };
    out.write(&bytes)?;
    let row = vec![
        exported.out.clone(),
        exported.bytes.to_string(),
        exported.architecture.clone(),
        exported.weights.to_string(),
        exported.nonzero_weights.to_string(),
        exported.model_hash.short(),
    ];
    let report = Report {
        value: &exported,
        csv: Csv { lines: "", columns: &CSV_COLUMNS },
        columns: &["file", "bytes", "network", "weights", "of which not 0", "hash"],
        rows: vec![row],
        summary: None,
    };
    report.print(context.format)
}
