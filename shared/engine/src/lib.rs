//! Everything of the Repairability Lab that touches tensors, natively and in the browser.

pub mod architecture;
pub mod checkpoint;
pub mod data;
pub mod evaluate;
pub mod kernels;
pub mod model;
pub mod network;
mod threads;
pub mod train;
