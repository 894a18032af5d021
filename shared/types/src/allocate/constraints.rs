//! What a person forces: counts of forced layers, and whether the budget can pay for them.

use super::densities::rule_counts;
use super::error::AllocateError;
use super::layer::Layer;
use super::request::AllocationRequest;
use crate::budget::{Budget, Density};
use crate::rule::{Constraint, ForcedDensity, Target};

/// Weights that each forced layer keeps; `None` for free ones.
pub fn forced_counts(
    layers: &[Layer],
    budget: Budget,
    request: &AllocationRequest,
) -> Result<Vec<Option<usize>>, AllocateError> {
    let mut forced: Vec<Option<(usize, &Constraint)>> = vec![None; layers.len()];
    for constraint in &request.constraints {
        let matching = matching(layers, constraint)?;
        let counts = counts(layers, budget, request, constraint)?;
        for index in matching {
            if let Some((_, first)) = forced[index] {
                return Err(AllocateError::ForcedTwice {
                    name: layers[index].shape.name.into(),
                    first: first.to_string(),
                    second: constraint.to_string(),
                });
            }
            forced[index] = Some((counts[index], constraint));
        }
    }
    Ok(forced.into_iter().map(|forced| forced.map(|(kept, _)| kept)).collect())
}

fn matching(layers: &[Layer], constraint: &Constraint) -> Result<Vec<usize>, AllocateError> {
    let matches = |layer: &Layer| match &constraint.target {
        Target::Role(role) => layer.shape.role == *role,
        Target::Layer(name) => layer.shape.name == name,
    };
    let found: Vec<usize> = (0..layers.len()).filter(|&index| matches(&layers[index])).collect();
    match (&constraint.target, found.is_empty()) {
        (_, false) => Ok(found),
        (Target::Role(role), true) => Err(AllocateError::EmptyRole { role: *role }),
        (Target::Layer(name), true) => Err(AllocateError::UnknownLayer {
            name: name.clone(),
            layers: layers.iter().map(|layer| layer.shape.name.into()).collect(),
        }),
    }
}

/// Weights that the constraint's density would leave each layer, whether it speaks of it or not.
fn counts(
    layers: &[Layer],
    budget: Budget,
    request: &AllocationRequest,
    constraint: &Constraint,
) -> Result<Vec<usize>, AllocateError> {
    let at = |density: Density| {
        Ok(layers.iter().map(|layer| density.kept_of(layer.shape.weights)).collect())
    };
    match constraint.density {
        ForcedDensity::Dense => at(Density::DENSE),
        ForcedDensity::Global => at(budget.density()),
        ForcedDensity::Value(density) => at(density),
        ForcedDensity::Rule(rule) => {
            let request = AllocationRequest { rule, constraints: Vec::new(), ..request.clone() };
            rule_counts(layers, budget.kept(), &request)
        }
    }
}

/// What the budget leaves for the free layers.
pub fn left_for_free(
    free: &[Layer],
    budget: Budget,
    forced: &[Option<usize>],
) -> Result<usize, AllocateError> {
    let forced_sum: usize = forced.iter().flatten().sum();
    let least = free.len();
    let most: usize = free.iter().map(|layer| layer.shape.weights).sum();
    let left = budget.kept() as i64 - forced_sum as i64;
    if left < least as i64 || left > most as i64 {
        let sparsity = |kept: usize| 1.0 - kept as f64 / budget.weights() as f64;
        return Err(AllocateError::ForcedBudget {
            forced: forced_sum,
            left,
            least,
            most,
            low: sparsity(forced_sum + most),
            high: sparsity(forced_sum + least),
        });
    }
    Ok(left as usize)
}
