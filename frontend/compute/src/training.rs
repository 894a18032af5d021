//! Training of the network, with states on the way from which it can go on.

use rrlab_engine::checkpoint;
use rrlab_engine::data::draw_indices;
use rrlab_engine::failure::Failure;
use rrlab_engine::train::{Trainer, TrainingError, TrainingState};
use rrlab_engine::watch::{Interrupted, Progress, Stopped};
use rrlab_protocol::{CheckpointKind, ComputeEvent};
use rrlab_types::ModelHash;

use crate::control::RequestControl;
use crate::port::{send_bytes, send_event};
use crate::progress_counter::ProgressCounter;
use crate::state::WorkerState;

/// Test images on which an epoch's accuracy is measured: enough to see it rise, few enough not to
/// be waited for.
const EPOCH_IMAGES: usize = 500;
/// Shortest time between two states of a training that the page can go on from.
const CHECKPOINT_MILLISECONDS: f64 = 2000.0;

impl WorkerState {
    /// Trains from a state on. A training that is stopped leaves the network as it is then.
    pub async fn train(
        &mut self,
        state: TrainingState,
        control: &RequestControl,
    ) -> Result<(), Failure> {
        let data = self.data()?;
        let plan = state.plan.clone();
        let mut trainer = Trainer::new(state, data, &self.device.device)?;
        let mut saved = js_sys::Date::now();
        let mut test_accuracy = 0.0;
        let drawn = draw_indices(&data.test, EPOCH_IMAGES, plan.seed);
        let before = *self.held()?.0;
        let mut steps = ProgressCounter {
            what: "steps",
            done: trainer.steps_done(),
            total: trainer.total_steps(),
        };
        steps.report();
        let mut failure = None;
        let trained = trainer.run(&drawn, async |trainer, progress| {
            match progress {
                Progress::Step(report) => {
                    send_event(&ComputeEvent::Step { report: *report });
                    steps.add(1);
                }
                Progress::Epoch(report) => {
                    test_accuracy = report.test_accuracy.unwrap_or_default();
                    let (epoch, accuracy, images) = (report.epoch, test_accuracy, drawn.len());
                    send_event(&ComputeEvent::Epoch { epoch, accuracy, images });
                }
                _ => {}
            }
            let stopped = control.yield_now().await;
            if stopped.is_err() || js_sys::Date::now() - saved > CHECKPOINT_MILLISECONDS {
                if let Err(problem) = send_training_state(trainer, before).await {
                    failure = Some(problem);
                    return Err(Stopped);
                }
                saved = js_sys::Date::now();
            }
            stopped
        });
        let trained = trained.await;
        failure.map_or(Ok(()), Err)?;
        let stopped = match trained {
            Ok(_) => false,
            Err(TrainingError::Interrupted(Interrupted::Stopped(_))) => true,
            Err(error) => return Err(error.into()),
        };
        // A training that was stopped leaves the network as it is then: what comes next is done
        // with that one.
        let mut model = trainer.model().await?;
        if stopped {
            let (done, total) = (trainer.steps_done(), trainer.total_steps());
            model.info.history.push(format!(
                "trained on {} for {done} of {total} steps, then stopped",
                data.name
            ));
        } else {
            model.note_training(&plan, data, test_accuracy, drawn.len());
        }
        let kind = if stopped { CheckpointKind::Stopped } else { CheckpointKind::Model };
        send_bytes(
            &ComputeEvent::Checkpoint { model: model.hash(), kind },
            &checkpoint::write(&model)?,
        );
        self.put_model(model, Vec::new());
        if stopped { Err(Failure::Stopped) } else { Ok(()) }
    }
}

/// Hands over the state of a training that began with this network.
async fn send_training_state(trainer: &Trainer<'_>, before: ModelHash) -> Result<(), Failure> {
    let state = trainer.state().await?.to_bytes()?;
    send_bytes(&ComputeEvent::Checkpoint { model: before, kind: CheckpointKind::Training }, &state);
    Ok(())
}
