//! Jobs of every kind, while workers are killed and paused, the server is killed, the database cuts its
//! connections and the object store is away: none is lost, and none comes to two results.
//!
//! `RRLAB_CAMPAIGN=200` is the whole of it (`docs/hosting.md` has its figures); without it, a tenth.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rrlab_tests::lab::{Database, Lab, requests, signal};

use super::{made, with_files};

/// Disturbances where nothing is said, and jobs for each.
const DISTURBANCES: usize = 20;
const JOBS_EACH: f64 = 1.5;
const WORKERS: usize = 3;
/// Workers that may have died under a job that runs: with one more it would be given up.
const MOST_CRASHES: i64 = 1;
/// Longer than a worker's lease in these tests.
const PAUSE: Duration = Duration::from_millis(2600);

/// What is done to the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Disturbance {
    WorkerKilled,
    WorkerPaused,
    ServerKilled,
    DatabaseCut,
    StoreAway,
}

const TURNS: [Disturbance; 8] = [
    Disturbance::WorkerKilled,
    Disturbance::WorkerKilled,
    Disturbance::WorkerKilled,
    Disturbance::WorkerPaused,
    Disturbance::WorkerPaused,
    Disturbance::ServerKilled,
    Disturbance::DatabaseCut,
    Disturbance::StoreAway,
];

/// Numbers that look random, the same for a seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn set(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_lost_and_none_comes_to_two_results() {
    let disturbances = set("RRLAB_CAMPAIGN", DISTURBANCES);
    let mut draws = Draws(set("RRLAB_CAMPAIGN_SEED", 1) as u64);
    let count = (disturbances as f64 * JOBS_EACH) as usize;
    let limit = (count + 10).to_string();
    let options = ["--no-worker", "--jobs-per-user", &limit, "--requests-per-second", "100000"];
    let mut lab = Lab::with(Database::Postgres, &options).await;
    let (model, dataset) = with_files(&lab).await;
    let requests = requests(model, dataset);
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(new_worker(&mut lab));
    }
    let mut undisturbed = Vec::new();
    for (_, request) in &requests {
        undisturbed.push(made(&lab, lab.submit(request).await).await);
    }
    let mut jobs = Vec::new();
    for index in 0..count {
        jobs.push((index % requests.len(), lab.submit(&requests[index % requests.len()].1).await));
    }
    let (began, mut done) = (Instant::now(), BTreeMap::new());
    for _ in 0..disturbances {
        tokio::time::sleep(Duration::from_millis(200 + draws.below(800) as u64)).await;
        let drawn = TURNS[draws.below(TURNS.len())];
        let spared = most_crashes_of_running(&lab).await > MOST_CRASHES;
        let harms_workers = matches!(drawn, Disturbance::WorkerKilled | Disturbance::WorkerPaused);
        let chosen = if spared && harms_workers { Disturbance::DatabaseCut } else { drawn };
        let worker = draws.below(WORKERS);
        disturb(&mut lab, chosen, &mut workers[worker]).await;
        *done.entry(chosen).or_insert(0) += 1;
    }
    let mut crashes = 0;
    for (kind, job) in jobs {
        let ended = lab.ended(job).await;
        assert_eq!(ended["state"], "done", "{ended}");
        assert_eq!(made(&lab, job).await, undisturbed[kind], "job {job}, {}", requests[kind].0);
        let events = lab.listen(job, |_| false).await;
        let ends = events.iter().filter(|event| event.data["event"]["state"]["state"] == "done");
        assert_eq!(ends.count(), 1, "job {job}");
        crashes += ended["crashes"].as_i64().unwrap();
    }
    eprintln!(
        "{count} jobs, {done:?}: all done as undisturbed, {crashes} crashes, {:.0} s",
        began.elapsed().as_secs_f64()
    );
}

fn new_worker(lab: &mut Lab) -> u32 {
    lab.start_worker();
    *lab.workers().last().expect("one was started")
}

/// Of the jobs that run.
async fn most_crashes_of_running(lab: &Lab) -> i64 {
    let mut most = 0;
    let mut before = i64::MAX;
    loop {
        let page = lab.get(&format!("/jobs?before={before}")).await;
        // The database may be on its way back.
        if page.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        }
        let page = page.json();
        for job in page["jobs"].as_array().unwrap() {
            if job["state"] != "done" {
                most = most.max(job["crashes"].as_i64().unwrap());
            }
        }
        match page["next"].as_i64() {
            Some(next) => before = next,
            None => return most,
        }
    }
}

async fn disturb(lab: &mut Lab, what: Disturbance, worker: &mut u32) {
    match what {
        Disturbance::WorkerKilled => {
            signal(*worker, "KILL");
            *worker = new_worker(lab);
        }
        Disturbance::WorkerPaused => {
            signal(*worker, "STOP");
            tokio::time::sleep(PAUSE).await;
            signal(*worker, "CONT");
        }
        Disturbance::ServerKilled => {
            lab.kill().await;
            lab.start().await;
        }
        Disturbance::DatabaseCut => lab.cut_connections(),
        Disturbance::StoreAway => {
            lab.take_store_away();
            tokio::time::sleep(Duration::from_secs(1)).await;
            lab.bring_store_back();
        }
    }
}
