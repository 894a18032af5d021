//! Sweeps that the page offers: of a sweep's default rules at more sparsities, and of one rule up the
//! ladder of repairs.

use rrlab_types::{Criterion, DistillationPlan, Repair, RepairOperator, Sparsity, SweepPlan};

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

/// The plan's rules over sparsities up the ladder of repairs: without, with its operator, with layers
/// solved anew, pruned in steps, and distilled behind that for so many epochs, if any.
pub fn ladder_of_repairs(plan: &SweepPlan, distil_epochs: usize) -> Vec<SweepPlan> {
    let reconstruction = Repair::Operator(RepairOperator::Reconstruction);
    let operator = Repair::Operator(plan.settings.repair);
    let mut repairs = vec![Repair::None];
    if operator != reconstruction {
        repairs.push(operator);
    }
    repairs.push(reconstruction);
    let by_magnitude = SweepPlan {
        sparsities: sweep_sparsities(),
        repairs,
        criterion: Criterion::Magnitude,
        ..plan.clone()
    };
    let in_steps = SweepPlan {
        repairs: vec![reconstruction],
        criterion: Criterion::Obs,
        ..by_magnitude.clone()
    };
    let distillation = DistillationPlan::of_epochs(distil_epochs);
    let distilled = distillation.is_some().then(|| SweepPlan { distillation, ..in_steps.clone() });
    [by_magnitude, in_steps].into_iter().chain(distilled).collect()
}
