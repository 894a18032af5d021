//! A network together with the profile that was measured on it: the one place where the engine checks that they belong
//! together, and what sweeps and fine-tuning take instead of the two.

use rrlab_types::{Binding, IdentityError, ImagesHash, ModelHash, ModelProfile, PROGRAM, ProfileHash};

use crate::model::Model;

/// A dense network and its own profile.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    model: &'a Model,
    profile: &'a ModelProfile,
    model_hash: ModelHash,
    profile_hash: ProfileHash,
    binding: Binding,
}

impl<'a> Measured<'a> {
    /// The two together.
    ///
    /// # Errors
    /// If the profile was measured on another network.
    pub fn new(model: &'a Model, profile: &'a ModelProfile) -> Result<Self, IdentityError> {
        let (model_hash, profile_hash) = (model.hash(), profile.hash());
        let binding = profile.check_model(&model_hash)?;
        Ok(Self { model, profile, model_hash, profile_hash, binding })
    }

    /// The network.
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// Its profile.
    pub fn profile(&self) -> &'a ModelProfile {
        self.profile
    }

    /// Hashes of network and profile, as what is computed from both carries them. What comes of a profile that does not say
    /// which network it is of does not say so either.
    pub fn hashes(&self) -> (Option<ModelHash>, Option<ProfileHash>) {
        match self.binding {
            Binding::Bound => (Some(self.model_hash), Some(self.profile_hash)),
            Binding::Unbound => (None, None),
        }
    }

    /// Whether the profile names the network; one of an earlier version does not.
    pub fn binding(&self) -> Binding {
        self.binding
    }
}

/// What an earlier part of some work was computed from, as its report says. Numbers of one report can be compared only if
/// all of them come from the same network, profile, images, kind of device and version of the program.
pub struct ResumedFrom<'a> {
    /// The dense network; a report of an earlier version does not say.
    pub model_hash: Option<ModelHash>,
    /// The profile, likewise.
    pub profile_hash: Option<ProfileHash>,
    /// The evaluation images, likewise.
    pub images_hash: Option<ImagesHash>,
    /// Name of the data set.
    pub dataset: &'a str,
    /// Name of the device.
    pub device: &'a str,
    /// Name and version of the program.
    pub program: &'a str,
}

impl ResumedFrom<'_> {
    /// What differs from the work at hand, as the end of a sentence; nothing where it can be gone on with.
    pub fn difference(
        &self,
        measured: &Measured<'_>,
        images: ImagesHash,
        dataset: &str,
        device: &str,
    ) -> Option<String> {
        let (Some(model), Some(profile), Some(old_images)) = (self.model_hash, self.profile_hash, self.images_hash)
        else {
            return Some(
                "was written by an earlier version and does not say which network and profile it is of".into(),
            );
        };
        let (here, here_profile) = (measured.model_hash, measured.profile_hash);
        if model != here {
            return Some(format!("is of network {}, and this one is {}", model.short(), here.short()));
        }
        if profile != here_profile {
            return Some(format!("is by profile {}, and this one is {}", profile.short(), here_profile.short()));
        }
        if self.dataset != dataset {
            return Some(format!("is on data set {}, and this one is {dataset}", self.dataset));
        }
        if old_images != images {
            return Some("was evaluated on other images".into());
        }
        if device_class(self.device) != device_class(device) {
            return Some(format!("was computed on {}, and this device is {device}", self.device));
        }
        if self.program != PROGRAM {
            return Some(format!("was computed by {}, and this is {PROGRAM}", self.program));
        }
        None
    }
}

/// The kind of a device: the first word of its name, before the adapter's.
fn device_class(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}
