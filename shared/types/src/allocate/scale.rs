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
        self.shared_anew(|free, left| self.share_by(factors, free, left))
    }

    /// The same budget shared out so that Σ coefficient·(ln density)² is least, `coefficients` in
    /// the order of layers, each 0 or more: the error that SPDY takes for granted before it has
    /// measured any, quadratic in how often a tenth of a layer was removed (Frantar and Alistarh
    /// 2022, section 3.2). Its dynamic programme finds the cheapest way over a grid of densities;
    /// since the cost is convex in the density, buying the cheapest next step does so too. Forced
    /// layers and the floor as in [`scaled`](Self::scaled).
    #[must_use]
    pub fn by_quadratic_prior(&self, coefficients: &[f64]) -> Self {
        self.shared_anew(|free, left| {
            let (mut weights, mut sizes, mut curves) = (Vec::new(), Vec::new(), Vec::new());
            for &index in free {
                let count = self.layers[index].weights;
                weights.push(count);
                sizes.push(count as f64);
                curves.push(quadratic_prior(count as f64, coefficients[index]));
            }
            let densities = solve::least_cost(&sizes, &curves, left as f64);
            let wanted: Vec<f64> = sizes.iter().zip(&densities).map(|(n, d)| n * d).collect();
            rounding::to_counts(&wanted, &weights, left)
        })
    }

    /// The same budget as `share` gives it to layers that are not forced, by their indices, with
    /// what is left for them.
    fn shared_anew(&self, share: impl Fn(&[usize], usize) -> Vec<usize>) -> Self {
        let Self { layers, settings, .. } = self;
        let mut forced = Vec::new();
        let mut floors = Vec::new();
        for layer in layers {
            forced.push((layer.state == LayerState::Forced).then_some(layer.kept));
            floors.push(least_of_floor(settings.floor, layer.weights));
        }
        let Ok(counts) = above_floors(forced, &floors, |free, fixed| {
            let left = self.budget - fixed.iter().flatten().sum::<usize>();
            Ok::<_, Infallible>(share(free, left))
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

    /// Counts of these layers, `left` weights in all.
    fn share_by(&self, factors: &[f64], free: &[usize], left: usize) -> Vec<usize> {
        let (mut weights, mut sizes, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for &index in free {
            let layer = &self.layers[index];
            weights.push(layer.weights);
            sizes.push(layer.weights as f64);
            scores.push(layer.density * factors[index]);
        }
        let densities = solve::proportional(&sizes, &scores, left as f64);
        let wanted: Vec<f64> = sizes.iter().zip(&densities).map(|(n, d)| n * d).collect();
        rounding::to_counts(&wanted, &weights, left)
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
