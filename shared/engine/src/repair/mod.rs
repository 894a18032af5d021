//! Whole-network repair: from input to output, each pruned layer's output is brought back towards
//! the dense network's, and what does it is put into the network.

mod channelwise;
mod fold;
mod pass;
mod reconstruction;

use burn::tensor::{Device, Tensor};
use rrlab_types::{Allocation, Criterion, Op, Repair, RepairOperator};

use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::model::Model;
use crate::network::Network;
use crate::prune::{self, Masks};
use crate::watch::{Progress, Stopped};
use channelwise::repair_by;
pub use pass::DenseStatistics;
use pass::{Pass, outputs_of, statistics};
pub use reconstruction::memory;
use reconstruction::{Choice, reconstruct};

/// The pruned model repaired on these images. `dense` is the network that it was pruned from,
/// `statistics` are its own. Weights that are 0 are taken for removed: reconstruction leaves them.
/// A layer that has nothing that its repair could be folded into is given a bias.
///
/// ```
/// use burn::tensor::{Device, read_sync};
/// use rrlab_engine::architecture::Architecture;
/// use rrlab_engine::calibrate::CalibrationImages;
/// use rrlab_engine::data::{Split, shapes10};
/// use rrlab_engine::model::Model;
/// use rrlab_engine::repair::{DenseStatistics, repair};
/// use rrlab_engine::watch::unwatched;
/// use rrlab_types::{Repair, RepairOperator};
///
/// let (data, device) = (shapes10(16, 10, 1), Device::flex());
/// let graph = "resnet8:width=0.25".parse::<Architecture>()?.graph(10)?;
/// let dense = Model::untrained(graph, &data, 1);
/// let mut pruned = dense.clone();
/// let weights = pruned.tensor("layer1.0.conv1", "weight").values().len();
/// pruned.apply_mask("layer1.0.conv1", &vec![false; weights]);
///
/// let images = CalibrationImages::draw(&data, Split::Train, 16, 1, data.normalization)?;
/// let how = Repair::Operator(RepairOperator::VarianceMatching);
/// let repaired = read_sync(async {
///     let statistics = DenseStatistics::measure(&dense, &images, &device, unwatched).await?;
///     repair(&dense, &statistics, &pruned, how, &images, &device, unwatched).await
/// })?;
/// // The map was folded into the batch norm after the layer; the weights stay as they were.
/// let norm = "layer1.0.bn1";
/// assert_ne!(repaired.tensor(norm, "bias"), pruned.tensor(norm, "bias"));
/// assert_eq!(repaired.nonzero_weights("layer1.0.conv1"), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the device fails, the repair is not finite, or the watcher ends it.
pub async fn repair(
    dense: &Model,
    statistics: &DenseStatistics,
    pruned: &Model,
    repair: Repair,
    images: &CalibrationImages<'_>,
    device: &Device,
    watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Model, CalibrationError> {
    let operator = match repair {
        Repair::None => return Ok(pruned.clone()),
        Repair::BnRecalibration => {
            let mut repaired = recalibrate(pruned, images, device, watch).await?;
            note_repair(&mut repaired, repair, images);
            return Ok(repaired);
        }
        Repair::Operator(operator) => operator,
    };
    let pruned = pruned.clone().with_room_for_repair();
    let mut repaired = match operator.channelwise() {
        Some(operator) => {
            repair_by(operator, dense, statistics, &pruned, images, device, watch).await?
        }
        None => {
            let dense = (dense, statistics);
            reconstruct(Choice::Nonzero, &pruned, dense, images, device, watch).await?.0
        }
    };
    note_repair(&mut repaired, repair, images);
    Ok(repaired)
}

/// The network pruned in steps: masks and weights of each layer chosen together, from input to
/// output, at the counts of an allocation that was checked against it. `dense` is the network with
/// its own statistics.
///
/// # Errors
/// As [`repair`].
pub(crate) async fn prune_in_steps(
    allocation: &Allocation,
    (dense, statistics): (&Model, &DenseStatistics),
    images: &CalibrationImages<'_>,
    device: &Device,
    watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<(Model, Masks), CalibrationError> {
    let choice = Choice::InSteps(allocation);
    let both = (dense, statistics);
    let roomy = dense.clone().with_room_for_repair();
    let (mut model, masks) = reconstruct(choice, &roomy, both, images, device, watch).await?;
    prune::note_pruning(&mut model, dense.hash(), allocation, Criterion::Obs);
    note_repair(&mut model, Repair::Operator(RepairOperator::Reconstruction), images);
    Ok((model, masks))
}

/// Writes into a model how it was repaired.
fn note_repair(model: &mut Model, repair: Repair, images: &CalibrationImages<'_>) {
    model.info.history.push(format!("repaired by {repair} on {} images", images.len()));
}

/// Batch norms' running statistics measured anew on what the pruned, so far recalibrated network
/// gives them.
async fn recalibrate(
    pruned: &Model,
    images: &CalibrationImages<'_>,
    device: &Device,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Model, CalibrationError> {
    let mut model = pruned.clone();
    let mut network = Network::new(pruned, device);
    let graph = pruned.graph().clone();
    let mut pass = Pass::new(&graph, images, device);
    for id in graph.ids().skip(1) {
        if let Op::BatchNorm { .. } = graph.node(id).op {
            let inputs = pass.take_inputs(&graph, id);
            let firsts: Vec<Tensor<4>> = inputs.iter().map(|inputs| inputs[0].clone()).collect();
            let statistics = statistics(&firsts).await?;
            let (means, variances) = statistics.iter().map(|&(m, v)| (m as f32, v as f32)).unzip();
            let name = &graph.node(id).name;
            model.set_values(name, "running_mean", means)?;
            model.set_values(name, "running_var", variances)?;
            network.refresh(&model, id);
            drop(firsts);
            pass.store(id, outputs_of(&network, id, inputs));
        } else {
            pass.advance(&network, id);
        }
        watch(Progress::Repaired).await?;
    }
    Ok(model)
}
