//! The house itself: no module needs itself by way of others, and what texts cite is there.

mod citations;
mod modules;

use std::process::Command;

use rrlab_tests::repository;

/// Files of the repository that Git would keep, from its root.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(repository())
        .output()
        .expect("git is installed");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).expect("paths are text");
    // A file that was removed and not committed yet is listed still.
    listed.lines().filter(|path| repository().join(path).is_file()).map(str::to_owned).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}
