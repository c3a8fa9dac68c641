//! Acting at a limit, as each agency has decided for itself.
//!
//! Every round the use of each agency with a policy is compared with its steps. What a step asks
//! for is recorded before it is done, and in a dry run only recorded. What ends by itself when the
//! use falls below the step again, after a top-up, is undone: held jobs are let go.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use quotas::limit::policy::{self, Action, Policy, PolicyError, Standing, Step, Taken};
use record::{Actor, Stamp};
use sqlx::PgConnection;
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, AttemptState};

mod jobs;
#[cfg(test)]
mod tests;

/// How often the agencies' use is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Acts at limits until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = look(&app).await {
            tracing::error!(error = format!("{error:#}"), "limits cannot be looked at");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Looks at every agency that has a policy.
async fn look(app: &App) -> anyhow::Result<()> {
    let policies = policy::list(&mut *app.db.acquire().await?).await?;
    for policy in &policies {
        act(app, policy).await?;
    }
    jobs::let_go_without_policy(app, &policies).await
}

/// Does what one agency's policy asks for now.
async fn act(app: &App, policy: &Policy) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    // One mimerd at a time acts for an agency, so that nothing is recorded twice.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 1))")
        .bind(policy.agency_id.to_string())
        .execute(&mut *tx)
        .await?;
    let standing = policy::standing(&mut tx, policy.agency_id, now).await?;
    let steps = policy::reached(policy, standing.used, standing.granted);
    let stamp =
        Stamp { actor: Actor::Program("limits"), now, why: None, trace_id: record::id::fresh() };
    let mut at = At { policy, standing, stamp, wake_cluster: false };
    for &step in &steps {
        match step.action {
            Action::Warn | Action::StopNew | Action::LowerQos => at.tell(&mut tx, step).await?,
            Action::HoldPending => jobs::hold_pending(&mut tx, &mut at, step).await?,
            Action::CancelRunning => jobs::cancel_running(&mut tx, &mut at, step).await?,
        }
    }
    let holds = steps.iter().any(|step| step.action == Action::HoldPending) && !policy.dry_run;
    if !holds {
        jobs::let_go(&mut tx, policy.agency_id).await?;
    }
    let wake_cluster = at.wake_cluster;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    if wake_cluster {
        app.clusters.wake();
    }
    Ok(())
}

/// The agencies whose jobs come after everybody else's now, by their own decision.
pub async fn lowered_agencies(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<BTreeSet<Uuid>, PolicyError> {
    let mut lowered = BTreeSet::new();
    for policy in policy::list(&mut *tx).await? {
        let lowers = policy.steps.iter().any(|step| step.action == Action::LowerQos);
        if policy.dry_run || !lowers {
            continue;
        }
        let standing = policy::standing(&mut *tx, policy.agency_id, now).await?;
        let steps = policy::reached(&policy, standing.used, standing.granted);
        if steps.iter().any(|step| step.action == Action::LowerQos) {
            lowered.insert(policy.agency_id);
        }
    }
    Ok(lowered)
}

/// One agency's policy, and why it acts.
struct At<'a> {
    policy: &'a Policy,
    standing: Standing,
    stamp: Stamp<'static>,
    wake_cluster: bool,
}

impl At<'_> {
    /// Records an action that concerns the agency as a whole, once per policy.
    async fn tell(&mut self, tx: &mut PgConnection, step: Step) -> anyhow::Result<()> {
        if self.record(tx, step, None).await? {
            tracing::warn!(agency.id = %self.policy.agency_id, percent = step.at_percent,
                action = ?step.action, dry_run = self.policy.dry_run,
                "an agency has reached a step of its limit policy");
            self.wake_cluster |= step.action == Action::LowerQos;
        }
        Ok(())
    }

    /// Records an action unless it was; returns whether it is new.
    async fn record(
        &self,
        tx: &mut PgConnection,
        step: Step,
        attempt_id: Option<Uuid>,
    ) -> anyhow::Result<bool> {
        let limit_policy_id = self.policy.limit_policy_id;
        if policy::was_taken(&mut *tx, limit_policy_id, step, attempt_id).await? {
            return Ok(false);
        }
        let taken = Taken {
            limit_action_id: record::id::fresh(),
            limit_policy_id,
            step,
            attempt_id,
            standing: self.standing,
        };
        policy::record_action(tx, &taken, &self.stamp).await?;
        Ok(true)
    }
}
