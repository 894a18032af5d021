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
    /// The sketches of a network's layers from the scores of their weights, in any order: those that
    /// fall already need no sorting. Scores are finite and not negative.
    pub fn of_network(layers: Vec<Vec<f64>>) -> Vec<Self> {
        let layers: Vec<Falling> = layers.into_iter().map(Falling::new).collect();
        let thresholds = thresholds(&layers);
        layers.iter().map(|scores| Self::of_layer(scores, &thresholds)).collect()
    }

    /// The sketch of a layer's scores with a vertex at each of these thresholds, and more where it
    /// takes them.
    fn of_layer(scores: &Falling, thresholds: &[f64]) -> Self {
        let mut vertices: Vec<(f64, usize)> = Vec::new();
        for &threshold in thresholds {
            let vertex = (threshold, scores.passing(threshold));
            if let Some(&before) = vertices.last() {
                refine(scores, before, vertex, &mut vertices);
            }
            vertices.push(vertex);
        }
        let (log_scores, counts) = vertices.into_iter().unzip();
        Self { log_scores, passing: Passing::Counts { weights: scores.len(), counts } }
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

/// A layer's scores, the largest first. Logarithms are taken of those that are looked at: a layer has
/// millions.
struct Falling(Vec<f64>);

impl Falling {
    fn new(mut scores: Vec<f64>) -> Self {
        let falls = |above: &f64, below: &f64| above >= below;
        if !scores.is_sorted_by(falls) {
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
        }
        Self(scores)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// Logarithm of the score of this rank.
    fn log(&self, rank: usize) -> f64 {
        log_of(self.0[rank])
    }

    /// How many scores have at least this logarithm.
    fn passing(&self, threshold: f64) -> usize {
        self.0.partition_point(|&score| log_of(score) >= threshold)
    }
}

fn log_of(score: f64) -> f64 {
    score.max(SMALLEST).ln()
}

/// The score of this rank among those of all layers, without putting them in one order: found by its
/// bits, which are in the order of the numbers as long as these are not negative.
fn of_rank(layers: &[Falling], rank: usize) -> f64 {
    let at_least = |bits: u64| {
        let score = f64::from_bits(bits);
        let passing = |layer: &Falling| layer.0.partition_point(|&other| other >= score);
        layers.iter().map(passing).sum::<usize>()
    };
    // The largest number that more scores reach than come before the rank: a score itself.
    let (mut reached, mut missed) = (0, f64::INFINITY.to_bits());
    while missed - reached > 1 {
        let middle = reached + (missed - reached) / 2;
        if at_least(middle) > rank { reached = middle } else { missed = middle }
    }
    f64::from_bits(reached)
}

/// Thresholds, descending, from above all scores to below all, between them those of [`anchors`].
fn thresholds(layers: &[Falling]) -> Vec<f64> {
    let weights: usize = layers.iter().map(Falling::len).sum();
    if weights == 0 {
        return Vec::new();
    }
    let log = |rank: usize| log_of(of_rank(layers, rank));
    let kept = |sparsity: f64| ((1.0 - sparsity) * weights as f64).round() as usize;
    let mut thresholds = vec![rounded(log(0) + 1e-6)];
    for kept in anchors().into_iter().rev().map(kept) {
        if kept == 0 || kept >= weights {
            continue;
        }
        let between = rounded(0.5 * (log(kept - 1) + log(kept)));
        // Of equal scores none can be kept apart by a threshold.
        if thresholds.last().is_some_and(|above| between < *above) {
            thresholds.push(between);
        }
    }
    thresholds.push(rounded(log(weights - 1) - 1e-6));
    thresholds
}

/// Cut to ten significant digits: what a profile writes of a threshold, and fine enough to lie
/// between two scores.
fn rounded(log: f64) -> f64 {
    format!("{log:.9e}").parse().unwrap_or(log)
}

/// Adds vertices between two until straight lines are close to the scores.
fn refine(
    scores: &Falling,
    high: (f64, usize),
    low: (f64, usize),
    vertices: &mut Vec<(f64, usize)>,
) {
    if low.1 - high.1 <= 1 || is_straight(scores, high, low) {
        return;
    }
    let middle = high.1 + (low.1 - high.1) / 2;
    let vertex = (rounded(0.5 * (scores.log(middle - 1) + scores.log(middle))), middle);
    // Equal scores on both sides: the step lies where the scores are.
    if vertex.0 >= high.0 || vertex.0 <= low.0 {
        return;
    }
    refine(scores, high, vertex, vertices);
    vertices.push(vertex);
    refine(scores, vertex, low, vertices);
}

fn is_straight(scores: &Falling, high: (f64, usize), low: (f64, usize)) -> bool {
    let (weights, inside) = (scores.len() as f64, low.1 - high.1);
    let checks = CHECKS.min(inside);
    (0..checks).all(|check| {
        let index = high.1 + inside * check / checks;
        // A weight's step is met in its middle.
        let exact = index as f64 + 0.5;
        let line = high.1 as f64 + (high.0 - scores.log(index)) / (high.0 - low.0) * inside as f64;
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
    let order = magnitude_order(weights);
    for (index, score) in order.iter().zip(falling_lamp_scores(weights, &order)) {
        scores[*index] = score;
    }
    scores
}

/// The same in the order of magnitude, in which they fall.
///
/// # Shapes
/// - `order`, output: `[weights]`; the order is that of [`magnitude_order`]
pub fn falling_lamp_scores(weights: &[f32], order: &[usize]) -> Vec<f64> {
    let mut sum = 0.0;
    let score = |&index: &usize| {
        let square = f64::from(weights[index]).powi(2);
        sum += square;
        if sum > 0.0 { square / sum } else { 0.0 }
    };
    order.iter().map(score).collect()
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
