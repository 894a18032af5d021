//! What a worker holds and has found, as the page shows it.

use std::collections::BTreeMap;

use js_sys::ArrayBuffer;
use rrlab_protocol::{LayerObservation, Predictions, Treatment};
use rrlab_types::{LayerGraph, LayerProfile, ModelHash};

/// Images that the worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedImages {
    /// Name of the data set.
    pub name: String,
    pub classes: usize,
    /// Number of training images.
    pub train: usize,
    /// Number of test images.
    pub test: usize,
}

/// The network that the worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedNetwork {
    /// Names it in requests, and tells whether a result is of it.
    pub hash: ModelHash,
    pub graph: LayerGraph,
    /// How it came to be, a line for each step.
    pub history: Vec<String>,
}

impl LoadedNetwork {
    /// Architecture and the beginning of the hash, for people.
    pub fn title(&self) -> String {
        format!("{}, network {}", self.graph.architecture(), self.hash.short())
    }

    /// Architecture and the beginning of the hash, for names of files.
    pub fn file_name(&self) -> String {
        let architecture = self.graph.architecture().replace([':', '='], "-");
        format!("{architecture}-{}", self.hash.short())
    }
}

/// Layers as they are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationProgress {
    /// The network that is measured.
    pub graph: LayerGraph,
    /// Layers measured so far, by name.
    pub layers: BTreeMap<String, LayerProfile>,
}

/// How far the present request is.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestProgress {
    /// What is done, for people.
    pub title: &'static str,
    /// What is counted: images, steps, layers.
    pub what: String,
    /// Units done.
    pub done: usize,
    /// Units in all; 0 while unknown.
    pub total: usize,
    /// Units that were done when counting began.
    counted_from: usize,
    /// When counting began, in milliseconds since 1970.
    counted_since: f64,
}

impl RequestProgress {
    /// A request that was sent now.
    pub fn new(title: &'static str) -> Self {
        let counted_since = js_sys::Date::now();
        Self { title, what: String::new(), done: 0, total: 0, counted_from: 0, counted_since }
    }

    /// Takes in how far it is; another unit is counted anew.
    pub fn advance(&mut self, what: String, done: usize, total: usize) {
        if self.what != what || self.total != total {
            self.counted_from = done;
            self.counted_since = js_sys::Date::now();
        }
        (self.what, self.done, self.total) = (what, done, total);
    }

    /// Counts from now: time that was rested is no measure of speed.
    pub fn restart_clock(&mut self) {
        self.counted_from = self.done;
        self.counted_since = js_sys::Date::now();
    }

    /// Fraction that is done, 0 to 1; `None` while the total is unknown.
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0).then(|| self.done as f64 / self.total as f64)
    }

    /// Seconds until it is done, at the speed so far; `None` before the first unit.
    pub fn seconds_left(&self) -> Option<f64> {
        let done = self.done.checked_sub(self.counted_from).filter(|done| *done > 0)?;
        let left = self.total.checked_sub(self.done)?;
        let seconds = (js_sys::Date::now() - self.counted_since) / 1000.0;
        Some(seconds / done as f64 * left as f64)
    }
}

/// A training as a chart shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingProgress {
    /// Epochs passed (with the fraction of the present one) and loss of each step.
    pub losses: Vec<(f64, f64)>,
    /// Epoch and accuracy on test images.
    pub accuracies: Vec<(f64, f64)>,
    /// On how many test images accuracy is measured.
    pub test_images: usize,
}

/// Test images with what networks make of them.
#[derive(Debug, Clone)]
pub struct ClassifiedImages {
    /// Labels of the images and logits of the networks.
    pub predictions: Predictions,
    /// Three planes of each image, a byte for each pixel.
    pub pixels: ArrayBuffer,
}

/// A layer that was looked at.
#[derive(Debug, Clone)]
pub struct ObservedLayer {
    /// What was done to its network.
    pub treatment: Treatment,
    /// What it gives, and where each picture lies.
    pub observation: LayerObservation,
    /// The pictures.
    pub bytes: ArrayBuffer,
}
