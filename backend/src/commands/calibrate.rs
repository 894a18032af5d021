//! `rrlab calibrate`.

use burn::tensor::read_sync;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::model::Model;
use rrlab_types::ModelProfile;

use super::{Context, calibration_images, inspect, read_model};
use crate::cli::CalibrateArgs;
use crate::progress;
use crate::storage::write_atomically;

pub fn run(context: &Context, args: &CalibrateArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.hint())?;
    let dataset = context.data.load(&args.images.dataset)?;
    let images = calibration_images(context, &model, &dataset, args.images.split.into(), args.images.images)?;
    let method = if args.direct { Method::Direct } else { Method::SecondMoments };
    let profile = profile(&model, &images, &context.device()?, method)?;
    write_atomically(&args.out, &serde_json::to_vec(&profile)?)?;
    eprintln!("wrote {}", args.out.display());
    inspect::print_profile(context, &profile, inspect::Point::default())
}

/// Calibrates with a progress bar.
pub fn profile(
    model: &Model,
    images: &CalibrationImages<'_>,
    device: &OpenDevice,
    method: Method,
) -> anyhow::Result<ModelProfile> {
    let bar = progress::bar("calibrating (images)", images.len());
    let watch = progress::counts_images(&bar);
    let profile = read_sync(calibrate(model, &device.device, &device.name, images, method, watch))?;
    bar.finish_and_clear();
    Ok(profile)
}
