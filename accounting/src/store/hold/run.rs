//! Recording runs, each once.

use record::Stamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::settle::{NewRun, SettleError};
use crate::store::kept;

/// Records a run of a hold, and tells whether it is news.
///
/// A run is known by its cluster and its key in slurmdbd, so whatever is read twice, by two readers
/// or with two ids, is recorded once. A second reading must agree with the first.
pub(super) async fn record(
    tx: &mut PgConnection,
    (hold_id, charged): (Uuid, bool),
    run: &NewRun,
    stamp: &Stamp<'_>,
) -> Result<bool, SettleError> {
    check(run)?;
    // Two transactions with the same run queue here on the unique key: the second waits until the
    // first has committed and then finds its row below.
    let inserted = sqlx::query!(
        "insert into accounting.run (run_id, hold_id, cluster, slurm_job_id, db_index, started_at,
             ended_at, gpu_count, gpu_seconds, state, chargeable, observation_id, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict do nothing",
        run.run_id,
        hold_id,
        run.cluster,
        run.slurm_job_id,
        run.db_index,
        run.started_at,
        run.ended_at,
        run.gpu_count,
        run.gpu_seconds.get(),
        run.state,
        charged,
        run.observation_id,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(true);
    }
    let earlier = sqlx::query!(
        "select hold_id, slurm_job_id, started_at, ended_at, gpu_count, gpu_seconds, state,
             chargeable
         from accounting.run where cluster = $1 and db_index = $2",
        run.cluster,
        run.db_index,
    )
    .fetch_optional(tx)
    .await?
    .ok_or(SettleError::RunIdReused(run.run_id))?;
    let agrees = earlier.hold_id == hold_id
        && earlier.slurm_job_id == run.slurm_job_id
        && earlier.started_at == kept(run.started_at)
        && earlier.ended_at == kept(run.ended_at)
        && earlier.gpu_count == run.gpu_count
        && earlier.gpu_seconds == run.gpu_seconds.get()
        && earlier.state == run.state
        && earlier.chargeable == charged;
    if agrees {
        Ok(false)
    } else {
        Err(SettleError::RunDiffers { cluster: run.cluster.clone(), db_index: run.db_index })
    }
}

fn check(run: &NewRun) -> Result<(), SettleError> {
    let fault = if run.ended_at < run.started_at {
        "it ends before it starts"
    } else if run.gpu_count < 0 {
        "it has less than no GPU"
    } else {
        return Ok(());
    };
    Err(SettleError::Malformed { run_id: run.run_id, fault })
}
