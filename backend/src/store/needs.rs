//! What a job needs of the worker that computes it, and how much of its time.

/// What a worker must have and do, where anything is said of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobNeeds {
    /// A data set by its name, and the hash of its content.
    pub dataset: Option<(String, String)>,
    /// The program that accepted the job, with its version.
    pub program: Option<String>,
    /// Multiply-accumulates that the job is taken to need.
    pub work: Option<f64>,
}

impl JobNeeds {
    /// Whether a worker of this program, whose data set of a name has the content of a hash, can
    /// compute the job.
    pub fn are_met(&self, program: &str, hash_of: impl Fn(&str) -> Option<String>) -> bool {
        let has_data = |(name, hash): &(String, String)| hash_of(name).as_ref() == Some(hash);
        self.dataset.as_ref().is_none_or(has_data)
            && self.program.as_ref().is_none_or(|accepted| understands(program, accepted))
    }
}

/// Whether a program reads what another accepted: one of its own version or an earlier one.
fn understands(program: &str, accepted: &str) -> bool {
    match (version(program), version(accepted)) {
        (Some(own), Some(other)) => other <= own,
        _ => program == accepted,
    }
}

/// The numbers of a version behind a program's name.
fn version(program: &str) -> Option<[u64; 3]> {
    let mut numbers = program.rsplit(' ').next()?.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::JobNeeds;

    fn met(needs: &JobNeeds, program: &str, has: &str) -> bool {
        needs.are_met(program, |name| (name == "cifar10").then(|| has.to_owned()))
    }

    #[test]
    fn a_job_goes_to_workers_of_its_version_or_a_later_one() {
        let accepted =
            |program: &str| JobNeeds { program: Some(program.into()), ..JobNeeds::default() };
        for (worker, job, can) in [
            ("rrlab 0.2.0", "rrlab 0.1.9", true),
            ("rrlab 0.2.0", "rrlab 0.2.0", true),
            ("rrlab 0.2.0", "rrlab 0.10.0", false),
            ("rrlab 1.0.0", "rrlab 0.10.0", true),
            ("rrlab dev", "rrlab dev", true),
            ("rrlab 0.2.0", "rrlab dev", false),
        ] {
            assert_eq!(met(&accepted(job), worker, ""), can, "{worker}, {job}");
        }
        assert!(met(&JobNeeds::default(), "rrlab 0.1.0", ""));
    }

    #[test]
    fn a_data_set_of_the_name_is_not_enough() {
        let needs = |name: &str| JobNeeds {
            dataset: Some((name.into(), "aa".into())),
            ..JobNeeds::default()
        };
        assert!(met(&needs("cifar10"), "rrlab 0.1.0", "aa"));
        assert!(!met(&needs("cifar10"), "rrlab 0.1.0", "bb"));
        assert!(!met(&needs("cifar100"), "rrlab 0.1.0", "aa"));
    }
}
