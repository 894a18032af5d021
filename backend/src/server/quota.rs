//! What one person may have of what all share.

use std::time::Duration;

use axum::http::StatusCode;

use super::error::{ApiError, ApiResult};
use super::extract::Author;
use super::lab::Lab;

/// Seconds after which somebody who has had their device time may ask again: by then some of it may be
/// a day ago.
const RETRY_SECONDS: u64 = 600;

/// Whether so many bytes more are within what one person may store.
pub async fn check_storage(lab: &Lab, author: &Author, more: u64) -> ApiResult<()> {
    let Some(most) = lab.settings.stored_bytes_per_user else { return Ok(()) };
    let stored = lab.store.stored_bytes(author.0.id).await?;
    if stored.saturating_add(more as i64) <= most {
        return Ok(());
    }
    Err(no_room(stored, more as i64, most))
}

/// Where somebody has stored so many bytes, with what their open jobs will store, and these are more
/// than are left.
pub fn no_room(stored: i64, more: i64, most: i64) -> ApiError {
    ApiError::Malformed(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "you have stored {:.1} GiB, or will have by your jobs, of the {:.1} that one person may, and this is {:.1}; delete what you no longer need",
            gib(stored as f64),
            gib(most as f64),
            gib(more as f64)
        ),
    )
}

/// Whether somebody may ask for another job although theirs of today were computed.
pub async fn check_device_time(lab: &Lab, author: &Author) -> ApiResult<()> {
    let Some(most) = lab.settings.device_time_per_user else { return Ok(()) };
    let had = lab.store.device_seconds_of(author.0.id).await?;
    if had < most.as_secs_f64() {
        return Ok(());
    }
    Err(no_device_time(had, most, None))
}

/// Where somebody's jobs have had so many seconds, and another is likely to take more than are left.
pub fn no_device_time(had: f64, most: Duration, likely: Option<f64>) -> ApiError {
    let hours = |seconds: f64| seconds / 3600.0;
    let problem = match likely {
        None => "wait until fewer are of the last day, or cancel some".to_owned(),
        Some(likely) => {
            format!("this one is likely to take {:.1}: ask for less, or later", hours(likely))
        }
    };
    ApiError::TooMany {
        problem: format!(
            "your jobs of the last day have had {:.1} hours, or are likely to, of the {:.1} that one person's may have; {problem}",
            hours(had),
            hours(most.as_secs_f64())
        ),
        retry_seconds: RETRY_SECONDS,
    }
}

/// Whether a job may need so much memory.
pub fn check_memory(lab: &Lab, bytes: u64) -> ApiResult<()> {
    let Some(most) = lab.settings.job_memory.filter(|most| bytes > *most) else { return Ok(()) };
    Err(ApiError::Invalid(format!(
        "this is taken to need {:.1} GiB of memory, of the {:.1} that one job may have here; ask for fewer calibration images, a smaller batch, or a smaller network",
        gib(bytes as f64),
        gib(most as f64)
    )))
}

fn gib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 30)
}
