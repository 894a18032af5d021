//! What the numbers of a figure are of.

use leptos::prelude::*;
use rrlab_types::{AllocationRequest, MODEL_FILE, PROFILE_FILE, SWEEP_FILE, SweepDraws};

use crate::export;
use crate::lab::{Lab, Side};

/// What the numbers of a figure are of: in words, for its caption, and as the commands that compute
/// them again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureSource {
    /// A sentence or more.
    pub words: String,
    /// In the order in which they are entered, each with files of its own; the network's goes by a name
    /// that stands for it.
    pub commands: Vec<String>,
}

impl FigureSource {
    /// The open profile, shared out by these requests.
    pub fn of_requests(lab: Lab, requests: &[AllocationRequest]) -> Self {
        let (words, calibration) = lab.profile.with_value(|profile| {
            (format!("{}.", export::measured(profile)), profile.command(MODEL_FILE, PROFILE_FILE))
        });
        let allocations = requests.iter().map(|request| request.command(PROFILE_FILE));
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
        Self::of_requests(lab, &requests).saying(&format!("A: {a}; B: {b}."))
    }

    /// Sweeps, of which `words` say the same as on the page, with A marked among them.
    pub fn of_sweeps<'d>(
        lab: Lab,
        words: String,
        sweeps: impl IntoIterator<Item = &'d SweepDraws>,
    ) -> Self {
        let a = untrack(|| lab.describe(Side::A));
        let reports = sweeps.into_iter().flat_map(SweepDraws::reports).enumerate();
        let commands = reports
            .filter_map(|(index, report)| report.command(MODEL_FILE, &numbered(SWEEP_FILE, index)));
        Self { words: format!("{words}. A: {a}."), commands: commands.collect() }
    }

    /// The same, with another sentence.
    #[must_use]
    pub fn saying(self, sentence: &str) -> Self {
        Self { words: format!("{} {sentence}", self.words), ..self }
    }
}

/// The name of a file, or of another beside it: `sweep.json`, `sweep-2.json` and so on.
pub fn numbered(name: &str, index: usize) -> String {
    match (index, name.rsplit_once('.')) {
        (0, _) | (_, None) => name.to_owned(),
        (_, Some((name, ending))) => format!("{name}-{}.{ending}", index + 1),
    }
}
