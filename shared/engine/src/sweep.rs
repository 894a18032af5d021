//! Accuracy over rules, sparsities and repairs: resumable, one entry after the other.

use burn::tensor::Device;
use rrlab_types::{
    AllocateError, AllocationError, AllocationRequest, Evidence, ImagesHash, Repair, Rule, SWEEP_VERSION, Sparsity,
    SweepEntry, SweepPlan, SweepReport, allocate,
};

use crate::calibrate::{CalibrationError, CalibrationImages};
use crate::data::{Dataset, Split, draw_indices};
use crate::evaluate::accuracy;
use crate::measured::{Measured, ResumedFrom};
use crate::model::{Model, Normalization};
use crate::network::Network;
use crate::prune::prune;
use crate::repair::{DenseStatistics, repair};
use crate::watch::{Interrupted, Progress, Stopped};

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A combination that can't be allocated.
    #[error("{rule} at sparsity {sparsity}: {source}")]
    Allocate {
        /// The rule.
        rule: Rule,
        /// The sparsity.
        sparsity: Sparsity,
        /// Why.
        source: AllocateError,
    },
    /// An allocation that does not fit the model, whose profile does not say whose it is.
    #[error("the profile is not of this network: {0}")]
    Allocation(#[from] AllocationError),
    /// Calibration images or repair failed.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// A report of something else to go on from.
    #[error("the sweep to go on from {problem}; choose another --out, or delete it")]
    OtherSweep {
        /// What differs.
        problem: String,
    },
    /// It was asked to end, or the device failed.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl From<Stopped> for SweepError {
    fn from(stopped: Stopped) -> Self {
        Self::Interrupted(Interrupted::Stopped(stopped))
    }
}

/// A network with its profile, and the data to sweep on.
pub struct Sweep<'a> {
    /// The dense network and its profile.
    pub measured: Measured<'a>,
    /// Calibration images come from its training split, evaluation images from its test split.
    pub dataset: &'a Dataset,
    /// Normalisation of the images.
    pub normalization: Normalization,
    /// Where to compute.
    pub device: &'a Device,
    /// Its name in the report.
    pub device_name: &'a str,
}

impl Sweep<'_> {
    /// Computes every entry that `previous` does not hold, showing the watcher the report after each one.
    ///
    /// # Errors
    /// See [`SweepError`]; what the watcher saw stays valid.
    pub async fn run(
        &self,
        plan: SweepPlan,
        previous: Option<SweepReport>,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<SweepReport, SweepError> {
        let mut report = match previous {
            Some(previous) => self.continued(plan, previous)?,
            None => self.started(plan, &mut watch).await?,
        };
        let images = self.calibration_images(&report.plan)?;
        let dense = DenseStatistics::measure(self.measured.model(), &images, self.device, &mut watch).await?;
        for sparsity in report.plan.sparsities.clone() {
            for rule in report.plan.rules.clone() {
                for repair in report.plan.repairs.clone() {
                    if report.entry(rule, sparsity, repair).is_none() {
                        let combination = (rule, sparsity, repair);
                        let entry = self.entry(&report.plan, combination, &images, &dense, &mut watch).await?;
                        report.entries.push(entry);
                        watch(Progress::Entry(&report)).await?;
                    }
                }
            }
        }
        Ok(report)
    }

    fn calibration_images(&self, plan: &SweepPlan) -> Result<CalibrationImages<'_>, CalibrationError> {
        CalibrationImages::draw(self.dataset, Split::Train, plan.calibration_images, plan.seed, self.normalization)
    }

    async fn started(
        &self,
        plan: SweepPlan,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<SweepReport, SweepError> {
        let dense_accuracy = self.accuracy(self.measured.model(), &plan, watch).await?;
        let graph = &self.measured.model().graph;
        let (model_hash, profile_hash) = self.measured.hashes();
        Ok(SweepReport {
            version: SWEEP_VERSION,
            architecture: graph.architecture.clone(),
            classes: graph.classes,
            model_hash,
            profile_hash,
            images_hash: Some(self.evaluation_images_hash(&plan)),
            dataset: self.dataset.name.clone(),
            device: self.device_name.into(),
            program: rrlab_types::PROGRAM.into(),
            plan,
            dense_accuracy,
            entries: Vec::new(),
        })
    }

    fn continued(&self, plan: SweepPlan, previous: SweepReport) -> Result<SweepReport, SweepError> {
        let origin = ResumedFrom {
            model_hash: previous.model_hash,
            profile_hash: previous.profile_hash,
            images_hash: previous.images_hash,
            dataset: &previous.dataset,
            device: &previous.device,
            program: &previous.program,
        };
        let images = self.evaluation_images_hash(&plan);
        if let Some(problem) = origin.difference(&self.measured, images, &self.dataset.name, self.device_name) {
            return Err(SweepError::OtherSweep { problem });
        }
        // More rules, sparsities or repairs only add entries; anything else would mix numbers that can't be compared.
        let lists = |plan: &SweepPlan| SweepPlan {
            rules: Vec::new(),
            sparsities: Vec::new(),
            repairs: Vec::new(),
            ..plan.clone()
        };
        if lists(&previous.plan) != lists(&plan) {
            let problem = "has other settings, constraints, image counts or seed".into();
            return Err(SweepError::OtherSweep { problem });
        }
        Ok(SweepReport { plan, ..previous })
    }

    fn evaluation_images(&self, plan: &SweepPlan) -> Vec<usize> {
        draw_indices(&self.dataset.test, plan.evaluation_images, plan.seed)
    }

    fn evaluation_images_hash(&self, plan: &SweepPlan) -> ImagesHash {
        self.dataset.test.hash(&self.evaluation_images(plan))
    }

    async fn accuracy(
        &self,
        model: &Model,
        plan: &SweepPlan,
        watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<f64, SweepError> {
        let network = Network::new(model, self.device);
        let set = &self.dataset.test;
        let images = self.evaluation_images(plan);
        Ok(accuracy(&network, set, &images, &self.normalization, watch).await?)
    }

    async fn entry(
        &self,
        plan: &SweepPlan,
        (rule, sparsity, how): (Rule, Sparsity, Repair),
        images: &CalibrationImages<'_>,
        dense: &DenseStatistics,
        mut watch: impl AsyncFnMut(Progress<'_>) -> Result<(), Stopped>,
    ) -> Result<SweepEntry, SweepError> {
        let request =
            AllocationRequest { rule, sparsity, settings: plan.settings, constraints: plan.constraints.clone() };
        let allocation = allocate(Evidence::Profile(self.measured.profile()), &request)
            .map_err(|source| SweepError::Allocate { rule, sparsity, source })?;
        let (pruned, _) = prune(self.measured.model(), &allocation)?;
        let repaired = repair(self.measured.model(), dense, &pruned, how, images, self.device, &mut watch).await?;
        let accuracy = self.accuracy(&repaired, plan, watch).await?;
        Ok(SweepEntry { rule, sparsity, repair: how, kept: allocation.kept, accuracy })
    }
}
