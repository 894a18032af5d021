//! The whole way of a network through the lab, in about ten seconds: train, calibrate, allocate,
//! prune, repair, evaluate.
//!
//! `cargo run --release --package rrlab-engine --example whole_way`
//!
//! It is too small a network, too shortly trained on too few images, for its numbers to say
//! anything of rules; they show what each step takes and gives.

use burn::tensor::{Device, read_sync};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate};
use rrlab_engine::data::{Dataset, Split, shapes10};
use rrlab_engine::evaluate::accuracy;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::prune::prune;
use rrlab_engine::repair::{DenseStatistics, repair};
use rrlab_engine::train::{Trainer, TrainingState};
use rrlab_engine::watch::unwatched;
use rrlab_types::{
    AllocationRequest, Evidence, Repair, RepairOperator, Rule, Sparsity, TrainingPlan, allocate,
};

const SEED: u64 = 1;
/// Low enough that repair brings much back of what so small a network can do.
const SPARSITY: f64 = 0.7;

/// Goes the whole way, and prints what is left at its end.
///
/// # Errors
/// Those of every step.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let data = shapes10(1_000, 500, SEED);
    let dense = trained(&data, &device)?;

    // Model and unlabelled images give a profile: from here on no weight is needed to allocate.
    let images = CalibrationImages::draw(&data, Split::Train, 256, SEED, data.normalization)?;
    let method = Method::SecondMoments;
    let profile = read_sync(calibrate(&dense, &device, "cpu", &images, method, unwatched))?;
    let statistics = read_sync(DenseStatistics::measure(&dense, &images, &device, unwatched))?;

    let operator = Repair::Operator(RepairOperator::VarianceMatching);
    let of_dense = percent(&dense, &data, &device)?;
    println!("resnet8:width=0.5 on shapes10, dense: {of_dense:.1} %");
    println!();
    println!("{:<18}{:>10}{:>10}{:>10}", "rule", "kept", "pruned", "repaired");
    for rule in [Rule::Uniform, Rule::Erk, Rule::Lamp, Rule::Rr] {
        let request = AllocationRequest::new(rule, Sparsity::new(SPARSITY)?);
        let allocation = allocate(Evidence::Profile(&profile), &request)?;
        let (pruned, _masks) = prune(&dense, &allocation)?;
        let repairing = repair(&dense, &statistics, &pruned, operator, &images, &device, unwatched);
        let repaired = read_sync(repairing)?;
        let before = percent(&pruned, &data, &device)?;
        let after = percent(&repaired, &data, &device)?;
        println!("{:<18}{:>10}{before:>8.1} %{after:>8.1} %", rule.to_string(), allocation.kept);
    }
    Ok(())
}

/// A small network, trained until it tells the shapes apart better than by chance.
fn trained(data: &Dataset, device: &Device) -> Result<Model, Box<dyn std::error::Error>> {
    let graph = "resnet8:width=0.5".parse::<Architecture>()?.graph(data.classes.len())?;
    let plan = TrainingPlan { epochs: 8, batch_size: 50, seed: SEED, ..TrainingPlan::default() };
    let start = TrainingState::start(Model::untrained(graph, data, SEED), plan);
    let mut trainer = Trainer::new(start, data, device)?;
    read_sync(trainer.run(&[], async |_, _| Ok(())))?;
    Ok(read_sync(trainer.model())?)
}

/// Accuracy on all test images, in percent.
fn percent(
    model: &Model,
    data: &Dataset,
    device: &Device,
) -> Result<f64, Box<dyn std::error::Error>> {
    let network = Network::new(model, device);
    let all: Vec<usize> = (0..data.test.len()).collect();
    let evaluated = accuracy(&network, &data.test, &all, &data.normalization, unwatched);
    Ok(100.0 * read_sync(evaluated)?)
}
