//! Which of the workers that are alive can compute which jobs.

use std::collections::BTreeMap;

use super::needs::{JobNeeds, Lack};
use super::workers::LiveWorker;

/// What a worker needs to compute a job: of many jobs it is the same.
type Requirement<'a> = (&'a Option<(String, String)>, &'a Option<String>);

/// For each requirement of jobs the workers that meet it, by their places in a list, or what is waited
/// for where none does.
pub struct AbleWorkers<'a>(BTreeMap<Requirement<'a>, Result<Vec<usize>, String>>);

impl<'a> AbleWorkers<'a> {
    /// Of the workers that are alive, those for each of these jobs.
    pub fn of(workers: &[LiveWorker], jobs: impl Iterator<Item = &'a JobNeeds>) -> Self {
        let mut able = BTreeMap::new();
        for needs in jobs {
            let meet = || workers_for(workers, needs);
            able.entry(requirement(needs)).or_insert_with(meet);
        }
        Self(able)
    }

    /// Places in the list of the workers that can compute a job.
    pub fn indices<'s>(&'s self, needs: &'s JobNeeds) -> &'s [usize] {
        self.0[&requirement(needs)].as_deref().unwrap_or_default()
    }

    /// What a job waits for, where none can.
    pub fn waits_for(&self, needs: &JobNeeds) -> Option<String> {
        self.0[&requirement(needs)].clone().err()
    }
}

fn requirement(needs: &JobNeeds) -> Requirement<'_> {
    (&needs.dataset, &needs.program)
}

fn workers_for(workers: &[LiveWorker], needs: &JobNeeds) -> Result<Vec<usize>, String> {
    let (mut able, mut lack) = (Vec::new(), None);
    for (index, worker) in workers.iter().enumerate() {
        match worker.lacking(needs) {
            None => able.push(index),
            // One that lacks but the data set is nearer to it.
            Some(Lack::Program(_)) if lack.is_some() => {}
            Some(lacking) => lack = Some(lacking),
        }
    }
    if able.is_empty() {
        return Err(lack.map_or("a worker: none is running".into(), |lack| lack.to_string()));
    }
    Ok(able)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Abilities;

    fn worker(program: Option<&str>, dataset: Option<(&str, Option<&str>)>) -> LiveWorker {
        let datasets = dataset.map(|(name, hash)| (name.to_owned(), hash.map(str::to_owned)));
        let datasets = datasets.into_iter().collect();
        let abilities = Abilities { program: program.map(Into::into), datasets };
        LiveWorker::new("worker", "cpu", None, abilities)
    }

    #[test]
    fn what_is_nearest_is_waited_for() {
        let dataset = Some(("cifar10".to_owned(), "a".to_owned()));
        let needs = JobNeeds { dataset, program: Some("rrlab 0.2.0".into()) };
        let lacks = |workers: &[LiveWorker]| {
            AbleWorkers::of(workers, std::iter::once(&needs)).waits_for(&needs)
        };
        assert_eq!(lacks(&[]).unwrap(), "a worker: none is running");
        let old = worker(Some("rrlab 0.1.0"), Some(("cifar10", Some("a"))));
        let other = worker(Some("rrlab 0.2.0"), Some(("cifar10", Some("b"))));
        let without = worker(Some("rrlab 0.3.0"), Some(("cifar10", None)));
        assert!(lacks(std::slice::from_ref(&old)).unwrap().contains("rrlab 0.2.0"));
        // One that has the version and lacks but the data set is nearer, in whichever order.
        for workers in [[old.clone(), other.clone()], [other.clone(), old.clone()]] {
            assert!(lacks(&workers).unwrap().contains("cifar10"), "{workers:?}");
        }
        assert!(lacks(&[without]).unwrap().contains("cifar10"));
        // One that was not asked for the data set may have it; one that does not say its version too.
        for able in [worker(Some("rrlab 0.2.0"), None), worker(None, None)] {
            let all = [old.clone(), able];
            assert_eq!(AbleWorkers::of(&all, std::iter::once(&needs)).indices(&needs), [1]);
        }
    }
}
