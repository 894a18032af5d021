//! The server over a real socket, as stories of the people who use it, on SQLite and PostgreSQL
//! alike.
#![cfg(unix)]

mod answers;
mod artifacts;
mod campaign;
mod people;
mod versions;

use std::cell::Cell;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt;
use people::{
    a_person_comes_by_the_provider_and_goes, a_teacher_sees_the_work_of_their_students,
    sessions_end,
};
use reqwest::{Method, StatusCode};
use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint::{self, NetworkHint, TensorFile};
use rrlab_engine::data::Dataset;
use rrlab_engine::model::Model;
use rrlab_tests::lab::{
    Database, Event, Lab, bundled_model, number, picture_folder, requests, signal, small_dataset,
    tar_gz, unlimit,
};
use rrlab_tests::{bundled_profile, make_version_1};
use rrlab_types::{Allocation, FinetuneReport, ModelProfile, Selection, SweepReport};
use serde_json::{Value, json};

/// Each story on both databases.
macro_rules! stories {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Database::Sqlite).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Database::Postgres).await;
            })+
        }
    };
}

stories!(
    a_student_gets_from_files_to_results,
    a_killed_job_goes_on_to_the_same_result,
    a_job_that_kills_its_workers_is_given_up,
    a_server_outlives_its_worker,
    what_is_away_for_a_while_ends_no_job,
    a_server_that_is_stopped_gives_its_job_back,
    a_worker_that_is_lent_a_machine_computes_one_job_and_ends,
    a_worker_whose_time_is_over_gives_its_job_back,
    a_job_waits_for_a_worker_with_its_data_set,
    a_job_ends_when_it_was_computed_for_long_enough,
    whoever_had_their_device_time_waits,
    requests_at_once_keep_to_the_device_time,
    a_job_may_need_so_much_memory,
    what_a_job_is_likely_to_take_is_told,
    people_take_turns,
    what_was_deleted_still_counts,
    two_workers_never_run_one_job_at_once,
    idle_workers_help_with_a_sweep,
    idle_workers_help_to_fine_tune,
    a_training_that_helps_is_let_go_of_and_gone_on_with,
    a_job_is_cancelled,
    events_are_replayed,
    nobody_sees_anothers_work,
    a_proxy_signs_people_in,
    a_person_is_shut_out_let_in_and_erased,
    a_person_comes_by_the_provider_and_goes,
    sessions_end,
    a_teacher_sees_the_work_of_their_students,
    nobody_is_erased_while_their_job_waits,
    a_link_shows_a_result_until_it_is_revoked,
    what_is_read_is_not_deleted_unnoticed,
    limits_are_answered_with_when_to_come_back,
    requests_of_versions_before_are_taken,
    stored_networks_say_which_they_are,
    many_read_while_a_job_runs,
);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn with_files(lab: &Lab) -> (i64, i64) {
    (lab.uploaded("model", bundled_model()).await, lab.uploaded("dataset", small_dataset()).await)
}

async fn a_student_gets_from_files_to_results(database: Database) {
    let lab = Lab::open(database).await;
    let (model, dataset) = with_files(&lab).await;
    let [train, calibrate, sweep, finetune, evaluate, choose] =
        requests(model, dataset).map(|(_, request)| request);

    let job = lab.submit(&train).await;
    let events = lab.listen(job, |_| false).await;
    let said =
        |kind: &str| events.iter().filter(|event| !event.data["event"][kind].is_null()).count();
    assert_eq!(said("epoch"), 4, "an accuracy for each epoch: {events:?}");
    assert!(said("step") > 0 && said("progress") > 0 && said("started") == 1);
    let trained = lab.result(job, "model").await;
    assert!(lab.content(trained).await.len() > 100_000);

    let profile = lab.submit(&calibrate).await;
    let events = lab.listen(profile, |_| false).await;
    let layers = events.iter().filter(|event| !event.data["event"]["layer"].is_null()).count();
    let profile = lab.result(profile, "profile").await;
    let read = ModelProfile::from_json(&text(&lab.content(profile).await)).unwrap();
    assert_eq!(layers, read.layers.len(), "each layer was told of as it was measured");

    // What is chosen is the rule whose network diverges least, or better.
    let mut with_profile = choose.clone();
    with_profile["profile"] = json!(profile);
    let job = lab.submit(&with_profile).await;
    let events = lab.listen(job, |_| false).await;
    let mut selections = events.iter().filter_map(|event| event.data["event"].get("selected"));
    let selection = selections.next_back().unwrap().clone();
    let chosen = lab.result(job, "allocation").await;
    let chosen = Allocation::from_json(&text(&lab.content(chosen).await)).unwrap();
    assert_eq!(serde_json::to_value(&chosen.selection).unwrap(), selection);
    let Selection { candidates, refinement, .. } = chosen.selection.unwrap();
    assert_eq!(chosen.rule, candidates[0].rule);
    assert!(candidates.is_sorted_by(|a, b| a.divergence <= b.divergence), "{candidates:?}");
    assert_eq!((candidates.len(), refinement.unwrap().networks), (3, 4));

    // With that profile the sweep measures none of its own.
    let mut with_profile = sweep.clone();
    with_profile["profile"] = json!(profile);
    let job = lab.submit(&with_profile).await;
    let results = lab.results(job).await;
    assert_eq!(results.len(), 1);
    let report = SweepReport::from_json(&text(&lab.content(number(&results[0].1)).await)).unwrap();
    assert_eq!(report.entries.len(), 12);

    let job = lab.submit(&finetune).await;
    let results = lab.results(job).await;
    let kinds: Vec<&str> = results.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["profile", "model", "model", "finetune"], "a network for each rule");
    let report =
        FinetuneReport::from_json(&text(&lab.content(number(&results[3].1)).await)).unwrap();
    assert!(report.runs.iter().all(|run| run.epochs.len() == 2 && run.kept == report.runs[0].kept));

    let job = lab.submit(&evaluate).await;
    let evaluation = lab.result(job, "evaluation").await;
    let evaluation: Value = serde_json::from_slice(&lab.content(evaluation).await).unwrap();
    assert_eq!(evaluation["images"], 60);

    let listed = lab.get("/jobs").await.expect(StatusCode::OK);
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 6);
    assert_eq!(lab.delete(&format!("/jobs/{job}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(lab.get(&format!("/jobs/{job}")).await.status, StatusCode::NOT_FOUND);
    // What can't be computed says why, and what would be right.
    let evaluate = |model: i64, dataset: Value, images: usize| json!({ "kind": "evaluate", "model": model, "dataset": dataset, "images": images });
    let stored = json!({ "stored": dataset });
    let refused = [
        (json!({ "kind": "train", "architecture": "resnet9", "dataset": stored }), "resnet8"),
        (evaluate(dataset, stored.clone(), 5), "model is needed"),
        (evaluate(model, json!("nowhere"), 5), "shapes10"),
        (evaluate(model, stored, 0), "at least 1"),
    ];
    for (request, expected) in refused {
        let problem = lab.post("/jobs", &request).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(problem["problem"].as_str().unwrap().contains(expected), "{problem}");
    }
    // A network of other classes fails as a job, with the cause.
    let shapes =
        json!({ "kind": "evaluate", "model": trained, "dataset": "shapes10", "images": 20 });
    assert_eq!(lab.ended(lab.submit(&shapes).await).await["state"], "done");
}

/// Hashes of what a job made.
async fn made(lab: &Lab, job: i64) -> Vec<(String, String)> {
    let results = lab.results(job).await.into_iter();
    let of = |result: &Value| (result["name"].to_string(), result["hash"].to_string());
    let mut made: Vec<_> = results.map(|(_, result)| of(&result)).collect();
    // Where several compute a job, they come in any order.
    made.sort();
    made
}

/// A sweep of so many sparsities.
fn long_sweep(model: i64, dataset: i64, sparsities: usize) -> Value {
    let mut sweep = requests(model, dataset)[2].1.clone();
    let sparsity = |step: usize| json!((500 + step) as f64 / 1000.0);
    sweep["plan"]["sparsities"] = (0..sparsities).map(sparsity).collect();
    sweep
}

/// Fine-tuning of four networks in so many epochs.
fn long_finetuning(model: i64, dataset: i64, epochs: usize) -> Value {
    let mut finetune = requests(model, dataset)[3].1.clone();
    finetune["plan"]["sparsities"] = json!([0.8, 0.9]);
    finetune["plan"]["training"]["epochs"] = json!(epochs);
    finetune
}

async fn a_killed_job_goes_on_to_the_same_result(database: Database) {
    let mut lab = Lab::open(database).await;
    let (model, dataset) = with_files(&lab).await;
    for (kind, request) in requests(model, dataset) {
        let whole = lab.submit(&request).await;
        let expected = made(&lab, whole).await;
        let job = lab.submit(&request).await;
        let under_way = |event: &Value| match kind {
            // What is quick is killed as soon as it is begun, and begins again.
            "calibrate" | "evaluate" => !event["started"].is_null(),
            "choose" => event["progress"]["what"] == "networks",
            "sweep" => !event["entry"].is_null(),
            _ => {
                event["progress"]["what"] == "steps" && event["progress"]["done"].as_u64() > Some(4)
            }
        };
        lab.listen(job, under_way).await;
        if kind == "train" || kind == "finetune" {
            // Checkpoints are a second apart.
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        let state = lab.job(job).await["state"].clone();
        lab.kill().await;
        let killed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        lab.start().await;
        assert_eq!(made(&lab, job).await, expected, "{kind}, killed while {state}");
        let ended = lab.job(job).await;
        // What is quick may have come to its end before it could be killed.
        let was_killed = u128::from(ended["finished_ms"].as_u64().unwrap()) > killed.as_millis();
        if state == "running" && was_killed {
            assert_eq!(ended["crashes"], 1, "{kind}: {ended}");
            let events = lab.listen(job, |_| false).await;
            let starts: Vec<&Value> = events
                .iter()
                .map(|event| &event.data["event"]["started"])
                .filter(|start| !start.is_null())
                .collect();
            assert_eq!(starts.len(), 2, "{kind}");
            let resumes = ["train", "sweep", "finetune"].contains(&kind);
            assert_eq!(starts[1]["resumed"], resumes, "{kind} goes on from a checkpoint");
        }
    }
}

/// A data set of a job's name is not the job's where its content is another.
async fn a_job_waits_for_a_worker_with_its_data_set(database: Database) {
    let lab = Lab::with(database, &["--no-worker"]).await;
    let files = tempfile::tempdir().unwrap();
    let import = |archive: Vec<u8>, more: &[&str]| {
        let path = files.path().join("noise.tar.gz");
        std::fs::write(&path, archive).unwrap();
        let path = path.display().to_string();
        lab.says(&[&["dataset", "import", &path, "--name", "noise"], more].concat());
    };
    import(small_dataset(), &[]);
    let model = lab.uploaded("model", bundled_model()).await;
    let job = lab
        .submit(&json!({ "kind": "evaluate", "model": model, "dataset": "noise", "images": 20 }))
        .await;
    // Of two that wait it computes the one that it can.
    let (_, stored) = with_files(&lab).await;
    let other = lab.submit(&requests(model, stored)[4].1).await;
    import(picture_folder(), &["--force-overwrite"]);
    let once = ["worker", "--once", "--device", "cpu"];
    lab.ends_well(&once).await;
    lab.ends_well(&once).await;
    assert_eq!(lab.job(other).await["state"], "done");
    let waits = lab.job(job).await;
    assert!(waits["state"] == "queued" && waits["started_ms"].is_null(), "{waits}");
    assert_eq!(waits["waits_for"], "a worker: none is running");
    import(small_dataset(), &["--force-overwrite"]);
    lab.ends_well(&once).await;
    assert_eq!(lab.job(job).await["state"], "done");
}

async fn a_job_ends_when_it_was_computed_for_long_enough(database: Database) {
    let lab = Lab::with(database, &["--job-hours", "0.0005"]).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let job = lab.submit(&endless(dataset)).await;
    let ended = lab.ended(job).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    assert!(ended["problem"].as_str().unwrap().contains("as long as a job may"), "{ended}");
}

async fn whoever_had_their_device_time_waits(database: Database) {
    let mut lab = Lab::with(database, &["--hosted", "--device-hours", "0.000000001"]).await;
    let [ann, ben] = ["ann", "ben"].map(|name| lab.person(name, "student"));
    lab.sign_in(Some(&ann));
    let (model, dataset) = with_files(&lab).await;
    let request = requests(model, dataset)[4].1.clone();
    let job = lab.submit(&request).await;
    assert_eq!(lab.ended(job).await["state"], "done");
    let refused = lab.post("/jobs", &request).await;
    let problem = refused.expect(StatusCode::TOO_MANY_REQUESTS);
    assert!(problem["problem"].as_str().unwrap().contains("of the last day"), "{problem}");
    lab.sign_in(Some(&ben));
    let (model, dataset) = with_files(&lab).await;
    let refused = lab.post("/jobs", &requests(model, dataset)[4].1).await;
    let problem = refused.expect(StatusCode::TOO_MANY_REQUESTS);
    assert!(problem["problem"].as_str().unwrap().contains("likely to take"), "{problem}");
    // Of a kind that was never computed nothing is known.
    lab.submit(&requests(model, dataset)[0].1).await;
}

/// Of requests at once each counts those before it.
async fn requests_at_once_keep_to_the_device_time(database: Database) {
    let hours = (10.0 / 3600.0).to_string();
    let lab = Lab::with(database, &["--no-worker", "--device-hours", &hours]).await;
    let (model, dataset) = with_files(&lab).await;
    let mut request = requests(model, dataset)[4].1.clone();
    let first = lab.submit(&request).await;
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    lab.ended(first).await;
    let second = lab.submit(&request).await;
    let takes = lab.job(second).await["takes_seconds"].as_f64().expect("one like it has ended");
    // Six of ten seconds, whatever this machine needs for one.
    let images = request["images"].as_f64().unwrap() * 6.0 / takes;
    request["images"] = json!(images as u64);
    let answers = futures::future::join_all((0..6).map(|_| lab.post("/jobs", &request))).await;
    let taken = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((taken, refused.count()), (1, 5));
}

async fn a_job_may_need_so_much_memory(database: Database) {
    let lab = Lab::with(database, &["--no-worker", "--job-memory-gib", "1"]).await;
    let (model, dataset) = with_files(&lab).await;
    let train = |batch: usize| {
        let plan = json!({ "epochs": 1, "batch_size": batch });
        json!({ "kind": "train", "architecture": "resnet8", "dataset": { "stored": dataset }, "plan": plan })
    };
    let refused = lab.post("/jobs", &train(4000)).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
    let problem = refused["problem"].as_str().unwrap();
    assert!(problem.contains("GiB of memory") && problem.contains("smaller batch"), "{problem}");
    let job = lab.submit(&train(64)).await;
    let job = lab.job(job).await;
    assert!((1 << 20..1 << 30).contains(&job["memory_bytes"].as_u64().unwrap()), "{job}");
    // What it trains is stored, and the state to go on from.
    let network = bundled_model().len() as u64;
    assert!((network..8 * network).contains(&job["stored_bytes"].as_u64().unwrap()), "{job}");
    lab.submit(&requests(model, dataset)[1].1).await;
}

/// Workers that can't compute what waits don't keep it from those that can.
#[tokio::test(flavor = "multi_thread")]
async fn workers_without_the_data_set_take_nobodys_turn() {
    let mut lab = Lab::with(Database::Postgres, &["--no-worker"]).await;
    let files = tempfile::tempdir().unwrap();
    let archive = files.path().join("noise.tar.gz");
    std::fs::write(&archive, small_dataset()).unwrap();
    lab.says(&["dataset", "import", &archive.display().to_string(), "--name", "noise"]);
    let model = lab.uploaded("model", bundled_model()).await;
    let elsewhere = files.path().join("elsewhere").display().to_string();
    let artifacts = lab.data().join("artifacts").display().to_string();
    lab.start_worker_with(&["--data-dir", &elsewhere, "--artifacts", &artifacts]);
    let request = json!({ "kind": "evaluate", "model": model, "dataset": "noise", "images": 20 });
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(lab.submit(&request).await);
    }
    // It has looked at all of them when it says that it can't compute the last.
    let lacking = "a worker with the data set noise as it was when this was asked for";
    let told = async {
        while lab.job(jobs[4]).await["waits_for"] != lacking {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), told).await.expect("it says what it lacks");
    let waits = lab.job(jobs[0]).await;
    assert!(waits["state"] == "queued" && waits["starts_in_seconds"].is_null(), "{waits}");
    lab.start_worker();
    for job in jobs {
        assert_eq!(lab.ended(job).await["state"], "done");
    }
}

/// Judged by its work, and by how long the latest of its kind took.
async fn what_a_job_is_likely_to_take_is_told(database: Database) {
    let lab = Lab::with(database, &["--no-worker"]).await;
    let (model, dataset) = with_files(&lab).await;
    let evaluate = |images: usize| {
        let mut request = requests(model, dataset)[4].1.clone();
        request["images"] = json!(images);
        request
    };
    let first = lab.submit(&evaluate(60)).await;
    assert!(lab.job(first).await["takes_seconds"].is_null(), "nothing tells yet");
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    let mut takes = Vec::new();
    for images in [20, 40] {
        let job = lab.submit(&evaluate(images)).await;
        takes.push(lab.job(job).await["takes_seconds"].as_f64().expect("it is told"));
    }
    assert!((takes[1] / takes[0] - 2.0).abs() < 1e-9, "{takes:?}");
}

/// A request that takes longer than any test.
fn endless(dataset: i64) -> Value {
    let mut request = requests(0, dataset)[0].1.clone();
    request["plan"]["epochs"] = json!(1000);
    request
}

async fn a_job_that_kills_its_workers_is_given_up(database: Database) {
    let mut lab = Lab::open(database).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let job = lab.submit(&endless(dataset)).await;
    for crash in 1..=3 {
        let mut starts = 0;
        let starts = std::cell::RefCell::new(&mut starts);
        lab.listen(job, |event| {
            **starts.borrow_mut() += i32::from(!event["started"].is_null());
            **starts.borrow() == crash
        })
        .await;
        lab.kill().await;
        lab.start().await;
    }
    let job = lab.ended(job).await;
    assert_eq!((job["state"].as_str(), job["crashes"].as_i64()), (Some("failed"), Some(3)));
    assert!(job["problem"].as_str().unwrap().contains("given up"), "{job}");
}

/// A server's own worker is a process that ends alone, and is started anew; it ends with its server, and
/// saves what it was at.
async fn a_server_outlives_its_worker(database: Database) {
    let mut lab = Lab::open(database).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let job = lab.submit(&endless(dataset)).await;
    let own_worker = async |lab: &Lab, since: Option<u32>| loop {
        assert_ne!(lab.job(job).await["state"], "done", "it takes longer than any test");
        let overview = lab.get("/admin/overview").await.expect(StatusCode::OK);
        let workers = overview["workers"].as_array().unwrap().iter();
        let computing = workers.filter(|worker| worker["job"] == job);
        let names = computing.map(|worker| worker["name"].as_str().unwrap());
        let process = |name: &str| name.split('-').next().unwrap().parse().unwrap();
        if let Some(worker) = names.map(process).find(|worker| Some(*worker) != since) {
            break worker;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let first = own_worker(&lab, None).await;
    signal(first, "KILL");
    assert_eq!(lab.send(lab.request_at_root(Method::GET, "/healthz")).await.status, StatusCode::OK);
    let second = own_worker(&lab, Some(first)).await;
    assert_eq!(lab.job(job).await["crashes"], 1);
    lab.kill_server_alone().await;
    // Whoever inherits it may not wait for it.
    let is_there = || {
        let told = std::fs::read_to_string(format!("/proc/{second}/stat"));
        told.is_ok_and(|told| !told.contains(") Z "))
    };
    let began = std::time::Instant::now();
    while is_there() {
        assert!(began.elapsed() < Duration::from_secs(60), "it computes on without a server");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lab.start().await;
    own_worker(&lab, Some(first)).await;
    assert_eq!(lab.job(job).await["crashes"], 1, "it was saved and given back");
    lab.post(&format!("/jobs/{job}/cancel"), &Value::Null).await.expect(StatusCode::ACCEPTED);
    assert_eq!(lab.ended(job).await["state"], "cancelled");
}

async fn what_is_away_for_a_while_ends_no_job(database: Database) {
    let lab = Lab::open(database).await;
    let (_, dataset) = with_files(&lab).await;
    let train = requests(0, dataset)[0].1.clone();
    let expected = made(&lab, lab.submit(&train).await).await;
    let job = lab.submit(&train).await;
    lab.listen(job, |event| !event["progress"].is_null()).await;
    lab.take_store_away();
    lab.cut_connections();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!lab.job(job).await["state"].is_null(), "the server is there");
    lab.bring_store_back();
    assert_eq!(made(&lab, job).await, expected);
    assert_eq!(lab.job(job).await["crashes"], 0, "nobody died");
    assert_eq!(stored_checkpoints(&lab, job), 0, "what is done needs none");
}

fn stored_checkpoints(lab: &Lab, job: i64) -> usize {
    std::fs::read_dir(lab.data().join("artifacts/rrlab/checkpoints").join(job.to_string()))
        .map_or(0, Iterator::count)
}

async fn a_server_that_is_stopped_gives_its_job_back(database: Database) {
    let mut lab = Lab::open(database).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let job = lab.submit(&endless(dataset)).await;
    let steps = |event: &Value| event["progress"]["done"].as_u64().unwrap_or_default();
    let before = lab.listen(job, |event| steps(event) > 3).await;
    lab.stop().await;
    lab.start().await;
    // What the first worker still told between the two is not what is waited for.
    let is_resumed = Cell::new(false);
    let progress_after_resuming = |event: &Value| {
        is_resumed.set(is_resumed.get() || event["started"]["resumed"] == true);
        is_resumed.get() && event["progress"]["done"].is_u64()
    };
    let after = lab.listen_after(job, before.last().unwrap().id, progress_after_resuming).await;
    let states: Vec<&Value> = after
        .iter()
        .map(|event| &event.data["event"]["state"]["state"])
        .filter(|state| !state.is_null())
        .collect();
    assert_eq!(states, ["queued", "running"]);
    assert!(
        after.iter().any(|event| event.data["event"]["started"]["resumed"] == true),
        "{after:?}"
    );
    assert!(steps(&after.last().unwrap().data["event"]) > 3, "it goes on where it was");
    assert_eq!(lab.job(job).await["crashes"], 0);
}

async fn a_worker_that_is_lent_a_machine_computes_one_job_and_ends(database: Database) {
    let lab = Lab::with(database, &["--no-worker"]).await;
    let (model, dataset) = with_files(&lab).await;
    let evaluate = requests(model, dataset)[4].1.clone();
    let jobs = [lab.submit(&evaluate).await, lab.submit(&evaluate).await];
    let states =
        async || [lab.job(jobs[0]).await, lab.job(jobs[1]).await].map(|job| job["state"].clone());
    assert_eq!(states().await, ["queued", "queued"]);
    for after in [["done", "queued"], ["done", "done"], ["done", "done"]] {
        lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
        assert_eq!(states().await, after);
    }
}

/// Whose time is over is told by SIGTERM, as by Slurm: the job waits again, saved, for another.
async fn a_worker_whose_time_is_over_gives_its_job_back(database: Database) {
    let mut lab = Lab::with(database, &["--no-worker"]).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let job = lab.submit(&endless(dataset)).await;
    for resumed in [false, true] {
        lab.start_worker_with(&["--once"]);
        let events = lab.listen(job, |event| event["started"]["resumed"] == resumed).await;
        assert!(!events.is_empty());
        lab.listen(job, |event| !event["progress"].is_null()).await;
        signal(*lab.workers().last().unwrap(), "TERM");
        while lab.job(job).await["state"] != "queued" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(lab.job(job).await["crashes"], 0);
}

/// Who has asked for many jobs takes turns with others.
async fn people_take_turns(database: Database) {
    let mut lab = Lab::with(database, &["--hosted", "--no-worker"]).await;
    let [ann, ben] = ["ann", "ben"].map(|name| lab.person(name, "student"));
    let mut jobs = Vec::new();
    for (person, count) in [(&ann, 3), (&ben, 2)] {
        lab.sign_in(Some(person));
        let (model, dataset) = with_files(&lab).await;
        for _ in 0..count {
            let job = lab.submit(&requests(model, dataset)[4].1).await;
            jobs.push((person, job));
        }
    }
    let mut positions = Vec::new();
    for &(person, job) in &jobs {
        lab.sign_in(Some(person));
        positions.push(lab.job(job).await["position"].as_i64().unwrap());
    }
    assert_eq!(positions, [0, 2, 4, 1, 3], "of ann's three and ben's two");
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    for ((person, job), state) in jobs.into_iter().zip(["done", "queued", "queued", "done"]) {
        lab.sign_in(Some(person));
        assert_eq!(lab.job(job).await["state"], state, "job {job}");
    }
}

/// Counters never fall, and a worker that has gone is no longer told of.
async fn what_was_deleted_still_counts(database: Database) {
    let mut lab = Lab::with(database, &["--no-worker"]).await;
    let (model, dataset) = with_files(&lab).await;
    let job = lab.submit(&requests(model, dataset)[4].1).await;
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    let told =
        async |lab: &Lab| text(&lab.send(lab.request_at_root(Method::GET, "/metrics")).await.bytes);
    let counted = "rrlab_jobs_ended_total{kind=\"evaluate\"} 1";
    let before = told(&lab).await;
    assert!(before.contains(counted), "{before}");
    let forget =
        |days| lab.says(&["admin", "forget-jobs", "--older-than", days, "--format", "csv"]);
    assert_eq!(forget("1"), "forgotten\n0", "it ended just now");
    let share = lab.post(&format!("/jobs/{job}/shares"), &Value::Null).await.json();
    assert_eq!(forget("0"), "forgotten\n0", "a link shows it");
    let link = format!("/jobs/{job}/shares/{}", number(&share));
    assert_eq!(lab.delete(&link).await.status, StatusCode::NO_CONTENT);
    assert_eq!(forget("0"), "forgotten\n1");
    assert_eq!(lab.get(&format!("/jobs/{job}")).await.status, StatusCode::NOT_FOUND);
    // So does a server that starts now, from the database alone.
    lab.stop().await;
    lab.start().await;
    let after = told(&lab).await;
    assert!(after.contains(counted), "{after}");
    assert!(!after.contains("state=\"busy\"} 1"), "{after}");
}

async fn two_workers_never_run_one_job_at_once(database: Database) {
    let mut lab = Lab::with(database, &["--no-worker"]).await;
    let (model, dataset) = with_files(&lab).await;
    lab.start_worker();
    lab.start_worker();
    let evaluate = requests(model, dataset)[4].1.clone();
    let mut jobs = Vec::new();
    for _ in 0..8 {
        jobs.push(lab.submit(&evaluate).await);
    }
    let starts = async |job: i64| {
        let events = lab.listen(job, |_| false).await;
        events.iter().filter(|event| !event.data["event"]["started"].is_null()).count()
    };
    for job in jobs {
        assert_eq!(starts(job).await, 1);
        assert_eq!(lab.job(job).await["state"], "done");
    }
    // A worker that falls silent loses its job; when it wakes up it can change nothing any more.
    let train = requests(model, dataset)[0].1.clone();
    let expected = made(&lab, lab.submit(&train).await).await;
    let job = lab.submit(&train).await;
    lab.listen(job, |event| !event["progress"].is_null()).await;
    let workers = lab.workers();
    workers.iter().for_each(|worker| signal(*worker, "STOP"));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    // Whichever had it, the other or a third takes it up.
    lab.start_worker();
    let mut started = 0;
    let started = std::cell::RefCell::new(&mut started);
    lab.listen(job, |event| {
        **started.borrow_mut() += i32::from(!event["started"].is_null());
        **started.borrow() == 2
    })
    .await;
    workers.iter().for_each(|worker| signal(*worker, "CONT"));
    assert_eq!(made(&lab, job).await, expected);
    let ends = lab.listen(job, |_| false).await;
    let done = ends.iter().filter(|event| event.data["event"]["state"]["state"] == "done").count();
    assert_eq!((done, lab.job(job).await["crashes"].as_i64()), (1, Some(1)));
}

/// The processes that compute a job, once it has a helper; `None` where it is done before.
async fn helped(lab: &Lab, job: i64) -> Option<Vec<u32>> {
    while lab.job(job).await["state"] != "done" {
        let overview = lab.get("/admin/overview").await.expect(StatusCode::OK);
        let workers = overview["workers"].as_array().unwrap().iter();
        let busy = workers.filter(|worker| worker["job"] == job);
        let process = |name: &str| name.split('-').next().unwrap().parse().unwrap();
        let busy: Vec<u32> = busy.map(|worker| process(worker["name"].as_str().unwrap())).collect();
        if busy.len() > 1 {
            return Some(busy);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

/// Three workers on a job which an idle one helps with, and while which another job of the same person is
/// begun and done; and one of the processes that compute it. It grows until it is long enough for that on
/// this machine.
async fn shared_job(
    lab: &mut Lab,
    evaluate: &Value,
    of_size: impl Fn(usize) -> Value,
) -> (Value, i64, u32) {
    let [root, ann] =
        [("root", "admin"), ("ann", "student")].map(|(name, role)| lab.person(name, role));
    for _ in 0..3 {
        lab.start_worker();
    }
    for size in [8, 16, 32, 64, 128, 256, 512] {
        lab.sign_in(Some(&ann));
        let request = of_size(size);
        let job = lab.submit(&request).await;
        lab.sign_in(Some(&root));
        let computing = helped(lab, job).await;
        lab.sign_in(Some(&ann));
        lab.ended(lab.submit(evaluate).await).await;
        match computing {
            Some(computing) if lab.job(job).await["state"] == "running" => {
                return (request, job, computing[0]);
            }
            _ => lab.ended(job).await,
        };
    }
    panic!("nobody helps, or others wait for the helpers");
}

/// What a job comes to with one worker.
async fn made_by_one(lab: &mut Lab, request: &Value) -> Vec<(String, String)> {
    for worker in lab.workers() {
        signal(worker, "KILL");
    }
    let job = lab.submit(request).await;
    lab.ends_well(&["worker", "--once", "--device", "cpu"]).await;
    made(lab, job).await
}

/// Idle workers compute entries of another's sweep, to the same result; whichever dies, and whatever else
/// is asked for meanwhile.
async fn idle_workers_help_with_a_sweep(database: Database) {
    let mut lab = Lab::with(database, &["--hosted", "--no-worker"]).await;
    let ann = lab.person("ann", "student");
    lab.sign_in(Some(&ann));
    let (model, dataset) = with_files(&lab).await;
    let evaluate = requests(model, dataset)[4].1.clone();
    let of_size = |size| long_sweep(model, dataset, size);
    let (sweep, job, process) = shared_job(&mut lab, &evaluate, of_size).await;
    signal(process, "KILL");
    let all = made(&lab, job).await;
    let events = lab.listen(job, |_| false).await;
    let entries = events.iter().filter(|event| !event.data["event"]["entry"].is_null()).count();
    let count = sweep["plan"]["sparsities"].as_array().unwrap().len();
    assert!(entries >= 3 * count, "each is told of: {entries} of {count} sparsities");
    // One that is cancelled lets go of its helpers.
    let job = lab.submit(&sweep).await;
    lab.listen(job, |event| !event["entry"].is_null()).await;
    lab.post(&format!("/jobs/{job}/cancel"), &json!({})).await.expect(StatusCode::ACCEPTED);
    assert_eq!(lab.ended(job).await["state"], "cancelled");
    lab.ended(lab.submit(&evaluate).await).await;
    assert_eq!(made_by_one(&mut lab, &sweep).await, all);
}

/// Of two workers one trains a network for the other's fine-tuning. It lets go of that where somebody
/// else has a job, and one of them goes on from there.
async fn a_training_that_helps_is_let_go_of_and_gone_on_with(database: Database) {
    let mut lab = Lab::with(database, &["--hosted", "--no-worker"]).await;
    let ann = lab.person("ann", "student");
    lab.sign_in(Some(&ann));
    let (model, dataset) = with_files(&lab).await;
    let addresses = [(); 2].map(|()| free_address());
    for address in &addresses {
        lab.start_worker_with(&["--listen", address]);
    }
    let told = async |name: &str| {
        let mut sum = 0.0;
        for address in &addresses {
            // One that is not there yet has counted nothing.
            let answer = reqwest::get(format!("http://{address}/metrics")).await;
            let Ok(answer) = answer else { continue };
            let numbers = answer.text().await.unwrap();
            let of_name = numbers.lines().filter_map(|line| line.strip_prefix(name));
            sum += of_name.filter_map(|rest| rest.trim().parse::<f64>().ok()).sum::<f64>();
        }
        sum
    };
    let left = "rrlab_worker_parts_total{end=\"left\"}";
    let resumed = "rrlab_worker_parts_resumed_total";
    let evaluate = requests(model, dataset)[4].1.clone();
    // Two networks, in more and more epochs, until one takes long enough on this machine.
    for epochs in [16, 32, 64, 128, 256] {
        let mut finetune = requests(model, dataset)[3].1.clone();
        finetune["plan"]["training"]["epochs"] = json!(epochs);
        let before = told(left).await;
        let job = lab.submit(&finetune).await;
        lab.listen(job, |event| event["progress"]["what"] == "steps").await;
        // Until the helper has begun, and has saved what it is at.
        tokio::time::sleep(Duration::from_millis(3500)).await;
        lab.ended(lab.submit(&evaluate).await).await;
        let is_left = told(left).await > before && lab.job(job).await["state"] == "running";
        let all = made(&lab, job).await;
        if is_left && told(resumed).await > 0.0 {
            assert_eq!(made_by_one(&mut lab, &finetune).await, all);
            return;
        }
    }
    panic!("nobody lets go, or goes on");
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Idle workers train networks of another's fine-tuning, to the same networks and report; and let go of
/// one that is not done where somebody else has a job.
async fn idle_workers_help_to_fine_tune(database: Database) {
    let mut lab = Lab::with(database, &["--hosted", "--no-worker"]).await;
    let ann = lab.person("ann", "student");
    lab.sign_in(Some(&ann));
    let (model, dataset) = with_files(&lab).await;
    let evaluate = requests(model, dataset)[4].1.clone();
    let of_size = |size| long_finetuning(model, dataset, size);
    let (finetune, job, process) = shared_job(&mut lab, &evaluate, of_size).await;
    signal(process, "KILL");
    let all = made(&lab, job).await;
    // A profile, four networks and the report.
    assert_eq!(all.len(), 6, "{all:?}");
    // Each network that was trained is told of: the last of its runs' events has all its epochs.
    let events = lab.listen(job, |_| false).await;
    let epochs = finetune["plan"]["training"]["epochs"].as_u64().unwrap() as usize;
    let whole = |event: &&Event| {
        event.data["event"]["run"]["epochs"].as_array().is_some_and(|all| all.len() == epochs)
    };
    assert!(events.iter().filter(whole).count() >= 4, "{epochs} epochs");
    assert_eq!(made_by_one(&mut lab, &finetune).await, all);
}

async fn a_job_is_cancelled(database: Database) {
    let lab = Lab::open(database).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let running = lab.submit(&endless(dataset)).await;
    let waiting = lab.submit(&endless(dataset)).await;
    lab.listen(running, |event| !event["progress"]["seconds_left"].is_null()).await;
    let place = lab.job(waiting).await;
    assert_eq!(place["position"], 0);
    assert!(place["starts_in_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{place}");
    let gone = lab
        .post(&format!("/jobs/{waiting}/cancel"), &Value::Null)
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(gone["state"], "cancelled");
    let asked = lab
        .post(&format!("/jobs/{running}/cancel"), &Value::Null)
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(asked["cancelling"], true);
    assert_eq!(lab.ended(running).await["state"], "cancelled");
    let late = lab.post(&format!("/jobs/{running}/cancel"), &Value::Null).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(lab.delete(&format!("/jobs/{waiting}")).await.status, StatusCode::NO_CONTENT);
}

async fn events_are_replayed(database: Database) {
    let lab = Lab::open(database).await;
    let (model, dataset) = with_files(&lab).await;
    let sweep = requests(model, dataset)[2].1.clone();
    let job = lab.submit(&sweep).await;
    // Somebody who watches all along, and somebody who comes back in between.
    let (whole, first) = tokio::join!(
        lab.listen(job, |_| false),
        lab.listen(job, |event| !event["entry"].is_null())
    );
    let rest = lab.listen_after(job, first.last().unwrap().id, |_| false).await;
    // How far it was is forgotten when it has ended.
    let lasting = |events: &[Event]| -> Vec<Event> {
        events.iter().filter(|event| event.data["event"]["progress"].is_null()).cloned().collect()
    };
    assert_eq!([lasting(&first), lasting(&rest)].concat(), lasting(&whole));
    assert!(whole.windows(2).all(|pair| pair[0].id < pair[1].id));
    // Whoever knows all is told not to come back.
    assert!(lab.listen_after(job, whole.last().unwrap().id, |_| false).await.is_empty());
}

/// Every route of the description with this value for each number and secret in its path.
async fn routes(lab: &Lab, value: &str) -> Vec<(Method, String)> {
    let description = lab.get("/openapi.json").await.expect(StatusCode::OK);
    let mut routes = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let mut filled = path.strip_prefix("/api/v1").expect("all routes are the API's").to_owned();
        for name in ["{id}", "{share}", "{secret}", "{person}", "{link}"] {
            filled = filled.replace(name, value);
        }
        for method in methods.as_object().unwrap().keys() {
            routes.push((method.to_uppercase().parse().unwrap(), filled.clone()));
        }
    }
    assert!(routes.len() > 15, "{routes:?}");
    routes
}

/// A job that evaluates an uploaded network, done: its request and its number.
async fn evaluated(lab: &Lab) -> (Value, i64) {
    let model = lab.uploaded("model", bundled_model()).await;
    let request =
        json!({ "kind": "evaluate", "model": model, "dataset": "shapes10", "images": 20 });
    let job = lab.submit(&request).await;
    lab.ended(job).await;
    (request, job)
}

async fn nobody_sees_anothers_work(database: Database) {
    let mut lab = Lab::with(database, &["--hosted"]).await;
    let (ann, bob) = (lab.person("ann", "student"), lab.person("bob", "student"));
    let (rae, root) = (lab.person("rae", "reviewer"), lab.person("root", "admin"));
    lab.sign_in(Some(&ann));
    let (evaluate, job) = evaluated(&lab).await;
    // Artifacts, jobs and links have small numbers alike: those of ann's that there are.
    for number in ["1", "2"] {
        for (method, path) in routes(&lab, number).await {
            let open = path == "/server"
                || path == "/session"
                || path.starts_with("/shared/")
                || path.starts_with("/enrolments/");
            // Everybody's own browsers.
            let own = path == "/sessions";
            let admins = path.starts_with("/admin/");
            lab.sign_in(Some(&bob));
            let answer = lab.send(lab.request(method.clone(), &path).json(&evaluate)).await;
            assert!(
                !text(&answer.bytes).contains("ann"),
                "{method} {path} tells bob of ann: {answer:?}"
            );
            if admins {
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
            } else if path.contains(&format!("/{number}")) && !open {
                // Whether a body says what a link is to be like does not depend on the course.
                let by_body = path.ends_with("/links") && method == Method::POST;
                let expected =
                    if by_body { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::NOT_FOUND };
                assert_eq!(answer.status, expected, "{method} {path}");
            }
            for stranger in [None, Some("rrlab_wrong")] {
                lab.sign_in(stranger);
                let answer = lab.send(lab.request(method.clone(), &path).json(&evaluate)).await;
                let expected = if open {
                    !answer.status.is_server_error()
                } else {
                    answer.status == StatusCode::UNAUTHORIZED
                };
                assert!(expected, "{method} {path} for a stranger: {answer:?}");
            }
            lab.sign_in(Some(&rae));
            let answer = lab.send(lab.request(method.clone(), &path).json(&evaluate)).await;
            assert!(
                open || own || answer.status == StatusCode::FORBIDDEN,
                "{method} {path} for a reviewer: {answer:?}"
            );
            lab.sign_in(Some(&ann));
        }
    }
    // Bob can't compute with ann's network either; an admin sees it all.
    lab.sign_in(Some(&bob));
    assert_eq!(lab.post("/jobs", &evaluate).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(lab.get("/jobs").await.json()["jobs"], json!([]));
    lab.sign_in(Some(&root));
    assert_eq!(lab.job(job).await["owner"], "ann");
    // A token that is revoked opens nothing.
    let tokens: Value =
        serde_json::from_str(&lab.says(&["token", "list", "--format", "json"])).unwrap();
    let of_ann = tokens.as_array().unwrap().iter().find(|token| token["name"] == "ann").unwrap();
    lab.says(&["token", "revoke", &of_ann["id"].to_string()]);
    lab.sign_in(Some(&ann));
    assert_eq!(lab.get("/jobs").await.status, StatusCode::UNAUTHORIZED);
}

async fn a_person_is_shut_out_let_in_and_erased(database: Database) {
    let mut lab = Lab::with(database, &["--hosted"]).await;
    let (ann, bob) = (lab.person("ann", "student"), lab.person("bob", "student"));
    lab.sign_in(Some(&ann));
    let (evaluate, _) = evaluated(&lab).await;

    let status = async |lab: &Lab| lab.get("/jobs").await.status;
    lab.says(&["user", "disable", "ann"]);
    assert_eq!(status(&lab).await, StatusCode::UNAUTHORIZED);
    lab.says(&["user", "enable", "ann"]);
    assert_eq!(status(&lab).await, StatusCode::OK);

    // A role counts from the next request on.
    lab.says(&["user", "role", "ann", "reviewer"]);
    assert_eq!(status(&lab).await, StatusCode::FORBIDDEN);
    lab.says(&["user", "role", "ann", "student"]);

    let people = |lab: &Lab| {
        let people: Value =
            serde_json::from_str(&lab.says(&["user", "list", "--format", "json"])).unwrap();
        let people = people.as_array().unwrap().clone();
        people.into_iter().find(|person| person["name"] == "ann")
    };
    let summary = people(&lab).unwrap();
    assert_eq!((&summary["role"], &summary["jobs"]), (&json!("student"), &json!(1)));
    assert!(summary["stored_bytes"].as_i64().unwrap() >= bundled_model().len() as i64);

    // What is of nobody of this name, or not confirmed, erases nobody.
    lab.refuses(&["user", "erase", "ann", "--confirm", "bob"], "nobody was erased");
    lab.refuses(&["user", "erase", "eve", "--confirm", "eve"], "nobody is named eve");
    lab.says(&["user", "erase", "ann", "--confirm", "ann"]);
    assert_eq!(people(&lab), None);
    assert_eq!(status(&lab).await, StatusCode::UNAUTHORIZED);
    lab.sign_in(Some(&bob));
    assert_eq!(status(&lab).await, StatusCode::OK);
    // One who comes again under that name begins anew.
    let again = lab.person("ann", "student");
    lab.sign_in(Some(&again));
    assert_eq!(lab.get("/jobs").await.json()["jobs"], json!([]));
    assert_eq!(
        lab.get(&format!("/artifacts/{}", evaluate["model"])).await.status,
        StatusCode::NOT_FOUND
    );
}

async fn a_proxy_signs_people_in(database: Database) {
    let options =
        ["--identity-header", "X-Forwarded-User", "--groups-header", "X-Forwarded-Groups"];
    let roles = ["--admin-group", "lab-admins", "--reviewer-group", "reviewers"];
    let options = [&["--hosted", "--no-worker", "--behind-proxy"][..], &options, &roles].concat();
    let mut lab = Lab::with(database, &options).await;
    let ask = async |lab: &Lab, headers: &[(&str, &str)]| {
        let mut request = lab.request(Method::GET, "/server");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        lab.send(request).await.json()["user"].clone()
    };
    let ann = ("x-forwarded-user", "ann@example.edu");
    assert!(ask(&lab, &[]).await.is_null());
    assert_eq!(ask(&lab, &[ann]).await, json!({ "name": "ann@example.edu", "role": "student" }));
    for (groups, role) in [
        ("staff, lab-admins", "admin"),
        ("reviewers", "reviewer"),
        ("lab-admins-not", "student"),
        ("", "student"),
    ] {
        assert_eq!(ask(&lab, &[ann, ("x-forwarded-groups", groups)]).await["role"], role);
    }
    // A group in any script is one; of two headers a client may have sent one, which makes nobody less.
    let of = |groups: &'static str| ("x-forwarded-groups", groups);
    assert_eq!(ask(&lab, &[ann, of("Prüfungsamt,lab-admins")]).await["role"], "admin");
    assert!(ask(&lab, &[ann, of("staff"), of("lab-admins")]).await.is_null());
    assert!(lab.says(&["user", "list", "--format", "csv"]).contains("ann@example.edu,admin"));
    assert_eq!(ask(&lab, &[("x-forwarded-user", "jürgen")]).await["name"], "jürgen");
    // An open page sees no more than its person may now.
    let mut request = lab.request(Method::GET, "/events");
    for (name, value) in [ann, of("lab-admins")] {
        request = request.header(name, value);
    }
    let mut open = request.send().await.unwrap();
    assert_eq!(ask(&lab, &[ann, of("")]).await["role"], "student");
    let ben = lab.person("ben", "student");
    lab.sign_in(Some(&ben));
    lab.submit(&json!({ "kind": "train", "dataset": "shapes10" })).await;
    lab.sign_in(None);
    let told = open.chunk().await.unwrap_or_default().unwrap_or_default();
    assert!(!text(&told).contains("queued"), "{}", text(&told));
    assert!(lab.says(&["user", "list", "--format", "csv"]).contains("ann@example.edu,student"));
    // Of two a client may have sent one; and whoever started a lab of their own is not everybody's.
    assert!(ask(&lab, &[ann, ("x-forwarded-user", "ben")]).await.is_null());
    assert!(ask(&lab, &[("x-forwarded-user", "local")]).await.is_null());
    // Scripts show a token of the lab's; one of the proxy's own says nothing.
    lab.sign_in(Some(&ben));
    assert_eq!(ask(&lab, &[ann]).await["name"], "ben");
    lab.sign_in(Some("eyJhbGciOiJSUzI1NiJ9.e30.c2ln"));
    assert_eq!(ask(&lab, &[ann]).await["name"], "ann@example.edu");
    assert!(ask(&lab, &[]).await.is_null());
    lab.sign_in(None);
    lab.says(&["user", "disable", "ann@example.edu"]);
    assert!(ask(&lab, &[ann]).await.is_null(), "shut out, whatever the proxy says");
    // A lab that was told of no proxy believes no header.
    let other = Lab::with(database, &["--hosted", "--no-worker"]).await;
    assert!(ask(&other, &[ann]).await.is_null());
    other.refuses(
        &["serve", "--identity-header", "X-Forwarded-User"],
        "required arguments were not provided",
    );
}

async fn nobody_is_erased_while_their_job_waits(database: Database) {
    let mut lab = Lab::with(database, &["--hosted", "--no-worker"]).await;
    let ann = lab.person("ann", "student");
    lab.sign_in(Some(&ann));
    let job = lab.submit(&json!({ "kind": "train", "dataset": "shapes10" })).await;
    lab.refuses(&["user", "erase", "ann", "--confirm", "ann"], "1 jobs by ann");
    assert_eq!(lab.job(job).await["state"], "queued");
    lab.post(&format!("/jobs/{job}/cancel"), &json!({})).await;
    lab.says(&["user", "erase", "ann", "--confirm", "ann"]);
}

async fn a_link_shows_a_result_until_it_is_revoked(database: Database) {
    let mut lab = Lab::with(database, &["--hosted"]).await;
    let ann = lab.person("ann", "student");
    lab.sign_in(Some(&ann));
    let (model, dataset) = with_files(&lab).await;
    let job = lab.submit(&requests(model, dataset)[4].1).await;
    let evaluation = lab.result(job, "evaluation").await;
    let share =
        lab.post(&format!("/jobs/{job}/shares"), &Value::Null).await.expect(StatusCode::CREATED);
    let secret = share["secret"].as_str().unwrap().to_owned();
    assert!(secret.len() > 40, "unguessable");
    let listed = lab.get(&format!("/jobs/{job}/shares")).await.expect(StatusCode::OK);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["secret"]), (1, &Value::Null));

    lab.sign_in(None);
    let seen = lab.get(&format!("/shared/{secret}")).await.expect(StatusCode::OK);
    assert_eq!(number(&seen), job);
    let content = lab.get(&format!("/shared/{secret}/artifacts/{evaluation}/content")).await;
    assert_eq!(content.json()["images"], 60);
    // What the job did not make is not shown, and nothing is changed by the link.
    assert_eq!(
        lab.get(&format!("/shared/{secret}/artifacts/{model}/content")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        lab.delete(&format!("/shared/{secret}")).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );

    let told = lab.request(Method::GET, &format!("/shared/{secret}/events")).send().await.unwrap();
    let told = text(&told.bytes().await.unwrap());
    assert!(told.contains("\"evaluated\"") && told.contains("\"done\""), "{told}");

    lab.sign_in(Some(&ann));
    // A result that a link shows is not deleted unnoticed.
    let problem =
        lab.delete(&format!("/artifacts/{evaluation}")).await.expect(StatusCode::CONFLICT);
    assert_eq!(problem["dependents"], json!([format!("link {}", number(&share))]));
    // Who listens by a link hears no more once it is revoked.
    let running = lab.submit(&endless(dataset)).await;
    let other = lab
        .post(&format!("/jobs/{running}/shares"), &Value::Null)
        .await
        .expect(StatusCode::CREATED);
    let stream = format!("/shared/{}/events", other["secret"].as_str().unwrap());
    let mut stream = lab.request(Method::GET, &stream).send().await.unwrap().bytes_stream();
    let mut told = String::new();
    while !told.contains("progress") {
        told.push_str(&text(
            &stream.next().await.expect("it tells of the job until then").unwrap(),
        ));
    }
    lab.delete(&format!("/jobs/{running}/shares/{}", number(&other))).await;
    while let Some(Ok(_)) = stream.next().await {}
    assert_eq!(lab.job(running).await["state"], "running");
    lab.post(&format!("/jobs/{running}/cancel"), &Value::Null).await.expect(StatusCode::ACCEPTED);
    lab.ended(running).await;

    let revoked = lab.delete(&format!("/jobs/{job}/shares/{}", number(&share))).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    lab.sign_in(None);
    assert_eq!(lab.get(&format!("/shared/{secret}")).await.status, StatusCode::NOT_FOUND);
    let content = lab.get(&format!("/shared/{secret}/artifacts/{evaluation}/content")).await;
    assert_eq!(content.status, StatusCode::NOT_FOUND);
}

async fn what_is_read_is_not_deleted_unnoticed(database: Database) {
    let lab = Lab::open(database).await;
    let (model, dataset) = with_files(&lab).await;
    let job = lab.submit(&endless(dataset)).await;
    let path = format!("/artifacts/{dataset}");
    let problem = lab.delete(&format!("{path}?confirmed=true")).await.expect(StatusCode::CONFLICT);
    assert_eq!(problem["dependents"], json!([format!("job {job}")]));
    lab.post(&format!("/jobs/{job}/cancel"), &Value::Null).await.expect(StatusCode::ACCEPTED);
    lab.ended(job).await;
    let problem = lab.delete(&path).await.expect(StatusCode::CONFLICT);
    assert_eq!(problem["dependents"], json!([format!("job {job}")]));
    assert_eq!(lab.delete(&format!("{path}?confirmed=true")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(lab.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(lab.delete(&format!("/artifacts/{model}")).await.status, StatusCode::NO_CONTENT);
}

async fn limits_are_answered_with_when_to_come_back(database: Database) {
    let lab = Lab::with(database, &["--jobs-per-user", "2", "--no-worker"]).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let request = endless(dataset);
    // At once, so that they would slip past a limit that is only looked at.
    let asked = futures::future::join_all((0..6).map(|_| lab.post("/jobs", &request))).await;
    let accepted = asked.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(accepted, 2, "{asked:?}");
    let refused =
        asked.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).unwrap();
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let listed = lab.get("/jobs").await.json();
    let positions: Vec<&Value> =
        listed["jobs"].as_array().unwrap().iter().map(|job| &job["position"]).collect();
    assert_eq!(positions, [1, 0]);
}

async fn requests_of_versions_before_are_taken(database: Database) {
    let lab = Lab::with(database, &["--no-worker"]).await;
    let model = lab.uploaded("model", bundled_model()).await;
    let fields =
        json!({ "model": model, "dataset": { "named": "shapes10" }, "images": 20, "seed": 1 });
    let job = lab.submit(&json!({ "evaluate": fields })).await;
    let today = json!({ "kind": "evaluate", "model": model, "dataset": "shapes10", "images": 20, "seed": 1 });
    assert_eq!(lab.job(job).await["request"], today);
}

async fn stored_networks_say_which_they_are(database: Database) {
    let lab = Lab::open(database).await;
    let (model, dataset) = with_files(&lab).await;
    let network =
        checkpoint::read(&bundled_model(), NetworkHint::default()).unwrap().hash().to_string();
    let profile = lab.result(lab.submit(&requests(model, dataset)[1].1).await, "profile").await;
    let read = ModelProfile::from_json(&text(&lab.content(profile).await)).unwrap();
    let described = async |id: i64| {
        let artifact = lab.get(&format!("/artifacts/{id}")).await.expect(StatusCode::OK);
        [artifact["model_hash"].clone(), artifact["profile_hash"].clone()]
    };
    assert_eq!(described(model).await, [json!(network), Value::Null]);
    assert_eq!(described(profile).await, [json!(network), json!(read.hash())]);
    assert_eq!(described(dataset).await, [Value::Null, Value::Null]);
    let trained = lab.result(lab.submit(&requests(model, dataset)[0].1).await, "model").await;
    let read = checkpoint::read(&lab.content(trained).await, NetworkHint::default()).unwrap();
    assert_eq!(described(trained).await, [json!(read.hash()), Value::Null]);
    let listed = lab.get("/artifacts?kind=model").await.expect(StatusCode::OK);
    assert_eq!(listed["artifacts"][1]["model_hash"], json!(network));
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_of_versions_before_are_known_once_that_is_needed() {
    let mut lab = Lab::with(Database::Postgres, &["--no-worker"]).await;
    let (model, dataset) = with_files(&lab).await;
    let profile = lab.uploaded("profile", std::fs::read(bundled_profile()).unwrap()).await;
    let hash = lab.get(&format!("/artifacts/{model}")).await.json()["model_hash"].clone();
    assert!(hash.is_string());
    lab.stop().await;
    lab.forget_hashes();
    lab.start().await;
    let listed = lab.get("/artifacts?kind=model").await.json();
    assert_eq!(listed["artifacts"][0]["model_hash"], Value::Null);
    let mut sweep = requests(model, dataset)[2].1.clone();
    sweep["profile"] = json!(profile);
    let problem = lab.post("/jobs", &sweep).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        problem["problem"].as_str().unwrap().contains("the profile is of network"),
        "{problem}"
    );
    let listed = lab.get("/artifacts").await.json();
    assert_eq!(listed["artifacts"][2]["model_hash"], hash, "{listed}");
    assert!(listed["artifacts"][0]["profile_hash"].is_string(), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_for_a_job_beyond_the_limit() {
    let lab = Lab::with(Database::Sqlite, &["--no-worker", "--jobs-per-user", "1"]).await;
    let (model, dataset) = with_files(&lab).await;
    let profile = lab.uploaded("profile", std::fs::read(bundled_profile()).unwrap()).await;
    let mut sweep = requests(model, dataset)[2].1.clone();
    lab.submit(&sweep).await;
    sweep["profile"] = json!(profile);
    lab.post("/jobs", &sweep).await.expect(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_to_wait() {
    let mut lab = Lab::with(Database::Sqlite, &["--no-worker", "--requests-per-second", "1"]).await;
    let asked = futures::stream::iter(0..1100).map(|_| lab.get("/server")).buffer_unordered(50);
    let answers: Vec<_> = asked.collect().await;
    let refused = answers.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
    let refused = refused.expect("the burst of a thousand is over");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert!(refused.json()["problem"].is_string());
    assert!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count() >= 1000);
    // Others are not kept waiting.
    lab.sign_in(Some("rrlab_another"));
    assert_eq!(lab.get("/server").await.status, StatusCode::OK);
}

async fn many_read_while_a_job_runs(database: Database) {
    let lab = Lab::open(database).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let job = lab.submit(&endless(dataset)).await;
    lab.listen(job, |event| !event["progress"].is_null()).await;
    let readers = (0..200).map(async |reader| {
        if reader % 4 == 0 {
            // A stream of events, until it has told of progress.
            let events = lab.listen(job, |event| !event["progress"].is_null()).await;
            assert!(!events.is_empty());
        } else {
            let job = lab.job(job).await;
            assert_eq!(job["state"], "running");
        }
    });
    futures::future::join_all(readers).await;
    let numbers = text(&lab.send(lab.request_at_root(Method::GET, "/metrics")).await.bytes);
    for expected in
        ["rrlab_jobs{state=\"running\"} 1", "state=\"busy\"} 1", "rrlab_oldest_waiting_seconds 0"]
    {
        assert!(numbers.contains(expected), "{expected} is missing in\n{numbers}");
    }
    lab.post(&format!("/jobs/{job}/cancel"), &Value::Null).await.expect(StatusCode::ACCEPTED);
    assert_eq!(lab.ended(job).await["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_of_another_network_is_refused_before_anything_is_computed() {
    let lab = Lab::with(Database::Sqlite, &["--no-worker"]).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let model = lab.uploaded("model", bundled_model()).await;
    let folder = tempfile::tempdir().unwrap();
    let (file, profile) =
        (folder.path().join("model.safetensors"), folder.path().join("profile.json"));
    let graph = "resnet8".parse::<Architecture>().unwrap().graph(10).unwrap();
    let other = Model::random(graph, 3);
    std::fs::write(&file, checkpoint::write(&other).unwrap()).unwrap();
    let paths = [file.to_str().unwrap(), profile.to_str().unwrap()];
    lab.says(&[
        "calibrate",
        "--model",
        paths[0],
        "--dataset",
        "shapes10",
        "--images",
        "4",
        "--out",
        paths[1],
    ]);
    let mut old: Value = serde_json::from_slice(&std::fs::read(&profile).unwrap()).unwrap();
    make_version_1(&mut old);
    let nameless = lab.uploaded("profile", old.to_string().into_bytes()).await;
    let profile = lab.uploaded("profile", std::fs::read(&profile).unwrap()).await;
    for (kind, mut request) in requests(model, dataset) {
        if kind != "sweep" && kind != "finetune" {
            continue;
        }
        request["profile"] = json!(profile);
        let problem = lab.post("/jobs", &request).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        let problem = problem["problem"].as_str().unwrap();
        assert!(
            problem.contains("the profile is of network")
                && problem.contains(&other.hash().short()),
            "{problem}"
        );
        request["model"] = json!(lab.uploaded("model", checkpoint::write(&other).unwrap()).await);
        lab.submit(&request).await;
        // One that names no network could be of any.
        request["profile"] = json!(nameless);
        let problem = lab.post("/jobs", &request).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            problem["problem"].as_str().unwrap().contains("does not say which network it is of"),
            "{problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_does_not_say_of_images_is_said_beside_it() {
    let lab = Lab::with(Database::Sqlite, &["--no-worker", "--upload-mib", "1"]).await;
    let pictures = picture_folder();
    let of_size = [("kind", "dataset"), ("name", "pictures"), ("size", "24"), ("resize", "28")];
    let stored = lab.upload_as(&of_size, pictures.clone()).await.expect(StatusCode::CREATED);
    let content = lab.content(stored["id"].as_i64().unwrap()).await;
    let data = Dataset::from_bytes(content.into()).unwrap();
    assert_eq!((data.train.shape().height, data.resize), (24, Some(28)));
    assert_eq!((data.train.len(), data.test.len(), data.classes.len()), (40, 20, 10));

    // Tensors alone, which say nothing of images.
    let tensors = TensorFile::from_bytes(&bundled_model()).unwrap().tensors;
    let plain = TensorFile { tensors, ..TensorFile::default() }.to_bytes().unwrap();
    let said =
        r#"{ "normalization": { "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6] }, "resize": 40 }"#;
    let of_network = [("kind", "model"), ("name", "plain"), ("preprocessing", said)];
    let stored = lab.upload_as(&of_network, plain.clone()).await.expect(StatusCode::CREATED);
    let content = lab.content(stored["id"].as_i64().unwrap()).await;
    let info = checkpoint::read(&content, NetworkHint::default()).unwrap().info;
    assert_eq!(info.resize, Some(40));
    assert_eq!(info.normalization.unwrap().mean, [0.1, 0.2, 0.3]);

    let refused = async |query: &[(&str, &str)], bytes: &[u8], expected: &str| {
        let answer = lab.upload_as(query, bytes.to_vec()).await;
        let problem = answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(problem["problem"].as_str().unwrap().contains(expected), "{problem}");
    };
    let dataset = [("kind", "dataset"), ("name", "pictures")];
    let with = |name, value| [&dataset[..], &[(name, value)]].concat();
    refused(&with("size", "1025"), &pictures, "1 to 1024 rows").await;
    refused(&with("resize", "16"), &pictures, "is scaled to 32 to 8192 pixels, not 16").await;
    // Few bytes of small images that are asked for as large ones.
    refused(&with("size", "224"), &pictures, "more than 1 MiB together").await;
    refused(&with("preprocessing", said), &pictures, "`preprocessing` is said of networks").await;
    let model = [("kind", "model"), ("name", "plain")];
    let with = |name, value| [&model[..], &[(name, value)]].concat();
    refused(&with("size", "32"), &plain, "goes into `preprocessing`").await;
    refused(&with("preprocessing", "{ \"sizes\": 1 }"), &plain, "unknown field `sizes`").await;
    let profile = [("kind", "profile"), ("name", "p"), ("classes", "10")];
    refused(&profile, b"{}", "`classes` is said of networks alone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_and_hostile_uploads_are_refused() {
    let lab = Lab::with(Database::Sqlite, &["--no-worker", "--upload-mib", "8"]).await;
    let model = bundled_model();
    let refused = async |kind: &str, bytes: Vec<u8>, expected: &str| {
        let problem =
            lab.upload(kind, "upload", bytes).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(problem["problem"].as_str().unwrap().contains(expected), "{kind}: {problem}");
    };
    refused("model", model[..model.len() / 2].to_vec(), "not a whole safetensors file").await;
    let mut nan = model.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    refused("model", nan, "NaN").await;
    refused("model", Vec::new(), "safetensors").await;
    refused("profile", b"{\"version\": 1}".to_vec(), "").await;
    refused("profile", vec![0xff, 0xfe], "not text").await;
    refused("dataset", small_dataset()[..1000].to_vec(), "not a readable").await;
    // Names that lead elsewhere are no data set's, and nothing is written under them.
    let outside =
        tar_gz(&[("../../escaped.bin", vec![1; 100]), ("train/../../x/y.txt", vec![2; 10])]);
    refused("dataset", outside, "no train images").await;
    assert!(
        !lab.data().join("../escaped.bin").exists()
            && !lab.data().join("../../escaped.bin").exists()
    );
    // 600 MB in a few hundred kilobytes.
    refused("dataset", tar_gz(&[("train/a/x.png", vec![0; 600 << 20])]), "out of all proportion")
        .await;
    // A picture that claims more pixels than there are bytes anywhere.
    refused("dataset", tar_gz(&[("train/a/x.png", huge_png())]), "x.png").await;
    // Refused before it has come, and heard by those who do not listen before they have sent it.
    let announced = format!(
        "POST /api/v1/artifacts?kind=model&name=big HTTP/1.1\r\nauthorization: Bearer {}\r\ncontent-length: 9000000",
        lab.entrance().unwrap()
    );
    assert!(spoken(&lab, &announced).await.starts_with("HTTP/1.1 413"));
    assert_eq!(
        lab.upload("model", "big", vec![0; 20 << 20]).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(lab.upload("sweep", "x", Vec::new()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        lab.upload("model", "\n", model.clone()).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        lab.get("/artifacts").await.json()["artifacts"],
        json!([]),
        "nothing of that was stored"
    );
    assert!(temporary_files(&lab).is_empty(), "{:?}", temporary_files(&lab));
    // An upload that breaks off.
    let address = lab.address().trim_start_matches("http://").to_owned();
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let token = lab.entrance().unwrap();
    let head = format!(
        "POST /api/v1/artifacts?kind=model&name=cut HTTP/1.1\r\nhost: {address}\r\n\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
        model.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut socket, &model[..1000]).await.unwrap();
    drop(socket);
    assert_eq!(lab.get("/artifacts").await.json()["artifacts"], json!([]));
    // Equal content is stored once.
    let (first, second) =
        (lab.uploaded("model", model.clone()).await, lab.uploaded("model", model).await);
    assert_ne!(first, second);
    assert_eq!(stored_files(&lab), 1);
}

/// A PNG header of 60,000 × 60,000 pixels, and no pixels.
fn huge_png() -> Vec<u8> {
    let side = 60_000u32.to_be_bytes();
    let header = [b"IHDR".as_slice(), &side, &side, &[8, 2, 0, 0, 0]].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&header);
    [b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d".as_slice(), &header, &sum.sum().to_be_bytes()].concat()
}

/// A server that is not hosted is its starter's alone: others on the machine can reach the port, but
/// not read what it printed.
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_address_lets_in_and_nothing_else_does() {
    let mut lab = Lab::with(Database::Sqlite, &["--no-worker"]).await;
    let token = lab.entrance().expect("it printed one").to_owned();
    let client = || {
        let none = reqwest::redirect::Policy::none();
        reqwest::Client::builder().redirect(none).build().unwrap()
    };
    let bare = async |lab: &Lab, path: &str| {
        lab.send(client().get(format!("{}{path}", lab.address()))).await
    };
    for closed in ["/api/v1/jobs", "/api/v1/artifacts", "/api/v1/events", "/metrics"] {
        assert_eq!(bare(&lab, closed).await.status, StatusCode::UNAUTHORIZED, "{closed}");
    }
    assert_eq!(bare(&lab, "/").await.status, StatusCode::OK, "the page has no secrets");
    assert!(bare(&lab, "/api/v1/server").await.json()["user"].is_null());
    let stranger = bare(&lab, "/?token=rrlab_guessed").await;
    assert!(stranger.status == StatusCode::OK && !stranger.headers.contains_key("set-cookie"));
    let entered = bare(&lab, &format!("/?a=1&token={token}&b=2")).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    assert_eq!(entered.headers["location"], "/?a=1&b=2", "the token stays in no address");
    let cookie = entered.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    let port_of = |lab: &Lab| lab.address().rsplit(':').next().unwrap().to_owned();
    assert_eq!(name, format!("rrlab_session_{}", port_of(&lab)), "two servers keep theirs apart");
    let jobs = async |lab: &Lab| {
        let request = client().get(format!("{}/api/v1/jobs", lab.address()));
        let cookie = format!("rrlab_session_{}={value}", port_of(lab));
        lab.send(request.header("cookie", cookie)).await.status
    };
    assert_eq!(jobs(&lab).await, StatusCode::OK);
    // The browser stays signed in; each start has a token of its own.
    lab.stop().await;
    lab.start().await;
    assert_eq!(jobs(&lab).await, StatusCode::OK);
    assert_ne!(lab.entrance(), Some(&*token));
    // Where many are served, nobody is signed in by a link.
    let hosted = Lab::with(Database::Sqlite, &["--hosted", "--no-worker"]).await;
    assert!(hosted.entrance().is_none());
    let theirs = hosted.person("ann", "student");
    assert_eq!(bare(&hosted, &format!("/?token={theirs}")).await.status, StatusCode::OK);
}

/// What lies in the data folder beside the database, the log of it, and the artifacts.
fn temporary_files(lab: &Lab) -> Vec<String> {
    let names = std::fs::read_dir(lab.data()).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name != "artifacts" && !name.starts_with("lab.sqlite")).collect()
}

/// Somebody who sends four uploads and ends none waits with the fifth; others do not.
#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads_keep_nobody_else_out() {
    let mut lab = Lab::with(Database::Sqlite, &["--hosted", "--no-worker"]).await;
    let [slow, quick] = ["slow", "quick"].map(|name| lab.person(name, "student"));
    let address = lab.address().trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /api/v1/artifacts?kind=model&name=slow HTTP/1.1\r\nhost: {address}\r\n\
         authorization: Bearer {slow}\r\ncontent-length: 1000\r\n\r\n"
    );
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    lab.sign_in(Some(&slow));
    // The server may hear of the four later than this client has sent them.
    let refused = loop {
        let answer = lab.upload("profile", "fifth", b"{}".to_vec()).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    };
    assert!(refused.headers.contains_key("retry-after"));
    lab.sign_in(Some(&quick));
    lab.uploaded("model", bundled_model()).await;
    drop(sockets);
    lab.sign_in(Some(&slow));
    loop {
        let answer = lab.upload("model", "after", bundled_model()).await;
        if answer.status == StatusCode::CREATED {
            break;
        }
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    }
}

fn stored_files(lab: &Lab) -> usize {
    let folders = std::fs::read_dir(lab.data().join("artifacts/rrlab/content")).unwrap().flatten();
    folders.flat_map(|entry| std::fs::read_dir(entry.path()).unwrap()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_nothing_is_half_stored() {
    let mut lab = Lab::with(Database::Sqlite, &["--no-worker"]).await;
    lab.stop().await;
    // A limit on the size of files stands for the full disk: large enough for the database, too
    // small for 6 MB of images.
    lab.start_limited(3000).await;
    let record = 3073;
    let images = tar_gz(&[
        ("data_batch_1.bin", vec![0; 2000 * record]),
        ("test_batch.bin", vec![0; 100 * record]),
    ]);
    let problem = lab
        .upload("dataset", "black", images.clone())
        .await
        .expect(StatusCode::INSUFFICIENT_STORAGE);
    assert!(problem["problem"].as_str().unwrap().contains("disk is full"), "{problem}");
    assert_eq!(lab.get("/artifacts").await.json()["artifacts"], json!([]));
    lab.stop().await;
    lab.start().await;
    lab.uploaded("dataset", images).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_say_whether_they_live() {
    let mut lab = Lab::with(Database::Postgres, &["--no-worker"]).await;
    let (model, dataset) = with_files(&lab).await;
    let free = free_address();
    lab.start_worker_with(&["--listen", &free]);
    lab.ended(lab.submit(&requests(model, dataset)[4].1).await).await;
    let client = reqwest::Client::new();
    let ask = async |path: &str| {
        let answer = client.get(format!("http://{free}{path}")).send().await.expect("it answers");
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/healthz").await, (StatusCode::OK, "alive\n".into()));
    assert_eq!(ask("/readyz").await.0, StatusCode::OK);
    // The job is ended before its worker has put it away.
    let (_, numbers) = loop {
        let told = ask("/metrics").await;
        if told.1.contains("rrlab_worker_busy 0") {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(numbers.contains("rrlab_worker_jobs_total{kind=\"evaluate\"} 1"), "{numbers}");
    lab.take_store_away();
    assert_eq!(ask("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("/healthz").await.0, StatusCode::OK, "nothing is gained by starting it anew");
    lab.bring_store_back();
}

/// What a job made waits until there is room for it, however long that takes.
#[tokio::test(flavor = "multi_thread")]
async fn results_wait_for_room_on_the_disk() {
    let mut lab = Lab::with(Database::Postgres, &["--no-worker"]).await;
    let (_, dataset) = with_files(&lab).await;
    let train = requests(0, dataset)[0].1.clone();
    // Too small for the state of a training, and for the network that comes out of it.
    lab.start_worker_limited(100);
    let job = lab.submit(&train).await;
    lab.listen(job, |event| {
        event["progress"]["done"].is_u64()
            && event["progress"]["done"] == event["progress"]["total"]
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let waits = lab.job(job).await;
    assert_eq!((waits["state"].as_str(), waits["results"].clone()), (Some("running"), json!([])));
    unlimit(lab.workers()[0]);
    let all = made(&lab, job).await;
    assert_eq!(lab.job(job).await["crashes"], 0);
    assert_eq!(made(&lab, lab.submit(&train).await).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_named_sites_show_the_page_in_a_frame() {
    let site = "https://courses.example.edu";
    let lab = Lab::with(Database::Sqlite, &["--no-worker", "--embed-in", site]).await;
    let view = lab.send(lab.request_at_root(Method::GET, "/?rule=erk&embed=pane")).await;
    let policy = view.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("frame-ancestors 'self' {site}")), "{policy}");
    assert!(view.headers.get("x-frame-options").is_none());
    // Whatever could start something stays in no frame.
    for address in ["/", "/?run=true", "/?embed=no", "/api/docs/?embed=pane", "/api/v1/server"] {
        let alone = lab.send(lab.request_at_root(Method::GET, address)).await;
        assert_eq!(alone.headers["x-frame-options"], "DENY", "{address}");
        let policy = alone.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{address}: {policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_looked_after() {
    let mut lab = Lab::with(Database::Sqlite, &["--no-worker"]).await;
    let root = |path: &str| lab.request_at_root(Method::GET, path);
    assert_eq!(lab.send(root("/healthz")).await.status, StatusCode::OK);
    assert_eq!(lab.send(root("/readyz")).await.status, StatusCode::OK);
    let page = lab.send(root("/")).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("'wasm-unsafe-eval'")
            && policy.contains("'sha256-")
            && policy.contains("frame-ancestors 'none'")
    );
    assert_eq!(page.headers["x-frame-options"], "DENY");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let known = lab.send(root("/").header("if-none-match", page.headers["etag"].clone())).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    assert_eq!(
        lab.send(root("/../../etc/passwd")).await.status,
        StatusCode::OK,
        "an address of the page, no file"
    );
    assert_eq!(lab.send(root("/%2e%2e/Cargo.toml")).await.status, StatusCode::NOT_FOUND);
    assert!(spoken(&lab, "GET /../Cargo.toml HTTP/1.1").await.starts_with("HTTP/1.1 404"));
    assert!(spoken(&lab, "BREW /coffee HTTP/1.1").await.starts_with("HTTP/1.1 405"));
    let numbers = text(&lab.send(root("/metrics")).await.bytes);
    assert!(numbers.contains("method=\"other\"") && !numbers.contains("BREW"), "{numbers}");
    assert_eq!(lab.send(root("/api/docs/")).await.status, StatusCode::OK);
    let answer = lab.get("/nothing").await;
    assert!(answer.status == StatusCode::NOT_FOUND && answer.json()["problem"].is_string());
    assert!(answer.headers.contains_key("x-request-id"));
    // Another site's page, and a name that was made to lead here.
    let foreign = lab
        .request(Method::POST, "/jobs")
        .header("origin", "https://evil.example")
        .json(&json!({}));
    assert_eq!(lab.send(foreign).await.status, StatusCode::FORBIDDEN);
    for (site, status) in
        [("cross-site", StatusCode::FORBIDDEN), ("same-origin", StatusCode::UNPROCESSABLE_ENTITY)]
    {
        // A proxy may have changed the host that the page was opened under; the browser's own word
        // counts.
        let proxied = lab.request(Method::POST, "/jobs").header("origin", "https://lab.example");
        assert_eq!(
            lab.send(proxied.header("sec-fetch-site", site).json(&json!({}))).await.status,
            status,
            "{site}"
        );
    }
    assert_eq!(
        lab.send(root("/api/v1/jobs").header("host", "evil.example")).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
    // Strangers are let in nowhere by accident.
    let refused = lab
        .command(&["serve", "--host", "0.0.0.0", "--port", "0"])
        .stdout(Stdio::null())
        .output()
        .unwrap();
    assert!(!refused.status.success() && text(&refused.stderr).contains("--hosted"), "{refused:?}");
    // An open stream does not hold up the end.
    let stream = lab.request(Method::GET, "/events").send().await.unwrap();
    lab.stop().await;
    assert_eq!(text(&stream.bytes().await.unwrap_or_default()), "");
}

/// The answer to a request that no well-behaved client makes.
async fn spoken(lab: &Lab, line: &str) -> String {
    let address = lab.address().trim_start_matches("http://").to_owned();
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!("{line}\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut answer).await.unwrap();
    text(&answer)
}

/// On Chromium's software adapter; asked for by `RRLAB_TEST_GPU`, since it needs a program with the
/// feature `wgpu`.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_on_a_gpu_comes_to_what_the_cpu_comes_to() {
    if std::env::var_os("RRLAB_TEST_GPU").is_none() {
        eprintln!("not run: RRLAB_TEST_GPU is not set");
        return;
    }
    let mut accuracies = Vec::new();
    for device in ["cpu", "wgpu"] {
        let lab = Lab::on(Database::Sqlite, device, &[]).await;
        let model = lab.uploaded("model", bundled_model()).await;
        let request =
            json!({ "kind": "evaluate", "model": model, "dataset": "shapes10", "images": 32 });
        let job = lab.submit(&request).await;
        let evaluation = lab.result(job, "evaluation").await;
        let evaluation: Value = serde_json::from_slice(&lab.content(evaluation).await).unwrap();
        assert!(evaluation["device"].as_str().unwrap().starts_with(device), "{evaluation}");
        accuracies.push(evaluation["accuracy"].clone());
    }
    assert_eq!(accuracies[0], accuracies[1]);
}

/// Requests made up from the description: none of them makes the server fail.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_makes_the_server_fail() {
    let Some(schemathesis) = std::env::var_os("RRLAB_SCHEMATHESIS") else {
        eprintln!(
            "skipped: RRLAB_SCHEMATHESIS names no schemathesis; `cargo xtask test` installs one"
        );
        return;
    };
    let lab = Lab::with(
        Database::Postgres,
        &["--no-worker", "--jobs-per-user", "100000", "--requests-per-second", "100000"],
    )
    .await;
    let (model, dataset) = with_files(&lab).await;
    lab.submit(&requests(model, dataset)[4].1).await;
    let description = format!("{}/api/v1/openapi.json", lab.address());
    let signed_in = format!("Authorization: Bearer {}", lab.entrance().unwrap());
    let run = tokio::task::spawn_blocking(move || {
        Command::new(schemathesis)
            .args([
                "run",
                &description,
                "--header",
                &signed_in,
                "--checks",
                "not_a_server_error",
                "--max-examples",
                "40",
                "--seed",
                "1",
            ])
            // A stream of events has no end.
            .args(["--exclude-path-regex", "events$", "--request-timeout", "20", "--workers", "1"])
            .current_dir(std::env::temp_dir())
            .output()
    });
    let output = run.await.unwrap().expect("schemathesis runs");
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

/// The lines of docs/hosting.md, with a client that is made from the description.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_python_starts_a_job_and_waits_for_it() {
    let Some(generator) = std::env::var_os("RRLAB_PYTHON_CLIENT") else {
        eprintln!(
            "skipped: RRLAB_PYTHON_CLIENT names no generator; `cargo xtask test` installs one"
        );
        return;
    };
    let lab = Lab::with(Database::Sqlite, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let description = folder.path().join("openapi.json");
    std::fs::write(&description, &lab.get("/openapi.json").await.bytes).unwrap();
    // Its formatter is another program, and of no use here.
    let config = folder.path().join("config.yml");
    std::fs::write(&config, "post_hooks: []\n").unwrap();
    let client = folder.path().join("client");
    let guide = include_str!("../../../docs/hosting.md");
    let lines = guide.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let python = std::path::Path::new(&generator).with_file_name("python");
    let (address, token) = (lab.address().to_owned(), lab.entrance().unwrap().to_owned());
    let run = tokio::task::spawn_blocking(move || {
        let mut generate = Command::new(&generator);
        generate.args(["generate", "--path"]).arg(&description).arg("--config").arg(&config);
        let made = generate.arg("--output-path").arg(&client).output().unwrap();
        assert!(made.status.success(), "{}{}", text(&made.stdout), text(&made.stderr));
        // What the generator can't put into a client it warns of.
        assert!(!text(&made.stdout).contains("Warning"), "{}", text(&made.stdout));
        let mut python = Command::new(python);
        python.env("PYTHONPATH", &client).env("RRLAB_LAB", address).env("RRLAB_TOKEN", token);
        python.args(["-c", lines]).output()
    });
    let ran = run.await.unwrap().unwrap();
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).starts_with("done ["), "{}", text(&ran.stdout));
}
