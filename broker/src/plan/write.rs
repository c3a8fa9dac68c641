//! Writing an admitted plan down, and finding it again when the same request comes twice.

use chrono::{DateTime, SubsecRound, Utc};
use quotas::admission::Admitted;
use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use slurm_wire::JobSpec;
use sqlx::PgConnection;
use uuid::Uuid;

use super::need::{self, Condition};
use super::{Admission, Ask, PlanError, Quote};
use crate::outbox::Effect;

/// The first attempt of a plan.
pub(super) struct NewAttempt {
    pub(super) attempt_id: Uuid,
    pub(super) hold_id: Uuid,
    /// The job, but for its id and its mark.
    pub(super) job: JobSpec,
}

/// Writes plan, attempt and the wish to submit it, and draws the job's id: one statement.
///
/// The id comes from the durable sequence; a rolled back draw leaves a hole, never a double. The mark
/// that Slurm keeps is this database's epoch and the attempt. `None` if the plan's id is taken; a
/// transaction that is about to take it is waited for.
pub(super) async fn plan(
    tx: &mut PgConnection,
    ask: &Ask,
    admitted: &Admitted,
    new: &NewAttempt,
    stamp: &Stamp<'_>,
) -> Result<Option<i64>, PlanError> {
    let effect = Effect::Submit { attempt_id: new.attempt_id };
    let written = sqlx::query_scalar!(
        r#"
        with planned as (
            insert into broker.job_plan (job_plan_id, project_id, person_id, name, script,
                gpu_count, wall_time_s, class, partition, link_ids, planned_at, trace_id,
                task_count, tasks_at_once, begin_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $21, $22, $23)
            on conflict (job_plan_id) do nothing
            returning job_plan_id
        ), needed as (
            insert into broker.job_plan_need (job_plan_id, needs_plan_id, condition)
            select planned.job_plan_id, n.needs_plan_id, n.condition
            from planned, unnest($24::uuid[], $25::broker.need_condition[])
                as n (needs_plan_id, condition)
        ), drawn as materialized (
            select planned.job_plan_id, nextval('broker.slurm_job_id') as job_id,
                'mimer:' || replace(i.epoch::text, '-', '')
                    || ':' || replace($13::uuid::text, '-', '') as key
            from planned cross join broker.installation i
        ), attempted as (
            insert into broker.attempt (attempt_id, job_plan_id, hold_id, cluster, slurm_job_id,
                slurm_key, spec, created_at, held_gpu_seconds, held_usek)
            select $13, job_plan_id, $14, $15, job_id, key,
                $16::jsonb || jsonb_build_object('job_id', job_id, 'key', key), $11, $17, $18
            from drawn
            returning attempt_id
        ), wanted as (
            insert into broker.outbox (outbox_id, effect, trace_id, next_at)
            select $19, $20, $12, $11 from attempted
        )
        select job_id as "job_id!" from drawn
        "#,
        ask.job_plan_id,
        ask.project_id,
        ask.person_id,
        ask.name,
        ask.script,
        small(ask.gpu_count),
        ask.wall_time_s,
        ask.class,
        admitted.pool.partition,
        &ask.link_ids,
        stamp.now,
        stamp.trace_id,
        new.attempt_id,
        new.hold_id,
        admitted.pool.cluster,
        json!(new.job),
        admitted.gpu_seconds.get(),
        admitted.usek.get(),
        record::id::fresh(),
        json!(effect),
        small(ask.task_count),
        ask.tasks_at_once.map(small),
        ask.begin_at,
        &ask.after.iter().map(|need| need.job_plan_id).collect::<Vec<_>>(),
        &ask.after.iter().map(|need| need.condition).collect::<Vec<_>>() as &[Condition],
    )
    .fetch_optional(tx)
    .await;
    written.map_err(no_job_ids)
}

/// A count that was checked to be small.
fn small(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Writes another attempt of a plan that is there, and the wish to submit it: one statement.
pub(super) async fn attempt(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
    admitted: &Admitted,
    new: &NewAttempt,
    stamp: &Stamp<'_>,
) -> Result<i64, PlanError> {
    let effect = Effect::Submit { attempt_id: new.attempt_id };
    let written = sqlx::query_scalar!(
        r#"
        with drawn as materialized (
            select nextval('broker.slurm_job_id') as job_id,
                'mimer:' || replace(i.epoch::text, '-', '')
                    || ':' || replace($1::uuid::text, '-', '') as key
            from broker.installation i
        ), attempted as (
            insert into broker.attempt (attempt_id, job_plan_id, hold_id, cluster, slurm_job_id,
                slurm_key, spec, created_at, held_gpu_seconds, held_usek)
            select $1, $2, $3, $4, job_id, key,
                $5::jsonb || jsonb_build_object('job_id', job_id, 'key', key), $6, $7, $8
            from drawn
            returning attempt_id
        ), wanted as (
            insert into broker.outbox (outbox_id, effect, trace_id, next_at)
            select $9, $10, $11, $6 from attempted
        )
        select job_id as "job_id!" from drawn
        "#,
        new.attempt_id,
        job_plan_id,
        new.hold_id,
        admitted.pool.cluster,
        json!(new.job),
        stamp.now,
        admitted.gpu_seconds.get(),
        admitted.usek.get(),
        record::id::fresh(),
        json!(effect),
        stamp.trace_id,
    )
    .fetch_one(tx)
    .await;
    written.map_err(no_job_ids)
}

/// The end of the durable sequence has its own name (2200H).
fn no_job_ids(error: sqlx::Error) -> PlanError {
    match error {
        sqlx::Error::Database(error) if error.code().as_deref() == Some("2200H") => {
            PlanError::NoJobIds
        }
        error => error.into(),
    }
}

/// A time as PostgreSQL keeps it: whole microseconds, rounded to the nearest.
fn kept(at: DateTime<Utc>) -> DateTime<Utc> {
    at.round_subsecs(6)
}

/// Corrects what is told to be held for an attempt.
pub(super) async fn held(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    usek: MicroSek,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.attempt set held_usek = $2 where attempt_id = $1",
        attempt_id,
        usek.get(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The answer given before to an equal plan; an unequal one under the same id is refused.
pub(super) async fn earlier(
    tx: &mut PgConnection,
    ask: &Ask,
) -> Result<Option<Admission>, PlanError> {
    let row = sqlx::query!(
        "select p.project_id, p.person_id, p.name, p.script, p.gpu_count, p.wall_time_s, p.class,
                p.link_ids, p.task_count, p.tasks_at_once, p.begin_at, a.attempt_id, a.slurm_job_id,
                a.held_gpu_seconds, a.held_usek
         from broker.job_plan p join broker.attempt a using (job_plan_id)
         where job_plan_id = $1 order by a.created_at limit 1",
        ask.job_plan_id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut after = ask.after.clone();
    after.sort_by_key(|need| need.job_plan_id);
    let equal = row.project_id == ask.project_id
        && row.person_id == ask.person_id
        && row.name == ask.name
        && row.script == ask.script
        && i64::from(row.gpu_count) == ask.gpu_count
        && row.wall_time_s == ask.wall_time_s
        && row.class == ask.class
        && row.link_ids == ask.link_ids
        && i64::from(row.task_count) == ask.task_count
        && row.tasks_at_once.map(i64::from) == ask.tasks_at_once
        && row.begin_at == ask.begin_at.map(kept)
        && need::of_plan(&mut *tx, ask.job_plan_id).await? == after;
    if !equal {
        return Err(PlanError::JobPlanIdReused(ask.job_plan_id));
    }
    let quote = Quote {
        gpu_seconds: GpuSeconds::new(row.held_gpu_seconds).unwrap_or_default(),
        usek: MicroSek::new(row.held_usek).unwrap_or_default(),
    };
    Ok(Some(Admission {
        job_plan_id: ask.job_plan_id,
        attempt_id: row.attempt_id,
        slurm_job_id: row.slurm_job_id,
        quote,
        repeated: true,
    }))
}
