//! Reading runs with what became of their time.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{
    run::RunPosted,
    store::{Inconsistency, gpu_seconds},
};

/// The runs on a cluster that ended from `from` on and before `until`, and those with these keys in
/// slurmdbd whenever they ended; in the order of their keys. Locks nothing.
pub async fn posted(
    tx: &mut PgConnection,
    cluster: &str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    db_indexes: &[i64],
) -> Result<Vec<RunPosted>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with named as (
            select run_id from accounting.run
            where cluster = $1 and ended_at >= $2 and ended_at < $3
            union
            select run_id from accounting.run where cluster = $1 and db_index = any($4)
        )
        select r.run_id, r.hold_id, r.slurm_job_id, r.db_index, r.started_at, r.ended_at,
            r.gpu_count, r.gpu_seconds, r.state,
            (coalesce(charged.amount, 0) + coalesce(cleared.amount, 0))::bigint as "settled!",
            coalesce(beyond.overrun, 0)::bigint as "overrun!",
            (case when r.chargeable then 0 else r.gpu_seconds end
                + coalesce(beyond.written_off, 0))::bigint as "not_charged!"
        from named
        join accounting.run r on r.run_id = named.run_id
        left join lateral (
            select sum(c.gpu_seconds) as amount
            from accounting.charge c where c.run_id = r.run_id
        ) charged on true
        left join lateral (
            select sum(c.gpu_seconds) as amount
            from accounting.cleared_charge c where c.run_id = r.run_id
        ) cleared on true
        left join lateral (
            select sum(case e.kind when 'overrun' then e.amount else -e.amount end) as overrun,
                sum(e.amount) filter (where e.kind = 'written_off') as written_off
            from accounting.entry e
            where e.hold_id = r.hold_id and e.run_id = r.run_id and e.unit = 'gpu_seconds'
                and e.kind in ('overrun', 'cleared', 'written_off')
        ) beyond on true
        order by r.db_index
        "#,
        cluster,
        from,
        until,
        db_indexes,
    )
    .fetch_all(tx)
    .await?;
    let runs = rows.into_iter().map(|row| {
        let time = |column, amount| {
            gpu_seconds(amount, Inconsistency { table: "accounting.run", column, row: row.run_id })
        };
        Ok(RunPosted {
            run_id: row.run_id,
            hold_id: row.hold_id,
            slurm_job_id: row.slurm_job_id,
            db_index: row.db_index,
            started_at: row.started_at,
            ended_at: row.ended_at,
            gpu_count: row.gpu_count,
            gpu_seconds: time("gpu_seconds", row.gpu_seconds)?,
            settled: time("settled", row.settled)?,
            overrun: time("overrun", row.overrun)?,
            not_charged: time("not charged", row.not_charged)?,
            state: row.state,
        })
    });
    runs.collect::<Result<_, Inconsistency>>().map_err(sqlx::Error::from)
}
