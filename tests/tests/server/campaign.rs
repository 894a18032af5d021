//! Jobs of every kind, while workers are killed and paused, the server is killed, clocks jump, the database
//! cuts its connections and the object store is away: none is lost, and none comes to two results. Then the
//! same with long jobs that idle workers help with.
//!
//! `RRLAB_CAMPAIGN=200` is the whole of it (`docs/hosting.md` has its figures); without it, a tenth.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rrlab_tests::clock::Clock;
use rrlab_tests::lab::{Database, Event, Lab, requests, signal};
use serde_json::Value;

use super::{long_finetuning, long_sweep, made, with_files};

/// Disturbances where nothing is said, and jobs for each.
const DISTURBANCES: usize = 20;
const JOBS_EACH: f64 = 1.5;
/// For so many of them one more, while nothing waits and all workers compute two long jobs; these so many
/// at a time.
const LONG_EACH: usize = 5;
const DISTURBED_TOGETHER: usize = 6;
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
    ClockJumped,
    DatabaseCut,
    StoreAway,
}

const TURNS: [Disturbance; 10] = [
    Disturbance::WorkerKilled,
    Disturbance::WorkerKilled,
    Disturbance::WorkerKilled,
    Disturbance::WorkerPaused,
    Disturbance::WorkerPaused,
    Disturbance::ServerKilled,
    Disturbance::ClockJumped,
    Disturbance::ClockJumped,
    Disturbance::DatabaseCut,
    Disturbance::StoreAway,
];

/// Hours by which a clock may be wrong.
const WRONG: usize = 72;

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
    let draws = Draws(set("RRLAB_CAMPAIGN_SEED", 1) as u64);
    let count = (disturbances as f64 * JOBS_EACH) as usize;
    let limit = (count + 10).to_string();
    let options = ["--no-worker", "--jobs-per-user", &limit, "--requests-per-second", "100000"];
    let mut lab = Lab::with(Database::Postgres, &options).await;
    let (model, dataset) = with_files(&lab).await;
    let server_clock = Clock::new();
    lab.serve_by(&server_clock);
    lab.kill().await;
    lab.start().await;
    let machines = (0..WORKERS).map(|_| Machine::new(&mut lab)).collect();
    let long = [long_sweep(model, dataset, 30), long_finetuning(model, dataset, 20)];
    let requests = requests(model, dataset).into_iter().map(|(_, request)| request);
    let requests: Vec<Value> = requests.collect();
    let mut undisturbed = Vec::new();
    for request in requests.iter().chain(&long) {
        undisturbed.push(made(&lab, lab.submit(request).await).await);
    }
    let (short_ones, long_ones) = undisturbed.split_at(requests.len());
    let mut campaign = Campaign { lab, machines, server_clock, draws, done: BTreeMap::new() };
    let began = Instant::now();
    let wanted = (0..count).map(|index| index % requests.len());
    let wanted: Vec<_> = wanted.map(|kind| (&requests[kind], &short_ones[kind])).collect();
    let crashes = campaign.disturb_jobs(&wanted, disturbances).await;
    eprintln!(
        "{count} jobs, {:?}: all done as undisturbed, {crashes} crashes, {:.0} s",
        std::mem::take(&mut campaign.done),
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let rounds = (disturbances / LONG_EACH).div_ceil(DISTURBED_TOGETHER);
    let mut crashes = 0;
    for _ in 0..rounds {
        let wanted: Vec<_> = long.iter().zip(long_ones).collect();
        crashes += campaign.disturb_jobs(&wanted, DISTURBED_TOGETHER).await;
    }
    eprintln!(
        "{} long jobs, {:?}: all done as undisturbed, {crashes} crashes, {:.0} s",
        rounds * long.len(),
        campaign.done,
        began.elapsed().as_secs_f64()
    );
}

/// Where a worker runs.
struct Machine {
    clock: Clock,
    /// The worker's process.
    process: u32,
}

impl Machine {
    fn new(lab: &mut Lab) -> Self {
        let clock = Clock::new();
        let process = new_worker(lab, &clock);
        Self { clock, process }
    }
}

fn new_worker(lab: &mut Lab, clock: &Clock) -> u32 {
    lab.start_worker_by(clock);
    *lab.workers().last().expect("one was started")
}

/// What is asked for, and what comes out undisturbed: names and hashes.
type Wanted<'w> = (&'w Value, &'w Vec<(String, String)>);

struct Campaign {
    lab: Lab,
    machines: Vec<Machine>,
    server_clock: Clock,
    draws: Draws,
    /// How often each was done.
    done: BTreeMap<Disturbance, usize>,
}

impl Campaign {
    /// Asks for jobs and disturbs them; checks that each comes to what it comes to undisturbed, once.
    /// How many workers died under them.
    async fn disturb_jobs(&mut self, wanted: &[Wanted<'_>], disturbances: usize) -> i64 {
        let mut jobs = Vec::new();
        for (request, undisturbed) in wanted {
            jobs.push((self.lab.submit(request).await, request, undisturbed));
        }
        for _ in 0..disturbances {
            let pause = 200 + self.draws.below(800) as u64;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let drawn = TURNS[self.draws.below(TURNS.len())];
            let spared = most_crashes_of_running(&self.lab).await > MOST_CRASHES;
            let harms_workers =
                matches!(drawn, Disturbance::WorkerKilled | Disturbance::WorkerPaused);
            let chosen = if spared && harms_workers { Disturbance::DatabaseCut } else { drawn };
            self.disturb(chosen).await;
            *self.done.entry(chosen).or_insert(0) += 1;
        }
        let (lab, mut crashes) = (&self.lab, 0);
        for (job, request, undisturbed) in jobs {
            let ended = lab.ended(job).await;
            assert_eq!(ended["state"], "done", "{ended}");
            assert_eq!(made(lab, job).await, **undisturbed, "job {job}, {request}");
            let events = lab.listen(job, |_| false).await;
            let is_end = |event: &&Event| event.data["event"]["state"]["state"] == "done";
            assert_eq!(events.iter().filter(is_end).count(), 1, "job {job}");
            crashes += ended["crashes"].as_i64().unwrap();
        }
        crashes
    }

    async fn disturb(&mut self, what: Disturbance) {
        let drawn = self.draws.below(WORKERS);
        let (lab, machine) = (&mut self.lab, &mut self.machines[drawn]);
        match what {
            Disturbance::WorkerKilled => {
                signal(machine.process, "KILL");
                machine.process = new_worker(lab, &machine.clock);
            }
            Disturbance::WorkerPaused => {
                signal(machine.process, "STOP");
                tokio::time::sleep(PAUSE).await;
                signal(machine.process, "CONT");
            }
            Disturbance::ServerKilled => {
                lab.kill().await;
                lab.start().await;
            }
            Disturbance::ClockJumped => {
                let seconds = 3600 * (1 + self.draws.below(WRONG)) as i64;
                let seconds = if self.draws.below(2) == 0 { seconds } else { -seconds };
                let is_servers = self.draws.below(WORKERS + 1) == 0;
                let clock = if is_servers { &self.server_clock } else { &machine.clock };
                clock.jump(seconds);
            }
            Disturbance::DatabaseCut => lab.cut_connections(),
            Disturbance::StoreAway => {
                lab.take_store_away();
                tokio::time::sleep(Duration::from_secs(1)).await;
                lab.bring_store_back();
            }
        }
    }
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
