//! An allocation summed over the layers of a role.

use rrlab_types::{Allocation, Role};

/// What all layers of a role keep together.
#[derive(Clone, Copy, Default)]
pub(super) struct RoleTotal {
    pub kept: usize,
    pub weights: usize,
}

impl RoleTotal {
    /// Over the layers of this role; of no weights where there are none.
    pub fn of(allocation: &Allocation, role: Role) -> Self {
        let mut total = Self::default();
        for layer in allocation.layers.iter().filter(|layer| layer.role == role) {
            total.kept += layer.kept;
            total.weights += layer.weights;
        }
        total
    }

    /// Fraction kept; none where the network has no such layer.
    pub fn density(self) -> Option<f64> {
        (self.weights > 0).then(|| self.kept as f64 / self.weights as f64)
    }
}
