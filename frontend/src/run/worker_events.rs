//! What a worker says, taken into the signals that views follow.

use std::collections::BTreeMap;
use std::time::Duration;

use js_sys::ArrayBuffer;
use leptos::prelude::*;
use rrlab_protocol::{
    CheckpointKind, ComputeEvent, ComputeRequest, Input, LayerObservation, Predictions,
    RequestOutcome, RequestWithFiles,
};
use rrlab_types::{LayerProfile, ModelHash, ModelProfile, PROGRAM, StepReport, SweepReport};

use super::attachment::Attachment;
use super::browser_store::{ResultKind, StoredResult};
use super::results::{
    CalibrationProgress, ClassifiedImages, LoadedImages, LoadedNetwork, ObservedLayer,
    TrainingProgress,
};
use super::session::Session;
use super::worker_link::WorkerMessage;
use crate::page_update::PageUpdate;

impl Session {
    /// Takes in what the present worker says.
    pub(super) fn receive(self, message: WorkerMessage) {
        self.inner.update_value(|inner| inner.heard_ms = js_sys::Date::now());
        if self.is_about_another_network(&message.event) {
            return;
        }
        match message.event {
            ComputeEvent::Ready { program, device } => self.worker_ready(&program, &device),
            ComputeEvent::Data { name, classes, train, test } => {
                self.images_loaded(LoadedImages { name, classes: classes.len(), train, test });
            }
            ComputeEvent::Model { hash, graph, history } => {
                self.network_loaded(LoadedNetwork { hash, graph: *graph, history });
            }
            ComputeEvent::Progress { what, done, total } => self.progress.update(|progress| {
                if let Some(progress) = progress {
                    progress.advance(what, done, total);
                }
            }),
            ComputeEvent::Step { report } => self.step_done(report),
            ComputeEvent::Epoch { epoch, accuracy, images } => self.training.update(|training| {
                training.accuracies.push((epoch as f64, accuracy));
                training.test_images = images;
            }),
            ComputeEvent::Layer { layer, .. } => self.layer_measured(*layer),
            ComputeEvent::Profile { profile } => self.profile_measured(profile),
            ComputeEvent::Channels { channels } => {
                // Behind the profile, which is shown in a task of its own.
                let show = move || self.show.run(PageUpdate::Channels(channels));
                set_timeout(show, Duration::ZERO);
            }
            ComputeEvent::Sweep { report } => self.sweep_progress(report),
            ComputeEvent::Predictions { predictions } => {
                self.images_classified(predictions, message.bytes);
            }
            ComputeEvent::Observation { observation } => {
                self.layer_observed(*observation, message.bytes);
            }
            ComputeEvent::Checkpoint { model, kind } => {
                if let Some(bytes) = message.bytes {
                    self.checkpoint_written(&model, kind, &bytes);
                }
            }
            ComputeEvent::Done => self.request_ended(RequestOutcome::Done),
            ComputeEvent::Stopped => self.request_ended(RequestOutcome::Stopped),
            ComputeEvent::Failed { problem } => {
                self.request_ended(RequestOutcome::Failed);
                self.report(problem);
            }
            ComputeEvent::Lost { problem } => self.worker_lost(&problem),
        }
    }

    /// Whether this is a result of a network that is not here any more. Checkpoints are judged by
    /// their kind.
    fn is_about_another_network(self, event: &ComputeEvent) -> bool {
        match event {
            ComputeEvent::Layer { model, .. } => !self.is_about(Some(model)),
            ComputeEvent::Profile { profile } => !self.is_about(profile.model_hash.as_ref()),
            ComputeEvent::Channels { channels } => !self.is_about(Some(&channels.model_hash)),
            ComputeEvent::Sweep { report } => !self.is_about(report.origin.model_hash.as_ref()),
            ComputeEvent::Predictions { predictions } => !self.is_about(Some(&predictions.model)),
            ComputeEvent::Observation { observation } => !self.is_about(Some(&observation.model)),
            _ => false,
        }
    }

    fn worker_ready(self, program: &str, device: &str) {
        if program != PROGRAM {
            self.handle(Input::GiveUp);
            let remedy = "load the page again";
            self.report(format!("the page is {PROGRAM}, but its worker is {program}: {remedy}"));
            return;
        }
        if device != "cpu" {
            self.device.update(|words| *words = format!("{words} – {device}"));
        }
        self.handle(Input::WorkerReady);
    }

    /// What was computed of another network, or on other images, is not shown beside this one.
    fn clear_results(self) {
        self.evaluated.set(Vec::new());
        self.pruned.set(None);
        self.classified.set(None);
        self.observation.set(None);
    }

    fn images_loaded(self, images: LoadedImages) {
        if !self.inner.with_value(|inner| inner.machine.is_bringing_again()) {
            self.clear_results();
        }
        self.images.set(Some(images));
        self.handle(Input::ImagesLoaded);
    }

    fn network_loaded(self, network: LoadedNetwork) {
        if !self.is_about(Some(&network.hash)) {
            self.clear_results();
            if !self.is_training() {
                self.training.set(TrainingProgress::default());
            }
        }
        self.handle(Input::NetworkLoaded(network.hash));
        self.network.set(Some(network));
    }

    /// Whether the request under way is a training.
    fn is_training(self) -> bool {
        self.inner.with_value(|inner| {
            let request = inner.machine.current();
            matches!(request, Some(ComputeRequest::Train { .. } | ComputeRequest::Continue))
        })
    }

    fn step_done(self, report: StepReport) {
        let passed = (report.step + 1) as f64 / report.steps_per_epoch as f64;
        let point = (report.epoch as f64 + passed, f64::from(report.loss));
        self.training.update(|training| training.losses.push(point));
    }

    fn layer_measured(self, layer: LayerProfile) {
        let network = self.network.get_untracked();
        self.calibration.update(|calibration| {
            if calibration.is_none() {
                *calibration = network.map(|network| CalibrationProgress {
                    graph: network.graph,
                    layers: BTreeMap::new(),
                });
            }
            if let Some(calibration) = calibration {
                calibration.layers.insert(layer.name.clone(), layer);
            }
        });
    }

    fn profile_measured(self, profile: Box<ModelProfile>) {
        let hash = profile.hash();
        self.evaluated.update(|evaluated| {
            evaluated.retain(|report| report.origin.profile_hash == Some(hash));
        });
        self.handle(Input::ProfileMeasured(profile.clone()));
        // Drawing it and writing it for the store take some milliseconds each: a task of its own
        // for each.
        let store = {
            let profile = profile.clone();
            move || {
                let architecture = profile.graph.architecture();
                let name = format!("{architecture} on {}", profile.measurement.dataset);
                self.store_json(ResultKind::Profile, &name, &*profile);
            }
        };
        let show = move || {
            self.calibration.set(None);
            self.show.run(PageUpdate::Profile(profile));
            set_timeout(store, Duration::ZERO);
        };
        set_timeout(show, Duration::ZERO);
    }

    fn sweep_progress(self, report: Box<SweepReport>) {
        self.handle(Input::SweepProgress(report.clone()));
        if report.plan.rules.len() * report.plan.sparsities.len() == 1 {
            self.evaluated.update(|evaluated| report.put_into(evaluated));
        }
        self.show.run(PageUpdate::Sweep(report));
    }

    fn images_classified(self, predictions: Predictions, pixels: Option<ArrayBuffer>) {
        if let Some(pixels) = pixels {
            self.classified.set(Some(ClassifiedImages { predictions, pixels }));
        }
    }

    fn layer_observed(self, observation: LayerObservation, bytes: Option<ArrayBuffer>) {
        let asked = self.inner.with_value(|inner| inner.machine.current().cloned());
        if let (Some(bytes), Some(ComputeRequest::Observe { treatment, .. })) = (bytes, asked) {
            let treatment = *treatment;
            self.observation.set(Some(ObservedLayer { treatment, observation, bytes }));
        }
    }

    fn checkpoint_written(self, model: &ModelHash, kind: CheckpointKind, bytes: &ArrayBuffer) {
        let name = self.inner.with_value(|inner| inner.pruned_name.clone());
        let Some(attachment) = Attachment::of_buffer(&name, bytes) else { return };
        let is_about = self.is_about(Some(model));
        match kind {
            CheckpointKind::Training if is_about => {
                self.handle(Input::TrainingState(attachment.clone()));
                self.store(StoredResult::new(ResultKind::Training, &self.name(), attachment.data));
            }
            CheckpointKind::Pruned if is_about => {
                // What was classified shows what was pruned before.
                self.classified.set(None);
                self.pruned.set(Some(attachment));
            }
            // Of a network that is not here any more.
            CheckpointKind::Training | CheckpointKind::Pruned => {}
            CheckpointKind::Model => {
                self.network_trained(attachment.clone());
                let name = self.name();
                let unfinished =
                    StoredResult::new(ResultKind::Training, &name, attachment.data.clone());
                self.store(StoredResult::new(ResultKind::Model, &name, attachment.data));
                self.delete_stored(unfinished.key());
            }
            CheckpointKind::Stopped => self.network_trained(attachment),
        }
    }

    /// A training left this network, which another worker can be given.
    fn network_trained(self, checkpoint: Attachment) {
        let name = "the trained network".to_owned();
        let request = ComputeRequest::Open { name, architecture: None };
        let attachments = vec![checkpoint];
        self.handle(Input::NetworkSaved(RequestWithFiles { request, attachments }));
        self.trainings.update(|trainings| *trainings += 1);
    }

    /// The present request was answered.
    fn request_ended(self, outcome: RequestOutcome) {
        self.store_sweep();
        self.note_sweep();
        self.clear_progress();
        self.handle(Input::RequestEnded(outcome));
    }
}
