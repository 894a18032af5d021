//! Jobs in words: what they were asked for, and how far they are.

use leptos::prelude::*;
use rrlab_protocol::{DatasetRef, Job, JobProgress, JobRequest, JobState};

use super::state::ServerState;
use crate::format::{duration, file_size, time_left};

/// What a job was asked for, in a line, with the names of what it reads.
pub fn title(request: &JobRequest, server: ServerState) -> String {
    let name_of = |id: i64, kind: &str| {
        server.artifacts.with(|artifacts| {
            match artifacts.iter().find(|artifact| artifact.id == id) {
                Some(artifact) => artifact.name.clone(),
                None => format!("{kind} {id}"),
            }
        })
    };
    let data = match request.dataset() {
        DatasetRef::Named(name) => name.clone(),
        DatasetRef::Stored(id) => name_of(*id, "data set"),
    };
    let network = request.model().map_or_else(String::new, |id| name_of(id, "network"));
    let plural =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match request {
        JobRequest::Train(job) => {
            format!("train {} on {data}, {}", job.architecture, plural(job.plan.epochs, "epoch"))
        }
        JobRequest::Calibrate(job) => {
            format!("measure {network} on {} images of {data}", job.images)
        }
        JobRequest::Choose(job) => {
            let networks = plural(job.plan.networks(), "network");
            format!("choose for {network} on {data} at {}, {networks}", job.plan.sparsity)
        }
        JobRequest::Sweep(job) => {
            format!("sweep {network} on {data}, {}", plural(job.plan.asked(), "combination"))
        }
        JobRequest::Finetune(job) => {
            format!("fine-tune {network} on {data}, {}", plural(job.plan.asked(), "run"))
        }
        JobRequest::Evaluate(_) => format!("evaluate {network} on {data}"),
    }
}

/// How far a job is, in words.
pub fn progress_text(progress: &JobProgress) -> String {
    let speed = match progress.images_per_second {
        Some(speed) => format!(", {speed:.0} images/s"),
        None => String::new(),
    };
    let left = match progress.seconds_left {
        Some(seconds) => format!(", {}", time_left(seconds)),
        None => String::new(),
    };
    format!("{} of {} {}{speed}{left}", progress.done, progress.total, progress.what)
}

/// Where a job is, in words: its place in the queue, how far it is, how it ended.
pub fn state_text(job: &Job) -> String {
    match (job.state, &job.progress, job.position) {
        _ if job.cancelling => "stopping …".into(),
        (JobState::Queued, _, Some(position)) => {
            if let Some(waits_for) = &job.waits_for {
                return format!("waits for {waits_for}");
            }
            let mut place = if position == 0 {
                "next in the queue".to_owned()
            } else {
                format!("{position} before it in the queue")
            };
            let times = [("starts in", job.starts_in_seconds), ("takes", job.takes_seconds)];
            let sizes = [("of memory", job.memory_bytes), ("to be stored", job.stored_bytes)];
            for (what, seconds) in times {
                if let Some(seconds) = seconds {
                    place += &format!(", {what} about {}", duration(seconds));
                }
            }
            for (what, bytes) in sizes {
                if let Some(bytes) = bytes {
                    place += &format!(", about {} {what}", file_size(bytes.cast_signed()));
                }
            }
            place
        }
        (JobState::Running, Some(progress), _) => progress_text(progress),
        (JobState::Done, ..) => {
            let times = job.finished_ms.zip(job.started_ms);
            let milliseconds = times.map_or(0, |(end, start)| end - start);
            format!("done in {:.0} s", milliseconds as f64 / 1000.0)
        }
        (JobState::Failed, ..) => {
            format!("failed: {}", job.problem.as_deref().unwrap_or("nobody said why"))
        }
        (state, ..) => state.to_string(),
    }
}
