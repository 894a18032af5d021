//! What a worker holds: its device, images, a network with its profile, and what was pruned from
//! it.

use rrlab_engine::data::Dataset;
use rrlab_engine::device::OpenDevice;
use rrlab_engine::failure::Failure;
use rrlab_engine::model::Model;
use rrlab_protocol::{ComputeEvent, Treatment};
use rrlab_types::{ModelHash, ModelProfile};

use crate::port::send_event;

/// What the worker holds: its device, and what requests so far have left.
pub struct WorkerState {
    pub device: OpenDevice,
    pub data: Option<Dataset>,
    /// The network with its hash.
    pub model: Option<(ModelHash, Model)>,
    /// The network's profile on the images.
    pub profile: Option<ModelProfile>,
    /// What was pruned from the network last.
    pub pruned: Option<Pruned>,
    /// What was pruned from it to look at its layers, and how.
    pub observed: Option<(Treatment, Pruned)>,
}

/// A pruned network before and after its repair.
pub struct Pruned {
    pub pruned: Model,
    pub repaired: Model,
}

impl WorkerState {
    /// Nothing but the device.
    pub fn new(device: OpenDevice) -> Self {
        Self { device, data: None, model: None, profile: None, pruned: None, observed: None }
    }

    /// The images, if there are some.
    pub fn data(&self) -> Result<&Dataset, Failure> {
        self.data
            .as_ref()
            .ok_or_else(|| "there are no images yet: choose some first".to_owned().into())
    }

    /// The network of this hash.
    pub fn model(&self, asked: &ModelHash) -> Result<&Model, Failure> {
        let (held, model) = self.held()?;
        if held == asked {
            return Ok(model);
        }
        Err(format!(
            "network {} was asked about, but {} is here: choose it again",
            asked.short(),
            held.short()
        )
        .into())
    }

    /// The network, whichever it is.
    pub fn held(&self) -> Result<(&ModelHash, &Model), Failure> {
        let held = self.model.as_ref().map(|(hash, model)| (hash, model));
        held.ok_or_else(|| "there is no network yet: choose one first".to_owned().into())
    }

    /// Takes up a profile of the network.
    pub fn put_profile(&mut self, profile: ModelProfile) -> Result<(), Failure> {
        let (hash, _) = self.held()?;
        // The page sends back only what was measured here, which names its network.
        let _ = profile.check_model(hash)?;
        self.profile = Some(profile);
        Ok(())
    }

    /// Holds these images from now on, and tells the page.
    pub fn put_data(&mut self, data: Dataset) {
        send_event(&ComputeEvent::Data {
            name: data.name.clone(),
            classes: data.classes.clone(),
            train: data.train.len(),
            test: data.test.len(),
        });
        self.data = Some(data);
        (self.profile, self.pruned, self.observed) = (None, None, None);
    }

    /// Holds this network from now on, and tells the page, with what was noticed when its file was
    /// read, and of the images that are there.
    pub fn put_model(&mut self, model: Model, notes: Vec<String>) {
        let hash = model.hash();
        let graph = Box::new(model.graph().clone());
        let on_images = self.data.as_ref().and_then(|data| model.note_on_images(data));
        let history = model.info.history.iter().cloned().chain(notes).chain(on_images).collect();
        send_event(&ComputeEvent::Model { hash, graph, history });
        self.model = Some((hash, model));
        (self.profile, self.pruned, self.observed) = (None, None, None);
    }
}
