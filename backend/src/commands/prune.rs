//! `rrlab prune`.

use anyhow::bail;
use burn::tensor::read_sync;
use rrlab_engine::checkpoint;
use rrlab_engine::data::Split;
use rrlab_engine::model::Model;
use rrlab_engine::prune::{masks_to_bytes, prune};
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_types::Repair;

use super::{Context, available_images, calibration_images, follow, model_bytes, note_unbound};
use crate::cli::PruneArgs;
use crate::destination::{Destination, Existing};
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::storage::{read_allocation, read_model};

pub fn run(context: &Context, args: &PruneArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.network.hint())?;
    let allocation = read_allocation(&args.allocation)?;
    note_unbound(&args.allocation.display().to_string(), allocation.check_model(&model.hash())?);
    let (pruned, masks) = prune(&model, &allocation)?;
    let masks = masks_to_bytes(&pruned, &masks)?;
    let existing: Existing = args.overwrite.into();
    let out = Destination::check("--out", &args.out, existing, model_bytes(model.graph()))?;
    let masks_out = match &args.masks {
        Some(path) => Some(Destination::check("--masks", path, existing, masks.len() as u64)?),
        None => None,
    };
    let result = if args.repair == Repair::None { pruned } else { repaired(context, args, &model, &pruned)? };
    if let Some(masks_out) = masks_out {
        masks_out.write(&masks)?;
        say(&format!("wrote {}", masks_out.path().display()));
    }
    out.write(&checkpoint::write(&result)?)?;
    say(&format!("wrote {}", out.path().display()));
    Ok(())
}

fn repaired(context: &Context, args: &PruneArgs, model: &Model, pruned: &Model) -> anyhow::Result<Model> {
    let name = match (&args.dataset, &model.info.dataset) {
        (Some(name), _) => name,
        (None, Some(name)) => {
            say(&format!("repairing on images of {name}, which the network was trained on; --dataset names another"));
            name
        }
        (None, None) => bail!("repair needs images: name a data set with --dataset, or choose --repair none"),
    };
    available_images(&context.data.summary(name)?, Split::Train, args.images);
    let dataset = context.dataset(name)?;
    let images = calibration_images(context, model, &dataset, Split::Train, args.images)?;
    let device = context.device()?.device;
    let interrupt = Interrupt::listen()?;
    // Each node but the images themselves goes by twice: in the dense network, then in the pruned one.
    let nodes = 2 * (model.graph().nodes.len() - 1);
    let meter = context.progress.count("repairing", "nodes", nodes);
    meter.describe(format!("by {} on {} images", args.repair, images.len()));
    let repaired = read_sync(async {
        let mut watch = follow(&meter, &interrupt);
        let dense = DenseStatistics::measure(model, &images, &device, &mut watch).await?;
        repair(model, &dense, pruned, args.repair, &images, &device, &mut watch).await
    });
    drop(meter);
    interrupt.outcome(repaired, None)
}
