//! What a worker counts, for [`super::health`].

use std::time::{Duration, Instant};

use rrlab_protocol::JobKind;

/// How a part of another worker's job ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum PartEnd {
    /// It was handed in.
    Done,
    /// It was left to others.
    Left,
}

/// Counts a job that this process has computed since then.
pub fn count_job(kind: JobKind, since: Instant) {
    metrics::counter!("rrlab_worker_jobs_total", "kind" => kind.name()).increment(1);
    count_seconds("job", since.elapsed());
}

/// Counts a part of another worker's job.
pub fn count_part(end: PartEnd, took: Duration) {
    let end: &'static str = end.into();
    metrics::counter!("rrlab_worker_parts_total", "end" => end).increment(1);
    count_seconds("help", took);
}

/// Counts a part that goes on from where another left it.
pub fn count_resumed() {
    metrics::counter!("rrlab_worker_parts_resumed_total").increment(1);
}

fn count_seconds(what: &'static str, took: Duration) {
    metrics::counter!("rrlab_worker_seconds_total", "for" => what).increment(took.as_secs());
}

/// Names what is counted.
pub fn describe() {
    metrics::describe_gauge!("rrlab_worker_busy", "1 while it computes a job or helps with one");
    metrics::describe_counter!(
        "rrlab_worker_jobs_total",
        "Jobs that it has computed, to their end or not, by kind"
    );
    metrics::describe_counter!(
        "rrlab_worker_parts_total",
        "Parts of other workers' jobs that it has computed, by how they ended"
    );
    metrics::describe_counter!(
        "rrlab_worker_parts_resumed_total",
        "Parts that it went on with from where another left them"
    );
    metrics::describe_counter!(
        "rrlab_worker_seconds_total",
        "Seconds that it computed, for jobs of its own and as a helper"
    );
}
