//! What a program counts, for Prometheus.

use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;

/// How often what was recorded is summed up.
const UPKEEP: Duration = Duration::from_secs(30);
/// Age after which a gauge that was not set again is of something that is gone.
const STALE: Duration = Duration::from_secs(30);

/// Counts from now on.
///
/// # Errors
/// If that was begun already.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::GAUGE, Some(STALE))
        .set_buckets(&[0.005, 0.02, 0.1, 0.5, 2.0, 10.0])
        .context("buckets of a histogram")?
        .install_recorder()
        .context("metrics are counted already")?;
    let upkeep = handle.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
