//! What a person asks the server to compute, and its JSON.
//!
//! A request names its kind and what differs from the defaults: `{"kind": "train", "dataset":
//! "shapes10", "plan": {"epochs": 5}}`. What it leaves out, at any depth, is as
//! [`JobRequest::defaults`] has it. It is written whole, so that a stored job means the same when a
//! later version has other defaults.
//!
//! The form of versions before, `{"train": {"dataset": {"named": "shapes10"}, …}}`, is read too.

use rrlab_types::{
    CALIBRATION_IMAGES, EVALUATION_IMAGES, FinetunePlan, SelectionPlan, SweepPlan, TrainingPlan,
};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use strum::VariantArray as _;

use crate::artifact::ArtifactKind;

/// Architecture that is trained where a request names none.
pub const DEFAULT_ARCHITECTURE: &str = "resnet20";
/// Field of a request that says which kind it is.
const KIND: &str = "kind";

/// What a person asks the server to compute.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobRequest {
    /// Train a new network.
    Train(TrainRequest),
    /// Measure a network's profile on unlabelled training images.
    Calibrate(CalibrateRequest),
    /// Select, without labels, the best of several rules' allocations.
    Choose(ChooseRequest),
    /// Prune, repair and evaluate over rules, sparsities and repairs.
    Sweep(SweepRequest),
    /// Prune, repair and fine-tune over rules and sparsities.
    Finetune(FinetuneRequest),
    /// Measure a network's accuracy on test images.
    Evaluate(EvaluateRequest),
}

/// Train a new network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TrainRequest {
    /// Architecture with its options, such as `resnet20` or `resnet18:width=0.25`.
    #[cfg_attr(feature = "openapi", schema(required = false, default = "resnet20"))]
    pub architecture: String,
    /// Images that it is trained and tested on.
    pub dataset: DatasetRef,
    /// How it is trained. The plan's seed draws the initial weights too.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub plan: TrainingPlan,
}

/// Measure a network's profile on unlabelled training images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CalibrateRequest {
    /// Number of the stored network.
    pub model: i64,
    /// Data set from whose training images the calibration images are drawn.
    pub dataset: DatasetRef,
    /// Number of calibration images.
    #[cfg_attr(feature = "openapi", schema(required = false, default = 1024))]
    pub images: usize,
    /// Seed with which they are drawn.
    #[cfg_attr(feature = "openapi", schema(required = false, default = 0))]
    pub seed: u64,
}

/// Select, without labels, the best of several rules' allocations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChooseRequest {
    /// Number of the stored dense network.
    pub model: i64,
    /// Number of its stored profile; without one the profile is measured first.
    pub profile: Option<i64>,
    /// Data set from whose training images those of calibration and the judge's are drawn.
    pub dataset: DatasetRef,
    /// What is selected from, and how it is judged.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub plan: SelectionPlan,
}

/// Prune, repair and evaluate over rules, sparsities and repairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SweepRequest {
    /// Number of the stored dense network.
    pub model: i64,
    /// Number of its stored profile; without one the profile is measured first.
    pub profile: Option<i64>,
    /// Images that it is calibrated (training) and evaluated on (test).
    pub dataset: DatasetRef,
    /// What the sweep runs over.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub plan: SweepPlan,
}

/// Prune, repair and fine-tune over rules and sparsities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FinetuneRequest {
    /// Number of the stored dense network.
    pub model: i64,
    /// Number of its stored profile; without one the profile is measured first.
    pub profile: Option<i64>,
    /// Images that it is calibrated, trained (training) and evaluated on (test).
    pub dataset: DatasetRef,
    /// What the runs differ in, and how each is trained.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub plan: FinetunePlan,
}

/// Measure a network's accuracy on test images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EvaluateRequest {
    /// Number of the stored network.
    pub model: i64,
    /// Data set from whose test images the evaluation images are drawn.
    pub dataset: DatasetRef,
    /// Number of evaluation images; where the data set has fewer, all of them.
    #[cfg_attr(feature = "openapi", schema(required = false, default = 10_000))]
    pub images: usize,
    /// Seed with which they are drawn.
    #[cfg_attr(feature = "openapi", schema(required = false, default = 0))]
    pub seed: u64,
}

/// Kind of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobKind {
    /// [`JobRequest::Train`].
    Train,
    /// [`JobRequest::Calibrate`].
    Calibrate,
    /// [`JobRequest::Choose`].
    Choose,
    /// [`JobRequest::Sweep`].
    Sweep,
    /// [`JobRequest::Finetune`].
    Finetune,
    /// [`JobRequest::Evaluate`].
    Evaluate,
}

impl JobKind {
    /// Name in the API, the database and metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A data set by its name on the server, or one that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DatasetForm", into = "DatasetForm")]
pub enum DatasetRef {
    /// `shapes10`, or the name of a data set that was imported on the server's machines.
    Named(String),
    /// Number of an uploaded one.
    Stored(i64),
}

/// JSON of a [`DatasetRef`]: `"shapes10"`, `{"stored": 7}`, or `{"named": "shapes10"}` of versions
/// before.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a data set's name, such as \"shapes10\", or the number of an uploaded one, such as \
                 {\"stored\": 7}"
)]
enum DatasetForm {
    Name(String),
    Stored(StoredDataset),
    Named(NamedDataset),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDataset {
    stored: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedDataset {
    named: String,
}

impl From<DatasetForm> for DatasetRef {
    fn from(form: DatasetForm) -> Self {
        match form {
            DatasetForm::Name(named) | DatasetForm::Named(NamedDataset { named }) => {
                Self::Named(named)
            }
            DatasetForm::Stored(StoredDataset { stored }) => Self::Stored(stored),
        }
    }
}

impl From<DatasetRef> for DatasetForm {
    fn from(dataset: DatasetRef) -> Self {
        match dataset {
            DatasetRef::Named(name) => Self::Name(name),
            DatasetRef::Stored(stored) => Self::Stored(StoredDataset { stored }),
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for DatasetRef {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{AdditionalProperties, Type};
        use utoipa::openapi::{ObjectBuilder, OneOfBuilder};
        let name = ObjectBuilder::new().schema_type(Type::String).description(Some(
            "`shapes10`, or the name of a data set that was imported on the server's machines",
        ));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some("Number of an uploaded data set"));
        let stored = ObjectBuilder::new()
            .property("stored", number)
            .required("stored")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        OneOfBuilder::new().item(name).item(stored).into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for DatasetRef {}

/// A request whose kind is known, with a value for every field that has a default.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestFields {
    /// Its kind.
    pub kind: JobKind,
    /// All other fields, by name. That they are there, and right, is not known yet.
    pub fields: Map<String, Value>,
}

/// A value that does not say which job it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestKindError {
    /// It is no object.
    #[error("a request is an object, such as {{\"kind\": \"train\", \"dataset\": \"shapes10\"}}")]
    NotAnObject,
    /// It has no kind.
    #[error("`kind` is missing; there are {}", kinds())]
    Missing,
    /// It has one that there isn't.
    #[error("there is no kind `{0}`; there are {kinds}", kinds = kinds())]
    Unknown(String),
}

fn kinds() -> String {
    JobKind::VARIANTS.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

impl RequestFields {
    /// Fields of a request in today's form or in that of versions before, with the defaults filled
    /// in.
    ///
    /// # Errors
    /// If it does not say which kind of job it asks for.
    pub fn of(request: Value) -> Result<Self, RequestKindError> {
        let Value::Object(mut fields) = request else { return Err(RequestKindError::NotAnObject) };
        let (kind, mut fields) = match fields.remove(KIND) {
            Some(Value::String(name)) => {
                let kind = name.parse().map_err(|_| RequestKindError::Unknown(name))?;
                (kind, fields)
            }
            Some(other) => return Err(RequestKindError::Unknown(other.to_string())),
            None => before(fields).ok_or(RequestKindError::Missing)?,
        };
        fill(&mut fields, JobRequest::defaults(kind));
        Ok(Self { kind, fields })
    }
}

/// The form of versions before: the kind is the name of the one field, the others are in it.
fn before(request: Map<String, Value>) -> Option<(JobKind, Map<String, Value>)> {
    if request.len() != 1 {
        return None;
    }
    match request.into_iter().next()? {
        (name, Value::Object(fields)) => Some((name.parse().ok()?, fields)),
        _ => None,
    }
}

/// Adds what is missing in `fields`, and in objects inside them.
fn fill(fields: &mut Map<String, Value>, defaults: Map<String, Value>) {
    for (name, default) in defaults {
        match (fields.get_mut(&name), default) {
            (None, default) => {
                fields.insert(name, default);
            }
            (Some(Value::Object(given)), Value::Object(default)) => fill(given, default),
            (Some(_), _) => {}
        }
    }
}

impl<'de> Deserialize<'de> for JobRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let request = Value::deserialize(deserializer)?;
        let RequestFields { kind, fields } =
            RequestFields::of(request).map_err(D::Error::custom)?;
        Self::of_kind(kind, Value::Object(fields)).map_err(D::Error::custom)
    }
}

impl JobRequest {
    /// The request of a kind with these fields, all of them: [`RequestFields`] has filled in the
    /// defaults.
    ///
    /// # Errors
    /// The deserializer's, at the first field that is missing, unknown or wrong.
    pub fn of_kind<'de, D: Deserializer<'de>>(kind: JobKind, fields: D) -> Result<Self, D::Error> {
        match kind {
            JobKind::Train => TrainRequest::deserialize(fields).map(Self::Train),
            JobKind::Calibrate => CalibrateRequest::deserialize(fields).map(Self::Calibrate),
            JobKind::Choose => ChooseRequest::deserialize(fields).map(Self::Choose),
            JobKind::Sweep => SweepRequest::deserialize(fields).map(Self::Sweep),
            JobKind::Finetune => FinetuneRequest::deserialize(fields).map(Self::Finetune),
            JobKind::Evaluate => EvaluateRequest::deserialize(fields).map(Self::Evaluate),
        }
    }

    /// Values of the fields that a request of this kind may leave out.
    pub fn defaults(kind: JobKind) -> Map<String, Value> {
        let defaults = match kind {
            JobKind::Train => {
                json!({ "architecture": DEFAULT_ARCHITECTURE, "plan": TrainingPlan::default() })
            }
            JobKind::Calibrate => json!({ "images": CALIBRATION_IMAGES, "seed": 0 }),
            JobKind::Choose => json!({ "profile": null, "plan": SelectionPlan::default() }),
            JobKind::Sweep => json!({ "profile": null, "plan": SweepPlan::default() }),
            JobKind::Finetune => json!({ "profile": null, "plan": FinetunePlan::default() }),
            JobKind::Evaluate => json!({ "images": EVALUATION_IMAGES, "seed": 0 }),
        };
        match defaults {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// Which kind of job it asks for.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Train(_) => JobKind::Train,
            Self::Calibrate(_) => JobKind::Calibrate,
            Self::Choose(_) => JobKind::Choose,
            Self::Sweep(_) => JobKind::Sweep,
            Self::Finetune(_) => JobKind::Finetune,
            Self::Evaluate(_) => JobKind::Evaluate,
        }
    }

    /// Images that the job reads.
    pub fn dataset(&self) -> &DatasetRef {
        match self {
            Self::Train(job) => &job.dataset,
            Self::Calibrate(job) => &job.dataset,
            Self::Choose(job) => &job.dataset,
            Self::Sweep(job) => &job.dataset,
            Self::Finetune(job) => &job.dataset,
            Self::Evaluate(job) => &job.dataset,
        }
    }

    /// Number of the stored network that the job reads; `None` where it trains a new one.
    pub fn model(&self) -> Option<i64> {
        match self {
            Self::Train(_) => None,
            Self::Calibrate(job) => Some(job.model),
            Self::Choose(job) => Some(job.model),
            Self::Sweep(job) => Some(job.model),
            Self::Finetune(job) => Some(job.model),
            Self::Evaluate(job) => Some(job.model),
        }
    }

    /// Number of the stored profile that the job reads; `None` where it needs none, or measures it
    /// first.
    pub fn profile(&self) -> Option<i64> {
        match self {
            Self::Choose(job) => job.profile,
            Self::Sweep(job) => job.profile,
            Self::Finetune(job) => job.profile,
            Self::Train(_) | Self::Calibrate(_) | Self::Evaluate(_) => None,
        }
    }

    /// Artifacts that the job reads, by number, each with the kind that it must be of. The field
    /// that names it is called as the kind is.
    pub fn inputs(&self) -> Vec<(i64, ArtifactKind)> {
        let mut inputs = Vec::new();
        if let DatasetRef::Stored(id) = self.dataset() {
            inputs.push((*id, ArtifactKind::Dataset));
        }
        inputs.extend(self.model().map(|id| (id, ArtifactKind::Model)));
        inputs.extend(self.profile().map(|id| (id, ArtifactKind::Profile)));
        inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rrlab_types::Schedule;

    fn read(request: Value) -> JobRequest {
        serde_json::from_value(request).unwrap()
    }

    #[test]
    fn what_a_request_leaves_out_is_as_by_default() {
        let train = read(json!({ "kind": "train", "dataset": "shapes10" }));
        let expected = TrainRequest {
            architecture: DEFAULT_ARCHITECTURE.into(),
            dataset: DatasetRef::Named("shapes10".into()),
            plan: TrainingPlan::default(),
        };
        assert_eq!(train, JobRequest::Train(expected));
        let sweep = read(
            json!({ "kind": "sweep", "model": 3, "dataset": { "stored": 7 }, "plan": { "seed": 5 } }),
        );
        let expected = SweepRequest {
            model: 3,
            profile: None,
            dataset: DatasetRef::Stored(7),
            plan: SweepPlan { seed: 5, ..SweepPlan::default() },
        };
        assert_eq!(sweep, JobRequest::Sweep(expected));
    }

    #[test]
    fn fine_tuning_that_names_its_epochs_alone_keeps_its_own_rate() {
        let fields = json!({ "kind": "finetune", "model": 3, "dataset": "shapes10", "plan": {
            "training": { "epochs": 2, "distillation": { "weight": 0.3 } } } });
        let JobRequest::Finetune(FinetuneRequest { plan: FinetunePlan { training, .. }, .. }) =
            read(fields)
        else {
            panic!("it is fine-tuning");
        };
        assert_eq!(
            (training.epochs, training.learning_rate),
            (2, FinetunePlan::customary_training().learning_rate)
        );
        assert_eq!(training.schedule, Schedule::Cosine);
        assert_eq!(training.distillation.map(|distillation| distillation.weight), Some(0.3));
    }

    #[test]
    fn requests_are_read_as_they_were_written() {
        for &kind in JobKind::VARIANTS {
            let mut least = json!({ "kind": kind, "dataset": "shapes10" });
            if kind != JobKind::Train {
                least["model"] = json!(1);
            }
            let request = read(least);
            assert_eq!(request.kind(), kind);
            let written = serde_json::to_value(&request).unwrap();
            assert_eq!(
                (&written["kind"], &written["dataset"]),
                (&json!(kind.name()), &json!("shapes10"))
            );
            assert_eq!(read(written), request);
        }
    }

    #[test]
    fn requests_of_versions_before_mean_the_same() {
        let before = json!({ "evaluate": { "model": 4, "dataset": { "named": "cifar10" }, "images": 60, "seed": 1 } });
        let today = json!({ "kind": "evaluate", "model": 4, "dataset": "cifar10", "images": 60, "seed": 1 });
        assert_eq!(read(before), read(today));
        let before = json!({ "calibrate": { "model": 4, "dataset": { "stored": 9 }, "images": 60, "seed": 1 } });
        assert_eq!(read(before).inputs(), [(9, ArtifactKind::Dataset), (4, ArtifactKind::Model)]);
    }

    #[test]
    fn what_names_no_kind_is_told_which_there_are() {
        for (request, expected) in [
            (json!([]), "a request is an object"),
            (
                json!({}),
                "`kind` is missing; there are train, calibrate, choose, sweep, finetune, evaluate",
            ),
            (json!({ "kind": "trian" }), "there is no kind `trian`"),
            (json!({ "kind": 3 }), "there is no kind `3`"),
            (json!({ "trian": {} }), "`kind` is missing"),
        ] {
            let problem = RequestFields::of(request).unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
