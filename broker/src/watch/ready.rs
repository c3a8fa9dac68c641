//! What has become ready: held jobs whose links are all verified and whose needs are met want their
//! release, and jobs that can never be released or must stop and run on want their cancellation.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use uuid::Uuid;

use crate::app::App;
use crate::outbox::{self, Effect};
use crate::plan::attempt;
use crate::plan::need::{self, Needs};

/// How long after a cancellation went through Slurm is left to act on it.
const CANCEL_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);

/// Wants a release for every submitted attempt on the cluster that nothing holds back, and a
/// cancellation for one whose needs can never be met.
///
/// Looked at without a lock, since ten thousand may wait; only what is ready is locked, and looked at
/// once more. A link verified and a job accepted at the same moment are never both overlooked: the
/// next look sees both.
pub(super) async fn want_releases(app: &App) -> anyhow::Result<()> {
    let mut connection = app.db.acquire().await?;
    let waiting = sqlx::query!(
        r#"select a.attempt_id, a.job_plan_id, p.trace_id, p.link_ids,
               exists (select from broker.job_plan_need n
                   where n.job_plan_id = a.job_plan_id) as "needs!"
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where a.state = 'submitted' and a.cancel_reason is null and a.queued_at is not null
             and a.held_back_by is null and a.kept_by is null and a.cluster = $1
           order by a.attempt_id"#,
        app.cluster.name,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut verified: HashMap<Vec<Uuid>, bool> = HashMap::new();
    let mut ready = Vec::new();
    for attempt in waiting {
        let needs = match attempt.needs {
            true => need::all_met(&mut connection, attempt.job_plan_id).await?,
            false => Needs::Met,
        };
        let decision = match needs {
            Needs::Waiting => continue,
            Needs::Never(reason) => Decision::Stop(reason),
            Needs::Met => {
                // Many wait for the same link: it is looked at once.
                let is_there = match verified.get(&attempt.link_ids) {
                    Some(known) => *known,
                    None => {
                        let links = &attempt.link_ids;
                        let is_there = staging::link::all_verified(&mut connection, links).await?;
                        verified.insert(links.clone(), is_there);
                        is_there
                    }
                };
                if !is_there {
                    continue;
                }
                Decision::Release
            }
        };
        ready.push((attempt.attempt_id, attempt.trace_id, decision));
    }
    drop(connection);
    if ready.is_empty() {
        return Ok(());
    }
    want(app, ready).await
}

/// What is to become of an attempt that waits.
enum Decision {
    Release,
    /// It can never be released, and why.
    Stop(String),
}

/// Wants what was decided, of those that still wait and have nothing of the kind under way.
async fn want(app: &App, ready: Vec<(Uuid, Uuid, Decision)>) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let ids: Vec<Uuid> = ready.iter().map(|(attempt_id, ..)| *attempt_id).collect();
    let locked = sqlx::query_scalar!(
        "select a.attempt_id from broker.attempt a
         where a.attempt_id = any($1)
             and a.state = 'submitted' and a.cancel_reason is null and a.queued_at is not null
             and a.held_back_by is null and a.kept_by is null
             and not exists (select from broker.outbox o
                 where o.effect->>'attempt_id' = a.attempt_id::text
                   and o.effect->>'effect' in ('release', 'hold') and o.done_at is null)
         order by a.attempt_id
         for update of a skip locked",
        &ids,
    )
    .fetch_all(&mut *tx)
    .await?;
    let locked: HashSet<Uuid> = locked.into_iter().collect();
    let mut wanted = false;
    for (attempt_id, trace_id, decision) in ready {
        if !locked.contains(&attempt_id) {
            continue;
        }
        let effect = match decision {
            Decision::Release => Effect::Release { attempt_id },
            Decision::Stop(reason) => {
                if !attempt::want_cancelled(&mut tx, attempt_id, &reason).await? {
                    continue;
                }
                Effect::Cancel { attempt_id }
            }
        };
        outbox::want(&mut tx, &effect, trace_id, now).await?;
        wanted = true;
    }
    tx.commit().await?;
    if wanted {
        app.outbox_wake.notify_one();
    }
    Ok(())
}

/// Wants a cancellation for every attempt that must stop and has none under way.
///
/// The first is wanted with the reason. This one is for a job that came back after it: a submission
/// that was in doubt, or a job that Slurm had lost.
pub(super) async fn want_cancels(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let unstopped = sqlx::query!(
        r#"select a.attempt_id, p.trace_id
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where a.state in ('submitted', 'released', 'running')
             and a.cancel_reason is not null and a.queued_at is not null and a.cluster = $2
             and not exists (select from broker.outbox o
                 where o.effect->>'attempt_id' = a.attempt_id::text
                   and o.effect->>'effect' = 'cancel'
                   and (o.done_at is null or o.done_at > $1))
           order by a.attempt_id
           for update of a skip locked"#,
        now - CANCEL_AGAIN_AFTER,
        app.cluster.name,
    )
    .fetch_all(&mut *tx)
    .await?;
    for attempt in &unstopped {
        let effect = Effect::Cancel { attempt_id: attempt.attempt_id };
        outbox::want(&mut tx, &effect, attempt.trace_id, now).await?;
    }
    tx.commit().await?;
    if !unstopped.is_empty() {
        app.outbox_wake.notify_one();
    }
    Ok(())
}
