//! Databases that versions before left, opened by this one. They are beside this file, with the script
//! that makes them; a migration that was edited since is refused, since its checksum is in them.

use std::process::{Child, Stdio};

use reqwest::StatusCode;
use rrlab_tests::lab::{Database, Lab, bundled_model, number, small_dataset};
use rrlab_tests::rrlab;
use serde_json::json;

/// Of the last version without sessions and courses, and the last without states of parts.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_versions_before_go_on() {
    a_database_goes_on(Database::Sqlite, include_str!("versions/7.sqlite.sql")).await;
    a_database_goes_on(Database::Sqlite, include_str!("versions/10.sqlite.sql")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_versions_before_go_on() {
    a_database_goes_on(Database::Postgres, include_str!("versions/7.postgres.sql")).await;
    a_database_goes_on(Database::Postgres, include_str!("versions/10.postgres.sql")).await;
}

/// Server and workers of one machine may be started together.
#[test]
fn many_programs_make_a_new_database_together() {
    let folder = tempfile::tempdir().unwrap();
    let add = |name: usize| {
        let mut command = rrlab(&folder.path().join("data"));
        command.args(["user", "add", &format!("person{name}")]);
        command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    };
    let programs: Vec<Child> = (0..8).map(add).collect();
    for program in programs {
        let ended = program.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

async fn a_database_goes_on(database: Database, dump: &str) {
    let said = |what: &str| dump.lines().find_map(|line| line.strip_prefix(what)).unwrap().trim();
    let mut lab = Lab::restored(database, dump, said("-- The object store's mark:")).await;
    let token = said("-- The token of ann:");
    lab.sign_in(Some(token));
    // The one that is done is as it was, the one that was forgotten is, and the other waits.
    let jobs = lab.get("/jobs").await.expect(StatusCode::OK);
    let jobs = jobs["jobs"].as_array().unwrap();
    let states: Vec<_> = jobs.iter().map(|job| (number(job), &job["state"])).collect();
    assert_eq!(states, [(2, &json!("queued")), (1, &json!("done"))]);
    let shown = lab.get("/artifacts").await.expect(StatusCode::OK);
    assert_eq!(shown["artifacts"].as_array().unwrap().len(), 3, "two uploads, and what job 1 made");
    assert!(lab.says(&["user", "list"]).contains("root"));
    // Content is found by its hash, whoever stored it.
    for (kind, name, bytes) in
        [("model", "plain", bundled_model()), ("dataset", "noise", small_dataset())]
    {
        lab.upload(kind, name, bytes).await.expect(StatusCode::CREATED);
    }
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    let job = lab.ended(2).await;
    assert_eq!(job["state"], "done", "{job}");
    let new = lab.submit(&jobs[0]["request"]).await;
    assert!(new > 3, "the number of the forgotten job is not given again");
    // What was kept of neither network nor data set then is found out.
    let takes = async |images: usize| {
        let mut request = jobs[0]["request"].clone();
        request["images"] = json!(images);
        let job = lab.submit(&request).await;
        lab.job(job).await["takes_seconds"].as_f64().expect("one like it has ended")
    };
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    assert!((takes(40).await / takes(20).await - 2.0).abs() < 1e-9);
}
