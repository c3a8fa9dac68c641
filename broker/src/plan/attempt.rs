//! Attempts: one submission of a job plan to Slurm, with its own id and hold.

use accounting::hold::{self, HoldError, HoldState, ReleaseError, ReleaseReason};
use chrono::{DateTime, Utc};
use record::Stamp;
use serde_json::json;
use slurm_wire::JobSpec;
use sqlx::PgConnection;
use uuid::Uuid;

/// Where an attempt stands, in the order it goes through; the last three are ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "broker.attempt_state", rename_all = "snake_case")]
pub enum AttemptState {
    /// Hold placed; Slurm has not heard of it.
    Admitted,
    /// In Slurm, held until its links are verified.
    Submitted,
    /// Free to start.
    Released,
    /// On its nodes.
    Running,
    /// Over in slurmctld; slurmdbd has not told the figures yet.
    Ended,
    /// Charged; the rest of the hold went back.
    Settled,
    /// Over without ever running.
    Cancelled,
    /// Slurm refused it for good.
    Refused,
}

impl AttemptState {
    /// True once nothing more will happen to it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Settled | Self::Cancelled | Self::Refused)
    }
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Id of the attempt.
    pub attempt_id: Uuid,
    /// The plan it tries to run.
    pub job_plan_id: Uuid,
    /// Project of the plan.
    pub project_id: Uuid,
    /// Who planned it.
    pub person_id: Uuid,
    /// Links whose data it needs.
    pub link_ids: Vec<Uuid>,
    /// What is set aside for it.
    pub hold_id: Uuid,
    /// Slurm's cluster.
    pub cluster: String,
    /// Exactly what the gateway is asked to submit.
    pub spec: JobSpec,
    /// Where it stands.
    pub state: AttemptState,
    /// A person or a permit wants it stopped.
    pub cancel_wanted: bool,
    /// The agency's own policy, or a person, keeps it from starting.
    pub held_back: bool,
    /// An operator wants it suspended while it runs.
    pub suspended: bool,
    /// When Slurm accepted it.
    pub queued_at: Option<DateTime<Utc>>,
    /// Ties it to the request it came from.
    pub trace_id: Uuid,
}

struct AttemptRow {
    attempt_id: Uuid,
    job_plan_id: Uuid,
    project_id: Uuid,
    person_id: Uuid,
    link_ids: Vec<Uuid>,
    hold_id: Uuid,
    cluster: String,
    spec: serde_json::Value,
    state: AttemptState,
    cancel_wanted: bool,
    held_back: bool,
    suspended: bool,
    queued_at: Option<DateTime<Utc>>,
    trace_id: Uuid,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = sqlx::Error;

    fn try_from(row: AttemptRow) -> Result<Self, sqlx::Error> {
        let spec = serde_json::from_value(row.spec)
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Self {
            attempt_id: row.attempt_id,
            job_plan_id: row.job_plan_id,
            project_id: row.project_id,
            person_id: row.person_id,
            link_ids: row.link_ids,
            hold_id: row.hold_id,
            cluster: row.cluster,
            spec,
            state: row.state,
            cancel_wanted: row.cancel_wanted,
            held_back: row.held_back,
            suspended: row.suspended,
            queued_at: row.queued_at,
            trace_id: row.trace_id,
        })
    }
}

/// Reads one attempt.
pub async fn by_id(tx: &mut PgConnection, attempt_id: Uuid) -> Result<Attempt, sqlx::Error> {
    sqlx::query_as!(
        AttemptRow,
        r#"select a.attempt_id, a.job_plan_id, p.project_id, p.person_id, p.link_ids, a.hold_id,
               a.cluster, a.spec, a.state as "state: AttemptState",
               a.cancel_reason is not null as "cancel_wanted!",
               a.held_back_by is not null or a.kept_by is not null as "held_back!",
               a.suspended_at is not null as "suspended!", a.queued_at, p.trace_id
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where a.attempt_id = $1"#,
        attempt_id
    )
    .fetch_one(tx)
    .await?
    .try_into()
}

/// Every attempt that Slurm may still change.
pub async fn open(tx: &mut PgConnection) -> Result<Vec<Attempt>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AttemptRow,
        r#"select a.attempt_id, a.job_plan_id, p.project_id, p.person_id, p.link_ids, a.hold_id,
               a.cluster, a.spec, a.state as "state: AttemptState",
               a.cancel_reason is not null as "cancel_wanted!",
               a.held_back_by is not null or a.kept_by is not null as "held_back!",
               a.suspended_at is not null as "suspended!", a.queued_at, p.trace_id
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where a.state not in ('admitted', 'settled', 'cancelled', 'refused')
           order by a.attempt_id"#
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Attempt::try_from).collect()
}

/// Slurm accepted the job. A later state stays: the submit may be told twice.
pub async fn queued(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.attempt set queued_at = coalesce(queued_at, $2),
             state = case when state = 'admitted' then 'submitted' else state end
         where attempt_id = $1",
        attempt_id,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Slurm knows the job by an id of its own choice, where the broker may not choose.
pub async fn known_as(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    job_id: u32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.attempt set slurm_job_id = $2,
             spec = spec || jsonb_build_object('job_id', $2::bigint)
         where attempt_id = $1",
        attempt_id,
        i64::from(job_id),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Locks an attempt until the transaction ends and tells where it stands.
///
/// Whoever ends an attempt locks it first and its hold after it, so that of two that see its end
/// at once the second finds it over.
pub async fn lock(tx: &mut PgConnection, attempt_id: Uuid) -> Result<AttemptState, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select state as "state: AttemptState" from broker.attempt
           where attempt_id = $1 for update"#,
        attempt_id
    )
    .fetch_one(tx)
    .await
}

/// Moves an attempt forward; states never go back. Returns false if it was there or past it.
pub async fn advance(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    state: AttemptState,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query!(
        "update broker.attempt set state = $2 where attempt_id = $1 and state < $2",
        attempt_id,
        state as AttemptState
    )
    .execute(tx)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Marks that the attempt must be stopped and never released. Returns false if it is over in Slurm
/// or was marked before: the first reason stays.
pub async fn want_cancelled(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let marked = sqlx::query!(
        "update broker.attempt set cancel_reason = $2
         where attempt_id = $1 and cancel_reason is null and state < 'ended'",
        attempt_id,
        reason
    )
    .execute(tx)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Ends an attempt that never ran: the whole hold goes back at once. Nothing happens if it is over.
pub async fn ended_without_run(
    tx: &mut PgConnection,
    attempt: &Attempt,
    state: AttemptState,
    reason: &str,
    stamp: &Stamp<'_>,
) -> anyhow::Result<()> {
    if lock(tx, attempt.attempt_id).await?.is_over() {
        return Ok(());
    }
    match hold::release(tx, attempt.hold_id, ReleaseReason::NeverRan, stamp).await {
        // Its time was up, and it went back when the plan was admitted anew.
        Err(ReleaseError::Hold(HoldError::AlreadyClosed {
            state: HoldState::Released { reason: ReleaseReason::Expired, .. },
            ..
        })) => {}
        released => {
            released?;
        }
    }
    sqlx::query!(
        "update broker.attempt set state = $2, refusal = $3, settled_at = $4
         where attempt_id = $1",
        attempt.attempt_id,
        state as AttemptState,
        reason,
        stamp.now
    )
    .execute(&mut *tx)
    .await?;
    let details = json!({ "state": state });
    stamp.audit(tx, "attempt.ended_without_run", ("attempt", attempt.attempt_id), details).await?;
    Ok(())
}
