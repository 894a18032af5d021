//! The API's description, by OpenAPI, beyond what routes and types say of themselves.

use axum::http::StatusCode;
use rrlab_types::{FinetunePlan, SelectionPlan, SweepPlan, TrainingPlan};
use serde_json::json;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as OpenApiDescription, RefOr};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Repairability Lab",
        description = "Train, calibrate, sweep, fine-tune and evaluate networks on the lab's server.",
        license(name = "MIT OR Apache-2.0")
    ),
    // A type of a query alone is not found by itself.
    components(schemas(crate::ingest::UploadKind)),
    modifiers(&Tokens),
    security(("token" = [])),
    tags(
        (name = "server", description = "The server and who uses it"),
        (name = "artifacts", description = "Networks, profiles, data sets and results"),
        (name = "jobs", description = "What the server computes"),
        (name = "shares", description = "Links for reviewers"),
        (name = "courses", description = "Teachers, students, and links that enrol"),
        (name = "admin", description = "People, workers, the queue and storage, for admins"),
    )
)]
pub struct Description;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, description: &mut OpenApiDescription) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        if let Some(components) = &mut description.components {
            components.add_security_scheme("token", SecurityScheme::Http(scheme));
        } else {
            let components = utoipa::openapi::ComponentsBuilder::new();
            description.components =
                Some(components.security_scheme("token", SecurityScheme::Http(scheme)).build());
        }
    }
}

/// Says what types and routes do not say of themselves.
pub fn complete(description: &mut OpenApiDescription) {
    describe_plan_defaults(description);
    describe_request_kinds(description);
    describe_answers(description);
}

/// Names answers that no route describes after their status: a description without is none.
fn describe_answers(description: &mut OpenApiDescription) {
    for item in description.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            for (status, answer) in &mut operation.responses.responses {
                if let RefOr::T(answer) = answer
                    && answer.description.is_empty()
                {
                    let status =
                        status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
                    let reason = status.and_then(|status| status.canonical_reason());
                    answer.description = reason.unwrap_or("Answer").to_owned();
                }
            }
        }
    }
}

/// Says in the description of a plan what each of its fields is where a request leaves it out.
fn describe_plan_defaults(description: &mut OpenApiDescription) {
    let Some(components) = &mut description.components else { return };
    let plans = [
        ("TrainingPlan", json!(TrainingPlan::default())),
        ("SelectionPlan", json!(SelectionPlan::default())),
        ("SweepPlan", json!(SweepPlan::default())),
        ("FinetunePlan", json!(FinetunePlan::default())),
    ];
    for (name, defaults) in plans {
        if let Some(RefOr::T(Schema::Object(plan))) = components.schemas.get_mut(name) {
            plan.required.clear();
            plan.default = Some(defaults);
        }
    }
}

/// Puts the kind of a request beside its other fields. Described apart, as the derived schema has
/// it, no value would satisfy both: a request takes no field that its own description does not
/// name.
fn describe_request_kinds(description: &mut OpenApiDescription) {
    let Some(components) = &mut description.components else { return };
    let Some(RefOr::T(Schema::OneOf(mut requests))) = components.schemas.remove("JobRequest")
    else {
        return;
    };
    for request in &mut requests.items {
        let RefOr::T(Schema::AllOf(parts)) = request else { continue };
        let [RefOr::Ref(fields), RefOr::T(Schema::Object(kind))] = parts.items.as_slice() else {
            continue;
        };
        let name = fields.ref_location.rsplit('/').next().unwrap_or_default();
        if let Some(RefOr::T(Schema::Object(whole))) = components.schemas.get_mut(name) {
            whole.properties.extend(kind.properties.clone());
            whole.required.extend(kind.required.clone());
            *request = RefOr::Ref(fields.clone());
        }
    }
    components.schemas.insert("JobRequest".into(), RefOr::T(Schema::OneOf(requests)));
}
