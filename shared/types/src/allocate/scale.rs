//! An allocation changed layer by layer at the same budget.

use std::convert::Infallible;

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
        let Self { layers, settings, .. } = self;
        let mut forced = Vec::new();
        let mut floors = Vec::new();
        for layer in layers {
            forced.push((layer.state == LayerState::Forced).then_some(layer.kept));
            floors.push(least_of_floor(settings.floor, layer.weights));
        }
        let Ok(counts) = above_floors(forced, &floors, |free, fixed| {
            let left = self.budget - fixed.iter().flatten().sum::<usize>();
            Ok::<_, Infallible>(self.share_by(factors, free, left))
        });
        let mut scaled = self.clone();
        for (layer, kept) in scaled.layers.iter_mut().zip(counts) {
            layer.kept = kept;
            layer.density = kept as f64 / layer.weights as f64;
            if layer.state != LayerState::Forced {
                layer.state = state_of_free(kept, layer.weights, settings.floor);
            }
        }
        debug_assert!(scaled.check().is_ok());
        scaled
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
