//! The shape of the workspace: who may import whom, how long a file is, where `unsafe` may stand.
//!
//! These are the rules of `docs/ARCHITECTURE.md` that a compiler does not keep.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Our packages, each with those of ours that it may import.
const IMPORTS: [(&str, &[&str]); 13] = [
    ("record", &[]),
    ("accounting", &["record"]),
    ("quotas", &["record", "accounting"]),
    ("staging", &["record", "quotas"]),
    ("slurm-wire", &[]),
    ("slurm-ffi", &["slurm-wire"]),
    ("agent-wire", &[]),
    ("agent", &["agent-wire"]),
    ("dashboards", &["record", "accounting", "quotas", "staging"]),
    (
        "broker",
        &["record", "accounting", "quotas", "staging", "dashboards", "slurm-wire", "agent-wire"],
    ),
    ("simulated-nvml", &[]),
    ("xtask", &[]),
    // The testbed sees what a person or a program outside sees, and drives what it must.
    ("tests", &["record", "accounting", "quotas", "staging", "slurm-wire", "agent-wire", "broker"]),
];

/// Tests load the simulated library by path; naming it makes cargo build it first.
const LOADED_BY_TESTS: &str = "simulated-nvml";

/// Longest hand-written source file.
const MOST_LINES: usize = 400;

/// Folders whose code may be `unsafe`: C libraries are called from here.
const UNSAFE_FOLDERS: [&str; 2] = ["slurm-ffi", "tests/simulated-nvml"];

/// The one file of the agent that may call NVML by itself.
const UNSAFE_FILE: &str = "agent/src/nvml_raw.rs";

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["common", "utils", "util", "helpers", "helper", "misc"];

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below the root that is ours, as a path relative to it.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if ["target", ".git", ".state", ".sqlx"].iter().any(|ours_not| name == *ours_not) {
                continue;
            }
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    found.push(entry.path().strip_prefix(root()).unwrap().to_owned());
                }
                _ => {}
            }
        }
    }
    found
}

fn has_extension(file: &Path, extensions: &[&str]) -> bool {
    file.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one))
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|fault| panic!("{file:?}: {fault}"))
}

/// Each package's manifest by its name.
fn manifests() -> BTreeMap<String, toml::Table> {
    let manifests = files().into_iter().filter(|file| file.ends_with("Cargo.toml"));
    let parsed = manifests.map(|file| read(&file).parse::<toml::Table>().unwrap());
    parsed
        .filter_map(|manifest| {
            let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
            Some((name, manifest))
        })
        .collect()
}

/// Those of our packages that one section of a manifest names.
fn ours(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let names = manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten();
    let known = |name: &&String| IMPORTS.iter().any(|(package, _)| package == *name);
    names.map(|(name, _)| name).filter(known).cloned().collect()
}

/// What a package may import, and what that may import in turn.
fn allowed_with_theirs(package: &str) -> BTreeSet<String> {
    let direct = IMPORTS.iter().find(|(name, _)| *name == package).unwrap().1;
    direct.iter().fold(BTreeSet::new(), |mut all, name| {
        all.extend(allowed_with_theirs(name));
        all.insert((*name).to_owned());
        all
    })
}

#[test]
fn every_package_imports_only_those_below_it() {
    let manifests = manifests();
    let listed: BTreeSet<&str> = IMPORTS.iter().map(|(package, _)| *package).collect();
    let present: BTreeSet<&str> = manifests.keys().map(String::as_str).collect();
    assert_eq!(listed, present, "the list of packages in this file and the workspace differ");

    for (package, allowed) in IMPORTS {
        let manifest = &manifests[package];
        for section in ["dependencies", "build-dependencies"] {
            for name in ours(manifest, section) {
                assert!(allowed.contains(&name.as_str()), "{package} may not import {name}");
            }
        }
        // Tests of a package may also name what its imports stand on.
        let allowed = allowed_with_theirs(package);
        for name in ours(manifest, "dev-dependencies") {
            let fine = allowed.contains(&name) || name == LOADED_BY_TESTS;
            assert!(fine, "tests of {package} may not import {name}");
        }
    }
}

#[test]
fn only_the_gateway_links_libslurm() {
    for (package, manifest) in manifests() {
        let names = manifest.get("build-dependencies").and_then(toml::Value::as_table);
        let has_c = names.is_some_and(|names| names.contains_key("bindgen"));
        assert_eq!(has_c, package == "slurm-ffi", "{package} and bindgen");
    }
}

#[test]
fn the_library_of_libslurm_alone_has_another_licence() {
    for (package, manifest) in manifests() {
        let own = manifest["package"].get("license").and_then(toml::Value::as_str);
        let expected = (package == "slurm-ffi").then_some("GPL-2.0-or-later");
        assert_eq!(own, expected, "licence of {package}; None is the workspace's");
    }
}

#[test]
fn no_source_file_is_long() {
    for file in files() {
        if has_extension(&file, &["rs", "c", "h", "sql", "lua", "sh", "css", "js"]) {
            let lines = read(&file).lines().count();
            assert!(lines <= MOST_LINES, "{} has {lines} lines: split it", file.display());
        }
    }
}

#[test]
fn every_source_file_says_first_what_it_is() {
    for file in files() {
        let openings: &[&str] = match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => &["//!"],
            Some("c" | "h" | "css" | "js") => &["/*", "//"],
            Some("sql" | "lua") => &["--"],
            Some("sh") => &["#"],
            _ => continue,
        };
        let text = read(&file);
        // A shell script's first line may name its interpreter.
        let first = text.lines().find(|line| !line.starts_with("#!/")).unwrap_or_default();
        let opens = openings.iter().any(|opening| first.starts_with(opening));
        assert!(opens, "{} opens with: {first}", file.display());
    }
}

#[test]
fn unsafe_code_stands_only_where_a_c_library_is_called() {
    // Written in halves, so that this file does not find itself.
    let keyword = concat!("un", "safe");
    let marks = [" {", " fn ", " impl ", " trait ", " extern ", "("]
        .map(|after| format!("{keyword}{after}"));
    for file in files().into_iter().filter(|file| has_extension(file, &["rs"])) {
        let in_folder = UNSAFE_FOLDERS.iter().any(|folder| file.starts_with(folder));
        let in_wire = file.starts_with("slurm-ffi/wire");
        if (in_folder && !in_wire) || file.as_path() == Path::new(UNSAFE_FILE) {
            continue;
        }
        for line in read(&file).lines() {
            let code = line.split("//").next().unwrap_or_default();
            let found = marks.iter().any(|mark| {
                let mut places = code.match_indices(mark.as_str());
                places
                    .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            assert!(!found, "{} has {keyword} code: {line}", file.display());
        }
    }
}

#[test]
fn no_folder_is_a_drawer() {
    for file in files() {
        for part in file.components() {
            let name = part.as_os_str().to_string_lossy();
            let stem = name.strip_suffix(".rs").unwrap_or(&name);
            assert!(!EMPTY_NAMES.contains(&stem), "{} says nothing of its content", file.display());
        }
    }
}

#[test]
fn no_leftover_marker_stands_without_an_issue() {
    // Written in halves, so that this file does not find itself.
    let markers = [concat!("TO", "DO"), concat!("FIX", "ME")];
    for file in
        files().into_iter().filter(|file| has_extension(file, &["rs", "c", "h", "sql", "lua"]))
    {
        for line in read(&file).lines() {
            // The names of lints are written in small letters, so they do not match.
            let marked = markers.iter().any(|marker| line.contains(marker));
            assert!(!marked || line.contains('#'), "{}: {line}", file.display());
        }
    }
}

/// Every test that `docs/REQUIREMENTS.md` names is there, and its count of shown rows is true.
#[test]
fn requirements_name_tests_that_exist() {
    let root = root();
    let text = fs::read_to_string(root.join("docs/REQUIREMENTS.md")).unwrap();
    let mut faults = Vec::new();
    for quoted in text.split('`').skip(1).step_by(2) {
        let Some((path, name)) = quoted.split_once(".rs::") else { continue };
        let source = fs::read_to_string(root.join(format!("{path}.rs"))).unwrap_or_default();
        if !source.contains(&format!("fn {name}(")) {
            faults.push(quoted.to_owned());
        }
    }
    assert!(faults.is_empty(), "tests that are not there: {faults:?}");
    let shown = text.lines().filter(|line| line.contains("| shown by `")).count();
    assert!(text.contains(&format!("{shown} of 92 are shown")), "{shown} rows are shown");
}
