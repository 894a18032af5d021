//! `rrlab prune`.

use anyhow::Context as _;
use burn::tensor::read_sync;
use rrlab_engine::data::Split;
use rrlab_engine::prune::{masks_to_bytes, prune};
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::watch::unwatched;
use rrlab_types::{Allocation, Repair};

use super::{Context, calibration_images, note_unbound, read_model};
use crate::cli::PruneArgs;
use crate::progress;
use crate::storage::{read_text, write_atomically, write_model};

pub fn run(context: &Context, args: &PruneArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.hint())?;
    let allocation =
        Allocation::from_json(&read_text(&args.allocation)?).with_context(|| args.allocation.display().to_string())?;
    note_unbound(&args.allocation.display().to_string(), allocation.check_model(&model.hash())?);
    let (pruned, masks) = prune(&model, &allocation)?;
    let masks = masks_to_bytes(&pruned, &masks)?;
    let result = if args.repair == Repair::None {
        pruned
    } else {
        let name = args.dataset.as_deref().or(model.info.dataset.as_deref());
        let name = name.context("repair needs images: name a data set with --dataset, or choose --repair none")?;
        let dataset = context.data.load(name)?;
        let images = calibration_images(context, &model, &dataset, Split::Train, args.images)?;
        let device = context.device()?.device;
        let spinner = progress::spinner(format!("repairing by {} on {} images", args.repair, images.len()));
        let repaired = read_sync(async {
            let dense = DenseStatistics::measure(&model, &images, &device, unwatched).await?;
            repair(&model, &dense, &pruned, args.repair, &images, &device, unwatched).await
        })?;
        spinner.finish_and_clear();
        repaired
    };
    if let Some(path) = &args.masks {
        write_atomically(path, &masks)?;
        eprintln!("wrote {}", path.display());
    }
    write_model(&args.out, &result)?;
    eprintln!("wrote {}", args.out.display());
    Ok(())
}
