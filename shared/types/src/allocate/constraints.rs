//! What a person forces: counts of forced layers, and whether the budget can pay for them.

use super::{AllocateError, AllocationRequest, Layer, densities, rounding};
use crate::budget::{Budget, Density};
use crate::rule::{Constraint, ForcedDensity, Rule, Target};

/// Weights that each forced layer keeps; `None` for free ones.
pub fn forced_counts(
    layers: &[Layer],
    budget: Budget,
    request: &AllocationRequest,
) -> Result<Vec<Option<usize>>, AllocateError> {
    let mut forced: Vec<Option<(usize, &Constraint)>> = vec![None; layers.len()];
    for constraint in &request.constraints {
        for index in matching(layers, constraint)? {
            if let Some((_, first)) = forced[index] {
                return Err(AllocateError::ForcedTwice {
                    name: layers[index].shape.name.into(),
                    first: first.to_string(),
                    second: constraint.to_string(),
                });
            }
            forced[index] = Some((count(layers, index, budget, request, constraint)?, constraint));
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

fn count(
    layers: &[Layer],
    index: usize,
    budget: Budget,
    request: &AllocationRequest,
    constraint: &Constraint,
) -> Result<usize, AllocateError> {
    let weights = layers[index].shape.weights;
    let of = |density: f64| ((density * weights as f64).round() as usize).clamp(1, weights);
    Ok(match constraint.density {
        ForcedDensity::Dense => Density::DENSE.kept_of(weights),
        ForcedDensity::Global => of(budget.density()),
        ForcedDensity::Value(density) => density.kept_of(weights),
        ForcedDensity::Rule(rule) => unconstrained(layers, budget, rule, request)?[index],
    })
}

/// Counts that another rule gives under the same budget with nothing forced.
fn unconstrained(
    layers: &[Layer],
    budget: Budget,
    rule: Rule,
    request: &AllocationRequest,
) -> Result<Vec<usize>, AllocateError> {
    let request = AllocationRequest { rule, constraints: Vec::new(), ..request.clone() };
    let wanted = densities(layers, budget.kept(), &request)?;
    let wanted: Vec<f64> = layers.iter().zip(&wanted).map(|(layer, density)| layer.weights() * density).collect();
    let weights: Vec<usize> = layers.iter().map(|layer| layer.shape.weights).collect();
    Ok(rounding::to_counts(&wanted, &weights, budget.kept()))
}

/// What the budget leaves for the free layers.
pub fn left_for_free(free: &[Layer], budget: Budget, forced: &[Option<usize>]) -> Result<usize, AllocateError> {
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
