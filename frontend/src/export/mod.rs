//! What leaves the page: tables, drawings and allocations, each with the hash of the configuration
//! that made it.

mod csv;
mod layers;
mod provenance;
mod save;

pub use csv::csv;
pub use layers::{LayerFile, save_layers};
pub use provenance::{description, file_name, measured};
pub use save::{save_blob, save_text};
