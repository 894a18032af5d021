//! Where a person runs networks in this browser: which images, which network, what to do with it,
//! and what comes of it.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use super::actions::Actions;
use super::classified_images::ClassifiedImagesView;
use super::evaluations::Evaluations;
use super::files;
use super::inputs::{Architecture, RunInputs};
use super::notebook_view::Notebook;
use super::progress_bar::ProgressBar;
use super::session::Session;
use super::stored_results::StoredResults;
use super::training_charts::TrainingCharts;
use crate::controls::{ImageSize, Number, Select, labelled};
use crate::files::MODEL_ENDINGS;
use crate::graph::LiveGraph;
use crate::settings::{ImageSource, NetworkSource};
use crate::worker_files::WorkerFiles;

/// Networks that run in this browser.
#[component]
pub fn RunPanel(inputs: RunInputs) -> impl IntoView {
    let session = inputs.session;
    session.read_store();
    session.read_notebook();
    session.look_for_workers();
    let obstacle = move || {
        let files = session.worker_files.get();
        let obstacle = files.as_ref().and_then(WorkerFiles::obstacle)?;
        Some(view! { <p id="obstacle" class="notice" role="status">{obstacle}</p> })
    };
    view! {
        <p class="faint" id="device" role="status">{move || session.device.get()}</p>
        {obstacle}
        <div class="steps">
            <fieldset><legend>"1 Images"</legend><ImageInputs inputs /></fieldset>
            <fieldset><legend>"2 Network"</legend><NetworkInputs inputs /></fieldset>
            <fieldset><legend>"3 What to do"</legend><Actions inputs /></fieldset>
        </div>
        <ProgressBar session />
        <Evaluations session />
        <ClassifiedImagesView session />
        <TrainingCharts session />
        {move || calibration_view(session)}
        <Notebook session />
        <StoredResults inputs />
    }
}

#[component]
fn ImageInputs(inputs: RunInputs) -> impl IntoView {
    let source = inputs.settings.images;
    let loaded = move || match inputs.session.images.get() {
        Some(images) => format!(
            "{}: {} training and {} test images, {} classes",
            images.name, images.train, images.test, images.classes
        ),
        None => "Images never leave this machine.".to_owned(),
    };
    let of_source = move || match source.get() {
        ImageSource::Shapes => {
            view! { <Number id="shapes" label="Training images" signal=inputs.settings.shapes /> }
                .into_any()
        }
        ImageSource::Files => view! { <ImageFiles inputs /> }.into_any(),
    };
    view! {
        <label><span class="sr-only">"Images"</span>
            <Select id="source" value=source set=source.write_only()
                choices=labelled(ImageSource::ALL, ImageSource::label) />
        </label>
        {of_source}
        <p class="faint" id="images">{loaded}</p>
    }
}

#[component]
fn NetworkInputs(inputs: RunInputs) -> impl IntoView {
    let source = inputs.settings.network;
    let history = move || {
        let Some(network) = inputs.session.network.get() else { return String::new() };
        match network.history.as_slice() {
            [] => network.title(),
            lines => format!("{}: {}", network.title(), lines.join("; ")),
        }
    };
    view! {
        <label><span class="sr-only">"Network"</span>
            <Select id="network" value=source set=source.write_only()
                choices=labelled(NetworkSource::ALL, NetworkSource::label) />
        </label>
        <Show when=move || source.get() == NetworkSource::File><CheckpointFile inputs /></Show>
        <p class="faint" id="history">{history}</p>
    }
}

#[component]
fn ImageFiles(inputs: RunInputs) -> impl IntoView {
    let choose = move |input: HtmlInputElement| inputs.take_files(files::chosen(&input));
    let chosen = move || {
        inputs.images.with(|images| match images.as_slice() {
            [] => "CIFAR’s binary files, an archive (.zip, .tar.gz), \
                   or a folder train/CLASS/*.png with test/CLASS/*.png; or drop them here."
                .to_owned(),
            [one] => one.name.clone(),
            several => format!("{} files", several.len()),
        })
    };
    view! {
        <span class="tools">
            <label class="button">"Files"
                <input type="file" id="image-files" class="sr-only" multiple
                    on:change:target=move |event| choose(event.target()) />
            </label>
            <label class="button">"Folder"
                <input type="file" id="image-folder" class="sr-only" prop:webkitdirectory=true
                    on:change:target=move |event| choose(event.target()) />
            </label>
        </span>
        <span class="tools"><ImageSize id="image" inputs=inputs.image_size /></span>
        <p class="faint">{chosen}</p>
    }
}

#[component]
fn CheckpointFile(inputs: RunInputs) -> impl IntoView {
    let choose = move |input: HtmlInputElement| inputs.take_network(files::chosen(&input));
    let architecture = inputs.architecture;
    let chosen = move || match (inputs.checkpoint.get(), inputs.preprocessing.get()) {
        (Some(file), Some(preprocessing)) => format!("{} with {}", file.name, preprocessing.name),
        (Some(file), None) => file.name,
        (None, Some(preprocessing)) => format!("{}; choose its network too", preprocessing.name),
        (None, None) => {
            "A safetensors, PyTorch or ONNX file, with preprocessing.json where it does not \
                 say what images it expects."
                .to_owned()
        }
    };
    let endings = [&MODEL_ENDINGS[..], &[".json"]].concat().join(",");
    view! {
        <span class="tools">
            <label class="button">"Checkpoint"
                <input type="file" id="checkpoint" class="sr-only" multiple accept=endings
                    on:change:target=move |event| choose(event.target()) />
            </label>
            <label><span class="sr-only">"Architecture of the checkpoint"</span>
                <Select id="architecture" value=architecture set=architecture.write_only()
                    choices=labelled(Architecture::ALL, Architecture::label) />
            </label>
        </span>
        <p class="faint">{chosen}</p>
    }
}

/// The network while its layers are measured. Made anew for another network alone: its layers
/// follow.
fn calibration_view(session: Session) -> Option<impl IntoView> {
    let graph =
        session.calibration.with(|calibration| Some(calibration.as_ref()?.graph.clone()))?;
    let layers = Signal::derive(move || {
        session.calibration.with(|calibration| {
            calibration.as_ref().map(|calibration| calibration.layers.clone()).unwrap_or_default()
        })
    });
    let density = session.settings.a.sparsity.get_untracked().density().get();
    Some(view! { <LiveGraph graph layers density /> })
}
