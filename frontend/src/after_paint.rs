//! Values that follow later: what is looked at while the slider moves comes first, what is drawn of it right
//! after its paint, and what takes long to compute when it rests.

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

/// How long a value that is costly to follow has to rest.
const REST: Duration = Duration::from_millis(120);

/// A signal that takes the memo's value when that has not changed for a while.
pub fn at_rest<T: Clone + PartialEq + Send + Sync + 'static>(memo: Memo<T>) -> Signal<T> {
    let late = RwSignal::new(memo.get_untracked());
    let changes = StoredValue::new(0_u64);
    Effect::new(move |_| {
        memo.track();
        let change = changes.get_value() + 1;
        changes.set_value(change);
        let take = move || {
            // All three are gone where the component is.
            if changes.try_get_value() != Some(change) {
                return;
            }
            if let Some(value) = memo.try_get_untracked()
                && late.try_with_untracked(|old| *old != value) == Some(true)
            {
                late.try_set(value);
            }
        };
        set_timeout(take, REST);
    });
    late.into()
}
