//! Distributions of scores in few numbers: enough to tell how many weights of each layer pass any
//! threshold.

use serde::{Deserialize, Serialize};

/// Least score that counts as a number: below it a weight is as good as zero.
const SMALLEST: f64 = 1e-30;
/// Largest error of a fraction that a sketch gives, and its largest relative error.
const TOLERANCE: f64 = 5e-4;
const RELATIVE_TOLERANCE: f64 = 0.03;
/// Places between two vertices at which a straight line is compared with the scores.
const CHECKS: usize = 32;

/// How many weights of a layer have a score of at least exp(`log_score`), piecewise linear between
/// vertices.
///
/// Exact at the thresholds that leave the whole network at the sparsities that people ask for
/// (`anchors` below); elsewhere within 0.05 percentage points of the layer, or one weight where
/// that is more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreSketch {
    /// Logarithms of scores, descending.
    log_scores: Vec<f64>,
    #[serde(flatten)]
    passing: Passing,
}

/// What passes at each vertex, ascending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Passing {
    /// Weights, of so many.
    Counts { weights: usize, counts: Vec<usize> },
    /// Fractions of the weights, as profiles of version 1 have them.
    Fractions { fractions: Vec<f64> },
}

/// Sparsities of the whole network at whose thresholds sketches are exact: every 0.005 up to 0.9,
/// every 0.001 up to 0.999.
fn anchors() -> Vec<f64> {
    let fine = (1..100).map(|step| 0.9 + f64::from(step) * 0.001);
    (1..=180).map(|step| f64::from(step) * 0.005).chain(fine).collect()
}

impl ScoreSketch {
    /// The sketches of a network's layers from the scores of their weights, in any order. Scores
    /// are finite and not negative.
    pub fn of_network(layers: Vec<Vec<f64>>) -> Vec<Self> {
        let mut layers = layers;
        for scores in &mut layers {
            scores.iter_mut().for_each(|score| *score = score.max(SMALLEST).ln());
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
        }
        let mut all: Vec<f64> = layers.concat();
        // The stable sort merges what is sorted already.
        all.sort_by(|a, b| b.total_cmp(a));
        let thresholds = thresholds(&all);
        layers.iter().map(|logs| Self::of_layer(logs, &thresholds)).collect()
    }

    /// The sketch of a layer's sorted logarithms with a vertex at each of these thresholds, and
    /// more where it takes them.
    fn of_layer(logs: &[f64], thresholds: &[f64]) -> Self {
        let passing = |threshold: f64| logs.partition_point(|&log| log >= threshold);
        let mut vertices: Vec<(f64, usize)> = Vec::new();
        for &threshold in thresholds {
            let vertex = (threshold, passing(threshold));
            if let Some(&before) = vertices.last() {
                refine(logs, before, vertex, &mut vertices);
            }
            vertices.push(vertex);
        }
        let (log_scores, counts) = vertices.into_iter().unzip();
        Self { log_scores, passing: Passing::Counts { weights: logs.len(), counts } }
    }

    fn fraction(&self, vertex: usize) -> f64 {
        match &self.passing {
            Passing::Counts { weights, counts } => counts[vertex] as f64 / *weights as f64,
            Passing::Fractions { fractions } => fractions[vertex],
        }
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
                self.fraction(n - 1) + share * (self.fraction(n) - self.fraction(n - 1))
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
        let vertices = self.log_scores.len();
        let is_ordered = match &self.passing {
            Passing::Counts { weights, counts } => {
                counts.len() == vertices
                    && counts.is_sorted()
                    && counts.iter().all(|count| count <= weights)
            }
            Passing::Fractions { fractions } => {
                let possible = fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction));
                fractions.len() == vertices && fractions.is_sorted() && possible
            }
        };
        vertices > 0
            && is_ordered
            && self.log_scores.iter().all(|score| score.is_finite())
            && self.log_scores.is_sorted_by(|a, b| a >= b)
    }
}

/// Thresholds, descending, from above all scores to below all, between them those of [`anchors`].
/// `logs` are sorted.
fn thresholds(logs: &[f64]) -> Vec<f64> {
    let (Some(first), Some(last)) = (logs.first(), logs.last()) else { return Vec::new() };
    let kept = |sparsity: f64| ((1.0 - sparsity) * logs.len() as f64).round() as usize;
    let mut thresholds = vec![rounded(first + 1e-6)];
    for kept in anchors().into_iter().rev().map(kept) {
        if kept == 0 || kept >= logs.len() {
            continue;
        }
        let between = rounded(0.5 * (logs[kept - 1] + logs[kept]));
        // Of equal scores none can be kept apart by a threshold.
        if thresholds.last().is_some_and(|above| between < *above) {
            thresholds.push(between);
        }
    }
    thresholds.push(rounded(last - 1e-6));
    thresholds
}

/// Cut to ten significant digits: what a profile writes of a threshold, and fine enough to lie
/// between two scores.
fn rounded(log: f64) -> f64 {
    format!("{log:.9e}").parse().unwrap_or(log)
}

/// Adds vertices between two until straight lines are close to the scores.
fn refine(logs: &[f64], high: (f64, usize), low: (f64, usize), vertices: &mut Vec<(f64, usize)>) {
    if low.1 - high.1 <= 1 || is_straight(logs, high, low) {
        return;
    }
    let middle = high.1 + (low.1 - high.1) / 2;
    let vertex = (rounded(0.5 * (logs[middle - 1] + logs[middle])), middle);
    // Equal scores on both sides: the step lies where the scores are.
    if vertex.0 >= high.0 || vertex.0 <= low.0 {
        return;
    }
    refine(logs, high, vertex, vertices);
    vertices.push(vertex);
    refine(logs, vertex, low, vertices);
}

fn is_straight(logs: &[f64], high: (f64, usize), low: (f64, usize)) -> bool {
    let (weights, inside) = (logs.len() as f64, low.1 - high.1);
    let checks = CHECKS.min(inside);
    (0..checks).all(|check| {
        let index = high.1 + inside * check / checks;
        // A weight's step is met in its middle.
        let exact = index as f64 + 0.5;
        let line = high.1 as f64 + (high.0 - logs[index]) / (high.0 - low.0) * inside as f64;
        let allowed = weights * TOLERANCE.min(RELATIVE_TOLERANCE * exact / weights);
        (line - exact).abs() <= allowed.max(1.0)
    })
}

/// LAMP score of each weight (Lee et al. 2021): w² over the sum of u² of all weights of the layer
/// at least as large.
///
/// ```
/// // Squares 1, 4 and 4: the largest is alone with itself, the next shares with it, and so on.
/// assert_eq!(rrlab_types::lamp_scores(&[1.0, -2.0, 2.0]), [1.0 / 9.0, 1.0, 0.5]);
/// ```
///
/// Weights of equal size count in index order. The sum starts at the largest and is kept in f64: in
/// f32 scores of large layers are off by percents.
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
    // Sizes in the order of their bits, as those of numbers that are not negative are, from above,
    // and the index beside each: one number to compare, and nothing is looked up for it.
    let key = |(index, weight): (usize, &f32)| {
        let index = u32::try_from(index).expect("a layer has fewer than 2³² weights");
        u64::from(!weight.abs().to_bits()) << 32 | u64::from(index)
    };
    let mut keys: Vec<u64> = weights.iter().enumerate().map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| key as u32 as usize).collect()
}

/// A number cut to six significant digits: what a profile writes of it.
pub fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
