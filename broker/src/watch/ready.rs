//! What has become ready: held jobs whose links are all verified want their release.

use crate::app::App;
use crate::outbox::{self, Effect};

/// Wants a release for every submitted attempt that nothing holds back.
///
/// One statement decides, so that a link verified and a job accepted at the same moment are never
/// both overlooked: the next look sees both.
pub(super) async fn want_releases(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let waiting = sqlx::query!(
        r#"select a.attempt_id, p.trace_id, p.link_ids
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where a.state = 'submitted' and a.cancel_reason is null and a.queued_at is not null
             and not exists (select from broker.outbox o
                 where o.effect->>'effect' = 'release'
                   and o.effect->>'attempt_id' = a.attempt_id::text and o.done_at is null)
           order by a.attempt_id
           for update of a skip locked"#
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut wanted = false;
    for attempt in waiting {
        if staging::link::all_verified(&mut tx, &attempt.link_ids).await? {
            let effect = Effect::Release { attempt_id: attempt.attempt_id };
            outbox::want(&mut tx, &effect, attempt.trace_id, now).await?;
            wanted = true;
        }
    }
    tx.commit().await?;
    if wanted {
        app.outbox_wake.notify_waiters();
    }
    Ok(())
}
