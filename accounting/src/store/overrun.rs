//! Reading overrun: which grants have any, and which clearings wait for a second person.

use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    overrun::{Clearing, NewClearing, OpenOverrun, OverrunError, ProposedClearing, RunOverrun},
    store::{Inconsistency, gpu_seconds, micro_sek},
};

/// Every grant with overrun that is not cleared yet, the largest first.
pub async fn open(tx: &mut PgConnection) -> Result<Vec<OpenOverrun>, OverrunError> {
    let rows = sqlx::query!(
        r#"
        select a.owner_id as grant_id,
            sum(b.amount) filter (where a.unit = 'gpu_seconds')::bigint as "gpu_seconds!",
            sum(b.amount) filter (where a.unit = 'micro_sek')::bigint as "usek!"
        from accounting.balance b
        join accounting.account a on a.account_id = b.account_id
        where b.kind = 'overrun'
        group by a.owner_id
        having sum(b.amount) > 0
        order by 2 desc, a.owner_id
        "#
    )
    .fetch_all(tx)
    .await?;
    let overruns = rows.into_iter().map(|row| {
        let (gpu_seconds, usek) =
            both("accounting.balance", row.grant_id, (row.gpu_seconds, row.usek))?;
        Ok(OpenOverrun { grant_id: row.grant_id, gpu_seconds, usek })
    });
    overruns.collect()
}

/// Every clearing that waits for a second person, the oldest first.
pub async fn proposed(tx: &mut PgConnection) -> Result<Vec<ProposedClearing>, OverrunError> {
    let rows = sqlx::query!(
        r#"
        select c.clearing_id, c.grant_id, c.gpu_seconds, c.usek, c.how as "how: Clearing",
            c.proposed_by, c.proposed_at
        from accounting.clearing c
        where not exists (
            select from accounting.clearing_end e where e.clearing_id = c.clearing_id)
        order by c.proposed_at, c.clearing_id
        "#
    )
    .fetch_all(tx)
    .await?;
    let proposals = rows.into_iter().map(|row| {
        let figures = (row.gpu_seconds, row.usek);
        let (gpu_seconds, usek) = both("accounting.clearing", row.clearing_id, figures)?;
        let clearing = NewClearing {
            clearing_id: row.clearing_id,
            grant_id: row.grant_id,
            gpu_seconds,
            usek,
            how: row.how,
            proposed_by: row.proposed_by,
        };
        Ok(ProposedClearing { clearing, proposed_at: row.proposed_at })
    });
    proposals.collect()
}

/// What each run still has in overrun on a grant, the oldest first.
pub(super) async fn of_grant(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<Vec<RunOverrun>, OverrunError> {
    let rows = sqlx::query!(
        r#"
        with line as (
            select e.run_id, e.hold_id, e.unit, e.at, e.amount
            from accounting.account a
            join accounting.entry e on e.to_account_id = a.account_id
            where a.owner_id = $1 and a.kind = 'overrun' and e.kind = 'overrun'
            union all
            select e.run_id, e.hold_id, e.unit, e.at, -e.amount
            from accounting.account a
            join accounting.entry e on e.from_account_id = a.account_id
            where a.owner_id = $1 and a.kind = 'overrun' and e.kind in ('cleared', 'written_off')
        )
        select r.run_id, l.hold_id as "hold_id!",
            coalesce(sum(l.amount) filter (where l.unit = 'gpu_seconds'), 0)::bigint
                as "gpu_seconds!",
            coalesce(sum(l.amount) filter (where l.unit = 'micro_sek'), 0)::bigint as "usek!"
        from line l
        join accounting.run r on r.run_id = l.run_id
        group by r.run_id, l.hold_id
        having sum(l.amount) filter (where l.unit = 'gpu_seconds') > 0
        order by min(l.at), r.started_at, r.db_index, r.cluster
        "#,
        grant_id,
    )
    .fetch_all(tx)
    .await?;
    let overruns = rows.into_iter().map(|row| {
        let (gpu_seconds, usek) =
            both("accounting.entry", row.run_id, (row.gpu_seconds, row.usek))?;
        Ok(RunOverrun { run_id: row.run_id, hold_id: row.hold_id, gpu_seconds, usek })
    });
    overruns.collect()
}

/// Time and money as a row keeps them.
fn both(
    table: &'static str,
    row: Uuid,
    (time, money): (i64, i64),
) -> Result<(GpuSeconds, MicroSek), Inconsistency> {
    let place = |column| Inconsistency { table, column, row };
    Ok((gpu_seconds(time, place("gpu_seconds"))?, micro_sek(money, place("usek"))?))
}
