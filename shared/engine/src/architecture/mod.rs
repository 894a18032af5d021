//! The architectures: layer graphs with the weight names of those who publish such networks.

mod builder;
mod resnet;
mod vgg;

use rrlab_types::{GraphError, LayerGraph};

use crate::data::IMAGE;
use builder::GraphBuilder;
pub use resnet::Origin;

/// A family member without its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    ResNet8,
    ResNet20,
    ResNet18,
    ResNet34,
    Vgg11Bn,
    Vgg16Bn,
    /// CIFAR's residual networks of 6n + 2 layers as others publish them: whose, and n.
    Published(Origin, usize),
}

const FAMILIES: [(&str, Family); 15] = [
    ("resnet8", Family::ResNet8),
    ("resnet20", Family::ResNet20),
    ("resnet18", Family::ResNet18),
    ("resnet34", Family::ResNet34),
    ("vgg11_bn", Family::Vgg11Bn),
    ("vgg16_bn", Family::Vgg16Bn),
    ("chenyaofo_resnet20", Family::Published(Origin::Chenyaofo, 3)),
    ("chenyaofo_resnet32", Family::Published(Origin::Chenyaofo, 5)),
    ("chenyaofo_resnet44", Family::Published(Origin::Chenyaofo, 7)),
    ("chenyaofo_resnet56", Family::Published(Origin::Chenyaofo, 9)),
    ("akamaster_resnet20", Family::Published(Origin::Akamaster, 3)),
    ("akamaster_resnet32", Family::Published(Origin::Akamaster, 5)),
    ("akamaster_resnet44", Family::Published(Origin::Akamaster, 7)),
    ("akamaster_resnet56", Family::Published(Origin::Akamaster, 9)),
    ("akamaster_resnet110", Family::Published(Origin::Akamaster, 18)),
];

/// Widest multiplier: beyond it a network of the lab no longer fits the machines it is for.
const MAX_WIDTH: f64 = 8.0;

/// Numbers of classes that a classifier may tell apart: one needs no telling, and no data set of
/// images this small has more than thousands.
const CLASSES: std::ops::RangeInclusive<usize> = 2..=10_000;

/// An architecture with its options, written `NAME` or `NAME:width=0.25`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Architecture {
    family: Family,
    width: f64,
}

/// Why a text names no architecture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArchitectureError {
    /// A name that no family member has.
    #[error("no architecture is named `{name}`; there are {}", names().join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// An option that is not `width`.
    #[error(
        "architecture option `{option}` is not known; the one option is width, as in resnet18:width=0.25"
    )]
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
    #[error("a classifier needs {} to {} classes, not {classes}", CLASSES.start(), CLASSES.end())]
    Classes {
        /// The number asked for.
        classes: usize,
    },
    /// A network that does not fit its images, or any machine.
    #[error("{architecture} can't be built: {problem}")]
    Graph {
        /// The architecture asked for.
        architecture: String,
        /// What is wrong with its graph.
        problem: GraphError,
    },
}

/// Names of all architectures.
pub fn names() -> Vec<&'static str> {
    FAMILIES.iter().map(|(name, _)| *name).collect()
}

impl Architecture {
    /// Every architecture at its own width.
    pub fn all() -> impl Iterator<Item = Self> {
        FAMILIES.iter().map(|&(_, family)| Self { family, width: 1.0 })
    }

    /// The same at another width, unless that is no multiplier.
    pub fn with_width(self, width: f64) -> Option<Self> {
        (width > 0.0 && width <= MAX_WIDTH).then_some(Self { width, ..self })
    }

    /// The same with an option such as `width=0.25`.
    fn with_option(self, option: &str) -> Result<Self, ArchitectureError> {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        if key != "width" {
            return Err(ArchitectureError::Option { option: key.into() });
        }
        let scaled = value.parse().ok().and_then(|width| self.with_width(width));
        scaled.ok_or_else(|| ArchitectureError::Width { value: value.into() })
    }

    /// Whose names and shortcuts it has.
    pub fn origin(&self) -> Origin {
        match self.family {
            Family::Published(origin, _) => origin,
            _ => Origin::Kuangliu,
        }
    }

    /// The layer graph for this many classes.
    ///
    /// # Errors
    /// [`ArchitectureError::Classes`] for fewer than 2 classes or more than 10000;
    /// [`ArchitectureError::Graph`] where a module does not fit what comes before it.
    pub fn graph(&self, classes: usize) -> Result<LayerGraph, ArchitectureError> {
        if !CLASSES.contains(&classes) {
            return Err(ArchitectureError::Classes { classes });
        }
        let scale = |channels: usize| ((channels as f64 * self.width).round() as usize).max(1);
        let origin = self.origin();
        // Channels of each stage: of the networks that He et al. 2016 made for CIFAR, and of those
        // for ImageNet.
        let narrow = [16, 32, 64].map(scale);
        let wide = [64, 128, 256, 512].map(scale);
        let (mut builder, input) = GraphBuilder::new(IMAGE);
        let mut residual = |widths: &[usize], blocks: &[usize]| {
            resnet::build(&mut builder, input, origin, (widths, blocks), classes);
        };
        match self.family {
            Family::ResNet8 => residual(&narrow, &[1, 1, 1]),
            Family::ResNet20 => residual(&narrow, &[3, 3, 3]),
            Family::ResNet18 => residual(&wide, &[2, 2, 2, 2]),
            Family::ResNet34 => residual(&wide, &[3, 4, 6, 3]),
            Family::Published(_, blocks) => residual(&narrow, &[blocks; 3]),
            Family::Vgg11Bn => vgg::build(&mut builder, input, &vgg::VGG11, scale, classes),
            Family::Vgg16Bn => vgg::build(&mut builder, input, &vgg::VGG16, scale, classes),
        }
        let architecture = self.to_string();
        let graph = builder.finish(&architecture);
        graph.map_err(|problem| ArchitectureError::Graph { architecture, problem })
    }
}

impl std::str::FromStr for Architecture {
    type Err = ArchitectureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, option) = match text.split_once(':') {
            Some((name, option)) => (name, Some(option)),
            None => (text, None),
        };
        // `ResNet-18`, `resnet_18` and `resnet18` are one name.
        let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
        let found = FAMILIES.iter().find(|(known, _)| plain(known) == plain(name));
        let &(_, family) = found.ok_or_else(|| ArchitectureError::Unknown { name: name.into() })?;
        let own = Self { family, width: 1.0 };
        option.map_or(Ok(own), |option| own.with_option(option))
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = FAMILIES.iter().find(|(_, family)| *family == self.family);
        let name = known.map_or("", |(name, _)| name);
        if self.width == 1.0 { f.write_str(name) } else { write!(f, "{name}:width={}", self.width) }
    }
}
