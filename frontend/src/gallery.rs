//! Profiles and sweeps that come with the page, all measured by this project's own program.

/// A network of the gallery.
pub struct GalleryNetwork {
    /// Its name in the address.
    pub name: &'static str,
    /// What a person reads.
    pub title: &'static str,
    /// Address of its profile.
    pub profile: &'static str,
    /// Addresses of sweeps of that profile.
    pub sweeps: &'static [&'static str],
    /// Address of the network itself, where it comes with the page.
    pub checkpoint: Option<&'static str>,
}

/// Name of the network that the page opens.
pub const FIRST: &str = "resnet20-cifar10";

/// Every network of the gallery, in the order in which they are listed.
pub const GALLERY: [GalleryNetwork; 9] = [
    GalleryNetwork {
        name: FIRST,
        title: "ResNet-20 on CIFAR-10",
        profile: "gallery/resnet20-cifar10.profile.json",
        sweeps: &[
            "gallery/resnet20-cifar10.sweep.json",
            "gallery/resnet20-cifar10.projection-global.sweep.json",
            "gallery/resnet20-cifar10.projection-dense.sweep.json",
        ],
        checkpoint: Some("gallery/resnet20-cifar10.safetensors"),
    },
    GalleryNetwork {
        name: "resnet18-w0.25-cifar10",
        title: "ResNet18, ¼ as wide, on CIFAR-10",
        profile: "gallery/resnet18-w0.25-cifar10.profile.json",
        sweeps: &[
            "gallery/resnet18-w0.25-cifar10.sweep.json",
            "gallery/resnet18-w0.25-cifar10.steps.sweep.json",
            "gallery/resnet18-w0.25-cifar10.projection-global.sweep.json",
            "gallery/resnet18-w0.25-cifar10.projection-dense.sweep.json",
        ],
        checkpoint: Some("gallery/resnet18-w0.25-cifar10.safetensors"),
    },
    GalleryNetwork {
        name: "resnet18-w0.25-cifar100",
        title: "ResNet18, ¼ as wide, on CIFAR-100",
        profile: "gallery/resnet18-w0.25-cifar100.profile.json",
        sweeps: &[
            "gallery/resnet18-w0.25-cifar100.sweep.json",
            "gallery/resnet18-w0.25-cifar100.steps.sweep.json",
            "gallery/resnet18-w0.25-cifar100.projection-global.sweep.json",
            "gallery/resnet18-w0.25-cifar100.projection-dense.sweep.json",
        ],
        checkpoint: Some("gallery/resnet18-w0.25-cifar100.safetensors"),
    },
    GalleryNetwork {
        name: "vgg16_bn-w0.25-cifar10",
        title: "VGG16-BN, ¼ as wide, on CIFAR-10",
        profile: "gallery/vgg16_bn-w0.25-cifar10.profile.json",
        sweeps: &[
            "gallery/vgg16_bn-w0.25-cifar10.sweep.json",
            "gallery/vgg16_bn-w0.25-cifar10.steps.sweep.json",
        ],
        checkpoint: Some("gallery/vgg16_bn-w0.25-cifar10.safetensors"),
    },
    GalleryNetwork {
        name: "akamaster-resnet20-cifar10",
        title: "ResNet-20 on CIFAR-10 (akamaster)",
        profile: "gallery/akamaster-resnet20-cifar10.profile.json",
        sweeps: &[
            "gallery/akamaster-resnet20-cifar10.sweep.json",
            "gallery/akamaster-resnet20-cifar10.steps.sweep.json",
        ],
        checkpoint: None,
    },
    GalleryNetwork {
        name: "akamaster-resnet56-cifar10",
        title: "ResNet-56 on CIFAR-10 (akamaster)",
        profile: "gallery/akamaster-resnet56-cifar10.profile.json",
        sweeps: &["gallery/akamaster-resnet56-cifar10.sweep.json"],
        checkpoint: None,
    },
    GalleryNetwork {
        name: "chenyaofo-resnet20-cifar10",
        title: "ResNet-20 on CIFAR-10 (chenyaofo)",
        profile: "gallery/chenyaofo-resnet20-cifar10.profile.json",
        sweeps: &["gallery/chenyaofo-resnet20-cifar10.sweep.json"],
        checkpoint: None,
    },
    GalleryNetwork {
        name: "chenyaofo-resnet20-cifar100",
        title: "ResNet-20 on CIFAR-100 (chenyaofo)",
        profile: "gallery/chenyaofo-resnet20-cifar100.profile.json",
        sweeps: &[
            "gallery/chenyaofo-resnet20-cifar100.sweep.json",
            "gallery/chenyaofo-resnet20-cifar100.steps.sweep.json",
        ],
        checkpoint: None,
    },
    GalleryNetwork {
        name: "chenyaofo-resnet56-cifar100",
        title: "ResNet-56 on CIFAR-100 (chenyaofo)",
        profile: "gallery/chenyaofo-resnet56-cifar100.profile.json",
        sweeps: &["gallery/chenyaofo-resnet56-cifar100.sweep.json"],
        checkpoint: None,
    },
];

/// The network of this name; `None` where the gallery has none.
pub fn find(name: &str) -> Option<&'static GalleryNetwork> {
    GALLERY.iter().find(|network| network.name == name)
}
