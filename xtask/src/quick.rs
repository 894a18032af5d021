//! `cargo xtask quick`: what changed, and the checks that it calls for, in a minute or two. What
//! takes longer (the browser, the server, the workers) is left to `cargo xtask test`, and said to
//! be.

use std::collections::BTreeSet;

use crate::checks;
use crate::run::{Failure, Step, Steps, minutes};

/// Part of the repository, and what a change of it calls for.
struct Part {
    /// What paths of files begin with.
    prefix: &'static str,
    native: bool,
    in_browser: bool,
    /// Test binaries.
    tests: &'static [&'static str],
}

const PARTS: [Part; 8] = [
    Part {
        prefix: "shared/types/",
        native: true,
        in_browser: true,
        tests: &["allocation", "command_line"],
    },
    Part { prefix: "shared/protocol/", native: true, in_browser: true, tests: &[] },
    Part {
        prefix: "shared/engine/",
        native: true,
        in_browser: true,
        tests: &["architectures", "calibration", "data", "kernels", "models"],
    },
    Part { prefix: "backend/", native: true, in_browser: false, tests: &["command_line"] },
    Part { prefix: "frontend/", native: false, in_browser: true, tests: &[] },
    Part { prefix: "tests/", native: true, in_browser: false, tests: &[] },
    Part { prefix: "xtask/", native: true, in_browser: false, tests: &[] },
    Part { prefix: "Cargo", native: true, in_browser: true, tests: &[] },
];

/// The test of the repository itself, which concerns every file.
const HOUSE: &str = "house";

/// Does the checks for what changed since `revision`, or else for what is not committed, or else
/// for the last commit.
///
/// # Errors
/// If one of them fails, or Git can't say what changed.
pub fn quick(revision: Option<&str>) -> Result<(), Failure> {
    let changed = changed_files(revision)?;
    let parts: Vec<&Part> = PARTS
        .iter()
        .filter(|part| changed.iter().any(|path| path.starts_with(part.prefix)))
        .collect();
    println!("    {} changed files", changed.len());
    let tests = test_binaries(&changed, &parts);
    let native = parts.iter().any(|part| part.native);
    let in_browser = parts.iter().any(|part| part.in_browser);
    let mut steps = Steps::new(2 + usize::from(native) + usize::from(in_browser));
    steps.step("Formatting", minutes(1), checks::formatting)?;
    if native {
        steps.step("Lints", minutes(8), checks::lints)?;
    }
    if in_browser {
        steps.step("Lints of the page and its workers", minutes(3), checks::lints_in_browser)?;
    }
    let names: Vec<&str> = tests.iter().map(String::as_str).collect();
    println!("    tests: {}", names.join(", "));
    let mut targets: Vec<&str> = names.iter().flat_map(|name| ["--test", name]).collect();
    if native {
        targets.extend(["--lib", "--bins"]);
    }
    steps.step("Tests", minutes(5), || checks::tests(&targets))?;
    steps.finish();
    println!("    left to `cargo xtask test`: the page, the workers and the server as a whole");
    Ok(())
}

/// Paths from the repository's root.
fn changed_files(revision: Option<&str>) -> Result<Vec<String>, Failure> {
    if let Some(revision) = revision {
        return git(&["diff", "--name-only", revision]);
    }
    let mut changed = git(&["diff", "--name-only", "HEAD"])?;
    changed.extend(git(&["ls-files", "--others", "--exclude-standard"])?);
    if changed.is_empty() { git(&["diff", "--name-only", "HEAD~1"]) } else { Ok(changed) }
}

fn git(arguments: &[&str]) -> Result<Vec<String>, Failure> {
    let printed = Step::program("git", arguments).output();
    let printed =
        printed.ok_or_else(|| Failure::new(format!("git {} failed", arguments.join(" "))))?;
    Ok(printed.lines().map(str::to_owned).collect())
}

/// Those of the parts that changed, and those that changed themselves.
fn test_binaries(changed: &[String], parts: &[&Part]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        parts.iter().flat_map(|part| part.tests).map(|&name| name.to_owned()).collect();
    names.insert(HOUSE.to_owned());
    for path in changed {
        let own = path.split_once("tests/tests/").or_else(|| path.split_once("/tests/"));
        let Some((_, file)) = own else { continue };
        let slow = ["page", "compute", "server", "jobs"];
        if let Some(name) =
            file.strip_suffix(".rs").filter(|name| !name.contains('/') && !slow.contains(name))
        {
            names.insert(name.to_owned());
        }
    }
    names
}
