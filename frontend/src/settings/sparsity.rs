//! The sparsity of an allocation, which may go along with another's.

use leptos::prelude::*;
use rrlab_types::Sparsity;

use super::property::Property;

/// A sparsity of its own, or else the leader's, or else the one at which the page opens.
#[derive(Debug, Clone, Copy)]
pub struct SparsitySetting {
    own: RwSignal<Option<Sparsity>>,
    leader: Option<RwSignal<Option<Sparsity>>>,
}

impl SparsitySetting {
    /// One that nothing leads.
    pub(super) fn new() -> Self {
        Self { own: RwSignal::new(None), leader: None }
    }

    /// One that goes along with this one until it is set to another value.
    pub(super) fn along_with(leader: Self) -> Self {
        Self { own: RwSignal::new(None), leader: Some(leader.own) }
    }

    /// The sparsity; follows whatever it is.
    pub fn get(self) -> Sparsity {
        self.own.get().unwrap_or_else(|| self.usual())
    }

    /// The sparsity as it is now.
    pub fn get_untracked(self) -> Sparsity {
        untrack(|| self.get())
    }

    /// Sets it; to the leader's value, it goes along with that again.
    pub fn set(self, sparsity: Sparsity) {
        let own = (sparsity != untrack(|| self.usual())).then_some(sparsity);
        // Untouched signals wake nobody.
        if self.own.get_untracked() != own {
            self.own.set(own);
        }
    }

    fn usual(self) -> Sparsity {
        self.leader.and_then(|leader| leader.get()).unwrap_or_else(first_sparsity)
    }

    /// The setting of this key in the address, where it is left out while it is not its own.
    pub(super) fn property(self, key: String) -> Property {
        Property::with(
            key,
            move || self.own.get().map(|sparsity| sparsity.to_string()),
            move |text| {
                let sparsity = text.map(str::parse::<Sparsity>).transpose();
                let sparsity = sparsity.map_err(|error| error.to_string())?;
                self.set(sparsity.unwrap_or_else(|| untrack(|| self.usual())));
                Ok(())
            },
        )
    }
}

/// Sparsity at which the page opens.
fn first_sparsity() -> Sparsity {
    Sparsity::new(0.95).unwrap_or(Sparsity::DENSE)
}
