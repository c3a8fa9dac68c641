//! Delivery over real TLS, to a broker that fails before it works.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod stand_in_broker;

use std::path::Path;
use std::sync::{Arc, Mutex};

use agent::config::Config;
use agent::courier::{Courier, DeliveryError};
use agent::metrics::Metrics;
use agent::spool::{Limits, Spool};
use agent_wire::{Reading, Segment};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tokio::sync::Notify;
use uuid::Uuid;

use self::stand_in_broker::StandInBroker;

const BOOT: Uuid = Uuid::from_u128(1);

fn noon() -> DateTime<Utc> {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn segment() -> Segment {
    Segment {
        seq: 0,
        gpu_uuid: "GPU-SIMULATED-node01-4".to_owned(),
        gpu_minor: 4,
        gpu_name: "SIMULATED GPU".to_owned(),
        started_at: noon(),
        ended_at: noon() + TimeDelta::seconds(60),
        duration_ms: 60_000,
        energy_mj: Reading::Value(1),
        utilization_pct_ms: Reading::Unsupported,
        memory_max_mib: Reading::Value(1),
        process_count: Reading::Value(0),
        samples_got: 60,
        samples_expected: 60,
        simulated: true,
    }
}

fn spool(dir: &Path, total_bytes: u64) -> Arc<Mutex<Spool>> {
    let limits = Limits { file_bytes: 4_096, total_bytes, max_age: TimeDelta::days(35) };
    let (spool, _) = Spool::open(dir, "node01", limits, Uuid::from_u128(7)).unwrap();
    Arc::new(Mutex::new(spool))
}

fn add(spool: &Mutex<Spool>, count: usize) {
    spool.lock().unwrap().append(BOOT, vec![segment(); count], noon()).unwrap();
}

fn courier(broker: &StandInBroker, spool: &Arc<Mutex<Spool>>) -> Courier {
    let config: Config = toml::from_str(&format!(
        "node = 'node01'\nspool_dir = '/unused'\nbroker_url = '{}'\nca_file = '{}'\n\
         token_file = '{}'\nbatch_segments = 10",
        broker.url,
        broker.ca_file().display(),
        broker.token_file().display(),
    ))
    .unwrap();
    Courier::new(&config, Arc::clone(spool), Arc::new(Metrics::new().unwrap())).unwrap()
}

#[tokio::test]
async fn a_broker_that_fails_first_gets_each_segment_once() {
    let (broker, dir) = (StandInBroker::start().await, TempDir::new().unwrap());
    let spool = spool(dir.path(), 1_000_000);
    let mut courier = courier(&broker, &spool);
    add(&spool, 25);
    broker.kept(|kept| kept.refuse_with = Some(StatusCode::SERVICE_UNAVAILABLE));
    let failed = courier.drain().await;
    assert!(matches!(failed, Err(DeliveryError::Refused { first_seq: 1, last_seq: 10, .. })));
    assert_eq!(spool.lock().unwrap().waiting(), 25);

    broker.kept(|kept| kept.refuse_with = None);
    courier.drain().await.unwrap();
    broker.kept(|kept| {
        assert_eq!((kept.segments.len(), kept.batch_count), (25, 3));
        assert!(kept.conflicts.is_empty());
    });
    assert_eq!(spool.lock().unwrap().waiting(), 0);
}

#[tokio::test]
async fn a_running_courier_delivers_once_the_broker_is_back() {
    let (broker, dir) = (StandInBroker::start().await, TempDir::new().unwrap());
    let spool = spool(dir.path(), 1_000_000);
    let mut courier = courier(&broker, &spool);
    add(&spool, 1);
    broker.kept(|kept| kept.refuse_with = Some(StatusCode::BAD_GATEWAY));
    let arrived = Arc::new(Notify::new());
    let running = tokio::spawn({
        let arrived = Arc::clone(&arrived);
        async move { courier.run(&arrived).await }
    });
    broker.until("a second try", |kept| (kept.refused_count >= 2).then_some(())).await;
    broker.kept(|kept| kept.refuse_with = None);
    broker.until("the segment", |kept| (kept.segments.len() == 1).then_some(())).await;
    add(&spool, 1);
    arrived.notify_one();
    broker.until("one that came later", |kept| (kept.segments.len() == 2).then_some(())).await;
    running.abort();
}

#[tokio::test]
async fn a_restarted_agent_sends_again_and_nothing_counts_twice() {
    let (broker, dir) = (StandInBroker::start().await, TempDir::new().unwrap());
    let first = spool(dir.path(), 1_000_000);
    add(&first, 5);
    courier(&broker, &first).drain().await.unwrap();
    drop(first);
    let second = spool(dir.path(), 1_000_000);
    add(&second, 5);
    courier(&broker, &second).drain().await.unwrap();
    broker.kept(|kept| {
        assert_eq!(kept.segments.len(), 10);
        assert!(kept.conflicts.is_empty());
    });
}

#[tokio::test]
async fn segments_dropped_by_a_full_spool_leave_a_hole_and_do_not_stop_the_rest() {
    let (broker, dir) = (StandInBroker::start().await, TempDir::new().unwrap());
    let spool = spool(dir.path(), 16_384);
    for _ in 0..40 {
        add(&spool, 3);
    }
    let kept_count = spool.lock().unwrap().waiting();
    assert!(kept_count < 120);
    courier(&broker, &spool).drain().await.unwrap();
    broker.kept(|kept| assert_eq!(kept.segments.len() as u64, kept_count));
    assert_eq!(spool.lock().unwrap().waiting(), 0);
}

#[tokio::test]
async fn a_renewed_token_is_taken_up_without_a_restart() {
    let (broker, dir) = (StandInBroker::start().await, TempDir::new().unwrap());
    let spool = spool(dir.path(), 1_000_000);
    let mut courier = courier(&broker, &spool);
    add(&spool, 1);
    std::fs::write(broker.token_file(), "old").unwrap();
    assert!(matches!(courier.drain().await, Err(DeliveryError::TokenRefused { .. })));
    std::fs::write(broker.token_file(), stand_in_broker::TOKEN).unwrap();
    courier.drain().await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_not_spoken_to() {
    let (broker, other) = (StandInBroker::start().await, StandInBroker::start().await);
    let dir = TempDir::new().unwrap();
    let spool = spool(dir.path(), 1_000_000);
    std::fs::copy(other.ca_file(), broker.ca_file()).unwrap();
    let mut courier = courier(&broker, &spool);
    add(&spool, 1);
    assert!(matches!(courier.drain().await, Err(DeliveryError::Unreachable(_))));
    broker.kept(|kept| assert_eq!(kept.batch_count, 0));
}
