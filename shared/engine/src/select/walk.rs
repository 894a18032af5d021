//! The walk downhill from a rule's allocation.

use rrlab_types::LayerState;

use super::{Judged, Judging, Searched};
use crate::experiment::ExperimentError;
use crate::watch::{Progress, Stopped};

/// By which factor, as a logarithm, the first round widens a layer's density.
const FIRST_STEP: f64 = 0.5;
/// Below this a step changes less than the choice of images does.
const LAST_STEP: f64 = 0.05;

impl Judging<'_> {
    /// Walks downhill in the logarithms of densities, judging at most so many networks: a round
    /// widens each layer in turn while the others pay in proportion, then goes along what all of
    /// them gained together, twice as far each time, while that helps. A round that finds nothing
    /// better is followed by one of half the step.
    pub(super) async fn walk(
        &self,
        start: Judged,
        most: usize,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Searched, ExperimentError> {
        let mut walk = Searched { best: start, networks: 0 };
        let mut step = FIRST_STEP;
        while walk.networks < most && step > LAST_STEP {
            let here = walk.best.clone();
            let layers = &here.allocation.layers;
            let mut gains = vec![0.0; layers.len()];
            for (index, layer) in layers.iter().enumerate() {
                let can_grow = matches!(layer.state, LayerState::Free | LayerState::Floor);
                if !can_grow || walk.networks == most {
                    continue;
                }
                let mut factors = vec![1.0; layers.len()];
                factors[index] = step.exp();
                let wider = self.judge(here.allocation.scaled(&factors), &mut watch).await?;
                gains[index] = here.deciding() - wider.deciding();
                walk.arrive(wider);
            }
            let largest = gains.iter().fold(0.0f64, |largest, gain| largest.max(gain.abs()));
            let mut reach = step;
            while largest > 0.0 && walk.networks < most {
                let factors: Vec<f64> =
                    gains.iter().map(|gain| (reach * gain / largest).exp()).collect();
                let along = self.judge(here.allocation.scaled(&factors), &mut watch).await?;
                if !walk.arrive(along) {
                    break;
                }
                reach *= 2.0;
            }
            if walk.best.allocation == here.allocation {
                step /= 2.0;
            }
        }
        Ok(walk)
    }
}
