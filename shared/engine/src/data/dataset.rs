//! A named data set and its two splits.

use super::images::{ImageSet, Normalization};

/// Half of a data set.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::Display,
    strum::IntoStaticStr
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Split {
    /// Images to train and to calibrate on.
    Train,
    /// Images to evaluate on.
    Test,
}

impl Split {
    /// The word used in folders, files and on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A named data set with both its splits.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What it is called in reports and on the command line.
    pub name: String,
    /// Name of each class, in the order of labels.
    pub classes: Vec<String>,
    /// Mean and deviation of its colours.
    pub normalization: Normalization,
    /// Rows or columns that an image's shorter side was scaled to before its middle was cut out,
    /// where it was scaled to more than that middle has.
    pub resize: Option<usize>,
    /// Images to train and to calibrate on.
    pub train: ImageSet,
    /// Images to evaluate on.
    pub test: ImageSet,
}

impl Dataset {
    /// Images of one split.
    pub fn split(&self, split: Split) -> &ImageSet {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }
}
