//! What `choose`, `sweep` and `finetune` all do before they compute: check the arguments that they
//! share, then load what these name.

use rrlab_engine::calibrate::{CalibrationPool, Method};
use rrlab_engine::data::{Dataset, Split};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::experiment::Experiment;
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_types::{IdentityError, ModelProfile};

use super::calibrate::measured;
use super::context::{Context, available_images, calibration_images, evaluation_images};
use crate::cli::{EvaluationArgs, ExperimentArgs};
use crate::interrupt::Interrupt;

/// Number of evaluation images: of those asked for, as many as there are. Says so where there are
/// fewer of them, or of the calibration images, which are of a data set of their own where one is
/// named. No image is loaded.
pub fn images_of(
    context: &Context,
    experiment: &ExperimentArgs,
    calibration: Option<&str>,
    evaluation: &EvaluationArgs,
) -> anyhow::Result<usize> {
    let dataset = context.data.summary(&experiment.dataset)?;
    let unlabelled = calibration.unwrap_or(&experiment.dataset);
    available_images(&context.data.summary(unlabelled)?, Split::Train, experiment.images);
    Ok(evaluation_images(&dataset, evaluation.test_images))
}

/// Images and device of an experiment, loaded.
pub struct ExperimentSetup<'a> {
    context: &'a Context,
    model: &'a Model,
    dataset: Dataset,
    /// Where calibration images are of another.
    calibration: Option<Dataset>,
    device: OpenDevice,
}

impl<'a> ExperimentSetup<'a> {
    /// Loads the data set and opens the device.
    ///
    /// # Errors
    /// If the data set has other classes than the network, or one of them can't be had.
    pub fn load(
        context: &'a Context,
        args: &ExperimentArgs,
        model: &'a Model,
    ) -> anyhow::Result<Self> {
        let dataset = context.dataset_for(model, &args.dataset)?;
        model.check_classes(&dataset)?;
        Ok(Self { context, model, dataset, calibration: None, device: context.device()? })
    }

    /// The same with calibration images of this data set, where one is named.
    ///
    /// # Errors
    /// If it can't be had.
    pub fn calibrated_on(mut self, name: Option<&str>) -> anyhow::Result<Self> {
        if let Some(name) = name.filter(|name| *name != self.dataset.name) {
            self.calibration = Some(self.context.dataset_for(self.model, name)?);
        }
        Ok(self)
    }

    /// Data set of the calibration images.
    fn unlabelled(&self) -> &Dataset {
        self.calibration.as_ref().unwrap_or(&self.dataset)
    }

    /// Calibration images that there are, of one class alone where it is named.
    ///
    /// # Errors
    /// If the data set has no such class.
    pub fn available_images(&self, class: Option<&str>) -> anyhow::Result<usize> {
        Ok(CalibrationPool::all(self.unlabelled(), Split::Train).of_class(class)?.available())
    }

    /// The profile that was given, or one measured now on so many training images, of one class alone
    /// where it is named.
    ///
    /// # Errors
    /// If it can't be measured, or a person ended that.
    pub fn profile(
        &self,
        given: Option<ModelProfile>,
        images: usize,
        class: Option<&str>,
        seed: u64,
        interrupt: &Interrupt,
    ) -> anyhow::Result<ModelProfile> {
        if let Some(profile) = given {
            return Ok(profile);
        }
        let Self { context, model, device, .. } = self;
        let dataset = self.unlabelled();
        let images = calibration_images(model, (dataset, Split::Train), class, images, seed)?;
        let method = Method::SecondMoments;
        Ok(measured(context, model, &images, device, method, interrupt)?.0)
    }

    /// The experiment on this network.
    ///
    /// # Errors
    /// If the profile is of another.
    pub fn experiment(
        &'a self,
        profile: &'a ModelProfile,
    ) -> Result<Experiment<'a>, IdentityError> {
        Ok(Experiment {
            measured: Measured::new(self.model, profile)?,
            dataset: &self.dataset,
            calibration: self.calibration.as_ref(),
            device: &self.device.device,
            device_name: &self.device.name,
        })
    }
}
