//! The worker that computes by WebGPU.

fn main() {
    rrlab_compute::start(rrlab_engine::device::open_webgpu(|reason| {
        rrlab_compute::send_lost(&format!("the GPU was lost: {reason}"));
    }));
}
