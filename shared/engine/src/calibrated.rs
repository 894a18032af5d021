//! A dense network with calibration images: what pruning and repair by them start from, and the one
//! place where both are done.

use burn::tensor::Device;
use rrlab_types::{Allocation, AllocationError, Criterion, CriterionError, LayerGraph, Repair};

use crate::calibrate::{CalibrationError, CalibrationImages, InputNorms};
use crate::model::Model;
use crate::prune::{self, Masks};
use crate::repair::{DenseStatistics, prune_in_steps, repair};
use crate::watch::{Progress, Stopped};

/// How many [`Progress::Repaired`] a watcher hears of while a network is measured, pruned and
/// repaired once.
pub fn reports(
    criterion: Criterion,
    repair: Repair,
    graph: &LayerGraph,
    images: &CalibrationImages<'_>,
) -> usize {
    // Each node but the images themselves goes by twice: in the dense network, then in the pruned
    // one.
    let nodes = graph.ids().skip(1).count();
    let of_repair = if repair == Repair::None { 0 } else { nodes };
    let of_norms = if criterion == Criterion::Wanda { images.batch_count(graph) } else { 0 };
    nodes + of_norms + of_repair
}

/// Why a network can't be pruned and repaired.
#[derive(Debug, thiserror::Error)]
pub enum TreatmentError {
    /// An allocation that is of another network.
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    /// A criterion and a repair that do not go together.
    #[error(transparent)]
    Criterion(#[from] CriterionError),
    /// The images, the device or the repair failed.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
}

/// A dense network, calibration images, and what was measured of the one on the other, once for
/// many prunings and repairs.
pub struct Calibrated<'a> {
    model: &'a Model,
    images: CalibrationImages<'a>,
    device: &'a Device,
    statistics: DenseStatistics,
    choice: Choice,
}

/// What chooses the weights that stay, with what it needs to know.
enum Choice {
    Magnitude,
    Wanda(InputNorms),
    InSteps,
}

/// A network pruned and repaired.
pub struct PrunedNetwork {
    /// The dense network's weights under the masks.
    pub pruned: Model,
    /// The same after repair.
    pub repaired: Model,
    /// Which weights stay.
    pub masks: Masks,
}

impl<'a> Calibrated<'a> {
    /// Passes the images through the dense network. `criterion` is the one that networks will be
    /// pruned by.
    ///
    /// # Errors
    /// If the device fails or the watcher ends it.
    pub async fn measure(
        model: &'a Model,
        images: CalibrationImages<'a>,
        device: &'a Device,
        criterion: Criterion,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Self, CalibrationError> {
        let statistics = DenseStatistics::measure(model, &images, device, &mut watch).await?;
        let choice = match criterion {
            Criterion::Magnitude => Choice::Magnitude,
            Criterion::Wanda => {
                Choice::Wanda(InputNorms::measure(model, &images, device, &mut watch).await?)
            }
            Criterion::Obs => Choice::InSteps,
        };
        Ok(Self { model, images, device, statistics, choice })
    }

    /// Images that networks are repaired on.
    pub fn images(&self) -> &CalibrationImages<'a> {
        &self.images
    }

    /// The network pruned as the allocation says, and repaired.
    ///
    /// # Errors
    /// If the allocation is of another network, the criterion does not go with the repair, or the
    /// repair fails.
    pub async fn prune_and_repair(
        &self,
        allocation: &Allocation,
        how: Repair,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<PrunedNetwork, TreatmentError> {
        let Self { model, images, device, statistics, choice } = self;
        let (pruned, masks) = match choice {
            Choice::Magnitude => prune::prune(model, allocation)?,
            Choice::Wanda(norms) => {
                let scores = |layer: &str, weights: &[f32]| norms.scores(layer, weights);
                prune::prune_by(Criterion::Wanda, scores, model, allocation)?
            }
            Choice::InSteps => {
                Criterion::Obs.check(how)?;
                prune::check(model, allocation)?;
                let dense = (*model, statistics);
                let (repaired, masks) =
                    prune_in_steps(allocation, dense, images, device, watch).await?;
                let pruned = prune::masked(model, allocation, Criterion::Obs, &masks);
                return Ok(PrunedNetwork { pruned, repaired, masks });
            }
        };
        let repaired = repair(model, statistics, &pruned, how, images, device, watch).await?;
        Ok(PrunedNetwork { pruned, repaired, masks })
    }
}
