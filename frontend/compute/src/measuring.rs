//! Profiles, sweeps, pruning with repair, and classification of the network.

use burn::tensor::Tensor;
use rrlab_engine::calibrate::{CalibrationImages, Method, calibrate_channels};
use rrlab_engine::calibrated::{Calibrated, PrunedNetwork, reports};
use rrlab_engine::checkpoint;
use rrlab_engine::data::{Dataset, Sample, Split, draw_indices, images_to_device};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::experiment::Experiment;
use rrlab_engine::failure::Failure;
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_engine::network::Network;
use rrlab_engine::transfer::download;
use rrlab_engine::watch::{Interrupted, Progress};
use rrlab_protocol::{CheckpointKind, ComputeEvent, Predictions, Treatment};
use rrlab_types::{ModelHash, SweepPlan, SweepReport};

use crate::control::RequestControl;
use crate::port::{send_bytes, send_event};
use crate::progress_counter::ProgressCounter;
use crate::state::{Pruned, WorkerState};

impl WorkerState {
    /// Measures a profile of the network on images drawn from the training images.
    pub async fn calibrate(
        &mut self,
        asked: &ModelHash,
        images: usize,
        seed: u64,
        control: &RequestControl,
    ) -> Result<(), Failure> {
        let (data, model) = (self.data()?, self.model(asked)?);
        let images = CalibrationImages::draw(
            data,
            Split::Train,
            images,
            seed,
            model.normalization_of(data),
        )?;
        let mut counter = ProgressCounter::new("images", images.len());
        let layers = model.graph().prunable_layers().len();
        let watch = async |progress: Progress<'_>| {
            match progress {
                Progress::Images(count) => counter.add(count),
                Progress::Layer(layer) => {
                    if counter.what != "layers" {
                        counter = ProgressCounter::new("layers", layers);
                    }
                    send_event(&ComputeEvent::Layer {
                        model: *asked,
                        layer: Box::new(layer.clone()),
                    });
                    counter.add(1);
                }
                _ => {}
            }
            control.yield_now().await
        };
        let OpenDevice { device, name, .. } = &self.device;
        let method = Method::SecondMoments;
        let (profile, channels) =
            calibrate_channels(model, device, name, &images, method, watch).await?;
        send_event(&ComputeEvent::Profile { profile: Box::new(profile.clone()) });
        send_event(&ComputeEvent::Channels { channels: Box::new(channels) });
        self.profile = Some(profile);
        Ok(())
    }

    /// Prunes, repairs and evaluates by a plan; goes on with a report of the same.
    pub async fn sweep(
        &self,
        asked: &ModelHash,
        plan: SweepPlan,
        previous: Option<SweepReport>,
        control: &RequestControl,
    ) -> Result<(), Failure> {
        let (data, model) = (self.data()?, self.model(asked)?);
        model.check_classes(data)?;
        let profile =
            self.profile.as_ref().ok_or_else(|| "measure the network first".to_owned())?;
        let experiment = Experiment {
            measured: Measured::new(model, profile)?,
            dataset: data,
            calibration: None,
            device: &self.device.device,
            device_name: &self.device.name,
        };
        let mut counter = ProgressCounter::new("networks", plan.asked());
        let watch = async |progress: Progress<'_>| {
            if let Progress::Entry(report) = progress {
                send_event(&ComputeEvent::Sweep { report: Box::new(report.clone()) });
                counter.done = report.entries.len();
                counter.report();
            }
            control.yield_now().await
        };
        let report = experiment.sweep(plan, previous, watch).await?;
        send_event(&ComputeEvent::Sweep { report: Box::new(report) });
        Ok(())
    }

    /// Prunes and repairs, and hands over the network.
    pub async fn prune(
        &mut self,
        treatment: &Treatment,
        control: &RequestControl,
    ) -> Result<(), Failure> {
        let treated = self.treated(treatment, control).await?;
        let (model, kind) = (*self.held()?.0, CheckpointKind::Pruned);
        let bytes = checkpoint::write(&treated.repaired)?;
        send_bytes(&ComputeEvent::Checkpoint { model, kind }, &bytes);
        self.pruned = Some(treated);
        Ok(())
    }

    /// The network pruned and repaired.
    pub async fn treated(
        &self,
        treatment: &Treatment,
        control: &RequestControl,
    ) -> Result<Pruned, Failure> {
        let Treatment { allocation, criterion, repair, images, seed } = treatment;
        let (data, (_, model)) = (self.data()?, self.held()?);
        let device = &self.device.device;
        let normalization = model.normalization_of(data);
        let images = CalibrationImages::draw(data, Split::Train, *images, *seed, normalization)?;
        let total = reports(*criterion, *repair, model.graph(), &images);
        let mut counter = ProgressCounter::new("nodes", total);
        let mut watch = async |progress: Progress<'_>| {
            if let Progress::Repaired = progress {
                counter.add(1);
            }
            control.yield_now().await
        };
        let calibrated = Calibrated::measure(model, images, device, *criterion, &mut watch).await?;
        let PrunedNetwork { pruned, repaired, .. } =
            calibrated.prune_and_repair(allocation, *repair, &mut watch).await?;
        Ok(Pruned { pruned, repaired })
    }

    /// Classifies test images by the network, and by what was pruned from it last.
    pub async fn predict(&self, asked: &ModelHash, count: usize, seed: u64) -> Result<(), Failure> {
        let (data, model) = (self.data()?, self.model(asked)?);
        model.check_classes(data)?;
        let drawn = draw_indices(&data.test, count, seed);
        let dense = self.logits(model, data, &drawn).await?;
        let (mut pruned, mut repaired) = (None, None);
        if let Some(models) = &self.pruned {
            pruned = Some(self.logits(&models.pruned, data, &drawn).await?);
            repaired = Some(self.logits(&models.repaired, data, &drawn).await?);
        }
        let labels = drawn.iter().map(|&image| data.test.labels()[image]).collect();
        let predictions = Predictions {
            model: *asked,
            classes: data.classes.clone(),
            labels,
            dense,
            pruned,
            repaired,
        };
        let pixels: Vec<u8> =
            drawn.iter().flat_map(|&image| data.test.image(image)).copied().collect();
        send_bytes(&ComputeEvent::Predictions { predictions }, &pixels);
        Ok(())
    }

    async fn logits(
        &self,
        model: &Model,
        data: &Dataset,
        drawn: &[usize],
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let network = Network::new(model, &self.device.device);
        let logits = download(network.forward(self.test_images(model, data, drawn)))
            .await
            .map_err(Interrupted::Device)?;
        Ok(logits.chunks(model.graph().classes()).map(<[f32]>::to_vec).collect())
    }

    /// These test images on the device, as the network expects them.
    pub fn test_images(&self, model: &Model, data: &Dataset, drawn: &[usize]) -> Tensor<4> {
        let samples = Sample::unvaried(drawn);
        let normalization = model.normalization_of(data);
        images_to_device(&data.test, &samples, &normalization, &self.device.device)
    }
}
