//! Sums over batches: in f32 on the device within a batch, in f64 on the host from batch to batch.

use crate::threads;

/// Values that are one task.
const VALUES_PER_TASK: usize = 1 << 16;

/// Adds a batch's values to the sums so far. Sums that are empty, as before the first batch, become
/// as many zeros first.
pub(crate) fn add_values(sums: &mut Vec<f64>, values: &[f32]) {
    sums.resize(values.len(), 0.0);
    threads::for_each_chunk(sums, VALUES_PER_TASK, |task, sums| {
        let values = &values[task * VALUES_PER_TASK..][..sums.len()];
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += f64::from(*value);
        }
    });
}
