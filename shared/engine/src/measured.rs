//! A network together with the profile that was measured on it: the one place where the engine
//! checks that they belong together, and what sweeps and fine-tuning take instead of the two.

use rrlab_types::{Binding, IdentityError, ModelHash, ModelProfile, ProfileHash};

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

    /// The dense network that the profile was measured on.
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// What was measured on the network.
    pub fn profile(&self) -> &'a ModelProfile {
        self.profile
    }

    /// Hashes of network and profile, as what is computed from both carries them. What comes of a
    /// profile that does not say which network it is of does not say so either.
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
