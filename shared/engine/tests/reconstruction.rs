//! Reconstruction, pruning in steps, the other criteria, and the judge's choice among allocations, on
//! small networks.

mod common;

use burn::tensor::{Device, Tensor, read_sync};
use common::{images, model, uniform};
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::calibrated::{Calibrated, PrunedNetwork};
use rrlab_engine::data::{Dataset, Split, shapes10};
use rrlab_engine::experiment::{Experiment, ExperimentError};
use rrlab_engine::judge::Judge;
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::transfer::download;
use rrlab_engine::watch::{Progress, Stopped, unwatched};
use rrlab_types::{
    Allocation, AllocationRequest, Criterion, Evidence, PrunedFrom, Repair, RepairOperator, Rule,
    RuleSettings, Search, SelectionPlan, Sparsity, SweepPlan, allocate,
};
use strum::VariantArray as _;

const RECONSTRUCTION: Repair = Repair::Operator(RepairOperator::Reconstruction);

/// Mean squared distance of two networks' logits on these images.
fn distance(one: &Model, other: &Model, images: &CalibrationImages<'_>) -> f64 {
    let device = Device::flex();
    let logits = |model: &Model| {
        let network = Network::new(model, &device);
        let batches =
            images.batches(network.graph(), &device).map(|batch| network.forward(batch)).collect();
        read_sync(download(Tensor::cat(batches, 0))).unwrap()
    };
    let (one, other) = (logits(one), logits(other));
    let squares = one.iter().zip(&other).map(|(a, b)| f64::from((a - b) * (a - b)));
    squares.sum::<f64>() / one.len() as f64
}

fn treated(
    dense: &Model,
    images: &CalibrationImages<'_>,
    allocation: &Allocation,
    (criterion, how): (Criterion, Repair),
) -> PrunedNetwork {
    let device = Device::flex();
    read_sync(async {
        let images = images.clone();
        let calibrated =
            Calibrated::measure(dense, images, &device, criterion, unwatched).await.unwrap();
        calibrated.prune_and_repair(allocation, how, unwatched).await.unwrap()
    })
}

/// The network with its batch norms' statistics measured on these images.
fn recalibrated(model: &Model, images: &CalibrationImages<'_>) -> Model {
    let device = Device::flex();
    read_sync(async {
        let statistics = DenseStatistics::measure(model, images, &device, unwatched).await.unwrap();
        let how = Repair::BnRecalibration;
        repair(model, &statistics, model, how, images, &device, unwatched).await.unwrap()
    })
}

/// A random network whose batch norms know these images, as after training.
fn normalised(name: &str, images: &CalibrationImages<'_>) -> Model {
    recalibrated(&model(name), images)
}

#[test]
fn each_repair_of_the_ladder_brings_logits_closer_to_the_dense_ones() {
    let data = shapes10(60, 10, 4);
    let images = images(&data, 60);
    for name in ["resnet8", "vgg11_bn:width=0.1"] {
        let dense = normalised(name, &images);
        let allocation = uniform(&dense, 0.9);
        let ladder = [
            (Criterion::Magnitude, Repair::None),
            (Criterion::Magnitude, Repair::Operator(RepairOperator::VarianceMatching)),
            (Criterion::Magnitude, RECONSTRUCTION),
            (Criterion::Obs, RECONSTRUCTION),
        ];
        let distances: Vec<f64> = ladder
            .iter()
            .map(|&step| treated(&dense, &images, &allocation, step))
            .map(|network| distance(&network.repaired, &dense, &images))
            .collect();
        assert!(distances.is_sorted_by(|worse, better| worse > better), "{name}: {distances:?}");
    }
}

#[test]
fn every_criterion_keeps_what_the_allocation_says_to_the_weight() {
    let data = shapes10(30, 10, 4);
    let images = images(&data, 30);
    let dense = normalised("resnet8", &images);
    for sparsity in [0.5, 0.9, 0.99] {
        let allocation = uniform(&dense, sparsity);
        for &criterion in Criterion::VARIANTS {
            let network = treated(&dense, &images, &allocation, (criterion, RECONSTRUCTION));
            let PrunedNetwork { pruned, repaired, masks } = network;
            for layer in &allocation.layers {
                let (name, mask) = (&layer.name, &masks[&layer.name]);
                let stays = mask.iter().filter(|stays| **stays).count();
                assert_eq!(stays, layer.kept, "{criterion} at {sparsity}: {name}");
                let weights = repaired.tensor(name, "weight").values();
                let outside = weights.iter().zip(mask).filter(|(w, stays)| **w != 0.0 && !**stays);
                assert_eq!(outside.count(), 0, "{criterion} at {sparsity}: {name}");
                let unmasked = dense.tensor(name, "weight").values().iter().zip(mask);
                let masked = unmasked.map(|(w, stays)| if *stays { *w } else { 0.0 });
                assert!(masked.eq(pruned.tensor(name, "weight").values().iter().copied()));
            }
            for model in [pruned, repaired] {
                assert_eq!(model.info.pruned_from.unwrap().criterion, criterion);
            }
        }
    }
}

#[test]
fn a_criterion_of_inputs_weighs_weights_by_what_they_are_multiplied_by() {
    let data = shapes10(20, 10, 4);
    let images = images(&data, 20);
    let mut dense = normalised("resnet8", &images);
    // The first channel that layer1.0.conv2 reads is made a thousand times as large, and its batch
    // norm's scale and shift are all that sees to it.
    for tensor in ["weight", "bias"] {
        let mut values = dense.tensor("layer1.0.bn1", tensor).values().to_vec();
        values[0] = 1000.0;
        dense.set_values("layer1.0.bn1", tensor, values).unwrap();
    }
    let allocation = uniform(&dense, 0.9);
    let network = treated(&dense, &images, &allocation, (Criterion::Wanda, Repair::None));
    let shape = dense.tensor("layer1.0.conv2", "weight").shape();
    let (channels, area) = (shape[1], shape[2] * shape[3]);
    let mask = &network.masks["layer1.0.conv2"];
    let of_first =
        mask.iter().enumerate().filter(|(index, stays)| **stays && index / area % channels == 0);
    let kept = mask.iter().filter(|stays| **stays).count();
    assert_eq!(of_first.count(), kept.min(mask.len() / channels));
}

/// What a layer's batch norm is told of a reconstructed layer is what the layer gives, so that
/// batch statistics, as in fine-tuning, compute the same.
#[test]
fn batch_norms_know_the_statistics_of_reconstructed_layers() {
    let data = shapes10(50, 10, 4);
    let images = images(&data, 50);
    let dense = normalised("resnet8", &images);
    let step = (Criterion::Magnitude, RECONSTRUCTION);
    let repaired = treated(&dense, &images, &uniform(&dense, 0.8), step).repaired;
    let measured = recalibrated(&repaired, &images);
    for name in ["bn1", "layer1.0.bn1", "layer1.0.bn2", "layer3.0.shortcut.1"] {
        let deviations: Vec<f32> =
            measured.tensor(name, "running_var").values().iter().map(|v| v.sqrt()).collect();
        for tensor in ["running_mean", "running_var"] {
            let (ours, theirs) = (repaired.tensor(name, tensor), measured.tensor(name, tensor));
            let pairs = ours.values().iter().zip(theirs.values()).zip(&deviations);
            for ((ours, theirs), deviation) in pairs {
                let scale =
                    if tensor == "running_var" { deviation * deviation } else { *deviation };
                assert!(
                    (ours - theirs).abs() < 2e-3 * scale.max(1e-3),
                    "{name}.{tensor}: {ours} against {theirs}"
                );
            }
        }
    }
}

#[test]
fn networks_are_reconstructed_on_a_single_image() {
    let data = shapes10(10, 10, 4);
    let images = images(&data, 1);
    for name in ["resnet8", "akamaster_resnet20:width=0.5", "vgg11_bn:width=0.1"] {
        let dense = model(name);
        for criterion in [Criterion::Magnitude, Criterion::Obs] {
            let step = (criterion, RECONSTRUCTION);
            let repaired = treated(&dense, &images, &uniform(&dense, 0.9), step).repaired;
            assert!(distance(&repaired, &dense, &images).is_finite(), "{name}, {criterion}");
        }
    }
}

#[test]
fn a_criterion_that_solves_weights_is_refused_with_other_repairs() {
    let data = shapes10(10, 10, 4);
    let (images, device, dense) = (images(&data, 4), Device::flex(), model("resnet8"));
    let refused = read_sync(async {
        let criterion = Criterion::Obs;
        let calibrated =
            Calibrated::measure(&dense, images, &device, criterion, unwatched).await.unwrap();
        calibrated.prune_and_repair(&uniform(&dense, 0.9), Repair::None, unwatched).await
    });
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("criterion obs") && error.contains("reconstruction"), "{error}");
}

#[test]
fn a_sweep_that_is_stopped_within_a_layer_goes_on_to_the_same_bytes() {
    let data = shapes10(24, 20, 4);
    let (images, device) = (images(&data, 24), Device::flex());
    let dense = normalised("resnet8:width=0.25", &images);
    let method = Method::SecondMoments;
    let profile = read_sync(calibrate(&dense, &device, "cpu", &images, method, unwatched)).unwrap();
    let experiment = Experiment {
        measured: Measured::new(&dense, &profile).unwrap(),
        dataset: &data,
        calibration: None,
        device: &device,
        device_name: "cpu",
    };
    let plan = SweepPlan {
        rules: vec![Rule::Uniform, Rule::Rr],
        sparsities: vec![Sparsity::new(0.9).unwrap()],
        repairs: vec![RECONSTRUCTION],
        criterion: Criterion::Obs,
        settings: RuleSettings {
            repair: RepairOperator::Reconstruction,
            ..RuleSettings::default()
        },
        calibration_images: 24,
        evaluation_images: 20,
        ..SweepPlan::default()
    };
    let whole = read_sync(experiment.sweep(plan.clone(), None, unwatched)).unwrap();
    let (mut saved, mut solved) = (None, 0);
    let stopped = read_sync(experiment.sweep(plan.clone(), None, async |progress| {
        match progress {
            Progress::Entry(report) => saved = Some(report.clone()),
            Progress::Solving if saved.is_some() => solved += 1,
            _ => {}
        }
        if solved == 5 { Err(Stopped) } else { Ok(()) }
    }));
    assert!(matches!(stopped, Err(ExperimentError::Calibration(_))), "{stopped:?}");
    let saved = saved.unwrap();
    assert_eq!(saved.entries.len(), 1);
    let other = SweepPlan { criterion: Criterion::Magnitude, ..plan.clone() };
    let refused = read_sync(experiment.sweep(other, Some(saved.clone()), unwatched));
    assert!(matches!(refused, Err(ExperimentError::OtherWork { .. })), "{refused:?}");
    let continued = read_sync(experiment.sweep(plan, Some(saved), unwatched)).unwrap();
    let bytes = |report| serde_json::to_vec(report).unwrap();
    assert_eq!(bytes(&continued), bytes(&whole));
}

/// Files of before the criterion was written mean magnitude.
#[test]
fn plans_and_pruned_networks_without_a_criterion_are_by_magnitude() {
    let mut plan = serde_json::to_value(SweepPlan::default()).unwrap();
    plan.as_object_mut().unwrap().remove("criterion").unwrap();
    assert_eq!(serde_json::from_value::<SweepPlan>(plan).unwrap().criterion, Criterion::Magnitude);
    let hash = model("resnet8").hash();
    let from = serde_json::json!({ "model_hash": hash, "rule": "erk", "sparsity": 0.9 });
    let from: PrunedFrom = serde_json::from_value(from).unwrap();
    assert_eq!(from.criterion, Criterion::Magnitude);
}

/// Selection from a network's own rules, against judging each rule's network by itself.
#[test]
fn the_least_divergent_allocation_is_selected_and_walked_on_from() {
    let (data, device) = (shapes10(96, 10, 3), Device::flex());
    let dense = model("resnet8:width=0.5");
    let calibration = images_drawn(&data, &dense, 32);
    let method = Method::SecondMoments;
    let profile =
        read_sync(calibrate(&dense, &device, "cpu", &calibration, method, unwatched)).unwrap();
    let experiment = Experiment {
        measured: Measured::new(&dense, &profile).unwrap(),
        dataset: &data,
        calibration: None,
        device: &device,
        device_name: "cpu",
    };
    let plan = SelectionPlan {
        rules: vec![Rule::Uniform, Rule::Erk, Rule::GlobalMagnitude],
        sparsity: Sparsity::new(0.9).unwrap(),
        repair: Repair::Operator(RepairOperator::VarianceMatching),
        criterion: Criterion::Magnitude,
        settings: RuleSettings::default(),
        constraints: Vec::new(),
        calibration_images: 32,
        judge_images: 40,
        seed: 1,
        search: Search::Walk,
        refining_networks: 14,
    };
    let mut heard = 0;
    let mut select = || {
        read_sync(experiment.select(&plan, async |progress| {
            heard += usize::from(matches!(progress, Progress::Judged { .. }));
            Ok(())
        }))
        .unwrap()
    };
    let allocation = select();
    assert_eq!(select(), allocation, "the same is selected again");
    allocation.check().unwrap();
    let selection = allocation.selection.as_ref().unwrap();
    let refinement = selection.refinement.as_ref().unwrap();
    assert!((1..=14).contains(&refinement.networks));
    assert_eq!(heard, 2 * (3 + refinement.networks));
    assert_eq!((selection.judge_images, refinement.deciding_images), (40, 20));

    let others = calibration.others(40).unwrap();
    let judge = read_sync(Judge::new(&dense, others, &device, unwatched)).unwrap();
    let mut least = 0.0;
    for candidate in &selection.candidates {
        let request = AllocationRequest::new(candidate.rule, plan.sparsity);
        let by_rule = allocate(Evidence::Profile(&profile), &request).unwrap();
        let how = (plan.criterion, plan.repair);
        let network = treated(&dense, &calibration, &by_rule, how).repaired;
        let divergence = read_sync(judge.divergence(&network, &device, unwatched)).unwrap();
        assert!((divergence - candidate.divergence).abs() < 1e-9, "{}", candidate.rule);
        assert!(candidate.divergence >= least, "{} stands too low", candidate.rule);
        least = candidate.divergence;
    }
    assert_eq!(selection.candidates[0].behind.mean, 0.0);
    assert_eq!(allocation.rule, selection.candidates[0].rule);

    // The peer's search is of as many networks as it may judge, and keeps the budget.
    let by_peer = SelectionPlan { search: Search::Spdy, ..plan.clone() };
    let peers = read_sync(experiment.select(&by_peer, unwatched)).unwrap();
    assert_eq!(read_sync(experiment.select(&by_peer, unwatched)).unwrap(), peers);
    peers.check().unwrap();
    assert_eq!((peers.budget, peers.kept), (allocation.budget, allocation.kept));
    let refinement = peers.selection.unwrap().refinement.unwrap();
    assert_eq!((refinement.search, refinement.networks), (Search::Spdy, 14));

    // Of fewer images there is no spread to tell differences by, and what can't be told could not be
    // read back.
    for (judge_images, refining_networks, least) in [(0, 0, 2), (1, 0, 2), (3, 14, 4)] {
        let few = SelectionPlan { judge_images, refining_networks, ..plan.clone() };
        match read_sync(experiment.select(&few, unwatched)) {
            Err(ExperimentError::NoJudge { judge, least: needed, calibration: 32 }) => {
                assert_eq!((judge, needed), (judge_images, least));
            }
            other => panic!("{judge_images} images, {refining_networks} networks: {other:?}"),
        }
    }
    let least = SelectionPlan { judge_images: 4, ..plan.clone() };
    let chosen = read_sync(experiment.select(&least, unwatched)).unwrap();
    let text = serde_json::to_string(&chosen).unwrap();
    assert_eq!(Allocation::from_json(&text).unwrap(), chosen);
    let without_rules = SelectionPlan { rules: Vec::new(), ..plan };
    let refused = read_sync(experiment.select(&without_rules, unwatched));
    assert!(matches!(refused, Err(ExperimentError::NoCandidates)));
}

/// Calibration images as an experiment draws them.
fn images_drawn<'d>(data: &'d Dataset, model: &Model, count: usize) -> CalibrationImages<'d> {
    let normalization = model.normalization_of(data);
    CalibrationImages::draw(data, Split::Train, count, 1, normalization).unwrap()
}
