//! Files, sections and links that texts and comments name.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, read};

/// Endings of files that are cited; other names, such as `profile.json`, are a reader's own.
const CITED: [&str; 8] = ["rs", "md", "py", "toml", "css", "js", "html", "yml"];
/// Files of other projects that are named as sources.
const NOT_OURS: [&str; 5] = [
    "Lib/pickletools.py",
    "datasets.py",
    "torch/_utils.py",
    "torch/serialization.py",
    "trainer.py",
];

/// Words of a text that look like paths of files, with the line on which each stands.
fn cited_paths(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let in_path = |symbol: char| symbol.is_ascii_alphanumeric() || "._-/".contains(symbol);
        for word in line.split(|symbol: char| !in_path(symbol)) {
            let word =
                word.trim_end_matches('.').trim_start_matches("./").trim_start_matches("../");
            let Some((stem, ending)) = word.rsplit_once('.') else { continue };
            let is_name = stem.len() > 1
                && stem.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '.');
            if is_name && CITED.contains(&ending) {
                found.push((number + 1, word.to_owned()));
            }
        }
    }
    found
}

/// What documents, and comments of code, say: everything for a text, comments alone for code.
fn prose(path: &str, text: &str) -> Option<String> {
    let comment = match path.rsplit_once('.')?.1 {
        "md" => return Some(text.to_owned()),
        "rs" => "//",
        "toml" | "py" | "yml" => "#",
        _ => return None,
    };
    let comments =
        text.lines().map(|line| if line.trim_start().starts_with(comment) { line } else { "" });
    Some(comments.collect::<Vec<_>>().join("\n"))
}

/// Texts of the project itself: not those that came with code of others.
fn own_texts() -> Vec<(String, String)> {
    let own = |path: &String| !path.contains("vendor/");
    files()
        .into_iter()
        .filter(own)
        .filter_map(|path| Some((path.clone(), prose(&path, &read_if_text(&path)?)?)))
        .collect()
}

fn read_if_text(path: &str) -> Option<String> {
    let ending = path.rsplit_once('.')?.1;
    ["md", "rs", "toml", "py", "yml"].contains(&ending).then(|| read(path))
}

#[test]
fn every_file_that_is_cited_is_there() {
    let files = files();
    let exists = |cited: &str| {
        files.iter().any(|file| file == cited || file.ends_with(&format!("/{cited}")))
    };
    let mut missing = Vec::new();
    for (path, text) in own_texts() {
        for (line, cited) in cited_paths(&text) {
            if !exists(&cited) && !NOT_OURS.contains(&cited.as_str()) {
                missing.push(format!("{path}:{line} cites {cited}"));
            }
        }
    }
    assert!(missing.is_empty(), "files that are cited and not there:\n{}", missing.join("\n"));
}

#[test]
fn every_section_that_is_cited_is_there() {
    let method = read("docs/method.md");
    let sections: BTreeSet<&str> = method
        .lines()
        .filter_map(|line| line.strip_prefix("## ")?.split_once(' ').map(|(number, _)| number))
        .collect();
    let mut missing = Vec::new();
    for (path, text) in own_texts() {
        for (line, cited) in cited_sections(&text) {
            if !sections.contains(cited.as_str()) {
                missing.push(format!("{path}:{line} cites section {cited}"));
            }
        }
        if text.contains(concat!("DES", "IGN")) {
            missing.push(format!("{path} cites a document that is not in the repository"));
        }
    }
    assert!(
        missing.is_empty(),
        "sections of docs/method.md that are not there:\n{}",
        missing.join("\n")
    );
}

/// Numbers of sections that are cited as `docs/method.md`, section N.
fn cited_sections(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (at, _) in line.match_indices("method.md`, section ") {
            let rest = &line[at + "method.md`, section ".len()..];
            let section: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if !section.is_empty() {
                found.push((number + 1, section));
            }
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let files = files();
    let texts: BTreeMap<&String, String> =
        files.iter().filter(|path| path.ends_with(".md")).map(|path| (path, read(path))).collect();
    let mut broken = Vec::new();
    for (path, text) in &texts {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { (*path).clone() } else { joined(folder, file) };
            if !files.contains(&target) {
                broken.push(format!("{path} links to {link}"));
            } else if !anchor.is_empty()
                && !texts.get(&target).is_some_and(|text| anchors(text).contains(anchor))
            {
                broken.push(format!("{path} links to {link}, where there is no such heading"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Targets of Markdown links within the repository.
fn links(text: &str) -> Vec<String> {
    let targets =
        text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets
        .filter(|target| !target.contains("://") && !target.contains(' '))
        .map(str::to_owned)
        .collect()
}

/// `file` as seen from `folder`.
fn joined(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Anchors of headings, as GitHub and most others make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept =
            heading.chars().filter(|symbol| symbol.is_alphanumeric() || " -_".contains(*symbol));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}
