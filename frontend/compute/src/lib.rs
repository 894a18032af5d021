//! The engine in a browser's worker: takes a page's requests one after the other and tells what
//! came of them.

mod control;
mod measuring;
mod observing;
mod port;
mod progress_counter;
mod state;
mod training;
mod worker;

use std::future::Future;

use rrlab_engine::device::{DeviceError, OpenDevice};
use rrlab_protocol::ComputeEvent;
use rrlab_types::PROGRAM;
use wasm_bindgen_futures::spawn_local;

pub use port::send_lost;

/// Opens the device, says so, and serves the page from then on.
pub fn start(open: impl Future<Output = Result<OpenDevice, DeviceError>> + 'static) {
    std::panic::set_hook(Box::new(|panic| {
        send_lost(&format!("the computation broke down: {panic}"))
    }));
    spawn_local(async {
        match open.await {
            Ok(device) => {
                let ready =
                    ComputeEvent::Ready { program: PROGRAM.into(), device: device.name.clone() };
                worker::serve(device);
                port::send_event(&ready);
            }
            Err(error) => send_lost(&error.to_string()),
        }
    });
}
