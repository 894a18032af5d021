//! One module for each command.

mod allocate;
mod calibrate;
mod dataset;
mod evaluate;
mod inspect;
mod prune;
mod sweep;
mod train;

use burn::tensor::read_sync;
use rrlab_engine::calibrate::CalibrationImages;
use rrlab_engine::data::{Dataset, Split};
use rrlab_engine::device::{DeviceChoice, OpenDevice};
use rrlab_engine::model::Model;

use crate::cli::{Cli, Command, Format};
use crate::storage::DataFolder;

/// What every command gets.
pub struct Context {
    /// How results are printed.
    pub format: Format,
    /// The data sets.
    pub data: DataFolder,
    /// The seed.
    pub seed: u64,
    device: DeviceChoice,
}

impl Context {
    /// Opens the device; says on standard error why a GPU was passed over.
    pub fn device(&self) -> anyhow::Result<OpenDevice> {
        let device = read_sync(self.device.open())?;
        if let Some(note) = &device.note {
            eprintln!("using {}: {note}", device.name);
        }
        Ok(device)
    }
}

/// Runs a command.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { command, format, data_dir, device, seed } = cli;
    if let Command::Serve(args) = &command {
        return crate::serve::run(args);
    }
    let context = Context { format, data: DataFolder::new(data_dir)?, seed, device };
    match &command {
        Command::Dataset(command) => dataset::run(&context, command),
        Command::Train(args) => train::run(&context, args),
        Command::Calibrate(args) => calibrate::run(&context, args),
        Command::Allocate(args) => allocate::run(&context, args),
        Command::Prune(args) => prune::run(&context, args),
        Command::Evaluate(args) => evaluate::run(&context, args),
        Command::Sweep(args) => sweep::run(&context, args),
        Command::Inspect(args) => inspect::run(&context, args),
        Command::Serve(args) => crate::serve::run(args),
    }
}

/// Calibration images for a model; says so where there are fewer than asked for.
fn calibration_images<'a>(
    context: &Context,
    model: &Model,
    dataset: &'a Dataset,
    split: Split,
    count: usize,
) -> anyhow::Result<CalibrationImages<'a>> {
    let images = CalibrationImages::draw(dataset, split, count, context.seed, model.normalization_of(dataset))?;
    if images.len() < count {
        eprintln!("note: {} has only {} {split} images; all of them are used", dataset.name, images.len());
    }
    Ok(images)
}
