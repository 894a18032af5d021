//! What the numbers of a figure are of.

use leptos::prelude::*;
use rrlab_types::{AllocationRequest, SweepDraws};

use crate::export;
use crate::lab::{Lab, Side};

/// What the numbers of a figure are of: in words, for its caption, and as the commands that compute
/// them again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureSource {
    /// A sentence or more.
    pub words: String,
    /// In the order in which they are entered; the network's file goes by a name that stands for
    /// it.
    pub commands: Vec<String>,
}

impl FigureSource {
    /// The open profile, shared out by these requests.
    pub fn of_requests(lab: Lab, requests: &[AllocationRequest]) -> Self {
        let words = lab.profile.with_value(|profile| format!("{}.", export::measured(profile)));
        let calibration = lab.profile.with_value(|profile| profile.command());
        let allocations = requests.iter().map(AllocationRequest::command);
        Self { words, commands: std::iter::once(calibration).chain(allocations).collect() }
    }

    /// The open profile under both allocations.
    pub fn of_allocations(lab: Lab) -> Self {
        let [a, b] = [Side::A, Side::B].map(|side| untrack(|| lab.describe(side)));
        let mut requests = vec![untrack(|| lab.settings.a.request())];
        // One from a file is not of a command that is known here.
        if lab.opened.with_untracked(Option::is_none) {
            requests.push(untrack(|| lab.settings.b.request()));
        }
        let of_profile = Self::of_requests(lab, &requests);
        Self { words: format!("{} A: {a}; B: {b}.", of_profile.words), ..of_profile }
    }

    /// Sweeps, of which `words` say the same as on the page, with A marked among them.
    pub fn of_sweeps<'d>(
        lab: Lab,
        words: String,
        sweeps: impl IntoIterator<Item = &'d SweepDraws>,
    ) -> Self {
        let a = untrack(|| lab.describe(Side::A));
        let reports = sweeps.into_iter().flat_map(SweepDraws::reports);
        let commands = reports.filter_map(|report| report.command()).collect();
        Self { words: format!("{words}. A: {a}."), commands }
    }
}
