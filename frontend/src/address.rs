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

/// Keeps the address equal to the settings, and the settings to the address when a person goes
/// back.
pub fn follow(settings: Settings) {
    let write = leptos::leptos_dom::helpers::debounce(REST, move |query: String| {
        if let Ok(history) = window().history() {
            // Refused where the page was opened without an address of its own; nothing depends on
            // it.
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&with_query(&query)));
        }
    });
    Effect::new({
        let write = StoredValue::new_local(write);
        move |_| {
            let query = query(settings);
            write.update_value(|write| write(query));
        }
    });
    let back = window_event_listener(leptos::ev::popstate, move |_| drop(read(settings)));
    on_cleanup(move || back.remove());
}
