//! The page: opens what is asked for, and arranges the views.

use std::sync::Arc;

use leptos::ev::DragEvent;
use leptos::prelude::*;
use rrlab_types::{Allocation, Document, ModelProfile, SweepReport};
use wasm_bindgen::JsCast;

use crate::address;
use crate::controls::{Controls, Select};
use crate::files;
use crate::gallery::{EXHIBITS, exhibit};
use crate::glossary::Term;
use crate::graph::GraphView;
use crate::lab::{Lab, Side};
use crate::panes::Panes;
use crate::run::{self, Bench, Finding, RunPanel, Session};
use crate::server::{Board, Shared};
use crate::settings::{ComputeOn, Pane, Part, Settings, Shown, Theme};
use crate::tour::Tour;

/// How names of data sets and images end.
const IMAGES: [&str; 7] = [".zip", ".tar", ".tar.gz", ".tgz", ".bin", ".png", ".jpg"];

/// Where the open profile is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The gallery or an address: a link can hold it.
    Named,
    /// A file.
    File,
    /// Measured in this browser.
    Measured,
}

/// What is open, whatever opened it.
#[derive(Clone, Copy)]
struct Desk {
    settings: Settings,
    profile: RwSignal<Option<Arc<ModelProfile>>>,
    sweeps: RwSignal<Vec<SweepReport>>,
    allocation: RwSignal<Option<Allocation>>,
    origin: RwSignal<Origin>,
    /// How often something was loaded.
    loads: StoredValue<u64>,
    problems: RwSignal<Vec<String>>,
}

impl Desk {
    fn new() -> Self {
        let settings = Settings::new();
        Self {
            settings,
            profile: RwSignal::new(None),
            sweeps: RwSignal::new(Vec::new()),
            allocation: RwSignal::new(None),
            origin: RwSignal::new(Origin::Named),
            loads: StoredValue::new(0),
            problems: RwSignal::new(address::read(settings)),
        }
    }

    fn fail(self, problem: String) {
        self.problems.update(|problems| problems.push(problem));
    }

    /// Opens what the settings name, whenever they name something else.
    fn follow_settings(self) {
        let Settings { profile, sweep, .. } = self.settings;
        let wanted = Memo::new(move |_| (profile.get(), sweep.get()));
        Effect::new(move |_| {
            wanted.track();
            self.load();
        });
    }

    /// Opens what the settings name: the profile is shown as soon as it is there, sweeps join it as they arrive. What was
    /// asked for before and is still on its way is not shown any more.
    fn load(self) {
        let (name, sweep) = untrack(|| (self.settings.profile.get(), self.settings.sweep.get()));
        let mine = self.loads.get_value() + 1;
        self.loads.set_value(mine);
        leptos::task::spawn_local(async move {
            let profile = files::profile(&name).await;
            if self.loads.get_value() != mine {
                return;
            }
            match profile {
                Ok(profile) => {
                    self.compare_with_link(&profile);
                    self.show(profile, Origin::Named);
                }
                Err(problem) => return self.fail(problem),
            }
            let exhibited =
                exhibit(&name).map_or(&[][..], |exhibit| exhibit.sweeps).iter().map(|&address| address.to_owned());
            let addresses: Vec<String> = exhibited.chain(Some(sweep).filter(|sweep| !sweep.is_empty())).collect();
            self.load_sweeps(addresses);
        });
    }

    /// Says so where the link that was followed is of another profile than the one that its name leads to.
    fn compare_with_link(self, profile: &ModelProfile) {
        let (linked, opened) = (self.settings.of.get_untracked(), profile.hash());
        // Said once; whatever is opened next is not what the link meant.
        self.settings.of.set(String::new());
        if !linked.is_empty() && !opened.to_string().starts_with(&linked) {
            let opened = opened.short();
            self.fail(format!(
                "this link is of profile {linked}, but what it names is {opened}: open the file of {linked}"
            ));
        }
    }

    /// Loads sweeps side by side; they are listed in this order whichever arrives first, and one that fails is named.
    fn load_sweeps(self, addresses: Vec<String>) {
        let mine = self.loads.get_value();
        let arrived = StoredValue::new_local(vec![None; addresses.len()]);
        for (place, address) in addresses.into_iter().enumerate() {
            leptos::task::spawn_local(async move {
                let loaded = files::sweep(&address).await;
                if self.loads.get_value() != mine {
                    return;
                }
                match loaded.and_then(|sweep| self.fitting(sweep).map_err(|problem| format!("{address}: {problem}"))) {
                    Ok(sweep) => {
                        // What a person opened meanwhile stays before them.
                        let before = arrived.with_value(|arrived| arrived.iter().flatten().count());
                        arrived.update_value(|arrived: &mut Vec<Option<SweepReport>>| arrived[place] = Some(sweep));
                        self.sweeps.update(|sweeps| {
                            sweeps.truncate(sweeps.len() - before);
                            sweeps.extend(
                                arrived.with_value(|arrived| arrived.iter().flatten().cloned().collect::<Vec<_>>()),
                            );
                        });
                    }
                    Err(problem) => self.fail(problem),
                }
            });
        }
    }

    /// The sweep, if it goes with the profile that is open.
    fn fitting(self, sweep: SweepReport) -> Result<SweepReport, String> {
        let Some(profile) = self.profile.get_untracked() else {
            return Err("no profile is open; open the sweep's profile first".to_owned());
        };
        if profile.graph.architecture != sweep.architecture {
            let open = &profile.graph.architecture;
            return Err(format!("this sweep is of {}, but {open} is open; open its profile first", sweep.architecture));
        }
        // One that does not say what it is of is shown as such, and lends its numbers to no other view.
        let _ = sweep.check_profile(&profile.hash()).map_err(|error| error.to_string())?;
        Ok(sweep)
    }

    /// Opens an exhibit of the gallery, also where it was open before a file was.
    fn choose(self, name: String) {
        // The sweep that an address named is of the profile that was open with it.
        let has_sweep = self.settings.sweep.with_untracked(|sweep| !sweep.is_empty());
        if self.settings.profile.with_untracked(|open| *open == name) && !has_sweep {
            return self.load();
        }
        self.settings.sweep.set(String::new());
        self.settings.profile.set(name);
    }

    fn show(self, profile: ModelProfile, origin: Origin) {
        // What is still on its way would take the place of this.
        self.loads.set_value(self.loads.get_value() + 1);
        self.sweeps.set(Vec::new());
        self.allocation.set(None);
        self.origin.set(origin);
        self.profile.set(Some(Arc::new(profile)));
    }

    /// Opens a file that a person chose or dropped.
    fn take(self, file: web_sys::File) {
        leptos::task::spawn_local(async move {
            let name = file.name();
            let taken = match files::read(file).await {
                Ok(document) => self.put(document).map_err(|problem| format!("{name}: {problem}")),
                Err(problem) => Err(problem),
            };
            match taken {
                Ok(()) => self.problems.set(Vec::new()),
                Err(problem) => self.fail(problem),
            }
        });
    }

    /// Shows what a network that runs here has come to.
    fn find(self, finding: Finding) {
        match finding {
            Finding::Profile(profile) => self.show(*profile, Origin::Measured),
            Finding::Sweep(report) => {
                let open = self.profile.with_untracked(|profile| profile.as_ref().map(|profile| profile.hash()));
                let fits = open.is_some() && open == report.profile_hash;
                // Another profile may have been opened meanwhile; the sweep is kept on the shelf.
                if fits {
                    self.sweeps.update(|sweeps| report.put_into(sweeps));
                    if report.entries.len() == 1 && report.plan.sparsities.len() > 1 {
                        self.settings.pane.set(Pane::Sweep);
                    }
                }
            }
            Finding::Document(document) => {
                if let Err(problem) = self.put(document) {
                    self.fail(problem);
                }
            }
            Finding::Problem(problem) => self.fail(problem),
        }
    }

    fn put(self, document: Document) -> Result<(), String> {
        match document {
            Document::Profile(profile) => self.show(*profile, Origin::File),
            Document::Sweep(sweep) => {
                let sweep = self.fitting(*sweep)?;
                self.sweeps.update(|sweeps| sweeps.insert(0, sweep));
                self.settings.pane.set(Pane::Sweep);
            }
            Document::Allocation(allocation) => {
                let problem = self.profile.with_untracked(|profile| {
                    profile.as_ref().and_then(|profile| {
                        let layers = profile.graph.prunable_layers();
                        let layers = layers.iter().map(|layer| (layer.name, layer.weights));
                        let checked = allocation.check_layers(layers).map_err(|error| error.to_string());
                        checked.and_then(|()| is_for(&allocation, profile)).err()
                    })
                });
                if let Some(problem) = problem {
                    return Err(format!("{problem}; open the profile that it was made from first"));
                }
                self.allocation.set(Some(*allocation));
                self.settings.pane.set(Pane::Compare);
            }
        }
        Ok(())
    }
}

/// Whether an allocation is for the network of a profile; one of an earlier version, or of shapes alone, does not say.
fn is_for(allocation: &Allocation, profile: &ModelProfile) -> Result<(), String> {
    let remedy = "open the profile that it was made from";
    let checked = match &profile.model_hash {
        Some(model) => allocation.check_model(model),
        None => profile.hash().check("the allocation", allocation.profile_hash.as_ref(), remedy),
    };
    checked.map(|_| ()).map_err(|error| error.to_string())
}

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let desk = Desk::new();
    let settings = desk.settings;
    address::follow(settings);
    desk.follow_settings();
    Effect::new(move |_| {
        let scheme = match settings.theme.get() {
            Theme::System => "light dark",
            Theme::Light => "light",
            Theme::Dark => "dark",
        };
        document()
            .document_element()
            .inspect(|root| drop(root.set_attribute("style", &format!("color-scheme: {scheme}"))));
    });
    let session = Session::new(settings, Callback::new(move |finding| desk.find(finding)));
    let bench = Bench::new(session);
    let board = Board::new(settings, Callback::new(move |finding| desk.find(finding)));
    let over = RwSignal::new(false);
    let opens = move || settings.shows(Part::Open);
    // A browser would leave the page for the file.
    let drop_file = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        if let Some(data) = event.data_transfer().filter(|_| opens()) {
            leptos::task::spawn_local(async move { take_all(desk, bench, run::files::dropped(&data).await) });
        }
    };
    view! {
        <main class:over=over
            on:dragover=move |event: DragEvent| { event.prevent_default(); over.set(opens()) }
            on:dragleave=move |_| over.set(false) on:drop=drop_file>
            <Head desk board />
            <Problems problems=desk.problems />
            <Shared board />
            <Show when=move || settings.run.get() && settings.shows(Part::Run)><RunPanel bench board /></Show>
            {move || match desk.profile.get() {
                None => view! { <p class="panel loading" role="status">{move || if desk.problems.with(Vec::is_empty) { "Loading the profile …" } else { "No profile is open. Drop one on this page, or choose one of the gallery." }}</p> }.into_any(),
                Some(profile) => view! { <LabView desk session profile /> }.into_any(),
            }}
        </main>
    }
}

/// Opens what the lab itself wrote; checkpoints and images are for running networks.
fn take_all(desk: Desk, bench: Bench, files: Vec<run::files::Attachment>) {
    let (ours, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| {
        let name = file.name.to_lowercase();
        !files::MODELS.iter().chain(&IMAGES).any(|ending| name.ends_with(ending))
    });
    ours.into_iter().filter_map(|file| file.data.dyn_into().ok()).for_each(|file| desk.take(file));
    if !others.is_empty() && desk.settings.shows(Part::Run) {
        bench.take(others);
    }
}

#[component]
fn Problems(problems: RwSignal<Vec<String>>) -> impl IntoView {
    view! {
        <Show when=move || problems.with(|problems| !problems.is_empty())>
            <div class="panel problems" role="alert">
                {move || problems.get().into_iter().map(|problem| view! { <p>{problem}</p> }).collect_view()}
                <button type="button" on:click=move |_| problems.set(Vec::new())>"Close"</button>
            </div>
        </Show>
    }
}

/// Title, gallery, files, links, tour and colours.
#[component]
fn Head(desk: Desk, board: Board) -> impl IntoView {
    let settings = desk.settings;
    // Who hides the menu itself keeps it until the page is left: only links are without it.
    let has_menu = settings.hide.with_untracked(|hidden| !hidden.contains(&Part::Menu));
    view! {
        <header>
            <div>
                <h1>"Repairability Lab"</h1>
                <p>
                    "Pruning damages every layer; a cheap repair undoes part of it. "
                    <Term name="RR" text="Relative repairability (RR)" />" is the part that is left."
                </p>
            </div>
            <div class="tools">
                <Show when=move || settings.shows(Part::Tour)>
                    <button type="button" id="tour-start" class="primary" on:click=move |_| settings.tour.set(1)>"Take the tour"</button>
                </Show>
                <Show when=move || settings.shows(Part::Run)>
                    <button type="button" id="run-open" aria-expanded=move || settings.run.get().to_string()
                        on:click=move |_| settings.run.update(|run| *run = !*run)>"Run it here"</button>
                    <Show when=move || board.info.with(Option::is_some)>
                        <button type="button" id="jobs-open" on:click=move |_| { settings.compute_on.set(ComputeOn::Server); settings.run.set(true) }>"Jobs"</button>
                    </Show>
                </Show>
                <Show when=move || settings.shows(Part::Open)>
                    <OpenTools desk />
                </Show>
                <Share desk />
                <Show when=move || has_menu || settings.shows(Part::Menu)>
                    <HideMenu settings />
                </Show>
                <label class="inline">
                    <span class="sr-only">"Colours of the page"</span>
                    <Select id="theme" value=settings.theme set=settings.theme.write_only()
                        choices=Theme::ALL.iter().map(|&theme| (theme, theme.label())).collect() />
                </label>
            </div>
        </header>
    }
}

#[component]
fn OpenTools(desk: Desk) -> impl IntoView {
    let profile = desk.settings.profile;
    let choose = move |input: web_sys::HtmlInputElement| {
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            desk.take(file);
        }
        // The same file, chosen again, is opened again.
        input.set_value("");
    };
    view! {
        <label class="inline">
            <span class="sr-only">"Gallery"</span>
            <select id="gallery" on:change:target=move |event| desk.choose(event.target().value())>
                {EXHIBITS.iter().map(|exhibit| view! {
                    <option value=exhibit.name selected=move || desk.origin.get() == Origin::Named && profile.get() == exhibit.name>{exhibit.title}</option>
                }).collect_view()}
                <Show when=move || desk.origin.get() != Origin::Named || exhibit(&profile.get()).is_none()>
                    <option value="" selected=true disabled=true>{move || match desk.origin.get() {
                        Origin::Named => profile.get(),
                        Origin::File => "from a file".to_owned(),
                        Origin::Measured => "measured here".to_owned(),
                    }}</option>
                </Show>
            </select>
        </label>
        <label class="button" title="A profile, a sweep or an allocation; or drop it on the page">
            "Open a file"
            <input type="file" id="file" class="sr-only" accept=".json,application/json" on:change:target=move |event| choose(event.target()) />
        </label>
    }
}

/// Which parts of the page are hidden, here and by the links that are copied: for teaching.
#[component]
fn HideMenu(settings: Settings) -> impl IntoView {
    view! {
        <details class="menu">
            <summary class="button">"Hide controls"</summary>
            <div class="panel">
                <p class="faint">"For teaching: what is ticked is hidden here, and for whoever opens your link. The menu itself goes from links alone."</p>
                {Part::ALL.iter().map(|&part| view! {
                    <label>
                        <input type="checkbox" data-part=part.to_string() prop:checked=move || !settings.shows(part)
                            on:change=move |_| settings.hide.update(|hidden| hidden.toggle(part)) />
                        {part.label()}
                    </label>
                }).collect_view()}
            </div>
        </details>
    }
}

/// Links to what is seen.
#[component]
fn Share(desk: Desk) -> impl IntoView {
    let copied = RwSignal::new("");
    let copy = move |hide: &'static [Part]| {
        let settings = desk.settings;
        let before = settings.hide.get_untracked();
        let mut hidden = before.clone();
        hide.iter().filter(|part| !before.contains(part)).for_each(|part| hidden.0.push(*part));
        let of = desk.profile.with_untracked(|profile| profile.as_ref().map(|profile| profile.hash().short()));
        let query = untrack(|| {
            settings.hide.set(hidden);
            settings.of.set(of.unwrap_or_default());
            let query = address::query(settings);
            settings.hide.set(before);
            settings.of.set(String::new());
            query
        });
        let promise = window().navigator().clipboard().write_text(&address::with_query(&query));
        leptos::task::spawn_local(async move {
            let done = wasm_bindgen_futures::JsFuture::from(promise).await.is_ok();
            copied.set(match (done, desk.origin.get_untracked() != Origin::Named) {
                (false, _) => "the browser refused; copy the address instead",
                (true, true) => "copied; who opens it must open your profile’s file too",
                (true, false) => "copied",
            });
            set_timeout(move || copied.set(""), std::time::Duration::from_secs(6));
        });
    };
    view! {
        <button type="button" id="copy-link" title="The address opens this very view" on:click=move |_| copy(&[])>"Copy link"</button>
        <Show when=move || !desk.settings.hide.with(|hidden| Part::REVIEW.iter().all(|part| hidden.contains(part)))>
            <button type="button" id="copy-review" title="A link to this view without the controls that would change it" on:click=move |_| copy(&Part::REVIEW)>"Reviewer’s link"</button>
        </Show>
        <span role="status" class="faint">{copied}</span>
    }
}

/// Controls, graphs and panes of one profile.
#[component]
fn LabView(desk: Desk, session: Session, profile: Arc<ModelProfile>) -> impl IntoView {
    let caption = caption(&profile);
    // Measured here, of what the worker does not hold any more.
    let hash = profile.hash();
    let is_past = move || desk.origin.get() == Origin::Measured && session.measured.get() != Some(hash);
    let lab = Lab::new(profile, desk.sweeps, desk.allocation, desk.settings);
    let settings = desk.settings;
    let problem = move || lab.a.with(|outcome| outcome.as_ref().err().cloned());
    let graph = move |side: Side| {
        view! {
            <div class="one-graph">
                <h2>{move || format!("{side}: {}", lab.describe(side))}</h2>
                <GraphView lab side />
            </div>
        }
    };
    view! {
        <Controls lab />
        {move || problem().map(|problem| view! { <p class="panel problem" role="alert">{problem}</p> })}
        <section class="panel" aria-label="Layer graph">
            <p class="faint" id="measurement">{caption}</p>
            <Show when=is_past>
                <p class="notice" id="past" role="status">"This profile was measured before the images or the network of the panel above changed: it is not of those."</p>
            </Show>
            <div class="graphs" class:both=move || settings.shown.get() == Shown::Both>
                {move || match settings.shown.get() {
                    Shown::A => graph(Side::A).into_any(),
                    Shown::B => graph(Side::B).into_any(),
                    Shown::Both => view! { {graph(Side::A)} {graph(Side::B)} }.into_any(),
                }}
            </div>
            <p class="faint keys">
                "Rounded, double border: "<Term name="projection" />". Dashed lines: shortcuts. Drag to move, "<kbd>"Ctrl"</kbd>" and wheel to zoom. Keys: "
                <kbd>"←→↑↓"</kbd>" walk, "<kbd>"Enter"</kbd>" opens, "<kbd>"f"</kbd>" folds, "<kbd>"+ −"</kbd>" zoom, "<kbd>"space"</kbd>" fits."
            </p>
        </section>
        <Panes lab />
        <Tour lab />
    }
}

fn caption(profile: &ModelProfile) -> String {
    let measured = &profile.measurement;
    let network = profile.model_hash.map_or_else(|| "not named".to_owned(), |hash| hash.short());
    format!(
        "{} (network {network}) on {}, measured on {} {} images without labels (seed {}, {}, {})",
        profile.graph.architecture,
        measured.dataset,
        measured.images,
        measured.split,
        measured.seed,
        measured.device,
        measured.program
    )
}
