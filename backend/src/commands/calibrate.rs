//! `rrlab calibrate`.

use burn::tensor::read_sync;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate_channels};
use rrlab_engine::data::Split;
use rrlab_engine::device::OpenDevice;
use rrlab_engine::model::Model;
use rrlab_types::{ChannelProfile, ModelProfile};

use super::context::{Context, available_images, calibration_images, follow, read_model};
use super::inspect;
use crate::cli::{CalibrateArgs, PointArgs};
use crate::destination::{Destination, REPORT_BYTES};
use crate::interrupt::Interrupt;
use crate::progress::say;

pub fn run(context: &Context, args: &CalibrateArgs) -> anyhow::Result<()> {
    let model = read_model(&args.model.model, args.model.hint()?)?;
    let split: Split = args.images.split.into();
    available_images(&context.data.summary(&args.images.dataset)?, split, args.images.images);
    let out = Destination::check("--out", &args.out, args.overwrite.into(), REPORT_BYTES)?;
    let channels = args.channels.as_ref();
    let channels = channels
        .map(|path| Destination::check("--channels", path, args.overwrite.into(), REPORT_BYTES));
    let channels = channels.transpose()?;
    let dataset = context.dataset_for(&model, &args.images.dataset)?;
    let class = args.images.class.as_deref();
    let count = args.images.images;
    let images = calibration_images(&model, (&dataset, split), class, count, context.seed)?;
    let method = if args.direct { Method::Direct } else { Method::SecondMoments };
    let device = context.device()?;
    let (profile, of_channels) =
        measured(context, &model, &images, &device, method, &Interrupt::listen()?)?;
    out.write(&serde_json::to_vec(&profile)?)?;
    say(&format!("wrote {}", args.out.display()));
    if let (Some(channels), Some(path)) = (channels, &args.channels) {
        channels.write(&serde_json::to_vec(&of_channels)?)?;
        say(&format!("wrote {}", path.display()));
    }
    inspect::print_profile(context, &profile, PointArgs::default())
}

/// Calibrates where a person can see and end it: the profile, and RR of every channel.
pub fn measured(
    context: &Context,
    model: &Model,
    images: &CalibrationImages<'_>,
    device: &OpenDevice,
    method: Method,
    interrupt: &Interrupt,
) -> anyhow::Result<(ModelProfile, ChannelProfile)> {
    let meter = context.progress.count("calibrating", "images", images.len());
    let watch = follow(&meter, interrupt);
    interrupt.outcome(
        read_sync(calibrate_channels(model, &device.device, &device.name, images, method, watch)),
        None,
    )
}
