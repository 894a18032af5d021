//! Which of the jobs that wait a worker can compute.

use std::collections::BTreeMap;

use rrlab_types::PROGRAM;

use crate::storage::DataFolder;
use crate::store::OpenJob;

/// Hash of each data set that a job named; none of those that are not there.
pub type DatasetHashes = BTreeMap<String, Option<String>>;

/// Those of the jobs that this program can compute with the data sets of this folder, in their order,
/// and the hashes of the data sets that they name. May read whole data sets, the first time.
pub fn fitting(data: &DataFolder, waiting: Vec<OpenJob>) -> (Vec<OpenJob>, DatasetHashes) {
    let mut hashes = DatasetHashes::new();
    for (name, _) in waiting.iter().filter_map(|job| job.needs.dataset.as_ref()) {
        hashes.entry(name.clone()).or_insert_with(|| {
            // One that is missing, or can't be read, is none that jobs could be computed with.
            let hash = data.dataset_hash(name);
            hash.inspect_err(|error| tracing::debug!("data set {name}: {error:#}")).ok().flatten()
        });
    }
    let has = |name: &str, hash: &str| hashes[name].as_deref() == Some(hash);
    let fits = |job: &OpenJob| job.needs.lacking(PROGRAM, has).is_none();
    (waiting.into_iter().filter(fits).collect(), hashes)
}
