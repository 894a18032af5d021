//! Properties that every rule has, and numbers computed by an independent script.

mod common;

use std::path::Path;

use common::{chain, classifying, conv, deviates, layer_weights, module, profile};
use proptest::prelude::*;
use rrlab_types::{
    AccuracyAt, AllocateError, Allocation, AllocationRequest, Binding, CURVE_SPARSITIES,
    Constraint, ContentHasher, Criterion, Crossing, DistillationPlan, Document, Evidence,
    ImagesHash, LayerGraph, LayerProfile, LayerState, ModelHash, ModelProfile, Op, Outcomes,
    PredictionError, Prior, ProfileError, ProfileHash, Repair, RepairOperator, ReportOrigin, Rule,
    SWEEP_VERSION, ScoreSketch, Sparsity, Standing, SweepEntry, SweepPlan, SweepReport,
    VersionError, allocate, lamp_scores, predicted_noise,
};
use strum::VariantArray as _;

fn request(rule: Rule, sparsity: f64) -> AllocationRequest {
    let sparsity = Sparsity::new(sparsity).unwrap();
    AllocationRequest::new(rule, sparsity)
}

fn run(profile: &ModelProfile, rule: Rule, sparsity: f64) -> Result<Allocation, AllocateError> {
    allocate(Evidence::Profile(profile), &request(rule, sparsity))
}

fn networks() -> impl Strategy<Value = ModelProfile> {
    (prop::collection::vec(2usize..24, 2..6), 2usize..12, any::<u32>())
        .prop_map(|(channels, classes, seed)| profile(&chain(&channels, classes), u64::from(seed)))
}

/// Convolutions beside each other, added up: `conv0` with the first of these kernels (of 1, 3, 5,
/// … pixels) and so on, in this order or the other way round.
fn fan(kernels: &[usize], reversed: bool) -> LayerGraph {
    let mut branches: Vec<_> = kernels.iter().enumerate().collect();
    if reversed {
        branches.reverse();
    }
    let mut modules = Vec::new();
    for (index, kernel) in branches {
        modules.push(module(format!("conv{index}"), conv(3, 4, 2 * kernel - 1), &[0]));
    }
    let mut sum = 1;
    for branch in 2..=kernels.len() {
        modules.push(module(format!("add{branch}"), Op::Add, &[sum, branch]));
        sum = modules.len();
    }
    classifying(3, modules, 4, 4)
}

fn rules() -> impl Strategy<Value = Rule> {
    prop::sample::select(Rule::VARIANTS.to_vec())
}

/// `uniform_plus` has a floor that high sparsities can't pay, and says so; every other rule meets
/// every budget.
fn is_floor(error: &AllocateError) -> bool {
    matches!(error, AllocateError::RuleFloor { .. })
}

proptest! {
    #[test]
    fn the_budget_is_met_to_the_weight(profile in networks(), rule in rules(), sparsity in 0.0..0.98f64) {
        match run(&profile, rule, sparsity) {
            Ok(allocation) => {
                prop_assert!(allocation.check().is_ok());
                let total: usize = allocation.layers.iter().map(|layer| layer.weights).sum();
                prop_assert_eq!(allocation.kept, ((1.0 - sparsity) * total as f64).round() as usize);
                for layer in &allocation.layers {
                    prop_assert_eq!(layer.state == LayerState::Capped, layer.kept == layer.weights);
                }
            }
            Err(AllocateError::Budget(_)) => prop_assert!(sparsity > 0.5),
            Err(error) => prop_assert!(is_floor(&error), "{error}"),
        }
    }

    /// No free layer falls below the floor, and the budget is met all the same.
    #[test]
    fn a_floor_holds(profile in networks(), rule in rules(), floor in 0.0..0.3f64, sparsity in 0.3..0.95f64) {
        let mut request = request(rule, sparsity);
        request.settings.floor = floor;
        match allocate(Evidence::Profile(&profile), &request) {
            Ok(allocation) => {
                prop_assert!(allocation.check().is_ok());
                for layer in &allocation.layers {
                    prop_assert!(layer.kept as f64 >= floor * layer.weights as f64 - 1e-6, "{} of {}", layer.kept, layer.weights);
                }
            }
            Err(AllocateError::Floor { highest, .. }) => prop_assert!(highest < floor + 1e-2 + 6.0 / 100.0),
            Err(error) => prop_assert!(is_floor(&error) || matches!(error, AllocateError::Budget(_)), "{error}"),
        }
    }

    /// A larger budget takes from no layer, but for the weight that rounding moves.
    #[test]
    fn more_budget_takes_nothing_away(profile in networks(), rule in rules(), low in 0.3..0.9f64, step in 0.001..0.1f64) {
        // Scores of these depend on the sparsity itself.
        prop_assume!(!matches!(rule, Rule::RrProportional | Rule::Blend | Rule::BlendGeometric));
        if let (Ok(more), Ok(less)) = (run(&profile, rule, low), run(&profile, rule, low + step)) {
            for (more, less) in more.layers.iter().zip(&less.layers) {
                prop_assert!(more.kept + 1 >= less.kept, "{}: {} then {}", more.name, more.kept, less.kept);
            }
        }
    }

    /// The order of layers makes no difference, but for the weight that rounding moves.
    #[test]
    fn order_of_layers_does_not_matter(
        kernels in prop::collection::vec(1usize..4, 1..6), rule in rules(), sparsity in 0.2..0.9f64,
    ) {
        prop_assume!(rule != Rule::UniformPlus);
        let forward = profile(&fan(&kernels, false), 5);
        let mut backward = forward.clone();
        backward.graph = fan(&kernels, true);
        let branches = backward.layers.len() - 1;
        backward.layers[..branches].reverse();
        if let (Ok(forward), Ok(backward)) = (run(&forward, rule, sparsity), run(&backward, rule, sparsity)) {
            for layer in &forward.layers {
                let other = backward.layers.iter().find(|other| other.name == layer.name).unwrap();
                prop_assert!(layer.kept.abs_diff(other.kept) <= 1, "{}: {} and {}", layer.name, layer.kept, other.kept);
            }
        }
    }

    #[test]
    fn forced_layers_are_paid_first(profile in networks(), rule in rules(), density in 0.01..1.0f64, sparsity in 0.3..0.9f64) {
        let mut request = request(rule, sparsity);
        request.constraints = vec![format!("conv0={density}").parse().unwrap()];
        match allocate(Evidence::Profile(&profile), &request) {
            Ok(allocation) => {
                prop_assert!(allocation.check().is_ok());
                let first = &allocation.layers[0];
                prop_assert_eq!(first.state, LayerState::Forced);
                prop_assert_eq!(first.kept, ((density * first.weights as f64).round() as usize).max(1));
            }
            Err(AllocateError::ForcedBudget { low, high, .. }) => {
                // Inside the range that the error names, the same constraint can be met.
                let middle = 0.5 * (low + high);
                let met = allocate(Evidence::Profile(&profile), &AllocationRequest { sparsity: Sparsity::new(middle).unwrap(), ..request });
                prop_assert!(met.is_ok() || met.as_ref().is_err_and(is_floor), "{met:?}");
            }
            Err(error) => prop_assert!(is_floor(&error) || matches!(error, AllocateError::Budget(_)), "{error}"),
        }
    }

    /// An allocation changed by factors keeps its budget, its forced layers and its floor; wider
    /// means more, and no factor at all changes nothing.
    #[test]
    fn scaled_allocations_keep_the_budget(
        profile in networks(), rule in rules(), sparsity in 0.3..0.9f64, floor in 0.0..0.05f64,
        widened in any::<prop::sample::Index>(), factor in 1.0..20.0f64,
    ) {
        let mut request = request(rule, sparsity);
        request.settings.floor = floor;
        request.constraints = vec!["conv0=global".parse().unwrap()];
        let Ok(allocation) = allocate(Evidence::Profile(&profile), &request) else {
            return Ok(());
        };
        let count = allocation.layers.len();
        prop_assert_eq!(&allocation.scaled(&vec![1.0; count]), &allocation);
        let widened = widened.index(count);
        let mut factors = vec![1.0; count];
        factors[widened] = factor;
        let scaled = allocation.scaled(&factors);
        prop_assert!(scaled.check().is_ok());
        prop_assert_eq!(&scaled.layers[0], &allocation.layers[0], "the forced layer");
        prop_assert!(scaled.layers[widened].kept >= allocation.layers[widened].kept);
        for layer in &scaled.layers[1..] {
            prop_assert!(layer.kept as f64 >= floor * layer.weights as f64 - 1e-6, "{layer:?}");
            prop_assert_eq!(layer.state == LayerState::Capped, layer.kept == layer.weights);
        }
    }

    /// What SPDY's prior shares out keeps budget, forced layers and floor, and costs no more than any
    /// other allocation of the budget, but for whole weights and the grid.
    #[test]
    fn a_quadratic_prior_is_met_at_least_cost(
        profile in networks(), sparsity in 0.3..0.9f64, floor in 0.0..0.05f64,
        drawn in prop::collection::vec((0.0..1.0f64, 0.1..10.0f64), 12),
    ) {
        let mut request = request(Rule::Erk, sparsity);
        request.settings.floor = floor;
        request.constraints = vec!["conv0=global".parse().unwrap()];
        let Ok(allocation) = allocate(Evidence::Profile(&profile), &request) else {
            return Ok(());
        };
        let count = allocation.layers.len();
        let (coefficients, factors): (Vec<f64>, Vec<f64>) =
            drawn.into_iter().cycle().take(count).unzip();
        let shared = allocation.by_quadratic_prior(&coefficients);
        prop_assert!(shared.check().is_ok());
        prop_assert_eq!(shared.kept, allocation.kept);
        prop_assert_eq!(&shared.layers[0], &allocation.layers[0], "the forced layer");
        for layer in &shared.layers[1..] {
            prop_assert!(layer.kept as f64 >= floor * layer.weights as f64 - 1e-6, "{layer:?}");
        }
        let cost = |allocation: &Allocation| -> f64 {
            let layers = allocation.layers.iter().zip(&coefficients);
            layers.map(|(layer, c)| c * layer.density.ln().powi(2)).sum()
        };
        // One weight more or less costs 2c·ln(1/density)/kept, and a chord of the grid lies above
        // the curve by 0.003c at most.
        let tolerance: f64 = shared.layers.iter().zip(&coefficients).map(|(layer, c)| {
            let least = layer.kept.saturating_sub(1).max(1) as f64;
            c * (0.003 + 2.0 * (layer.weights as f64 / least).ln() / least)
        }).sum();
        for other in [&allocation, &allocation.scaled(&factors), &shared.scaled(&factors)] {
            prop_assert!(cost(&shared) <= cost(other) + tolerance, "{} {}", cost(&shared), cost(other));
        }
    }

    /// A sketch gives the fraction of weights above any of their scores within 0.1 percentage
    /// point, or a weight.
    #[test]
    fn sketches_are_faithful(seed in any::<u32>(), count in 2usize..3000, at in 0.0..1.0f64) {
        let mut scores = lamp_scores(&deviates(u64::from(seed), count));
        let sketch = ScoreSketch::of_network(vec![scores.clone()]).remove(0);
        scores.sort_by(|a, b| b.total_cmp(a));
        let index = ((at * count as f64) as usize).min(count - 1);
        let exact = (index as f64 + 0.5) / count as f64;
        let error = (sketch.fraction_above(scores[index].max(1e-30).ln()) - exact).abs();
        prop_assert!(error <= 1e-3f64.max(1.5 / count as f64), "{error} at {exact}");
    }
}

/// A measured residual may fall where hardly anything is left. That is no reason to cut the layer
/// off: what a single weight leaves of a layer is nothing.
#[test]
fn a_curve_that_falls_at_its_end_does_not_make_cutting_cheap() {
    let mut profile = profile(&chain(&[3, 16, 16, 16], 4), 3);
    let layer = &mut profile.layers[1];
    for curve in layer.residual.values_mut() {
        let last = curve.len() - 10;
        for (step, value) in curve[last..].iter_mut().enumerate() {
            *value = layer.variance * (0.45 - 0.03 * step as f64);
        }
    }
    for rule in [Rule::Rr, Rule::RrRatio, Rule::ResidualOptimal] {
        let allocation = run(&profile, rule, 0.95).unwrap();
        let (kept, weights) = (allocation.layers[1].kept, allocation.layers[1].weights);
        // What the curve's end measured is believed; what lies beyond is not made up from its
        // slope.
        let measured = (1.0 - CURVE_SPARSITIES[CURVE_SPARSITIES.len() - 1]) * weights as f64;
        assert!(kept as f64 >= measured - 1.0, "{rule} keeps {kept} of {weights} weights");
        assert!(allocation.layers[1].is_near_collapse());
    }
}

#[test]
fn sparsity_zero_keeps_everything() {
    let profile = profile(&chain(&[3, 8, 8], 4), 1);
    for &rule in Rule::VARIANTS {
        let allocation = run(&profile, rule, 0.0).unwrap();
        assert!(allocation.layers.iter().all(|layer| layer.kept == layer.weights), "{rule}");
    }
}

#[test]
fn impossible_budgets_name_what_is_possible() {
    let profile = profile(&chain(&[3, 4], 2), 1);
    let error = run(&profile, Rule::Erk, 0.9999).unwrap_err().to_string();
    assert!(error.contains("highest sparsity possible here is 0.98"), "{error}");
    for value in [1.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(Sparsity::new(value).is_err(), "{value}");
    }
    let graph_only =
        allocate(Evidence::Graph(&profile.graph), &request(Rule::Lamp, 0.5)).unwrap_err();
    assert!(graph_only.to_string().contains("needs a profile"));
}

#[test]
fn constraints_read_back_as_they_were_written() {
    for text in ["projection=dense", "stem=global", "layer2.0.conv1=0.2", "classifier=rule:rr"] {
        assert_eq!(text.parse::<Constraint>().unwrap().to_string(), text);
    }
    for text in ["projection", "=dense", "stem=1.5", "stem=rule:none", "stem=NaN"] {
        assert!(text.parse::<Constraint>().is_err(), "{text}");
    }
    assert!(Prior::try_from(Rule::Blend).is_err());
}

#[test]
fn profiles_survive_the_way_through_a_file_and_broken_ones_are_refused() {
    let profile = profile(&chain(&[3, 8, 8], 4), 1);
    let text = serde_json::to_string(&profile).unwrap();
    assert!(ModelProfile::from_json(&text).unwrap() == profile);
    assert!(matches!(
        ModelProfile::from_json(&text.replacen("\"version\":3", "\"version\":9", 1)),
        Err(ProfileError::Version(VersionError::Unknown { found: 9, .. }))
    ));
    assert!(matches!(
        ModelProfile::from_json(&text[..text.len() / 2]),
        Err(ProfileError::Version(_))
    ));
    let mut broken = profile.clone();
    broken.layers[0].raw.pop();
    assert!(matches!(
        ModelProfile::from_json(&serde_json::to_string(&broken).unwrap()),
        Err(ProfileError::Layer { .. })
    ));
    let mut broken = profile.clone();
    broken.layers[1].channel_sensitivity.pop();
    let error = ModelProfile::from_json(&serde_json::to_string(&broken).unwrap()).unwrap_err();
    assert!(error.to_string().contains("its sensitivity is not 8 numbers"), "{error}");
    let broken = text.replacen("\"inputs\":[0]", "\"inputs\":[99]", 1);
    let error = ModelProfile::from_json(&broken).unwrap_err().to_string();
    let expected = "not a profile: node `conv0` takes input 99, which is not an earlier node";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn an_allocation_names_its_network_and_profile_and_is_refused_elsewhere() {
    let graph = chain(&[3, 8, 8], 4);
    let (profile, other) = (profile(&graph, 1), profile(&graph, 2));
    let allocation = run(&profile, Rule::Rr, 0.5).unwrap();
    assert_eq!(allocation.model_hash, profile.model_hash);
    assert_eq!(allocation.profile_hash, Some(profile.hash()));
    let (mine, others) = (profile.model_hash.unwrap(), other.model_hash.unwrap());
    assert_eq!(allocation.check_model(&mine), Ok(Binding::Bound));
    let error = allocation.check_model(&others).unwrap_err().to_string();
    let expected = format!(
        "the allocation is of network {}, but the network here is {}: allocate from the profile of this network",
        mine.short(),
        others.short()
    );
    assert_eq!(error, expected);
    let of_shapes = allocate(Evidence::Graph(&graph), &request(Rule::Erk, 0.5)).unwrap();
    assert_eq!(of_shapes.check_model(&others), Ok(Binding::Unbound));
}

#[test]
fn a_profiles_hash_is_of_what_it_holds_and_not_of_its_file() {
    let profile = profile(&chain(&[3, 8, 8], 4), 1);
    let pretty = serde_json::to_string_pretty(&profile).unwrap();
    assert_eq!(ModelProfile::from_json(&pretty).unwrap().hash(), profile.hash());
    let mut changed = profile.clone();
    changed.layers[0].raw[3] += 1e-9;
    assert_ne!(changed.hash(), profile.hash());
}

#[test]
fn files_of_the_version_before_are_read_and_bound_to_nothing() {
    let old = |value: serde_json::Value, hash: &str| {
        let mut value = value;
        value["version"] = 1.into();
        for field in ["model_hash", "profile_hash", "images_hash"] {
            value.as_object_mut().unwrap().remove(field);
        }
        if !hash.is_empty() {
            value["model_hash"] = hash.into();
        }
        value.to_string()
    };
    let profile = profile(&chain(&[3, 8, 8], 4), 1);
    let read = ModelProfile::from_json(&old(without_sensitivity(&profile, 1), "")).unwrap();
    assert_eq!(read.check_model(&profile.model_hash.unwrap()), Ok(Binding::Unbound));
    // Version 1 named networks by a hash of 16 digits.
    let text = old(serde_json::to_value(sweep(&[(0.9, 0.8)])).unwrap(), "0123456789abcdef");
    let read = SweepReport::from_json(&text).unwrap();
    assert_eq!(read.origin.model_hash, None);
    assert_eq!(read.check_profile(&profile.hash()), Ok(Binding::Unbound));
    let broken = text.replacen("\"version\":1", "\"version\":2", 1);
    assert!(SweepReport::from_json(&broken).unwrap_err().to_string().contains("is no hash"));
}

/// A profile as versions 1 and 2 wrote it: without sensitivity, curves from 0.3 to 0.998.
fn without_sensitivity(profile: &ModelProfile, version: u32) -> serde_json::Value {
    let mut profile = profile.clone();
    profile.version = version;
    profile.measurement.sensitivity = None;
    let known = CURVE_SPARSITIES.map(|sparsity| (0.3..=0.998).contains(&sparsity));
    for layer in &mut profile.layers {
        layer.channel_sensitivity.clear();
        for curve in layer.residual.values_mut().chain([&mut layer.raw]) {
            let mut known = known.iter();
            curve.retain(|_| *known.next().unwrap());
        }
    }
    serde_json::to_value(&profile).unwrap()
}

#[test]
fn profiles_without_sensitivity_serve_every_rule_but_those_that_weigh_by_it() {
    let profile = profile(&chain(&[3, 16, 16, 16], 4), 3);
    let text = without_sensitivity(&profile, 2).to_string();
    let read = ModelProfile::from_json(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap().len(), text.len());
    for (layer, whole) in read.layers.iter().zip(&profile.layers) {
        assert_eq!(layer.sparsities().len(), layer.raw.len());
        for &sparsity in layer.sparsities() {
            let of = |layer: &LayerProfile| layer.raw_at(1.0 - sparsity);
            assert!((of(layer) - of(whole)).abs() < 1e-12, "{} at {sparsity}", layer.name);
        }
    }
    for &rule in Rule::VARIANTS {
        let allocation = run(&read, rule, 0.9);
        match rule {
            Rule::Rr | Rule::BlendGeometric => {
                let error = allocation.unwrap_err().to_string();
                assert!(error.contains("measured before") && error.contains("rrlab calibrate"));
            }
            _ => allocation.unwrap().check().unwrap(),
        }
    }
    let claims = text.replacen("\"version\":2", "\"version\":3", 1);
    let error = ModelProfile::from_json(&claims).unwrap_err().to_string();
    assert!(error.contains("a curve is not 43 numbers"), "{error}");
}

/// √S·r/(1 − r) of a layer that keeps so many weights, as `docs/method.md`, section 5 has it.
fn unrepairable_noise(layer: &LayerProfile, weights: usize, kept: usize) -> f64 {
    let density = kept as f64 / weights as f64;
    let share = match kept {
        1 => 1.0,
        _ => layer.residual_at(RepairOperator::LeastSquares, density) / layer.variance,
    };
    layer.sensitivity().unwrap().min(1.0).sqrt() * share / (1.0 - share).max(1e-3)
}

/// Least Σ √S·r/(1 − r) of all ways to keep `left` weights in these layers.
fn least_noise(layers: &[(LayerProfile, usize)], left: usize) -> f64 {
    let [(layer, weights), rest @ ..] = layers else {
        return if left == 0 { 0.0 } else { f64::INFINITY };
    };
    let of =
        |kept: usize| unrepairable_noise(layer, *weights, kept) + least_noise(rest, left - kept);
    (1..=left.min(*weights)).map(of).fold(f64::INFINITY, f64::min)
}

/// Of every way to spend the budget, none is better than `rr`’s by more than the two weights that
/// rounding moves.
#[test]
fn rr_leaves_as_little_noise_as_any_allocation_of_a_tiny_network() {
    for seed in 1..13 {
        let profile = profile(&chain(&[2, 3, 2], 4), seed);
        for sparsity in [0.2, 0.5, 0.7, 0.8, 0.9] {
            let allocation = run(&profile, Rule::Rr, sparsity).unwrap();
            let weights = allocation.layers.iter().map(|layer| layer.weights);
            let layers: Vec<_> = profile.layers.iter().cloned().zip(weights).collect();
            let kept = allocation.layers.iter().map(|layer| layer.kept);
            let ours: f64 = layers
                .iter()
                .zip(kept)
                .map(|((layer, weights), kept)| unrepairable_noise(layer, *weights, kept))
                .sum();
            let repair = Repair::Operator(RepairOperator::VarianceMatching);
            let predicted = predicted_noise(&profile, &allocation, repair).unwrap();
            assert!((predicted - ours).abs() <= 1e-9 * ours, "{predicted}, {ours}");
            let rounded = least_noise(&layers, allocation.budget - 2);
            let least = least_noise(&layers, allocation.budget);
            assert!(
                ours >= least - 1e-12 && ours <= 1.01 * rounded,
                "{seed} {sparsity}: {ours}, {least}, {rounded}"
            );
        }
    }
}

#[test]
fn a_profile_predicts_what_it_measured_and_says_what_it_did_not() {
    let profile = profile(&chain(&[3, 8, 8], 4), 5);
    let allocation = run(&profile, Rule::Erk, 0.8).unwrap();
    let raw = predicted_noise(&profile, &allocation, Repair::None).unwrap();
    let by_hand: f64 = profile
        .layers
        .iter()
        .zip(&allocation.layers)
        .map(|(layer, kept)| {
            let weight = layer.sensitivity().unwrap().min(1.0).sqrt();
            weight * layer.raw_at(kept.density) / layer.variance
        })
        .sum();
    assert!((raw - by_hand).abs() <= 1e-12 * raw);
    // A batch norm whose statistics are measured anew is variance matching.
    let [recalibrated, matched] =
        [Repair::BnRecalibration, Repair::Operator(RepairOperator::VarianceMatching)]
            .map(|repair| predicted_noise(&profile, &allocation, repair).unwrap());
    assert_eq!(recalibrated, matched);

    let other = run(&common::profile(&chain(&[3, 8], 4), 5), Rule::Erk, 0.8).unwrap();
    let error = predicted_noise(&profile, &other, Repair::None).unwrap_err();
    assert_eq!(error, PredictionError::OtherNetwork { expected: 3, found: 2 });
    let old = ModelProfile::from_json(&without_sensitivity(&profile, 2).to_string()).unwrap();
    let error = predicted_noise(&old, &allocation, Repair::None).unwrap_err();
    assert_eq!(error, PredictionError::NoSensitivity);
    let mut unsolved = profile.clone();
    for layer in &mut unsolved.layers {
        layer.residual.remove(&RepairOperator::Reconstruction);
    }
    let reconstruction = Repair::Operator(RepairOperator::Reconstruction);
    let error = predicted_noise(&unsolved, &allocation, reconstruction).unwrap_err();
    assert!(matches!(error, PredictionError::Unmeasured(_)), "{error}");
}

/// `docs/method.md`, section 9: what RR says bounds what any stronger repair leaves.
#[test]
fn residuals_of_measured_networks_stay_within_what_rr_bounds() {
    // Not as it was when this was built: another clone may have, which shares the target folder.
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let gallery = Path::new(&package).join("../../frontend/gallery");
    let mut bounded = 0;
    for file in std::fs::read_dir(gallery).unwrap() {
        let path = file.unwrap().path();
        if !path.to_string_lossy().ends_with(".profile.json") {
            continue;
        }
        let profile = ModelProfile::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
        for layer in &profile.layers {
            for &sparsity in layer.sparsities() {
                let density = 1.0 - sparsity;
                let rr = layer.rr_at(RepairOperator::VarianceMatching, density);
                let bound = layer.variance.min(rr * layer.raw_at(density));
                let floor = layer.residual_at(RepairOperator::LeastSquares, density);
                let solved = layer.residual_at(RepairOperator::Reconstruction, density);
                assert!(floor <= 1.001 * bound + 1e-6, "{} at {sparsity}", layer.name);
                // Curves are written with a few digits.
                assert!(solved <= 1.002 * floor + 1e-5, "{} at {sparsity}", layer.name);
                bounded += 1;
            }
        }
    }
    assert!(bounded > 7000, "{bounded}");
}

/// The B largest scores of the whole network, counted in each layer: what the rules mean.
fn counts_by_score(
    graph: &LayerGraph,
    seed: u64,
    sparsity: f64,
    scores: fn(&[f32]) -> Vec<f64>,
) -> Vec<usize> {
    let layers = graph.prunable_layers();
    let mut all: Vec<(f64, usize)> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        all.extend(
            scores(&layer_weights(seed, index, layer.weights))
                .into_iter()
                .map(|score| (score, index)),
        );
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut counts = vec![0; layers.len()];
    let budget = ((1.0 - sparsity) * all.len() as f64).round() as usize;
    all[..budget].iter().for_each(|(_, index)| counts[*index] += 1);
    counts
}

#[test]
fn rules_of_thresholds_keep_from_a_profile_exactly_what_they_keep_from_the_weights() {
    // Layers of 108, 432, 3,456, 2,304, 2,304 and 128 weights.
    let graph = chain(&[3, 4, 12, 32, 8, 32], 4);
    let magnitudes: fn(&[f32]) -> Vec<f64> =
        |weights| weights.iter().map(|w| f64::from(w.abs())).collect();
    for seed in 1..5 {
        let profile = profile(&graph, seed);
        for sparsity in [0.3, 0.5, 0.8, 0.875, 0.9, 0.95, 0.97] {
            for (rule, scores) in
                [(Rule::GlobalMagnitude, magnitudes), (Rule::Lamp, |w| lamp_scores(w))]
            {
                let exact = counts_by_score(&graph, seed, sparsity, scores);
                let layers = run(&profile, rule, sparsity).unwrap().layers;
                let kept: Vec<usize> = layers.iter().map(|layer| layer.kept).collect();
                assert_eq!(kept, exact, "{rule} at {sparsity}");
            }
        }
        // Between the sparsities that sketches are exact at.
        for sparsity in [0.5017, 0.8123, 0.90455, 0.9513] {
            for (rule, scores) in
                [(Rule::GlobalMagnitude, magnitudes), (Rule::Lamp, |w| lamp_scores(w))]
            {
                let exact = counts_by_score(&graph, seed, sparsity, scores);
                for (layer, exact) in
                    run(&profile, rule, sparsity).unwrap().layers.iter().zip(exact)
                {
                    let allowed = 2 + layer.weights / 1000;
                    assert!(
                        layer.kept.abs_diff(exact) <= allowed,
                        "{rule} {sparsity} {}: {}",
                        layer.name,
                        layer.kept
                    );
                }
            }
        }
    }
}

#[test]
fn documents_are_told_apart_by_what_they_hold() {
    let profile = profile(&chain(&[3, 8, 8], 4), 1);
    let allocation = run(&profile, Rule::Rr, 0.5).unwrap();
    let text = serde_json::to_string(&allocation).unwrap();
    assert!(
        Document::from_json(&text).unwrap() == Document::Allocation(Box::new(allocation.clone()))
    );
    let profile_text = serde_json::to_string(&profile).unwrap();
    assert!(Document::from_json(&profile_text).unwrap() == Document::Profile(Box::new(profile)));
    for (text, said) in
        [("", "not JSON"), ("{\"a\": 1}", "neither a profile"), (&text[..40], "not JSON")]
    {
        let error = Document::from_json(text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let mut broken = allocation;
    broken.layers[0].kept += 1;
    let error =
        Document::from_json(&serde_json::to_string(&broken).unwrap()).unwrap_err().to_string();
    assert!(error.contains("contradicts itself"), "{error}");
}

fn sweep(accuracies: &[(f64, f64)]) -> SweepReport {
    let repair = Repair::Operator(RepairOperator::VarianceMatching);
    let entry = |&(sparsity, accuracy): &(f64, f64)| SweepEntry {
        rule: Rule::Rr,
        sparsity: Sparsity::new(sparsity).unwrap(),
        repair,
        kept: 1,
        accuracy,
        outcomes: None,
        divergence: None,
    };
    SweepReport {
        version: SWEEP_VERSION,
        architecture: "chain".into(),
        classes: 10,
        origin: ReportOrigin {
            model_hash: None,
            profile_hash: None,
            images_hash: None,
            dataset: "none".into(),
            calibration_dataset: None,
            device: "cpu".into(),
            program: "test".into(),
        },
        plan: SweepPlan {
            rules: vec![Rule::Rr],
            sparsities: accuracies
                .iter()
                .map(|(sparsity, _)| Sparsity::new(*sparsity).unwrap())
                .collect(),
            repairs: vec![repair],
            calibration_images: 1,
            evaluation_images: 1,
            judge_images: 0,
            ..SweepPlan::default()
        },
        dense_accuracy: 0.9,
        entries: accuracies.iter().map(entry).collect(),
    }
}

/// A rung of the ladder of repairs that learned is a treatment of its own, told by its name from the
/// one that it began with, and compared with it.
#[test]
fn a_distilled_sweep_is_another_treatment_of_the_same_networks() {
    let repaired = sweep(&[(0.9, 0.8)]);
    let mut distilled = repaired.clone();
    distilled.plan.distillation = Some(DistillationPlan::default());
    assert_eq!(distilled.title(), "chain on none, distilled for 20 epochs");
    let operator = repaired.plan.repairs[0];
    assert_eq!(repaired.plan.treatment(operator), "variance matching");
    assert_eq!(distilled.plan.treatment(operator), "variance matching, distilled for 20 epochs");
    assert!(repaired.plan.is_untrained(Criterion::Magnitude));
    assert!(!distilled.plan.is_untrained(Criterion::Magnitude));
    assert!(
        !distilled.differs_in_treatment_alone(&repaired),
        "neither says of which network it is"
    );
    let origin = ReportOrigin {
        model_hash: Some(ModelHash::of(ContentHasher::new("network"))),
        profile_hash: Some(ProfileHash::of(ContentHasher::new("profile"))),
        images_hash: Some(ImagesHash::of(ContentHasher::new("images"))),
        ..repaired.origin.clone()
    };
    let [repaired, distilled] =
        [repaired, distilled].map(|sweep| SweepReport { origin: origin.clone(), ..sweep });
    assert!(distilled.differs_in_treatment_alone(&repaired));
    assert!(!distilled.differs_in_constraints_alone(&repaired));
    assert!(!distilled.differs_in_draw_alone(&repaired));
    let text = serde_json::to_string(&distilled).unwrap();
    assert!(SweepReport::from_json(&text).unwrap() == distilled);
    assert!(!serde_json::to_string(&repaired).unwrap().contains("distil"), "as plans were before");
}

/// Chance is 0.1 and dense 0.9: recovery is (accuracy − 0.1)/0.8, 0.8 at accuracy 0.74 and 0.2 at
/// 0.26.
#[test]
fn the_transition_is_interpolated_or_said_not_to_be_reached() {
    let transition = |accuracies: &[(f64, f64)]| {
        sweep(accuracies).transition(Rule::Rr, Repair::Operator(RepairOperator::VarianceMatching))
    };
    let close = |crossing: Crossing, at: f64| matches!(crossing, Crossing::At(found) if (found - at).abs() < 1e-12);
    // In any order of entries.
    let whole = transition(&[(0.98, 0.1), (0.9, 0.9), (0.94, 0.58), (0.96, 0.42)]);
    assert!(close(whole.begin, 0.92) && close(whole.end, 0.97), "{whole:?}");
    let early = transition(&[(0.9, 0.5), (0.95, 0.1)]);
    assert!(early.begin == Crossing::Before && close(early.end, 0.93), "{early:?}");
    let never = transition(&[(0.5, 0.9), (0.9, 0.8)]);
    assert!(never.begin == Crossing::NotReached && never.end == Crossing::NotReached, "{never:?}");
}

#[test]
fn sweeps_survive_the_way_through_a_file_and_broken_ones_are_refused() {
    let report = sweep(&[(0.9, 0.8)]);
    let text = serde_json::to_string(&report).unwrap();
    assert!(SweepReport::from_json(&text).unwrap() == report);
    for (from, to, said) in [
        ("\"version\":3", "\"version\":7", "version 7; this program reads versions 1 to 3"),
        ("\"accuracy\":0.8", "\"accuracy\":80", "an accuracy is 80"),
        ("\"classes\":10", "\"classes\":1", "at least 2"),
        ("\"entries\"", "\"things\"", "not a sweep"),
    ] {
        let error = SweepReport::from_json(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

mod golden {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Golden {
        lamp: Lamp,
    }

    #[derive(serde::Deserialize)]
    struct Lamp {
        layers: Vec<Vec<f32>>,
        scores: Vec<Vec<f64>>,
        kept: Vec<Kept>,
    }

    #[derive(serde::Deserialize)]
    struct Kept {
        sparsity: f64,
        kept: Vec<usize>,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("golden/erk_lamp.json")).unwrap()
    }

    #[test]
    fn lamp_scores_and_counts() {
        let Lamp { layers, scores, kept } = golden().lamp;
        for (weights, expected) in layers.iter().zip(&scores) {
            for (ours, expected) in lamp_scores(weights).iter().zip(expected) {
                assert!(
                    (ours - expected).abs() <= 1e-12 * expected.max(1e-6),
                    "{ours} against {expected}"
                );
            }
        }
        // A profile with these layers: 300 = 2·… weights need a graph of that size, so the counts
        // are compared by threshold on the sketches, as the rule does.
        let sketches: BTreeMap<usize, ScoreSketch> =
            ScoreSketch::of_network(layers.iter().map(|weights| lamp_scores(weights)).collect())
                .into_iter()
                .enumerate()
                .collect();
        let mut all: Vec<f64> = scores.iter().flatten().copied().collect();
        all.sort_by(|a, b| b.total_cmp(a));
        for Kept { sparsity, kept } in kept {
            let total: usize = kept.iter().sum();
            let threshold = 0.5 * (all[total - 1].ln() + all[total].ln());
            for (index, expected) in kept.iter().enumerate() {
                let weights = layers[index].len() as f64;
                let ours = sketches[&index].fraction_above(threshold) * weights;
                assert!(
                    (ours - *expected as f64).abs() <= 1.5,
                    "{sparsity}, layer {index}: {ours} against {expected}"
                );
            }
        }
    }
}

/// Of a hundred images the leader tells 90 right; a rival that misses one of them can't be told
/// apart from it, one that misses thirty can.
#[test]
fn a_rule_leads_only_beyond_noise() {
    let entry = |rule, missed: usize, divergence| {
        let right: Vec<bool> = (0..100).map(|image| image >= missed && image < 90).collect();
        let outcomes = Outcomes::new(right);
        SweepEntry {
            rule,
            accuracy: outcomes.accuracy(),
            outcomes: Some(outcomes),
            divergence,
            ..sweep(&[(0.9, 0.5)]).entries[0].clone()
        }
    };
    let mut report = sweep(&[(0.9, 0.5)]);
    let [best, close, far] = [(Rule::Rr, 0), (Rule::Erk, 1), (Rule::Lamp, 30)]
        .map(|(rule, missed)| entry(rule, missed, Some(1.0 - missed as f64 / 100.0)));
    report.entries = vec![best.clone(), close.clone(), far.clone()];
    let standings = |report: &SweepReport| [&best, &close, &far].map(|e| report.standing(e));
    assert_eq!(
        standings(&report),
        [Standing::WithinNoise, Standing::WithinNoise, Standing::Behind]
    );
    report.entries.remove(1);
    assert_eq!(report.standing(&best), Standing::Leads);
    // What the judge prefers need not be the most accurate.
    assert_eq!(report.judged_best(far.sparsity, far.repair).map(|e| e.rule), Some(Rule::Lamp));
    report.entries[1].outcomes = None;
    assert_eq!(report.standing(&best), Standing::Unknown);
    let alone = SweepReport { entries: vec![best.clone()], ..report.clone() };
    assert_eq!(alone.standing(&best), Standing::Alone, "nobody leads without others");
    report.entries[0].divergence = None;
    report.entries[1].divergence = None;
    assert_eq!(report.judged_best(far.sparsity, far.repair), None);
}

#[test]
fn accuracy_between_two_measured_sparsities_is_interpolated_and_outside_unknown() {
    let report = sweep(&[(0.9, 0.8), (0.8, 0.9)]);
    let repair = report.plan.repairs[0];
    let at = |sparsity| report.accuracy_at(Rule::Rr, repair, Sparsity::new(sparsity).unwrap());
    assert_eq!(at(0.9), Some(AccuracyAt::Measured(0.8)));
    let between = at(0.85).unwrap();
    assert!((between.accuracy() - 0.85).abs() < 1e-12);
    assert!(matches!(between, AccuracyAt::Interpolated { .. }));
    assert_eq!((at(0.95), at(0.75)), (None, None));
    assert_eq!(report.accuracy_at(Rule::Rr, Repair::None, report.plan.sparsities[0]), None);
}

#[test]
fn a_sweep_speaks_only_of_what_was_asked_of_it() {
    let plan = sweep(&[(0.9, 0.8)]).plan;
    let mut request = request(Rule::Rr, 0.9);
    assert!(plan.is_of(&request));
    request.settings.alpha = 2.0;
    assert!(!plan.is_of(&request));
    // ERK follows from shapes: what other rules read does not matter to it, a floor does.
    request.rule = Rule::Erk;
    assert!(plan.is_of(&request));
    request.settings.floor = 0.01;
    assert!(!plan.is_of(&request));
    request.settings.floor = 0.0;
    request.constraints.push("projection=dense".parse().unwrap());
    assert!(!plan.is_of(&request));
}
