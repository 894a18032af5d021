//! The story that is told, and how it begins and ends.

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
    /// Whether the address names it: one from a file is in no address.
    is_named: StoredValue<bool>,
    /// What a person had set before: theirs again if they end the story early.
    before: StoredValue<Option<String>>,
}

impl OpenStory {
    /// None is told yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            story: RwSignal::new(None),
            is_named: StoredValue::new(false),
            before: StoredValue::new(None),
        }
    }

    /// Opens the story that the settings name, whenever they name another; `report` is told what went
    /// wrong.
    pub fn follow_settings(self, report: impl Fn(String) + Copy + 'static) {
        Effect::new(move |_| {
            let name = self.settings.story.get();
            if name.is_empty() {
                // A person went back to before it began.
                if self.is_named.get_value() {
                    self.before.set_value(None);
                    self.story.set(None);
                }
                return;
            }
            leptos::task::spawn_local(async move {
                let loaded = files::story(&list::address(&name)).await;
                // Another was asked for meanwhile.
                if self.settings.story.get_untracked() != name {
                    return;
                }
                match loaded {
                    Ok(story) => {
                        self.is_named.set_value(true);
                        self.begin(story);
                    }
                    Err(problem) => {
                        self.settings.story.set(String::new());
                        report(problem);
                    }
                }
            });
        });
    }

    /// Tells a story from a file.
    pub fn open(self, story: Story) {
        self.is_named.set_value(false);
        self.settings.story.set(String::new());
        self.settings.step.set(0);
        self.begin(story);
    }

    fn begin(self, story: Story) {
        if self.before.with_value(Option::is_none) {
            self.before.set_value(Some(untrack(|| address::query(self.settings))));
        }
        if let Some(profile) = &story.profile
            && self.settings.profile.with_untracked(|open| open != profile)
        {
            self.settings.sweep.set(String::new());
            self.settings.profile.set(profile.clone());
        }
        self.story.set(Some(story));
        if self.settings.step.get_untracked() == 0 {
            self.settings.step.set(1);
        }
    }

    /// Ends it: who has come to its last step goes on from there, who ends it early has their own
    /// settings back.
    pub fn end(self, is_early: bool) {
        let before = self.before.try_update_value(Option::take).flatten();
        if let Some(before) = before.filter(|_| is_early) {
            untrack(|| address::apply(self.settings, &before));
        }
        self.settings.story.set(String::new());
        self.settings.step.set(0);
        self.story.set(None);
    }
}
