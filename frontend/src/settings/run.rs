//! What is set in the panel that runs networks: from which images and which network, and how many.

use leptos::prelude::*;
use rrlab_types::TrainingPlan;

use super::property::Property;
use crate::choices::choices;

choices! {
    /// Where images come from.
    ImageSource {
        Shapes = "shapes10", "shapes10, made here";
        Files = "files", "your own files";
    }
}

choices! {
    /// Where the network comes from.
    NetworkSource {
        Bundled = "bundled", "ResNet-8, trained on shapes10";
        ResNet8 = "resnet8", "new ResNet-8";
        ResNet20 = "resnet20", "new ResNet-20";
        File = "file", "your own checkpoint";
        Exhibit = "exhibit", "that of the open exhibit";
        Held = "held", "the one trained or opened here";
    }
}

/// What networks are run with; a link sets it for whoever opens it.
#[derive(Debug, Clone, Copy)]
pub struct RunSettings {
    pub images: RwSignal<ImageSource>,
    pub network: RwSignal<NetworkSource>,
    /// Training images of shapes10.
    pub shapes: RwSignal<usize>,
    pub epochs: RwSignal<usize>,
    pub learning_rate: RwSignal<f64>,
    /// Images without labels that networks are measured and repaired by.
    pub calibration: RwSignal<usize>,
    /// Test images on which accuracy is measured.
    pub evaluation: RwSignal<usize>,
    /// Of the last rung of the ladder of repairs; 0 leaves that rung out.
    pub distil_epochs: RwSignal<usize>,
    /// Of images, weights and draws.
    pub seed: RwSignal<u64>,
}

const SHAPES: usize = 2000;
const EPOCHS: usize = 8;
const CALIBRATION: usize = 256;
const EVALUATION: usize = 500;
const DISTIL_EPOCHS: usize = 10;

impl RunSettings {
    /// Every setting at its default.
    pub(super) fn new() -> Self {
        Self {
            images: RwSignal::new(ImageSource::Shapes),
            network: RwSignal::new(NetworkSource::Bundled),
            shapes: RwSignal::new(SHAPES),
            epochs: RwSignal::new(EPOCHS),
            learning_rate: RwSignal::new(TrainingPlan::default().learning_rate),
            calibration: RwSignal::new(CALIBRATION),
            evaluation: RwSignal::new(EVALUATION),
            distil_epochs: RwSignal::new(DISTIL_EPOCHS),
            seed: RwSignal::new(0),
        }
    }

    /// Adds its rows to the table of settings. Files of a person's own, and the network that they hold,
    /// are nobody else's: the address does not name them.
    pub(super) fn properties(self, table: &mut Vec<Property>) {
        let is_own_network =
            move || matches!(self.network.get(), NetworkSource::File | NetworkSource::Held);
        let has_own_images = move || self.images.get() == ImageSource::Files;
        let rate = TrainingPlan::default().learning_rate;
        let rows = [
            Property::new("run.images".into(), self.images, ImageSource::Shapes)
                .unless(has_own_images),
            Property::new("run.network".into(), self.network, NetworkSource::Bundled)
                .unless(is_own_network),
            Property::new("run.shapes".into(), self.shapes, SHAPES),
            Property::new("run.epochs".into(), self.epochs, EPOCHS),
            Property::new("run.rate".into(), self.learning_rate, rate),
            Property::new("run.calibration".into(), self.calibration, CALIBRATION),
            Property::new("run.test_images".into(), self.evaluation, EVALUATION),
            Property::new("run.distil".into(), self.distil_epochs, DISTIL_EPOCHS),
            Property::new("run.seed".into(), self.seed, 0),
        ];
        // No step of a story undoes what a person set.
        table.extend(rows.map(|row| row.lasting().unseen()));
    }
}
