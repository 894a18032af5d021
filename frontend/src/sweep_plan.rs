//! The sweep that the page offers, here and on a server: a sweep's default rules, at more sparsities.

use rrlab_types::{Criterion, Repair, RepairOperator, Sparsity};

/// Closer together where accuracy falls off.
const SWEEP_SPARSITIES: [f64; 7] = [0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97];

/// Sparsities at which they are compared, in ascending order.
pub fn sweep_sparsities() -> Vec<Sparsity> {
    SWEEP_SPARSITIES.into_iter().filter_map(|sparsity| Sparsity::new(sparsity).ok()).collect()
}

/// What networks are compared after: nothing, and the operator, so far as the criterion goes with
/// them. Where it goes with neither, the operator, so that what is wrong is said.
pub fn repairs_after(criterion: Criterion, operator: RepairOperator) -> Vec<Repair> {
    let operator = Repair::Operator(operator);
    let fit = |repair: &Repair| criterion.check(*repair).is_ok();
    let repairs: Vec<Repair> = [Repair::None, operator].into_iter().filter(fit).collect();
    if repairs.is_empty() { vec![operator] } else { repairs }
}
