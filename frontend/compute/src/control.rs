//! Pause and stop: asked for from outside while work is under way, heard between two batches.

use std::cell::Cell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use rrlab_engine::watch::Stopped;

/// How often paused work looks whether it may go on.
const PAUSE_MILLISECONDS: u32 = 50;

/// What was asked of the work under way.
#[derive(Debug, Default)]
pub struct Control {
    paused: Cell<bool>,
    /// How often everything before was given up.
    stops: Cell<u64>,
}

/// A request's place among the stops: what came before the latest one is given up.
#[derive(Debug, Clone)]
pub struct Permit {
    control: Rc<Control>,
    since: u64,
}

impl Control {
    /// Rests, or goes on.
    pub fn set_paused(&self, paused: bool) {
        self.paused.set(paused);
    }

    /// Gives up all that has been asked for.
    pub fn stop(&self) {
        self.stops.set(self.stops.get() + 1);
        self.paused.set(false);
    }

    /// For a request that is asked for now.
    pub fn permit(self: &Rc<Self>) -> Permit {
        Permit { control: self.clone(), since: self.stops.get() }
    }
}

impl Permit {
    /// Lets the browser deliver messages, and rests while paused.
    ///
    /// # Errors
    /// If the work is to be given up.
    pub async fn breathe(&self) -> Result<(), Stopped> {
        TimeoutFuture::new(0).await;
        while self.control.paused.get() && self.since == self.control.stops.get() {
            TimeoutFuture::new(PAUSE_MILLISECONDS).await;
        }
        if self.since == self.control.stops.get() { Ok(()) } else { Err(Stopped) }
    }
}
