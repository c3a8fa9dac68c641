//! What a manifest must and must not be.

use super::*;
use crate::signature::SigningKey;

fn file(path: &str, size_bytes: u64) -> ManifestFile {
    let chunks = vec![Sha256::of(b"chunk"); usize::try_from(size_bytes.div_ceil(1024)).unwrap()];
    ManifestFile { path: path.parse().unwrap(), size_bytes, sha256: Sha256::of(b"file"), chunks }
}

fn manifest(files: Vec<ManifestFile>) -> Manifest {
    Manifest {
        version: VERSION,
        environment: "vesta".into(),
        dataset: "stroke".into(),
        chunk_bytes: 1024,
        files,
    }
}

fn read(bytes: &[u8]) -> Result<Manifest, ManifestFault> {
    let key = SigningKey::generate().unwrap();
    verify(bytes, &key.sign(bytes), &key.public())
}

fn fault_of(manifest: &Manifest) -> ManifestFault {
    read(&manifest.to_bytes()).unwrap_err()
}

#[test]
fn a_signed_manifest_comes_back_as_it_was() {
    let signed = manifest(vec![file("a.csv", 3000), file("empty.csv", 0)]);
    assert_eq!(read(&signed.to_bytes()), Ok(signed));
}

#[test]
fn the_signature_covers_every_byte() {
    let key = SigningKey::generate().unwrap();
    let mut bytes = manifest(vec![file("a.csv", 10)]).to_bytes();
    let signature = key.sign(&bytes);
    bytes.push(b' ');
    let refused = verify(&bytes, &signature, &key.public());
    assert_eq!(refused, Err(ManifestFault::WrongSignature));
    assert_eq!(verify(&bytes, &[], &key.public()), Err(ManifestFault::WrongSignature));
}

#[test]
fn a_path_that_leaves_the_area_is_named_as_unsafe() {
    let bytes = manifest(vec![file("a.csv", 10)]).to_bytes();
    let text = String::from_utf8(bytes).unwrap();
    for (path, fault) in [("../a.csv", PathFault::Dots), ("/etc/a.csv", PathFault::Absolute)] {
        let refused = read(text.replace("a.csv", path).as_bytes());
        assert_eq!(refused, Err(ManifestFault::UnsafePath { file_no: 0, fault }));
    }
}

#[test]
fn chunk_digests_must_fit_the_size() {
    let mut one_short = file("a.csv", 3000);
    one_short.chunks.pop();
    let fault = fault_of(&manifest(vec![one_short]));
    assert_eq!(fault, ManifestFault::ChunkCount { path: "a.csv".into(), wanted: 3, found: 2 });
}

#[test]
fn one_name_is_one_file() {
    let twice = manifest(vec![file("a", 1), file("a", 2)]);
    assert_eq!(fault_of(&twice), ManifestFault::Duplicate("a".into()));
    let both = manifest(vec![file("a/b", 1), file("a", 2)]);
    assert_eq!(fault_of(&both), ManifestFault::Duplicate("a".into()));
    let itself = manifest(vec![file("manifest.json", 1)]);
    assert_eq!(fault_of(&itself), ManifestFault::NamesItself);
}

#[test]
fn the_frame_of_a_manifest_is_checked() {
    assert_eq!(fault_of(&manifest(vec![])), ManifestFault::NoFiles);
    let version = Manifest { version: 2, ..manifest(vec![file("a", 1)]) };
    assert_eq!(fault_of(&version), ManifestFault::UnknownVersion(2));
    let chunk = Manifest { chunk_bytes: 0, ..manifest(vec![file("a", 0)]) };
    assert_eq!(fault_of(&chunk), ManifestFault::ChunkSize(0));
    assert!(matches!(read(b"{\"version\":1}"), Err(ManifestFault::Malformed(_))));
}

#[test]
fn a_link_takes_only_what_it_is_for() {
    let signed = manifest(vec![file("a.csv", 10), file("B.CSV.gz", 20)]);
    let bounds = |allowed: &[&str], max_bytes| Bounds {
        allowed_types: allowed.iter().map(|&ending| ending.to_owned()).collect(),
        max_bytes,
    };
    let both = bounds(&["csv", "csv.gz"], 30);
    assert_eq!(signed.check_fits("vesta", "stroke", &both), Ok(()));

    let refused = signed.check_fits("vesta", "cancer", &both);
    assert!(matches!(refused, Err(ManifestFault::ForAnother { .. })));
    let refused = signed.check_fits("vesta", "stroke", &bounds(&["csv", "csv.gz"], 29));
    assert_eq!(refused, Err(ManifestFault::TooLarge { found: 30, allowed: 29 }));
    let refused = signed.check_fits("vesta", "stroke", &bounds(&["csv"], 30));
    assert!(
        matches!(refused, Err(ManifestFault::TypeNotAllowed { path, .. }) if path == "B.CSV.gz")
    );
    let bare = manifest(vec![file("csv", 1)]);
    let refused = bare.check_fits("vesta", "stroke", &both);
    assert!(matches!(refused, Err(ManifestFault::TypeNotAllowed { .. })));
}
