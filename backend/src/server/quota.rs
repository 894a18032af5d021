//! What one person may have of what all share.

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
    let gib = |bytes: i64| bytes as f64 / f64::from(1 << 30);
    Err(ApiError::Malformed(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "you have stored {:.1} GiB of the {:.1} that one person may, and this is {:.1}; delete what you no longer need",
            gib(stored),
            gib(most),
            gib(more as i64)
        ),
    ))
}

/// Whether somebody's jobs may be computed today for so many seconds more, if that is known.
pub async fn check_device_time(lab: &Lab, author: &Author, more: Option<f64>) -> ApiResult<()> {
    let Some(most) = lab.settings.device_time_per_user else { return Ok(()) };
    let (most, had) = (most.as_secs_f64(), lab.store.device_seconds_of(author.0.id).await?);
    let hours = |seconds: f64| seconds / 3600.0;
    let problem = match more {
        _ if had >= most => "wait until fewer are of the last day, or cancel some".to_owned(),
        Some(more) if had + more > most => {
            format!("this one is likely to take {:.1}: ask for less, or later", hours(more))
        }
        _ => return Ok(()),
    };
    Err(ApiError::TooMany {
        problem: format!(
            "your jobs of the last day have had {:.1} hours, or are likely to, of the {:.1} that one person's may have; {problem}",
            hours(had),
            hours(most)
        ),
        retry_seconds: RETRY_SECONDS,
    })
}
