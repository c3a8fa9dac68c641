//! What the source has, compared with what it signed, before a byte of data is moved.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::manifest::{MANIFEST_FILE, Manifest, SIGNATURE_FILE};

use super::Fault;
use super::report::MAX_FAULTS;

/// One name in a directory of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File {
        size_bytes: u64,
    },
    Directory,
    /// A link or something stranger; `get` will decide, and the digests after it.
    Other,
}

/// The commands that list every directory the manifest has files in.
pub(super) fn script(source_dir: &str, manifest: &Manifest) -> String {
    let mut script = String::new();
    for directory in directories(source_dir, manifest) {
        // A leading `-` lets the client go on when a directory is not there: its files are named
        // as missing then.
        writeln!(script, "-ls -lan \"{directory}\"").expect("writing to a string cannot fail");
    }
    script
}

/// Everything in which the source differs from what it signed.
pub(super) fn compare(source_dir: &str, manifest: &Manifest, printed: &str) -> Vec<Fault> {
    let found = read(&directories(source_dir, manifest), printed);
    let mut wanted: BTreeSet<String> = directories(source_dir, manifest);
    let mut faults = Vec::new();
    for file in &manifest.files {
        let path = file.path.as_str();
        let full = format!("{source_dir}/{path}");
        match found.get(&full) {
            None | Some(Entry::Directory) => faults.push(Fault::missing(path)),
            Some(Entry::File { size_bytes }) if *size_bytes != file.size_bytes => {
                faults.push(Fault::size(path, *size_bytes, file.size_bytes));
            }
            Some(Entry::File { .. } | Entry::Other) => {}
        }
        wanted.insert(full);
    }
    for own in [MANIFEST_FILE, SIGNATURE_FILE] {
        wanted.insert(format!("{source_dir}/{own}"));
    }
    let prefix = format!("{source_dir}/");
    for full in found.keys().filter(|full| !wanted.contains(*full)) {
        let relative = full.strip_prefix(&prefix).unwrap_or(full);
        faults.push(Fault::extra(&relative.chars().take(200).collect::<String>()));
    }
    faults.truncate(MAX_FAULTS);
    faults
}

fn directories(source_dir: &str, manifest: &Manifest) -> BTreeSet<String> {
    let below = manifest.files.iter().flat_map(|file| file.path.ancestors());
    let below = below.map(|directory| format!("{source_dir}/{directory}"));
    below.chain([source_dir.to_owned()]).collect()
}

/// Reads what `ls -lan` printed: a mode, four figures, a date, and the full path.
fn read(directories: &BTreeSet<String>, printed: &str) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    let mut current = None;
    for line in printed.lines() {
        if let Some(command) = line.strip_prefix("sftp> ") {
            // The client repeats each command before its answer.
            current =
                directories.iter().find(|directory| command == format!("-ls -lan \"{directory}\""));
            continue;
        }
        let Some(directory) = current else { continue };
        // The path is the rest of the line and may have spaces; it begins with the directory.
        let Some(at) = line.find(&format!(" {directory}/")) else { continue };
        let (figures, name) = (&line[..at], &line[at + 1..]);
        if name.ends_with("/.") || name.ends_with("/..") {
            continue;
        }
        found.insert(name.to_owned(), entry(figures));
    }
    found
}

fn entry(figures: &str) -> Entry {
    // mode, links, owner, group, size, month, day, time or year
    let size = figures.split_whitespace().rev().nth(3).and_then(|size| size.parse().ok());
    match (figures.chars().next(), size) {
        (Some('-'), Some(size_bytes)) => Entry::File { size_bytes },
        (Some('d'), _) => Entry::Directory,
        _ => Entry::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::manifest::ManifestFile;

    fn manifest(files: &[(&str, u64)]) -> Manifest {
        let sha256 = Sha256::of(b"");
        let files = files.iter().map(|&(path, size_bytes)| ManifestFile {
            path: path.parse().unwrap(),
            size_bytes,
            sha256,
            chunks: vec![sha256; usize::try_from(size_bytes.div_ceil(1024)).unwrap()],
        });
        Manifest {
            version: 1,
            environment: "vesta".into(),
            dataset: "stroke".into(),
            chunk_bytes: 1024,
            files: files.collect(),
        }
    }

    /// As OpenSSH 9.2 prints it.
    const PRINTED: &str = "\
sftp> -ls -lan \"/in/stroke\"
drwxr-xr-x    ? root     root         4096 Nov 22 00:22 /in/stroke/.
drwxr-xr-x    ? root     root         4096 Nov 22 00:22 /in/stroke/..
-rw-r--r--    ? 1000     1000          300 Nov 22  2025 /in/stroke/a b.csv
-rw-r--r--    ? 1000     1000          900 Nov 22 00:22 /in/stroke/manifest.json
-rw-r--r--    ? 1000     1000           64 Nov 22 00:22 /in/stroke/manifest.sig
drwxr-xr-x    ? 1000     1000         4096 Nov 22 00:22 /in/stroke/år
sftp> -ls -lan \"/in/stroke/år\"
-rw-r--r--    ? 1000     1000            7 Nov 22 00:22 /in/stroke/år/c.csv
";

    #[test]
    fn a_source_that_has_what_it_signed_has_no_faults() {
        let signed = manifest(&[("a b.csv", 300), ("år/c.csv", 7)]);
        let script = script("/in/stroke", &signed);
        assert_eq!(script, "-ls -lan \"/in/stroke\"\n-ls -lan \"/in/stroke/år\"\n");
        assert_eq!(compare("/in/stroke", &signed, PRINTED), []);
    }

    #[test]
    fn extra_missing_and_wrong_sizes_are_named() {
        let signed = manifest(&[("a b.csv", 301), ("d.csv", 7)]);
        let faults = compare("/in/stroke", &signed, PRINTED);
        let named: Vec<_> =
            faults.iter().map(|f| (f.code.as_str(), f.path.as_deref().unwrap())).collect();
        assert_eq!(
            named,
            [("file_size", "a b.csv"), ("file_missing", "d.csv"), ("file_extra", "år")]
        );
    }
}
