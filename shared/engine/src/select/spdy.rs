//! SPDY's search (Frantar and Alistarh, "SPDY: Accurate Pruning with Speedup Guarantees",
//! arXiv:2201.13096), for a budget of weights in place of time: the peer that the walk must not lose
//! to.

use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};
use rrlab_types::{Allocation, LayerState};

use super::{Judging, Searched};
use crate::experiment::ExperimentError;
use crate::watch::{Progress, Stopped};

/// Random starts, if at least as many networks are left after them.
const STARTS: usize = 100;
/// Share of the coefficients that the first changes draw anew.
const CHANGED: f64 = 0.1;
/// Apart from what draws images by the same seed.
const COEFFICIENTS: u64 = 0x5bd1_e995;

impl Judging<'_> {
    /// Draws a coefficient between 0 and 1 for each layer, shares out the budget of `like` by what
    /// these say that pruning costs ([`Allocation::by_quadratic_prior`]), and judges the network;
    /// then changes some coefficients of the best at random, and stays there where that is better.
    /// A tenth of the coefficients change at first and one at last: the published search narrows
    /// when a hundred changes in turn were of no use, and ends when it wants to; this one narrows
    /// as the networks that it may judge are spent.
    pub(super) async fn spdy(
        &self,
        like: &Allocation,
        most: usize,
        seed: u64,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Searched, ExperimentError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ COEFFICIENTS);
        let layers = like.layers.len();
        let is_free = |index: &usize| like.layers[*index].state != LayerState::Forced;
        let free: Vec<usize> = (0..layers).filter(is_free).collect();
        let drawn =
            |rng: &mut ChaCha8Rng| -> Vec<f64> { (0..layers).map(|_| rng.random()).collect() };
        let mut best = drawn(&mut rng);
        let first = self.judge(like.by_quadratic_prior(&best), &mut watch).await?;
        let mut searched = Searched { best: first, networks: 1 };
        let starts = STARTS.min(most / 2);
        while searched.networks < most {
            let coefficients = if searched.networks < starts {
                drawn(&mut rng)
            } else {
                let left = (most - searched.networks) as f64 / (most - starts) as f64;
                let count = (CHANGED * free.len() as f64 * left).ceil() as usize;
                changed(&best, &free, count, &mut rng)
            };
            let other = self.judge(like.by_quadratic_prior(&coefficients), &mut watch).await?;
            if searched.arrive(other) {
                best = coefficients;
            }
        }
        Ok(searched)
    }
}

/// The same coefficients, `count` of those of free layers drawn anew.
fn changed(coefficients: &[f64], free: &[usize], count: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut changed = coefficients.to_vec();
    for index in rand::seq::index::sample(rng, free.len(), count) {
        changed[free[index]] = rng.random();
    }
    changed
}
