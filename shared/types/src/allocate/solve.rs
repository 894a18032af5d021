//! The solvers: each finds real-valued densities that keep exactly the given number of weights.

use crate::bisect::bisect;
use crate::sketch::ScoreSketch;

/// Densities min(1, τ·score) with τ such that Σ weights·density = `kept`: layers that would exceed
/// 1 become dense and τ is solved again for the others (Evci et al. 2020).
pub fn proportional(weights: &[f64], scores: &[f64], kept: f64) -> Vec<f64> {
    let mut dense = vec![false; weights.len()];
    loop {
        let paid: f64 = weights
            .iter()
            .zip(&dense)
            .filter(|(_, dense)| **dense)
            .map(|(weights, _)| weights)
            .sum();
        let open = || {
            weights
                .iter()
                .zip(scores)
                .zip(&dense)
                .filter(|(_, dense)| !**dense)
                .map(|(pair, _)| pair)
        };
        let claims: f64 = open().map(|(weights, score)| weights * score).sum();
        let factor = if claims > 0.0 { (kept - paid).max(0.0) / claims } else { 0.0 };
        let over: Vec<usize> = (0..weights.len())
            .filter(|&index| !dense[index] && factor * scores[index] > 1.0)
            .collect();
        if over.is_empty() {
            return (0..weights.len())
                .map(|i| if dense[i] { 1.0 } else { factor * scores[i] })
                .collect();
        }
        over.into_iter().for_each(|index| dense[index] = true);
    }
}

/// Densities of the weights that pass one threshold, the same for all layers, such that `kept` pass
/// it.
pub fn threshold(weights: &[f64], sketches: &[&ScoreSketch], kept: f64) -> Vec<f64> {
    let high =
        sketches.iter().map(|sketch| sketch.range().0).fold(f64::NEG_INFINITY, f64::max) + 1e-6;
    let low = sketches.iter().map(|sketch| sketch.range().1).fold(f64::INFINITY, f64::min) - 1e-6;
    let fractions =
        |negated: f64| sketches.iter().map(move |sketch| sketch.fraction_above(-negated));
    let passing = |negated: f64| -> f64 {
        weights.iter().zip(fractions(negated)).map(|(w, fraction)| w * fraction).sum()
    };
    let (stricter, laxer) = bisect(-high, -low, kept, passing);
    // Where many weights share one score the sum jumps past the budget: then all of them are taken
    // in part.
    let (few, many) = (passing(stricter), passing(laxer));
    let share = if many > few { (kept - few) / (many - few) } else { 0.0 };
    fractions(stricter)
        .zip(fractions(laxer))
        .map(|(few, many)| few + share * (many - few))
        .collect()
}

/// The lower convex hull of a layer's cost over weights kept, from fewest to all.
#[derive(Debug, Clone, PartialEq)]
pub struct CostCurve {
    points: Vec<(f64, f64)>,
}

impl CostCurve {
    /// The hull of these points (weights kept, cost), in any order.
    pub fn new(mut points: Vec<(f64, f64)>) -> Self {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        let mut hull: Vec<(f64, f64)> = Vec::with_capacity(points.len());
        for point in points {
            while hull.len() >= 2 && !turns_up(hull[hull.len() - 2], hull[hull.len() - 1], point) {
                hull.pop();
            }
            hull.push(point);
        }
        Self { points: hull }
    }

    /// A layer that costs nothing however much it is pruned.
    pub fn free(weights: f64) -> Self {
        Self { points: vec![(1.0, 0.0), (weights, 0.0)] }
    }
}

fn turns_up(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> bool {
    (b.1 - a.1) * (c.0 - b.0) < (c.1 - b.1) * (b.0 - a.0)
}

/// Densities of least total cost.
///
/// Lagrange: all layers stand where one more weight saves the same. Since the hulls are convex,
/// that point is reached by buying segments, those first that save most for each weight, until the
/// budget is spent: what bisection on the multiplier tends to, without its tolerance.
pub fn least_cost(weights: &[f64], curves: &[CostCurve], kept: f64) -> Vec<f64> {
    let mut counts: Vec<f64> = curves.iter().map(|curve| curve.points[0].0).collect();
    let mut segments: Vec<(f64, usize, f64)> = Vec::new();
    for (layer, curve) in curves.iter().enumerate() {
        segments.extend(curve.points.windows(2).map(|pair| {
            let length = pair[1].0 - pair[0].0;
            ((pair[0].1 - pair[1].1) / length, layer, length)
        }));
    }
    // Stable, so that the segments of one layer stay in order where slopes tie.
    segments.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left = kept - counts.iter().sum::<f64>();
    for (_, layer, length) in segments {
        let bought = length.min(left);
        if bought <= 0.0 {
            break;
        }
        counts[layer] += bought;
        left -= bought;
    }
    counts.iter().zip(weights).map(|(count, weights)| count / weights).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Costs of keeping 1, 2, … weights of a layer, none above the one before.
    fn costs() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.0..10.0f64, 1..8).prop_map(|mut costs| {
            costs.sort_by(|a, b| b.total_cmp(a));
            costs
        })
    }

    fn hull(costs: &[f64]) -> CostCurve {
        let point = |(index, &cost): (usize, &f64)| (index as f64 + 1.0, cost);
        CostCurve::new(costs.iter().enumerate().map(point).collect())
    }

    /// Cost of so many weights on the hull.
    fn at(curve: &CostCurve, count: f64) -> f64 {
        let mut segments = curve.points.windows(2);
        let Some(pair) = segments.find(|pair| count <= pair[1].0) else { return curve.points[0].1 };
        let share = (count - pair[0].0) / (pair[1].0 - pair[0].0);
        pair[0].1 + share * (pair[1].1 - pair[0].1)
    }

    /// Least cost of all ways to share out `left` weights.
    fn searched(curves: &[CostCurve], weights: &[f64], left: usize) -> f64 {
        let ([curve, curves @ ..], [most, weights @ ..]) = (curves, weights) else {
            return if left == 0 { 0.0 } else { f64::INFINITY };
        };
        let cost = |count: usize| at(curve, count as f64) + searched(curves, weights, left - count);
        (1..=left.min(*most as usize)).map(cost).fold(f64::INFINITY, f64::min)
    }

    proptest! {
        /// Corners of the hulls and the budget are whole numbers, and so is the cheapest way.
        #[test]
        fn no_way_to_spend_the_budget_is_cheaper(
            layers in prop::collection::vec(costs(), 1..5), share in 0.0..1.0f64,
        ) {
            let curves: Vec<_> = layers.iter().map(|costs| hull(costs)).collect();
            let weights: Vec<f64> = layers.iter().map(|costs| costs.len() as f64).collect();
            let (least, most) = (layers.len(), weights.iter().sum::<f64>());
            let left = (least as f64 + share * (most - least as f64)).round();
            let densities = least_cost(&weights, &curves, left);
            let counts: Vec<f64> = densities.iter().zip(&weights).map(|(d, w)| d * w).collect();
            prop_assert!((counts.iter().sum::<f64>() - left).abs() < 1e-9);
            let ours: f64 = curves.iter().zip(&counts).map(|(curve, count)| at(curve, *count)).sum();
            let theirs = searched(&curves, &weights, left as usize);
            prop_assert!((ours - theirs).abs() < 1e-9, "{ours} against {theirs}");
        }
    }
}
