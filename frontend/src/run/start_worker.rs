//! How a session gets its worker: waiting for its files, choosing the device, and going on after a
//! loss.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::*;
use rrlab_protocol::Input;

use super::device::{self, Adapter};
use super::session::{Session, set_if_other};
use super::worker_link::{WorkerLink, WorkerMessage};
use crate::settings::ComputeOn;
use crate::worker_files::WorkerFiles;

/// How often it is looked whether the workers are built.
const BUILD_CHECK_INTERVAL: Duration = Duration::from_secs(2);

impl Session {
    /// Asks whether the workers' files are there, until they are or never will be.
    pub fn look_for_workers(self) {
        leptos::task::spawn_local(async move {
            // What stands in the way is shown from `worker_files`.
            let _ = self.worker_folder(|| true).await;
        });
    }

    /// Waits for the workers to be built while `wanted`; gives their folder.
    async fn worker_folder(self, wanted: impl Fn() -> bool) -> Result<String, String> {
        loop {
            let files = WorkerFiles::fetch().await?;
            set_if_other(self.worker_files, Some(files.clone()));
            if let Some(problem) = files.obstacle()
                && (!files.is_building() || !wanted())
            {
                return Err(problem);
            }
            if let WorkerFiles::Ready { folder } = files {
                return Ok(folder);
            }
            sleep(BUILD_CHECK_INTERVAL).await;
        }
    }

    /// Starts the worker of this number, as the state machine says.
    pub(super) fn start(self, worker: u64) {
        leptos::task::spawn_local(async move {
            let folder = self.worker_folder(move || self.is_current(worker)).await;
            let wish = self.settings.compute_on.get_untracked();
            let adapter = match wish {
                ComputeOn::Cpu => Adapter::Missing,
                _ => Adapter::find().await,
            };
            // Meanwhile it may have been stopped, or another device chosen.
            if self.is_current(worker) {
                self.open_link(worker, folder, wish, adapter);
            }
        });
    }

    fn open_link(
        self,
        worker: u64,
        folder: Result<String, String>,
        wish: ComputeOn,
        adapter: Adapter,
    ) {
        let gpu_problem = self.inner.with_value(|inner| inner.gpu_problem.clone());
        let (on_gpu, why) = device::choose(gpu_problem.as_deref(), wish, adapter);
        let (device, name) = match on_gpu {
            true => ("by WebGPU", "compute-gpu"),
            false => ("on the CPU", "compute-cpu"),
        };
        self.device.set(format!("Computing {device} {why}"));
        self.inner.update_value(|inner| inner.heard_ms = js_sys::Date::now());
        let receive = move |message: WorkerMessage| {
            if self.is_current(worker) {
                self.receive(message);
            }
        };
        match folder.and_then(|folder| WorkerLink::open(&folder, name, receive)) {
            Ok(link) => self.inner.update_value(|inner| {
                inner.link = Some(link);
                inner.on_gpu = on_gpu;
            }),
            Err(problem) => self.worker_lost(&problem),
        }
    }

    /// The worker is gone. What it computed on the GPU goes on on the CPU; else a person decides.
    pub(super) fn worker_lost(self, problem: &str) {
        let was_on_gpu = self.inner.with_value(|inner| inner.on_gpu);
        let next = if was_on_gpu {
            self.inner.update_value(|inner| {
                inner.gpu_problem = Some(problem.to_owned());
                inner.on_gpu = false;
            });
            "Going on with the CPU."
        } else {
            "What was finished is kept; the rest can be gone on with."
        };
        self.report(format!("{problem}. {next}"));
        self.store_sweep();
        self.handle(Input::WorkerLost { has_other_device: was_on_gpu });
    }
}
