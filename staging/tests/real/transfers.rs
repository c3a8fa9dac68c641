//! Transfers through OpenSSH's own client and server: what comes through, and what never does.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use staging::transfer::{Endpoint, Limits, Order, Origin, Outcome, Verdict, fetch};

use crate::support::{Bench, CHUNK, Counting, failure, faults, noise};

const LARGE: &str = "år 2027/large.csv";

#[tokio::test]
async fn a_signed_dataset_arrives_whole_read_only_and_for_the_project_only() {
    let bench = Bench::new();
    let report = bench.fetch().await;

    assert_eq!(report.outcome, Outcome::Verified, "{}", report.operator_note);
    assert_eq!(bench.handed_over(), bench.originals());
    assert_eq!(report.fetched_bytes, 12 * CHUNK + 17);
    assert_eq!(report.chunks.len(), 13);
    assert!(report.chunks.iter().all(|chunk| chunk.verdict == Verdict::Verified));
    for path in [LARGE, "two.csv", "empty.csv"] {
        let file = fs::metadata(bench.area().join(path)).unwrap();
        assert_eq!(file.mode() & 0o7777, 0o440, "{path}");
        assert_eq!(file.gid(), bench.order().gid);
    }
    for directory in [bench.area(), bench.area().join("år 2027")] {
        assert_eq!(fs::metadata(directory).unwrap().mode() & 0o7777, 0o750);
    }
    assert!(!bench.area().join(".incoming").exists());
}

#[tokio::test]
async fn fetching_again_moves_nothing_and_is_verified() {
    let bench = Bench::new();
    bench.fetch().await;
    let report = bench.fetch().await;
    assert_eq!(report.outcome, Outcome::Verified);
    assert_eq!((report.fetched_bytes, report.kept_bytes), (0, 12 * CHUNK + 17));
}

#[tokio::test]
async fn a_truncated_file_is_named_before_anything_is_moved() {
    let bench = Bench::new();
    let mut short = bench.read(LARGE);
    short.truncate(2 * 4096);
    bench.write(LARGE, &short);
    let report = bench.fetch().await;
    assert_eq!(faults(&report), [("file_size", Some(LARGE), None)]);
    assert_eq!((report.fetched_bytes, bench.handed_over()), (0, vec![]));
}

#[tokio::test]
async fn a_flipped_byte_quarantines_the_link_and_names_file_and_chunk() {
    let bench = Bench::new();
    let mut flipped = bench.read(LARGE);
    flipped[3 * 4096 + 5] ^= 1;
    bench.write(LARGE, &flipped);
    let report = bench.fetch().await;
    assert_eq!(faults(&report), [("chunk_wrong", Some(LARGE), Some(3))]);
    assert_eq!(bench.handed_over(), []);
    // It was fetched once more before it was believed, and both times are in the ledger.
    let wrong = report.chunks.iter().filter(|chunk| chunk.verdict == Verdict::Wrong);
    assert_eq!(wrong.map(|chunk| chunk.chunk_no).collect::<Vec<_>>(), [3, 3]);
}

#[tokio::test]
async fn a_wrong_chunk_is_found_in_a_batch_of_many_files_too() {
    let bench = Bench::new();
    let mut flipped = bench.read("two.csv");
    flipped[4096] ^= 1;
    bench.write("two.csv", &flipped);
    let limits = Limits { batch_bytes: 1_000_000, ..bench.order().limits };
    let order = Order { limits, ..bench.order() };
    let report = fetch(&order, &Counting::always()).await.unwrap();
    assert_eq!(faults(&report), [("chunk_wrong", Some("two.csv"), Some(1))]);
    assert_eq!(bench.handed_over(), []);
}

#[tokio::test]
async fn swapped_chunks_are_found_although_every_byte_is_there() {
    let bench = Bench::new();
    let mut swapped = bench.read("two.csv");
    swapped.rotate_left(4096);
    bench.write("two.csv", &swapped);
    let report = bench.fetch().await;
    assert_eq!(faults(&report), [("chunk_wrong", Some("two.csv"), Some(0))]);
    assert_eq!(bench.handed_over(), []);
}

#[tokio::test]
async fn chunks_that_are_right_do_not_excuse_a_whole_that_is_not() {
    let bench = Bench::new();
    let whole = staging::Sha256::of(&bench.read(LARGE)).to_string();
    bench.resign(&whole, &staging::Sha256::of(b"another").to_string());
    let report = bench.fetch().await;
    assert_eq!(faults(&report), [("file_changed", Some(LARGE), None)]);
    assert_eq!(bench.handed_over(), []);
}

#[tokio::test]
async fn extra_and_missing_files_are_named() {
    let bench = Bench::new();
    bench.write("år 2027/unsigned.csv", b"nobody signed this");
    fs::remove_file(bench.source().join("two.csv")).unwrap();
    let report = bench.fetch().await;
    let named = [
        ("file_missing", Some("two.csv"), None),
        ("file_extra", Some("år 2027/unsigned.csv"), None),
    ];
    assert_eq!(faults(&report), named);
    assert_eq!(bench.handed_over(), []);
}

#[tokio::test]
async fn a_manifest_of_another_key_is_not_believed() {
    let bench = Bench::new();
    let order = Order { manifest_key: Bench::new().key.public(), ..bench.order() };
    let report = fetch(&order, &Counting::always()).await.unwrap();
    assert_eq!(faults(&report), [("manifest_wrong_signature", None, None)]);
    assert_eq!((report.manifest_sha256, bench.handed_over()), (None, vec![]));
}

#[tokio::test]
async fn a_signed_path_that_leaves_the_area_is_refused() {
    let bench = Bench::new();
    bench.resign("\"two.csv\"", "\"../two.csv\"");
    let report = bench.fetch().await;
    assert_eq!(faults(&report), [("manifest_unsafe_path", None, None)]);
    assert!(!bench.area().parent().unwrap().join("two.csv").exists());
}

#[tokio::test]
async fn a_type_the_link_does_not_let_through_is_refused() {
    let bench = Bench::new();
    bench.write("model.pt", b"weights");
    bench.sign();
    assert_eq!(faults(&bench.fetch().await), [("manifest_type_not_allowed", None, None)]);
    assert_eq!(bench.handed_over(), []);
}

#[tokio::test]
async fn more_bytes_or_another_dataset_than_the_link_carries_are_refused() {
    let bench = Bench::new();
    let mut small = bench.order();
    small.bounds.max_bytes = CHUNK;
    let report = fetch(&small, &Counting::always()).await.unwrap();
    assert_eq!(faults(&report), [("manifest_too_large", None, None)]);

    let other = Order { dataset: "cancer".into(), ..bench.order() };
    let report = fetch(&other, &Counting::always()).await.unwrap();
    assert_eq!(faults(&report), [("manifest_for_another", None, None)]);
}

#[tokio::test]
async fn resuming_over_a_wrong_prefix_cuts_at_the_first_wrong_chunk() {
    let bench = Bench::new();
    let incoming = bench.area().join(".incoming");
    bench.fetch().await;
    fs::remove_dir_all(bench.area()).unwrap();
    // What an earlier try left: six chunks, of which the third was damaged, and a file of nobody's.
    let mut left = bench.read(LARGE);
    left.truncate(6 * 4096);
    left[2 * 4096] ^= 1;
    fs::create_dir_all(incoming.join("år 2027")).unwrap();
    fs::write(incoming.join(LARGE), &left).unwrap();
    fs::write(incoming.join("stranger.csv"), b"?").unwrap();
    for directory in [&bench.area(), &incoming] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    }

    let report = bench.fetch().await;
    assert_eq!(report.outcome, Outcome::Verified, "{}", report.operator_note);
    assert_eq!(bench.handed_over(), bench.originals());
    assert_eq!((report.kept_bytes, report.fetched_bytes), (2 * CHUNK, 10 * CHUNK + 17));
    let kept: Vec<_> = report.chunks.iter().filter(|chunk| chunk.origin == Origin::Kept).collect();
    let verdicts: Vec<_> = kept.iter().map(|chunk| chunk.verdict).collect();
    assert_eq!(verdicts, [Verdict::Verified, Verdict::Verified, Verdict::Wrong]);
}

#[tokio::test]
async fn a_permit_revoked_between_batches_stops_the_transfer_and_it_resumes_later() {
    let bench = Bench::new();
    // Once at the start, and once before each of three batches.
    let gate = Counting::times(4);
    let report = fetch(&bench.order(), &gate).await.unwrap();
    assert_eq!(report.outcome, Outcome::Stopped("permit_revoked".into()));
    assert_eq!((report.batch_count, report.fetched_bytes), (3, 2 * CHUNK));
    assert_eq!(bench.handed_over(), []);
    let last = *gate.asked.lock().unwrap().last().unwrap();
    assert_eq!((last.verified_bytes, last.total_bytes), (2 * CHUNK, 12 * CHUNK + 17));

    let report = bench.fetch().await;
    assert_eq!(report.outcome, Outcome::Verified);
    assert_eq!((report.kept_bytes, report.fetched_bytes), (2 * CHUNK, 10 * CHUNK + 17));
    assert_eq!(bench.handed_over(), bench.originals());
}

#[tokio::test]
async fn a_permit_revoked_while_a_batch_runs_kills_the_client() {
    let bench = Bench::new();
    let limits = Limits { ask_every_ms: 20, ..bench.order().limits };
    let order = Order { endpoint: bench.silent_server(), limits, ..bench.order() };
    let began = Instant::now();
    let report = fetch(&order, &Counting::times(3)).await.unwrap();
    assert_eq!(report.outcome, Outcome::Stopped("permit_revoked".into()));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_source_that_says_nothing_meets_the_deadline() {
    let bench = Bench::new();
    let limits = Limits { deadline_s: 1, ..bench.order().limits };
    let order = Order { endpoint: bench.silent_server(), limits, ..bench.order() };
    let report = fetch(&order, &Counting::always()).await.unwrap();
    assert_eq!(failure(&report), "transfer_deadline");
}

#[tokio::test]
async fn a_source_without_a_manifest_or_without_a_server_is_told_apart() {
    let bench = Bench::new();
    fs::remove_file(bench.source().join("manifest.sig")).unwrap();
    let report = bench.fetch().await;
    assert_eq!(failure(&report), "manifest_missing");
    assert!(report.operator_note.contains("not found"), "{}", report.operator_note);

    let endpoint = Endpoint::LocalServer { path: "/nonexistent/sftp-server".into() };
    let report = fetch(&Order { endpoint, ..bench.order() }, &Counting::always()).await.unwrap();
    assert_eq!(failure(&report), "source_unreachable");
}

#[tokio::test]
async fn an_area_that_others_could_change_is_refused() {
    let bench = Bench::new();
    fs::create_dir_all(bench.area()).unwrap();
    fs::set_permissions(bench.area(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(failure(&bench.fetch().await), "area_not_private");
}

#[tokio::test]
async fn two_transfers_never_work_in_one_area() {
    let bench = Bench::new();
    fs::create_dir_all(bench.area()).unwrap();
    let lock = fs::File::open(bench.area()).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(failure(&bench.fetch().await), "area_busy");
    drop(lock);
    assert_eq!(bench.fetch().await.outcome, Outcome::Verified);
}

#[tokio::test]
async fn a_file_of_the_project_is_never_overwritten() {
    let bench = Bench::new();
    fs::create_dir_all(bench.area()).unwrap();
    fs::write(bench.area().join("two.csv"), noise(9, 10)).unwrap();
    assert_eq!(failure(&bench.fetch().await), "area_occupied");
    assert_eq!(bench.handed_over(), [("two.csv".to_owned(), noise(9, 10))]);
}

#[tokio::test]
async fn an_unfit_order_starts_nothing() {
    let bench = Bench::new();
    for area in ["relative", "/a/../b", "/a\"b"] {
        let order = Order { area: area.into(), ..bench.order() };
        let refused = fetch(&order, &Counting::always()).await.unwrap_err();
        assert_eq!(refused.code(), "transfer_bad_order", "{area}");
    }
}
