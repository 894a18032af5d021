//! Training: it learns, and a run that was stopped ends where the other ends.

use burn::tensor::{Device, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::{Dataset, Split, shapes10};
use rrlab_engine::evaluate::accuracy;
use rrlab_engine::experiment::Experiment;
use rrlab_engine::finetune::{BegunFinetuning, FinetuneState, UnderWay};
use rrlab_engine::judge::Judge;
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::prune::{Masks, masks_of, prune};
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::sharing::{Share, Sharing};
use rrlab_engine::tensors::HostTensor;
use rrlab_engine::train::{Trainer, TrainingError, TrainingState};
use rrlab_engine::transfer::{download, reads};
use rrlab_engine::watch::{Progress, Stopped, unwatched};
use rrlab_types::{
    AllocationError, AllocationRequest, Criterion, Distillation, DistillationPlan, Evidence,
    FinetunePlan, FinetuneReport, ModelProfile, Repair, RepairOperator, Rule, RuleSettings,
    Schedule, Sparsity, SweepPlan, SweepReport, TrainingPlan, allocate,
};

fn model(seed: u64) -> Model {
    Model::random("resnet8".parse::<Architecture>().unwrap().graph(10).unwrap(), seed)
}

fn plan(epochs: usize) -> TrainingPlan {
    TrainingPlan { epochs, batch_size: 50, learning_rate: 0.1, seed: 3, ..TrainingPlan::default() }
}

fn run(trainer: &mut Trainer<'_>, steps: usize) -> Vec<f32> {
    let step = |_| read_sync(trainer.step()).unwrap().map(|report| report.loss);
    (0..steps).map_while(step).collect()
}

fn trainer(state: TrainingState, data: &Dataset) -> Trainer<'_> {
    Trainer::new(state, data, &Device::flex()).unwrap()
}

#[test]
fn a_network_learns_shapes() {
    let data = shapes10(200, 10, 1);
    let by_heart = TrainingPlan { augment: false, ..plan(25) };
    let mut trainer = trainer(TrainingState::start(model(1), by_heart), &data);
    let losses = run(&mut trainer, usize::MAX);
    assert_eq!(losses.len(), 100);
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert!(mean(&losses[90..]) < 0.75 * mean(&losses[..10]), "{losses:?}");
    let network = Network::new(&read_sync(trainer.model()).unwrap(), &Device::flex());
    let all: Vec<usize> = (0..data.train.len()).collect();
    let fraction =
        read_sync(accuracy(&network, &data.train, &all, &data.normalization, unwatched)).unwrap();
    assert!(fraction > 0.3, "{fraction} of its own training images is little more than chance");
}

/// Loss and accuracy come together, whatever a step has to wait for.
#[test]
fn a_step_of_training_reads_the_device_once() {
    let data = shapes10(200, 10, 1);
    let mut trainer = trainer(TrainingState::start(model(1), plan(1)), &data);
    let before = reads();
    assert_eq!(run(&mut trainer, usize::MAX).len(), 4);
    assert_eq!(reads() - before, 4);
}

#[test]
fn a_stopped_run_does_not_go_on_with_other_images() {
    let data = shapes10(100, 10, 2);
    let mut first = trainer(TrainingState::start(model(2), plan(2)), &data);
    run(&mut first, 1);
    let bytes = read_sync(first.state()).unwrap().to_bytes().unwrap();
    let others = shapes10(100, 10, 3);
    let refused =
        Trainer::new(TrainingState::from_bytes(&bytes).unwrap(), &others, &Device::flex());
    let Err(TrainingError::Images(problem)) = refused else {
        panic!("it goes on with other images")
    };
    let (here, so_far) = (others.train.hash_all().short(), data.train.hash_all().short());
    assert_eq!(
        problem.to_string(),
        format!(
            "the training so far is of image set {so_far}, but the image set here is {here}: choose the images it began on"
        )
    );
}

#[test]
fn a_stopped_run_ends_where_the_other_ends() {
    let data = shapes10(250, 10, 2);
    let mut whole = trainer(TrainingState::start(model(2), plan(2)), &data);
    run(&mut whole, usize::MAX);

    let mut first = trainer(TrainingState::start(model(2), plan(2)), &data);
    run(&mut first, 7);
    let bytes = read_sync(first.state()).unwrap().to_bytes().unwrap();
    drop(first);
    let mut second = trainer(TrainingState::from_bytes(&bytes).unwrap(), &data);
    assert_eq!(run(&mut second, usize::MAX).len(), 3);
    assert!(
        read_sync(whole.model()).unwrap() == read_sync(second.model()).unwrap(),
        "the two runs differ"
    );
}

#[test]
fn plans_and_classes_that_make_no_sense_are_refused() {
    let data = shapes10(40, 10, 2);
    let state = |plan| TrainingState::start(model(2), plan);
    for plan in [
        TrainingPlan { epochs: 0, ..plan(1) },
        TrainingPlan { batch_size: 1, ..plan(1) },
        TrainingPlan { learning_rate: f64::NAN, ..plan(1) },
    ] {
        assert!(matches!(
            Trainer::new(state(plan), &data, &Device::flex()),
            Err(TrainingError::Plan(_))
        ));
    }
    let graph = "resnet8".parse::<Architecture>().unwrap().graph(7).unwrap();
    let seven = TrainingState::start(Model::random(graph, 0), plan(1));
    assert!(matches!(Trainer::new(seven, &data, &Device::flex()), Err(TrainingError::Classes(_))));
}

#[test]
fn a_loss_that_is_no_number_ends_training() {
    let data = shapes10(100, 10, 2);
    let wild = TrainingPlan { learning_rate: 99.0, schedule: Schedule::Cosine, ..plan(40) };
    let mut trainer = trainer(TrainingState::start(model(2), wild), &data);
    let diverged = loop {
        match read_sync(trainer.step()) {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(TrainingError::Diverged { .. }) => break true,
            Err(error) => panic!("{error}"),
        }
    };
    // Batch norm may hold even this; then the weights must still be numbers, or there is no model
    // of them.
    assert!(diverged || read_sync(trainer.model()).is_ok());
}

fn pruned(model: &Model) -> (Model, Masks) {
    let request = AllocationRequest::new(Rule::Erk, Sparsity::new(0.9).unwrap());
    prune(model, &allocate(Evidence::Graph(model.graph()), &request).unwrap()).unwrap()
}

#[test]
fn masks_stay_exactly_fixed_while_kept_weights_learn() {
    let data = shapes10(150, 10, 4);
    let dense = model(3);
    let (start, masks) = pruned(&dense);
    let taught = TrainingPlan { distillation: Some(Distillation::default()), ..plan(2) };
    let state = TrainingState::start_pruned(start.clone(), masks.clone(), taught);
    let mut trainer = Trainer::taught(state, &data, Some(&dense), &Device::flex()).unwrap();
    run(&mut trainer, 2);
    // Through a file: masks are part of what is saved.
    let bytes = read_sync(trainer.state()).unwrap().to_bytes().unwrap();
    let state = TrainingState::from_bytes(&bytes).unwrap();
    assert_eq!(state.masks, masks);
    let mut trainer = Trainer::taught(state, &data, Some(&dense), &Device::flex()).unwrap();
    run(&mut trainer, usize::MAX);
    let tuned = read_sync(trainer.model()).unwrap();
    for (layer, mask) in &masks {
        let (before, after) =
            (start.tensor(layer, "weight").values(), tuned.tensor(layer, "weight").values());
        let removed = after.iter().zip(mask).filter(|(_, stays)| !**stays);
        assert!(
            removed.clone().count() == 0 || removed.clone().all(|(weight, _)| *weight == 0.0),
            "{layer}"
        );
        let moved = before
            .iter()
            .zip(after)
            .zip(mask)
            .filter(|((before, after), stays)| **stays && before != after);
        assert_eq!(
            moved.count(),
            mask.iter().filter(|stays| **stays).count(),
            "{layer}: all kept weights learn"
        );
    }
}

#[test]
fn distillation_without_a_teacher_and_masks_of_other_layers_are_refused() {
    let data = shapes10(40, 10, 2);
    let taught = TrainingPlan { distillation: Some(Distillation::default()), ..plan(1) };
    let state = TrainingState::start(model(2), taught);
    assert!(matches!(Trainer::new(state, &data, &Device::flex()), Err(TrainingError::Teacher)));
    let masks = Masks::from([("conv1".to_owned(), vec![true; 3])]);
    let state = TrainingState::start_pruned(model(2), masks, plan(1));
    assert!(matches!(Trainer::new(state, &data, &Device::flex()), Err(TrainingError::Mask { .. })));
}

#[test]
fn velocities_of_other_weights_are_refused() {
    let data = shapes10(40, 10, 2);
    for (name, length) in [("conv1.weight", 3), ("fc.weight", 1)] {
        let mut state = TrainingState::start(model(2), plan(1));
        state.optimizer.velocity.insert(name.into(), HostTensor::vector(vec![0.0; length]));
        let refused = Trainer::new(state, &data, &Device::flex());
        assert!(matches!(refused, Err(TrainingError::Velocity { .. })), "{name}");
    }
    let mut state = TrainingState::start(
        model(2),
        TrainingPlan { distillation: None, ..TrainingPlan::distillation() },
    );
    state.optimizer.velocity.insert("conv1.bias".into(), HostTensor::vector(vec![0.0; 3]));
    let refused = Trainer::new(state, &data, &Device::flex());
    assert!(matches!(refused, Err(TrainingError::Squares { .. })), "Adam without squares");
}

/// A teacher that is the network itself teaches nothing; at full weight and temperature 1 the loss
/// of another is Σ p·(log p − log q).
#[test]
fn distillation_is_the_divergence_from_the_teacher() {
    let data = shapes10(16, 10, 5);
    let (student, teacher) = (model(5), model(6));
    let whole = Distillation { weight: 1.0, temperature: 3.0 };
    let taught =
        TrainingPlan { batch_size: 16, augment: false, distillation: Some(whole), ..plan(1) };
    let state = TrainingState::start(student.clone(), taught);
    let mut trainer = Trainer::taught(state, &data, Some(&teacher), &Device::flex()).unwrap();
    let loss = run(&mut trainer, 1)[0];

    let samples: Vec<_> = (0..16).map(Into::into).collect();
    let images = rrlab_engine::data::images_to_device(
        &data.train,
        &samples,
        &data.normalization,
        &Device::flex(),
    );
    let teacher =
        read_sync(download(Network::new(&teacher, &Device::flex()).forward(images.clone())))
            .unwrap();
    let mut student = Network::new(&student, &Device::flex());
    let student = read_sync(download(student.forward_training(images))).unwrap();
    let distribution = |logits: &[f32]| {
        let powers: Vec<f64> = logits.iter().map(|logit| (f64::from(*logit) / 3.0).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect::<Vec<f64>>()
    };
    let divergences = teacher.chunks(10).zip(student.chunks(10)).map(|(teacher, student)| {
        let pairs = distribution(teacher).into_iter().zip(distribution(student));
        pairs.map(|(p, q)| p * (p.ln() - q.ln())).sum::<f64>()
    });
    let expected = 9.0 * divergences.sum::<f64>() / 16.0;
    assert!((f64::from(loss) - expected).abs() < 1e-4 * expected, "{loss} is not {expected}");
}

/// A pruned network that learns from the dense one alone: nearer to it afterwards, wherever it was
/// stopped, with masks and statistics as they were.
#[test]
fn distillation_moves_neither_masks_nor_statistics() {
    let data = shapes10(96, 10, 6);
    let (dense, device) = (model(7), Device::flex());
    let (start, masks) = pruned(&dense);
    assert_eq!(masks_of(&start), masks);
    let plan = TrainingPlan { epochs: 3, batch_size: 32, ..TrainingPlan::distillation() };
    let state = || TrainingState::start_pruned(start.clone(), masks.clone(), plan.clone());
    let mut whole = Trainer::taught(state(), &data, Some(&dense), &device).unwrap();
    run(&mut whole, usize::MAX);
    let distilled = read_sync(whole.model()).unwrap();

    let mut first = Trainer::taught(state(), &data, Some(&dense), &device).unwrap();
    run(&mut first, 4);
    let bytes = read_sync(first.state()).unwrap().to_bytes().unwrap();
    let rest = TrainingState::from_bytes(&bytes).unwrap();
    let mut second = Trainer::taught(rest, &data, Some(&dense), &device).unwrap();
    assert_eq!(run(&mut second, usize::MAX).len(), 5);
    assert!(read_sync(second.model()).unwrap() == distilled, "the two runs differ");

    assert_eq!(masks_of(&distilled), masks);
    let mut norms_moved = 0;
    for (name, before) in start.tensors() {
        let after = &distilled.tensors()[name];
        if name.contains("running_") {
            assert_eq!(after, before, "{name}");
        } else if name.starts_with("bn") {
            norms_moved += usize::from(after != before);
        }
    }
    assert!(norms_moved > 0, "scales and shifts learn");
    let images = CalibrationImages::draw(&data, Split::Train, 96, 0, data.normalization).unwrap();
    let judge = read_sync(Judge::new(&dense, images, &device, unwatched)).unwrap();
    let divergence = |model| read_sync(judge.divergence(model, &device, unwatched)).unwrap();
    let (before, after) = (divergence(&start), divergence(&distilled));
    assert!(after < 0.8 * before, "{before} became {after}");
}

/// Repair folds into batch norms so that they compute the same from a batch's own statistics:
/// fine-tuning begins where repair ended.
#[test]
fn a_repaired_network_is_the_same_in_training() {
    let data = shapes10(96, 10, 6);
    let dense = model(7);
    let normalization = dense.normalization_of(&data);
    let images = CalibrationImages::draw(&data, Split::Train, 96, 0, normalization).unwrap();
    let device = Device::flex();
    let statistics =
        read_sync(DenseStatistics::measure(&dense, &images, &device, unwatched)).unwrap();
    let (pruned, _) = pruned(&dense);
    let how = Repair::Operator(RepairOperator::VarianceMatching);
    let repaired =
        read_sync(repair(&dense, &statistics, &pruned, how, &images, &device, unwatched)).unwrap();
    let batch = images.batches(dense.graph(), &device).next().unwrap();
    let mut network = Network::new(&repaired, &device);
    let evaluated = read_sync(download(network.forward(batch.clone()))).unwrap();
    let trained = read_sync(download(network.forward_training(batch))).unwrap();
    let largest = evaluated.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
    let apart = evaluated.iter().zip(&trained).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-3 * largest, "logits of up to {largest} are {apart} apart");
}

/// On 60 images.
fn profile_of(dense: &Model, data: &Dataset) -> ModelProfile {
    let normalization = dense.normalization_of(data);
    let images = CalibrationImages::draw(data, Split::Train, 60, 0, normalization).unwrap();
    let device = Device::flex();
    let measured = calibrate(dense, &device, "cpu", &images, Method::SecondMoments, unwatched);
    read_sync(measured).unwrap()
}

fn experiment<'e>(
    dense: &'e Model,
    profile: &'e ModelProfile,
    (dataset, device): (&'e Dataset, &'e Device),
) -> Experiment<'e> {
    let measured = Measured::new(dense, profile).unwrap();
    Experiment { measured, dataset, calibration: None, device, device_name: "cpu" }
}

#[test]
fn fine_tuning_that_was_stopped_ends_where_the_other_ends() {
    let data = shapes10(120, 40, 8);
    let dense = model(9);
    let (device, profile) = (Device::flex(), profile_of(&dense, &data));
    let experiment = experiment(&dense, &profile, (&data, &device));
    let asked = FinetunePlan {
        rules: vec![Rule::Uniform, Rule::Rr],
        sparsities: vec![Sparsity::new(0.8).unwrap()],
        repair: Repair::Operator(RepairOperator::VarianceMatching),
        criterion: Criterion::default(),
        settings: RuleSettings::default(),
        constraints: Vec::new(),
        calibration_images: 60,
        evaluation_images: 40,
        training: TrainingPlan {
            batch_size: 40,
            distillation: Some(Distillation::default()),
            ..plan(2)
        },
    };
    // Stopped after so many steps; `None` runs to the end.
    let go = |stop_after: Option<usize>, previous: Option<Vec<u8>>| {
        let previous = previous.map(|bytes| FinetuneState::from_bytes(&bytes).unwrap());
        let (mut state, mut steps, mut tuned) = (None, 0, Vec::new());
        let report =
            read_sync(experiment.finetune(asked.clone(), previous, async |under_way, progress| {
                match (under_way, progress) {
                    (Some(under_way), Progress::Step(_)) => {
                        steps += 1;
                        if Some(steps) == stop_after {
                            state = Some(under_way.state().await.unwrap().to_bytes().unwrap());
                            return Err(Stopped);
                        }
                    }
                    (_, Progress::Tuned(run, model)) => tuned.push((run.rule, model.hash())),
                    _ => {}
                }
                Ok(())
            }));
        (report, state, tuned)
    };
    let (whole, _, models): (Result<FinetuneReport, _>, _, _) = go(None, None);
    let whole = whole.unwrap();
    assert_eq!(whole.runs.len(), 2);
    assert!(whole.runs.iter().all(|run| run.epochs.len() == 2 && run.final_accuracy().is_some()));
    // In the middle of the second epoch of the second run.
    let (stopped, state, first) = go(Some(11), None);
    assert!(stopped.is_err());
    let (resumed, _, second) = go(None, state);
    assert_eq!(resumed.unwrap(), whole);
    assert_eq!([first, second].concat(), models);
}

/// One who computes as it is told.
struct Told {
    shares: Vec<Share<FinetuneReport>>,
    offered: Option<(FinetuneReport, Vec<usize>, usize)>,
}

impl Sharing<FinetuneReport> for Told {
    fn offer(&mut self, work: &FinetuneReport, open: &[usize], all: usize) -> Result<(), Stopped> {
        self.offered = Some((work.clone(), open.to_vec(), all));
        Ok(())
    }

    fn next(&mut self, _: &[usize]) -> Result<Share<FinetuneReport>, Stopped> {
        Ok(self.shares.remove(0))
    }
}

/// Two who share a fine-tuning come to the report of one alone, whoever trains which network.
#[test]
fn fine_tuning_that_is_shared_ends_where_the_other_ends() {
    let data = shapes10(120, 40, 8);
    let dense = model(9);
    let (device, profile) = (Device::flex(), profile_of(&dense, &data));
    let experiment = experiment(&dense, &profile, (&data, &device));
    let asked = FinetunePlan {
        rules: vec![Rule::Uniform, Rule::Erk, Rule::Rr],
        sparsities: vec![Sparsity::new(0.8).unwrap()],
        calibration_images: 60,
        evaluation_images: 40,
        training: TrainingPlan { batch_size: 60, ..plan(1) },
        ..FinetunePlan::default()
    };
    let whole =
        read_sync(experiment.finetune(asked.clone(), None, async |_, _: Progress<'_>| Ok(())))
            .unwrap();
    let compute = |place| Share::Compute(place, None);
    // Up to the state after so many steps, if any is to be kept.
    let stopping = |begun: Option<FinetuneReport>,
                    shares: Vec<Share<FinetuneReport>>,
                    stop_after: Option<usize>| {
        let begun = begun.map(|report| BegunFinetuning { report, training: None });
        let (mut told, mut tuned) = (Told { shares, offered: None }, Vec::new());
        let (mut state, mut steps) = (None, 0);
        let shared = experiment.shared_finetuning(
            asked.clone(),
            begun,
            &mut told,
            async |under_way: Option<&UnderWay<'_, '_>>, progress: Progress<'_>| {
                match (under_way, progress) {
                    (_, Progress::Tuned(run, _)) => tuned.push(run.rule),
                    (Some(under_way), Progress::Step(_)) => {
                        steps += 1;
                        if Some(steps) == stop_after {
                            state = Some(under_way.state().await.unwrap());
                            return Err(Stopped);
                        }
                    }
                    _ => {}
                }
                Ok(())
            },
        );
        (read_sync(shared), told.offered, tuned, state)
    };
    let go = |begun: Option<FinetuneReport>, shares: Vec<Share<FinetuneReport>>| {
        let (report, offered, tuned, _) = stopping(begun, shares, None);
        (report, offered, tuned)
    };
    // The last comes first, and the first is another's.
    let first = whole.runs[0].clone();
    let (report, offered, tuned) =
        go(None, vec![compute(2), Share::Ready(first.clone()), compute(1)]);
    assert_eq!(report.unwrap(), whole);
    assert_eq!(tuned, [Rule::Rr, Rule::Erk]);
    // Who helps begins with what was offered, and computes what it takes.
    let (bare, open, all) = offered.unwrap();
    assert_eq!((open, all), (vec![0, 1, 2], 3));
    let (report, _, tuned) = go(Some(bare.clone()), vec![compute(0), Share::Nothing]);
    assert_eq!(report.unwrap().runs, std::slice::from_ref(&first));
    assert_eq!(tuned, [Rule::Uniform]);
    // What nobody asked for is refused.
    let (refused, ..) = go(Some(bare.clone()), vec![compute(0), Share::Ready(first)]);
    let problem = refused.unwrap_err().to_string();
    assert!(problem.contains("no room for a part"), "{problem}");
    // What one lets go of in the middle another brings to the same end.
    let (.., state) = stopping(Some(bare.clone()), vec![compute(1)], Some(1));
    let state = state.unwrap();
    let taken_over = vec![compute(2), Share::Compute(1, Some(state.clone())), compute(0)];
    let (report, _, tuned) = go(Some(bare.clone()), taken_over);
    assert_eq!(report.unwrap(), whole);
    assert_eq!(tuned, [Rule::Rr, Rule::Erk, Rule::Uniform]);
    let (refused, ..) = go(Some(bare), vec![Share::Compute(0, Some(state))]);
    let problem = refused.unwrap_err().to_string();
    assert!(problem.contains("of another rule or sparsity"), "{problem}");
}

/// What a sweep distils is what pruning, repairing and learning one after the other give, on the very
/// images that repair saw, and it goes on only for as many epochs.
#[test]
fn a_sweep_distils_as_is_done_by_hand() {
    let data = shapes10(120, 40, 8);
    let (dense, device) = (model(9), Device::flex());
    let normalization = dense.normalization_of(&data);
    let images = CalibrationImages::draw(&data, Split::Train, 60, 4, normalization).unwrap();
    let profile =
        read_sync(calibrate(&dense, &device, "cpu", &images, Method::SecondMoments, unwatched))
            .unwrap();
    let experiment = Experiment {
        measured: Measured::new(&dense, &profile).unwrap(),
        dataset: &data,
        calibration: None,
        device: &device,
        device_name: "cpu",
    };
    let how = Repair::Operator(RepairOperator::VarianceMatching);
    let sparsity = Sparsity::new(0.8).unwrap();
    let plan = SweepPlan {
        rules: vec![Rule::Uniform],
        sparsities: vec![sparsity],
        repairs: vec![how],
        calibration_images: 60,
        evaluation_images: 40,
        judge_images: 50,
        distillation: Some(DistillationPlan { epochs: 2, ..DistillationPlan::default() }),
        seed: 4,
        ..SweepPlan::default()
    };
    let report = read_sync(experiment.sweep(plan.clone(), None, unwatched)).unwrap();
    let found = report.entry(Rule::Uniform, sparsity, how).unwrap();

    let request = AllocationRequest::new(Rule::Uniform, sparsity);
    let allocation = allocate(Evidence::Profile(&profile), &request).unwrap();
    let (pruned, masks) = prune(&dense, &allocation).unwrap();
    let statistics =
        read_sync(DenseStatistics::measure(&dense, &images, &device, unwatched)).unwrap();
    let repaired =
        read_sync(repair(&dense, &statistics, &pruned, how, &images, &device, unwatched)).unwrap();
    let learning = TrainingPlan { epochs: 2, seed: 4, ..TrainingPlan::distillation() };
    let start = TrainingState::start_pruned(repaired.clone(), masks, learning);
    let indices = images.indices().to_vec();
    let mut trainer = Trainer::on_images(start, &data, indices, Some(&dense), &device).unwrap();
    run(&mut trainer, usize::MAX);
    let distilled = read_sync(trainer.model()).unwrap();
    let others = images.others(50).unwrap();
    let judge = read_sync(Judge::new(&dense, others, &device, unwatched)).unwrap();
    let divergence = |model| read_sync(judge.divergence(model, &device, unwatched)).unwrap();
    assert_eq!(found.divergence, Some(divergence(&distilled)));
    assert!(divergence(&distilled) != divergence(&repaired), "nothing was learned");

    let go_on = |plan: SweepPlan| {
        read_sync(experiment.sweep(plan, Some(report.clone()), unwatched))
            .map_err(|error| error.to_string())
    };
    assert_eq!(go_on(plan.clone()).unwrap(), report);
    let longer = DistillationPlan { epochs: 3, ..DistillationPlan::default() };
    let longer = go_on(SweepPlan { distillation: Some(longer), ..plan }).unwrap_err();
    assert!(longer.contains("distillation"), "{longer}");
}

#[test]
fn numbers_of_two_networks_of_one_shape_are_kept_apart() {
    let data = shapes10(120, 40, 8);
    let (one, two) = (model(9), model(10));
    assert_ne!(one.hash(), two.hash());
    let device = Device::flex();
    let images =
        CalibrationImages::draw(&data, Split::Train, 60, 0, one.normalization_of(&data)).unwrap();
    let measure = |model: &Model| {
        read_sync(calibrate(model, &device, "cpu", &images, Method::SecondMoments, unwatched))
            .unwrap()
    };
    let (profile, other_profile) = (measure(&one), measure(&two));
    assert_eq!(profile.measurement.images_hash, other_profile.measurement.images_hash);
    let refused = Measured::new(&two, &profile).unwrap_err().to_string();
    assert!(
        refused.contains(&one.hash().short()) && refused.contains(&two.hash().short()),
        "{refused}"
    );

    let request = AllocationRequest::new(Rule::Rr, Sparsity::new(0.8).unwrap());
    let allocation = allocate(Evidence::Profile(&profile), &request).unwrap();
    assert!(matches!(prune(&two, &allocation), Err(AllocationError::Identity(_))));
    let (pruned, _) = prune(&one, &allocation).unwrap();
    let read =
        checkpoint::read(&checkpoint::write(&pruned).unwrap(), NetworkHint::default()).unwrap();
    let from = read.info.pruned_from.unwrap();
    assert_eq!((from.model_hash, from.profile_hash), (one.hash(), Some(profile.hash())));
    assert_eq!(read.hash(), pruned.hash());

    let experiment = |model, profile, device_name| Experiment {
        measured: Measured::new(model, profile).unwrap(),
        dataset: &data,
        calibration: None,
        device: &device,
        device_name,
    };
    let plan = SweepPlan {
        rules: vec![Rule::Uniform],
        sparsities: vec![Sparsity::new(0.8).unwrap()],
        repairs: vec![Repair::None],
        calibration_images: 60,
        evaluation_images: 40,
        judge_images: 20,
        ..SweepPlan::default()
    };
    let report =
        read_sync(experiment(&one, &profile, "cpu").sweep(plan.clone(), None, unwatched)).unwrap();
    assert_eq!(
        (report.origin.model_hash, report.origin.profile_hash),
        (Some(one.hash()), Some(profile.hash()))
    );
    // What comes of a profile that names no network names none either.
    let mut nameless = profile.clone();
    nameless.model_hash = None;
    let of_nameless =
        read_sync(experiment(&one, &nameless, "cpu").sweep(plan.clone(), None, unwatched)).unwrap();
    assert_eq!((of_nameless.origin.model_hash, of_nameless.origin.profile_hash), (None, None));
    // A sweep is gone on with where everything is the same, and by nothing else.
    let go_on = |experiment: Experiment<'_>, previous: SweepReport| {
        read_sync(experiment.sweep(plan.clone(), Some(previous), unwatched))
            .map_err(|error| error.to_string())
    };
    assert_eq!(go_on(experiment(&one, &profile, "cpu (another)"), report.clone()).unwrap(), report);
    let mut remeasured = profile.clone();
    remeasured.measurement.seed = 1;
    let (mut program, mut images, mut unbound) = (report.clone(), report.clone(), report.clone());
    program.origin.program = "rrlab 0.0.1".into();
    images.origin.images_hash = profile.measurement.images_hash;
    unbound.origin.profile_hash = None;
    for (experiment, previous, says) in [
        (experiment(&two, &other_profile, "cpu"), report.clone(), "is of network"),
        (experiment(&one, &remeasured, "cpu"), report.clone(), "is by profile"),
        (experiment(&one, &profile, "wgpu (some card)"), report.clone(), "was computed on cpu"),
        (experiment(&one, &profile, "cpu"), program, "was computed by rrlab 0.0.1"),
        (experiment(&one, &profile, "cpu"), images, "other images"),
        (experiment(&one, &profile, "cpu"), unbound, "an earlier version"),
    ] {
        let error = go_on(experiment, previous).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
