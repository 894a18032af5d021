//! The architectures: layer graphs with the weight names of kuangliu/pytorch-cifar.

mod builder;
mod resnet;
mod vgg;

use rrlab_types::{FeatureShape, LayerGraph};

/// Shape of the images that every architecture of the lab takes: CIFAR's.
pub const IMAGE: FeatureShape = FeatureShape { channels: 3, height: 32, width: 32 };

/// A family member without its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    ResNet8,
    ResNet20,
    ResNet18,
    ResNet34,
    Vgg11Bn,
    Vgg16Bn,
}

const FAMILIES: [(&str, Family); 6] = [
    ("resnet8", Family::ResNet8),
    ("resnet20", Family::ResNet20),
    ("resnet18", Family::ResNet18),
    ("resnet34", Family::ResNet34),
    ("vgg11_bn", Family::Vgg11Bn),
    ("vgg16_bn", Family::Vgg16Bn),
];

/// Widest multiplier: beyond it a network of the lab no longer fits the machines it is for.
const MAX_WIDTH: f64 = 8.0;

/// An architecture with its options, written `NAME` or `NAME:width=0.25`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Architecture {
    family: Family,
    width: f64,
}

/// Why a text names no architecture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArchitectureError {
    /// No such name.
    #[error("no architecture is named `{name}`; there are {}", names().join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// An option that is not `width`.
    #[error("architecture option `{option}` is not known; the one option is width, as in resnet18:width=0.25")]
    Option {
        /// The option asked for.
        option: String,
    },
    /// A width that is no multiplier.
    #[error("width `{value}` is not a number above 0 and at most {MAX_WIDTH}")]
    Width {
        /// The value asked for.
        value: String,
    },
    /// A network for fewer than two classes.
    #[error("a classifier needs 2 to 10000 classes, not {classes}")]
    Classes {
        /// The number asked for.
        classes: usize,
    },
}

/// Names of all architectures.
pub fn names() -> Vec<&'static str> {
    FAMILIES.iter().map(|(name, _)| *name).collect()
}

impl Architecture {
    /// The layer graph for this many classes.
    ///
    /// # Errors
    /// [`ArchitectureError::Classes`] for fewer than 2 classes or more than 10000.
    pub fn graph(&self, classes: usize) -> Result<LayerGraph, ArchitectureError> {
        if !(2..=10_000).contains(&classes) {
            return Err(ArchitectureError::Classes { classes });
        }
        let scale = |channels: usize| ((channels as f64 * self.width).round() as usize).max(1);
        let mut graph = match self.family {
            Family::ResNet8 => resnet::graph([16, 32, 64].map(scale).as_slice(), &[1, 1, 1], classes),
            Family::ResNet20 => resnet::graph([16, 32, 64].map(scale).as_slice(), &[3, 3, 3], classes),
            Family::ResNet18 => resnet::graph([64, 128, 256, 512].map(scale).as_slice(), &[2, 2, 2, 2], classes),
            Family::ResNet34 => resnet::graph([64, 128, 256, 512].map(scale).as_slice(), &[3, 4, 6, 3], classes),
            Family::Vgg11Bn => vgg::graph(&vgg::VGG11, scale, classes),
            Family::Vgg16Bn => vgg::graph(&vgg::VGG16, scale, classes),
        };
        graph.architecture = self.to_string();
        Ok(graph)
    }
}

impl std::str::FromStr for Architecture {
    type Err = ArchitectureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, option) = text.split_once(':').map_or((text, None), |(name, option)| (name, Some(option)));
        let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
        let found = FAMILIES.iter().find(|(known, _)| plain(known) == plain(name));
        let &(_, family) = found.ok_or_else(|| ArchitectureError::Unknown { name: name.into() })?;
        let width = match option.map(|option| option.split_once('=').unwrap_or((option, ""))) {
            None => 1.0,
            Some(("width", value)) => {
                let width = value.parse().ok().filter(|width| *width > 0.0 && *width <= MAX_WIDTH);
                width.ok_or_else(|| ArchitectureError::Width { value: value.into() })?
            }
            Some((option, _)) => return Err(ArchitectureError::Option { option: option.into() }),
        };
        Ok(Self { family, width })
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = FAMILIES.iter().find(|(_, family)| *family == self.family);
        let name = known.map_or("", |(name, _)| name);
        if self.width == 1.0 { f.write_str(name) } else { write!(f, "{name}:width={}", self.width) }
    }
}
