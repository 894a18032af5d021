//! The colour of RR: diverging around 1, where repair does nothing.

/// RR shown at the ends of the scale.
pub const RANGE: (f64, f64) = (0.0, 2.0);

/// Stops from repairable (blue) over 1 (pale) to made worse (orange); told apart by readers with any colour vision.
const STOPS: [(f64, [f64; 3]); 5] = [
    (0.0, [62.0, 132.0, 188.0]),
    (0.5, [146.0, 191.0, 222.0]),
    (1.0, [243.0, 241.0, 234.0]),
    (1.5, [240.0, 182.0, 120.0]),
    (2.0, [215.0, 118.0, 46.0]),
];

/// CSS colour of a value of RR; beyond the ends, that of the end.
pub fn of_rr(value: f64) -> String {
    let value = value.clamp(RANGE.0, RANGE.1);
    let upper = STOPS.iter().position(|(stop, _)| *stop >= value).unwrap_or(STOPS.len() - 1).max(1);
    let ((low, from), (high, to)) = (STOPS[upper - 1], STOPS[upper]);
    let share = (value - low) / (high - low);
    let [red, green, blue] = [0, 1, 2].map(|i| (from[i] + share * (to[i] - from[i])).round());
    format!("rgb({red},{green},{blue})")
}

/// CSS gradient of the whole scale, for the legend.
pub fn gradient() -> String {
    let stops: Vec<String> = STOPS.iter().map(|(stop, _)| of_rr(*stop)).collect();
    format!("linear-gradient(to right, {})", stops.join(", "))
}
