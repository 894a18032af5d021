//! What every saved file says of where it is from: a hash of the configuration, a name, an address.

use leptos::prelude::*;
use rrlab_types::{ConfigurationHash, ContentHasher, ModelProfile};

use crate::address;
use crate::lab::{Lab, Side};

/// Hash of the profile, of both allocations and of every setting but those of the person who looks:
/// two files of one kind with the same one show the same, whatever the page's colours.
pub fn configuration(lab: Lab) -> ConfigurationHash {
    let mut hasher = ContentHasher::new("rrlab configuration");
    hasher.add(lab.profile.with_value(|profile| profile.hash()).to_string().as_bytes());
    for side in [Side::A, Side::B] {
        let outcome = lab.outcome(side).get_untracked();
        hasher.add(&serde_json::to_vec(&outcome.ok()).unwrap_or_default());
    }
    hasher.add(untrack(|| address::shown_query(lab.settings)).as_bytes());
    ConfigurationHash::of(hasher)
}

/// Name of a file that is saved: architecture, `what` it holds, and the beginning of the
/// configuration's hash.
pub fn file_name(lab: Lab, what: &str, ending: &str) -> String {
    let architecture =
        lab.profile.with_value(|profile| profile.graph.architecture().replace([':', '='], "-"));
    format!("{architecture}-{what}-{}.{ending}", configuration(lab).short())
}

/// The address that shows what is exported, with the profile that it is of.
pub fn exported_address(lab: Lab) -> String {
    let query = lab
        .profile
        .with_value(|profile| untrack(|| address::query_of_profile(lab.settings, profile)));
    address::with_query(&query)
}

/// What a saved drawing says of itself: network, both allocations, configuration and address.
pub fn description(lab: Lab) -> String {
    let [a, b] = [Side::A, Side::B].map(|side| untrack(|| lab.describe(side)));
    let network = lab.profile.with_value(|profile| {
        format!("{} on {}", profile.graph.architecture(), profile.measurement.dataset)
    });
    format!(
        "Repairability Lab: {network}; A: {a}; B: {b}; configuration {}; {}",
        configuration(lab).short(),
        exported_address(lab)
    )
}

/// What was measured, on what, and how.
pub fn measured(profile: &ModelProfile) -> String {
    let measured = &profile.measurement;
    let network = profile.model_hash.map_or_else(|| "not named".to_owned(), |hash| hash.short());
    format!(
        "{} (network {network}) on {}, measured on {} {} images without labels (seed {}, {}, {})",
        profile.graph.architecture(),
        measured.dataset,
        measured.images,
        measured.split,
        measured.seed,
        measured.device,
        measured.program
    )
}
