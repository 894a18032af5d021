//! Where a person runs networks: which images, which network, what to do with it, and what comes of it.

use leptos::prelude::*;
use rrlab_protocol::{Ask, ComputeRequest, Phase, Work};
use rrlab_types::{Repair, Rule, Sparsity, SweepPlan, SweepReport, TrainingPlan};

use super::files;
use super::link::Attachment;
use super::session::{Held, Seen, Session};
use super::shelf::{Kept, Kind};
use super::workers::Workers;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};
use crate::controls::{Number, Select};
use crate::files::MODELS;
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
        let bench = Self {
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
        };
        bench.follow();
        bench
    }

    fn follow(self) {
        let session = self.session;
        // Another device means another worker; looking at the server's jobs does not.
        Effect::new(move |before: Option<ComputeOn>| match session.settings.compute_on.get() {
            ComputeOn::Server => before.unwrap_or(ComputeOn::Auto),
            now => {
                if before.is_some_and(|before| before != now) {
                    session.change_device();
                }
                now
            }
        });
        // What comes next is done with what was trained.
        Effect::new(move |before: Option<usize>| {
            let trainings = session.trainings.get();
            if before.is_some_and(|before| before != trainings) {
                self.network.set(Network::Held);
            }
            trainings
        });
    }

    /// Takes files that were chosen or dropped: a checkpoint, or images.
    pub fn take(self, files: Vec<Attachment>) {
        self.session.settings.run.set(true);
        let (mut networks, images): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| MODELS.iter().any(|ending| file.name.ends_with(ending)));
        if let Some(network) = networks.pop() {
            self.checkpoint.set(Some(network));
            self.network.set(Network::File);
        }
        if !images.is_empty() {
            self.images.set(images);
            self.source.set(Source::Files);
        }
    }

    fn images_work(self) -> Result<Work<Attachment>, String> {
        Ok(Work::Ask(match self.source.get_untracked() {
            Source::Shapes => {
                let train = self.shapes.get_untracked();
                // The test images' seed is the training images': the generator keeps the two apart.
                ComputeRequest::Shapes { train, test: (train / 2).max(100), seed: self.seed.get_untracked() }.into()
            }
            Source::Files => {
                let attachments = self.images.get_untracked();
                let first =
                    attachments.first().ok_or("choose files of images first: CIFAR's own, a .zip, or a folder")?;
                let name = data_set_name(&first.name);
                Ask { request: ComputeRequest::Files { name }, attachments }
            }
        }))
    }

    /// What brings the network; nothing where it is the one that is there.
    async fn network_work(self) -> Result<Option<Work<Attachment>>, String> {
        let start = |architecture: &str| {
            let seed = self.seed.get_untracked();
            Ask::from(ComputeRequest::Start { architecture: architecture.into(), seed })
        };
        let open = |attachment: Attachment, architecture: Option<String>| {
            let name = attachment.name.clone();
            Ask { request: ComputeRequest::Open { name, architecture }, attachments: vec![attachment] }
        };
        Ok(Some(Work::Ask(match self.network.get_untracked() {
            Network::Held => return Ok(None),
            Network::ResNet8 => start("resnet8"),
            Network::ResNet20 => start("resnet20"),
            Network::Bundled => open(self.bundled_checkpoint().await?, None),
            Network::File => {
                let file = self.checkpoint.get_untracked().ok_or("choose a model's file first")?;
                let stated = self.architecture.get_untracked();
                open(file, (stated != Architecture::Stated).then(|| stated.to_string()))
            }
        })))
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

    /// Brings images and network where they are not there yet, then does the rest.
    fn run(self, works: Vec<Work<Attachment>>) {
        let session = self.session;
        leptos::task::spawn_local(async move {
            let prepared = async {
                let (images, network) = (self.images_work()?, self.network_work().await?);
                Ok::<_, String>([images].into_iter().chain(network).chain(works).collect())
            };
            match prepared.await {
                Ok(works) => session.ask(works),
                Err(problem) => session.tell(problem),
            }
        });
    }

    fn train(self) {
        self.run(vec![Work::Train(TrainingPlan {
            epochs: self.epochs.get_untracked(),
            learning_rate: self.learning_rate.get_untracked(),
            seed: self.seed.get_untracked(),
            ..TrainingPlan::default()
        })]);
    }

    fn measuring(self, again: bool) -> Work<Attachment> {
        Work::Measure { images: self.calibration.get_untracked(), seed: self.seed.get_untracked(), again }
    }

    fn measure(self) {
        self.run(vec![self.measuring(true)]);
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
        self.run([self.measuring(false)].into_iter().chain(plans.into_iter().map(Work::Sweep)).collect());
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
        let allocation = untrack(|| self.session.settings.a.request());
        let (images, seed) = (self.calibration.get_untracked(), self.seed.get_untracked());
        self.run(vec![self.measuring(false), Work::Prune { allocation, images, seed }]);
    }

    fn look(self) {
        self.run(vec![Work::Predict { images: LOOKED_AT, seed: self.seed.get_untracked() }]);
    }

    /// Goes on with a training that was kept.
    fn continue_training(self, kept: &Kept) {
        let state = Attachment { name: kept.name.clone(), data: kept.data.clone() };
        let go_on = Work::Ask(Ask { request: ComputeRequest::Continue, attachments: vec![state] });
        match self.images_work() {
            Ok(images) => self.session.ask(vec![images, go_on]),
            Err(problem) => self.session.tell(problem),
        }
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
    session.look_for_workers();
    let compute_on = session.settings.compute_on;
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
    let story = move || {
        let Some(held) = session.held.get() else { return String::new() };
        let network = held.title();
        held.history.last().map_or_else(|| network.clone(), |last| format!("{network}: {last}"))
    };
    let obstacle = move || session.workers.with(|workers| workers.as_ref().and_then(Workers::obstacle));
    view! {
            <p class="faint" id="device" role="status">{move || session.device.get()}</p>
            {move || obstacle().map(|obstacle| view! { <p id="obstacle" class="notice" role="status">{obstacle}</p> })}
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
                <input type="file" id="checkpoint" class="sr-only" accept=MODELS.join(",") on:change:target=move |event| choose(event.target()) />
            </label>
            <label><span class="sr-only">"Architecture of the checkpoint"</span>
            <Select id="architecture" value=bench.architecture set=bench.architecture.write_only()
                choices=Architecture::ALL.iter().map(|&architecture| (architecture, architecture.label())).collect() />
            </label>
        </span>
        <p class="faint">{move || bench.checkpoint.with(|file| file.as_ref().map_or_else(|| "A safetensors or PyTorch file.".to_owned(), |file| file.name.clone()))}</p>
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
                <button type="button" id="save-pruned" class="primary" title=pruned.name.clone()
                    on:click=move |_| files::save(&pruned.name, &pruned.data)>"Save the pruned network"</button>
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
    let paused = move || matches!(session.phase.get(), Phase::Paused | Phase::Starting { paused: true });
    let words = move || match (session.phase.get(), session.activity.get()) {
        (Phase::Starting { paused: false }, _) => "Starting the worker …".to_owned(),
        (Phase::Starting { paused: true }, _) => "Starting the worker, which is to pause …".to_owned(),
        (Phase::Stopping, _) => "Stopping …".to_owned(),
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
    let at_work = move || session.is_busy();
    let stopping = move || session.phase.get() == Phase::Stopping;
    view! {
        <div class="activity">
            <span id="activity" role="status">{words}</span>
            <Show when=at_work>
                {move || match share() {
                    Some(share) => view! { <progress max="1" value=share aria-labelledby="activity"></progress> }.into_any(),
                    None => view! { <progress aria-labelledby="activity"></progress> }.into_any(),
                }}
                <button type="button" id="pause" disabled=stopping on:click=move |_| session.set_paused(!paused())>{move || if paused() { "Go on" } else { "Pause" }}</button>
                <button type="button" id="stop" disabled=stopping on:click=move |_| session.stop()>"Stop"</button>
            </Show>
            <Show when=move || session.phase.get() == Phase::Broken || session.silent.get()>
                <span class="problem">{move || if session.silent.get() { "No sign of life for 30 seconds." } else { "" }}</span>
                <button type="button" id="go-on" class="primary" on:click=move |_| session.go_on()>"Go on in a new worker"</button>
                <button type="button" on:click=move |_| session.give_up()>"Give up"</button>
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
                    <caption>{move || session.held.with(|held| held.as_ref().map(Held::title))}</caption>
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
        let dense = said("dense: ", &predictions.dense[index], seen, label);
        let after = |who: &str, logits: &Option<Vec<Vec<f32>>>| {
            logits.as_ref().map(|logits| said(who, &logits[index], seen, label))
        };
        let pruned = after("pruned: ", &predictions.pruned);
        let repaired = after("repaired: ", &predictions.repaired);
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
                <figcaption><strong>{truth}</strong><span>{dense}</span>
                    {[pruned, repaired].into_iter().flatten().map(|line| view! { <span>{line}</span> }).collect_view()}</figcaption>
            </figure>
        }
    };
    move || {
        session.seen.with(|seen| {
            seen.as_ref().map(|seen| {
                let looks = (0..seen.predictions.labels.len()).map(|index| look(seen, index)).collect_view();
                let network = session.held.with(|held| held.as_ref().map(Held::title));
                view! { <p class="faint">{network}</p><div class="looks" id="looks">{looks}</div> }
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
