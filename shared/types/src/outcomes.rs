//! Which images a network told right, and whether one network is better than another by more than
//! chance.

use serde::{Deserialize, Serialize};

/// Probability below which a difference counts as more than noise.
pub const SIGNIFICANCE: f64 = 0.05;

/// Images that one digit of the written form tells about.
const IMAGES_A_DIGIT: usize = 4;

/// For each evaluation image, in the order in which they were drawn, whether the network's highest
/// logit was its class. Written as hexadecimal digits, four images a digit, the first image in the
/// highest bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenOutcomes", into = "WrittenOutcomes")]
pub struct Outcomes {
    right: Vec<bool>,
}

/// JSON of [`Outcomes`].
#[derive(Serialize, Deserialize)]
struct WrittenOutcomes {
    /// Number of images.
    images: usize,
    /// Hexadecimal digits.
    right: String,
}

/// A text that tells no outcomes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutcomesError {
    /// Too many or too few digits.
    #[error("outcomes of {images} images are {expected} digits, not {found}")]
    Length {
        /// Number of images.
        images: usize,
        /// Digits that they take.
        expected: usize,
        /// Digits that there are.
        found: usize,
    },
    /// Something else than digits.
    #[error("outcomes are digits from 0 to 9 and a to f, not `{0}`")]
    Digit(char),
}

/// How two networks compare on the same images: only where exactly one of them is right do they
/// differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairedComparison {
    /// Images that only the first network tells right.
    pub only_first: usize,
    /// Images that only the second one does.
    pub only_second: usize,
}

impl Outcomes {
    /// Whether each image was told right.
    pub fn new(right: Vec<bool>) -> Self {
        Self { right }
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.right.len()
    }

    /// Whether each image was told right, in the order in which they were drawn.
    pub fn right(&self) -> &[bool] {
        &self.right
    }

    /// Fraction of images told right; NaN of no images.
    pub fn accuracy(&self) -> f64 {
        self.right.iter().filter(|right| **right).count() as f64 / self.images() as f64
    }

    /// How this network and another compare; nothing where they were asked about different numbers
    /// of images.
    ///
    /// ```
    /// use rrlab_types::Outcomes;
    ///
    /// // Of ten images that only one of two networks tells right, nine are the first's.
    /// let first = Outcomes::new([vec![true; 9], vec![false; 1], vec![true; 90]].concat());
    /// let second = Outcomes::new([vec![false; 9], vec![true; 1], vec![true; 90]].concat());
    /// let comparison = first.compare(&second).unwrap();
    /// assert_eq!((comparison.only_first, comparison.only_second), (9, 1));
    /// assert!(comparison.is_beyond_noise());
    /// ```
    pub fn compare(&self, other: &Self) -> Option<PairedComparison> {
        if self.images() != other.images() {
            return None;
        }
        let mut comparison = PairedComparison { only_first: 0, only_second: 0 };
        for pair in self.right.iter().zip(&other.right) {
            match pair {
                (true, false) => comparison.only_first += 1,
                (false, true) => comparison.only_second += 1,
                _ => {}
            }
        }
        Some(comparison)
    }
}

impl PairedComparison {
    /// Probability that two equally good networks differ at least so much: McNemar's test in its
    /// exact form (`docs/method.md`, section 8). Of the images that one alone tells right, each is
    /// either's with probability ½.
    pub fn p_value(self) -> f64 {
        let differing = self.only_first + self.only_second;
        let fewer = self.only_first.min(self.only_second);
        // ln of the binomial coefficient over 2ⁿ: the coefficient alone outgrows a double.
        let mut log_term = -(differing as f64) * std::f64::consts::LN_2;
        let mut tail = log_term.exp();
        for count in 1..=fewer {
            log_term += ((differing - count + 1) as f64 / count as f64).ln();
            tail += log_term.exp();
        }
        (2.0 * tail).min(1.0)
    }

    /// Whether the difference is more than chance explains: p below [`SIGNIFICANCE`].
    pub fn is_beyond_noise(self) -> bool {
        self.p_value() < SIGNIFICANCE
    }
}

impl From<Outcomes> for WrittenOutcomes {
    fn from(outcomes: Outcomes) -> Self {
        let mut digits = String::with_capacity(outcomes.images().div_ceil(IMAGES_A_DIGIT));
        for group in outcomes.right.chunks(IMAGES_A_DIGIT) {
            let mut value = 0;
            for (place, right) in group.iter().enumerate() {
                value |= u32::from(*right) << (IMAGES_A_DIGIT - 1 - place);
            }
            digits.extend(char::from_digit(value, 16));
        }
        Self { images: outcomes.images(), right: digits }
    }
}

impl TryFrom<WrittenOutcomes> for Outcomes {
    type Error = OutcomesError;

    fn try_from(written: WrittenOutcomes) -> Result<Self, OutcomesError> {
        let WrittenOutcomes { images, right: digits } = written;
        let (expected, found) = (images.div_ceil(IMAGES_A_DIGIT), digits.chars().count());
        if expected != found {
            return Err(OutcomesError::Length { images, expected, found });
        }
        let mut right = Vec::with_capacity(expected * IMAGES_A_DIGIT);
        for digit in digits.chars() {
            let value = digit.to_digit(16).ok_or(OutcomesError::Digit(digit))?;
            for place in (0..IMAGES_A_DIGIT).rev() {
                right.push(value >> place & 1 == 1);
            }
        }
        right.truncate(images);
        Ok(Self { right })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn outcomes_are_read_as_they_were_written(right in proptest::collection::vec(any::<bool>(), 0..40)) {
            let outcomes = Outcomes::new(right);
            let text = serde_json::to_string(&outcomes).unwrap();
            prop_assert_eq!(serde_json::from_str::<Outcomes>(&text).unwrap(), outcomes);
        }

        #[test]
        fn p_is_a_probability_that_does_not_depend_on_order(a in 0usize..3000, b in 0usize..3000) {
            let p = PairedComparison { only_first: a, only_second: b }.p_value();
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, PairedComparison { only_first: b, only_second: a }.p_value());
        }
    }

    #[test]
    fn p_is_that_of_the_binomial_distribution() {
        // scipy.stats.binomtest(b, b + c).pvalue
        for (only_first, only_second, expected) in [
            (0, 0, 1.0),
            (1, 9, 0.021484375),
            (5, 5, 1.0),
            (40, 60, 0.05688793364098089),
            (4800, 5200, 6.593515598672343e-05),
        ] {
            let p = PairedComparison { only_first, only_second }.p_value();
            assert!((p / expected - 1.0).abs() < 1e-9, "{only_first}, {only_second}: {p}");
        }
    }

    #[test]
    fn what_tells_no_outcomes_is_refused() {
        let read = |text: &str| serde_json::from_str::<Outcomes>(text).unwrap_err().to_string();
        assert!(read(r#"{"images":5,"right":"f"}"#).contains("5 images are 2 digits, not 1"));
        assert!(read(r#"{"images":4,"right":"g"}"#).contains("not `g`"));
    }
}
