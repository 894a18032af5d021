//! What a worker computes on: by WebGPU or on the CPU, and why.

use wasm_bindgen::prelude::*;

use crate::settings::ComputeOn;

#[wasm_bindgen(module = "/src/run/gpu.js")]
extern "C" {
    #[wasm_bindgen(js_name = adapter)]
    async fn find_adapter() -> JsValue;
}

/// The WebGPU adapter that the browser offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapter {
    /// A graphics card.
    Hardware,
    /// A program that stands for one, and is slower than the CPU worker.
    Software,
    /// The browser offers none, or was not asked.
    Missing,
}

impl Adapter {
    /// Asks the browser for an adapter.
    pub async fn find() -> Self {
        match find_adapter().await.as_string().as_deref() {
            Some("hardware") => Self::Hardware,
            Some("software") => Self::Software,
            _ => Self::Missing,
        }
    }
}

/// Whether to compute by WebGPU, and why. `gpu_problem` is why a worker on the GPU was lost before.
pub fn choose(gpu_problem: Option<&str>, wish: ComputeOn, adapter: Adapter) -> (bool, String) {
    if let Some(problem) = gpu_problem {
        return (false, format!("because {problem}"));
    }
    let (on_gpu, why) = match (wish, adapter) {
        (ComputeOn::Cpu, _) => (false, "as chosen"),
        (ComputeOn::WebGpu, Adapter::Hardware) => (true, "as chosen"),
        (ComputeOn::WebGpu, Adapter::Software) => {
            (true, "as chosen, on a software adapter: slower than the CPU")
        }
        (ComputeOn::WebGpu, Adapter::Missing) => {
            (false, "because this browser offers no WebGPU adapter")
        }
        (ComputeOn::Auto | ComputeOn::Server, Adapter::Hardware) => {
            (true, "since there is a graphics card")
        }
        (ComputeOn::Auto | ComputeOn::Server, Adapter::Software) => {
            (false, "since the only WebGPU adapter is software, slower than that")
        }
        (ComputeOn::Auto | ComputeOn::Server, Adapter::Missing) => {
            (false, "since this browser offers no WebGPU adapter")
        }
    };
    (on_gpu, why.to_owned())
}
