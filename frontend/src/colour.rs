//! Colour scales: a diverging one around a centre that means something, and cividis for amounts.

/// Red, green and blue, 0 to 255.
type Rgb = [f64; 3];

/// From far below the centre (blue) over the centre (pale) to far above (orange); told apart with
/// any colour vision.
const DIVERGING: [Rgb; 5] = [
    [62.0, 132.0, 188.0],
    [146.0, 191.0, 222.0],
    [243.0, 241.0, 234.0],
    [240.0, 182.0, 120.0],
    [215.0, 118.0, 46.0],
];

/// Ninths of cividis (Nuñez, Anderton, Renslow 2018), from dark blue to yellow.
const CIVIDIS: [Rgb; 9] = [
    [0.0, 34.0, 78.0],
    [26.0, 56.0, 111.0],
    [67.0, 78.0, 108.0],
    [98.0, 100.0, 112.0],
    [125.0, 124.0, 120.0],
    [154.0, 148.0, 118.0],
    [187.0, 174.0, 107.0],
    [221.0, 201.0, 87.0],
    [254.0, 232.0, 56.0],
];

/// What a range of values looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Value at one end.
    pub low: f64,
    /// Value at the other.
    pub high: f64,
    /// Whether equal ratios, not equal differences, look equally far apart.
    pub logarithmic: bool,
    /// Whether the middle means something and the ends are its two sides.
    pub diverging: bool,
}

impl Scale {
    /// Amounts from `low` to `high`.
    pub fn amounts(low: f64, high: f64) -> Self {
        Self {
            low,
            high: if high > low { high } else { low + 1.0 },
            logarithmic: false,
            diverging: false,
        }
    }

    /// Positive amounts that span orders of magnitude.
    pub fn magnitudes(low: f64, high: f64) -> Self {
        let low = low.max(1.0);
        Self { low, high: high.max(low * 10.0), logarithmic: true, diverging: false }
    }

    /// Both sides of a centre.
    pub fn around(centre: f64, reach: f64) -> Self {
        Self { low: centre - reach, high: centre + reach, logarithmic: false, diverging: true }
    }

    /// Where a value lies between the ends, 0 to 1; beyond them, at the end.
    pub fn position(self, value: f64) -> f64 {
        let along = |value: f64| if self.logarithmic { value.max(self.low).ln() } else { value };
        ((along(value) - along(self.low)) / (along(self.high) - along(self.low))).clamp(0.0, 1.0)
    }

    /// Colour of a value.
    pub fn colour(self, value: f64) -> Colour {
        self.colour_at(self.position(value))
    }

    fn colour_at(self, position: f64) -> Colour {
        let stops: &[Rgb] = if self.diverging { &DIVERGING } else { &CIVIDIS };
        let along = position * (stops.len() - 1) as f64;
        let lower = (along as usize).min(stops.len() - 2);
        let share = along - lower as f64;
        Colour(std::array::from_fn(|i| {
            stops[lower][i] + share * (stops[lower + 1][i] - stops[lower][i])
        }))
    }

    /// CSS gradient over the whole scale.
    pub fn gradient(self) -> String {
        let stops = self.stops().map(Colour::css);
        format!("linear-gradient(to right, {})", stops.join(", "))
    }

    /// Colours at equal distances, from the low end to the high one.
    pub fn stops(self) -> [Colour; 9] {
        std::array::from_fn(|step| self.colour_at(step as f64 / 8.0))
    }

    /// Values for the legend's axis: both ends and what lies between at quarters.
    pub fn ticks(self) -> [f64; 5] {
        std::array::from_fn(|index| {
            let share = index as f64 / 4.0;
            if self.logarithmic {
                self.low * (self.high / self.low).powf(share)
            } else {
                self.low + share * (self.high - self.low)
            }
        })
    }
}

/// A colour, and what can be read on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour(Rgb);

impl Colour {
    /// As CSS writes it.
    pub fn css(self) -> String {
        let [red, green, blue] = self.0.map(f64::round);
        format!("rgb({red},{green},{blue})")
    }

    /// As hexadecimal digits.
    pub fn hex(self) -> String {
        let [red, green, blue] = self.0.map(|part| part.round() as u8);
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Black or white, whichever has more contrast on it (relative luminance of WCAG 2).
    pub fn text(self) -> &'static str {
        let linear = self.0.map(|part| {
            let part = part / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        if luminance > 0.179 { "#14181c" } else { "#ffffff" }
    }
}
