//! The page: opens what is asked for, and arranges the views.

mod embed_code;
mod header;
mod lab_view;
mod open_documents;
mod page;
mod run_section;
mod share_links;

pub use page::App;
