//! What a number is of: hashes of networks, profiles and images, and the checks that keep those of
//! different ones apart.
//!
//! A profile carries the hash of the network and of the images that it was measured on;
//! allocations, masks, pruned networks, sweeps and reports of fine-tuning carry the network's and
//! the profile's. Whatever combines two of them checks with [`ModelHash::check`] or
//! [`ProfileHash::check`], and refuses by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Hexadecimal digits of a hash.
const DIGITS: usize = 64;
/// Digits of a hash that people read.
const SHORT_DIGITS: usize = 12;

/// Hashes parts one after the other. Each part's length is hashed before it, so that two different
/// lists of parts never hash the same bytes.
#[derive(Debug, Clone)]
pub struct ContentHasher(Sha256);

impl ContentHasher {
    /// A hasher of one kind of content; `kind` keeps hashes of different kinds apart.
    pub fn new(kind: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.add(kind.as_bytes());
        hasher
    }

    /// Goes on with these bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Goes on with these numbers.
    pub fn add_values(&mut self, values: &[f32]) {
        self.0.update((values.len() as u64).to_le_bytes());
        for value in values {
            self.0.update(value.to_le_bytes());
        }
    }

    fn finish(self) -> [u8; DIGITS / 2] {
        self.0.finalize().into()
    }
}

/// A text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no hash: a hash is {DIGITS} digits from 0 to 9 and a to f")]
pub struct HashSyntaxError(String);

/// A value that was made from another network, profile or set of images than the one at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is of {kind} {found}, but the {kind} here is {expected}: {remedy}")]
pub struct IdentityError {
    /// What was made from another, as in "the profile".
    pub what: String,
    /// What it was made from: "network", "profile" or "image set".
    pub kind: &'static str,
    /// The hash that it names, shortened.
    pub found: String,
    /// The hash of what is here, shortened.
    pub expected: String,
    /// What would be right.
    pub remedy: String,
}

/// Whether something says what it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Binding {
    /// It names what is here.
    Bound,
    /// It names nothing: a file of an earlier version, or an allocation of shapes alone.
    Unbound,
}

macro_rules! hashes {
    ($($(#[$doc:meta])* $type:ident = $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type([u8; DIGITS / 2]);

        impl $type {
            /// Of everything that the hasher was given.
            pub fn of(hasher: ContentHasher) -> Self {
                Self(hasher.finish())
            }

            /// The first digits: enough to tell networks apart by eye.
            pub fn short(&self) -> String {
                self.to_string()[..SHORT_DIGITS].to_owned()
            }

            /// Checks that something which names `found` was made from this one. `what` names it
            /// ("the profile"), `remedy` says what would be right.
            ///
            /// # Errors
            /// If it names another.
            pub fn check(&self, what: &str, found: Option<&Self>, remedy: &str) -> Result<Binding, IdentityError> {
                match found {
                    None => Ok(Binding::Unbound),
                    Some(found) if found == self => Ok(Binding::Bound),
                    Some(found) => Err(IdentityError {
                        what: what.into(),
                        kind: $kind,
                        found: found.short(),
                        expected: self.short(),
                        remedy: remedy.into(),
                    }),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self.short())
            }
        }

        impl FromStr for $type {
            type Err = HashSyntaxError;

            fn from_str(text: &str) -> Result<Self, HashSyntaxError> {
                parse(text).map(Self).ok_or_else(|| HashSyntaxError(text.into()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = HashSyntaxError;

            fn try_from(text: String) -> Result<Self, HashSyntaxError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(hash: $type) -> Self {
                hash.to_string()
            }
        }

        /// In an API's description a hash is a text of 64 hexadecimal digits.
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let text = utoipa::openapi::schema::Type::String;
                utoipa::openapi::ObjectBuilder::new().schema_type(text).pattern(Some("^[0-9a-f]{64}$")).into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $type {}
    )+};
}

hashes! {
    /// A network: its layers and tensors, whatever file they came in.
    ModelHash = "network";
    /// A profile: everything that was measured, and how.
    ProfileHash = "profile";
    /// Images, in their order: pixels without labels.
    ImagesHash = "image set";
    /// A view of the page: the profile and the settings that its numbers follow from.
    ConfigurationHash = "configuration";
}

fn parse(text: &str) -> Option<[u8; DIGITS / 2]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != DIGITS {
        return None;
    }
    let mut bytes = [0; DIGITS / 2];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = 16 * digit(pair[0])? + digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(parts: &[&[u8]]) -> ModelHash {
        let mut hasher = ContentHasher::new("test");
        parts.iter().for_each(|part| hasher.add(part));
        ModelHash::of(hasher)
    }

    #[test]
    fn different_lists_of_parts_have_different_hashes() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(hash(&[b"a"]), hash(&[b"a", b""]));
        assert_eq!(hash(&[b"a", b"b"]), hash(&[b"a", b"b"]));
    }

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash = hash(&[b"network"]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for broken in ["", "0f", &"g".repeat(64), &hash.to_string().to_uppercase()] {
            assert!(broken.parse::<ModelHash>().is_err(), "{broken}");
        }
    }

    #[test]
    fn what_is_of_another_network_is_refused_by_name() {
        let (one, two) = (hash(&[b"one"]), hash(&[b"two"]));
        assert_eq!(one.check("the profile", Some(&one), ""), Ok(Binding::Bound));
        assert_eq!(one.check("the profile", None, ""), Ok(Binding::Unbound));
        let error =
            one.check("the profile", Some(&two), "calibrate this one").unwrap_err().to_string();
        let expected = format!(
            "the profile is of network {}, but the network here is {}: calibrate this one",
            two.short(),
            one.short()
        );
        assert_eq!(error, expected);
    }
}
