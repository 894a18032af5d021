//! From real numbers of weights to whole ones that sum to the budget.

/// Counts between 1 and `weights` that sum to `total`, as near to `wanted` as whole numbers come:
/// the integer parts, then one more for the largest remainders.
///
/// `total` is at least the number of layers and at most the sum of their weights.
pub fn to_counts(wanted: &[f64], weights: &[usize], total: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = wanted
        .iter()
        .zip(weights)
        .map(|(wanted, &most)| (wanted.max(0.0).floor() as usize).clamp(1, most))
        .collect();
    let remainder = |index: usize, counts: &[usize]| wanted[index] - counts[index] as f64;
    loop {
        let sum: usize = counts.iter().sum();
        if sum == total {
            return counts;
        }
        // Each round gives or takes at most one weight per layer; more than two rounds come only
        // where caps or the least weight of each layer moved the sum far.
        let short = sum < total;
        let open =
            |index: usize| if short { counts[index] < weights[index] } else { counts[index] > 1 };
        let mut order: Vec<usize> = (0..counts.len()).filter(|&index| open(index)).collect();
        order.sort_by(|&a, &b| {
            let by_remainder = remainder(a, &counts).total_cmp(&remainder(b, &counts));
            if short { by_remainder.reverse() } else { by_remainder }
        });
        for index in order.into_iter().take(sum.abs_diff(total)) {
            counts[index] = if short { counts[index] + 1 } else { counts[index] - 1 };
        }
    }
}
