//! Names of what the lab keeps in its object store. Whatever has another name is somebody else's,
//! and stays.

use object_store::path::Path as Key;

use crate::store::StateOf;

/// Everything that the lab writes lies below this.
const LAB: &str = "rrlab";
/// Folder of content, in folders by the first two digits of its hash.
const CONTENT: &str = "content";
/// Folder of the checkpoints, in folders by the numbers of their jobs.
const CHECKPOINTS: &str = "checkpoints";
/// Hexadecimal digits of a SHA-256, and those of them that name a folder.
const DIGITS: usize = 64;
const FOLDER_DIGITS: usize = 2;

/// What the lab keeps under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabKey {
    /// Content of artifacts: `rrlab/content/ab/HASH`, `ab` being the first two digits of the hash.
    Content {
        /// SHA-256, 64 lower-case hexadecimal digits.
        hash: String,
    },
    /// A state that a job can go on from, or a part of it: `rrlab/checkpoints/JOB/HASH` and
    /// `rrlab/checkpoints/JOB/PLACE/HASH`.
    Checkpoint {
        /// The job, or its part.
        of: StateOf,
        /// As of content.
        hash: String,
    },
}

impl LabKey {
    /// What lies under a key; `None` where it is not of exactly one of the lab's forms.
    pub fn parse(key: &Key) -> Option<Self> {
        let parts: Vec<&str> = key.as_ref().split('/').collect();
        let parsed = match parts.as_slice() {
            [LAB, CONTENT, _, hash] if is_hash(hash) => Self::Content { hash: (*hash).into() },
            [LAB, CHECKPOINTS, job, place @ .., hash] if is_hash(hash) => {
                let job = job.parse::<i64>().ok().filter(|job| *job > 0)?;
                let place = match place {
                    [] => None,
                    [place] => Some(place.parse().ok()?),
                    _ => return None,
                };
                Self::Checkpoint { of: StateOf { job, place }, hash: (*hash).into() }
            }
            _ => return None,
        };
        // What would be written elsewhere (another folder, a number with zeros before it) is not
        // the lab's.
        (parsed.path() == *key).then_some(parsed)
    }

    /// Where it lies.
    pub fn path(&self) -> Key {
        match self {
            Self::Content { hash } => Key::from_iter([LAB, CONTENT, folder_of(hash), hash]),
            Self::Checkpoint { of, hash } => checkpoints_of(*of).join(hash.as_str()),
        }
    }

    /// Where the version before kept it: there it is read, and never removed.
    pub fn earlier_path(&self) -> Key {
        match self {
            Self::Content { hash } => Key::from_iter([folder_of(hash), hash]),
            Self::Checkpoint { of, hash } => {
                Key::from_iter([CHECKPOINTS, &of.job.to_string(), hash])
            }
        }
    }

    /// Hash of what lies there.
    pub fn hash(&self) -> &str {
        match self {
            Self::Content { hash } | Self::Checkpoint { hash, .. } => hash,
        }
    }
}

/// Where the store says which lab it belongs to.
pub fn mark() -> Key {
    Key::from_iter([LAB, "lab.json"])
}

/// What is written to learn the time from.
pub fn clock() -> Key {
    Key::from_iter([LAB, "clock"])
}

/// The folders that all of the lab's keys lie in.
pub fn folders() -> [Key; 2] {
    [CONTENT, CHECKPOINTS].map(|folder| Key::from_iter([LAB, folder]))
}

/// Folder of the checkpoints of a job, those of its parts included, or of one part.
pub fn checkpoints_of(of: StateOf) -> Key {
    let folder = Key::from_iter([LAB, CHECKPOINTS, &of.job.to_string()]);
    match of.place {
        Some(place) => folder.join(place.to_string()),
        None => folder,
    }
}

fn folder_of(hash: &str) -> &str {
    hash.get(..FOLDER_DIGITS).unwrap_or("00")
}

fn is_hash(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 64 digits that begin with `ab`.
    fn hash() -> String {
        "ab0123456789cdef".repeat(4)
    }

    #[test]
    fn what_the_lab_writes_is_read_back() {
        let keys = [
            (LabKey::Content { hash: hash() }, format!("rrlab/content/ab/{}", hash())),
            (
                LabKey::Checkpoint { of: StateOf::job(17), hash: hash() },
                format!("rrlab/checkpoints/17/{}", hash()),
            ),
            (
                LabKey::Checkpoint { of: StateOf::part(17, 3), hash: hash() },
                format!("rrlab/checkpoints/17/3/{}", hash()),
            ),
        ];
        for (key, text) in keys {
            assert_eq!(key.path().as_ref(), text);
            assert_eq!(LabKey::parse(&key.path()), Some(key));
        }
    }

    #[test]
    fn the_version_before_had_no_folder_of_its_own() {
        let content = LabKey::Content { hash: hash() };
        assert_eq!(content.earlier_path().as_ref(), format!("ab/{}", hash()));
        let checkpoint = LabKey::Checkpoint { of: StateOf::job(17), hash: hash() };
        assert_eq!(checkpoint.earlier_path().as_ref(), format!("checkpoints/17/{}", hash()));
    }

    #[test]
    fn nothing_else_is_the_labs() {
        let (hash, long, short) = (hash(), format!("{}0", hash()), &hash()[..63]);
        let upper = hash.to_uppercase();
        let foreign = [
            String::new(),
            "backups/db.dump".into(),
            "rrlab".into(),
            "rrlab/lab.json".into(),
            "rrlab/notes.txt".into(),
            "rrlab/content".into(),
            "rrlab/content/ab".into(),
            format!("ab/{hash}"),
            format!("checkpoints/17/{hash}"),
            format!("rrlab/ab/{hash}"),
            format!("rrlab/content/{hash}"),
            format!("rrlab/content/cd/{hash}"),
            format!("rrlab/content/AB/{hash}"),
            format!("rrlab/content/ab/{upper}"),
            format!("rrlab/content/AB/{upper}"),
            format!("rrlab/content/ab/{long}"),
            format!("rrlab/content/ab/{short}"),
            format!("rrlab/content/ab/{short}g"),
            format!("rrlab/content/ab/{hash}/more"),
            format!("rrlab/content/ab0/{hash}"),
            format!("Rrlab/content/ab/{hash}"),
            format!("my/rrlab/content/ab/{hash}"),
            format!("rrlab/checkpoints/{hash}"),
            format!("rrlab/checkpoints/017/{hash}"),
            format!("rrlab/checkpoints/+17/{hash}"),
            format!("rrlab/checkpoints/-17/{hash}"),
            format!("rrlab/checkpoints/0/{hash}"),
            format!("rrlab/checkpoints/1e3/{hash}"),
            format!("rrlab/checkpoints/99999999999999999999/{hash}"),
            format!("rrlab/checkpoints/17/{upper}"),
            format!("rrlab/checkpoints/17/{short}"),
            format!("rrlab/checkpoints/17/{hash}/more"),
            format!("rrlab/checkpoints/17/03/{hash}"),
            format!("rrlab/checkpoints/17/+3/{hash}"),
            format!("rrlab/checkpoints/17/-3/{hash}"),
            format!("rrlab/checkpoints/17/a/{hash}"),
            format!("rrlab/checkpoints/17/1/2/{hash}"),
            format!("rrlab/checkpoints/0/3/{hash}"),
        ];
        for key in foreign {
            assert_eq!(LabKey::parse(&Key::from(key.as_str())), None, "{key}");
        }
    }
}
