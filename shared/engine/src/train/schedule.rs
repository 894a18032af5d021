//! How the learning rate changes over training.

use serde::{Deserialize, Serialize};

/// Share of training in which a one-cycle schedule rises.
const RISE: f64 = 0.25;
/// Where a one-cycle schedule starts, as a factor of its peak.
const START: f64 = 0.1;

/// Factor on the highest learning rate as training progresses from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Rises linearly for a quarter, then falls to 0 along a cosine (Smith & Topin 2019).
    OneCycle,
    /// Falls to 0 along a cosine (Loshchilov & Hutter 2017).
    Cosine,
}

impl Schedule {
    /// The factor at `progress` of all steps.
    pub fn factor(self, progress: f64) -> f64 {
        let cosine = |share: f64| 0.5 * (1.0 + (std::f64::consts::PI * share.clamp(0.0, 1.0)).cos());
        match self {
            Self::Cosine => cosine(progress),
            Self::OneCycle if progress < RISE => START + (1.0 - START) * progress / RISE,
            Self::OneCycle => cosine((progress - RISE) / (1.0 - RISE)),
        }
    }
}
