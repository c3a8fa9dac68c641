//! Writing differences to Slurm: only them, one object after the other, each told in the audit trail.

use chrono::{DateTime, Utc};
use record::Stamp;
use serde::Serialize;
use serde_json::json;
use slurm_wire::{Answer, Call};
use sqlx::PgConnection;
use uuid::Uuid;

use super::line::Line;
use super::look::View;
use super::memory;
use super::object::{Body, Key, Kind};
use super::step::{self, Step};
use super::wanted::Wanted;
use crate::app::App;
use crate::gateway::GatewayError;
use crate::outbox::{self, Effect};

/// Most waiting jobs that are nudged for one raise; the others start as Slurm comes to them.
const NUDGED_AT_MOST: i64 = 500;

/// What became of the differences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Mended.
    pub applied: Vec<Line>,
    /// Slurm or the gateway said no.
    pub failed: Vec<Failed>,
    /// Not tried: nothing the broker can do, Slurm fell silent, or the time was up.
    pub left: Vec<Line>,
}

/// A difference that was not mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Which.
    #[serde(flatten)]
    pub line: Line,
    /// Why not.
    pub error: String,
}

/// Mends these lines of a view, until `until` at the latest. The caller has [`super::keeper::lock`].
pub async fn apply(
    app: &App,
    view: &View,
    lines: &[Line],
    stamp: &Stamp<'_>,
    until: DateTime<Utc>,
) -> Result<Outcome, sqlx::Error> {
    let steps = step::steps(lines, &view.wanted, &view.actual, stamp.now.timestamp());
    let mut outcome = Outcome::default();
    outcome.left.extend(lines.iter().filter(|line| !line.can_apply).cloned());
    if steps.is_empty() {
        return Ok(outcome);
    }
    let cluster = &app.cluster.name;
    let targets: Vec<(&Key, &Body)> =
        steps.iter().filter_map(|step| Some((&step.key, step.target.as_ref()?))).collect();
    let gone: Vec<&Key> =
        steps.iter().filter(|step| step.target.is_none()).map(|step| &step.key).collect();
    let mut connection = app.db.acquire().await?;
    memory::intend(&mut connection, cluster, &targets, stamp.now).await?;
    memory::let_go(&mut connection, cluster, &gone).await?;
    drop(connection);

    let mut silent = false;
    for step in steps {
        if silent || app.clock.now() >= until {
            outcome.left.extend(step.lines);
            continue;
        }
        match write(app, &step.calls).await {
            Ok(()) => {
                let mut tx = app.db.begin().await?;
                record(&mut tx, cluster, &view.wanted, &step, stamp).await?;
                let nudged = if step::raises(&step) {
                    nudge(&mut tx, &view.wanted, &step, stamp).await?
                } else {
                    false
                };
                tx.commit().await?;
                if nudged {
                    app.outbox_wake.notify_one();
                }
                app.metrics.cluster_write(cluster, "done");
                outcome.applied.extend(step.lines);
            }
            Err(error) => {
                app.metrics.cluster_write(cluster, "failed");
                silent = says_nothing(&error);
                let error = told(&error);
                outcome.failed.extend(
                    step.lines.into_iter().map(|line| Failed { line, error: error.clone() }),
                );
            }
        }
    }
    Ok(outcome)
}

async fn write(app: &App, calls: &[Call]) -> Result<(), GatewayError> {
    for call in calls {
        match app.gateway.call(call).await? {
            Answer::Done => {}
            _ => return Err(GatewayError::OutOfTurn),
        }
    }
    Ok(())
}

/// True if there is no use in asking for more now.
fn says_nothing(error: &GatewayError) -> bool {
    match error {
        GatewayError::Unreachable(_)
        | GatewayError::Deadline(_)
        | GatewayError::Silent(_)
        | GatewayError::NotConfigured(_) => true,
        GatewayError::Refused(refusal) => refusal.code.retry_helps(),
        GatewayError::OutOfTurn => false,
    }
}

fn told(error: &GatewayError) -> String {
    match error {
        GatewayError::Refused(refusal) => refusal.sentence.clone(),
        other => other.to_string(),
    }
}

/// Remembers what was set and tells of it. A user's name stays out of the sealed row.
async fn record(
    tx: &mut PgConnection,
    cluster: &str,
    wanted: &Wanted,
    step: &Step,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    match &step.target {
        Some(target) => memory::remember(tx, cluster, &[(&step.key, target)], stamp.now).await?,
        None => memory::forget(tx, cluster, &[&step.key]).await?,
    }
    let changes: Vec<_> = step
        .lines
        .iter()
        .map(|line| {
            json!({ "field": line.field, "from": line.actual, "to": line.expected,
                    "drift": line.drift })
        })
        .collect();
    let details = json!({
        "cluster": cluster,
        "object": step.key.kind,
        "name": wanted.told(&step.key),
        "changes": changes,
    });
    stamp.audit(tx, "cluster.apply", wanted.subject(&step.key), details).await
}

/// Wants the waiting jobs that the raise may have been in the way of to be looked at. Slurm would
/// come to them by itself within the minute; a nudge does within the second.
async fn nudge(
    tx: &mut PgConnection,
    wanted: &Wanted,
    step: &Step,
    stamp: &Stamp<'_>,
) -> Result<bool, sqlx::Error> {
    let qos = match step.key.kind {
        Kind::Qos => vec![step.key.name.clone()],
        Kind::Account => wanted.qos_under(&step.key.name),
        Kind::User | Kind::Reservation => return Ok(false),
    };
    let waiting: Vec<Uuid> = sqlx::query_scalar!(
        "select attempt_id from broker.attempt
         where state = 'released' and cancel_reason is null and spec->>'qos' = any($1)
         order by created_at limit $2",
        &qos,
        NUDGED_AT_MOST,
    )
    .fetch_all(&mut *tx)
    .await?;
    for attempt_id in &waiting {
        outbox::want(tx, &Effect::Nudge { attempt_id: *attempt_id }, stamp.trace_id, stamp.now)
            .await?;
    }
    Ok(!waiting.is_empty())
}
