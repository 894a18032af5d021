//! The architectures: layer graphs with the weight names of those who publish such networks.

mod builder;
mod resnet;
mod torchvision;
mod vgg;
mod weiaicunzai;

use rrlab_types::{FeatureShape, GraphError, LayerGraph};

use crate::data::IMAGE;
use builder::GraphBuilder;
pub use resnet::Origin;
use torchvision::{MobileNetV2, Torchvision};
use vgg::{VGG11, VGG13, VGG16, VGG19, Vgg};

/// A family member without its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    ResNet8,
    ResNet20,
    ResNet18,
    ResNet34,
    Vgg(Origin, Vgg),
    /// chenyaofo's MobileNetV2 of this width, in hundredths.
    MobileNetV2(usize),
    Weiaicunzai(weiaicunzai::ResNet),
    /// CIFAR's residual networks of 6n + 2 layers as others publish them: whose, and n.
    Published(Origin, usize),
    /// torchvision's networks for ImageNet.
    Torchvision(Torchvision),
}

const CIFAR_FAMILIES: [(&str, Family); 32] = [
    ("resnet8", Family::ResNet8),
    ("resnet20", Family::ResNet20),
    ("resnet18", Family::ResNet18),
    ("resnet34", Family::ResNet34),
    ("vgg11_bn", Family::Vgg(Origin::Kuangliu, VGG11.kuangliu())),
    ("vgg16_bn", Family::Vgg(Origin::Kuangliu, VGG16.kuangliu())),
    ("chenyaofo_resnet20", Family::Published(Origin::Chenyaofo, 3)),
    ("chenyaofo_resnet32", Family::Published(Origin::Chenyaofo, 5)),
    ("chenyaofo_resnet44", Family::Published(Origin::Chenyaofo, 7)),
    ("chenyaofo_resnet56", Family::Published(Origin::Chenyaofo, 9)),
    ("chenyaofo_vgg11_bn", Family::Vgg(Origin::Chenyaofo, VGG11.chenyaofo())),
    ("chenyaofo_vgg13_bn", Family::Vgg(Origin::Chenyaofo, VGG13.chenyaofo())),
    ("chenyaofo_vgg16_bn", Family::Vgg(Origin::Chenyaofo, VGG16.chenyaofo())),
    ("chenyaofo_vgg19_bn", Family::Vgg(Origin::Chenyaofo, VGG19.chenyaofo())),
    ("chenyaofo_mobilenetv2_x0_5", Family::MobileNetV2(50)),
    ("chenyaofo_mobilenetv2_x0_75", Family::MobileNetV2(75)),
    ("chenyaofo_mobilenetv2_x1_0", Family::MobileNetV2(100)),
    ("chenyaofo_mobilenetv2_x1_4", Family::MobileNetV2(140)),
    ("weiaicunzai_resnet18", Family::Weiaicunzai(weiaicunzai::RESNET18)),
    ("weiaicunzai_resnet34", Family::Weiaicunzai(weiaicunzai::RESNET34)),
    ("weiaicunzai_resnet50", Family::Weiaicunzai(weiaicunzai::RESNET50)),
    ("weiaicunzai_resnet101", Family::Weiaicunzai(weiaicunzai::RESNET101)),
    ("weiaicunzai_resnet152", Family::Weiaicunzai(weiaicunzai::RESNET152)),
    ("weiaicunzai_vgg11_bn", Family::Vgg(Origin::Weiaicunzai, VGG11.weiaicunzai())),
    ("weiaicunzai_vgg13_bn", Family::Vgg(Origin::Weiaicunzai, VGG13.weiaicunzai())),
    ("weiaicunzai_vgg16_bn", Family::Vgg(Origin::Weiaicunzai, VGG16.weiaicunzai())),
    ("weiaicunzai_vgg19_bn", Family::Vgg(Origin::Weiaicunzai, VGG19.weiaicunzai())),
    ("akamaster_resnet20", Family::Published(Origin::Akamaster, 3)),
    ("akamaster_resnet32", Family::Published(Origin::Akamaster, 5)),
    ("akamaster_resnet44", Family::Published(Origin::Akamaster, 7)),
    ("akamaster_resnet56", Family::Published(Origin::Akamaster, 9)),
    ("akamaster_resnet110", Family::Published(Origin::Akamaster, 18)),
];

/// Sides of the images that torchvision's networks are trained on.
const IMAGENET_SIDE: usize = 224;
/// Widest multiplier: beyond it a network of the lab no longer fits the machines it is for.
const MAX_WIDTH: f64 = 8.0;

/// Numbers of classes that a classifier may tell apart: one needs no telling, and no data set of
/// images this small has more than thousands.
const CLASSES: std::ops::RangeInclusive<usize> = 2..=10_000;

/// An architecture with its options, written `NAME`, `NAME:width=0.25` or `NAME:size=64`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Architecture {
    family: Family,
    width: f64,
    /// Rows and columns of its images.
    side: usize,
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
    /// An option that is neither width nor size.
    #[error(
        "architecture option `{option}` is not known; there are width and size, as in resnet18:width=0.25,size=64"
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
    /// A width of a network that has but one.
    #[error("{name} has one width alone, 1")]
    OneWidth {
        /// The network's name.
        name: &'static str,
    },
    /// A size that is none of an image.
    #[error("size `{value}` is not a number of pixels above 0")]
    Size {
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

/// Every family member by its name.
fn families() -> impl Iterator<Item = (&'static str, Family)> {
    let of_torchvision = |(name, network)| (name, Family::Torchvision(network));
    CIFAR_FAMILIES.into_iter().chain(torchvision::NETWORKS.into_iter().map(of_torchvision))
}

/// Names of all architectures.
pub fn names() -> Vec<&'static str> {
    families().map(|(name, _)| name).collect()
}

impl Architecture {
    /// A family member at its own width, for images of its own size.
    fn of(family: Family) -> Self {
        let side = match family {
            Family::Torchvision(_) => IMAGENET_SIDE,
            _ => IMAGE.height,
        };
        Self { family, width: 1.0, side }
    }

    /// Every architecture at its own width, for images of its own size.
    pub fn all() -> impl Iterator<Item = Self> {
        families().map(|(_, family)| Self::of(family))
    }

    /// The same at another width, unless that is no multiplier or the network has but one.
    pub fn with_width(self, width: f64) -> Option<Self> {
        let scales = !matches!(self.family, Family::Torchvision(_) | Family::MobileNetV2(_));
        let is_multiplier = width > 0.0 && width <= MAX_WIDTH;
        (width == 1.0 || (scales && is_multiplier)).then_some(Self { width, ..self })
    }

    /// Rows or columns that the shorter side of an image has before its authors cut out the middle
    /// that it sees; none where they cut nothing off, or it is for another size than its own.
    pub fn published_resize(self) -> Option<usize> {
        match self.family {
            Family::Torchvision(network) if self.side == IMAGENET_SIDE => Some(network.resize()),
            _ => None,
        }
    }

    /// The same for images of so many rows and columns.
    pub fn with_size(self, side: usize) -> Self {
        Self { side, ..self }
    }

    /// The same with options such as `width=0.25,size=64`.
    fn with_options(self, options: &str) -> Result<Self, ArchitectureError> {
        options.split(',').try_fold(self, Self::with_option)
    }

    /// The same with an option such as `width=0.25`.
    fn with_option(self, option: &str) -> Result<Self, ArchitectureError> {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match key {
            "width" => {
                let width = value.parse().ok().filter(|width| *width > 0.0 && *width <= MAX_WIDTH);
                let width =
                    width.ok_or_else(|| ArchitectureError::Width { value: value.into() })?;
                self.with_width(width).ok_or(ArchitectureError::OneWidth { name: self.name() })
            }
            "size" => match value.parse() {
                Ok(side) if side > 0 => Ok(self.with_size(side)),
                _ => Err(ArchitectureError::Size { value: value.into() }),
            },
            _ => Err(ArchitectureError::Option { option: key.into() }),
        }
    }

    /// Its name without options.
    fn name(&self) -> &'static str {
        let known = families().find(|(_, family)| *family == self.family);
        known.map_or("", |(name, _)| name)
    }

    /// Whose names and shortcuts it has.
    pub fn origin(&self) -> Origin {
        match self.family {
            Family::Published(origin, _) | Family::Vgg(origin, _) => origin,
            Family::MobileNetV2(_) => Origin::Chenyaofo,
            Family::Weiaicunzai(_) => Origin::Weiaicunzai,
            Family::Torchvision(_) => Origin::Torchvision,
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
        let (mut builder, input) =
            GraphBuilder::new(FeatureShape { height: self.side, width: self.side, ..IMAGE });
        let mut residual = |widths: &[usize], blocks: &[usize]| {
            resnet::build(&mut builder, input, origin, (widths, blocks), classes);
        };
        match self.family {
            Family::ResNet8 => residual(&narrow, &[1, 1, 1]),
            Family::ResNet20 => residual(&narrow, &[3, 3, 3]),
            Family::ResNet18 => residual(&wide, &[2, 2, 2, 2]),
            Family::ResNet34 => residual(&wide, &[3, 4, 6, 3]),
            Family::Published(_, blocks) => residual(&narrow, &[blocks; 3]),
            Family::Vgg(_, network) => network.build(&mut builder, input, scale, classes),
            Family::Weiaicunzai(network) => network.build(&mut builder, input, scale, classes),
            Family::MobileNetV2(hundredths) => {
                MobileNetV2::for_cifar(hundredths).build(&mut builder, input, classes);
            }
            Family::Torchvision(network) => network.build(&mut builder, input, classes),
        }
        let architecture = self.to_string();
        let graph = builder.finish(&architecture);
        graph.map_err(|problem| ArchitectureError::Graph { architecture, problem })
    }
}

impl std::str::FromStr for Architecture {
    type Err = ArchitectureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, options) = match text.split_once(':') {
            Some((name, options)) => (name, Some(options)),
            None => (text, None),
        };
        // `ResNet-18`, `resnet_18` and `resnet18` are one name.
        let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
        let found = families().find(|(known, _)| plain(known) == plain(name));
        let (_, family) = found.ok_or_else(|| ArchitectureError::Unknown { name: name.into() })?;
        let own = Self::of(family);
        options.map_or(Ok(own), |options| own.with_options(options))
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let own = Self::of(self.family);
        let mut options = Vec::new();
        if self.width != own.width {
            options.push(format!("width={}", self.width));
        }
        if self.side != own.side {
            options.push(format!("size={}", self.side));
        }
        f.write_str(self.name())?;
        if options.is_empty() { Ok(()) } else { write!(f, ":{}", options.join(",")) }
    }
}
