//! What the page shows, as far as it follows from a profile and the settings: computed once, read
//! by every view.

use std::sync::Arc;

use leptos::prelude::*;
use rrlab_types::{
    Allocation, AllocationRequest, ChannelProfile, Evidence, LayerGroup, ModelProfile, Role, Rule,
    Sparsity, SweepDraws, SweepReport, allocate,
};

use crate::metric::LayerNumbers;
use crate::settings::{AllocationSettings, Settings};

/// An allocation, or why there is none.
pub type Outcome = Result<Allocation, String>;

/// Which of the two allocations that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    A,
    B,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// One opened profile with everything that follows from it.
#[derive(Clone, Copy)]
pub struct Lab {
    pub settings: Settings,
    /// The profile that is open.
    pub profile: StoredValue<Arc<ModelProfile>>,
    /// RR of every channel; it may be of another profile.
    pub channels: RwSignal<Option<Arc<ChannelProfile>>>,
    /// Its stages and blocks.
    pub groups: StoredValue<Vec<LayerGroup>>,
    /// Open sweeps; one of another profile lends no numbers.
    pub sweeps: RwSignal<Vec<SweepReport>>,
    /// The same, with those that differ by the draw of their calibration images alone put together.
    pub draws: Memo<Vec<SweepDraws>>,
    /// An allocation from a file, which stands for B while it is open.
    pub opened: RwSignal<Option<Allocation>>,
    /// Allocation A, or why there is none.
    pub a: Memo<Outcome>,
    /// Allocation B, or why there is none.
    pub b: Memo<Outcome>,
    /// LayerNumbers of every layer under A; empty where there is no A.
    pub numbers_a: Memo<Vec<LayerNumbers>>,
    /// LayerNumbers of every layer under B.
    pub numbers_b: Memo<Vec<LayerNumbers>>,
}

impl Lab {
    /// The lab of a profile.
    pub fn new(
        profile: Arc<ModelProfile>,
        channels: RwSignal<Option<Arc<ChannelProfile>>>,
        sweeps: RwSignal<Vec<SweepReport>>,
        opened: RwSignal<Option<Allocation>>,
        settings: Settings,
    ) -> Self {
        let groups = StoredValue::new(profile.graph.groups());
        let profile = StoredValue::new(profile);
        let outcome = move |choice: AllocationSettings| {
            profile.with_value(|profile| allocate_on(profile, &choice.request()))
        };
        let a = Memo::new(move |_| outcome(settings.a));
        let b = Memo::new(move |_| opened.get().map_or_else(|| outcome(settings.b), Ok));
        let numbers = move |allocation: Memo<Outcome>, choice: AllocationSettings| {
            Memo::new(move |_| {
                allocation.with(|outcome| match outcome {
                    Ok(allocation) => profile.with_value(|profile| {
                        LayerNumbers::of_layers(profile, allocation, choice.repair.get())
                    }),
                    Err(_) => Vec::new(),
                })
            })
        };
        let (numbers_a, numbers_b) = (numbers(a, settings.a), numbers(b, settings.b));
        let draws = Memo::new(move |_| SweepDraws::group(sweeps.get()));
        Self {
            settings,
            profile,
            channels,
            groups,
            sweeps,
            draws,
            opened,
            a,
            b,
            numbers_a,
            numbers_b,
        }
    }

    /// LayerNumbers of every layer under one of the two.
    pub fn numbers(self, side: Side) -> Memo<Vec<LayerNumbers>> {
        match side {
            Side::A => self.numbers_a,
            Side::B => self.numbers_b,
        }
    }

    /// One of the two allocations.
    pub fn outcome(self, side: Side) -> Memo<Outcome> {
        match side {
            Side::A => self.a,
            Side::B => self.b,
        }
    }

    /// What one of the two is computed from.
    pub fn choice(self, side: Side) -> AllocationSettings {
        match side {
            Side::A => self.settings.a,
            Side::B => self.settings.b,
        }
    }

    /// Rule, sparsity and what is forced of one of the two, in a line.
    pub fn describe(self, side: Side) -> String {
        match (side, self.opened.get()) {
            (Side::A, _) => self.settings.a.describe(),
            (Side::B, None) => self.settings.b.describe(),
            (Side::B, Some(allocation)) => {
                format!("{} at {} from a file", allocation.rule.label(), allocation.sparsity)
            }
        }
    }

    /// Names of the prunable layers, in graph order.
    pub fn layer_names(self) -> Vec<String> {
        self.profile
            .with_value(|profile| profile.layers.iter().map(|layer| layer.name.clone()).collect())
    }

    /// Whether the network has layers of this role.
    pub fn has_role(self, role: Role) -> bool {
        self.profile.with_value(|profile| profile.graph.has_role(role))
    }

    /// Index of the layer of this name among the prunable ones.
    pub fn layer_index(self, name: &str) -> Option<usize> {
        self.profile
            .with_value(|profile| profile.layers.iter().position(|layer| layer.name == name))
    }

    /// What a rule gives every layer at a sparsity without constraints, other settings as in A.
    pub fn by_rule(self, rule: Rule, sparsity: Sparsity) -> Outcome {
        let request = AllocationRequest {
            rule,
            sparsity,
            constraints: Vec::new(),
            ..self.settings.a.request()
        };
        self.profile.with_value(|profile| allocate_on(profile, &request))
    }
}

/// The allocation that is asked for, by what a profile measured.
///
/// # Errors
/// Why it can't be, for the person to read.
pub fn allocate_on(profile: &ModelProfile, request: &AllocationRequest) -> Outcome {
    allocate(Evidence::Profile(profile), request).map_err(|error| error.to_string())
}
