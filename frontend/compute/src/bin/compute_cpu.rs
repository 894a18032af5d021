//! The worker that computes on the CPU.

use rrlab_engine::device::DeviceChoice;

fn main() {
    rrlab_compute::start(DeviceChoice::Cpu.open());
}
