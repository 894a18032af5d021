//! The page of the Repairability Lab: a profile's layer graph coloured by RR, and its budget shared out live.

mod app;
mod colour;
mod graph_view;
mod layout;
mod profile_source;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
