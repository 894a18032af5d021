//! One module for each command.

mod admin;
mod allocate;
mod calibrate;
mod dataset;
mod evaluate;
mod finetune;
mod inspect;
mod lab;
mod people;
mod prune;
mod serve;
mod sweep;
mod train;

use std::path::{Path, PathBuf};

use burn::tensor::read_sync;
use rrlab_engine::calibrate::{CalibrationImages, Method};
use rrlab_engine::data::{Dataset, Split};
use rrlab_engine::device::{DeviceChoice, OpenDevice};
use rrlab_engine::import::{Hint, Imported};
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_types::{Binding, ModelProfile};

use crate::cli::{Cli, Command, Format};
use crate::storage::{self, DataFolder, read_profile};

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
    let context = Context { format, data: DataFolder::new(data_dir)?, seed, device };
    match &command {
        Command::Dataset(command) => dataset::run(&context, command),
        Command::Train(args) => train::run(&context, args),
        Command::Calibrate(args) => calibrate::run(&context, args),
        Command::Allocate(args) => allocate::run(&context, args),
        Command::Prune(args) => prune::run(&context, args),
        Command::Evaluate(args) => evaluate::run(&context, args),
        Command::Sweep(args) => sweep::run(&context, args),
        Command::Finetune(args) => finetune::run(&context, args),
        Command::Inspect(args) => inspect::run(&context, args),
        Command::Serve(args) => serve::serve(context, args),
        Command::Worker(args) => serve::work(context, args),
        Command::User(args) => people::user(&context, args),
        Command::Token(args) => people::token(&context, args),
        Command::Admin(args) => admin::run(&context, args),
    }
}

/// The model in this file; says what the file left open and how that was settled.
fn read_model(path: &Path, hint: Hint) -> anyhow::Result<Model> {
    let Imported { model, notes } = storage::read_model(path, hint)?;
    notes.iter().for_each(|note| eprintln!("note: {note}"));
    Ok(model)
}

/// The profile in this file, or one measured now.
fn read_or_measure_profile(
    context: &Context,
    path: Option<&Path>,
    (model, dataset, device): (&Model, &Dataset, &OpenDevice),
    images: usize,
) -> anyhow::Result<ModelProfile> {
    match path {
        Some(path) => read_profile(path),
        None => {
            let images = calibration_images(context, model, dataset, Split::Train, images)?;
            calibrate::profile(model, &images, device, Method::SecondMoments)
        }
    }
}

/// The two together; says so where the profile does not name its network.
fn measured<'a>(model: &'a Model, profile: &'a ModelProfile) -> anyhow::Result<Measured<'a>> {
    let measured = Measured::new(model, profile)?;
    note_unbound("the profile", measured.binding());
    Ok(measured)
}

/// Says that what was read does not name its network: only its layers could be compared.
fn note_unbound(what: &str, binding: Binding) {
    if binding == Binding::Unbound {
        eprintln!("note: {what} does not say which network it is of; only its layers are compared");
    }
}

/// Where the state of work that writes `out` is kept until it is done.
fn state_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".training");
    name.into()
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
