//! One setting as text: its name in the address, and how its signal is written there and read from
//! there.

use std::fmt::Display;
use std::str::FromStr;

use leptos::prelude::*;

/// One setting: its name in the address, how it is read from there and written there.
pub struct Property {
    /// Its name in the address.
    pub key: String,
    /// Whether it is of the person who looks (their colours, their job, the secret of a link that
    /// they were given): an exported file says nothing of it.
    pub is_personal: bool,
    /// Whether it stays as it is from one step of a story to the next, unless that names it.
    pub is_lasting: bool,
    /// Whether a change of it is a step that Back undoes.
    pub is_coarse: bool,
    /// Whether nothing of what is shown follows from it.
    pub is_unseen: bool,
    text: Box<dyn Fn() -> Option<String>>,
    set: Box<Setter>,
}

/// Sets a signal from a text, or to its default.
type Setter = dyn Fn(Option<&str>) -> Result<(), String>;

impl Property {
    /// A setting of the page that `signal` holds; left out of the address while it is at its
    /// default.
    pub(super) fn new<T>(key: String, signal: RwSignal<T>, default: T) -> Self
    where
        T: Display + FromStr + PartialEq + Clone + Send + Sync + 'static,
        T::Err: Display,
    {
        let first = default.clone();
        let text = move || signal.with(|value| (*value != default).then(|| value.to_string()));
        let set = move |text: Option<&str>| {
            let value = match text {
                None => first.clone(),
                Some(text) => text.parse().map_err(|error: T::Err| error.to_string())?,
            };
            // Untouched signals wake nobody.
            if signal.with_untracked(|old| *old != value) {
                signal.set(value);
            }
            Ok(())
        };
        Self::with(key, text, set)
    }

    /// A setting of the page with a text of its own, none at its default, and a way to set it from
    /// one.
    pub(super) fn with(
        key: String,
        text: impl Fn() -> Option<String> + 'static,
        set: impl Fn(Option<&str>) -> Result<(), String> + 'static,
    ) -> Self {
        Self {
            key,
            is_personal: false,
            is_lasting: false,
            is_coarse: false,
            is_unseen: false,
            text: Box::new(text),
            set: Box::new(set),
        }
    }

    /// The same setting, marked as the person's own, which no story changes unasked.
    pub(super) fn personal(self) -> Self {
        Self { is_personal: true, is_lasting: true, ..self }
    }

    /// The same setting, left out of the address while its value is nothing to anybody else; nor does an
    /// address take that from the person, whose way back leads through it.
    pub(super) fn unless(self, is_own: impl Fn() -> bool + Copy + 'static) -> Self {
        let (text, set) = (self.text, self.set);
        Self {
            text: Box::new(move || if is_own() { None } else { text() }),
            set: Box::new(move |text| if untrack(is_own) { Ok(()) } else { set(text) }),
            ..self
        }
    }

    /// The same setting, marked as one that changes nothing of what is shown.
    pub(super) fn unseen(self) -> Self {
        Self { is_unseen: true, ..self }
    }

    /// The same setting, marked as one whose changes Back undoes.
    pub(super) fn coarse(self) -> Self {
        Self { is_coarse: true, ..self }
    }

    /// The same setting, marked as of the whole of a story.
    pub(super) fn lasting(self) -> Self {
        Self { is_lasting: true, ..self }
    }

    /// Its text, unless it is at its default; follows the signal.
    pub fn text(&self) -> Option<String> {
        (self.text)()
    }

    /// Sets it from a text, or to its default.
    ///
    /// # Errors
    /// What is wrong with the text; the setting is then left as it was.
    pub fn set(&self, text: Option<&str>) -> Result<(), String> {
        (self.set)(text)
    }
}
