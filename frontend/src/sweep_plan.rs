//! The sweep that the page offers, here and on a server: a sweep's default rules, at more sparsities.

use rrlab_types::Sparsity;

/// Closer together where accuracy falls off.
const SWEEP_SPARSITIES: [f64; 7] = [0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97];

/// Sparsities at which they are compared, in ascending order.
pub fn sweep_sparsities() -> Vec<Sparsity> {
    SWEEP_SPARSITIES.into_iter().filter_map(|sparsity| Sparsity::new(sparsity).ok()).collect()
}
