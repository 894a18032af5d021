//! `rrlab evaluate`.

use burn::tensor::read_sync;
use rrlab_engine::data::{Split, draw_indices};
use rrlab_engine::evaluate::{accuracy, evaluation};
use rrlab_engine::network::Network;

use super::Context;
use crate::cli::EvaluateArgs;
use crate::output::{Report, percent};
use crate::progress;
use crate::storage::read_model;

pub fn run(context: &Context, args: &EvaluateArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.network.hint())?;
    let dataset = context.data.load(&args.dataset)?;
    model.check_classes(&dataset)?;
    let split: Split = args.split.into();
    let set = dataset.split(split);
    let drawn = draw_indices(set, args.images.unwrap_or(set.len()), context.seed);
    let images = drawn.len();
    anyhow::ensure!(images > 0, "evaluation needs at least one image");
    let device = context.device()?;
    let network = Network::new(&model, &device.device);
    let bar = progress::bar("evaluating", images);
    let watch = progress::counts_images(&bar);
    let fraction = read_sync(accuracy(&network, set, &drawn, &model.normalization_of(&dataset), watch))?;
    bar.finish_and_clear();
    let name = args.model.model.display().to_string();
    let evaluation = evaluation(&name, &model, &dataset, split, images, &device.name, fraction);
    let report = Report {
        value: &evaluation,
        columns: &["accuracy", "images", "split", "weights", "of which not 0"],
        rows: vec![vec![
            percent(evaluation.accuracy),
            images.to_string(),
            split.to_string(),
            evaluation.weights.to_string(),
            evaluation.nonzero_weights.to_string(),
        ]],
        summary: None,
    };
    report.print(context.format)
}
