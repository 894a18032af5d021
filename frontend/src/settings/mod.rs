//! Everything that a person can set on the page.

mod allocation;
mod list;
mod options;
mod property;
mod run;
mod seen;
mod sparsity;
mod table;
mod table_order;

pub use allocation::AllocationSettings;
pub use list::List;
pub use options::{ComputeOn, Embed, Pane, Part, Shown, Theme};
pub use property::Property;
pub use run::{ImageSource, NetworkSource, RunSettings};
pub use seen::{Seen, SeenPart};
pub use table::{FEW_RULES, Settings};
pub use table_order::{Column, Sort, aria_sort};
