//! How far a request is, counted for the page.

use rrlab_protocol::ComputeEvent;

use crate::port::send_event;

/// How many of `total` units of `what` (images, steps, layers) are done.
pub struct ProgressCounter {
    pub what: &'static str,
    pub done: usize,
    pub total: usize,
}

impl ProgressCounter {
    /// Nothing is done yet; the page is told.
    pub fn new(what: &'static str, total: usize) -> Self {
        let counter = Self { what, done: 0, total };
        counter.report();
        counter
    }

    /// So many more are done.
    pub fn add(&mut self, count: usize) {
        self.done += count;
        self.report();
    }

    /// Tells the page how far it is.
    pub fn report(&self) {
        send_event(&ComputeEvent::Progress {
            what: self.what.into(),
            done: self.done,
            total: self.total,
        });
    }
}
