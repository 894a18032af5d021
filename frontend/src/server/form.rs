//! What a job is asked for with.

use leptos::prelude::*;
use rrlab_protocol::{
    Artifact, ArtifactKind, CalibrateRequest, DatasetRef, EvaluateRequest, FinetuneRequest, JobRequest, SweepRequest,
    TrainRequest,
};
use rrlab_types::{
    CALIBRATION_IMAGES, Distillation, EVALUATION_IMAGES, FinetunePlan, Repair, Rule, Sparsity, SweepPlan, TrainingPlan,
};

use super::board::Board;
use crate::controls::{Number, Select};
use crate::run::{SWEEP_RULES, sweep_sparsities};
use crate::settings::{Settings, choices};

choices! {
    /// What is to be done.
    Work {
        /// Train a new network.
        Train = "train", "Train a new network";
        /// Measure one.
        Calibrate = "calibrate", "Measure every layer";
        /// Sweep.
        Sweep = "sweep", "Sweep five rules";
        /// Fine-tune A and B.
        Finetune = "finetune", "Fine-tune A and B";
        /// Evaluate.
        Evaluate = "evaluate", "Evaluate on test images";
    }
}

choices! {
    /// Architecture of a new network.
    Architecture {
        /// Small.
        ResNet8 = "resnet8", "ResNet-8";
        /// Small.
        ResNet20 = "resnet20", "ResNet-20";
        /// Large.
        ResNet18 = "resnet18", "ResNet18";
        /// Larger.
        ResNet34 = "resnet34", "ResNet34";
        /// Plain.
        Vgg11 = "vgg11_bn", "VGG11-BN";
        /// Plain and large.
        Vgg16 = "vgg16_bn", "VGG16-BN";
    }
}

/// What is set in the form.
#[derive(Clone, Copy)]
pub struct Form {
    board: Board,
    work: RwSignal<Work>,
    architecture: RwSignal<Architecture>,
    /// Number of the network; 0 is none.
    model: RwSignal<i64>,
    /// Number of the profile; 0 has one measured.
    profile: RwSignal<i64>,
    /// `name:NAME`, or the number of an uploaded one.
    dataset: RwSignal<String>,
    epochs: RwSignal<usize>,
    tuning_epochs: RwSignal<usize>,
    learning_rate: RwSignal<f64>,
    tuning_rate: RwSignal<f64>,
    distill: RwSignal<bool>,
    calibration: RwSignal<usize>,
    evaluation: RwSignal<usize>,
    seed: RwSignal<u64>,
}

impl Form {
    /// Everything at its default.
    pub fn new(board: Board) -> Self {
        let tuning = FinetunePlan::customary_training();
        Self {
            board,
            work: RwSignal::new(Work::Train),
            architecture: RwSignal::new(Architecture::ResNet20),
            model: RwSignal::new(0),
            profile: RwSignal::new(0),
            dataset: RwSignal::new("name:shapes10".into()),
            epochs: RwSignal::new(TrainingPlan::default().epochs),
            tuning_epochs: RwSignal::new(tuning.epochs),
            learning_rate: RwSignal::new(TrainingPlan::default().learning_rate),
            tuning_rate: RwSignal::new(tuning.learning_rate),
            distill: RwSignal::new(false),
            calibration: RwSignal::new(CALIBRATION_IMAGES),
            evaluation: RwSignal::new(EVALUATION_IMAGES),
            seed: RwSignal::new(0),
        }
    }

    fn dataset_ref(self) -> DatasetRef {
        let chosen = self.dataset.get_untracked();
        match chosen.strip_prefix("name:") {
            Some(name) => DatasetRef::Named(name.into()),
            None => DatasetRef::Stored(chosen.parse().unwrap_or_default()),
        }
    }

    fn network(self) -> Result<i64, String> {
        match self.model.get_untracked() {
            0 => Err("choose a network first: upload one, or train one".into()),
            id => Ok(id),
        }
    }

    fn request(self) -> Result<JobRequest, String> {
        let (dataset, seed) = (self.dataset_ref(), self.seed.get_untracked());
        let (images, evaluation_images) = (self.calibration.get_untracked(), self.evaluation.get_untracked());
        let profile = Some(self.profile.get_untracked()).filter(|id| *id > 0);
        let [a, b] = untrack(|| [self.board.settings.a.request(), self.board.settings.b.request()]);
        Ok(match self.work.get_untracked() {
            Work::Train => JobRequest::Train(TrainRequest {
                architecture: self.architecture.get_untracked().to_string(),
                dataset,
                plan: TrainingPlan {
                    epochs: self.epochs.get_untracked(),
                    learning_rate: self.learning_rate.get_untracked(),
                    seed,
                    ..TrainingPlan::default()
                },
            }),
            Work::Calibrate => {
                JobRequest::Calibrate(CalibrateRequest { model: self.network()?, dataset, images, seed })
            }
            Work::Evaluate => JobRequest::Evaluate(EvaluateRequest {
                model: self.network()?,
                dataset,
                images: evaluation_images,
                seed,
            }),
            Work::Sweep => JobRequest::Sweep(SweepRequest {
                model: self.network()?,
                profile,
                dataset,
                plan: SweepPlan {
                    rules: SWEEP_RULES.to_vec(),
                    sparsities: sweep_sparsities(),
                    repairs: vec![Repair::None, Repair::Operator(a.settings.repair)],
                    settings: a.settings,
                    constraints: Vec::new(),
                    calibration_images: images,
                    evaluation_images,
                    seed,
                },
            }),
            Work::Finetune => JobRequest::Finetune(FinetuneRequest {
                model: self.network()?,
                profile,
                dataset,
                plan: FinetunePlan {
                    rules: distinct([a.rule, b.rule]),
                    sparsities: distinct([a.sparsity, b.sparsity]),
                    repair: Repair::Operator(a.settings.repair),
                    settings: a.settings,
                    constraints: a.constraints,
                    calibration_images: images,
                    evaluation_images,
                    training: TrainingPlan {
                        epochs: self.tuning_epochs.get_untracked(),
                        learning_rate: self.tuning_rate.get_untracked(),
                        seed,
                        distillation: self.distill.get_untracked().then(Distillation::default),
                        ..FinetunePlan::customary_training()
                    },
                },
            }),
        })
    }

    fn submit(self) {
        match self.request() {
            Ok(request) => self.board.submit(request),
            Err(problem) => self.board.notice.set(problem),
        }
    }
}

fn distinct<T: PartialEq>([a, b]: [T; 2]) -> Vec<T> {
    if a == b { vec![a] } else { vec![a, b] }
}

/// What fine-tuning compares, in words.
fn compared(settings: Settings) -> String {
    let [a, b] = [settings.a.request(), settings.b.request()];
    let names = |rules: Vec<Rule>| rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let sparsities: Vec<String> = distinct([a.sparsity, b.sparsity]).iter().map(Sparsity::to_string).collect();
    format!("{} at {}, repaired by {}", names(distinct([a.rule, b.rule])), sparsities.join(" and "), a.settings.repair)
}

/// An artifact of a kind, chosen from those stored, or uploaded.
#[component]
fn Stored(
    board: Board,
    kind: ArtifactKind,
    id: &'static str,
    label: &'static str,
    /// What is called what where nothing is chosen.
    none: &'static str,
    chosen: RwSignal<i64>,
) -> impl IntoView {
    let option = move |artifact: &Artifact| {
        let number = artifact.id;
        let name = format!("{} ({number})", artifact.name);
        view! { <option value=number selected=move || chosen.get() == number>{name}</option> }
    };
    let upload = move |input: web_sys::HtmlInputElement| {
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            board.upload(kind, file, move |artifact| chosen.set(artifact.id));
        }
        input.set_value("");
    };
    view! {
        <label class="inline"><span>{label}</span>
            <select id=id on:change:target=move |event| chosen.set(event.target().value().parse().unwrap_or_default())>
                <option value="0" selected=move || chosen.get() == 0>{none}</option>
                {move || board.artifacts.with(|artifacts| artifacts.iter().filter(|artifact| artifact.kind == kind).map(option).collect_view())}
            </select>
        </label>
        <label class="button">"Upload"
            <input type="file" id=format!("{id}-upload") class="sr-only" on:change:target=move |event| upload(event.target()) />
        </label>
    }
}

#[component]
fn Dataset(form: Form) -> impl IntoView {
    let board = form.board;
    let chosen = form.dataset;
    let option = move |value: String, name: String| {
        let own = value.clone();
        view! { <option value=value selected=move || chosen.get() == own>{name}</option> }
    };
    let named = move || {
        let names = board.info.with(|info| info.as_ref().map(|info| info.datasets.clone()).unwrap_or_default());
        names.into_iter().map(|name| option(format!("name:{name}"), name)).collect_view()
    };
    let stored = move || {
        board.artifacts.with(|artifacts| {
            let stored = artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Dataset);
            stored.map(|artifact| option(artifact.id.to_string(), artifact.name.clone())).collect_view()
        })
    };
    let upload = move |input: web_sys::HtmlInputElement| {
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            board.upload(ArtifactKind::Dataset, file, move |artifact| chosen.set(artifact.id.to_string()));
        }
        input.set_value("");
    };
    view! {
        <label class="inline"><span>"Images"</span>
            <select id="job-dataset" on:change:target=move |event| chosen.set(event.target().value())>{named} {stored}</select>
        </label>
        <label class="button" title="CIFAR’s files, or a folder train/CLASS and test/CLASS, as .zip or .tar.gz">"Upload"
            <input type="file" id="job-dataset-upload" class="sr-only" accept=".zip,.tar,.gz,.tgz" on:change:target=move |event| upload(event.target()) />
        </label>
    }
}

/// The form.
#[component]
pub fn JobForm(form: Form) -> impl IntoView {
    let board = form.board;
    let is = move |work: Work| form.work.get() == work;
    let takes_network = move || !is(Work::Train);
    let takes_profile = move || is(Work::Sweep) || is(Work::Finetune);
    let calibrates = move || is(Work::Calibrate) || takes_profile();
    let evaluates = move || is(Work::Evaluate) || takes_profile();
    view! {
        <div class="steps">
            <fieldset>
                <legend>"1 What to do"</legend>
                <label><span class="sr-only">"What to do"</span>
                    <Select id="job-work" value=form.work set=form.work.write_only()
                        choices=Work::ALL.iter().map(|&work| (work, work.label())).collect() />
                </label>
                <Show when=move || is(Work::Finetune)><p class="faint">{move || compared(board.settings)}</p></Show>
            </fieldset>
            <fieldset>
                <legend>"2 Images and network"</legend>
                <span class="tools"><Dataset form /></span>
                <Show when=move || is(Work::Train)>
                    <label class="inline"><span>"Architecture"</span>
                        <Select id="job-architecture" value=form.architecture set=form.architecture.write_only()
                            choices=Architecture::ALL.iter().map(|&architecture| (architecture, architecture.label())).collect() />
                    </label>
                </Show>
                <Show when=takes_network>
                    <span class="tools"><Stored board kind=ArtifactKind::Model id="job-model" label="Network" none="choose one" chosen=form.model /></span>
                </Show>
                <Show when=takes_profile>
                    <span class="tools"><Stored board kind=ArtifactKind::Profile id="job-profile" label="Profile" none="measure it first" chosen=form.profile /></span>
                </Show>
            </fieldset>
            <fieldset>
                <legend>"3 How much"</legend>
                <span class="tools">
                    <Show when=move || is(Work::Train)>
                        <Number id="job-epochs" label="epochs" signal=form.epochs />
                        <Number id="job-rate" label="rate" signal=form.learning_rate />
                    </Show>
                    <Show when=move || is(Work::Finetune)>
                        <Number id="job-tuning-epochs" label="epochs" signal=form.tuning_epochs />
                        <Number id="job-tuning-rate" label="rate" signal=form.tuning_rate />
                        <label class="inline"><input type="checkbox" id="job-distill" prop:checked=move || form.distill.get()
                            on:change:target=move |event| form.distill.set(event.target().checked()) />"taught by the dense network"</label>
                    </Show>
                    <Show when=calibrates><Number id="job-calibration" label="calibration images" signal=form.calibration /></Show>
                    <Show when=evaluates><Number id="job-evaluation" label="test images" signal=form.evaluation /></Show>
                    <Number id="job-seed" label="seed" signal=form.seed />
                </span>
                <button type="button" id="job-start" class="primary" on:click=move |_| form.submit()>"Start the job"</button>
            </fieldset>
        </div>
    }
}
