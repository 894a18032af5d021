//! Everything of the Repairability Lab that touches tensors, natively and in the browser.

pub mod architecture;
pub mod calibrate;
pub mod checkpoint;
pub mod data;
pub mod device;
pub mod evaluate;
pub mod finetune;
pub mod import;
pub mod kernels;
pub mod measured;
pub mod model;
pub mod network;
pub mod prune;
pub mod repair;
pub mod sweep;
mod threads;
pub mod train;
pub mod watch;
