//! What open sweeps measured of ERK with forced projections, and of RR.

use leptos::prelude::*;
use rrlab_types::{
    AccuracyAt, AllocationRequest, Constraint, ForcedDensity, MODEL_FILE, Outcomes, Repair, Role,
    Rule, SWEEP_FILE, SweepReport, Target,
};

use super::roles::RoleTotal;
use crate::figure::numbered;
use crate::lab::{Lab, allocate_on};

/// What decides about the projections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Capped ERK, nothing forced.
    Free,
    /// ERK with one density for every projection.
    OneDensity(ForcedDensity),
    /// ERK with what RR gives each projection.
    OfRr,
    /// RR, nothing forced.
    Rr,
}

impl Form {
    /// Whether ERK's projections are forced.
    pub fn is_forced(self) -> bool {
        matches!(self, Self::OneDensity(_) | Self::OfRr)
    }

    fn rule(self) -> Rule {
        if self == Self::Rr { Rule::Rr } else { Rule::Erk }
    }

    /// Those that a sweep with these constraints measured.
    fn of(constraints: &[Constraint]) -> Vec<Self> {
        match constraints {
            [] => vec![Self::Free, Self::Rr],
            [Constraint { target: Target::Role(Role::Projection), density }] => match *density {
                ForcedDensity::Rule(Rule::Rr) => vec![Self::OfRr],
                ForcedDensity::Rule(_) => Vec::new(),
                one => vec![Self::OneDensity(one)],
            },
            _ => Vec::new(),
        }
    }
}

/// A form at A's sparsity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub form: Form,
    /// Of all projections together.
    pub density: f64,
    pub accuracy: AccuracyAt,
    pub standard_error: f64,
    /// Which images were told right; nothing where accuracy is interpolated, or the sweep does not
    /// say.
    pub outcomes: Option<Outcomes>,
    /// What computes the sweep that measured it.
    pub command: Option<String>,
}

impl Measured {
    /// Whether accuracy was measured at this very sparsity.
    pub fn is_exact(&self) -> bool {
        matches!(self.accuracy, AccuracyAt::Measured(_))
    }
}

/// Every form that open sweeps of this profile measured on the same images, in order of density;
/// sparsity and settings are those `asked` for.
pub(super) fn measured(lab: Lab, asked: &AllocationRequest) -> Vec<Measured> {
    let profile = lab.profile.with_value(|profile| profile.hash());
    let mut all: Vec<Measured> = Vec::new();
    lab.sweeps.with(|sweeps| {
        let is_of_profile = |sweep: &&SweepReport| {
            sweep.origin.profile_hash == Some(profile)
                && sweep.plan.is_untrained(lab.settings.a.criterion.get())
        };
        let sweeps: Vec<&SweepReport> = sweeps.iter().filter(is_of_profile).collect();
        // Of several the one that most can be compared with.
        let comparable = |free: &SweepReport| {
            sweeps.iter().filter(|sweep| free.differs_in_constraints_alone(sweep)).count()
        };
        let free = sweeps.iter().filter(|sweep| sweep.plan.constraints.is_empty());
        let Some(free) = free.max_by_key(|free| comparable(free)) else { return };
        let comparable = sweeps.iter().filter(|sweep| free.differs_in_constraints_alone(sweep));
        for (index, sweep) in comparable.enumerate() {
            let command = sweep.command(MODEL_FILE, &numbered(SWEEP_FILE, index));
            for form in Form::of(&sweep.plan.constraints) {
                let is_known = all.iter().any(|known| known.form == form);
                let found = measure(lab, asked, (sweep, &command), form);
                all.extend(found.filter(|_| !is_known));
            }
        }
    });
    all.sort_by(|a, b| a.density.total_cmp(&b.density));
    all
}

fn measure(
    lab: Lab,
    asked: &AllocationRequest,
    (sweep, command): (&SweepReport, &Option<String>),
    form: Form,
) -> Option<Measured> {
    let request = AllocationRequest {
        rule: form.rule(),
        constraints: sweep.plan.constraints.clone(),
        ..asked.clone()
    };
    if !sweep.plan.is_of(&request) {
        return None;
    }
    let repair = Repair::Operator(request.settings.repair);
    let accuracy = sweep.accuracy_at(request.rule, repair, request.sparsity)?;
    let allocation = lab.profile.with_value(|profile| allocate_on(profile, &request)).ok()?;
    let entry = sweep.entry(request.rule, request.sparsity, repair);
    Some(Measured {
        form,
        density: RoleTotal::of(&allocation, Role::Projection).density()?,
        accuracy,
        standard_error: sweep.standard_error(accuracy.accuracy()),
        outcomes: entry.and_then(|entry| entry.outcomes.clone()),
        command: command.clone(),
    })
}
