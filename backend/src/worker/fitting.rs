//! Which jobs a worker can compute, of those that wait or want help.

use std::collections::BTreeMap;

use rrlab_types::PROGRAM;

use crate::storage::DataFolder;
use crate::store::JobNeeds;

/// Hash of each data set that a job named; none of those that are not there.
pub type DatasetHashes = BTreeMap<String, Option<String>>;

/// Those of the jobs that this program can compute with the data sets of this folder, in their order,
/// and the hashes of the data sets that they name. May read whole data sets, the first time.
pub fn fitting<T>(
    data: &DataFolder,
    jobs: Vec<T>,
    needs: impl Fn(&T) -> &JobNeeds,
) -> (Vec<T>, DatasetHashes) {
    let mut hashes = DatasetHashes::new();
    for (name, _) in jobs.iter().filter_map(|job| needs(job).dataset.as_ref()) {
        hashes.entry(name.clone()).or_insert_with(|| {
            // One that is missing, or can't be read, is none that jobs could be computed with.
            let hash = data.dataset_hash(name);
            hash.inspect_err(|error| tracing::debug!("data set {name}: {error:#}")).ok().flatten()
        });
    }
    let has = |name: &str, hash: &str| hashes[name].as_deref() == Some(hash);
    let fits = |job: &T| needs(job).lacking(PROGRAM, has).is_none();
    (jobs.into_iter().filter(fits).collect(), hashes)
}
