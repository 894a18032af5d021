//! What accuracies with forced projections say, in words that follow from them alone.

use rrlab_types::{AccuracyAt, ForcedDensity};

use super::measured::{Form, Measured};
use crate::format::percent;

/// Whether a difference of accuracies is more than chance.
#[derive(Clone, Copy, PartialEq)]
enum Noise {
    Beyond,
    Within,
    /// Accuracies are interpolated, or a sweep does not say which images it tells right.
    Unknown,
}

impl Noise {
    fn in_words(self) -> &'static str {
        match self {
            Self::Beyond => "beyond noise",
            Self::Within => "within noise",
            Self::Unknown => "noise not known",
        }
    }
}

/// A form before capped ERK with nothing forced.
struct Difference {
    points: f64,
    noise: Noise,
}

impl Difference {
    fn of(form: &Measured, free: &Measured) -> Self {
        let points = 100.0 * (form.accuracy.accuracy() - free.accuracy.accuracy());
        let pair = form.outcomes.as_ref().zip(free.outcomes.as_ref());
        let noise = match pair.and_then(|(own, other)| own.compare(other)) {
            Some(comparison) if comparison.is_beyond_noise() => Noise::Beyond,
            Some(_) => Noise::Within,
            None => Noise::Unknown,
        };
        Self { points, noise }
    }

    fn gains(&self) -> bool {
        self.noise == Noise::Beyond && self.points > 0.0
    }

    fn loses(&self) -> bool {
        self.noise == Noise::Beyond && self.points < 0.0
    }
}

/// A sentence for each form, and what follows for ERK; nothing where ERK itself was not measured.
pub(super) fn verdict(measured: &[Measured]) -> Vec<String> {
    let Some(free) = measured.iter().find(|point| point.form == Form::Free) else {
        return Vec::new();
    };
    let mut said = vec![format!(
        "ERK (capped) keeps {} of the projections’ weights and is right on {}{}.",
        percent(free.density),
        percent(free.accuracy.accuracy()),
        match free.accuracy {
            AccuracyAt::Measured(_) => "",
            AccuracyAt::Interpolated { .. } => ", interpolated between two sparsities",
        }
    )];
    let (mut with_fewer, mut with_more) = (Vec::new(), Vec::new());
    for point in measured.iter().filter(|point| point.form != Form::Free) {
        let difference = Difference::of(point, free);
        said.push(sentence(point, &difference));
        if point.form != Form::Rr {
            let side = if point.density < free.density { &mut with_fewer } else { &mut with_more };
            side.push(difference);
        }
    }
    said.push(conclusion(&with_fewer, &with_more).to_owned());
    said
}

fn sentence(point: &Measured, difference: &Difference) -> String {
    let what = match point.form {
        Form::Rr => "RR as a whole, with",
        Form::OfRr => "Forced to what RR gives each of them,",
        Form::OneDensity(ForcedDensity::Global) => "Forced to the density of the whole network,",
        Form::OneDensity(ForcedDensity::Dense) => "Forced dense,",
        Form::OneDensity(_) | Form::Free => "All forced to",
    };
    let points = format!("{:+.1} points", difference.points).replace('-', "−");
    format!("{what} {} of them: {points}, {}.", percent(point.density), difference.noise.in_words())
}

/// What follows from ERK with fewer and with more of the projections’ weights than it gives itself.
fn conclusion(with_fewer: &[Difference], with_more: &[Difference]) -> &'static str {
    let gains = |side: &[Difference]| side.iter().any(Difference::gains);
    let loses = |side: &[Difference]| side.iter().any(Difference::loses);
    match (gains(with_fewer), gains(with_more)) {
        (true, true) => "So both fewer and more of them can do better here: look at the curve.",
        (true, false) => {
            "So ERK over-protects the projections here: its budget is better spent elsewhere."
        }
        (false, true) => "So ERK gives the projections too little here.",
        (false, false) if loses(with_fewer) && loses(with_more) => {
            "So ERK gives the projections about what they need here: less hurts, and so does more."
        }
        (false, false) if loses(with_fewer) => {
            "So ERK does not over-protect the projections here: with less it loses, and nothing gains."
        }
        (false, false) if loses(with_more) => {
            "So more than ERK’s share would hurt here; whether less would do is within noise."
        }
        (false, false) => "So whether ERK over-protects the projections can’t be told here.",
    }
}
