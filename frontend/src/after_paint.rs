//! Values that follow a paint later: what is looked at while the slider moves comes first, the rest
//! right after.

use std::time::Duration;

use leptos::prelude::*;

/// A signal that takes the memo's value after the next paint.
///
/// While the memo changes faster than the page is painted, values between are left out.
pub fn after_paint<T: Clone + PartialEq + Send + Sync + 'static>(memo: Memo<T>) -> Signal<T> {
    let late = RwSignal::new(memo.get_untracked());
    let is_waiting = StoredValue::new(false);
    Effect::new(move |_| {
        memo.track();
        if is_waiting.get_value() {
            return;
        }
        is_waiting.set_value(true);
        let take = move || {
            // All three are gone where the component is.
            let Some(value) = memo.try_get_untracked() else { return };
            is_waiting.try_set_value(false);
            if late.try_with_untracked(|old| *old != value) == Some(true) {
                late.try_set(value);
            }
        };
        // The callback of a frame runs before its paint, a timer that it sets after.
        request_animation_frame(move || set_timeout(take, Duration::ZERO));
    });
    late.into()
}
