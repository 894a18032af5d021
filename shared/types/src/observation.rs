//! What a layer gives for some images, in a dense network, in what was pruned from it, and in what
//! was repaired: to be looked at.

use serde::{Deserialize, Serialize};

/// Which of three networks: the dense one, or what was made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum NetworkState {
    /// As it was trained.
    Dense,
    /// After pruning, before repair.
    Pruned,
    /// After repair.
    Repaired,
}

/// The same of a dense network, of what was pruned from it, and of that after repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ThreeStates<T> {
    /// Of the dense network.
    pub dense: T,
    /// After pruning, before repair.
    pub pruned: T,
    /// After repair.
    pub repaired: T,
}

impl<T> ThreeStates<T> {
    /// What becomes of each of the three.
    pub fn map<'a, U>(&'a self, mut f: impl FnMut(&'a T) -> U) -> ThreeStates<U> {
        let Self { dense, pruned, repaired } = self;
        ThreeStates { dense: f(dense), pruned: f(pruned), repaired: f(repaired) }
    }

    /// Each with its state, in the order of [`NetworkState`].
    pub fn each(self) -> [(NetworkState, T); 3] {
        let Self { dense, pruned, repaired } = self;
        [
            (NetworkState::Dense, dense),
            (NetworkState::Pruned, pruned),
            (NetworkState::Repaired, repaired),
        ]
    }

    /// That of one of the three.
    pub fn of(&self, state: NetworkState) -> &T {
        match state {
            NetworkState::Dense => &self.dense,
            NetworkState::Pruned => &self.pruned,
            NetworkState::Repaired => &self.repaired,
        }
    }
}

/// How one channel's values are spread over images and positions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueSpread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Fraction of the values in each of as many equal parts of the channel's range, from
    /// [`ObservedChannel::low`] to [`ObservedChannel::high`].
    pub histogram: Vec<f64>,
}

/// One channel of a layer's output over several images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedChannel {
    /// Least value in any of the three networks.
    pub low: f64,
    /// Largest value in any of the three networks.
    pub high: f64,
    /// How the values are spread in each network.
    pub spread: ThreeStates<ValueSpread>,
    /// Σ(y − ŷ)² over Σ(y − ȳ)², y being the dense network's values and ŷ the pruned one's: how far
    /// off the channel is, in parts of its dense variance. Layers before it are pruned too, so that
    /// this is no raw distortion, which is of one layer alone. `None` for a channel that is constant
    /// in the dense network.
    pub pruned_error: Option<f64>,
    /// The same of the repaired network.
    pub repaired_error: Option<f64>,
}

impl ObservedChannel {
    /// Parts that a histogram divides the range into.
    pub const BINS: usize = 24;
}
