//! What is set in the panel, and the tasks that its buttons make of it.

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use rrlab_protocol::{ComputeRequest, RequestWithFiles, Task, Treatment};
use rrlab_types::{Allocation, Repair, SweepPlan, TrainingPlan};

use super::attachment::Attachment;
use super::browser_store::{ResultKind, StoredResult};
use super::session::Session;
use crate::choices::choices;
use crate::controls::ImageSizeInputs;
use crate::files::{is_json, is_of_network};
use crate::gallery::{self, GalleryNetwork};
use crate::later::NotFetched;
use crate::settings::{AllocationSettings, ComputeOn, ImageSource, NetworkSource, RunSettings};
use crate::sweep_plan::{ladder_of_repairs, repairs_after, sweep_sparsities};

/// The network that comes with the page, trained by this project's own program.
const BUNDLED: &str = "gallery/resnet8-shapes10.safetensors";
/// Test images that are classified to be looked at.
const CLASSIFIED_IMAGES: usize = 12;
/// Test images of shapes10, however few training images are asked for.
const LEAST_TEST_IMAGES: usize = 100;

choices! {
    /// Architecture of a checkpoint that does not say.
    Architecture {
        Stated = "stated", "as the file says";
        ResNet8 = "resnet8", "ResNet-8";
        ResNet20 = "resnet20", "ResNet-20";
        ResNet18 = "resnet18", "ResNet18";
        Vgg11 = "vgg11_bn", "VGG11-BN";
    }
}

/// What is set in the panel that runs networks.
#[derive(Clone, Copy)]
pub struct RunInputs {
    /// The worker, and what it has found.
    pub session: Session,
    /// Whether the open profile is the one that the settings name.
    is_named: Signal<bool>,
    /// What a link may set.
    pub(super) settings: RunSettings,
    /// Files of images that were chosen.
    pub(super) images: RwSignal<Vec<Attachment>, LocalStorage>,
    /// What images of a folder are scaled and cut to.
    pub(super) image_size: ImageSizeInputs,
    /// The checkpoint that was chosen.
    pub(super) checkpoint: RwSignal<Option<Attachment>, LocalStorage>,
    /// What it expects of images, where a file beside it says that.
    pub(super) preprocessing: RwSignal<Option<Attachment>, LocalStorage>,
    /// Architecture of that checkpoint.
    pub(super) architecture: RwSignal<Architecture>,
    /// The checkpoint of the gallery that was fetched last, with its address as its name.
    fetched: RwSignal<Option<Attachment>, LocalStorage>,
}

impl RunInputs {
    /// Everything at its default. `is_named`: whether the open profile is the one that the settings
    /// name.
    pub fn new(session: Session, is_named: Signal<bool>) -> Self {
        let inputs = Self {
            session,
            is_named,
            settings: session.settings.running,
            images: RwSignal::new_local(Vec::new()),
            image_size: ImageSizeInputs::new(),
            checkpoint: RwSignal::new_local(None),
            preprocessing: RwSignal::new_local(None),
            architecture: RwSignal::new(Architecture::Stated),
            fetched: RwSignal::new_local(None),
        };
        inputs.follow_device();
        inputs.follow_trainings();
        inputs
    }

    /// Another device means another worker; looking at the server's jobs does not.
    fn follow_device(self) {
        let session = self.session;
        Effect::new(move |before: Option<ComputeOn>| match session.settings.compute_on.get() {
            ComputeOn::Server => before.unwrap_or(ComputeOn::Auto),
            now => {
                if before.is_some_and(|before| before != now) {
                    change_device(session);
                }
                now
            }
        });
    }

    /// What comes after a training is done with the network that it left.
    fn follow_trainings(self) {
        Effect::new(move |before: Option<usize>| {
            let trainings = self.session.trainings.get();
            if before.is_some_and(|before| before != trainings) {
                self.settings.network.set(NetworkSource::Held);
            }
            trainings
        });
    }

    /// Takes files that were chosen or dropped: a checkpoint, what it expects of images, or images.
    pub fn take_files(self, files: Vec<Attachment>) {
        self.session.settings.run.set(true);
        let (of_network, images): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| is_of_network(&file.name));
        self.take_network(of_network);
        if !images.is_empty() {
            self.images.set(images);
            self.settings.images.set(ImageSource::Files);
        }
    }

    /// Takes a checkpoint, what it expects of images as JSON, or both.
    pub(super) fn take_network(self, files: Vec<Attachment>) {
        if files.is_empty() {
            return;
        }
        let (mut preprocessing, mut networks): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| is_json(&file.name));
        let replaced = !networks.is_empty() && self.checkpoint.with_untracked(Option::is_some);
        // What was said of another network is not this one's.
        if replaced || !preprocessing.is_empty() {
            self.preprocessing.set(preprocessing.pop());
        }
        if let Some(network) = networks.pop() {
            self.checkpoint.set(Some(network));
        }
        self.settings.network.set(NetworkSource::File);
    }

    /// What brings the images.
    fn images_task(self) -> Result<Task<Attachment>, String> {
        let seed = self.settings.seed.get_untracked();
        Ok(Task::Request(match self.settings.images.get_untracked() {
            ImageSource::Shapes => {
                let train = self.settings.shapes.get_untracked();
                // The test images' seed is the training images': the generator keeps the two apart.
                let test = (train / 2).max(LEAST_TEST_IMAGES);
                ComputeRequest::Shapes { train, test, seed }.into()
            }
            ImageSource::Files => {
                let attachments = self.images.get_untracked();
                let Some(first) = attachments.first() else {
                    let what = "CIFAR's own, a .zip, or a folder";
                    return Err(format!("choose files of images first: {what}"));
                };
                let name = data_set_name(&first.name);
                let size = self.image_size.side.get_untracked();
                let resize = self.image_size.resize.get_untracked().0;
                let request = ComputeRequest::Files { name, size, resize };
                RequestWithFiles { request, attachments }
            }
        }))
    }

    /// What brings a network; nothing where it is the one that is there.
    async fn network_task(self, source: NetworkSource) -> Result<Option<Task<Attachment>>, String> {
        let seed = self.settings.seed.get_untracked();
        Ok(Some(Task::Request(match source {
            NetworkSource::Held => return Ok(None),
            NetworkSource::ResNet8 => new_network("resnet8", seed),
            NetworkSource::ResNet20 => new_network("resnet20", seed),
            NetworkSource::Bundled => open_checkpoint(self.fetch(BUNDLED).await?, None, None),
            NetworkSource::Exhibit => {
                let checkpoint = self.exhibit().and_then(GalleryNetwork::checkpoint);
                let address = checkpoint.ok_or(
                    "the page has no checkpoint of the open profile’s network: choose its file",
                )?;
                open_checkpoint(self.fetch(&address).await?, None, None)
            }
            NetworkSource::File => {
                let file = self.checkpoint.get_untracked();
                let file = file.ok_or("choose a model's file first")?;
                let architecture = match self.architecture.get_untracked() {
                    Architecture::Stated => None,
                    chosen => Some(chosen.to_string()),
                };
                open_checkpoint(file, self.preprocessing.get_untracked(), architecture)
            }
        })))
    }

    /// Opens the panel. Of an exhibit it chooses its network, or a person's own file where that does not
    /// come with the page, and their own images: it is of none that are made here.
    pub fn prepare_to_measure(self) {
        if let Some(exhibit) = self.exhibit() {
            self.settings.network.set(match exhibit.checkpoint() {
                Some(_) => NetworkSource::Exhibit,
                None => NetworkSource::File,
            });
            self.settings.images.set(ImageSource::Files);
        }
        self.session.settings.run.set(true);
    }

    /// The exhibit that is open.
    pub fn exhibit(self) -> Option<&'static GalleryNetwork> {
        let is_named = self.is_named.get_untracked();
        let name = self.session.settings.profile.get_untracked();
        gallery::find(&name).filter(|_| is_named)
    }

    /// A checkpoint of the gallery.
    async fn fetch(self, address: &str) -> Result<Attachment, String> {
        let fetched = self.fetched.get_untracked().filter(|fetched| fetched.name == address);
        if let Some(fetched) = fetched {
            return Ok(fetched);
        }
        let buffer = crate::files::bytes(address).await?;
        let attachment = Attachment::of_buffer(address, &buffer).ok_or("no memory is left")?;
        self.fetched.set(Some(attachment.clone()));
        Ok(attachment)
    }

    /// Brings images and the network that was chosen where they are not there yet, then does the
    /// rest.
    fn run(self, tasks: Vec<Task<Attachment>>) {
        self.run_with(self.settings.network.get_untracked(), tasks);
    }

    /// The same with another network.
    fn run_with(self, network: NetworkSource, tasks: Vec<Task<Attachment>>) {
        let session = self.session;
        leptos::task::spawn_local(async move {
            match self.inputs_tasks(network).await {
                Ok(mut first) => {
                    first.extend(tasks);
                    session.add_tasks(first);
                }
                Err(problem) => session.report(problem),
            }
        });
    }

    /// What brings images and network.
    async fn inputs_tasks(self, network: NetworkSource) -> Result<Vec<Task<Attachment>>, String> {
        let mut tasks = vec![self.images_task()?];
        tasks.extend(self.network_task(network).await?);
        Ok(tasks)
    }

    /// Trains the network.
    pub(super) fn train(self) {
        self.run(vec![Task::Train(TrainingPlan {
            epochs: self.settings.epochs.get_untracked(),
            learning_rate: self.settings.learning_rate.get_untracked(),
            seed: self.settings.seed.get_untracked(),
            ..TrainingPlan::default()
        })]);
    }

    /// Measures a profile; only where there is none yet unless `again`.
    fn measure_task(self, again: bool) -> Task<Attachment> {
        let (images, seed) =
            (self.settings.calibration.get_untracked(), self.settings.seed.get_untracked());
        Task::Measure { images, seed, again }
    }

    /// Measures every layer, also where it was measured already.
    pub(super) fn measure(self) {
        self.run(vec![self.measure_task(true)]);
    }

    /// A sweep of one point: an allocation before and after repair.
    fn plan(self, allocation: AllocationSettings) -> SweepPlan {
        let request = untrack(|| allocation.request());
        let criterion = allocation.criterion.get_untracked();
        SweepPlan {
            rules: vec![request.rule],
            sparsities: vec![request.sparsity],
            repairs: repairs_after(criterion, request.settings.repair),
            criterion,
            settings: request.settings,
            constraints: request.constraints,
            calibration_images: self.settings.calibration.get_untracked(),
            evaluation_images: self.settings.evaluation.get_untracked(),
            // A second pass of as many images as the person chose for the first.
            judge_images: self.settings.calibration.get_untracked(),
            seed: self.settings.seed.get_untracked(),
            ..SweepPlan::default()
        }
    }

    /// Sweeps need a profile: measured first where there is none.
    fn sweep(self, plans: Vec<SweepPlan>) {
        let mut tasks = vec![self.measure_task(false)];
        tasks.extend(plans.into_iter().map(Task::Sweep));
        self.run(tasks);
    }

    /// Prunes, repairs and evaluates by A and by B.
    pub(super) fn evaluate(self) {
        let settings = self.session.settings;
        self.sweep(vec![self.plan(settings.a), self.plan(settings.b)]);
    }

    /// Compares rules over sparsities, with A's settings.
    pub(super) fn sweep_rules(self) {
        let plan = self.plan(self.session.settings.a);
        self.sweep(vec![SweepPlan {
            rules: SweepPlan::default().rules,
            sparsities: sweep_sparsities(),
            constraints: Vec::new(),
            ..plan
        }]);
    }

    /// Follows A's rule over sparsities up the ladder of repairs.
    pub(super) fn climb(self) {
        let plan = self.plan(self.session.settings.a);
        self.sweep(ladder_of_repairs(&plan, self.settings.distil_epochs.get_untracked()));
    }

    /// Prunes by A, and hands over the network.
    pub(super) fn prune(self) {
        let settings = self.session.settings.a;
        let (images, seed) =
            (self.settings.calibration.get_untracked(), self.settings.seed.get_untracked());
        let prune = Task::Prune {
            allocation: untrack(|| settings.request()),
            criterion: settings.criterion.get_untracked(),
            images,
            seed,
        };
        self.run(vec![self.measure_task(false), prune]);
    }

    /// Classifies some test images.
    pub(super) fn classify(self) {
        let seed = self.settings.seed.get_untracked();
        self.run(vec![Task::Predict { images: CLASSIFIED_IMAGES, seed }]);
    }

    /// An allocation with A's other settings, repaired on the images that are set here; follows them.
    pub fn treatment(self, allocation: Allocation) -> Treatment {
        let settings = self.session.settings.a;
        Treatment {
            allocation,
            criterion: settings.criterion.get(),
            repair: Repair::Operator(settings.repair.get()),
            images: self.settings.calibration.get(),
            seed: self.settings.seed.get(),
        }
    }

    /// Prunes by an allocation, repairs, and shows what a layer gives for test images.
    pub fn observe(self, layer: String, allocation: Allocation) {
        let network = self.network_of(&allocation);
        if network == NetworkSource::Exhibit {
            // The panel says which network runs here.
            self.settings.network.set(network);
        }
        let treatment = Box::new(untrack(|| self.treatment(allocation)));
        self.run_with(network, vec![Task::Observe { layer, treatment }]);
    }

    /// Where the network of an allocation is: here already, with the page, or where the panel says.
    fn network_of(self, allocation: &Allocation) -> NetworkSource {
        let chosen = self.settings.network.get_untracked();
        // Of an exhibit without a checkpoint, a person may have chosen that.
        let takes_exhibit = |exhibit: &GalleryNetwork| {
            exhibit.checkpoint().is_some() || chosen != NetworkSource::File
        };
        match self.exhibit() {
            _ if self.session.is_about(allocation.model_hash.as_ref()) => NetworkSource::Held,
            Some(exhibit) if takes_exhibit(exhibit) => NetworkSource::Exhibit,
            _ => chosen,
        }
    }

    /// Goes on with a training that was stored.
    fn continue_training(self, stored: &StoredResult) {
        let state = Attachment { name: stored.name.clone(), data: stored.data.clone() };
        let request = ComputeRequest::Continue;
        let training = Task::Request(RequestWithFiles { request, attachments: vec![state] });
        match self.images_task() {
            Ok(images) => self.session.add_tasks(vec![images, training]),
            Err(problem) => self.session.report(problem),
        }
    }

    /// Opens what the browser keeps: a network to run, a training to go on with, a document to
    /// show.
    pub(super) fn open_stored(self, stored: &StoredResult) {
        match stored.kind {
            ResultKind::Model => {
                let name = format!("{}.safetensors", stored.name);
                self.take_files(vec![Attachment { name, data: stored.data.clone() }]);
            }
            ResultKind::Training => self.continue_training(stored),
            ResultKind::Profile | ResultKind::Sweep => self.session.open_document(stored),
        }
    }
}

/// A network with random weights.
fn new_network(architecture: &str, seed: u64) -> RequestWithFiles<Attachment> {
    ComputeRequest::Start { architecture: architecture.into(), seed }.into()
}

/// The network of a checkpoint; `preprocessing` and `architecture` where the file does not say.
fn open_checkpoint(
    file: Attachment,
    preprocessing: Option<Attachment>,
    architecture: Option<String>,
) -> RequestWithFiles<Attachment> {
    let request = ComputeRequest::Open { name: file.name.clone(), architecture };
    RequestWithFiles { request, attachments: [file].into_iter().chain(preprocessing).collect() }
}

/// `cifar10` for CIFAR-10's own files, else the archive's or folder's name.
fn data_set_name(path: &str) -> String {
    const KNOWN: [(&str, &str); 4] = [
        ("cifar-100", "cifar100"),
        ("cifar-10", "cifar10"),
        ("data_batch", "cifar10"),
        ("test_batch", "cifar10"),
    ];
    for (part, name) in KNOWN {
        if path.contains(part) {
            return name.to_owned();
        }
    }
    let first = path.split('/').next().unwrap_or(path);
    first.split('.').next().unwrap_or(first).to_owned()
}

/// Has the session compute on the device that is chosen now. Where it has a worker, the code that gave
/// it one is there; elsewhere there is nothing to change.
fn change_device(session: Session) {
    leptos::task::spawn_local(async move {
        if let Ok(change) = fetch_device_change().await {
            change(session);
        }
    });
}

#[wasm_split(run, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_device_change() -> Result<fn(Session), NotFetched> {
    Ok(Session::change_device)
}
