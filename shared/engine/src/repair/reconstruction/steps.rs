//! Pruning in steps: a layer's masks and weights chosen together (`docs/method.md`, section 4).

use rrlab_types::magnitude_order;

use super::layer::{ChannelTask, LayerMoments, SolvedChannel};
use crate::calibrate::CalibrationError;
use crate::watch::{Progress, Stopped};

/// Weights that the first step solves, in parts of those that are kept at the end.
const BEGINNING: usize = 4;
/// Steps in which the others go, each leaving the same fraction.
const STEPS: u32 = 6;

/// Weights of a layer that are solved in each step, the last being those that stay.
fn counts(weights: usize, kept: usize) -> Vec<usize> {
    let beginning = (BEGINNING * kept).min(weights);
    let fraction = kept as f64 / beginning as f64;
    let mut counts = vec![beginning];
    for step in 1..STEPS {
        let part = fraction.powf(f64::from(step) / f64::from(STEPS));
        counts.push((beginning as f64 * part).round() as usize);
    }
    counts.push(kept);
    counts.dedup();
    counts
}

/// Solves and removes in turn until `kept` of the layer's weights stay: of equal losses the lower
/// index stays.
///
/// # Errors
/// As [`LayerMoments::solve`].
pub async fn prune_in_steps(
    layer: &LayerMoments,
    weights: &[f32],
    kept: usize,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Vec<SolvedChannel>, CalibrationError> {
    let counts = counts(weights.len(), kept);
    let mut tasks: Vec<ChannelTask> =
        (0..layer.channels()).map(|channel| ChannelTask { channel, kept: Vec::new() }).collect();
    let mut beginning = magnitude_order(weights);
    beginning.truncate(counts[0]);
    beginning.sort_unstable();
    for index in beginning {
        tasks[index / layer.patch()].kept.push(index % layer.patch());
    }
    let mut channels = layer.solve(tasks, counts.len() > 1, &mut watch).await?;
    for (step, &count) in counts.iter().enumerate().skip(1) {
        let tasks = remove_least(&channels, count);
        let changed: Vec<usize> = tasks.iter().map(|task| task.channel).collect();
        let is_last = step + 1 == counts.len();
        let solved = layer.solve(tasks, !is_last, &mut watch).await?;
        for (channel, solved) in changed.into_iter().zip(solved) {
            channels[channel] = solved;
        }
    }
    Ok(channels)
}

/// The channels that lose weights, with those that stay, where `count` of all channels' weights
/// stay.
fn remove_least(channels: &[SolvedChannel], count: usize) -> Vec<ChannelTask> {
    let mut losses: Vec<(f64, usize, usize)> = Vec::new();
    for (channel, solved) in channels.iter().enumerate() {
        losses.extend(solved.losses.iter().enumerate().map(|(at, loss)| (*loss, channel, at)));
    }
    let removed = losses.len().saturating_sub(count);
    if removed == 0 {
        return Vec::new();
    }
    // Falling places among equal losses: the later ones go first.
    losses.select_nth_unstable_by(removed - 1, |one, other| {
        one.0.total_cmp(&other.0).then((other.1, other.2).cmp(&(one.1, one.2)))
    });
    let mut goes: Vec<Vec<usize>> = vec![Vec::new(); channels.len()];
    for &(_, channel, at) in &losses[..removed] {
        goes[channel].push(at);
    }
    let mut tasks = Vec::new();
    for (channel, (solved, goes)) in channels.iter().zip(&mut goes).enumerate() {
        if goes.is_empty() {
            continue;
        }
        goes.sort_unstable();
        let stays = |&(at, _): &(usize, &usize)| goes.binary_search(&at).is_err();
        let kept = solved.kept.iter().enumerate().filter(stays).map(|(_, &entry)| entry);
        tasks.push(ChannelTask { channel, kept: kept.collect() });
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_at_the_asked_count_whatever_the_layer() {
        for (weights, kept) in [(1, 1), (100, 1), (100, 25), (100, 60), (100, 100), (9216, 461)] {
            let counts = counts(weights, kept);
            assert_eq!(counts.last(), Some(&kept));
            assert_eq!(counts[0], (4 * kept).min(weights));
            assert!(counts.is_sorted_by(|before, after| before > after), "{counts:?}");
        }
        assert_eq!(counts(100, 100), [100], "nothing to remove");
    }
}
