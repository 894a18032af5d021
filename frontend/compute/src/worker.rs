//! Takes the page's requests one after the other, and carries each out.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Cursor;
use std::rc::Rc;

use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint::NetworkHint;
use rrlab_engine::data::{Dataset, ImageSize, ImportBudget, Importer, is_archive, shapes10};
use rrlab_engine::device::OpenDevice;
use rrlab_engine::failure::Failure;
use rrlab_engine::import::{self, Hint, Preprocessing};
use rrlab_engine::model::Model;
use rrlab_engine::train::TrainingState;
use rrlab_protocol::{ComputeEvent, ComputeRequest};
use wasm_bindgen_futures::spawn_local;

use crate::control::{Control, RequestControl};
use crate::port::{Attachment, ReceivedRequest, listen, send_event};
use crate::progress_counter::ProgressCounter;
use crate::state::WorkerState;

/// Bytes of all images of a data set at most: a worker has 4 GiB for everything.
const MOST_IMAGE_BYTES: u64 = 1 << 30;

/// Requests that wait, and the state while nothing is carried out.
struct Server {
    waiting: RefCell<VecDeque<(ReceivedRequest, RequestControl)>>,
    state: RefCell<Option<WorkerState>>,
}

/// Serves the page's requests from now on.
pub fn serve(device: OpenDevice) {
    let control = Rc::new(Control::default());
    let server = Rc::new(Server {
        waiting: RefCell::default(),
        state: RefCell::new(Some(WorkerState::new(device))),
    });
    listen(move |received| match received.request {
        ComputeRequest::Pause => control.set_paused(true),
        ComputeRequest::Resume => control.set_paused(false),
        ComputeRequest::Stop => control.stop(),
        _ => {
            server.waiting.borrow_mut().push_back((received, control.for_request()));
            let state = server.state.borrow_mut().take();
            // Where it is gone, the waiting requests are being carried out already.
            if let Some(state) = state {
                spawn_local(carry_out_waiting(server.clone(), state));
            }
        }
    });
}

/// Carries out what waits, one after the other, and puts the state back.
async fn carry_out_waiting(server: Rc<Server>, mut state: WorkerState) {
    loop {
        let next = server.waiting.borrow_mut().pop_front();
        let Some((received, control)) = next else { break };
        send_event(&outcome(state.carry_out(received, &control).await));
    }
    server.state.replace(Some(state));
}

/// What the page is told at the end of a request.
fn outcome(result: Result<(), Failure>) -> ComputeEvent {
    match result {
        Ok(()) => ComputeEvent::Done,
        Err(Failure::Stopped) => ComputeEvent::Stopped,
        Err(Failure::Lost(problem)) => ComputeEvent::Lost { problem },
        Err(Failure::Problem(problem)) => ComputeEvent::Failed { problem },
    }
}

impl WorkerState {
    async fn carry_out(
        &mut self,
        received: ReceivedRequest,
        control: &RequestControl,
    ) -> Result<(), Failure> {
        control.yield_now().await?;
        let ReceivedRequest { request, parts } = received;
        match request {
            ComputeRequest::Shapes { train, test, seed } => {
                self.put_data(shapes10(train, test, seed))
            }
            ComputeRequest::Files { name, size, resize } => {
                let size = ImageSize::new(size, resize)?;
                let data = read_files(&name, size, &parts, control).await?;
                self.put_data(data);
            }
            ComputeRequest::Start { architecture, seed } => {
                let data = self.data()?;
                let graph = architecture.parse::<Architecture>()?.graph(data.classes.len())?;
                let model = Model::untrained(graph, data, seed);
                self.put_model(model, Vec::new());
            }
            ComputeRequest::Open { name, architecture } => {
                let architecture = architecture.map(|name| name.parse()).transpose()?;
                let network = NetworkHint { architecture, classes: None };
                let preprocessing = match parts.get(1) {
                    Some(part) => preprocessing(part).await?,
                    None => Preprocessing::default(),
                };
                let hint = Hint { network, preprocessing };
                let bytes = one_part(&parts)?.bytes().await?;
                let imported =
                    import::read(&bytes, hint).map_err(|error| format!("{name}: {error}"))?;
                self.put_model(imported.model, imported.notes);
            }
            ComputeRequest::Train { model, plan } => {
                let model = self.model(&model)?.clone();
                self.train(TrainingState::start(model, plan), control).await?;
            }
            ComputeRequest::Continue => {
                let state = TrainingState::from_bytes(&one_part(&parts)?.bytes().await?)?;
                self.put_model(state.model.clone(), Vec::new());
                self.train(state, control).await?;
            }
            ComputeRequest::Calibrate { model, images, seed } => {
                self.calibrate(&model, images, seed, control).await?
            }
            ComputeRequest::Sweep { model, plan, previous } => {
                self.sweep(&model, *plan, previous.map(|report| *report), control).await?
            }
            ComputeRequest::Prune(treatment) => self.prune(&treatment, control).await?,
            ComputeRequest::Observe { model, layer, treatment } => {
                self.observe(&model, &layer, *treatment, control).await?
            }
            ComputeRequest::Predict { model, images, seed } => {
                self.predict(&model, images, seed).await?
            }
            ComputeRequest::Profile { profile } => self.put_profile(*profile)?,
            ComputeRequest::Pause | ComputeRequest::Resume | ComputeRequest::Stop => {}
        }
        Ok(())
    }
}

fn one_part(parts: &[Attachment]) -> Result<&Attachment, Failure> {
    parts.first().ok_or_else(|| "the file did not come along; choose it again".to_owned().into())
}

/// What a file says that a network expects of images.
async fn preprocessing(part: &Attachment) -> Result<Preprocessing, Failure> {
    let bytes = part.bytes().await?;
    let said = String::from_utf8_lossy(&bytes).parse::<Preprocessing>();
    Ok(said.map_err(|error| format!("{}: {error}", part.name))?)
}

/// The data set of these files and archives.
async fn read_files(
    name: &str,
    size: ImageSize,
    parts: &[Attachment],
    control: &RequestControl,
) -> Result<Dataset, Failure> {
    let budget = ImportBudget { kept_bytes: MOST_IMAGE_BYTES, ..ImportBudget::OWN };
    let mut importer = Importer::new(size, Cursor::default(), budget);
    let mut counter = ProgressCounter::new("files", parts.len());
    for part in parts {
        let bytes = part.bytes().await?;
        if is_archive(&part.name) {
            importer.add_archive(&part.name, &bytes, |_| {})?;
        } else {
            importer.add(&part.name, &bytes)?;
        }
        counter.add(1);
        control.yield_now().await?;
    }
    Ok(importer.finish(name)?.into_dataset())
}
