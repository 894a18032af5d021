//! How a lab on PostgreSQL answers while a thousand people have its page open, a hundred workers
//! compute and ten thousand jobs wait.
//!
//! `cargo bench -p rrlab-tests --bench load` after `cargo xtask page`. People, jobs and what workers say to
//! the database are written there by SQL and pgbench; requests and streams of events are real.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rrlab_tests::lab::{Database, Lab, number};
use serde_json::{Value, json};

const PEOPLE: usize = 1000;
const WORKERS: usize = 100;
const JOBS: usize = 10_000;
/// Requests of each kind.
const REQUESTS: usize = 300;
/// What workers do in a second, all together: ask whether to go on, and tell how far they are.
const POLLS_EACH: usize = 4;
const EVENTS: usize = 50;
/// Longest that an event is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// When the event of a job came to its owner's page.
type Arrivals = Arc<Mutex<HashMap<i64, Instant>>>;

#[tokio::main]
async fn main() {
    let limits = ["--jobs-per-user", "100000", "--requests-per-second", "1000000"];
    let options = [&["--hosted", "--no-worker"][..], &limits].concat();
    println!("milliseconds, median and 99th of {REQUESTS}, one request after the other");
    println!(
        "{:>7} {:>8} {:>7}  {:>15} {:>15} {:>15} {:>15}",
        "people", "workers", "jobs", "page", "jobs' list", "submission", "event"
    );
    for part in [0, 4, 1] {
        let share = |whole: usize| whole.checked_div(part).unwrap_or(0);
        let mut lab = Lab::with(Database::Postgres, &options).await;
        measure(&mut lab, share(PEOPLE).max(10), share(WORKERS), share(JOBS)).await;
    }
}

async fn measure(lab: &mut Lab, people: usize, workers: usize, jobs: usize) {
    lab.run_sql(&populated(people, workers, jobs));
    let arrivals = Arrivals::default();
    let mut pages = Vec::new();
    for person in 1..=people {
        lab.sign_in(Some(&token(person)));
        let request = lab.request(Method::GET, "/events");
        pages.push(tokio::spawn(listen(request, arrivals.clone())));
    }
    let load = (workers > 0).then(|| {
        let rate = workers * POLLS_EACH + EVENTS;
        let (polls, events) = ((workers * POLLS_EACH).to_string(), EVENTS.to_string());
        lab.pgbench(&[(&poll(workers), &polls), (&event(workers), &events)], rate)
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (mut page, mut list, mut submission, mut told) = (vec![], vec![], vec![], vec![]);
    for index in 0..REQUESTS {
        lab.sign_in(Some(&token(1 + index * 7 % people)));
        page.push(took(lab, "/server").await);
        list.push(took(lab, "/jobs").await);
        let began = Instant::now();
        let request = json!({ "kind": "train", "dataset": "shapes10" });
        let answer = lab.post("/jobs", &request).await;
        submission.push(began.elapsed());
        let job = number(&answer.expect(StatusCode::CREATED));
        told.push(arrival(&arrivals, job).await.duration_since(began));
    }
    println!(
        "{people:>7} {workers:>8} {jobs:>7}  {} {} {} {}",
        figures(page),
        figures(list),
        figures(submission),
        figures(told)
    );
    drop(load);
    pages.iter().for_each(tokio::task::JoinHandle::abort);
}

fn token(person: usize) -> String {
    format!("rrlab_person{person}")
}

/// SQL of so many people, of jobs that wait, and of those that workers compute.
fn populated(people: usize, workers: usize, jobs: usize) -> String {
    let request = r#"{"kind":"evaluate","model":1,"dataset":"shapes10","images":2000,"seed":0}"#;
    let now = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
    format!(
        "INSERT INTO lab_users (name, role, created_ms) SELECT 'person' || i, 'student', 0 FROM generate_series(1, {people}) i;
         INSERT INTO lab_tokens (user_id, hash, label, created_ms)
         SELECT id, encode(sha256(('rrlab_' || name)::bytea), 'hex'), 'page', 0 FROM lab_users;
         INSERT INTO lab_jobs (owner_id, kind, request, state, created_ms, worker, lease_ms, claimed_ms, device)
         SELECT 1 + i % {people}, 'evaluate', '{request}', 'running', {now}, 'worker' || i, {now} + 100000000, {now}, 'cpu'
         FROM generate_series(1, {workers}) i;
         INSERT INTO lab_workers (name, device, seen_ms) SELECT 'worker' || i, 'cpu', {now} + 100000000 FROM generate_series(1, {workers}) i;
         INSERT INTO lab_jobs (owner_id, kind, request, state, created_ms)
         SELECT 1 + i % {people}, 'evaluate', '{request}', 'queued', {now} FROM generate_series(1, {jobs}) i;
         ANALYZE;"
    )
}

fn poll(workers: usize) -> String {
    format!(
        "\\set job random(1, {workers})\n\
         SELECT cancel FROM lab_jobs WHERE id = :job AND worker = 'worker' || :job;\n"
    )
}

fn event(workers: usize) -> String {
    let progress = r#"{"progress":{"what":"images","done":7,"total":9,"images_per_second":null,"seconds_left":null}}"#;
    format!(
        "\\set job random(1, {workers})\n\
         BEGIN;\n\
         UPDATE lab_jobs SET progress = NULL WHERE id = :job;\n\
         WITH clock AS (UPDATE lab_clock SET at = at + 1 RETURNING at)\n\
         INSERT INTO lab_events (id, job_id, at_ms, passing, last, body) SELECT at, :job, 0, 1, 0, '{progress}' FROM clock;\n\
         COMMIT;\n"
    )
}

/// Notes when the first event of each job comes, as an open page hears of it.
async fn listen(request: reqwest::RequestBuilder, arrivals: Arrivals) {
    let mut stream = request.send().await.expect("a stream of events");
    assert_eq!(stream.status(), StatusCode::OK);
    let mut text = String::new();
    while let Ok(Some(piece)) = stream.chunk().await {
        text.push_str(&String::from_utf8_lossy(&piece));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            let Some(data) = data.and_then(|data| serde_json::from_str::<Value>(data).ok()) else {
                continue;
            };
            if let Some(job) = data["job"].as_i64() {
                arrivals.lock().expect("no task fails").entry(job).or_insert_with(Instant::now);
            }
        }
    }
}

async fn arrival(arrivals: &Arrivals, job: i64) -> Instant {
    let began = Instant::now();
    loop {
        if let Some(came) = arrivals.lock().expect("no task fails").get(&job) {
            return *came;
        }
        assert!(began.elapsed() < PATIENCE, "no event of job {job}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn took(lab: &Lab, path: &str) -> Duration {
    let began = Instant::now();
    lab.get(path).await.expect(StatusCode::OK);
    began.elapsed()
}

fn figures(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    format!("{:>7.0} {:>7.0}", at(0.5), at(0.99))
}
