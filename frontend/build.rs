//! Leaves the functions' names out of what a browser fetches: a third of the file, and nothing on
//! the page reads them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-bins=--strip-all");
        // wasm-bindgen reads there what the code may use.
        println!("cargo::rustc-link-arg-bins=--keep-section=target_features");
    }
}
