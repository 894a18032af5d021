//! What a job is asked for with: the inputs of the form, and the request that they make.

use leptos::prelude::*;
use rrlab_protocol::{
    CalibrateRequest, ChooseRequest, DatasetRef, EvaluateRequest, FinetuneRequest, JobRequest,
    SweepRequest, TrainRequest,
};
use rrlab_types::{
    Distillation, DistillationPlan, FinetunePlan, JUDGE_IMAGES, Repair, SelectionPlan, SweepPlan,
    TrainingPlan,
};

use super::state::ServerState;
use crate::choices::choices;
use crate::controls::ImageSizeInputs;
use crate::sweep_plan::{repairs_after, sweep_sparsities};

choices! {
    /// What a job does.
    JobKind {
        Train = "train", "Train a new network";
        Calibrate = "calibrate", "Measure every layer";
        Choose = "choose", "Choose a rule without labels";
        Sweep = "sweep", "Sweep five rules";
        Finetune = "finetune", "Fine-tune A and B";
        Evaluate = "evaluate", "Evaluate on test images";
    }
}

choices! {
    /// Architecture of a new network.
    Architecture {
        ResNet8 = "resnet8", "ResNet-8";
        ResNet20 = "resnet20", "ResNet-20";
        ResNet18 = "resnet18", "ResNet18";
        ResNet34 = "resnet34", "ResNet34";
        Vgg11 = "vgg11_bn", "VGG11-BN";
        Vgg16 = "vgg16_bn", "VGG16-BN";
    }
}

/// What is set in the form of a job.
#[derive(Clone, Copy)]
pub struct JobInputs {
    pub server: ServerState,
    pub kind: RwSignal<JobKind>,
    pub architecture: RwSignal<Architecture>,
    /// Id of the stored network; 0 is none.
    pub model: RwSignal<i64>,
    /// Id of the stored profile; 0 has one measured first.
    pub profile: RwSignal<i64>,
    /// `name:NAME`, or the id of an uploaded one.
    pub dataset: RwSignal<String>,
    /// What images of an uploaded folder are scaled and cut to.
    pub image_size: ImageSizeInputs,
    pub epochs: RwSignal<usize>,
    pub finetune_epochs: RwSignal<usize>,
    pub learning_rate: RwSignal<f64>,
    pub finetune_rate: RwSignal<f64>,
    /// Whether fine-tuning is also taught by the dense network.
    pub distill: RwSignal<bool>,
    /// For which each network of a sweep learns from the dense one behind its repair; 0 for none.
    pub distil_epochs: RwSignal<usize>,
    /// Networks that a search from the chosen rule may judge; 0 for no search.
    pub refine: RwSignal<usize>,
    /// Images without labels that networks are measured and repaired by.
    pub calibration: RwSignal<usize>,
    /// Test images on which accuracy is measured.
    pub evaluation: RwSignal<usize>,
    pub seed: RwSignal<u64>,
}

impl JobInputs {
    /// Everything at its default.
    pub fn new(server: ServerState) -> Self {
        let tuning = FinetunePlan::customary_training();
        Self {
            server,
            kind: RwSignal::new(JobKind::Train),
            architecture: RwSignal::new(Architecture::ResNet20),
            model: RwSignal::new(0),
            profile: RwSignal::new(0),
            dataset: RwSignal::new("name:shapes10".into()),
            image_size: ImageSizeInputs::new(),
            epochs: RwSignal::new(TrainingPlan::default().epochs),
            finetune_epochs: RwSignal::new(tuning.epochs),
            learning_rate: RwSignal::new(TrainingPlan::default().learning_rate),
            finetune_rate: RwSignal::new(tuning.learning_rate),
            distill: RwSignal::new(false),
            distil_epochs: RwSignal::new(0),
            refine: RwSignal::new(0),
            calibration: RwSignal::new(1024),
            evaluation: RwSignal::new(10_000),
            seed: RwSignal::new(0),
        }
    }

    fn dataset_ref(self) -> DatasetRef {
        let chosen = self.dataset.get_untracked();
        match chosen.strip_prefix("name:") {
            Some(name) => DatasetRef::Named(name.into()),
            None => DatasetRef::Stored(chosen.parse().unwrap_or_default()),
        }
    }

    fn network(self) -> Result<i64, String> {
        match self.model.get_untracked() {
            0 => Err("choose a network first: upload one, or train one".into()),
            id => Ok(id),
        }
    }

    fn request(self) -> Result<JobRequest, String> {
        let (dataset, seed) = (self.dataset_ref(), self.seed.get_untracked());
        let images = self.calibration.get_untracked();
        let profile = Some(self.profile.get_untracked()).filter(|id| *id > 0);
        Ok(match self.kind.get_untracked() {
            JobKind::Train => JobRequest::Train(TrainRequest {
                architecture: self.architecture.get_untracked().to_string(),
                dataset,
                plan: self.training_plan(),
            }),
            JobKind::Calibrate => JobRequest::Calibrate(CalibrateRequest {
                model: self.network()?,
                dataset,
                images,
                seed,
            }),
            JobKind::Evaluate => {
                let images = self.evaluation.get_untracked();
                JobRequest::Evaluate(EvaluateRequest {
                    model: self.network()?,
                    dataset,
                    images,
                    seed,
                })
            }
            JobKind::Choose => JobRequest::Choose(ChooseRequest {
                model: self.network()?,
                profile,
                dataset,
                plan: self.selection_plan(),
            }),
            JobKind::Sweep => JobRequest::Sweep(SweepRequest {
                model: self.network()?,
                profile,
                dataset,
                plan: self.sweep_plan(),
            }),
            JobKind::Finetune => JobRequest::Finetune(FinetuneRequest {
                model: self.network()?,
                profile,
                dataset,
                plan: self.finetune_plan(),
            }),
        })
    }

    fn training_plan(self) -> TrainingPlan {
        TrainingPlan {
            epochs: self.epochs.get_untracked(),
            learning_rate: self.learning_rate.get_untracked(),
            seed: self.seed.get_untracked(),
            ..TrainingPlan::default()
        }
    }

    /// The rules that are compared most, at A's sparsity, with A's settings and constraints.
    fn selection_plan(self) -> SelectionPlan {
        let a = untrack(|| self.server.settings.a.request());
        SelectionPlan {
            sparsity: a.sparsity,
            repair: Repair::Operator(a.settings.repair),
            criterion: self.server.settings.a.criterion.get_untracked(),
            settings: a.settings,
            constraints: a.constraints,
            calibration_images: self.calibration.get_untracked(),
            seed: self.seed.get_untracked(),
            refining_networks: self.refine.get_untracked(),
            ..SelectionPlan::default()
        }
    }

    fn sweep_plan(self) -> SweepPlan {
        let settings = untrack(|| self.server.settings.a.request()).settings;
        let criterion = self.server.settings.a.criterion.get_untracked();
        let distillation = DistillationPlan::of_epochs(self.distil_epochs.get_untracked());
        let mut repairs = repairs_after(criterion, settings.repair);
        // What has learned is no longer a network before repair.
        repairs.retain(|repair| distillation.is_none() || *repair != Repair::None);
        SweepPlan {
            rules: SweepPlan::default().rules,
            sparsities: sweep_sparsities(),
            repairs,
            criterion,
            settings,
            constraints: Vec::new(),
            calibration_images: self.calibration.get_untracked(),
            evaluation_images: self.evaluation.get_untracked(),
            judge_images: JUDGE_IMAGES,
            distillation,
            seed: self.seed.get_untracked(),
            ..SweepPlan::default()
        }
    }

    /// Rules and sparsities of A and B, with A's settings and constraints.
    fn finetune_plan(self) -> FinetunePlan {
        let [a, b] =
            untrack(|| [self.server.settings.a.request(), self.server.settings.b.request()]);
        FinetunePlan {
            rules: distinct([a.rule, b.rule]),
            sparsities: distinct([a.sparsity, b.sparsity]),
            repair: Repair::Operator(a.settings.repair),
            criterion: self.server.settings.a.criterion.get_untracked(),
            settings: a.settings,
            constraints: a.constraints,
            calibration_images: self.calibration.get_untracked(),
            evaluation_images: self.evaluation.get_untracked(),
            training: TrainingPlan {
                epochs: self.finetune_epochs.get_untracked(),
                learning_rate: self.finetune_rate.get_untracked(),
                seed: self.seed.get_untracked(),
                distillation: self.distill.get_untracked().then(Distillation::default),
                ..FinetunePlan::customary_training()
            },
        }
    }

    /// Asks the server for the job.
    pub fn submit(self) {
        match self.request() {
            Ok(request) => self.server.submit(request),
            Err(problem) => self.server.notice.set(problem),
        }
    }

    /// What is chosen from, in words; follows A's settings.
    pub fn candidates(self) -> String {
        let a = self.server.settings.a.request();
        let rules = SelectionPlan::default().rules;
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        format!("{} at {}, repaired by {}", rules.join(", "), a.sparsity, a.settings.repair)
    }

    /// What fine-tuning compares, in words; follows the settings of A and B.
    pub fn compared(self) -> String {
        let settings = self.server.settings;
        let [a, b] = [settings.a.request(), settings.b.request()];
        let rules = joined(&distinct([a.rule, b.rule]));
        let sparsities = joined(&distinct([a.sparsity, b.sparsity]));
        format!("{rules} at {sparsities}, repaired by {}", a.settings.repair)
    }
}

fn distinct<T: PartialEq>([a, b]: [T; 2]) -> Vec<T> {
    if a == b { vec![a] } else { vec![a, b] }
}

fn joined<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(" and ")
}
