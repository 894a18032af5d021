//! Who follows work while it runs: hears between batches how far it got, may let others run
//! meanwhile, and may end it.
//!
//! A watcher is an `AsyncFnMut(Progress<'_>) -> Result<(), Stopped>`.

use burn::tensor::ExecutionError;
use rrlab_types::{
    EpochReport, FinetuneReport, FinetuneRun, LayerProfile, Rule, StepReport, SweepReport,
};

use crate::model::Model;

/// How far work got.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// This many more images went through the network.
    Images(usize),
    /// One more node of the network was repaired on all images.
    Repaired,
    /// Some more channels of a layer were solved: to be heard of, and ended, within long layers.
    Solving,
    /// This layer is measured.
    Layer(&'a LayerProfile),
    /// One more network of a selection, by an allocation of this rule or on the walk from there, was
    /// pruned, repaired and judged.
    Judged {
        /// The rule.
        rule: Rule,
        /// From the dense network, in nats.
        divergence: f64,
    },
    /// The sweep has one more entry.
    Entry(&'a SweepReport),
    /// A step of training is done.
    Step(&'a StepReport),
    /// An epoch of training is done, and evaluated where that was asked for.
    Epoch(&'a EpochReport),
    /// The last run of fine-tuning was begun, or has one more epoch.
    Run(&'a FinetuneReport),
    /// A run of fine-tuning is done, with this network.
    Tuned(&'a FinetuneRun, &'a Model),
}

/// Work that was asked to end before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped before it was done")]
pub struct Stopped;

/// Why a pass over images ended early.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// It was asked to.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The device was lost, or its memory ran out.
    #[error("the device failed: {0:?}")]
    Device(ExecutionError),
}

impl From<ExecutionError> for Interrupted {
    fn from(error: ExecutionError) -> Self {
        Self::Device(error)
    }
}

/// Watches nothing and never ends work.
pub async fn unwatched(_: Progress<'_>) -> Result<(), Stopped> {
    Ok(())
}
