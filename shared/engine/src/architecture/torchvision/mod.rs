//! torchvision's classifiers for ImageNet, with its names of modules and of parameters.
//!
//! Each is torchvision's code read from top to bottom; dropout and stochastic depth, which do
//! nothing in evaluation, are left out. `tests/torchvision.rs` holds their logits against
//! torchvision's own.

mod blocks;
mod convnext;
mod densenet;
mod efficientnet;
mod mobilenet;
mod regnet;
mod resnet;
mod shufflenet;
mod squeezenet;

use rrlab_types::NodeId;

use super::builder::GraphBuilder;
use super::vgg::{self, Vgg};
pub use mobilenet::MobileNetV2;

/// A network of torchvision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Torchvision {
    /// Residual networks (He et al. 2016; Zagoruyko and Komodakis 2016; Xie et al. 2017).
    ResNet(resnet::ResNet),
    /// Plain chains of convolutions (Simonyan and Zisserman 2015).
    Vgg(Vgg),
    /// Huang et al. 2017.
    DenseNet121,
    /// Sandler et al. 2018.
    MobileNetV2,
    /// Howard et al. 2019.
    MobileNetV3Small,
    /// Tan and Le 2019.
    EfficientNetB0,
    /// Iandola et al. 2016, version 1.1.
    SqueezeNet11,
    /// Ma et al. 2018, of width 1.
    ShuffleNetV2,
    /// Radosavovic et al. 2020, of 400 million multiply-accumulates.
    RegNetY400mf,
    /// Liu et al. 2022.
    ConvNextTiny,
}

/// All of them by their names in torchvision, which `torchvision_` stands before here.
pub const NETWORKS: [(&str, Torchvision); 22] = [
    ("torchvision_resnet18", Torchvision::ResNet(resnet::RESNET18)),
    ("torchvision_resnet34", Torchvision::ResNet(resnet::RESNET34)),
    ("torchvision_resnet50", Torchvision::ResNet(resnet::RESNET50)),
    ("torchvision_resnet101", Torchvision::ResNet(resnet::RESNET101)),
    ("torchvision_wide_resnet50_2", Torchvision::ResNet(resnet::WIDE_RESNET50_2)),
    ("torchvision_resnext50_32x4d", Torchvision::ResNet(resnet::RESNEXT50_32X4D)),
    ("torchvision_vgg11", Torchvision::Vgg(vgg::VGG11)),
    ("torchvision_vgg13", Torchvision::Vgg(vgg::VGG13)),
    ("torchvision_vgg16", Torchvision::Vgg(vgg::VGG16)),
    ("torchvision_vgg19", Torchvision::Vgg(vgg::VGG19)),
    ("torchvision_vgg11_bn", Torchvision::Vgg(vgg::VGG11.with_batch_norm())),
    ("torchvision_vgg13_bn", Torchvision::Vgg(vgg::VGG13.with_batch_norm())),
    ("torchvision_vgg16_bn", Torchvision::Vgg(vgg::VGG16.with_batch_norm())),
    ("torchvision_vgg19_bn", Torchvision::Vgg(vgg::VGG19.with_batch_norm())),
    ("torchvision_densenet121", Torchvision::DenseNet121),
    ("torchvision_mobilenet_v2", Torchvision::MobileNetV2),
    ("torchvision_mobilenet_v3_small", Torchvision::MobileNetV3Small),
    ("torchvision_efficientnet_b0", Torchvision::EfficientNetB0),
    ("torchvision_squeezenet1_1", Torchvision::SqueezeNet11),
    ("torchvision_shufflenet_v2_x1_0", Torchvision::ShuffleNetV2),
    ("torchvision_regnet_y_400mf", Torchvision::RegNetY400mf),
    ("torchvision_convnext_tiny", Torchvision::ConvNextTiny),
];

impl Torchvision {
    /// What the shorter side of an image is scaled to before 224 pixels of it are cut out (the
    /// transforms of its weights `IMAGENET1K_V1`).
    pub fn resize(self) -> usize {
        match self {
            Self::ConvNextTiny => 236,
            _ => 256,
        }
    }

    /// Adds the network's modules after the image.
    pub fn build(self, builder: &mut GraphBuilder, image: NodeId, classes: usize) {
        match self {
            Self::ResNet(network) => network.build(builder, image, classes),
            Self::Vgg(network) => network.build(builder, image, |channels| channels, classes),
            Self::DenseNet121 => densenet::build(builder, image, classes),
            Self::MobileNetV2 => MobileNetV2::FOR_IMAGENET.build(builder, image, classes),
            Self::MobileNetV3Small => mobilenet::build_v3_small(builder, image, classes),
            Self::EfficientNetB0 => efficientnet::build(builder, image, classes),
            Self::SqueezeNet11 => squeezenet::build(builder, image, classes),
            Self::ShuffleNetV2 => shufflenet::build(builder, image, classes),
            Self::RegNetY400mf => regnet::build(builder, image, classes),
            Self::ConvNextTiny => convnext::build_tiny(builder, image, classes),
        }
    }
}
