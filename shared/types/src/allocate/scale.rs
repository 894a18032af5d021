//! An allocation changed layer by layer at the same budget.

use super::{Count, least_of_floor, rounding, solve, state_of_free};
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
        let mut scaled = self.clone();
        let floor = self.settings.floor;
        let mut open: Vec<usize> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            if layer.state != LayerState::Forced {
                open.push(index);
            }
        }
        let mut left: usize = open.iter().map(|&index| self.layers[index].kept).sum();
        loop {
            let weights: Vec<usize> =
                open.iter().map(|&index| self.layers[index].weights).collect();
            let sizes: Vec<f64> = weights.iter().map(|&weights| weights as f64).collect();
            let scores: Vec<f64> =
                open.iter().map(|&index| self.layers[index].density * factors[index]).collect();
            let densities = solve::proportional(&sizes, &scores, left as f64);
            let wanted: Vec<f64> = sizes.iter().zip(&densities).map(|(n, d)| n * d).collect();
            let counts = rounding::to_counts(&wanted, &weights, left);
            let mut at_floor = Vec::new();
            for (&index, &kept) in open.iter().zip(&counts) {
                let layer = &mut scaled.layers[index];
                let least = least_of_floor(floor, layer.weights);
                layer.kept = kept.max(least);
                layer.density = layer.kept as f64 / layer.weights as f64;
                let count =
                    Count { kept: layer.kept, at_floor: floor > 0.0 && layer.kept == least };
                layer.state = state_of_free(count, layer.weights);
                if kept < least {
                    at_floor.push(index);
                }
            }
            if at_floor.is_empty() {
                debug_assert!(scaled.check().is_ok());
                return scaled;
            }
            // These are paid their floor, and the others share what is left.
            open.retain(|index| !at_floor.contains(index));
            left -= at_floor.iter().map(|&index| scaled.layers[index].kept).sum::<usize>();
        }
    }
}
