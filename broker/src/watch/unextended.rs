//! Extensions that slurmctld acknowledged and forgot: it died before it saved them, and the job has its
//! old limit again.
//!
//! What was set aside for it still is, and the person was told: so Slurm is told once more. Only an
//! extension that may have been forgotten is; a limit that somebody lowered by hand later stays.

use chrono::{DateTime, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::{Answer, Call, JobRow};
use uuid::Uuid;

use super::follow::Followed;
use super::unreleased::TOLD_WITHIN;
use crate::app::App;
use crate::gateway::GatewayError;
use crate::outbox::{self, Effect};
use crate::plan::attempt;

/// An extension that Slurm acknowledged.
struct Extended {
    extension_id: Uuid,
    attempt_id: Uuid,
    slurm_job_id: i64,
    slurm_key: String,
    trace_id: Uuid,
    /// With this extension and every earlier one.
    limit_min: i64,
}

impl Extended {
    fn job_id(&self) -> Option<u32> {
        u32::try_from(self.slurm_job_id).ok()
    }

    /// Whether the row is its job's, under way with less than it was given.
    fn is_short_in(&self, row: &JobRow) -> bool {
        row.admin_comment.as_ref() == Some(&self.slurm_key)
            && !row.state.is_over()
            && row.time_limit_min.is_some_and(|limit| i64::from(limit) < self.limit_min)
    }
}

/// Wants every extension told again that was acknowledged since then and that slurmctld does not have.
///
/// slurmctld itself is asked about them first: what was followed of it may be older than the answer.
pub(super) async fn look(
    app: &App,
    followed: &Followed,
    since: DateTime<Utc>,
) -> anyhow::Result<()> {
    let mut extended = sqlx::query_as!(
        Extended,
        r#"select e.extension_id, a.attempt_id, a.slurm_job_id as "slurm_job_id!", a.slurm_key,
               p.trace_id, (a.spec->>'time_limit_min')::bigint as "limit_min!"
           from broker.extension e
               join broker.attempt a using (attempt_id)
               join broker.job_plan p using (job_plan_id)
           where e.granted_at between $1 and $2 and a.cluster = $3
             and a.state in ('submitted', 'released', 'running') and a.cancel_reason is null
             and not exists (select from broker.extension other
                 where other.attempt_id = a.attempt_id
                   and other.granted_at is null and other.refused_at is null)"#,
        since,
        app.clock.now() - TOLD_WITHIN,
        app.cluster.name,
    )
    .fetch_all(&app.db)
    .await?;
    extended.retain(|it| {
        let limit = it.job_id().and_then(|job_id| followed.limit_min(job_id));
        limit.is_some_and(|limit| i64::from(limit) < it.limit_min)
    });
    if extended.is_empty() {
        return Ok(());
    }
    let job_ids = extended.iter().filter_map(Extended::job_id).collect();
    let Answer::Jobs(rows) = app.gateway.call(&Call::ReadJobs { job_ids }).await? else {
        return Err(GatewayError::OutOfTurn.into());
    };
    for extended in extended.iter().filter(|it| rows.iter().any(|row| it.is_short_in(row))) {
        tell_again(app, extended).await?;
    }
    Ok(())
}

async fn tell_again(app: &App, extended: &Extended) -> anyhow::Result<()> {
    let &Extended { extension_id, attempt_id, trace_id, .. } = extended;
    let now = app.clock.now();
    let stamp = Stamp { actor: Actor::Program("watcher"), now, why: None, trace_id };
    let mut tx = app.db.begin().await?;
    attempt::lock(&mut tx, attempt_id).await?;
    let taken_back = sqlx::query!(
        "update broker.extension set granted_at = null
         where extension_id = $1 and granted_at is not null and not exists (
             select from broker.extension other where other.attempt_id = $2
               and other.granted_at is null and other.refused_at is null)",
        extension_id,
        attempt_id,
    )
    .execute(&mut *tx)
    .await?;
    if taken_back.rows_affected() == 0 {
        return Ok(()); // Another is on its way, and tells the whole limit.
    }
    let effect = Effect::SetTimeLimit { attempt_id, extension_id };
    outbox::want(&mut tx, &effect, trace_id, now).await?;
    let details = json!({ "extension_id": extension_id });
    stamp.audit(&mut tx, "attempt.extension_lost", ("attempt", attempt_id), details).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    tracing::warn!(attempt.id = %attempt_id, slurm.job_id = extended.slurm_job_id,
        "slurmctld forgot a longer time limit; telling it again");
    Ok(())
}
