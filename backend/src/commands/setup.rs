//! What `choose`, `sweep` and `finetune` all do before they compute: check the arguments that they
//! share, then load what these name.

use rrlab_engine::data::{Dataset, Split};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::experiment::Experiment;
use rrlab_engine::measured::Measured;
use rrlab_engine::model::Model;
use rrlab_types::{IdentityError, ModelProfile};

use super::calibrate::profile_or_measured;
use super::context::{Context, available_images, evaluation_images, given_profile};
use crate::cli::{EvaluationArgs, ExperimentArgs};
use crate::interrupt::Interrupt;

/// Number of evaluation images: of those asked for, as many as there are. Says so where there are
/// fewer of them, or of the calibration images. No image is loaded.
pub fn images_of(
    context: &Context,
    experiment: &ExperimentArgs,
    evaluation: &EvaluationArgs,
) -> anyhow::Result<usize> {
    let dataset = context.data.summary(&experiment.dataset)?;
    available_images(&dataset, Split::Train, experiment.images);
    Ok(evaluation_images(&dataset, evaluation.test_images))
}

/// Images, device and profile of an experiment, loaded.
pub struct ExperimentSetup {
    dataset: Dataset,
    device: OpenDevice,
    profile: ModelProfile,
}

impl ExperimentSetup {
    /// Loads the data set, opens the device, and reads the profile or measures it.
    ///
    /// # Errors
    /// If the profile is of another network, the data set has other classes than the network, or
    /// any of them can't be had.
    pub fn load(
        context: &Context,
        args: &ExperimentArgs,
        model: &Model,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let given = given_profile(args.profile.as_deref(), model)?;
        let dataset = context.dataset_for(model, &args.dataset)?;
        model.check_classes(&dataset)?;
        let device = context.device()?;
        let parts = (model, &dataset, &device);
        let profile = profile_or_measured(context, given, parts, args.images, interrupt)?;
        Ok(Self { dataset, device, profile })
    }

    /// The experiment on this network.
    ///
    /// # Errors
    /// If the profile is of another.
    pub fn experiment<'a>(&'a self, model: &'a Model) -> Result<Experiment<'a>, IdentityError> {
        Ok(Experiment {
            measured: Measured::new(model, &self.profile)?,
            dataset: &self.dataset,
            device: &self.device.device,
            device_name: &self.device.name,
        })
    }
}
