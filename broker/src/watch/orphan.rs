//! Orphans: held jobs that carry an attempt's mark under another id than the attempt's own.
//!
//! Where the gateway is not Slurm's administrator, Slurm chooses the id, and a submission in doubt that
//! is made again may leave one behind. It is held, so it has not run, and it is cancelled.

use slurm_wire::{JobRow, JobState};

use crate::app::App;
use crate::outbox::{self, Effect};

/// Wants the cancellation of what lies held under an attempt's mark and is not the attempt's own.
///
/// Whether it may yet become the attempt's own, the effect finds out.
pub(super) async fn want_cancelled(app: &App, strays: &[&JobRow]) -> anyhow::Result<()> {
    let held = strays.iter().filter(|row| row.held && row.state == JobState::Pending);
    for row in held {
        let Some(key) = row.admin_comment.as_deref() else { continue };
        let job_id = row.asked_id();
        let mut tx = app.db.begin().await?;
        let found = sqlx::query!(
            r#"select p.trace_id,
                   exists (select from broker.outbox o
                       where o.effect->>'effect' = 'cancel_orphan' and o.done_at is null
                           and o.effect->>'key' = $1
                           and (o.effect->>'job_id')::bigint = $2) as "wanted!"
               from broker.attempt a join broker.job_plan p using (job_plan_id)
               where a.slurm_key = $1 and a.cluster = $3"#,
            key,
            i64::from(job_id),
            app.cluster.name,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found.filter(|found| !found.wanted) else { continue };
        let effect = Effect::CancelOrphan { job_id, key: key.to_owned() };
        outbox::want(&mut tx, &effect, found.trace_id, app.clock.now()).await?;
        tx.commit().await?;
        app.outbox_wake.notify_one();
        tracing::warn!(
            slurm.job_id = job_id,
            "a submission in doubt left a held job behind; it is cancelled"
        );
    }
    Ok(())
}
