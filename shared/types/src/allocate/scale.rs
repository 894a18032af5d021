//! An allocation changed layer by layer at the same budget.

use std::convert::Infallible;

use super::solve::CostCurve;
use super::{above_floors, least_of_floor, rounding, solve, state_of_free};
use crate::allocation::{Allocation, LayerState};

impl Allocation {
    /// The same budget shared out in proportion to kept weights times a factor for each layer,
    /// `factors` in the order of layers. Forced layers stay as they are and none falls below the
    /// floor; a layer of which more than all is wanted becomes dense, and the others share the
    /// rest.
    ///
    /// ```
    /// use rrlab_types::{AllocationRequest, Evidence, LayerGraph, Rule, Sparsity, allocate};
    ///
    /// # let text = include_str!("../../../../frontend/gallery/resnet20-cifar10.profile.json");
    /// # let profile = rrlab_types::ModelProfile::from_json(text)?;
    /// let request = AllocationRequest::new(Rule::Erk, Sparsity::new(0.9)?);
    /// let erk = allocate(Evidence::Graph(&profile.graph), &request)?;
    /// let mut factors = vec![1.0; erk.layers.len()];
    /// factors[0] = 0.5;
    /// let other = erk.scaled(&factors);
    /// assert_eq!(other.kept, erk.kept);
    /// assert!(other.layers[0].kept < erk.layers[0].kept);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn scaled(&self, factors: &[f64]) -> Self {
        self.shared_anew(|free, sizes, left| {
            let score = |&index: &usize| self.layers[index].density * factors[index];
            let scores: Vec<f64> = free.iter().map(score).collect();
            solve::proportional(sizes, &scores, left)
        })
    }

    /// The same budget shared out so that Σ coefficient·(ln density)² is least, `coefficients` in
    /// the order of layers, each 0 or more: the error that SPDY takes for granted before it has
    /// measured any, quadratic in how often a tenth of a layer was removed (Frantar and Alistarh
    /// 2022, section 3.2). Its dynamic programme finds the cheapest way over a grid of densities;
    /// since the cost is convex in the density, buying the cheapest next step does so too. Forced
    /// layers and the floor as in [`scaled`](Self::scaled).
    #[must_use]
    pub fn by_quadratic_prior(&self, coefficients: &[f64]) -> Self {
        self.shared_anew(|free, sizes, left| {
            let layers = free.iter().zip(sizes);
            let curve = |(&index, &size)| quadratic_prior(size, coefficients[index]);
            let curves: Vec<CostCurve> = layers.map(curve).collect();
            solve::least_cost(sizes, &curves, left)
        })
    }

    /// The same budget at the densities that `share` gives layers that are not fixed, by their indices
    /// and sizes, with what is left for them.
    fn shared_anew(&self, share: impl Fn(&[usize], &[f64], f64) -> Vec<f64>) -> Self {
        let Self { layers, settings, .. } = self;
        let mut forced = Vec::new();
        let mut floors = Vec::new();
        for layer in layers {
            forced.push((layer.state == LayerState::Forced).then_some(layer.kept));
            floors.push(least_of_floor(settings.floor, layer.weights));
        }
        let Ok(counts) = above_floors(forced, &floors, |free, fixed| {
            let left = self.budget - fixed.iter().flatten().sum::<usize>();
            let weights: Vec<usize> = free.iter().map(|&index| layers[index].weights).collect();
            let sizes: Vec<f64> = weights.iter().map(|&weights| weights as f64).collect();
            let densities = share(free, &sizes, left as f64);
            let wanted: Vec<f64> = sizes.iter().zip(&densities).map(|(n, d)| n * d).collect();
            Ok::<_, Infallible>(rounding::to_counts(&wanted, &weights, left))
        });
        let mut anew = self.clone();
        for (layer, kept) in anew.layers.iter_mut().zip(counts) {
            layer.kept = kept;
            layer.density = kept as f64 / layer.weights as f64;
            if layer.state != LayerState::Forced {
                layer.state = state_of_free(kept, layer.weights, settings.floor);
            }
        }
        debug_assert!(anew.check().is_ok());
        anew
    }
}

/// What SPDY's grid leaves of a layer in one step.
const STEP: f64 = 0.9;

/// Coefficient·(ln density)² over a grid of densities, each a tenth below the one before, down to one
/// weight; the published grid ends at a density of 0.01, which leaves no budgets beyond.
fn quadratic_prior(weights: f64, coefficient: f64) -> CostCurve {
    let mut densities = vec![1.0 / weights];
    let mut density = 1.0;
    while density * weights > 1.0 {
        densities.push(density);
        density *= STEP;
    }
    let cost = |density: f64| coefficient * density.ln().powi(2);
    CostCurve::new(densities.into_iter().map(|d| (d * weights, cost(d))).collect())
}
