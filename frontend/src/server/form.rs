//! The form that a job is asked for with.

use leptos::prelude::*;
use rrlab_protocol::{Artifact, ArtifactKind};
use web_sys::{File, HtmlInputElement};

use super::inputs::{Architecture, JobInputs, JobKind};
use super::state::{Said, ServerState};
use crate::controls::{ImageSize, Number, Select, labelled};
use crate::files::{is_json, text_of};

/// What to do, with which images and network, and how much of it.
#[component]
pub fn JobForm(inputs: JobInputs) -> impl IntoView {
    let kind = inputs.kind;
    let is = move |asked: JobKind| kind.get() == asked;
    view! {
        <div class="steps">
            <fieldset>
                <legend>"1 What to do"</legend>
                <label><span class="sr-only">"What to do"</span>
                    <Select id="job-work" value=kind set=kind.write_only()
                        choices=labelled(JobKind::ALL, JobKind::label) />
                </label>
                <Show when=move || is(JobKind::Choose)><p class="faint">
                    {move || inputs.candidates()}</p></Show>
                <Show when=move || is(JobKind::Finetune)><p class="faint">
                    {move || inputs.compared()}</p></Show>
            </fieldset>
            <fieldset>
                <legend>"2 Images and network"</legend>
                <ImagesAndNetwork inputs />
            </fieldset>
            <fieldset>
                <legend>"3 How much"</legend>
                <Amounts inputs />
                <button type="button" id="job-start" class="primary"
                    on:click=move |_| inputs.submit()>
                    "Start the job"
                </button>
            </fieldset>
        </div>
    }
}

#[component]
fn ImagesAndNetwork(inputs: JobInputs) -> impl IntoView {
    let server = inputs.server;
    let is_training = move || inputs.kind.get() == JobKind::Train;
    let takes_profile =
        move || matches!(inputs.kind.get(), JobKind::Choose | JobKind::Sweep | JobKind::Finetune);
    view! {
        <span class="tools"><DatasetChoice inputs /></span>
        <Show when=is_training>
            <label class="inline"><span>"Architecture"</span>
                <Select id="job-architecture" value=inputs.architecture
                    set=inputs.architecture.write_only()
                    choices=labelled(Architecture::ALL, Architecture::label) />
            </label>
        </Show>
        <Show when=move || !is_training()>
            <span class="tools">
                <ArtifactChoice server kind=ArtifactKind::Model id="job-model" label="Network"
                    none="choose one" chosen=inputs.model />
            </span>
        </Show>
        <Show when=takes_profile>
            <span class="tools">
                <ArtifactChoice server kind=ArtifactKind::Profile id="job-profile" label="Profile"
                    none="measure it first" chosen=inputs.profile />
            </span>
        </Show>
    }
}

#[component]
fn Amounts(inputs: JobInputs) -> impl IntoView {
    let kind = inputs.kind;
    let is = move |asked: JobKind| kind.get() == asked;
    let calibrates = move || !matches!(kind.get(), JobKind::Train | JobKind::Evaluate);
    let evaluates =
        move || matches!(kind.get(), JobKind::Evaluate | JobKind::Sweep | JobKind::Finetune);
    view! {
        <span class="tools">
            <Show when=move || is(JobKind::Train)>
                <Number id="job-epochs" label="epochs" signal=inputs.epochs />
                <Number id="job-rate" label="rate" signal=inputs.learning_rate />
            </Show>
            <Show when=move || is(JobKind::Finetune)>
                <Number id="job-tuning-epochs" label="epochs" signal=inputs.finetune_epochs />
                <Number id="job-tuning-rate" label="rate" signal=inputs.finetune_rate />
                <label class="inline">
                    <input type="checkbox" id="job-distill"
                        prop:checked=move || inputs.distill.get()
                        on:change:target=move |event| inputs.distill.set(event.target().checked()) />
                    "taught by the dense network"
                </label>
            </Show>
            <Show when=move || is(JobKind::Choose)>
                <Number id="job-refine" label="networks of a search from the best"
                    signal=inputs.refine />
            </Show>
            <Show when=calibrates>
                <Number id="job-calibration" label="calibration images" signal=inputs.calibration />
            </Show>
            <Show when=evaluates>
                <Number id="job-evaluation" label="test images" signal=inputs.evaluation />
            </Show>
            <Show when=move || is(JobKind::Sweep)>
                <Number id="job-distil" label="epochs of distillation behind repair"
                    signal=inputs.distil_epochs />
            </Show>
            <Number id="job-seed" label="seed" signal=inputs.seed />
        </span>
    }
}

/// Bytes of a file of preprocessing that fit beside a network, escaped, into the address of a
/// request, of which a server takes 64 KiB.
const LONGEST_PREPROCESSING: usize = 32 << 10;

/// The files that were chosen in an input, which can then choose the same ones again.
fn take_files(input: &HtmlInputElement) -> Vec<File> {
    let files = input.files();
    let files =
        files.iter().flat_map(|files| (0..files.length()).filter_map(|index| files.get(index)));
    let files = files.collect();
    input.set_value("");
    files
}

/// What a file of preprocessing says of a network, if there is one.
async fn said_by(preprocessing: Option<File>) -> Said {
    let Some(file) = preprocessing else { return Ok(Vec::new()) };
    let text = text_of(&file).await?;
    if text.len() > LONGEST_PREPROCESSING {
        return Err(format!(
            "{} is too long to go along; put it into the network: rrlab export --preprocessing",
            file.name()
        ));
    }
    Ok(vec![("preprocessing", text)])
}

/// An artifact of a kind, chosen from those stored, or uploaded.
#[component]
fn ArtifactChoice(
    server: ServerState,
    kind: ArtifactKind,
    id: &'static str,
    label: &'static str,
    /// What is called what where nothing is chosen.
    none: &'static str,
    /// Id of the artifact; 0 is none.
    chosen: RwSignal<i64>,
) -> impl IntoView {
    let option = move |artifact: Artifact| {
        let name = format!("{} ({})", artifact.name, artifact.id);
        view! { <option value=artifact.id selected=move || chosen.get() == artifact.id>{name}</option> }
    };
    let stored = move || {
        let artifacts = server.artifacts.get().into_iter().filter(|artifact| artifact.kind == kind);
        artifacts.map(option).collect_view()
    };
    let upload = move |input: HtmlInputElement| {
        let (mut preprocessing, mut files): (Vec<_>, Vec<_>) = take_files(&input)
            .into_iter()
            .partition(|file| kind == ArtifactKind::Model && is_json(&file.name()));
        let preprocessing = preprocessing.pop();
        if let (None, Some(alone)) = (files.last(), &preprocessing) {
            server.notice.set(format!("choose the network together with {}", alone.name()));
        }
        if let Some(file) = files.pop() {
            let said = said_by(preprocessing);
            server.upload(kind, file, said, move |artifact| chosen.set(artifact.id));
        }
    };
    let choose = move |value: String| chosen.set(value.parse().unwrap_or_default());
    let hint = match kind {
        ArtifactKind::Model => {
            "a safetensors, PyTorch or ONNX file, with preprocessing.json where it does not say \
             what images it expects"
        }
        _ => "as rrlab calibrate writes it",
    };
    view! {
        <label class="inline"><span>{label}</span>
            <select id=id on:change:target=move |event| choose(event.target().value())>
                <option value="0" selected=move || chosen.get() == 0>{none}</option>
                {stored}
            </select>
        </label>
        <label class="button" title=hint>"Upload"
            <input type="file" id=format!("{id}-upload") class="sr-only"
                multiple={kind == ArtifactKind::Model}
                on:change:target=move |event| upload(event.target()) />
        </label>
    }
}

/// A data set of the server's own, or one that was uploaded.
#[component]
fn DatasetChoice(inputs: JobInputs) -> impl IntoView {
    let server = inputs.server;
    let chosen = inputs.dataset;
    let option = move |value: String, name: String| {
        let own = value.clone();
        view! { <option value=value selected=move || chosen.get() == own>{name}</option> }
    };
    let named = move || {
        let info = server.info.get();
        let names = info.map(|info| info.datasets).unwrap_or_default();
        names.into_iter().map(|name| option(format!("name:{name}"), name)).collect_view()
    };
    let stored = move || {
        let artifacts = server.artifacts.get().into_iter();
        let datasets = artifacts.filter(|artifact| artifact.kind == ArtifactKind::Dataset);
        datasets.map(|dataset| option(dataset.id.to_string(), dataset.name)).collect_view()
    };
    let upload = move |input: HtmlInputElement| {
        if let Some(file) = take_files(&input).pop() {
            let mut said = vec![("size", inputs.image_size.side.get_untracked().to_string())];
            let resize = inputs.image_size.resize.get_untracked().0;
            said.extend(resize.map(|resize| ("resize", resize.to_string())));
            let then = move |artifact: Artifact| chosen.set(artifact.id.to_string());
            server.upload(ArtifactKind::Dataset, file, async { Ok(said) }, then);
        }
    };
    view! {
        <label class="inline"><span>"Images"</span>
            <select id="job-dataset"
                on:change:target=move |event| chosen.set(event.target().value())>
                {named} {stored}
            </select>
        </label>
        <label class="button"
            title="CIFAR’s files, or a folder train/CLASS and test/CLASS, as .zip or .tar.gz">
            "Upload"
            <input type="file" id="job-dataset-upload" class="sr-only" accept=".zip,.tar,.gz,.tgz"
                on:change:target=move |event| upload(event.target()) />
        </label>
        <ImageSize id="job-image" inputs=inputs.image_size />
    }
}
