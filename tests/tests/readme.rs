//! The README, followed to the letter: every command of its five minutes is run in its order, and
//! prints what stands there.

use std::path::Path;
use std::process::Command;

use rrlab_tests::{repository, rrlab};

/// Training amplifies rounding, which differs from machine to machine: points of per cent that an
/// accuracy may differ by.
const POINTS: f64 = 6.0;
/// The same for other numbers, relative to the number or to 1 where it is smaller.
const TOLERANCE: f64 = 0.03;

/// A command with what the README says it prints, line by line.
#[derive(Debug)]
struct Shown {
    command: Vec<String>,
    prints: Vec<String>,
}

/// Commands in the README's `console` blocks: lines after `$ `, and what stands below each.
fn shown(readme: &str) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            continue;
        }
        if !inside || line.is_empty() {
            continue;
        }
        match (line.strip_prefix("$ "), shown.last_mut()) {
            (Some(command), _) => {
                let command = command.split_whitespace().map(str::to_owned).collect();
                shown.push(Shown { command, prints: Vec::new() });
            }
            (None, Some(last)) => last.prints.push(line.to_owned()),
            (None, None) => panic!("a console block begins with `{line}`"),
        }
    }
    shown
}

/// Runs a command of the README in `folder`; gives what it prints.
fn printed(folder: &Path, command: &[String]) -> String {
    let (file, words) = match command.iter().position(|word| word == ">") {
        Some(at) => (Some(&command[at + 1]), &command[..at]),
        None => (None, command),
    };
    let (program, arguments) = words.split_first().expect("a command has a program");
    assert_eq!(program, "rrlab", "the README runs {command:?}");
    let mut run: Command = rrlab(&folder.join("data"));
    let output = run.args(arguments).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} fails: {said}");
    if let Some(file) = file {
        std::fs::write(folder.join(file), &output.stdout).unwrap();
        return String::new();
    }
    String::from_utf8(output.stdout).unwrap()
}

/// Whether two words are the same, or two numbers as near as they come on different machines.
fn are_alike(expected: &str, found: &str) -> bool {
    let percent = |word: &str| word.strip_suffix('%')?.parse::<f64>().ok();
    if let (Some(expected), Some(found)) = (percent(expected), percent(found)) {
        return (expected - found).abs() <= POINTS;
    }
    match (expected.parse::<f64>(), found.parse::<f64>()) {
        (Ok(expected), Ok(found)) => {
            (expected - found).abs() <= TOLERANCE * expected.abs().max(1.0)
        }
        _ => expected == found,
    }
}

/// Whether a printed line is the README's; a `…` there stands for any rest.
fn is_line(expected: &str, found: &str) -> bool {
    let (expected, has_rest) = match expected.strip_suffix('…') {
        Some(expected) => (expected, true),
        None => (expected, false),
    };
    let (expected, found): (Vec<&str>, Vec<&str>) =
        (expected.split_whitespace().collect(), found.split_whitespace().collect());
    (expected.len() == found.len() || (has_rest && expected.len() <= found.len()))
        && expected.iter().zip(&found).all(|(expected, found)| are_alike(expected, found))
}

#[test]
fn the_five_minutes_are_as_the_readme_says() {
    let root = repository();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bundled = "frontend/gallery/resnet8-shapes10.safetensors";
    std::fs::create_dir_all(folder.path().join(bundled).parent().unwrap()).unwrap();
    std::fs::copy(root.join(bundled), folder.path().join(bundled)).unwrap();
    let commands = shown(&readme);
    assert!(commands.len() >= 8, "the README shows {} commands", commands.len());
    for Shown { command, prints } in commands {
        let printed = printed(folder.path(), &command);
        let mut lines = printed.lines();
        for expected in prints.iter().filter(|line| line.as_str() != "…") {
            let found = lines.any(|line| is_line(expected, line));
            assert!(found, "{} does not print\n{expected}\nbut\n{printed}", command.join(" "));
        }
    }
}

#[test]
fn lines_are_compared_word_by_word() {
    assert!(is_line("conv1  stem  0.5510", "conv1 stem 0.5523"));
    assert!(
        is_line("accuracy 61.3%", "accuracy 63.0%") && !is_line("accuracy 61.3%", "accuracy 81.0%")
    );
    assert!(is_line("7736 of…", "7736 of 77360 weights kept"));
    assert!(!is_line("kept 100 weights", "kept 110 weights") && !is_line("free", "capped"));
}

/// What is set for a container has a name that the program knows.
#[test]
fn variables_of_deployments_are_the_programs() {
    let folder = tempfile::tempdir().unwrap();
    let help = |command: &str| {
        let said = rrlab(folder.path()).args([command, "--help"]).output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    let known = help("serve") + &help("worker");
    let root = repository();
    let mut found = 0;
    for file in ["compose.yaml", "Dockerfile", "deploy/kubernetes.yaml"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
        for name in text.split(|c| !is_part(c)).filter(|word| word.starts_with("RRLAB_")) {
            // The composition's own.
            let own = file == "compose.yaml" && name == "RRLAB_MEMORY";
            assert!(own || known.contains(&format!("[env: {name}")), "{file}: {name}");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}
