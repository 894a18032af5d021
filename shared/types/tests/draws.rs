//! Means over draws of calibration images, and which differences are noise.

use proptest::prelude::*;
use rrlab_types::{
    ContentHasher, ImagesHash, Outcomes, Repair, ReportOrigin, Rule, SWEEP_VERSION, Sparsity,
    Standing, SweepDraws, SweepEntry, SweepPlan, SweepReport,
};

const IMAGES: usize = 200;
const RULES: [Rule; 3] = [Rule::Rr, Rule::Erk, Rule::Lamp];

fn images_hash(name: &str) -> ImagesHash {
    ImagesHash::of(ContentHasher::new(name))
}

fn sparsity() -> Sparsity {
    Sparsity::new(0.9).unwrap()
}

/// A sweep in which each of the rules misses so many of a hundred images, as
/// `golden/draws.py` makes them.
fn sweep(seed: u64, missed: [usize; 3]) -> SweepReport {
    let entry = |index: usize| {
        let shift = 13 * seed as usize + 29 * index;
        let right = (0..IMAGES).map(|image| (7 * image + shift) % 100 >= missed[index]).collect();
        let outcomes = Outcomes::new(right);
        SweepEntry {
            rule: RULES[index],
            sparsity: sparsity(),
            repair: Repair::None,
            kept: 1,
            accuracy: outcomes.accuracy(),
            outcomes: Some(outcomes),
            divergence: Some(missed[index] as f64),
        }
    };
    SweepReport {
        version: SWEEP_VERSION,
        architecture: "chain".into(),
        classes: 10,
        origin: ReportOrigin {
            model_hash: None,
            profile_hash: None,
            images_hash: Some(images_hash("tests")),
            dataset: "none".into(),
            calibration_dataset: None,
            device: "cpu".into(),
            program: "test".into(),
        },
        plan: SweepPlan {
            rules: RULES.to_vec(),
            sparsities: vec![sparsity()],
            repairs: vec![Repair::None],
            evaluation_images: IMAGES,
            seed,
            evaluation_seed: Some(0),
            ..SweepPlan::default()
        },
        dense_accuracy: 0.95,
        entries: (0..RULES.len()).map(entry).collect(),
    }
}

fn golden() -> Vec<SweepReport> {
    let missed = [[10, 30, 10], [12, 24, 21], [11, 27, 17]];
    (0..).zip(missed).map(|(seed, missed)| sweep(seed, missed)).collect()
}

/// The draws of sweeps that are all of one group.
fn together(reports: Vec<SweepReport>) -> SweepDraws {
    let mut groups = SweepDraws::group(reports);
    assert_eq!(groups.len(), 1);
    groups.remove(0)
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs()
}

#[test]
fn means_errors_and_probabilities_are_scipys() {
    let draws = together(golden());
    let [rr, erk, lamp] = RULES.map(|rule| draws.entry(rule, sparsity(), Repair::None).unwrap());
    assert!(close(rr.accuracy(), 0.89));
    assert!(close(rr.standard_error().unwrap(), 0.012521338570535901));
    let (erk, lamp) = (rr.compare(&erk).unwrap(), rr.compare(&lamp).unwrap());
    assert!(close(erk.mean, 0.16) && close(erk.p_value, 0.017828323616069792), "{erk:?}");
    assert!(close(lamp.mean, 0.05) && close(lamp.p_value, 0.2499873015358372), "{lamp:?}");
    assert_eq!(draws.standing(&rr), Standing::WithinNoise);
    // Alone, the first draw tells them all apart or not by its images.
    let first = together(vec![golden().remove(0)]);
    let own = first.entry(Rule::Rr, sparsity(), Repair::None).unwrap();
    assert_eq!(first.standing(&own), first.first().standing(own.entries()[0]));
    assert_eq!(own.standard_error(), Some(first.first().standard_error(own.accuracy())));
}

#[test]
fn only_what_differs_by_its_draw_alone_comes_together() {
    let mut reports = golden();
    assert_eq!(together(reports.clone()).seeds(), "0, 1, 2");
    // The same seed again, other test images, another plan, another device.
    let again = reports[0].clone();
    let other = |change: fn(&mut SweepReport)| {
        let mut report = golden().remove(1);
        report.plan.seed = 7;
        change(&mut report);
        report
    };
    reports.extend([
        again,
        other(|report| report.origin.images_hash = Some(images_hash("others"))),
        other(|report| report.plan.calibration_images = 16),
        other(|report| report.origin.device = "cuda".into()),
        other(|report| report.origin.device = "cpu (a name)".into()),
    ]);
    let groups = SweepDraws::group(reports);
    let sizes: Vec<usize> = groups.iter().map(|group| group.reports().len()).collect();
    assert_eq!(
        sizes,
        [4, 1, 1, 1, 1],
        "the device that differs by its adapter alone is the fourth"
    );
}

#[test]
fn a_combination_that_a_draw_lacks_has_no_mean() {
    let mut reports = golden();
    reports[1].entries.remove(1);
    let draws = together(reports);
    assert!(draws.entry(Rule::Erk, sparsity(), Repair::None).is_none());
    assert!(draws.entry(Rule::Lamp, sparsity(), Repair::None).is_some());
    // Nor does the judge choose among the others alone.
    assert!(draws.judged_best(sparsity(), Repair::None).is_none());
}

#[test]
fn what_is_not_told_of_images_has_no_error() {
    let mut reports = golden();
    for report in &mut reports {
        report.entries.iter_mut().for_each(|entry| entry.outcomes = None);
    }
    let draws = together(reports);
    assert_eq!(draws.largest_standard_error(), None);
    let own = draws.entry(Rule::Rr, sparsity(), Repair::None).unwrap();
    assert_eq!(draws.standing(&own), Standing::Unknown);
}

/// Two thousand images, and differences from none to a quarter of them.
#[test]
fn every_difference_has_a_probability_at_once() {
    let mut before = 1.0;
    for missed in [0, 1, 2, 5, 20, 100, 500] {
        let reports = (0..3).map(|seed: usize| {
            let mut report = sweep(seed as u64, [0; 3]);
            report.plan.evaluation_images = 2000;
            for (entry, missed) in report.entries.iter_mut().zip([0, missed + seed, 0]) {
                let right = (0..2000).map(|image| (image + 7 * seed) % 2000 >= missed).collect();
                let outcomes = Outcomes::new(right);
                (entry.accuracy, entry.outcomes) = (outcomes.accuracy(), Some(outcomes));
            }
            report
        });
        let draws = together(reports.collect());
        let [rr, erk] =
            [Rule::Rr, Rule::Erk].map(|rule| draws.entry(rule, sparsity(), Repair::None).unwrap());
        let p = rr.compare(&erk).unwrap().p_value;
        assert!((0.0..=before).contains(&p), "{missed}: {p} after {before}");
        before = p;
    }
    assert!(before < 1e-3, "{before}");
}

#[test]
fn a_seed_that_is_said_twice_is_said_once() {
    let mut report = sweep(3, [10, 12, 14]);
    report.plan.evaluation_seed = Some(3);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(SweepReport::from_json(&text).unwrap().plan.evaluation_seed, None);
}

#[test]
fn the_judge_chooses_in_each_draw() {
    let draws = together(vec![sweep(0, [10, 12, 14]), sweep(1, [13, 12, 14])]);
    let chosen = draws.judged_best(sparsity(), Repair::None).unwrap();
    assert_eq!(chosen.rule(), None);
    assert_eq!(chosen.entries().iter().map(|e| e.rule).collect::<Vec<_>>(), [Rule::Rr, Rule::Erk]);
    assert!(close(chosen.accuracy(), 0.89));
    assert_eq!(chosen.divergence(), Some(11.0));
}

proptest! {
    #[test]
    fn a_difference_is_a_probability_and_has_a_sign(missed in proptest::array::uniform3(proptest::array::uniform3(0usize..100))) {
        let draws = together((0..).zip(missed).map(|(seed, missed)| sweep(seed, missed)).collect());
        let [a, b] = [Rule::Rr, Rule::Erk].map(|rule| draws.entry(rule, sparsity(), Repair::None).unwrap());
        let (ab, ba) = (a.compare(&b).unwrap(), b.compare(&a).unwrap());
        prop_assert!((0.0..=1.0).contains(&ab.p_value));
        prop_assert!((ab.mean + ba.mean).abs() < 1e-12 && ab.p_value == ba.p_value);
        prop_assert!((ab.mean - (a.accuracy() - b.accuracy())).abs() < 1e-12);
        // Each of the two kinds of noise counts.
        let error = a.standard_error().unwrap();
        let spread = |entries: &[&SweepEntry]| {
            let mean = entries.iter().map(|e| e.accuracy).sum::<f64>() / 3.0;
            entries.iter().map(|e| (e.accuracy - mean).powi(2)).sum::<f64>() / 2.0 / 3.0
        };
        prop_assert!(error * error >= spread(a.entries()) - 1e-15);
        let own = a.compare(&a).unwrap();
        prop_assert_eq!((own.mean, own.p_value), (0.0, 1.0));
    }
}
