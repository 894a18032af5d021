//! The address bar: holds every setting, so that a link opens the same view.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsValue;
use web_sys::UrlSearchParams;

use crate::settings::{Property, Settings};

/// How long settings rest before the address follows: browsers limit how often it may change.
const REST: Duration = Duration::from_millis(200);

/// Reads the settings from the address; gives what was refused, with reasons.
pub fn read(settings: Settings) -> Vec<String> {
    apply(settings, &window().location().search().unwrap_or_default())
}

/// Sets every setting as a query has it, those that it leaves out to their defaults; gives what was
/// refused.
pub fn apply(settings: Settings, query: &str) -> Vec<String> {
    let Ok(given) = UrlSearchParams::new_with_str(query) else { return Vec::new() };
    let set = |property: Property| {
        let problem = property.set(given.get(&property.key).as_deref()).err()?;
        Some(format!("`{}` in the address was left out: {problem}", property.key))
    };
    settings.properties().into_iter().filter_map(set).collect()
}

/// Sets what a step of a story says, as a query has it, and what it leaves out to its default, but for
/// what lasts through a story; gives what was refused.
pub fn apply_view(settings: Settings, query: &str) -> Vec<String> {
    let Ok(given) = UrlSearchParams::new_with_str(query) else { return Vec::new() };
    let mut problems = Vec::new();
    let properties = settings.properties();
    for key in query.split('&').filter_map(|pair| pair.split('=').next()) {
        if !key.is_empty() && properties.iter().all(|property| property.key != key) {
            problems.push(format!("`{key}` in this step is no setting of the page"));
        }
    }
    for property in properties {
        let text = given.get(&property.key);
        if text.is_none() && property.is_lasting {
            continue;
        }
        if let Err(problem) = property.set(text.as_deref()) {
            problems.push(format!("`{}` in this step was left out: {problem}", property.key));
        }
    }
    problems
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
