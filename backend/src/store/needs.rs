//! What a job needs of the worker that computes it.

use std::fmt;

/// What a worker must have and do, where anything is said of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobNeeds {
    /// A data set by its name, and the hash of its content.
    pub dataset: Option<(String, String)>,
    /// The program that accepted the job, with its version.
    pub program: Option<String>,
}

/// The same in columns.
#[derive(sqlx::FromRow)]
pub(super) struct NeedsRow {
    dataset: Option<String>,
    dataset_hash: Option<String>,
    program: Option<String>,
}

impl From<NeedsRow> for JobNeeds {
    fn from(row: NeedsRow) -> Self {
        Self { dataset: row.dataset.zip(row.dataset_hash), program: row.program }
    }
}

/// What a worker lacks for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The program that accepted the job, or a later version.
    Program(String),
    /// The data set of this name, with the content that it had when the job was accepted.
    Dataset(String),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(program) => write!(f, "a worker of {program} or a later version"),
            Self::Dataset(name) => {
                write!(f, "a worker with the data set {name} as it was when this was asked for")
            }
        }
    }
}

impl JobNeeds {
    /// What a worker of this program lacks for the job, if anything, where `has(name, hash)` says
    /// whether its data set of a name has the content of a hash.
    pub fn lacking(&self, program: &str, has: impl Fn(&str, &str) -> bool) -> Option<Lack> {
        if let Some(accepted) = &self.program
            && !understands(program, accepted)
        {
            return Some(Lack::Program(accepted.clone()));
        }
        let (name, hash) = self.dataset.as_ref()?;
        (!has(name, hash)).then(|| Lack::Dataset(name.clone()))
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
        needs.lacking(program, |name, hash| name == "cifar10" && hash == has).is_none()
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
