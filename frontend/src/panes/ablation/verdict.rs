//! What accuracies with forced projections say, in words that follow from them alone.

use rrlab_types::{AccuracyAt, ForcedDensity, SIGNIFICANCE};

use super::measured::{Form, Measured};
use crate::format::percent;

/// A form before capped ERK with nothing forced.
struct Difference<'a> {
    of: &'a Measured,
    points: f64,
    /// By McNemar's test; none where accuracies are interpolated, or a sweep does not say which images
    /// it tells right.
    p_value: Option<f64>,
    /// Whether it holds also as one of all the comparisons with ERK.
    holds: bool,
}

impl<'a> Difference<'a> {
    fn new(of: &'a Measured, free: &Measured) -> Self {
        let pair = of.outcomes.as_ref().zip(free.outcomes.as_ref());
        let comparison = pair.and_then(|(own, other)| own.compare(other));
        Self {
            of,
            points: 100.0 * (of.accuracy.accuracy() - free.accuracy.accuracy()),
            p_value: comparison.map(|comparison| comparison.p_value()),
            holds: false,
        }
    }

    fn noise(&self) -> &'static str {
        match self.p_value {
            Some(p) if p < SIGNIFICANCE => "beyond noise",
            Some(_) => "within noise",
            None => "noise not known",
        }
    }
}

/// Marks the differences that hold together: Holm's step-down of their p-values (Scandinavian Journal
/// of Statistics 6, 1979).
fn correct(differences: &mut [Difference<'_>]) {
    let p = |difference: &Difference<'_>| difference.p_value.unwrap_or(1.0);
    let mut order: Vec<usize> = (0..differences.len()).collect();
    order.sort_by(|&a, &b| p(&differences[a]).total_cmp(&p(&differences[b])));
    let count = order.len();
    for (place, index) in order.into_iter().enumerate() {
        if p(&differences[index]) * (count - place) as f64 >= SIGNIFICANCE {
            return;
        }
        differences[index].holds = true;
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
    let others = measured.iter().filter(|point| point.form != Form::Free);
    let differences: Vec<Difference<'_>> =
        others.map(|point| Difference::new(point, free)).collect();
    said.extend(differences.iter().map(sentence));
    let mut forced = differences;
    forced.retain(|difference| difference.of.form != Form::Rr);
    correct(&mut forced);
    said.push(conclusion(free, &forced));
    said
}

fn sentence(difference: &Difference<'_>) -> String {
    let Difference { of, points, .. } = difference;
    let what = match of.form {
        Form::Rr => "RR as a whole, with",
        Form::OfRr => "Forced to what RR gives each of them,",
        Form::OneDensity(ForcedDensity::Global) => "Forced to the density of the whole network,",
        Form::OneDensity(ForcedDensity::Dense) => "Forced dense,",
        Form::OneDensity(_) | Form::Free => "All forced to",
    };
    let points = format!("{points:+.1} points").replace('-', "−");
    format!("{what} {} of them: {points}, {}.", percent(of.density), difference.noise())
}

/// What follows for ERK from the differences that hold together.
fn conclusion(free: &Measured, forced: &[Difference<'_>]) -> String {
    let holds = |is_fewer: bool, sign: f64| {
        let mut these = forced.iter().filter(|difference| difference.holds);
        these.any(|difference| {
            (difference.of.density < free.density) == is_fewer && sign * difference.points > 0.0
        })
    };
    let fewer = match (holds(true, 1.0), holds(true, -1.0)) {
        (true, true) => "somewhat fewer of the projections’ weights do better, far fewer do worse",
        (true, false) => "with fewer of the projections’ weights ERK does better",
        (false, true) => "with far fewer of the projections’ weights ERK does worse",
        (false, false) => "with fewer of the projections’ weights nothing changes beyond noise",
    };
    let more = match (holds(false, 1.0), holds(false, -1.0)) {
        (true, true) => "somewhat more do better, far more do worse",
        (true, false) => "with more it does better",
        (false, true) => "with many more it does worse",
        (false, false) => "with more nothing changes beyond noise",
    };
    let count = forced.len();
    format!("So, as {count} comparisons together (Holm’s correction): {fewer}; {more}.")
}
