//! The newest reading of each record, by slurmdbd's own key.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::json;
use slurm_wire::JobRecord;
use sqlx::PgConnection;
use uuid::Uuid;

use super::raw::{self, Source};
use super::run;

/// A record and the observation that it was read in.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) record: JobRecord,
    pub(crate) observation_id: Uuid,
}

/// Stores the record as it was told, and as the newest reading. One that has lost what it had told of
/// the same run before is not taken for the newest.
pub(super) async fn keep(
    tx: &mut PgConnection,
    cluster: &str,
    record: &JobRecord,
    now: DateTime<Utc>,
) -> anyhow::Result<Uuid> {
    let asked_id = record.asked_id();
    let observation_id =
        raw::keep(&mut *tx, (Source::Slurmdbd, cluster), (asked_id, &json!(record)), now).await?;
    if record.ended_at.is_some()
        && !run::is_final(record)
        && was_whole(&mut *tx, cluster, record).await?
    {
        return Ok(observation_id);
    }
    sqlx::query!(
        "insert into broker.job_record (cluster, db_index, asked_id, observation_id, read_at)
         values ($1, $2, $3, $4, $5)
         on conflict (cluster, db_index) do update
         set asked_id = $3, observation_id = $4, read_at = $5
         where job_record.observation_id <> $4",
        cluster,
        record.db_index.cast_signed(),
        i64::from(asked_id),
        observation_id,
        now,
    )
    .execute(tx)
    .await?;
    Ok(observation_id)
}

/// Whether the newest reading of the same run was whole.
async fn was_whole(
    tx: &mut PgConnection,
    cluster: &str,
    record: &JobRecord,
) -> anyhow::Result<bool> {
    let kept = sqlx::query_scalar!(
        "select o.body
         from broker.job_record r join broker.observation o using (observation_id)
         where r.cluster = $1 and r.db_index = $2",
        cluster,
        record.db_index.cast_signed(),
    )
    .fetch_optional(tx)
    .await?;
    let Some(kept) = kept else { return Ok(false) };
    let kept: JobRecord = serde_json::from_value(kept).context("a record that was kept")?;
    Ok(run::is_final(&kept) && kept.started_at == record.started_at)
}

/// The newest reading of every record of these jobs.
pub(crate) async fn of_jobs(
    tx: &mut PgConnection,
    cluster: &str,
    asked_ids: &[u32],
) -> anyhow::Result<Vec<Kept>> {
    let asked_ids: Vec<i64> = asked_ids.iter().copied().map(i64::from).collect();
    let rows = sqlx::query!(
        "select o.body, o.observation_id
         from broker.job_record r join broker.observation o using (observation_id)
         where r.cluster = $1 and r.asked_id = any($2)
         order by r.db_index",
        cluster,
        &asked_ids,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let record = serde_json::from_value(row.body).context("a record that was kept")?;
            Ok(Kept { record, observation_id: row.observation_id })
        })
        .collect()
}
