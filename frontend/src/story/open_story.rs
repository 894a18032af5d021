//! The story that is told, and how it begins and ends.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::Story;

use super::list;
use crate::address;
use crate::files;
use crate::settings::Settings;

/// The story that is told, if one is.
#[derive(Clone, Copy)]
pub struct OpenStory {
    pub settings: Settings,
    pub story: RwSignal<Option<Story>>,
    /// What a person had set before: theirs again if they end the story early.
    before: StoredValue<Option<String>>,
    /// Opens again what was open before and no address names.
    way_back: StoredValue<Option<WayBack>>,
    /// What the address that led into the story's middle says, which goes before what its step says.
    linked: StoredValue<Option<String>>,
}

/// Opens again what the profile of a story took the place of.
pub type WayBack = Arc<dyn Fn() + Send + Sync>;

impl OpenStory {
    /// None is told yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            story: RwSignal::new(None),
            before: StoredValue::new(None),
            way_back: StoredValue::new(None),
            linked: StoredValue::new(None),
        }
    }

    /// Opens the story that the settings name, whenever they name another. `open_profile` opens what a
    /// story is told on and gives the way back, `report` is told what went wrong.
    pub fn follow_settings(
        self,
        open_profile: impl Fn(String) -> Option<WayBack> + Copy + 'static,
        report: impl Fn(String) + Copy + 'static,
    ) {
        let Settings { story, step, .. } = self.settings;
        if step.get_untracked() > 0 && story.with_untracked(String::is_empty) {
            step.set(0);
            report(
                "this link is of a story from a file, which no link holds: open the file for its steps. What \
                 the story had hidden stays hidden"
                    .to_owned(),
            );
        }
        Effect::new(move |_| {
            let name = self.settings.story.get();
            if name.is_empty() {
                return;
            }
            leptos::task::spawn_local(async move {
                let loaded = files::story(&list::address(&name)).await;
                // Another was asked for meanwhile.
                if self.settings.story.get_untracked() != name {
                    return;
                }
                match loaded {
                    Ok(story) => self.begin(story, open_profile),
                    Err(problem) => {
                        self.settings.story.set(String::new());
                        report(problem);
                    }
                }
            });
        });
        Effect::new(move |_| {
            // Who went back to before it began has the settings of then.
            if self.settings.step.get() == 0 && self.story.with_untracked(Option::is_some) {
                self.go_back();
                self.close();
            }
        });
    }

    /// Whether a story is told that no address names.
    pub fn is_from_file(self) -> bool {
        self.story.with(Option::is_some) && self.settings.story.with(String::is_empty)
    }

    /// Tells a story from a file, which no address names.
    pub fn open(self, story: Story, open_profile: impl Fn(String) -> Option<WayBack>) {
        self.settings.story.set(String::new());
        self.begin(story, open_profile);
    }

    fn begin(self, story: Story, open_profile: impl Fn(String) -> Option<WayBack>) {
        let now = untrack(|| address::query(self.settings));
        let is_first = self.story.with_untracked(Option::is_none);
        let is_linked = is_first && self.settings.step.get_untracked() > 0;
        self.linked.set_value(is_linked.then(|| now.clone()));
        if is_first {
            self.before.set_value(Some(now));
        }
        if let Some(profile) = &story.profile {
            let way_back = open_profile(profile.clone());
            self.way_back.update_value(|known| *known = known.take().or(way_back));
        }
        if !is_linked {
            self.settings.step.set(1);
        }
        self.story.set(Some(story));
    }

    /// What the link that led into the story's middle sets, once.
    pub(super) fn take_linked(self) -> Option<String> {
        self.linked.try_update_value(Option::take).flatten()
    }

    /// Ends it: who has come to its last step goes on from there, who ends it early has their own
    /// settings back.
    pub fn end(self, is_early: bool) {
        let before = self.before.try_update_value(Option::take).flatten();
        if let Some(before) = before.filter(|_| is_early) {
            untrack(|| address::restore(self.settings, &before));
            self.go_back();
        }
        self.close();
    }

    /// Opens again what was open before.
    fn go_back(self) {
        if let Some(way_back) = self.way_back.get_value() {
            // After what the settings name has been asked for.
            request_animation_frame(move || way_back());
        }
    }

    fn close(self) {
        self.before.set_value(None);
        self.way_back.set_value(None);
        self.settings.story.set(String::new());
        self.settings.step.set(0);
        self.story.set(None);
    }
}
