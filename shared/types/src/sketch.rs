//! A layer's distribution of scores in few numbers: enough to tell how many weights pass any threshold.

use serde::{Deserialize, Serialize};

/// Least score that counts as a number: below it a weight is as good as zero.
const SMALLEST: f64 = 1e-30;
/// Layers of at most so many weights are kept whole: a few weights are much of them, and their scores take little room.
const WHOLE: usize = 1024;
/// Largest error of a density that the sketch gives, and its largest relative error.
const TOLERANCE: f64 = 5e-4;
const RELATIVE_TOLERANCE: f64 = 0.03;

/// Fraction of weights whose score is at least exp(`log_score`), piecewise linear between vertices.
///
/// Exact for layers of up to 1,024 weights, within 0.05 percentage points (or half a weight, where that is more) for larger
/// ones, by construction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreSketch {
    /// Logarithms of scores, descending.
    log_scores: Vec<f64>,
    /// Fraction of weights at or above each, ascending.
    fractions: Vec<f64>,
}

impl ScoreSketch {
    /// The sketch of these scores, in any order. Scores are finite and not negative.
    pub fn new(mut scores: Vec<f64>) -> Self {
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        let count = scores.len() as f64;
        let point = |index: usize| {
            // A weight's step is met in its middle, so that a threshold at its score counts half of it.
            (significant(scores[index].max(SMALLEST).ln()), (index as f64 + 0.5) / count)
        };
        let mut sketch = Self { log_scores: Vec::new(), fractions: Vec::new() };
        if scores.len() <= WHOLE {
            (0..scores.len()).for_each(|index| sketch.push(point(index)));
            return sketch;
        }
        let mut start = 0;
        sketch.push(point(0));
        while start + 1 < scores.len() {
            let end = furthest_straight(&point, start, scores.len(), count);
            sketch.push(point(end));
            start = end;
        }
        sketch
    }

    fn push(&mut self, (log_score, fraction): (f64, f64)) {
        self.log_scores.push(log_score);
        self.fractions.push(significant(fraction));
    }

    /// Fraction of weights whose score is at least exp(`log_threshold`).
    pub fn fraction_above(&self, log_threshold: f64) -> f64 {
        let after = self.log_scores.partition_point(|&score| score >= log_threshold);
        match after {
            0 => 0.0,
            n if n == self.log_scores.len() => 1.0,
            n => {
                let (high, low) = (self.log_scores[n - 1], self.log_scores[n]);
                let share = (high - log_threshold) / (high - low);
                self.fractions[n - 1] + share * (self.fractions[n] - self.fractions[n - 1])
            }
        }
    }

    /// Highest and lowest logarithm of a score.
    pub fn range(&self) -> (f64, f64) {
        let first = self.log_scores.first().copied().unwrap_or(0.0);
        (first, self.log_scores.last().copied().unwrap_or(first))
    }

    /// Whether the vertices are in order and finite, as a file from elsewhere may not have them.
    pub fn is_valid(&self) -> bool {
        let finite = self.log_scores.iter().chain(&self.fractions).all(|value| value.is_finite());
        finite
            && !self.log_scores.is_empty()
            && self.log_scores.len() == self.fractions.len()
            && self.log_scores.is_sorted_by(|a, b| a >= b)
            && self.fractions.is_sorted()
            && self.fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction))
    }
}

/// LAMP score of each weight (Lee et al. 2021): w² over the sum of u² of all weights of the layer at least as large.
///
/// Weights of equal size count in index order. The sum starts at the largest and is kept in f64: in f32 scores of large
/// layers are off by percents.
pub fn lamp_scores(weights: &[f32]) -> Vec<f64> {
    let mut scores = vec![0.0; weights.len()];
    let mut sum = 0.0;
    for index in magnitude_order(weights) {
        let square = f64::from(weights[index]).powi(2);
        sum += square;
        scores[index] = if sum > 0.0 { square / sum } else { 0.0 };
    }
    scores
}

/// Indices by falling |w|; of equals, the lower index first.
pub fn magnitude_order(weights: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[b].abs().total_cmp(&weights[a].abs()));
    order
}

/// A number cut to six significant digits: what a profile writes of it.
pub fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// The furthest vertex to which a straight line from `start` stays within the tolerance: doubling, then halving.
fn furthest_straight(point: &impl Fn(usize) -> (f64, f64), start: usize, count: usize, weights: f64) -> usize {
    let fits = |end: usize| {
        let ((x0, y0), (x1, y1)) = (point(start), point(end));
        let checks = 32.min(end - start);
        (1..checks).all(|check| {
            let (x, y) = point(start + (end - start) * check / checks);
            let line = if x0 == x1 { y } else { y0 + (x0 - x) / (x0 - x1) * (y1 - y0) };
            (line - y).abs() <= TOLERANCE.min(RELATIVE_TOLERANCE * y).max(0.5 / weights)
        })
    };
    let mut reach = 1;
    while start + 2 * reach < count && fits(start + 2 * reach) {
        reach *= 2;
    }
    let (mut good, mut bad) = (start + reach, (start + 2 * reach).min(count));
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(middle) { good = middle } else { bad = middle }
    }
    good
}
