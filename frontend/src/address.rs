//! The address bar: holds every setting, so that a link opens the same view.

use std::time::Duration;

use leptos::prelude::*;
use rrlab_types::ModelProfile;
use wasm_bindgen::JsValue;
use web_sys::UrlSearchParams;

use crate::settings::{Property, Settings};

/// How long settings rest before the address follows: browsers limit how often it may change.
const REST: Duration = Duration::from_millis(200);

/// Reads the settings from the address; gives what was refused, with reasons.
pub fn read(settings: Settings) -> Vec<String> {
    let query = window().location().search().unwrap_or_default();
    let refused = set_where(settings, &query, |_, _| true);
    let said = |(key, problem)| format!("`{key}` in the address was left out: {problem}");
    refused.into_iter().map(said).collect()
}

/// Sets what a step of a story says, as a query has it, and what it leaves out to its default, but for
/// what lasts through a story; gives what was refused. What is a person's own is no story's.
pub fn apply_view(settings: Settings, state: &str) -> Vec<String> {
    let state = state.trim_start_matches('?');
    let mut problems = Vec::new();
    let properties = settings.properties();
    for key in state.split('&').filter_map(|pair| pair.split('=').next()) {
        if !key.is_empty() && properties.iter().all(|property| property.key != key) {
            problems.push(format!("`{key}` in this step is no setting of the page"));
        }
    }
    let refused = set_where(settings, state, |property, is_given| {
        !property.is_personal && (is_given || !property.is_lasting)
    });
    let said = |(key, problem)| format!("`{key}` in this step was left out: {problem}");
    problems.extend(refused.into_iter().map(said));
    problems
}

/// Sets what a query gives, and leaves everything else, and what is a person's own, as it is.
pub fn overlay(settings: Settings, query: &str) {
    set_where(settings, query, |property, is_given| is_given && !property.is_personal);
}

/// Sets everything but what is a person's own as a query has it.
pub fn restore(settings: Settings, query: &str) {
    set_where(settings, query, |property, _| !property.is_personal);
}

/// Sets those settings that are wanted (told whether the query gives them) as a query has them, or to
/// their defaults; gives the keys of what was refused, with reasons.
fn set_where(
    settings: Settings,
    query: &str,
    is_wanted: impl Fn(&Property, bool) -> bool,
) -> Vec<(String, String)> {
    let Ok(given) = UrlSearchParams::new_with_str(query) else { return Vec::new() };
    let mut refused = Vec::new();
    for property in settings.properties() {
        let text = given.get(&property.key);
        if !is_wanted(&property, text.is_some()) {
            continue;
        }
        if let Err(problem) = property.set(text.as_deref()) {
            refused.push((property.key, problem));
        }
    }
    refused
}

/// The settings as the query of an address, without those at their default.
pub fn query(settings: Settings) -> String {
    query_of(settings.properties())
}

/// The same without what is of the person who looks alone: what an exported file says of where it
/// comes from.
pub fn exported_query(settings: Settings) -> String {
    query_of(settings.properties().into_iter().filter(|property| !property.is_personal))
}

/// The same with the profile that it is of: where that was opened from a file, the address alone leads
/// to another, and the page says so.
pub fn query_of_profile(settings: Settings, profile: &ModelProfile) -> String {
    let of = format!("of={}", profile.hash().short());
    let query = exported_query(settings);
    if query.is_empty() { of } else { format!("{query}&{of}") }
}

/// The settings that what is shown follows from, in one line.
pub fn shown_query(settings: Settings) -> String {
    let properties = settings.properties().into_iter();
    query_of(properties.filter(|property| !property.is_personal && !property.is_unseen))
}

fn query_of(properties: impl IntoIterator<Item = Property>) -> String {
    let Ok(params) = UrlSearchParams::new() else { return String::new() };
    for property in properties {
        if let Some(text) = property.text() {
            params.append(&property.key, &text);
        }
    }
    // Legal in a query, and the difference between an address that can be read and one that can't.
    String::from(params.to_string()).replace("%2C", ",").replace("%3D", "=").replace("%3A", ":")
}

/// The address of this page with this query.
pub fn with_query(query: &str) -> String {
    let location = window().location();
    let page = format!(
        "{}{}",
        location.origin().unwrap_or_default(),
        location.pathname().unwrap_or_default()
    );
    if query.is_empty() { page } else { format!("{page}?{query}") }
}

/// Leaves for another page of the server's, which is told where to come back to: with the settings as
/// they are, which the address may not have yet.
pub fn go_and_come_back(address: &str, settings: Settings) {
    let location = window().location();
    let here = format!("{}?{}", location.pathname().unwrap_or_default(), query(settings));
    let to = format!("{address}?to={}", js_sys::encode_uri_component(&here));
    if let Err(problem) = location.set_href(&to) {
        leptos::logging::error!("can't go to {to}: {problem:?}");
    }
}

/// Keeps the address equal to the settings, and the settings to the address when a person goes back
/// or forward: what is coarse, such as another pane or rule, is a step of its own there.
pub fn follow(settings: Settings) {
    let coarse =
        move || query_of(settings.properties().into_iter().filter(|property| property.is_coarse));
    let written = StoredValue::new(untrack(coarse));
    let write = leptos::leptos_dom::helpers::debounce(REST, move |query: String| {
        let (coarse, address) = (untrack(coarse), with_query(&query));
        let is_step = written.with_value(|written| *written != coarse);
        written.set_value(coarse);
        if let Ok(history) = window().history() {
            // Refused where the page was opened without an address of its own; nothing depends on
            // it.
            let _ = if is_step {
                history.push_state_with_url(&JsValue::NULL, "", Some(&address))
            } else {
                history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
            };
        }
    });
    Effect::new({
        let write = StoredValue::new_local(write);
        move |_| {
            let query = query(settings);
            write.update_value(|write| write(query));
        }
    });
    let back = window_event_listener(leptos::ev::popstate, move |_| {
        read(settings);
        written.set_value(untrack(coarse));
    });
    on_cleanup(move || back.remove());
}
