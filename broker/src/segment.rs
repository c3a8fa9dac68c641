//! Taking in segments of metered use from the agents.
//!
//! A segment is stored once, by (node, stream, sequence number); sending it again is harmless, and
//! another segment under the same number is refused. The mark per stream is the highest number
//! below which nothing is missing; the agent deletes up to there.

use agent_wire::{Acknowledged, Batch, Reading, Segment};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use sqlx::PgConnection;

/// Most segments in one delivery.
pub const BATCH_LIMIT: usize = 2_000;

/// Why a delivery was refused.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The token belongs to another node.
    #[error("this token is node {token_node}'s, but the batch says {batch_node}")]
    OtherNode {
        /// Node of the token.
        token_node: String,
        /// Node in the batch.
        batch_node: String,
    },
    /// Too many at once.
    #[error("a batch may hold at most {BATCH_LIMIT} segments")]
    TooMany,
    /// Same number, other content.
    #[error("segment {seq} of this stream was delivered before with other content")]
    NotTheSame {
        /// The number.
        seq: u64,
    },
    /// A figure outside what can be stored.
    #[error("segment {seq} has a figure out of range")]
    OutOfRange {
        /// The number.
        seq: u64,
    },
    /// The database failed.
    #[error("storing segments")]
    Database(#[from] sqlx::Error),
}

/// Stores a batch and returns the mark. The caller's transaction makes it one step.
pub async fn take_in(
    tx: &mut PgConnection,
    node: &str,
    batch: &Batch,
) -> Result<(Acknowledged, u64), SegmentError> {
    if batch.node != node {
        return Err(SegmentError::OtherNode {
            token_node: node.to_owned(),
            batch_node: batch.node.clone(),
        });
    }
    if batch.segments.len() > BATCH_LIMIT {
        return Err(SegmentError::TooMany);
    }
    let mut stored = 0;
    for segment in &batch.segments {
        stored += store(tx, batch, segment).await?;
    }
    let through = move_mark(tx, batch).await?;
    Ok((Acknowledged { through_seq: u64::try_from(through).unwrap_or(0) }, stored))
}

async fn store(
    tx: &mut PgConnection,
    batch: &Batch,
    segment: &Segment,
) -> Result<u64, SegmentError> {
    let seq = segment.seq;
    let out_of_range = |_| SegmentError::OutOfRange { seq };
    let number =
        |reading: Reading| reading.value().map(i64::try_from).transpose().map_err(out_of_range);
    let body = json!(segment);
    let digest = digest(&SHA256, body.to_string().as_bytes()).as_ref().to_vec();
    let inserted = sqlx::query!(
        "insert into broker.segment (node, stream_id, seq, boot_id, gpu_uuid, gpu_minor, gpu_name,
             started_at, ended_at, duration_ms, energy_mj, utilization_pct_ms, memory_max_mib,
             process_count, samples_got, samples_expected, simulated, reasons, digest)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         on conflict (node, stream_id, seq) do nothing",
        batch.node,
        batch.stream_id,
        i64::try_from(seq).map_err(out_of_range)?,
        batch.boot_id,
        segment.gpu_uuid,
        i32::try_from(segment.gpu_minor).map_err(out_of_range)?,
        segment.gpu_name,
        segment.started_at,
        segment.ended_at,
        i64::try_from(segment.duration_ms).map_err(out_of_range)?,
        number(segment.energy_mj)?,
        number(segment.utilization_pct_ms)?,
        number(segment.memory_max_mib)?,
        number(segment.process_count)?,
        i32::try_from(segment.samples_got).map_err(out_of_range)?,
        i32::try_from(segment.samples_expected).map_err(out_of_range)?,
        segment.simulated,
        reasons(segment),
        digest,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if inserted == 0 {
        let kept = sqlx::query_scalar!(
            "select digest from broker.segment where node = $1 and stream_id = $2 and seq = $3",
            batch.node,
            batch.stream_id,
            i64::try_from(seq).map_err(out_of_range)?,
        )
        .fetch_one(tx)
        .await?;
        if kept != digest {
            return Err(SegmentError::NotTheSame { seq });
        }
    }
    Ok(inserted)
}

/// Why a counter is missing, for each that is.
fn reasons(segment: &Segment) -> serde_json::Value {
    let readings = [
        ("energy_mj", segment.energy_mj),
        ("utilization_pct_ms", segment.utilization_pct_ms),
        ("memory_max_mib", segment.memory_max_mib),
        ("process_count", segment.process_count),
    ];
    readings
        .into_iter()
        .filter(|(_, reading)| reading.value().is_none())
        .map(|(name, reading)| (name.to_owned(), json!(reading)))
        .collect()
}

/// Moves the mark over everything that now follows it without a hole.
async fn move_mark(tx: &mut PgConnection, batch: &Batch) -> Result<i64, sqlx::Error> {
    sqlx::query!(
        "insert into broker.segment_mark (node, stream_id, through_seq) values ($1, $2, 0)
         on conflict do nothing",
        batch.node,
        batch.stream_id
    )
    .execute(&mut *tx)
    .await?;
    let from = sqlx::query_scalar!(
        "select through_seq from broker.segment_mark where node = $1 and stream_id = $2 for update",
        batch.node,
        batch.stream_id
    )
    .fetch_one(&mut *tx)
    .await?;
    let through = sqlx::query_scalar!(
        r#"select coalesce(max(seq), $3) as "through!" from
             (select seq, row_number() over (order by seq) as place from broker.segment
              where node = $1 and stream_id = $2 and seq > $3) later
           where seq = $3 + place"#,
        batch.node,
        batch.stream_id,
        from
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "update broker.segment_mark set through_seq = $3 where node = $1 and stream_id = $2",
        batch.node,
        batch.stream_id,
        through
    )
    .execute(tx)
    .await?;
    Ok(through)
}

#[cfg(test)]
mod tests;
