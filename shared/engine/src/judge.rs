//! The label-free judge: how far a pruned network's outputs are from the dense network's
//! (`docs/method.md`, section 8).

use burn::tensor::{Device, activation};

use crate::calibrate::CalibrationImages;
use crate::model::Model;
use crate::network::Network;
use crate::sums::Rows;
use crate::watch::{Interrupted, Progress, Stopped};

/// Unlabelled images with the dense network's outputs on them.
pub struct Judge<'a> {
    images: CalibrationImages<'a>,
    /// ln p of the dense network, `[images, classes]`.
    dense: Vec<f32>,
}

/// ln p of a network on these images, `[images, classes]`.
async fn log_probabilities(
    model: &Model,
    images: &CalibrationImages<'_>,
    device: &Device,
    mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
) -> Result<Vec<f32>, Interrupted> {
    let network = Network::new(model, device);
    let mut rows = Rows::default();
    for batch in images.batches(model.graph(), device) {
        let count = batch.dims()[0];
        rows.add(activation::log_softmax(network.forward(batch), 1)).await?;
        watch(Progress::Images(count)).await?;
    }
    Ok(rows.finish().await?)
}

/// Σ p·(ln p − ln q) over classes, from ln p and ln q.
fn divergence_of_image(dense: &[f32], pruned: &[f32]) -> f64 {
    let mut sum = 0.0;
    for (&dense, &pruned) in dense.iter().zip(pruned) {
        let (log_p, log_q) = (f64::from(dense), f64::from(pruned));
        sum += log_p.exp() * (log_p - log_q);
    }
    sum
}

impl<'a> Judge<'a> {
    /// Passes the images through the dense network. They should be none of those that networks are
    /// repaired on: on these, every repair looks better than it is.
    ///
    /// # Errors
    /// If the device fails or the watcher ends it.
    pub async fn new(
        dense: &Model,
        images: CalibrationImages<'a>,
        device: &Device,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Self, Interrupted> {
        let dense = log_probabilities(dense, &images, device, watch).await?;
        Ok(Self { images, dense })
    }

    /// How many images it judges by.
    pub fn images(&self) -> usize {
        self.images.len()
    }

    /// KL(dense ‖ model) = Σ p·(ln p − ln q) over classes, the mean over images, in nats: 0 for the
    /// dense network itself.
    ///
    /// ```
    /// use burn::tensor::{Device, read_sync};
    /// use rrlab_engine::architecture::Architecture;
    /// use rrlab_engine::calibrate::CalibrationImages;
    /// use rrlab_engine::data::{Split, shapes10};
    /// use rrlab_engine::judge::Judge;
    /// use rrlab_engine::model::Model;
    /// use rrlab_engine::watch::unwatched;
    ///
    /// let (data, device) = (shapes10(16, 10, 1), Device::flex());
    /// let graph = "resnet8:width=0.25".parse::<Architecture>()?.graph(10)?;
    /// let dense = Model::untrained(graph.clone(), &data, 1);
    /// let images = CalibrationImages::draw(&data, Split::Train, 16, 1, data.normalization)?;
    /// let divergence = |model: &Model| {
    ///     read_sync(async {
    ///         let judge = Judge::new(&dense, images.clone(), &device, unwatched).await?;
    ///         judge.divergence(model, &device, unwatched).await
    ///     })
    /// };
    /// assert!(divergence(&dense)?.abs() < 1e-6);
    /// assert!(divergence(&Model::untrained(graph, &data, 2))? > 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the device fails or the watcher ends it.
    pub async fn divergence(
        &self,
        model: &Model,
        device: &Device,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<f64, Interrupted> {
        let divergences = self.divergences(model, device, watch).await?;
        Ok(divergences.iter().sum::<f64>() / divergences.len() as f64)
    }

    /// KL(dense ‖ model) of each image, in the order of the judge's images.
    ///
    /// # Errors
    /// If the device fails or the watcher ends it.
    pub async fn divergences(
        &self,
        model: &Model,
        device: &Device,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<Vec<f64>, Interrupted> {
        let pruned = log_probabilities(model, &self.images, device, watch).await?;
        let classes = model.graph().classes();
        let of_images = self.dense.chunks(classes).zip(pruned.chunks(classes));
        Ok(of_images.map(|(dense, pruned)| divergence_of_image(dense, pruned)).collect())
    }
}
