//! The spool against a real directory: death, damage, acknowledgement, bounds.

use agent_wire::Reading;
use tempfile::TempDir;

use super::*;

const NODE: &str = "node01";
const BOOT: Uuid = Uuid::from_u128(1);
const STREAM: Uuid = Uuid::from_u128(7);

fn noon() -> DateTime<Utc> {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn limits() -> Limits {
    Limits { file_bytes: 4_096, total_bytes: 16_384, max_age: TimeDelta::days(35) }
}

fn segments(count: usize, ended_at: DateTime<Utc>) -> Vec<Segment> {
    let segment = Segment {
        seq: 0,
        gpu_uuid: "GPU-SIMULATED-node01-4".to_owned(),
        gpu_minor: 4,
        gpu_name: "SIMULATED GPU".to_owned(),
        started_at: ended_at - TimeDelta::seconds(60),
        ended_at,
        duration_ms: 60_000,
        energy_mj: Reading::Value(1),
        utilization_pct_ms: Reading::Unsupported,
        memory_max_mib: Reading::Value(1),
        process_count: Reading::Value(0),
        samples_got: 60,
        samples_expected: 60,
        simulated: true,
    };
    vec![segment; count]
}

fn open(dir: &Path) -> (Spool, Recovery) {
    Spool::open(dir, NODE, limits(), STREAM).unwrap()
}

fn add(spool: &mut Spool, count: usize) -> Dropped {
    spool.append(BOOT, segments(count, noon()), noon()).unwrap()
}

fn parcel_seqs(spool: &Spool, most: usize) -> Vec<u64> {
    let parcel = spool.next_parcel(most).unwrap();
    parcel.map_or(Vec::new(), |parcel| parcel.segments.iter().map(|s| s.seq).collect())
}

fn files(dir: &TempDir) -> Vec<PathBuf> {
    stream::spool_files(dir.path()).unwrap().into_iter().map(|(_, path)| path).collect()
}

#[test]
fn numbers_run_on_after_a_restart_and_so_does_the_stream() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    add(&mut spool, 3);
    drop(spool);
    let other_id = Uuid::from_u128(8);
    let (mut spool, recovery) = Spool::open(dir.path(), NODE, limits(), other_id).unwrap();
    assert_eq!((spool.stream_id(), recovery), (STREAM, Recovery::default()));
    add(&mut spool, 1);
    assert_eq!(parcel_seqs(&spool, 100), [1, 2, 3, 4]);
}

#[test]
fn a_tail_torn_by_kill_9_is_cut_off_and_counted() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    add(&mut spool, 3);
    drop(spool);
    let path = files(&dir).remove(0);
    let whole = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(whole - 5).unwrap();

    let (mut spool, recovery) = open(dir.path());
    assert!(recovery.torn_bytes > 0);
    assert_eq!(spool.next_seq(), 3, "the torn one was never durable, so its number is free");
    add(&mut spool, 1);
    drop(spool);
    let (spool, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery::default(), "the tail was cut, not stepped over");
    assert_eq!(parcel_seqs(&spool, 100), [1, 2, 3]);
}

#[test]
fn damage_inside_a_file_takes_one_segment_and_no_number_twice() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    add(&mut spool, 3);
    drop(spool);
    let path = files(&dir).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let (mut spool, recovery) = open(dir.path());
    assert_eq!((recovery.damage_count, spool.next_seq()), (1, 4));
    add(&mut spool, 1);
    assert_eq!(parcel_seqs(&spool, 100), [1, 3, 4]);
    assert_eq!(spool.first_after(1), Some(3));
}

#[test]
fn acknowledged_files_are_deleted_and_the_numbers_run_on() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    for _ in 0..12 {
        add(&mut spool, 2);
    }
    assert!(files(&dir).len() > 2);
    spool.acknowledge(24).unwrap();
    assert_eq!((files(&dir).len(), spool.waiting()), (1, 0));
    assert_eq!(parcel_seqs(&spool, 100), [0_u64; 0]);
    drop(spool);
    let (mut spool, _) = open(dir.path());
    assert_eq!(spool.next_seq(), 25);
    add(&mut spool, 1);
    spool.acknowledge(24).unwrap();
    assert_eq!(parcel_seqs(&spool, 100), [25]);
}

#[test]
fn parcels_are_bounded_cross_files_and_never_mix_boots() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    for _ in 0..6 {
        add(&mut spool, 3);
    }
    assert!(files(&dir).len() > 1);
    assert_eq!(parcel_seqs(&spool, 5), [1, 2, 3, 4, 5]);
    assert_eq!(parcel_seqs(&spool, 100), (1..=18).collect::<Vec<u64>>());
    spool.append(Uuid::from_u128(2), segments(1, noon()), noon()).unwrap();
    assert_eq!(parcel_seqs(&spool, 100).last(), Some(&18));
    spool.acknowledge(18).unwrap();
    let parcel = spool.next_parcel(100).unwrap().unwrap();
    assert_eq!((parcel.boot_id, parcel.segments.len()), (Uuid::from_u128(2), 1));
}

#[test]
fn a_full_spool_drops_the_oldest_and_counts_them() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    let dropped: u64 = (0..40).map(|_| add(&mut spool, 3).full).sum();
    assert!(dropped > 0);
    assert!(spool.bytes() <= limits().total_bytes);
    assert_eq!(spool.waiting(), 120 - dropped);
    assert_eq!(parcel_seqs(&spool, 1), [dropped + 1]);
}

#[test]
fn what_waited_too_long_is_dropped_and_counted() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    add(&mut spool, 2);
    let later = noon() + TimeDelta::days(36);
    let dropped = spool.append(BOOT, segments(1, later), later).unwrap();
    assert_eq!(dropped, Dropped { full: 0, aged: 2 });
    assert_eq!(parcel_seqs(&spool, 100), [3]);
}

#[test]
fn two_agents_cannot_share_a_spool() {
    let dir = TempDir::new().unwrap();
    let (_spool, _) = open(dir.path());
    let second = Spool::open(dir.path(), NODE, limits(), STREAM);
    assert!(matches!(second, Err(SpoolError::InUse(_))));
}

#[test]
fn a_spool_belongs_to_its_node() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let other = Spool::open(dir.path(), "node02", limits(), STREAM);
    assert!(matches!(other, Err(SpoolError::OtherNode { .. })));
}

#[test]
fn a_half_deleted_spool_is_refused_not_begun_anew() {
    let dir = TempDir::new().unwrap();
    let (mut spool, _) = open(dir.path());
    add(&mut spool, 1);
    drop(spool);
    let kept = std::fs::read(dir.path().join("stream.json")).unwrap();
    std::fs::remove_file(dir.path().join("stream.json")).unwrap();
    let refused = Spool::open(dir.path(), NODE, limits(), STREAM);
    assert!(matches!(refused, Err(SpoolError::Incomplete(_))));

    std::fs::write(dir.path().join("stream.json"), kept).unwrap();
    std::fs::remove_file(files(&dir).remove(0)).unwrap();
    let refused = Spool::open(dir.path(), NODE, limits(), STREAM);
    assert!(matches!(refused, Err(SpoolError::Incomplete(_))));
}
