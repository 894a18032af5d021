//! Where a person runs networks: which images, which network, what to do with it, and what comes of it.

use leptos::prelude::*;
use rrlab_types::{ComputeRequest, Evidence, Repair, Rule, Sparsity, SweepPlan, SweepReport, TrainingPlan, allocate};

use super::files;
use super::link::Attachment;
use super::session::{Ask, Phase, Seen, Session};
use super::shelf::{Kept, Kind};
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::controls::{Number, Select};
use crate::graph::LiveGraph;
use crate::metric::{moment, percent};
use crate::server::{Board, ServerPanel};
use crate::settings::{Choice, ComputeOn, choices};

/// The network that comes with the page, trained by this project's own program.
const BUNDLED: &str = "gallery/resnet8-shapes10.safetensors";
/// Test images that are looked at.
const LOOKED_AT: usize = 12;
/// Rules and sparsities of a sweep here: the paper's comparison, coarsely.
pub const SWEEP_RULES: [Rule; 5] = [Rule::Uniform, Rule::Erk, Rule::Lamp, Rule::GlobalMagnitude, Rule::Rr];
const SWEEP_SPARSITIES: [f64; 7] = [0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97];

/// Sparsities of a sweep.
pub fn sweep_sparsities() -> Vec<Sparsity> {
    SWEEP_SPARSITIES.into_iter().filter_map(|sparsity| Sparsity::new(sparsity).ok()).collect()
}

choices! {
    /// Where images come from.
    Source {
        /// Made in the worker.
        Shapes = "shapes10", "shapes10, made here";
        /// Files of the person's own.
        Files = "files", "your own files";
    }
}

choices! {
    /// Which network runs.
    Network {
        /// The bundled one.
        Bundled = "bundled", "ResNet-8, trained on shapes10";
        /// A new one.
        ResNet8 = "resnet8", "new ResNet-8";
        /// A new one.
        ResNet20 = "resnet20", "new ResNet-20";
        /// A checkpoint.
        File = "file", "your own checkpoint";
        /// What the worker has.
        Held = "held", "the one trained or opened here";
    }
}

choices! {
    /// Architecture of a checkpoint that does not say.
    Architecture {
        /// It says.
        Stated = "stated", "as the file says";
        /// Small.
        ResNet8 = "resnet8", "ResNet-8";
        /// Small.
        ResNet20 = "resnet20", "ResNet-20";
        /// Large.
        ResNet18 = "resnet18", "ResNet18";
        /// Large.
        Vgg11 = "vgg11_bn", "VGG11-BN";
    }
}

/// What is set in the panel.
#[derive(Clone, Copy)]
pub struct Bench {
    session: Session,
    source: RwSignal<Source>,
    shapes: RwSignal<usize>,
    images: RwSignal<Vec<Attachment>, LocalStorage>,
    network: RwSignal<Network>,
    checkpoint: RwSignal<Option<Attachment>, LocalStorage>,
    architecture: RwSignal<Architecture>,
    epochs: RwSignal<usize>,
    learning_rate: RwSignal<f64>,
    calibration: RwSignal<usize>,
    evaluation: RwSignal<usize>,
    seed: RwSignal<u64>,
    bundled: RwSignal<Option<Attachment>, LocalStorage>,
}

impl Bench {
    /// Everything at its default.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            source: RwSignal::new(Source::Shapes),
            shapes: RwSignal::new(2000),
            images: RwSignal::new_local(Vec::new()),
            network: RwSignal::new(Network::Bundled),
            checkpoint: RwSignal::new_local(None),
            architecture: RwSignal::new(Architecture::Stated),
            epochs: RwSignal::new(8),
            learning_rate: RwSignal::new(TrainingPlan::default().learning_rate),
            calibration: RwSignal::new(256),
            evaluation: RwSignal::new(500),
            seed: RwSignal::new(0),
            bundled: RwSignal::new_local(None),
        }
    }

    /// Takes files that were chosen or dropped: a checkpoint, or images.
    pub fn take(self, files: Vec<Attachment>) {
        self.session.settings.run.set(true);
        let (mut networks, images): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| file.name.ends_with(".safetensors"));
        if let Some(network) = networks.pop() {
            self.checkpoint.set(Some(network));
            self.network.set(Network::File);
        }
        if !images.is_empty() {
            self.images.set(images);
            self.source.set(Source::Files);
        }
    }

    fn images_ask(self) -> Result<Ask, String> {
        match self.source.get_untracked() {
            Source::Shapes => {
                let train = self.shapes.get_untracked();
                // The test images' seed is the training images': the generator keeps the two apart.
                Ok(ComputeRequest::Shapes { train, test: (train / 2).max(100), seed: self.seed.get_untracked() }.into())
            }
            Source::Files => {
                let attachments = self.images.get_untracked();
                let first =
                    attachments.first().ok_or("choose files of images first: CIFAR's own, a .zip, or a folder")?;
                let name = data_set_name(&first.name);
                Ok(Ask { request: ComputeRequest::Files { name }, attachments })
            }
        }
    }

    async fn network_ask(self) -> Result<Option<Ask>, String> {
        let start = |architecture: &str| {
            let seed = self.seed.get_untracked();
            Ask::from(ComputeRequest::Start { architecture: architecture.into(), seed })
        };
        let open = |attachment: Attachment, architecture: Option<String>| {
            let name = attachment.name.clone();
            Ask { request: ComputeRequest::Open { name, architecture }, attachments: vec![attachment] }
        };
        Ok(Some(match self.network.get_untracked() {
            Network::Held => return Ok(None),
            Network::ResNet8 => start("resnet8"),
            Network::ResNet20 => start("resnet20"),
            Network::Bundled => open(self.bundled_checkpoint().await?, None),
            Network::File => {
                let file = self.checkpoint.get_untracked().ok_or("choose a safetensors file first")?;
                let stated = self.architecture.get_untracked();
                open(file, (stated != Architecture::Stated).then(|| stated.to_string()))
            }
        }))
    }

    async fn bundled_checkpoint(self) -> Result<Attachment, String> {
        if let Some(attachment) = self.bundled.get_untracked() {
            return Ok(attachment);
        }
        let buffer = crate::files::bytes(BUNDLED).await?;
        let attachment = Attachment::of_buffer("resnet8-shapes10.safetensors", &buffer).ok_or("no memory is left")?;
        self.bundled.set(Some(attachment.clone()));
        Ok(attachment)
    }

    /// Brings images and network where they are not there yet, then does `requests`.
    fn run(self, requests: impl FnOnce() -> Result<Vec<ComputeRequest>, String> + 'static) {
        let session = self.session;
        leptos::task::spawn_local(async move {
            let asks = async {
                let images = Some(self.images_ask()?).filter(|ask| !session.has_images(ask));
                let network = self.network_ask().await?.filter(|ask| !session.has_network(ask));
                let requests = requests()?.into_iter().map(Ask::from);
                Ok::<Vec<Ask>, String>(images.into_iter().chain(network).chain(requests).collect())
            };
            match asks.await {
                Ok(asks) => session.ask(asks),
                Err(problem) => session.tell(problem),
            }
        });
    }

    fn train(self) {
        let plan = TrainingPlan {
            epochs: self.epochs.get_untracked(),
            learning_rate: self.learning_rate.get_untracked(),
            seed: self.seed.get_untracked(),
            ..TrainingPlan::default()
        };
        self.run(move || {
            // What comes next is done with what was trained.
            self.network.set(Network::Held);
            Ok(vec![ComputeRequest::Train { plan }])
        });
    }

    fn calibrate_request(self) -> ComputeRequest {
        ComputeRequest::Calibrate { images: self.calibration.get_untracked(), seed: self.seed.get_untracked() }
    }

    fn measure(self) {
        self.run(move || Ok(vec![self.calibrate_request()]));
    }

    fn plan(self, choice: Choice) -> SweepPlan {
        let request = untrack(|| choice.request());
        SweepPlan {
            rules: vec![request.rule],
            sparsities: vec![request.sparsity],
            repairs: vec![Repair::None, Repair::Operator(request.settings.repair)],
            settings: request.settings,
            constraints: request.constraints,
            calibration_images: self.calibration.get_untracked(),
            evaluation_images: self.evaluation.get_untracked(),
            seed: self.seed.get_untracked(),
        }
    }

    /// Sweeps need a profile: measured first where there is none.
    fn sweep(self, plans: Vec<SweepPlan>) {
        self.run(move || {
            let measure = (!self.session.has_profile()).then(|| self.calibrate_request());
            let sweeps = plans.into_iter().map(|plan| ComputeRequest::Sweep { plan, previous: None });
            Ok(measure.into_iter().chain(sweeps).collect())
        });
    }

    fn evaluate(self) {
        let settings = self.session.settings;
        self.sweep(vec![self.plan(settings.a), self.plan(settings.b)]);
    }

    fn sweep_rules(self) {
        let plan = self.plan(self.session.settings.a);
        self.sweep(vec![SweepPlan {
            rules: SWEEP_RULES.to_vec(),
            sparsities: sweep_sparsities(),
            constraints: Vec::new(),
            ..plan
        }]);
    }

    fn prune(self) {
        self.run(move || {
            let request = untrack(|| self.session.settings.a.request());
            let profile =
                self.session.profile().ok_or("measure the network first: the allocation needs its profile")?;
            let allocation = allocate(Evidence::Profile(&profile), &request).map_err(|error| error.to_string())?;
            Ok(vec![ComputeRequest::Prune {
                allocation: Box::new(allocation),
                repair: Repair::Operator(request.settings.repair),
                images: self.calibration.get_untracked(),
                seed: self.seed.get_untracked(),
            }])
        });
    }

    fn look(self) {
        let seed = self.seed.get_untracked();
        self.run(move || Ok(vec![ComputeRequest::Predict { images: LOOKED_AT, seed }]));
    }

    /// Goes on with a training that was kept.
    fn continue_training(self, kept: &Kept) {
        let state = Attachment { name: kept.name.clone(), data: kept.data.clone() };
        let images = match self.images_ask() {
            Ok(ask) => Some(ask).filter(|ask| !self.session.has_images(ask)),
            Err(problem) => return self.session.tell(problem),
        };
        self.network.set(Network::Held);
        let go_on = Ask { request: ComputeRequest::Continue, attachments: vec![state] };
        self.session.ask(images.into_iter().chain([go_on]));
    }

    fn open_kept(self, kept: &Kept) {
        match kept.kind {
            Kind::Model => {
                self.take(vec![Attachment { name: format!("{}.safetensors", kept.name), data: kept.data.clone() }]);
            }
            Kind::Training => self.continue_training(kept),
            Kind::Profile | Kind::Sweep => self.session.open_document(kept),
        }
    }
}

/// `cifar10` for CIFAR-10's own files, else the archive's or folder's name.
fn data_set_name(path: &str) -> String {
    let name = path.split('/').next().unwrap_or(path);
    let known =
        [("cifar-100", "cifar100"), ("cifar-10", "cifar10"), ("data_batch", "cifar10"), ("test_batch", "cifar10")];
    let found = known.iter().find(|(part, _)| path.contains(part));
    found.map_or_else(|| name.split('.').next().unwrap_or(name).to_owned(), |(_, name)| (*name).to_owned())
}

/// The panel.
#[component]
pub fn RunPanel(bench: Bench, board: Board) -> impl IntoView {
    let session = bench.session;
    session.read_shelf();
    let compute_on = session.settings.compute_on;
    // Another device means another worker.
    Effect::new(move |before: Option<ComputeOn>| {
        let now = compute_on.get();
        if now != ComputeOn::Server && before.is_some_and(|before| before != now) {
            session.end();
        }
        now
    });
    // Jobs need a server; a link may ask for one where there is none.
    let choices = move || {
        let there = board.info.with(Option::is_some) || compute_on.get() == ComputeOn::Server;
        let choices = ComputeOn::ALL.iter().filter(|on| there || **on != ComputeOn::Server);
        let choices = choices.map(|&on| (on, on.label())).collect();
        view! { <Select id="compute-on" value=compute_on set=compute_on.write_only() choices /> }
    };
    let on_server = move || compute_on.get() == ComputeOn::Server;
    view! {
        <section class="panel run" id="run" aria-label="Run networks">
            <div class="pane-head">
                <h2>{move || if on_server() { "Run it on the server" } else { "Run it here, in your browser" }}</h2>
                <span class="tools">
                    <label class="inline"><span>"Compute on"</span>{choices}</label>
                    <button type="button" on:click=move |_| session.settings.run.set(false)>"Close"</button>
                </span>
            </div>
            <Show when=on_server fallback=move || view! { <LocalPanel bench /> }><ServerPanel board /></Show>
        </section>
    }
}

/// Networks that run in this browser.
#[component]
fn LocalPanel(bench: Bench) -> impl IntoView {
    let session = bench.session;
    let sizes = move || match session.images.get() {
        Some(images) => {
            format!(
                "{}: {} training and {} test images, {} classes",
                images.name, images.train, images.test, images.classes
            )
        }
        None => "Images never leave this machine.".to_owned(),
    };
    let story = move || session.held.get().and_then(|held| held.history.last().cloned()).unwrap_or_default();
    view! {
            <p class="faint" id="device" role="status">{move || session.device.get()}</p>
            <div class="steps">
                <fieldset>
                    <legend>"1 Images"</legend>
                    <label><span class="sr-only">"Images"</span>
                    <Select id="source" value=bench.source set=bench.source.write_only() choices=Source::ALL.iter().map(|&source| (source, source.label())).collect() />
                    </label>
                    {move || match bench.source.get() {
                        Source::Shapes => view! { <Number id="shapes" label="Training images" signal=bench.shapes /> }.into_any(),
                        Source::Files => view! { <ImageFiles bench /> }.into_any(),
                    }}
                    <p class="faint" id="images">{sizes}</p>
                </fieldset>
                <fieldset>
                    <legend>"2 Network"</legend>
                    <label><span class="sr-only">"Network"</span>
                    <Select id="network" value=bench.network set=bench.network.write_only() choices=Network::ALL.iter().map(|&network| (network, network.label())).collect() />
                    </label>
                    <Show when=move || bench.network.get() == Network::File><CheckpointFile bench /></Show>
                    <p class="faint" id="history">{story}</p>
                </fieldset>
                <fieldset>
                    <legend>"3 What to do"</legend>
                    <Actions bench />
                </fieldset>
            </div>
            <ActivityView session />
            <Evaluations session />
            <Looks session />
            <Training session />
            {move || session.live.with(|live| live.as_ref().map(|live| live.graph.clone())).map(|graph| {
                let layers = Signal::derive(move || session.live.with(|live| live.as_ref().map(|live| live.layers.clone()).unwrap_or_default()));
                let density = 1.0 - session.settings.a.sparsity.get_untracked().get();
                view! { <LiveGraph graph layers density /> }
            })}
            <Shelf bench />
    }
}

#[component]
fn ImageFiles(bench: Bench) -> impl IntoView {
    let choose = move |input: web_sys::HtmlInputElement| bench.take(files::chosen(&input));
    let count = move || {
        match bench.images.with(Vec::len) {
        0 => "CIFAR’s binary files, an archive (.zip, .tar.gz), or a folder train/CLASS/*.png with test/CLASS/*.png; or drop them here.".to_owned(),
        1 => bench.images.with(|images| images[0].name.clone()),
        count => format!("{count} files"),
    }
    };
    view! {
        <span class="tools">
            <label class="button">"Files" <input type="file" id="image-files" class="sr-only" multiple on:change:target=move |event| choose(event.target()) /></label>
            <label class="button">"Folder" <input type="file" id="image-folder" class="sr-only" prop:webkitdirectory=true on:change:target=move |event| choose(event.target()) /></label>
        </span>
        <p class="faint">{count}</p>
    }
}

#[component]
fn CheckpointFile(bench: Bench) -> impl IntoView {
    let choose = move |input: web_sys::HtmlInputElement| bench.take(files::chosen(&input));
    view! {
        <span class="tools">
            <label class="button">"Checkpoint"
                <input type="file" id="checkpoint" class="sr-only" accept=".safetensors" on:change:target=move |event| choose(event.target()) />
            </label>
            <label><span class="sr-only">"Architecture of the checkpoint"</span>
            <Select id="architecture" value=bench.architecture set=bench.architecture.write_only()
                choices=Architecture::ALL.iter().map(|&architecture| (architecture, architecture.label())).collect() />
            </label>
        </span>
        <p class="faint">{move || bench.checkpoint.with(|file| file.as_ref().map_or_else(|| "A safetensors file.".to_owned(), |file| file.name.clone()))}</p>
    }
}

#[component]
fn Actions(bench: Bench) -> impl IntoView {
    let session = bench.session;
    let busy = move || session.is_busy();
    let settings = session.settings;
    view! {
        <div class="actions">
            <span class="tools">
                <button type="button" id="measure" class="primary" disabled=busy on:click=move |_| bench.measure()>"Measure every layer"</button>
                <Number id="calibration" label="images" signal=bench.calibration />
            </span>
            <span class="tools">
                <button type="button" id="train" disabled=busy on:click=move |_| bench.train()>"Train"</button>
                <Number id="epochs" label="epochs" signal=bench.epochs />
                <Number id="rate" label="rate" signal=bench.learning_rate />
            </span>
            <span class="tools">
                <button type="button" id="evaluate" disabled=busy on:click=move |_| bench.evaluate()
                    title=move || format!("A: {}. B: {}.", settings.a.describe(), settings.b.describe())>"Prune, repair and evaluate A and B"</button>
                <Number id="evaluation" label="test images" signal=bench.evaluation />
            </span>
            <span class="tools">
                <button type="button" id="sweep-rules" disabled=busy on:click=move |_| bench.sweep_rules()
                    title="Uniform, ERK, LAMP, global magnitude and RR at seven sparsities">"Sweep five rules"</button>
                <button type="button" id="look" disabled=busy on:click=move |_| bench.look()>"Look at some images"</button>
                <button type="button" id="prune" disabled=busy on:click=move |_| bench.prune()>"Prune by A to a file"</button>
                <Number id="seed" label="seed" signal=bench.seed />
            </span>
            {move || session.pruned.get().map(|pruned| view! {
                <button type="button" id="save-pruned" class="primary" on:click=move |_| files::save("pruned.safetensors", &pruned.data)>"Save the pruned network"</button>
            })}
        </div>
    }
}

/// Time left, in words.
pub fn in_words(seconds_left: f64) -> String {
    if seconds_left < 1.0 { "almost done".to_owned() } else { format!("{} left", duration(seconds_left)) }
}

/// A stretch of time, in words.
pub fn duration(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

#[component]
fn ActivityView(session: Session) -> impl IntoView {
    let paused = move || session.phase.get() == Phase::Paused;
    let words = move || match (session.phase.get(), session.activity.get()) {
        (Phase::Starting, _) => "Starting the worker …".to_owned(),
        (Phase::Broken, _) => "The worker was lost with work to do.".to_owned(),
        (_, None) => String::new(),
        (_, Some(activity)) if activity.total == 0 => format!("{} …", activity.title),
        (_, Some(activity)) => format!(
            "{}: {} of {} {}{}",
            activity.title,
            activity.done,
            activity.total,
            activity.what,
            if paused() {
                ", paused".to_owned()
            } else {
                activity.seconds_left().map_or_else(String::new, |seconds| format!(", {}", in_words(seconds)))
            }
        ),
    };
    let share = move || {
        session.activity.with(|activity| {
            activity
                .as_ref()
                .filter(|activity| activity.total > 0)
                .map(|activity| activity.done as f64 / activity.total as f64)
        })
    };
    let at_work = move || matches!(session.phase.get(), Phase::Working | Phase::Paused | Phase::Starting);
    view! {
        <div class="activity">
            <span id="activity" role="status">{words}</span>
            <Show when=at_work>
                {move || match share() {
                    Some(share) => view! { <progress max="1" value=share aria-labelledby="activity"></progress> }.into_any(),
                    None => view! { <progress aria-labelledby="activity"></progress> }.into_any(),
                }}
                <button type="button" id="pause" on:click=move |_| session.set_paused(!paused())>{move || if paused() { "Go on" } else { "Pause" }}</button>
                <button type="button" id="stop" on:click=move |_| session.stop()>"Stop"</button>
            </Show>
            <Show when=move || session.phase.get() == Phase::Broken || session.silent.get()>
                <span class="problem">{move || if session.silent.get() { "No sign of life for 30 seconds." } else { "" }}</span>
                <button type="button" id="go-on" class="primary" on:click=move |_| session.go_on()>"Go on in a new worker"</button>
                <button type="button" on:click=move |_| session.end()>"Give up"</button>
            </Show>
        </div>
    }
}

/// What the allocations lost, and what repair brought back.
#[component]
fn Evaluations(session: Session) -> impl IntoView {
    let row = |report: &SweepReport| {
        let (rule, sparsity) = (report.plan.rules[0], report.plan.sparsities[0]);
        let forced: Vec<String> = report.plan.constraints.iter().map(ToString::to_string).collect();
        let forced = if forced.is_empty() { String::new() } else { format!(", {} forced", forced.join(", ")) };
        let repair = report.plan.repairs.last().copied().unwrap_or(Repair::None);
        let accuracy = |repair| {
            report.entry(rule, sparsity, repair).map_or_else(|| "…".to_owned(), |entry| percent(entry.accuracy))
        };
        view! {
            <tr>
                <th scope="row">{format!("{rule} at {sparsity}{forced}")}</th>
                <td>{accuracy(Repair::None)}</td><td>{accuracy(repair)}</td><td class="text">{repair.to_string()}</td>
                <td>{percent(report.dense_accuracy)}</td><td>{report.plan.evaluation_images}</td>
            </tr>
        }
    };
    view! {
        <Show when=move || session.evaluated.with(|evaluated| !evaluated.is_empty())>
            <div class="table">
                <table id="evaluated">
                    <thead><tr><th scope="col">"allocation"</th><th scope="col">"pruned"</th><th scope="col">"repaired"</th>
                        <th scope="col">"by"</th><th scope="col">"dense"</th><th scope="col">"test images"</th></tr></thead>
                    <tbody>{move || session.evaluated.with(|evaluated| evaluated.iter().map(row).collect_view())}</tbody>
                </table>
            </div>
        </Show>
    }
}

/// The class that logits favour, and its probability.
fn favourite(logits: &[f32]) -> (usize, f64) {
    let better =
        |best: (usize, f32), (class, &logit): (usize, &f32)| if logit > best.1 { (class, logit) } else { best };
    let (class, most) = logits.iter().enumerate().fold((0, f32::MIN), better);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    (class, 1.0 / sum)
}

/// Test images with what the network says of them, before and after pruning.
#[component]
fn Looks(session: Session) -> impl IntoView {
    let said = |who: &str, logits: &[f32], seen: &Seen, label: u32| {
        let (class, probability) = favourite(logits);
        let mark = if class == label as usize { "✓" } else { "✗" };
        format!("{mark} {who}{} {}", seen.predictions.classes[class], percent(probability))
    };
    let look = move |seen: &Seen, index: usize| {
        let predictions = &seen.predictions;
        let label = predictions.labels[index];
        let truth = predictions.classes[label as usize].clone();
        let name = truth.clone();
        let dense = said("", &predictions.dense[index], seen, label);
        let pruned = predictions.pruned.as_ref().map(|pruned| said("pruned: ", &pruned[index], seen, label));
        let canvas = NodeRef::<leptos::html::Canvas>::new();
        let pixels = seen.pixels.clone();
        Effect::new(move |_| {
            if let Some(canvas) = canvas.get() {
                files::paint(&canvas, &pixels, index);
            }
        });
        view! {
            <figure data-look=index>
                <canvas node_ref=canvas width="32" height="32" role="img" aria-label=name></canvas>
                <figcaption><strong>{truth}</strong><span>{dense}</span>{pruned.map(|pruned| view! { <span>{pruned}</span> })}</figcaption>
            </figure>
        }
    };
    move || {
        session.seen.with(|seen| {
            seen.as_ref().map(|seen| {
                let looks = (0..seen.predictions.labels.len()).map(|index| look(seen, index)).collect_view();
                view! { <div class="looks" id="looks">{looks}</div> }
            })
        })
    }
}

/// Loss and accuracy of the latest training.
#[component]
fn Training(session: Session) -> impl IntoView {
    let there = move || session.course.with(|course| !course.losses.is_empty());
    let losses = Signal::derive(move || {
        session.course.with(|course| ChartSpec {
            x: Axis::new("epoch", AxisScale::Linear),
            y: Axis { min: Some(0.0), ..Axis::new("loss", AxisScale::Linear) },
            series: vec![Series::line("loss of each step", course.losses.clone())],
            shade: None,
            mark: None,
            legend: false,
        })
    });
    let accuracies = Signal::derive(move || {
        session.course.with(|course| ChartSpec {
            x: Axis::new("epoch", AxisScale::Linear),
            y: Axis::new("accuracy", AxisScale::Percent).between(0.0, 1.0),
            series: vec![Series::line("accuracy", course.accuracies.clone())],
            shade: None,
            mark: None,
            legend: false,
        })
    });
    let title =
        Signal::derive(move || format!("Accuracy on {} test images", session.course.with(|course| course.test_images)));
    view! {
        <Show when=there>
            <div class="charts" id="course">
                <Chart settings=session.settings name="loss" title=Signal::derive(|| "Loss while training".to_owned()) spec=losses height=200 />
                <Chart settings=session.settings name="accuracy" title spec=accuracies height=200 />
            </div>
        </Show>
    }
}

/// What the browser keeps.
#[component]
fn Shelf(bench: Bench) -> impl IntoView {
    let session = bench.session;
    let item = move |kept: Kept| {
        let date = moment(kept.when);
        let verb = if kept.kind == Kind::Training { "Go on" } else { "Open" };
        let [opened, saved] = [kept.clone(), kept.clone()];
        let key = kept.key();
        let shown_key = key.clone();
        let size = kept.data.size() / 1000.0;
        view! {
            <li data-kept=shown_key>
                <span>{format!("{} of {}", kept.kind.label(), kept.name)}<span class="faint">{format!(" {size:.0} KB, {}", date)}</span></span>
                <span class="tools">
                    <button type="button" disabled=move || session.is_busy() on:click=move |_| bench.open_kept(&opened)>{verb}</button>
                    <button type="button" on:click=move |_| files::save(&format!("{}.{}", saved.name.replace([' ', ':', '='], "-"), saved.kind.ending()), &saved.data)>"Save"</button>
                    <button type="button" on:click=move |_| session.forget(key.clone())>"Delete"</button>
                </span>
            </li>
        }
    };
    view! {
        <Show when=move || session.kept.with(|kept| !kept.is_empty())>
            <h3>"Kept in this browser"</h3>
            <ul id="kept">{move || session.kept.get().into_iter().map(item).collect_view()}</ul>
        </Show>
    }
}
