//! A layer of the network as it is, pruned and repaired: what it gives for test images.

use rrlab_engine::data::{Dataset, draw_indices, evaluation_batch};
use rrlab_engine::failure::Failure;
use rrlab_engine::model::Model;
use rrlab_engine::observe::{LayerOutput, layer_output, observed_channels};
use rrlab_engine::watch::Interrupted;
use rrlab_protocol::{ComputeEvent, LayerObservation, ObservedImage, Prediction, Treatment};
use rrlab_types::{LayerGraph, ModelHash, NodeId, ThreeStates};

use crate::control::RequestControl;
use crate::port::send_bytes;
use crate::state::{Pruned, WorkerState};

/// Test images that channels' numbers are over, where a batch holds as many.
const OBSERVED_IMAGES: usize = 64;
/// Images whose maps are shown.
const SHOWN_IMAGES: usize = 12;
/// Bytes of all maps that are shown, but for one image at least.
const MAP_BYTES: usize = 16 << 20;

impl WorkerState {
    /// Shows a layer of the network as it is, pruned, and repaired, on test images drawn with the
    /// treatment's seed.
    pub async fn observe(
        &mut self,
        asked: &ModelHash,
        layer: &str,
        treatment: Treatment,
        control: &RequestControl,
    ) -> Result<(), Failure> {
        let id = node_of(self.model(asked)?.graph(), layer)?;
        // Others are let go first: there is memory for one more network, not for three.
        let before = self.observed.take().filter(|(before, _)| *before == treatment);
        let observed = match before {
            Some(before) => before,
            None => {
                let networks = self.treated(&treatment, control).await?;
                (treatment, networks)
            }
        };
        let shown = self.show(layer, id, &observed, control).await;
        self.observed = Some(observed);
        shown
    }

    async fn show(
        &self,
        layer: &str,
        id: NodeId,
        (treatment, Pruned { pruned, repaired }): &(Treatment, Pruned),
        control: &RequestControl,
    ) -> Result<(), Failure> {
        let (data, (_, dense)) = (self.data()?, self.held()?);
        let batch = evaluation_batch(dense.graph(), data.test.shape());
        let drawn = draw_indices(&data.test, OBSERVED_IMAGES.min(batch), treatment.seed);
        let outputs = ThreeStates {
            dense: self.output(dense, id, data, &drawn, control).await?,
            pruned: self.output(pruned, id, data, &drawn, control).await?,
            repaired: self.output(repaired, id, data, &drawn, control).await?,
        };
        let observation = self.observation(layer, data, &drawn, &outputs)?;
        let weights = [dense, repaired].map(|model| model.tensor(layer, "weight").values());
        let pixels = drawn.iter().map(|&image| data.test.image(image));
        let map = |image, channel| outputs.map(|output| output.map(image, channel));
        let bytes = observation.pack(pixels, map, weights);
        send_bytes(&ComputeEvent::Observation { observation: Box::new(observation) }, &bytes);
        Ok(())
    }

    async fn output(
        &self,
        model: &Model,
        layer: NodeId,
        data: &Dataset,
        drawn: &[usize],
        control: &RequestControl,
    ) -> Result<LayerOutput, Failure> {
        control.yield_now().await?;
        let images = self.test_images(model, data, drawn);
        let output = layer_output(model, layer, images, &self.device.device).await;
        let output = output.map_err(Interrupted::Device)?;
        if output.values.iter().chain(&output.logits).all(|value| value.is_finite()) {
            return Ok(output);
        }
        Err("the layer's values are not finite: choose another repair, or a lower sparsity"
            .to_owned()
            .into())
    }

    fn observation(
        &self,
        layer: &str,
        data: &Dataset,
        drawn: &[usize],
        outputs: &ThreeStates<LayerOutput>,
    ) -> Result<LayerObservation, Failure> {
        let (hash, dense) = self.held()?;
        let [images, channels, rows, columns] = outputs.dense.shape;
        let fit = MAP_BYTES / (3 * channels * rows * columns);
        let shown = SHOWN_IMAGES.min(fit.max(1)).min(images);
        let shape = dense.tensor(layer, "weight").shape();
        let side = |at: usize| shape.get(at).copied().unwrap_or(1);
        let classes = dense.graph().classes();
        let names = class_names(dense, data);
        let image = |image: usize| {
            let class = data.classes[data.test.labels()[drawn[image]] as usize].clone();
            let predictions = outputs.map(|output| {
                let logits = &output.logits[image * classes..][..classes];
                Prediction::likeliest(logits, names, &class)
            });
            ObservedImage { class, predictions }
        };
        Ok(LayerObservation {
            model: *hash,
            layer: layer.to_owned(),
            dataset: data.name.clone(),
            side: data.test.shape().width,
            map: [rows, columns],
            kernel: [side(1), side(2), side(3)],
            images,
            shown: (0..shown).map(image).collect(),
            channels: observed_channels(outputs),
        })
    }
}

/// The prunable layer of this name.
fn node_of(graph: &LayerGraph, layer: &str) -> Result<NodeId, Failure> {
    let layers = graph.prunable_layers();
    let found = layers.iter().find(|found| found.name == layer).map(|found| found.node);
    found.ok_or_else(|| format!("the network here has no layer {layer}").into())
}

/// Names of a network's classes: its own, or those of the data set that it was trained on.
fn class_names<'a>(model: &'a Model, data: &'a Dataset) -> &'a [String] {
    match &model.info.class_names {
        own if !own.is_empty() => own,
        _ if model.info.dataset.as_ref() == Some(&data.name) => &data.classes,
        _ => &[],
    }
}
