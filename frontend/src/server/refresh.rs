//! Asking again for what changes on the server, while the page is looked at.

use std::time::Duration;

use leptos::prelude::*;

/// Asks at this interval while the page is visible, and as soon as it is so again; as long as the
/// caller's owner lives.
pub fn refresh_while_visible(interval: Duration, refresh: impl Fn() + Copy + 'static) {
    let if_visible = move || {
        if !document().hidden() {
            refresh();
        }
    };
    if let Ok(interval) = set_interval_with_handle(if_visible, interval) {
        on_cleanup(move || interval.clear());
    }
    let seen_again = window_event_listener_untyped("visibilitychange", move |_| if_visible());
    on_cleanup(move || seen_again.remove());
}
