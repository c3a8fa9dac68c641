//! Runaways: records without an end, of jobs that slurmctld no longer has. slurmctld died before it
//! told slurmdbd of the end.
//!
//! One holds up no settlement while its job has another record that is final; alone, it is told to a
//! person, and the attempt is settled when Slurm has its end. An end that comes later is a late run.

use chrono::DateTime;
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::JobRecord;

use super::roll::Watched;
use super::run;
use crate::app::App;
use crate::exception::{self, ExceptionKind, Found};

/// Raises an exception for each of these jobs that has no other, final record.
pub(super) async fn tell(
    app: &App,
    watched: &Watched,
    (job_ids, records): (&[u32], &[&JobRecord]),
) -> anyhow::Result<()> {
    let (actor, trace_id) = (Actor::Program("watcher"), watched.trace_id);
    let stamp = Stamp { actor, now: app.clock.now(), why: None, trace_id };
    let mut tx = app.db.begin().await?;
    for job_id in job_ids {
        let of_job = || records.iter().filter(|record| record.job_id == *job_id);
        if of_job().any(|record| run::is_final(record)) {
            continue;
        }
        let submitted_at = of_job().find_map(|record| record.submitted_at);
        let submitted_at = submitted_at.and_then(|at| DateTime::from_timestamp(at, 0));
        let found = Found {
            kind: ExceptionKind::RunawayRecord,
            cluster: &watched.cluster,
            slurm_job_id: i64::from(*job_id),
            submitted_at: submitted_at.unwrap_or(watched.created_at),
            distinction: "",
            attempt_id: Some(watched.attempt_id),
            facts: json!({
                "db_index": of_job().map(|record| record.db_index).collect::<Vec<_>>(),
                "sentence": "slurmdbd has no end of it and slurmctld does not have it; give it one \
                             with `sacctmgr show runawayjobs`",
            }),
        };
        if exception::keep(&mut tx, &found, &stamp).await?.is_some() {
            tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = job_id,
                "slurmdbd has no end of a job that slurmctld does not have; give it one with \
                 `sacctmgr show runawayjobs`");
        }
    }
    tx.commit().await?;
    Ok(())
}
