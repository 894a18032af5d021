//! What commands share: what each gets, and what several of them ask or say.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use burn::tensor::read_sync;
use indicatif::HumanBytes;
use rrlab_engine::calibrate::{CalibrationImages, CalibrationPool};
use rrlab_engine::data::{Dataset, DatasetSummary, Split};
use rrlab_engine::device::{DeviceChoice, OpenDevice};
use rrlab_engine::import::{Hint, Imported};
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_engine::repair::memory;
use rrlab_engine::watch::{Progress, Stopped};
use rrlab_types::{
    Binding, Document, LayerGraph, ModelProfile, Repair, RepairOperator, Rule, SweepReport,
};

use crate::allocation_file;
use crate::cli::{Format, OverwriteArgs};
use crate::destination::{Destination, REPORT_BYTES};
use crate::interrupt::Interrupt;
use crate::progress::{Meter, ProgressOutput, say};
use crate::storage::{self, DataFolder, read_profile, read_text};

/// What every command gets.
pub struct Context {
    /// How results are printed.
    pub format: Format,
    /// The data sets.
    pub data: DataFolder,
    /// The seed.
    pub seed: u64,
    /// How progress is shown.
    pub progress: ProgressOutput,
    /// The device.
    pub device: ContextDevice,
}

/// The device that was asked for, opened when it is first needed and once: a command of several steps
/// asks each time, and a graphics adapter starts but once in a program's life.
pub struct ContextDevice {
    asked: DeviceChoice,
    opened: OnceCell<OpenDevice>,
}

impl From<DeviceChoice> for ContextDevice {
    fn from(asked: DeviceChoice) -> Self {
        Self { asked, opened: OnceCell::new() }
    }
}

impl Context {
    /// The device that was asked for, as the command line names it.
    pub fn device_name(&self) -> String {
        self.device.asked.to_string()
    }

    /// The device, open; says on standard error why a GPU was passed over.
    pub fn device(&self) -> anyhow::Result<OpenDevice> {
        if let Some(device) = self.device.opened.get() {
            return Ok(device.clone());
        }
        let meter = self.progress.wait("opening the device", "");
        let device = read_sync(self.device.asked.open())?;
        drop(meter);
        if let Some(note) = &device.note {
            say(&format!("using {}: {note}", device.name));
        }
        Ok(self.device.opened.get_or_init(|| device).clone())
    }

    /// Loads a data set. What can be checked without its images should have been.
    pub fn dataset(&self, name: &str) -> anyhow::Result<Dataset> {
        let _meter = self.progress.wait(format!("loading data set {name}"), "");
        self.data.load(name)
    }

    /// The same for a network; says where its images are others than the network was made for.
    pub fn dataset_for(&self, model: &Model, name: &str) -> anyhow::Result<Dataset> {
        let dataset = self.dataset(name)?;
        if let Some(note) = model.note_on_images(&dataset) {
            say(&format!("note: {note}"));
        }
        Ok(dataset)
    }
}

/// The model in this file; says what the file left open and how that was settled.
pub fn read_model(path: &Path, hint: Hint) -> anyhow::Result<Model> {
    let Imported { model, notes } = storage::read_model(path, hint)?;
    for note in notes {
        say(&format!("note: {note}"));
    }
    Ok(model)
}

/// A result in whichever file the lab wrote it to: JSON, or an allocation as CSV.
pub fn read_document(path: &Path) -> anyhow::Result<Document> {
    let text = read_text(path)?;
    let document = if allocation_file::is_csv(&text) {
        Document::Allocation(Box::new(
            allocation_file::parse(&text).with_context(|| path.display().to_string())?,
        ))
    } else {
        Document::from_json(&text).with_context(|| path.display().to_string())?
    };
    Ok(document)
}

/// The profile in the file that was given, which must be of this network; says so where it does not
/// name it.
pub fn given_profile(path: Option<&Path>, model: &Model) -> anyhow::Result<Option<ModelProfile>> {
    let Some(path) = path else { return Ok(None) };
    let profile = read_profile(path)?;
    note_unbound("the profile", Measured::new(model, &profile)?.binding());
    Ok(Some(profile))
}

/// Where a figure goes, checked before it is drawn.
pub fn svg_destination(
    option: &str,
    out: &Path,
    overwrite: OverwriteArgs,
) -> anyhow::Result<Destination> {
    let is_svg = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
    ensure!(is_svg, "{} does not end in .svg, and figures are SVG", out.display());
    Ok(Destination::check(option, out, overwrite.into(), REPORT_BYTES)?)
}

/// Images that there are of those asked for; says so where there are fewer.
pub fn available_images(dataset: &DatasetSummary, split: Split, asked: usize) -> usize {
    let available = dataset.images(split);
    if available < asked {
        say(&format!(
            "note: {} has {available} {split} images, not {asked}; all of them are used",
            dataset.name
        ));
    }
    available.min(asked)
}

/// Test images of a plan: as many as were asked for, else all.
pub fn evaluation_images(dataset: &DatasetSummary, asked: Option<usize>) -> usize {
    match asked {
        Some(asked) => available_images(dataset, Split::Test, asked),
        None => dataset.test,
    }
}

/// What a plan holds of something, as in `2 repairs (none, shrunk)`.
pub fn listed((one, many): (&str, &str), values: &[impl ToString]) -> String {
    let names: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("{} {} ({})", names.len(), if names.len() == 1 { one } else { many }, names.join(", "))
}

/// The rules of the sweeps that are asked for; all where none is.
pub fn asked_rules(reports: &[SweepReport], asked: &[Rule]) -> anyhow::Result<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    for &rule in reports.iter().flat_map(|report| &report.plan.rules) {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    for rule in asked {
        ensure!(
            rules.contains(rule),
            "the sweep has no {rule}; it has {}",
            listed(("rule", "rules"), &rules)
        );
    }
    Ok(if asked.is_empty() { rules } else { asked.to_vec() })
}

/// A watcher that counts images and repaired nodes, names layers, and ends work when a person asks
/// for that.
pub fn follow(
    meter: &Meter,
    interrupt: &Interrupt,
) -> impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped> {
    async |progress| {
        match progress {
            Progress::Images(count) => meter.advance(count),
            Progress::Repaired => meter.advance(1),
            Progress::Layer(layer) => meter.describe(format!("curves of {}", layer.name)),
            _ => {}
        }
        interrupt.check()
    }
}

/// Memory from which reconstruction is said to take it.
const MUCH_MEMORY: u64 = 1 << 30;

/// Says how much memory reconstruction of so many networks at once will take, where it is among the
/// repairs and that is much.
pub fn note_memory(repairs: &[Repair], model: &Model, images: usize, networks: usize) {
    let bytes = memory(model.graph(), images) * networks as u64;
    if repairs.contains(&Repair::Operator(RepairOperator::Reconstruction)) && bytes > MUCH_MEMORY {
        say(&format!(
            "note: reconstruction on {images} images will take about {} of memory",
            HumanBytes(bytes)
        ));
    }
}

/// Says that what was read does not name its network: only its layers could be compared.
pub fn note_unbound(what: &str, binding: Binding) {
    if binding == Binding::Unbound {
        say(&format!(
            "note: {what} does not say which network it is of; only its layers are compared"
        ));
    }
}

/// Where the state of work that writes `out` is kept until it is done.
pub fn state_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".training");
    name.into()
}

/// Calibration images for a model, of one class alone where it is named, drawn with the seed.
pub fn calibration_images<'a>(
    model: &Model,
    (dataset, split): (&'a Dataset, Split),
    class: Option<&str>,
    count: usize,
    seed: u64,
) -> anyhow::Result<CalibrationImages<'a>> {
    let normalization = model.normalization_of(dataset);
    let pool = CalibrationPool::all(dataset, split).of_class(class)?;
    Ok(pool.draw(count, seed, normalization)?)
}

/// Room for a network of so many parameters, as safetensors.
pub fn model_bytes(graph: &LayerGraph) -> u64 {
    // The header says what each tensor is called: a few hundred bytes a layer.
    (size_of::<f32>() * graph.parameters() + 1024 * graph.nodes().len()) as u64
}

/// Room for a training under way: weights, up to two numbers that the optimizer remembers of each,
/// and masks, twice while a state is replaced by the next.
pub fn training_bytes(graph: &LayerGraph) -> u64 {
    2 * 4 * model_bytes(graph)
}
