//! Taking in segments on a real PostgreSQL: repeats, holes, marks and other nodes.

use chrono::TimeDelta;
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::stage::{day, migrate};

fn segment(seq: u64) -> Segment {
    let started_at = day(7, 1) + TimeDelta::seconds(60 * i64::try_from(seq).unwrap());
    Segment {
        seq,
        gpu_uuid: "GPU-1".to_owned(),
        gpu_minor: 0,
        gpu_name: "SIMULATED H200".to_owned(),
        started_at,
        ended_at: started_at + TimeDelta::seconds(60),
        duration_ms: 60_000,
        energy_mj: Reading::Value(24_000_000),
        utilization_pct_ms: Reading::Unsupported,
        memory_max_mib: Reading::Value(20_000),
        process_count: Reading::Value(1),
        samples_got: 60,
        samples_expected: 60,
        simulated: true,
    }
}

fn batch(seqs: &[u64]) -> Batch {
    Batch {
        node: "node1".to_owned(),
        boot_id: Uuid::from_u128(1),
        stream_id: Uuid::from_u128(2),
        segments: seqs.iter().copied().map(segment).collect(),
    }
}

/// Delivers as the API does; returns the mark and how many segments were new.
async fn deliver(db: &PgPool, node: &str, batch: &Batch) -> Result<(u64, u64), SegmentError> {
    let mut tx = db.begin().await?;
    let (acknowledged, stored) = take_in(&mut tx, node, batch).await?;
    tx.commit().await?;
    Ok((acknowledged.through_seq, stored))
}

#[sqlx::test(migrations = false)]
async fn the_same_batch_again_stores_nothing_and_is_acknowledged_alike(db: PgPool) {
    migrate(&db).await;
    assert_eq!(deliver(&db, "node1", &batch(&[1, 2, 3])).await.unwrap(), (3, 3));
    assert_eq!(deliver(&db, "node1", &batch(&[1, 2, 3])).await.unwrap(), (3, 0));
    let reasons: serde_json::Value = sqlx::query_scalar(
        "select reasons from broker.segment where seq = 1 and utilization_pct_ms is null",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(reasons, serde_json::json!({ "utilization_pct_ms": "unsupported" }));
}

#[sqlx::test(migrations = false)]
async fn the_mark_stays_below_a_hole_until_it_is_filled(db: PgPool) {
    migrate(&db).await;
    assert_eq!(deliver(&db, "node1", &batch(&[2, 3])).await.unwrap(), (0, 2));
    assert_eq!(deliver(&db, "node1", &batch(&[5])).await.unwrap(), (0, 1));
    assert_eq!(deliver(&db, "node1", &batch(&[1])).await.unwrap(), (3, 1));
    assert_eq!(deliver(&db, "node1", &batch(&[4])).await.unwrap(), (5, 1));
    assert_eq!(deliver(&db, "node1", &batch(&[])).await.unwrap(), (5, 0));
}

#[sqlx::test(migrations = false)]
async fn another_segment_under_a_known_number_is_refused_with_its_whole_batch(db: PgPool) {
    migrate(&db).await;
    deliver(&db, "node1", &batch(&[1])).await.unwrap();
    let mut changed = batch(&[2, 1]);
    changed.segments[1].energy_mj = Reading::Value(1);
    let refused = deliver(&db, "node1", &changed).await;
    assert!(matches!(refused, Err(SegmentError::NotTheSame { seq: 1 })));
    assert_eq!(deliver(&db, "node1", &batch(&[])).await.unwrap(), (1, 0));
}

#[sqlx::test(migrations = false)]
async fn a_node_speaks_for_itself_alone(db: PgPool) {
    migrate(&db).await;
    let refused = deliver(&db, "node2", &batch(&[1])).await;
    assert!(matches!(refused, Err(SegmentError::OtherNode { .. })));
    let too_many: Vec<u64> = (1..=2_001).collect();
    let refused = deliver(&db, "node1", &batch(&too_many)).await;
    assert!(matches!(refused, Err(SegmentError::TooMany)));
    let mut wide = batch(&[1]);
    wide.segments[0].energy_mj = Reading::Value(u64::MAX);
    let refused = deliver(&db, "node1", &wide).await;
    assert!(matches!(refused, Err(SegmentError::OutOfRange { seq: 1 })));
}

#[sqlx::test(migrations = false)]
async fn eight_deliveries_of_one_batch_at_once_store_it_once(db: PgPool) {
    migrate(&db).await;
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = db.clone();
        racers.spawn(async move { deliver(&db, "node1", &batch(&[1, 2, 3, 4])).await.unwrap() });
    }
    let outcomes = racers.join_all().await;
    assert!(outcomes.iter().all(|(mark, _)| *mark == 4));
    assert_eq!(outcomes.iter().map(|(_, stored)| stored).sum::<u64>(), 4);
}
