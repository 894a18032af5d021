//! Where a rising function reaches a value.

/// Halvings of an interval: beyond these a double does not change.
const HALVINGS: usize = 80;

/// The narrowest bracket in `low..high` around the argument at which a rising function reaches
/// `target`.
pub(crate) fn bisect(
    mut low: f64,
    mut high: f64,
    target: f64,
    value: impl Fn(f64) -> f64,
) -> (f64, f64) {
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if value(middle) < target { low = middle } else { high = middle }
    }
    (low, high)
}
