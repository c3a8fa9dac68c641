//! A signed dataset, an area to fetch it to, and gates that answer as a test wants.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use staging::gate::{Answer, PermitGate, Progress};
use staging::manifest::{Bounds, MANIFEST_FILE, SIGNATURE_FILE};
use staging::signature::SigningKey;
use staging::source::{Dataset, sign};
use staging::transfer::{Endpoint, Limits, Order, Outcome, Report, fetch};
use tempfile::TempDir;
use uuid::Uuid;

/// Size of a chunk in the tests.
pub(crate) const CHUNK: u64 = 4096;

/// Debian's SFTP server, the same program that `sshd` starts.
pub(crate) const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// A source with a signed dataset, and an empty area beside it.
pub(crate) struct Bench {
    pub(crate) home: TempDir,
    pub(crate) key: SigningKey,
}

/// Says yes to the first `yes_count` questions and then no; remembers what it was told.
pub(crate) struct Counting {
    pub(crate) yes_count: u64,
    pub(crate) asked: Mutex<Vec<Progress>>,
}

impl Counting {
    pub(crate) fn always() -> Self {
        Self::times(u64::MAX)
    }

    pub(crate) fn times(yes_count: u64) -> Self {
        Self { yes_count, asked: Mutex::default() }
    }
}

impl PermitGate for Counting {
    fn ask(&self, progress: Progress) -> impl Future<Output = Answer> + Send {
        let mut asked = self.asked.lock().expect("no test panics with the lock");
        asked.push(progress);
        let answer = if (asked.len() as u64) <= self.yes_count {
            Answer::Go
        } else {
            Answer::Stop("permit_revoked".to_owned())
        };
        std::future::ready(answer)
    }
}

impl Bench {
    /// A dataset of three files: ten chunks and a bit, two exact chunks, and nothing.
    pub(crate) fn new() -> Self {
        let home = TempDir::new().expect("a directory for the test");
        let bench = Self { home, key: SigningKey::generate().expect("a key") };
        bench.write("år 2027/large.csv", &noise(1, 10 * CHUNK + 17));
        bench.write("two.csv", &noise(2, 2 * CHUNK));
        bench.write("empty.csv", &[]);
        bench.sign();
        bench
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.home.path().join("source")
    }

    pub(crate) fn area(&self) -> PathBuf {
        self.home.path().join("projects/stroke")
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let place = self.source().join(path);
        fs::create_dir_all(place.parent().expect("a file has a directory")).expect("made");
        fs::write(place, bytes).expect("written");
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.source().join(path)).expect("the source has the file")
    }

    /// Describes and signs what is there now.
    pub(crate) fn sign(&self) {
        let dataset = Dataset {
            directory: &self.source(),
            environment: "vesta",
            dataset: "stroke",
            chunk_bytes: CHUNK,
        };
        sign(&dataset, &self.key).expect("the dataset can be signed");
    }

    /// Replaces text in the manifest and signs the result, as a hostile source could.
    pub(crate) fn resign(&self, from: &str, to: &str) {
        let manifest = String::from_utf8(self.read(MANIFEST_FILE)).expect("JSON is text");
        assert!(manifest.contains(from), "the manifest has {from}");
        let manifest = manifest.replace(from, to);
        self.write(SIGNATURE_FILE, &self.key.sign(manifest.as_bytes()));
        self.write(MANIFEST_FILE, manifest.as_bytes());
    }

    /// An order with one chunk per batch.
    pub(crate) fn order(&self) -> Order {
        Order {
            transfer_id: Uuid::from_u128(1),
            link_id: Uuid::from_u128(2),
            endpoint: Endpoint::LocalServer { path: SFTP_SERVER.into() },
            source_dir: self.source().to_str().expect("a plain path").to_owned(),
            environment: "vesta".into(),
            dataset: "stroke".into(),
            manifest_key: self.key.public(),
            bounds: Bounds { allowed_types: vec!["csv".into()], max_bytes: 1_000_000 },
            area: self.area(),
            gid: rustix::process::getgid().as_raw(),
            limits: Limits { batch_bytes: CHUNK, ask_every_ms: 20_000, deadline_s: 60 },
        }
    }

    /// A server that takes everything and answers nothing, and ends when its input does. Its process
    /// id is in `silent.pid`.
    pub(crate) fn silent_server(&self) -> Endpoint {
        let path = self.home.path().join("silent-server");
        let pid = self.home.path().join("silent.pid");
        let script = format!("#!/bin/sh\necho $$ > {}\nexec cat > /dev/null\n", pid.display());
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made a program");
        Endpoint::LocalServer { path }
    }

    pub(crate) async fn fetch(&self) -> Report {
        fetch(&self.order(), &Counting::always()).await.expect("the order is fit")
    }

    /// Every file in the area that a project could see, with its content.
    pub(crate) fn handed_over(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        if self.area().exists() {
            collect(&self.area(), &self.area(), &mut found);
        }
        found.sort();
        found
    }

    /// What the source has, in the same shape.
    pub(crate) fn originals(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.source(), &self.source(), &mut found);
        found.retain(|(path, _)| path != MANIFEST_FILE && path != SIGNATURE_FILE);
        found.sort();
        found
    }
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        if name == ".incoming" {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            found.push((name, fs::read(&path).expect("readable")));
        }
    }
}

/// Bytes that repeat nowhere, so that swapped chunks differ.
pub(crate) fn noise(seed: u64, length: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(step).collect()
}

/// The codes, files and chunks of a quarantined report.
pub(crate) fn faults(report: &Report) -> Vec<(&str, Option<&str>, Option<u64>)> {
    match &report.outcome {
        Outcome::Quarantined(faults) => faults
            .iter()
            .map(|fault| (fault.code.as_str(), fault.path.as_deref(), fault.chunk_no))
            .collect(),
        other => panic!("not quarantined: {other:?} {}", report.operator_note),
    }
}

/// The code of a report that failed.
pub(crate) fn failure(report: &Report) -> &str {
    match &report.outcome {
        Outcome::Failed { code, .. } => code,
        other => panic!("not failed: {other:?}"),
    }
}
