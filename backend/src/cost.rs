//! What a job costs, judged by what it asks for before it is computed: work, memory, bytes that it stores.
//!
//! The unit of work is a multiply-accumulate of a dense network; how many seconds that is, jobs of its
//! kind that have ended tell. So the constants of work matter against each other alone, within a kind.
//! Those of memory fit what whole commands took on a CPU (`docs/performance.md`).

use rrlab_engine::calibrate::BATCHES_PER_READ;
use rrlab_engine::data::evaluation_batch_of;
use rrlab_protocol::{JobRequest, SweepRequest};
use rrlab_types::{Criterion, FinetunePlan, Repair, RepairOperator, SelectionPlan, TrainingPlan};

use crate::facts::NetworkSize;

/// Forward passes that one pass of training costs.
const TRAINING: f64 = 3.0;
/// Forward passes over the calibration images that a profile costs (`docs/performance.md`).
const CALIBRATION: f64 = 6.0;
/// Those that a channelwise repair of one network costs.
const CHANNELWISE: f64 = 2.0;
/// Those that its reconstruction costs.
const RECONSTRUCTION: f64 = 8.0;
/// Those that pruning it in steps costs, which solves a layer again and again.
const IN_STEPS: f64 = 30.0;

/// Activations as wide as the widest that a batch's forward pass holds at once.
const HELD: f64 = 4.0;
/// What calibration keeps of each image whose batch waits to be read, in widest activations.
const SUMMED: f64 = 1.2;
/// What is kept of second moments while all layers are measured, in their own size.
const MOMENTS: f64 = 1.3;
/// What a channelwise repair keeps of each image at a layer, in widest activations.
const MAPPED: f64 = 3.5;
/// What reconstruction keeps.
const RECONSTRUCTED: f64 = 5.5;
/// What training keeps of each image of a batch, in all its activations.
const TRAINED: f64 = 0.8;

/// Bytes of a profile, roughly.
const PROFILE: f64 = 500e3;
/// Bytes of an entry of a report, roughly.
const ENTRY: f64 = 1e3;

/// What a job's cost depends on beside the request.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// The network.
    pub network: NetworkSize,
    /// Images of the data set that training passes over.
    pub training_images: f64,
    /// Bytes of the data set that workers read into memory: one that was uploaded.
    pub dataset_bytes: u64,
}

/// What a job is taken to need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Multiply-accumulates.
    pub work: f64,
    /// Bytes in memory, beside those of a program at rest and of data sets that are mapped.
    pub memory: u64,
    /// Bytes of its results and of its last checkpoint.
    pub stored: u64,
}

/// What a job is taken to need.
pub fn cost(request: &JobRequest, scale: &Scale) -> Cost {
    Cost {
        work: work(request, scale),
        memory: memory(request, &scale.network) as u64 + scale.dataset_bytes,
        stored: stored(request, &scale.network) as u64,
    }
}

fn work(request: &JobRequest, scale: &Scale) -> f64 {
    let passes = match request {
        JobRequest::Train(job) => training(&job.plan, scale.training_images),
        JobRequest::Calibrate(job) => CALIBRATION * job.images as f64,
        JobRequest::Evaluate(job) => job.images as f64,
        JobRequest::Choose(job) => choice(&job.plan),
        JobRequest::Sweep(job) => sweep(job),
        JobRequest::Finetune(job) => fine_tuning(&job.plan, scale.training_images),
    };
    passes * scale.network.macs as f64
}

fn training(plan: &TrainingPlan, images: f64) -> f64 {
    TRAINING * plan.epochs as f64 * images
}

/// Images that pass through the network while one is pruned and repaired.
fn repair(repair: Repair, criterion: Criterion, images: f64) -> f64 {
    let passes = match (repair, criterion) {
        (Repair::None, _) => 0.0,
        (Repair::Operator(RepairOperator::Reconstruction), Criterion::Obs) => IN_STEPS,
        (Repair::Operator(RepairOperator::Reconstruction), _) => RECONSTRUCTION,
        _ => CHANNELWISE,
    };
    passes * images
}

fn choice(plan: &SelectionPlan) -> f64 {
    let images = plan.calibration_images as f64;
    let network = repair(plan.repair, plan.criterion, images) + plan.judge_images as f64;
    CALIBRATION * images + plan.networks() as f64 * network
}

fn sweep(job: &SweepRequest) -> f64 {
    let plan = &job.plan;
    let images = plan.calibration_images as f64;
    let networks = (plan.rules.len() * plan.sparsities.len()) as f64;
    let taught = plan.distillation.map_or(0.0, |plan| TRAINING * plan.epochs as f64 * images);
    let rest = (plan.evaluation_images + plan.judge_images) as f64 + taught;
    let of_repair = |&kind: &Repair| repair(kind, plan.criterion, images) + rest;
    CALIBRATION * images + networks * plan.repairs.iter().map(of_repair).sum::<f64>()
}

fn fine_tuning(plan: &FinetunePlan, training_images: f64) -> f64 {
    let images = plan.calibration_images as f64;
    let networks = (plan.rules.len() * plan.sparsities.len()) as f64;
    let evaluations = (plan.training.epochs + 1) * plan.evaluation_images;
    let network = repair(plan.repair, plan.criterion, images)
        + training(&plan.training, training_images)
        + evaluations as f64;
    CALIBRATION * images + networks * network
}

/// Bytes of so many values.
fn bytes(values: u64) -> f64 {
    values as f64 * size_of::<f32>() as f64
}

fn memory(request: &JobRequest, network: &NetworkSize) -> f64 {
    let forward = memory_of_forward_pass(network);
    // A profile that is not given is measured before networks are repaired.
    let repairing = |profile: Option<i64>, repairs: &[Repair], images: usize| {
        let measuring = if profile.is_some() { 0.0 } else { held_by_calibration(images, network) };
        let held = |&repair: &Repair| held_by_repair(repair, images, network);
        forward + repairs.iter().map(held).fold(measuring, f64::max)
    };
    match request {
        JobRequest::Evaluate(_) => forward,
        JobRequest::Calibrate(job) => forward + held_by_calibration(job.images, network),
        JobRequest::Train(job) => memory_of_training(network, job.plan.batch_size),
        JobRequest::Choose(job) => {
            repairing(job.profile, &[job.plan.repair], job.plan.calibration_images)
        }
        JobRequest::Sweep(job) => {
            let plan = &job.plan;
            let taught = plan.distillation.map_or(0.0, |distillation| {
                bytes(network.parameters) + memory_of_training(network, distillation.batch_size)
            });
            repairing(job.profile, &plan.repairs, plan.calibration_images).max(taught)
        }
        JobRequest::Finetune(job) => {
            let plan = &job.plan;
            let teacher = plan.training.distillation.map_or(0.0, |_| bytes(network.parameters));
            repairing(job.profile, &[plan.repair], plan.calibration_images)
                .max(teacher + memory_of_training(network, plan.training.batch_size))
        }
    }
}

/// The network twice, on the host and on the device, and a batch's activations that are held at once.
fn memory_of_forward_pass(network: &NetworkSize) -> f64 {
    let batch = evaluation_batch_of(network.widest as usize) as f64;
    2.0 * bytes(network.parameters) + HELD * batch * bytes(network.widest)
}

/// All activations of a batch; weights, their gradients and momenta, twice while they are saved.
fn memory_of_training(network: &NetworkSize, batch: usize) -> f64 {
    6.0 * bytes(network.parameters) + TRAINED * batch as f64 * bytes(network.activations)
}

/// Sums of all layers, and what batches leave until it is read.
fn held_by_calibration(images: usize, network: &NetworkSize) -> f64 {
    let waiting = BATCHES_PER_READ * evaluation_batch_of(network.widest as usize);
    MOMENTS * bytes(network.moments) + SUMMED * images.min(waiting) as f64 * bytes(network.widest)
}

/// What repair keeps of its images at the widest layer, and a second network.
fn held_by_repair(repair: Repair, images: usize, network: &NetworkSize) -> f64 {
    let kept = match repair {
        Repair::None => return 0.0,
        Repair::Operator(RepairOperator::Reconstruction) => RECONSTRUCTED,
        _ => MAPPED,
    };
    bytes(network.parameters) + kept * images as f64 * bytes(network.widest)
}

fn stored(request: &JobRequest, network: &NetworkSize) -> f64 {
    let model = bytes(network.parameters);
    // Weights, and two numbers that the optimizer remembers of each.
    let checkpoint = 3.0 * model;
    match request {
        JobRequest::Train(_) => model + checkpoint,
        JobRequest::Finetune(job) => PROFILE + job.plan.asked() as f64 * model + checkpoint,
        JobRequest::Sweep(job) => {
            // Four images a digit; once in the report and once in the last checkpoint.
            let outcomes = job.plan.evaluation_images as f64 / 4.0;
            PROFILE + 2.0 * job.plan.asked() as f64 * (ENTRY + outcomes)
        }
        JobRequest::Calibrate(_) | JobRequest::Choose(_) => PROFILE,
        JobRequest::Evaluate(_) => ENTRY,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// ResNet18 for CIFAR-10.
    const NETWORK: NetworkSize = NetworkSize {
        macs: 555_000_000,
        parameters: 11_174_000,
        widest: 65_536,
        activations: 1_600_000,
        moments: 92_000_000,
    };

    fn cost_of(request: Value) -> Cost {
        let request: JobRequest = serde_json::from_value(request).unwrap();
        cost(&request, &Scale { network: NETWORK, training_images: 50_000.0, dataset_bytes: 0 })
    }

    fn of(request: Value) -> f64 {
        let network = NetworkSize { macs: 1000, ..NETWORK };
        let request: JobRequest = serde_json::from_value(request).unwrap();
        work(&request, &Scale { network, training_images: 50_000.0, dataset_bytes: 0 })
    }

    /// Megabytes of whole commands: docs/performance.md.
    #[test]
    fn memory_is_judged_as_it_was_measured() {
        let megabytes = |request: Value| cost_of(request).memory / 1_000_000;
        let calibrate = |images: usize| {
            megabytes(
                json!({ "kind": "calibrate", "model": 1, "dataset": "shapes10", "images": images }),
            )
        };
        for (judged, measured) in [(calibrate(256), 724), (calibrate(1024), 933)] {
            assert!(judged.abs_diff(measured) * 5 < measured, "{judged} for {measured}");
        }
        let resnet20 = NetworkSize {
            macs: 40_800_000,
            parameters: 272_000,
            widest: 16_384,
            activations: 651_000,
            moments: 2_300_000,
        };
        let small = |request: Value| {
            let request: JobRequest = serde_json::from_value(request).unwrap();
            memory(&request, &resnet20) as u64 / 1_000_000
        };
        let train = |batch: usize| {
            small(
                json!({ "kind": "train", "dataset": "shapes10", "plan": { "batch_size": batch } }),
            )
        };
        let sweep = |repair: &str, distillation: Value| {
            let plan = json!({
                "repairs": [repair], "calibration_images": 1024, "distillation": distillation,
            });
            small(
                json!({ "kind": "sweep", "model": 1, "profile": 2, "dataset": "shapes10", "plan": plan }),
            )
        };
        let none = || Value::Null;
        let measured = [
            (train(128), 250),
            (sweep("variance_matching", none()), 278),
            (sweep("reconstruction", none()), 378),
        ];
        for (judged, measured) in measured {
            assert!(judged.abs_diff(measured) * 5 < measured, "{judged} for {measured}");
        }
        // Networks that learn in a sweep need what training needs.
        let taught = sweep("variance_matching", json!({ "batch_size": 1024 }));
        assert!(taught > train(1024), "{taught}");
        // What has been read is not kept.
        assert_eq!(calibrate(4096), calibrate(1024));
        let evaluate = |images: usize| {
            megabytes(
                json!({ "kind": "evaluate", "model": 1, "dataset": "shapes10", "images": images }),
            )
        };
        assert_eq!(evaluate(10_000), evaluate(128));
    }

    #[test]
    fn work_grows_with_what_is_asked_for() {
        let evaluate = |images| {
            of(json!({ "kind": "evaluate", "model": 1, "dataset": "shapes10", "images": images }))
        };
        assert_eq!(evaluate(200), 200_000.0);
        let train = |epochs| {
            of(json!({ "kind": "train", "dataset": "shapes10", "plan": { "epochs": epochs } }))
        };
        assert_eq!(train(4), 4.0 * train(1));
        assert_eq!(train(1), 150_000_000.0);
        let sweep = |plan: Value| {
            of(json!({ "kind": "sweep", "model": 1, "dataset": "shapes10", "plan": plan }))
        };
        let plain = json!({ "sparsities": [0.9], "repairs": ["none"], "rules": ["erk"] });
        let with = |name: &str, value: Value| {
            let mut plan = plain.clone();
            plan[name] = value;
            sweep(plan)
        };
        let cell = with("sparsities", json!([0.9, 0.95])) - sweep(plain.clone());
        assert!(cell > 0.0);
        assert_eq!(with("rules", json!(["erk", "lamp", "rr"])) - sweep(plain.clone()), 2.0 * cell);
        let by_repair = ["none", "variance_matching", "reconstruction"]
            .map(|repair| with("repairs", json!([repair])));
        assert!(by_repair.is_sorted_by(|a, b| a < b), "{by_repair:?}");
    }
}
