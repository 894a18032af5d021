//! Sums over batches: in f32 on the device within a batch, in f64 on the host from batch to batch.

/// Adds a batch's values to the sums so far. Sums that are empty, as before the first batch, become
/// as many zeros first.
pub(crate) fn add_values(sums: &mut Vec<f64>, values: &[f32]) {
    sums.resize(values.len(), 0.0);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += f64::from(*value);
    }
}
