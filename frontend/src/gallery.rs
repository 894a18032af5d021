//! Profiles and sweeps that come with the page, all measured by this project's own program.

/// A network of the gallery; its files bear its name.
pub struct GalleryNetwork {
    /// Its name in the address.
    pub name: &'static str,
    /// What a person reads.
    pub title: &'static str,
    /// The endings of its sweeps' names, in lists one after the other.
    sweeps: &'static [&'static [&'static str]],
    /// Whether RR of every channel comes with the page.
    has_channels: bool,
    /// Whether the network itself comes with the page.
    has_checkpoint: bool,
}

impl GalleryNetwork {
    /// Address of its profile.
    pub fn profile(&self) -> String {
        format!("gallery/{}.profile.json", self.name)
    }

    /// Address of RR of its channels, where that comes with the page.
    pub fn channels(&self) -> Option<String> {
        self.has_channels.then(|| format!("gallery/{}.channels.json", self.name))
    }

    /// Addresses of sweeps of that profile, or of other draws of one.
    pub fn sweeps(&self) -> Vec<String> {
        let address = |ending: &&str| format!("gallery/{}{ending}.sweep.json", self.name);
        self.sweeps.iter().copied().flatten().map(address).collect()
    }

    /// Address of the network itself, where it comes with the page.
    pub fn checkpoint(&self) -> Option<String> {
        self.has_checkpoint.then(|| format!("gallery/{}.safetensors", self.name))
    }
}

/// Every rule.
const RULES: &str = "";
/// Pruning in steps.
const STEPS: &str = ".steps";
/// Both, and ERK with its projections forced to one density after another.
const WITH_PROJECTIONS: [&str; 8] = [
    RULES,
    STEPS,
    ".projection-global",
    ".projection-0.25",
    ".projection-0.5",
    ".projection-0.75",
    ".projection-dense",
    ".projection-rr",
];

/// Name of the network that the page opens.
pub const FIRST: &str = "resnet20-cifar10";

/// Every network of the gallery, in the order in which they are listed.
pub const GALLERY: [GalleryNetwork; 10] = [
    GalleryNetwork {
        name: FIRST,
        title: "ResNet-20 on CIFAR-10",
        sweeps: &[&WITH_PROJECTIONS, &[".reconstruction", ".distilled"]],
        has_channels: true,
        has_checkpoint: true,
    },
    GalleryNetwork {
        name: "resnet18-w0.25-cifar10",
        title: "ResNet18, ¼ as wide, on CIFAR-10",
        sweeps: &[&WITH_PROJECTIONS, &[".distilled", ".draw-1", ".draw-2"]],
        has_channels: true,
        has_checkpoint: true,
    },
    GalleryNetwork {
        name: "resnet18-w0.25-cifar100",
        title: "ResNet18, ¼ as wide, on CIFAR-100",
        sweeps: &[&WITH_PROJECTIONS, &[".distilled"]],
        has_channels: true,
        has_checkpoint: true,
    },
    GalleryNetwork {
        name: "resnet34-w0.25-cifar10",
        title: "ResNet34, ¼ as wide, on CIFAR-10",
        sweeps: &[&WITH_PROJECTIONS, &[".distilled"]],
        has_channels: false,
        has_checkpoint: true,
    },
    GalleryNetwork {
        name: "vgg16_bn-w0.25-cifar10",
        title: "VGG16-BN, ¼ as wide, on CIFAR-10",
        sweeps: &[&[RULES, STEPS, ".distilled"]],
        has_channels: true,
        has_checkpoint: true,
    },
    GalleryNetwork {
        name: "akamaster-resnet20-cifar10",
        title: "ResNet-20 on CIFAR-10 (akamaster)",
        sweeps: &[&[RULES, STEPS, ".distilled"]],
        has_channels: false,
        has_checkpoint: false,
    },
    GalleryNetwork {
        name: "akamaster-resnet56-cifar10",
        title: "ResNet-56 on CIFAR-10 (akamaster)",
        sweeps: &[&[RULES]],
        has_channels: false,
        has_checkpoint: false,
    },
    GalleryNetwork {
        name: "chenyaofo-resnet20-cifar10",
        title: "ResNet-20 on CIFAR-10 (chenyaofo)",
        sweeps: &[&[RULES]],
        has_channels: false,
        has_checkpoint: false,
    },
    GalleryNetwork {
        name: "chenyaofo-resnet20-cifar100",
        title: "ResNet-20 on CIFAR-100 (chenyaofo)",
        sweeps: &[&[RULES, STEPS]],
        has_channels: false,
        has_checkpoint: false,
    },
    GalleryNetwork {
        name: "chenyaofo-resnet56-cifar100",
        title: "ResNet-56 on CIFAR-100 (chenyaofo)",
        sweeps: &[&[RULES]],
        has_channels: false,
        has_checkpoint: false,
    },
];

/// The network of this name; `None` where the gallery has none.
pub fn find(name: &str) -> Option<&'static GalleryNetwork> {
    GALLERY.iter().find(|network| network.name == name)
}
