//! Everything of the Repairability Lab that touches tensors, natively and in the browser.
//!
//! `examples/whole_way.rs` goes the whole way of a network: train, calibrate, allocate, prune,
//! repair, evaluate. Work is `async`, because a browser's GPU can be read in no other way;
//! elsewhere `burn::tensor::read_sync` waits for it.

pub mod architecture;
pub mod calibrate;
pub mod calibrated;
mod chain;
pub mod checkpoint;
pub mod data;
pub mod device;
pub mod evaluate;
pub mod experiment;
pub mod failure;
pub mod finetune;
pub mod import;
pub mod judge;
pub mod kernels;
pub mod measured;
pub mod memory;
pub mod model;
pub mod network;
pub mod observe;
pub mod prune;
pub mod repair;
mod ridge;
pub mod select;
pub mod sharing;
mod sums;
pub mod sweep;
pub mod tensors;
mod threads;
pub mod train;
pub mod transfer;
pub mod watch;
