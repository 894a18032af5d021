//! The page of the Repairability Lab. Everything that it shows follows, in the browser, from a
//! profile and the settings.

mod address;
mod after_paint;
mod app;
mod chart;
mod choices;
mod clipboard;
mod colour;
mod controls;
mod export;
mod figure;
mod files;
mod format;
mod gallery;
mod glossary;
mod graph;
mod lab;
mod later;
mod metric;
mod observation;
mod page_update;
mod panes;
mod problem;
mod readout;
mod rule_look;
mod run;
mod server;
mod settings;
mod story;
mod sweep_plan;
mod worker_files;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
