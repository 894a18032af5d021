//! Profiles and sweeps that come with the page, all measured by this project's own program.

/// A network of the gallery.
pub struct Exhibit {
    /// Name in the address.
    pub name: &'static str,
    /// What a person reads.
    pub title: &'static str,
    /// File of its profile.
    pub profile: &'static str,
    /// Files of its sweeps.
    pub sweeps: &'static [&'static str],
}

/// The one that the page opens.
pub const FIRST: &str = "resnet20-cifar10";

/// All of them.
pub const EXHIBITS: [Exhibit; 1] = [Exhibit {
    name: FIRST,
    title: "ResNet-20 on CIFAR-10",
    profile: "gallery/resnet20-cifar10.profile.json",
    sweeps: &[
        "gallery/resnet20-cifar10.sweep.json",
        "gallery/resnet20-cifar10.projection-global.sweep.json",
        "gallery/resnet20-cifar10.projection-dense.sweep.json",
    ],
}];

/// The exhibit of this name.
pub fn exhibit(name: &str) -> Option<&'static Exhibit> {
    EXHIBITS.iter().find(|exhibit| exhibit.name == name)
}
