//! How much depends on which calibration images there are. Every sweep measures a profile of its own,
//! so that budgets follow from the same images as repairs.

use std::path::PathBuf;

use rrlab_types::{Repair, RepairOperator, Rule, Sparsity};

use super::step::{Files, Step, derived, listed, sweep};
use crate::cli::ReproduceArgs;

/// The rule that reads a profile, and the strongest of those that read none.
const RULES: [Rule; 2] = [Rule::Lamp, Rule::Rr];

/// Where no others are asked for: one before the recoverability transition of most networks, one
/// inside.
const SPARSITIES: [f64; 2] = [0.8, 0.9];

/// A sweep for each kind of calibration images and each seed, and a page of all. `classes` are those
/// that images are drawn of alone.
pub fn sweeps(args: &ReproduceArgs, files: &Files, classes: &[String]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut drawn = Vec::new();
    let mut add = |name: &str, count: usize, of: Option<(&str, &str)>| {
        let file = |seed: &str| args.out.join(format!("{name}.draw-{seed}.sweep.json"));
        let sweep = drawn_sweep(args, files, count, file("{seed}"));
        steps.push(match of {
            Some((option, value)) => sweep.with(option, value),
            None => sweep,
        });
        drawn.extend(args.calibration_seeds.iter().map(|seed| file(&seed.to_string())));
    };
    for &count in &args.image_counts {
        add(&format!("images-{count}"), count, None);
    }
    for class in classes {
        add(&format!("class-{class}"), args.images, Some(("--calibration-class", class)));
    }
    let other = args.calibration_dataset.as_str();
    if other != args.dataset {
        add(&format!("of-{other}"), args.images, Some(("--calibration-dataset", other)));
    }
    let mut page = derived("report", &drawn, &args.out.join("calibration.md"));
    page.arguments.push("--calibrations".into());
    steps.push(page);
    steps
}

fn drawn_sweep(args: &ReproduceArgs, files: &Files, count: usize, out: PathBuf) -> Step {
    let sparsities = match args.sparsities.as_slice() {
        [] => SPARSITIES.into_iter().filter_map(|value| Sparsity::new(value).ok()).collect(),
        asked => asked.to_vec(),
    };
    let repairs = match args.repairs.as_slice() {
        [] => [RepairOperator::VarianceMatching, RepairOperator::Reconstruction]
            .map(Repair::Operator)
            .to_vec(),
        asked => asked.to_vec(),
    };
    sweep(args, files, (&RULES, &sparsities), count, out)
        // It would need as many images again of the same kind, and nothing here is chosen by it.
        .with("--judge-images", "0")
        .with("--repairs", listed(&repairs))
        .with("--calibration-seeds", listed(&args.calibration_seeds))
}
