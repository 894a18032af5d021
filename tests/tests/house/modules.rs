//! Imports between the modules of each crate, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use super::{files, read};

/// Folders of the crates' sources.
const CRATES: [&str; 7] = [
    "backend/src",
    "frontend/src",
    "frontend/compute/src",
    "shared/engine/src",
    "shared/protocol/src",
    "shared/types/src",
    "xtask/src",
];

/// Names from a crate's root, as in `["calibrate", "curves"]`.
type Path = Vec<String>;

/// For each file or folder, those that it imports from.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// A module's file, and what it says.
struct Module {
    file: String,
    /// Paths that it names, as it writes them.
    named: Vec<Path>,
    /// Where the names come from that it hands on, by `pub use` of its own children.
    handed_on: BTreeMap<String, Path>,
}

/// Collects paths: of `use` declarations, and of expressions, types and patterns that begin at a
/// module.
#[derive(Default)]
struct Paths {
    used: Vec<Path>,
    handed_on: Vec<Path>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // What a test needs is no part of the house.
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        collect_use(&item.tree, &mut Vec::new(), &mut found);
        match item.vis {
            syn::Visibility::Inherited => self.used.extend(found),
            _ => self.handed_on.extend(found),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.used.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

fn is_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

fn collect_use(tree: &syn::UseTree, before: &mut Path, found: &mut Vec<Path>) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            collect_use(&path.tree, before, found);
            before.pop();
        }
        syn::UseTree::Name(name) => {
            found.push([before.clone(), vec![name.ident.to_string()]].concat())
        }
        syn::UseTree::Rename(rename) => {
            found.push([before.clone(), vec![rename.ident.to_string()]].concat())
        }
        syn::UseTree::Glob(_) => found.push(before.clone()),
        syn::UseTree::Group(group) => {
            group.items.iter().for_each(|tree| collect_use(tree, before, found))
        }
    }
}

/// The modules of a crate by their paths.
fn modules(sources: &str) -> BTreeMap<Path, Module> {
    let prefix = format!("{sources}/");
    let mut modules = BTreeMap::new();
    for file in files() {
        let Some(name) = file.strip_prefix(&prefix).and_then(|name| name.strip_suffix(".rs"))
        else {
            continue;
        };
        let mut path: Path = name.split('/').map(str::to_owned).collect();
        if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            path.pop();
        }
        let parsed =
            syn::parse_file(&read(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut paths = Paths::default();
        paths.visit_file(&parsed);
        let handed_on = paths
            .handed_on
            .into_iter()
            .filter_map(|path| Some((path.last()?.clone(), path)))
            .collect();
        modules.insert(path, Module { file, named: paths.used, handed_on });
    }
    modules
}

/// The module that a path leads to when `from` names it; `None` if it leads out of the crate.
fn target(modules: &BTreeMap<Path, Module>, from: &Path, named: &Path) -> Option<Path> {
    let (first, rest) = named.split_first()?;
    let mut here = match first.as_str() {
        "crate" => Vec::new(),
        "self" => from.clone(),
        "super" => from[..from.len().checked_sub(1)?].to_vec(),
        child => [from.as_slice(), &[child.to_owned()]].concat(),
    };
    if !modules.contains_key(&here) {
        return None;
    }
    for name in rest {
        if name == "super" {
            here.pop()?;
            continue;
        }
        let child = [here.as_slice(), std::slice::from_ref(name)].concat();
        if modules.contains_key(&child) {
            here = child;
            continue;
        }
        let handed_on = modules[&here].handed_on.get(name);
        return Some(handed_on.and_then(|path| target(modules, &here, path)).unwrap_or(here));
    }
    Some(here)
}

/// Imports between files, and between what lies directly in the crate's source folder: files and
/// whole folders.
fn imports(sources: &str) -> (Imports, Imports) {
    let modules = modules(sources);
    let (mut of_files, mut of_folders) = (Imports::new(), Imports::new());
    let folder = |path: &Path| path.first().cloned().unwrap_or_default();
    for (path, module) in &modules {
        for named in &module.named {
            let Some(to) = target(&modules, path, named) else { continue };
            let other = &modules[&to];
            if other.file != module.file {
                of_files.entry(module.file.clone()).or_default().insert(other.file.clone());
            }
            // Everything may be named by the root, which starts the program.
            if folder(path) != folder(&to) && !path.is_empty() && !to.is_empty() {
                let (from, to) =
                    (format!("{sources}/{}", folder(path)), format!("{sources}/{}", folder(&to)));
                of_folders.entry(from).or_default().insert(to);
            }
        }
    }
    (of_files, of_folders)
}

/// Everything that can be reached from `start`, itself only if a circle leads back to it.
fn reached(imports: &Imports, start: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(from) = open.pop() {
        for to in imports.get(from).into_iter().flatten() {
            if reached.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    reached
}

/// Each circle, as the files or folders in it.
fn circles(imports: &Imports) -> BTreeSet<Vec<String>> {
    let all: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|from| (from, reached(imports, from))).collect();
    let mut circles = BTreeSet::new();
    for (from, reached) in &all {
        if reached.contains(*from) {
            let back = |to: &&String| all.get(to).is_some_and(|reached| reached.contains(*from));
            circles.insert(reached.iter().filter(back).cloned().collect());
        }
    }
    circles
}

#[test]
fn no_module_needs_itself_by_way_of_others() {
    let mut found = Vec::new();
    for sources in CRATES {
        let (of_files, of_folders) = imports(sources);
        for imports in [of_files, of_folders] {
            for circle in circles(&imports) {
                found.push(circle.join(" ↔ "));
                for from in &circle {
                    let to: Vec<&str> = imports[from]
                        .iter()
                        .filter(|to| circle.contains(to))
                        .map(String::as_str)
                        .collect();
                    found.push(format!("    {from} imports from {}", to.join(", ")));
                }
            }
        }
    }
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let imports = |pairs: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in pairs {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        imports
    };
    assert!(circles(&imports(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = circles(&imports(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]));
    assert_eq!(found, BTreeSet::from([vec!["b".to_owned(), "c".to_owned()]]));
}
