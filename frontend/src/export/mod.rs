//! What leaves the page: tables, drawings and allocations, each with the hash of the configuration
//! that made it.

mod csv;
mod layers;
mod provenance;
mod save;

pub use csv::csv;
pub use layers::{allocation_json, layers_csv, layers_json, node_data};
pub use provenance::{description, file_name};
pub use save::{drawing, save_blob, save_png, save_text};
