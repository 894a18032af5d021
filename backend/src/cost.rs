//! How much work a job is, judged by what it asks for before it is computed. The unit is a
//! multiply-accumulate of a dense network; how many seconds that is, jobs of its kind that have ended
//! tell. So constants below matter against each other alone, within a kind.

use rrlab_protocol::{JobRequest, SweepRequest};
use rrlab_types::{Criterion, FinetunePlan, Repair, RepairOperator, SelectionPlan, TrainingPlan};

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

/// What a job's work depends on beside the request.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Multiply-accumulates of one image of the network.
    pub macs: f64,
    /// Images of the data set that training passes over.
    pub training_images: f64,
}

/// Multiply-accumulates that a job is taken to need.
pub fn work(request: &JobRequest, scale: &Scale) -> f64 {
    let passes = match request {
        JobRequest::Train(job) => training(&job.plan, scale.training_images),
        JobRequest::Calibrate(job) => CALIBRATION * job.images as f64,
        JobRequest::Evaluate(job) => job.images as f64,
        JobRequest::Choose(job) => choice(&job.plan),
        JobRequest::Sweep(job) => sweep(job),
        JobRequest::Finetune(job) => fine_tuning(&job.plan, scale.training_images),
    };
    passes * scale.macs
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(request: Value) -> f64 {
        let request: JobRequest = serde_json::from_value(request).unwrap();
        work(&request, &Scale { macs: 1000.0, training_images: 50_000.0 })
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
