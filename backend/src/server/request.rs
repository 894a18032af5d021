//! Reads what somebody asks for, and names everything that is missing, unknown or wrong in it at
//! once.
//!
//! A deserializer stops at the first such field. So the field is noted, replaced by a value that is
//! right, and the request is read again: until all of it can be read.

use rrlab_protocol::{FieldProblem, JobKind, JobRequest, RequestFields, RequestKindError};
use rrlab_types::{Constraint, ForcedDensity, Role, Target};
use serde_json::{Map, Value, json};
use serde_path_to_error::{Deserializer, Segment, Track};
use strum::VariantArray as _;

/// Problems after which the rest of a request is not looked at.
const MOST_PROBLEMS: usize = 25;
/// Similarity (Jaro–Winkler, 0 to 1) above which a name is taken for a misspelling of another.
const SIMILAR: f64 = 0.8;

/// A request as far as it can be read.
pub struct ReadRequest {
    /// The request; where there are problems, with values that are right in place of those that are
    /// not. `None` where too little of it can be read.
    pub request: Option<JobRequest>,
    /// Everything that is missing, unknown or wrong.
    pub problems: Vec<FieldProblem>,
}

/// Reads a request for a job.
pub fn read(request: Value) -> ReadRequest {
    let RequestFields { kind, mut fields } = match RequestFields::of(request) {
        Ok(fields) => fields,
        Err(error) => return ReadRequest { request: None, problems: vec![of_kind(&error)] },
    };
    let right = right_values(JobRequest::defaults(kind));
    let mut problems: Vec<FieldProblem> = Vec::new();
    while problems.len() < MOST_PROBLEMS {
        let mut track = Track::new();
        let given = Value::Object(fields.clone());
        let error = match JobRequest::of_kind(kind, Deserializer::new(&given, &mut track)) {
            Ok(request) => return ReadRequest { request: Some(request), problems },
            Err(error) => error.to_string(),
        };
        let found = Found::of(&track.path(), &error);
        let is_known = problems.iter().any(|known| known.field == found.problem.field);
        problems.push(found.problem);
        if is_known || !replace(&mut fields, &right, &found.path) {
            break;
        }
    }
    ReadRequest { request: None, problems }
}

fn of_kind(error: &RequestKindError) -> FieldProblem {
    let mut problem = error.to_string();
    if let RequestKindError::Unknown(name) = error {
        problem.push_str(&suggestion(name, JobKind::VARIANTS.iter().map(|kind| kind.name())));
    }
    FieldProblem { field: "kind".into(), problem }
}

/// The default of each field; for those that have none, a value of the right form.
fn right_values(mut defaults: Map<String, Value>) -> Map<String, Value> {
    defaults.insert("dataset".into(), json!(""));
    defaults.insert("model".into(), json!(0));
    if let Some(constraints) = defaults.get_mut("plan").and_then(|plan| plan.get_mut("constraints"))
    {
        *constraints =
            json!([Constraint { target: Target::Role(Role::Stem), density: ForcedDensity::Dense }]);
    }
    defaults
}

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

/// What stopped the deserializer.
struct Found {
    problem: FieldProblem,
    /// Where a right value has to be put, or a field taken away.
    path: Vec<Step>,
}

impl Found {
    fn of(path: &serde_path_to_error::Path, error: &str) -> Self {
        let mut path: Vec<Step> = path.iter().filter_map(step).collect();
        // Texts of serde's own: "missing field `a`", "unknown field `a`, expected one of `b`, `c`".
        let quoted: Vec<&str> = error.split('`').skip(1).step_by(2).collect();
        let problem = if error.starts_with("missing field") {
            path.extend(quoted.first().map(|name| Step::Field((*name).into())));
            "it is missing".to_owned()
        } else if error.starts_with("unknown field") || error.starts_with("unknown variant") {
            match quoted.split_first() {
                Some((name, known)) => {
                    format!("{error}{}", suggestion(name, known.iter().copied()))
                }
                None => error.to_owned(),
            }
        } else {
            error.to_owned()
        };
        Self { problem: FieldProblem { field: written(&path), problem }, path }
    }
}

fn step(segment: &Segment) -> Option<Step> {
    match segment {
        Segment::Map { key } => Some(Step::Field(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// A path as people write it: `plan.rules[1]`.
fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.push_str(&format!(".{name}")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// The name that was probably meant, as the end of a sentence; nothing where none is near.
fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut nearest: Option<(f64, &str)> = None;
    for candidate in known {
        let similarity = strsim::jaro_winkler(name, candidate);
        if similarity > nearest.map_or(SIMILAR, |(most, _)| most) {
            nearest = Some((similarity, candidate));
        }
    }
    nearest.map_or_else(String::new, |(_, meant)| format!("; did you mean `{meant}`?"))
}

/// Puts the value that `right` has at this path there; where it has none, takes away what is there,
/// or the list that it is in. Whether anything was changed.
fn replace(fields: &mut Map<String, Value>, right: &Map<String, Value>, path: &[Step]) -> bool {
    let Some((Step::Field(name), rest)) = path.split_first() else { return false };
    match (fields.get_mut(name), right.get(name)) {
        (Some(Value::Object(inner)), Some(Value::Object(right))) if !rest.is_empty() => {
            replace(inner, right, rest)
        }
        (Some(Value::Array(items)), Some(Value::Array(right))) if !rest.is_empty() => {
            if let (Step::Index(index), Some(good)) = (&rest[0], right.first())
                && let Some(item) = items.get_mut(*index)
            {
                *item = good.clone();
                return true;
            }
            items.clone_from(right);
            true
        }
        (_, Some(right)) => {
            fields.insert(name.clone(), right.clone());
            true
        }
        (Some(_), None) => fields.remove(name).is_some(),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(request: Value) -> Vec<(String, String)> {
        let read = read(request);
        read.problems.into_iter().map(|problem| (problem.field, problem.problem)).collect()
    }

    fn fields(request: Value) -> Vec<String> {
        problems(request).into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn what_is_right_has_no_problems() {
        let read = read(json!({ "kind": "train", "dataset": "shapes10" }));
        assert!(read.problems.is_empty() && read.request.is_some());
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let request = json!({ "kind": "sweep", "modle": 3, "plan": {
            "rules": ["erk", "rrr", "lamp", 5], "sparsities": [0.9, 1.5], "sead": 1, "calibration_images": "many",
            "settings": { "alpha": "one" }, "constraints": [{ "target": { "role": "stem" } }, 7],
        } });
        let expected = [
            "dataset",
            "model",
            "modle",
            "plan.calibration_images",
            "plan.constraints[0].density",
            "plan.constraints[1]",
            "plan.rules[1]",
            "plan.rules[3]",
            "plan.sead",
            "plan.settings.alpha",
            "plan.sparsities[1]",
        ];
        let mut found = fields(request);
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unknown_field_is_named_with_the_nearest_known_one() {
        let found =
            problems(json!({ "kind": "train", "datset": "shapes10", "plan": { "epohcs": 5 } }));
        let told = |field: &str| {
            found.iter().find(|(known, _)| known == field).map(|(_, problem)| problem.as_str())
        };
        assert!(
            told("datset").is_some_and(|problem| problem.ends_with("did you mean `dataset`?")),
            "{found:?}"
        );
        assert!(
            told("plan.epohcs").is_some_and(|problem| problem.ends_with("did you mean `epochs`?")),
            "{found:?}"
        );
        assert_eq!(told("dataset"), Some("it is missing"));
        let found = problems(json!({ "kind": "calibrat" }));
        assert!(found[0].1.ends_with("did you mean `calibrate`?"), "{found:?}");
    }

    #[test]
    fn a_hostile_request_is_not_looked_at_for_ever() {
        let many: Map<String, Value> =
            (0..5000).map(|number| (format!("x{number}"), json!(1))).collect();
        let mut request = many.clone();
        request.insert("kind".into(), json!("train"));
        assert_eq!(problems(Value::Object(request)).len(), MOST_PROBLEMS);
        for odd in [
            json!({ "kind": "train", "`": 1 }),
            json!({ "kind": "train", "plan": [[1]] }),
            json!([1]),
            json!(null),
        ] {
            assert!(!problems(odd).is_empty());
        }
    }
}
