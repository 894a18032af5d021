//! Which of the jobs that wait a worker can compute.

use std::collections::BTreeMap;

use rrlab_types::PROGRAM;

use crate::storage::DataFolder;
use crate::store::OpenJob;

/// Those of the jobs that this program can compute with the data sets of this folder, in their order.
/// May read whole data sets, the first time.
pub fn fitting(data: &DataFolder, waiting: Vec<OpenJob>) -> Vec<OpenJob> {
    let mut hashes = BTreeMap::new();
    for (name, _) in waiting.iter().filter_map(|job| job.needs.dataset.as_ref()) {
        hashes.entry(name.clone()).or_insert_with(|| {
            // One that is missing, or can't be read, is none that jobs could be computed with.
            let hash = data.dataset_hash(name);
            hash.inspect_err(|error| tracing::debug!("data set {name}: {error:#}")).ok().flatten()
        });
    }
    let hash_of = |name: &str| hashes.get(name).cloned().flatten();
    waiting.into_iter().filter(|job| job.needs.are_met(PROGRAM, hash_of)).collect()
}
