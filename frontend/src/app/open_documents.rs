//! What is open, whatever opened it: a profile, sweeps of it, an allocation.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::{Allocation, ChannelProfile, Document, ModelProfile, ProfileHash, SweepReport};

use crate::address;
use crate::files::{self, Opened};
use crate::gallery::{self, GalleryNetwork};
use crate::page_update::PageUpdate;
use crate::run;
use crate::settings::{Pane, Settings};
use crate::story::{OpenStory, WayBack};

/// Where the open profile is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The gallery or an address: a link can hold it.
    Named,
    /// A file that a person opened: a link leads to another profile, or to none.
    File,
    /// Measured in this browser.
    Measured,
}

/// A sweep with its address, or why it can't be loaded; none while it is on its way.
type Arrival = Option<Result<(String, SweepReport), String>>;

/// What is open, whatever opened it.
#[derive(Clone, Copy)]
pub struct OpenDocuments {
    pub settings: Settings,
    pub profile: RwSignal<Option<Arc<ModelProfile>>>,
    /// RR of every channel, of this profile or of another.
    pub channels: RwSignal<Option<Arc<ChannelProfile>>>,
    /// Sweeps of the profile, in the order in which they are listed.
    pub sweeps: RwSignal<Vec<SweepReport>>,
    /// An allocation from a file, which stands for B while it is open.
    pub allocation: RwSignal<Option<Allocation>>,
    pub origin: RwSignal<Origin>,
    pub story: OpenStory,
    /// What went wrong, until a person closes it.
    pub problems: RwSignal<Vec<String>>,
    /// How often a profile was asked for or shown: what was asked for before is not shown after.
    loads: StoredValue<u64>,
}

impl OpenDocuments {
    /// Nothing is open yet; settings are read from the address.
    pub fn new() -> Self {
        let settings = Settings::new();
        Self {
            settings,
            profile: RwSignal::new(None),
            channels: RwSignal::new(None),
            sweeps: RwSignal::new(Vec::new()),
            allocation: RwSignal::new(None),
            origin: RwSignal::new(Origin::Named),
            story: OpenStory::new(settings),
            problems: RwSignal::new(address::read(settings)),
            loads: StoredValue::new(0),
        }
    }

    /// Shows what went wrong.
    fn report(self, problem: String) {
        self.problems.update(|problems| problems.push(problem));
    }

    /// Opens what the settings name, whenever they name something else.
    pub fn follow_settings(self) {
        let Settings { profile, sweep, .. } = self.settings;
        let wanted = Memo::new(move |_| (profile.get(), sweep.get()));
        Effect::new(move |_| {
            // A memo that nobody reads follows nothing, even if it is tracked.
            wanted.with(|_| ());
            self.load();
        });
        self.story.follow_settings(
            move |profile| self.open_story_profile(profile),
            move |problem| self.report(problem),
        );
    }

    /// Opens what a story is told on, unless it is open; gives the way back to what no address names.
    fn open_story_profile(self, profile: String) -> Option<WayBack> {
        let is_named = self.origin.get_untracked() == Origin::Named;
        let way_back = (!is_named).then(|| self.way_back());
        if !is_named || self.settings.profile.get_untracked() != profile {
            self.open_gallery(profile);
        }
        way_back
    }

    /// Opens again what is open now.
    fn way_back(self) -> WayBack {
        let (profile, origin) = (self.profile.get_untracked(), self.origin.get_untracked());
        let (sweeps, allocation) = (self.sweeps.get_untracked(), self.allocation.get_untracked());
        let channels = self.channels.get_untracked();
        Arc::new(move || {
            // What is still on its way is not shown any more.
            self.loads.update_value(|loads| *loads += 1);
            self.origin.set(origin);
            self.channels.set(channels.clone());
            self.profile.set(profile.clone());
            self.sweeps.set(sweeps.clone());
            self.allocation.set(allocation.clone());
        })
    }

    /// Opens what the settings name: the profile is shown as soon as it is there, sweeps join it as
    /// they arrive. What was asked for before and is still on its way is not shown any more.
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
                Ok(profile) => match self.meant_by_link(&profile).await {
                    _ if self.loads.get_value() != mine => return,
                    Some(kept) => return self.show(kept, Origin::Measured),
                    None => self.show(profile, Origin::Named),
                },
                Err(problem) => return self.report(problem),
            }
            let mut addresses = gallery::find(&name).map_or_else(Vec::new, GalleryNetwork::sweeps);
            if !sweep.is_empty() {
                addresses.push(sweep);
            }
            self.load_sweeps(addresses);
        });
    }

    /// The profile that the link is of which was followed, where its name leads to another and this
    /// browser keeps it. Says so where it does not.
    async fn meant_by_link(self, profile: &ModelProfile) -> Option<ModelProfile> {
        let (linked, opened) = (self.settings.of.get_untracked(), profile.hash());
        // Said once; whatever is opened next is not what the link meant.
        self.settings.of.set(String::new());
        if linked.is_empty() || opened.to_string().starts_with(&linked) {
            return None;
        }
        if let Ok(find) = run::fetch_find_kept().await
            && let Some(kept) = find(linked.clone()).await
        {
            return Some(kept);
        }
        let opened = opened.short();
        self.report(format!(
            "this link is of profile {linked}, but what it names is {opened}: open the file of {linked}"
        ));
        None
    }

    /// Loads sweeps side by side; they are listed in this order whichever arrives first, and one
    /// that fails is named.
    fn load_sweeps(self, addresses: Vec<String>) {
        let mine = self.loads.get_value();
        let arrived = StoredValue::new_local(vec![None; addresses.len()]);
        for (place, address) in addresses.into_iter().enumerate() {
            leptos::task::spawn_local(async move {
                let loaded = files::sweep(&address).await;
                if self.loads.get_value() != mine {
                    return;
                }
                let loaded = loaded.map(|sweep| (address, sweep));
                arrived.update_value(|arrived| arrived[place] = Some(loaded));
                self.list_loaded_sweeps(arrived);
            });
        }
    }

    /// Lists those of the sweeps that have arrived in their order; what a person opened meanwhile
    /// stays before them. One that does not go with what is open may do so once others have come:
    /// what is wrong is said when all have.
    fn list_loaded_sweeps(self, arrived: StoredValue<Vec<Arrival>, LocalStorage>) {
        let (mut listed, mut problems) = (Vec::new(), Vec::new());
        let are_all_here = arrived.with_value(|arrived| {
            let sweeps = || arrived.iter().flatten().flatten().map(|(_, sweep)| sweep);
            for loaded in arrived.iter().flatten() {
                match loaded {
                    Ok((address, sweep)) => match self.check_sweep(sweep, sweeps()) {
                        Ok(()) => listed.push(sweep.clone()),
                        Err(problem) => problems.push(format!("{address}: {problem}")),
                    },
                    Err(problem) => problems.push(problem.clone()),
                }
            }
            arrived.iter().all(Option::is_some)
        });
        self.sweeps.update(|sweeps| {
            sweeps.retain(|sweep| !listed.contains(sweep));
            sweeps.extend(listed);
        });
        if are_all_here {
            problems.into_iter().for_each(|problem| self.report(problem));
        }
    }

    /// Whether the sweep goes with the profile that is open: it is of it, or another draw of one of
    /// these sweeps, which is.
    fn check_sweep<'a>(
        self,
        sweep: &SweepReport,
        others: impl IntoIterator<Item = &'a SweepReport>,
    ) -> Result<(), String> {
        let Some(profile) = self.profile.get_untracked() else {
            return Err("no profile is open; open the sweep's profile first".to_owned());
        };
        if profile.graph.architecture() != sweep.architecture {
            let open = profile.graph.architecture();
            return Err(format!(
                "this sweep is of {}, but {open} is open; open its profile first",
                sweep.architecture
            ));
        }
        let open = profile.hash();
        let is_of_open = |other: &SweepReport| other.origin.profile_hash == Some(open);
        if others.into_iter().any(|other| is_of_open(other) && sweep.differs_in_draw_alone(other)) {
            return Ok(());
        }
        // One that does not say what it is of is shown as such, and lends its numbers to no other
        // view.
        sweep.check_profile(&open).map(|_| ()).map_err(|error| error.to_string())
    }

    /// Opens a network of the gallery, also where it was open before a file was.
    pub fn open_gallery(self, name: String) {
        // The sweep that an address named is of the profile that was open with it.
        let has_sweep = self.settings.sweep.with_untracked(|sweep| !sweep.is_empty());
        if self.settings.profile.with_untracked(|open| *open == name) && !has_sweep {
            return self.load();
        }
        self.settings.sweep.set(String::new());
        self.settings.shown_sweep.set(0);
        self.settings.profile.set(name);
    }

    /// Shows a profile; sweeps and an allocation of another one are closed.
    fn show(self, profile: ModelProfile, origin: Origin) {
        // What is still on its way would take the place of this.
        self.loads.set_value(self.loads.get_value() + 1);
        self.sweeps.set(Vec::new());
        self.allocation.set(None);
        if origin != Origin::Named {
            self.settings.shown_sweep.set(0);
        }
        self.origin.set(origin);
        self.profile.set(Some(Arc::new(profile)));
    }

    /// Opens a file that a person chose or dropped.
    pub fn open_file(self, file: web_sys::File) {
        leptos::task::spawn_local(async move {
            let name = file.name();
            let taken = match files::read(file).await {
                Ok(Opened::Document(document)) => {
                    self.open_document(document).map_err(|problem| format!("{name}: {problem}"))
                }
                Ok(Opened::Story(story)) => {
                    self.story.open(story, |profile| self.open_story_profile(profile));
                    Ok(())
                }
                Err(problem) => Err(problem),
            };
            match taken {
                Ok(()) => self.problems.set(Vec::new()),
                Err(problem) => self.report(problem),
            }
        });
    }

    /// Shows what a network that runs here has come to.
    pub fn show_update(self, update: PageUpdate) {
        match update {
            PageUpdate::Profile(profile) => self.show(*profile, Origin::Measured),
            PageUpdate::Channels(channels) => self.channels.set(Some(Arc::from(channels))),
            PageUpdate::Sweep(report) => self.show_sweep(&report),
            PageUpdate::Document(document) => {
                if let Err(problem) = self.open_document(document) {
                    self.report(problem);
                }
            }
            PageUpdate::Problem(problem) => self.report(problem),
        }
    }

    /// Hash of the profile that is open.
    fn open_hash(self) -> Option<ProfileHash> {
        self.profile.get_untracked().map(|profile| profile.hash())
    }

    /// Shows a sweep under way, if it is of the open profile: another may have been opened
    /// meanwhile.
    fn show_sweep(self, report: &SweepReport) {
        let open = self.open_hash();
        if open.is_none() || open != report.origin.profile_hash {
            return;
        }
        self.sweeps.update(|sweeps| report.put_into(sweeps));
        if report.entries.len() == 1 && report.plan.sparsities.len() > 1 {
            self.settings.pane.set(Pane::Sweep);
        }
    }

    /// Shows a document, or says why it does not go with the profile that is open.
    fn open_document(self, document: Document) -> Result<(), String> {
        match document {
            Document::Profile(profile) => self.show(*profile, Origin::File),
            Document::Sweep(sweep) => {
                self.sweeps.with_untracked(|known| self.check_sweep(&sweep, known))?;
                let (of, open) = (sweep.origin.profile_hash, self.open_hash());
                self.sweeps.update(|sweeps| {
                    // Another draw stands behind the one that is of the open profile.
                    let is_other_draw = of.is_some() && of != open;
                    let place = if is_other_draw { sweeps.len() } else { 0 };
                    sweeps.insert(place, *sweep);
                });
                self.settings.shown_sweep.set(0);
                self.settings.pane.set(Pane::Sweep);
            }
            Document::Allocation(allocation) => {
                if let Some(profile) = self.profile.get_untracked()
                    && let Err(problem) = check_allocation(&allocation, &profile)
                {
                    let remedy = "open the profile that it was made from first";
                    return Err(format!("{problem}; {remedy}"));
                }
                self.allocation.set(Some(*allocation));
                self.settings.pane.set(Pane::Compare);
            }
            Document::Channels(channels) => {
                let profile = self.profile.get_untracked();
                if let Some(Err(problem)) = profile.map(|profile| channels.check_profile(&profile))
                {
                    return Err(format!("{problem}; open that profile first"));
                }
                self.channels.set(Some(Arc::from(channels)));
                self.settings.pane.set(Pane::Layer);
            }
            Document::Finetune(_) => {
                let remedy = "`rrlab plot` draws them";
                return Err(format!("the page shows no reports of fine-tuning; {remedy}"));
            }
        }
        Ok(())
    }
}

/// Whether an allocation goes with a profile: the same layers, and the same network; one of an
/// earlier version, or of shapes alone, does not say which.
fn check_allocation(allocation: &Allocation, profile: &ModelProfile) -> Result<(), String> {
    let layers = profile.graph.prunable_layers();
    let layers = layers.iter().map(|layer| (layer.name, layer.weights));
    allocation.check_layers(layers).map_err(|error| error.to_string())?;
    let remedy = "open the profile that it was made from";
    let checked = match &profile.model_hash {
        Some(model) => allocation.check_model(model),
        None => profile.hash().check("the allocation", allocation.profile_hash.as_ref(), remedy),
    };
    checked.map(|_| ()).map_err(|error| error.to_string())
}
