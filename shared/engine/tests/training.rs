//! Training: it learns, and a run that was stopped ends where the other ends.

use burn::tensor::{Device, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::data::{Dataset, shapes10};
use rrlab_engine::evaluate::accuracy;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::train::{Trainer, TrainingError, TrainingState};
use rrlab_engine::watch::unwatched;
use rrlab_types::{Schedule, TrainingPlan};

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
    let fraction = read_sync(accuracy(&network, &data.train, &all, &data.normalization, unwatched)).unwrap();
    assert!(fraction > 0.3, "{fraction} of its own training images is little more than chance");
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
    assert!(read_sync(whole.model()).unwrap() == read_sync(second.model()).unwrap(), "the two runs differ");
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
        assert!(matches!(Trainer::new(state(plan), &data, &Device::flex()), Err(TrainingError::Plan(_))));
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
    // Batch norm may hold even this; then the weights must still be numbers.
    let state = read_sync(trainer.state()).unwrap().model.state;
    assert!(diverged || state.values().all(|tensor| tensor.values.iter().all(|value| value.is_finite())));
}
