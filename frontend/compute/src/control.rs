//! Pause and stop: asked for from outside while work is under way, heard between two batches.

use std::cell::Cell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use rrlab_engine::watch::Stopped;

/// How often paused work looks whether it may go on: often enough not to be noticed.
const PAUSE_MILLISECONDS: u32 = 50;

/// What the page wants of the work under way.
#[derive(Debug, Default)]
pub struct Control {
    paused: Cell<bool>,
    /// How often the page gave up everything before.
    stops: Cell<u64>,
}

/// What a request looks at between two batches: it is given up if it came before the latest stop.
#[derive(Debug, Clone)]
pub struct RequestControl {
    control: Rc<Control>,
    /// How many stops there were when the request came.
    stops_before: u64,
}

impl Control {
    /// Has the work rest, or go on.
    pub fn set_paused(&self, paused: bool) {
        self.paused.set(paused);
    }

    /// Gives up the request under way and those that wait.
    pub fn stop(&self) {
        self.stops.set(self.stops.get() + 1);
        self.paused.set(false);
    }

    /// For a request that comes now.
    pub fn for_request(self: &Rc<Self>) -> RequestControl {
        RequestControl { control: self.clone(), stops_before: self.stops.get() }
    }
}

impl RequestControl {
    /// Lets the browser deliver messages, and rests while paused.
    ///
    /// # Errors
    /// If the work is to be given up.
    pub async fn yield_now(&self) -> Result<(), Stopped> {
        TimeoutFuture::new(0).await;
        while self.control.paused.get() && self.stops_before == self.control.stops.get() {
            TimeoutFuture::new(PAUSE_MILLISECONDS).await;
        }
        if self.stops_before == self.control.stops.get() { Ok(()) } else { Err(Stopped) }
    }
}
