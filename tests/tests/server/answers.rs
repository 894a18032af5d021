//! What the API says, word for word: its description, and the bodies of its refusals. Where a
//! change is meant, `INSTA_UPDATE=always` writes the snapshots anew.

use reqwest::{Method, StatusCode};
use rrlab_tests::http_client;
use rrlab_tests::lab::{Answer, Database, Lab, bundled_model};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_as_it_was() {
    let lab = Lab::with(Database::Sqlite, &["--no-worker"]).await;
    let mut description = lab.get("/openapi.json").await.expect(StatusCode::OK);
    description["info"]["version"] = json!("[version]");
    insta::assert_snapshot!("openapi", pretty(&description));
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// The status and the whole body of a refusal.
fn refusal(answer: &Answer) -> String {
    assert_eq!(answer.headers["content-type"], "application/json", "{answer:?}");
    let body = answer.json();
    assert!(body["problem"].is_string(), "{answer:?}");
    format!("{}\n{}\n", answer.status, pretty(&body))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_a_body_that_says_why() {
    let lab = Lab::with(Database::Sqlite, &["--no-worker", "--upload-mib", "1"]).await;
    let model = lab.uploaded("model", bundled_model()).await;
    let post = async |body: Value| lab.post("/jobs", &body).await;
    let bare = |method: Method, path: &str| lab.request(method, path);
    let root = |method: Method, path: &str| {
        http_client().request(method, format!("{}{path}", lab.address()))
    };
    let answers = [
        ("unknown job", lab.get("/jobs/99").await),
        ("unknown route", lab.get("/nothing").await),
        ("unknown address below /api", lab.send(root(Method::GET, "/api/")).await),
        ("wrong method of a route", lab.send(bare(Method::PATCH, "/jobs")).await),
        ("wrong method of the page", lab.send(root(Method::POST, "/")).await),
        ("unknown file of the page", lab.send(root(Method::GET, "/nothing.js")).await),
        ("number that is none", lab.get("/jobs/one").await),
        ("unknown kind of upload", lab.upload("picture", "x", Vec::new()).await),
        ("upload that is too large", lab.upload("model", "x", vec![0; 2 << 20]).await),
        ("request that is too large", post(json!({ "kind": "x".repeat(3 << 20) })).await),
        ("body without a media type", lab.send(bare(Method::POST, "/jobs").body("{}")).await),
        (
            "body that is no JSON",
            lab.send(bare(Method::POST, "/jobs").header("content-type", "application/json").body("{")).await,
        ),
        ("request without a kind", post(json!({})).await),
        ("request of an unknown kind", post(json!({ "kind": "trian" })).await),
        ("request that lacks all", post(json!({ "kind": "evaluate" })).await),
        (
            "request with much that is wrong",
            post(json!({ "kind": "sweep", "model": model, "datset": "shapes10", "plan": {
                "rules": ["erk", "rrr"], "sparsities": [0.9, 1.5], "repairs": [], "sead": 1, "calibration_images": 0,
                "settings": { "alpha": "one" },
            } }))
            .await,
        ),
        (
            "numbers that make no sense",
            post(json!({ "kind": "train", "architecture": "resnet9", "dataset": "nowhere", "plan": {
                "epochs": 0, "momentum": 2, "distillation": { "weight": 3 },
            } }))
            .await,
        ),
        (
            "inputs that are not there",
            post(json!({ "kind": "sweep", "model": 98, "profile": model, "dataset": { "stored": 99 } })).await,
        ),
    ];
    let told: Vec<String> =
        answers.iter().map(|(what, answer)| format!("{what}: {}", refusal(answer))).collect();
    for (what, answer) in &answers {
        if answer.status == StatusCode::METHOD_NOT_ALLOWED {
            assert!(answer.headers.contains_key("allow"), "{what}");
        }
    }
    insta::assert_snapshot!("refusals", told.join("\n"));
}
