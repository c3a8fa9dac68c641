//! What became of grants' time, for the limits that Slurm keeps beside the ledger.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{GrantUse, LedgerError},
    store::{Inconsistency, gpu_seconds},
};

/// What became of each of these grants' time, in one query. Locks nothing.
///
/// A grant that the ledger does not have is not in the answer.
pub async fn use_of_grants(
    tx: &mut PgConnection,
    grant_ids: &[Uuid],
) -> Result<HashMap<Uuid, GrantUse>, LedgerError> {
    let rows = sqlx::query!(
        r#"
        with standing as (
            select a.owner_id as grant_id,
                sum(b.amount) filter (where a.kind in ('free', 'held', 'settled')) as granted,
                sum(b.amount) filter (where a.kind = 'held') as held,
                sum(b.amount) filter (where a.kind = 'settled') as settled,
                sum(b.amount) filter (where a.kind = 'overrun') as overrun
            from accounting.account a
            join accounting.balance b on b.account_id = a.account_id
            where a.owner_id = any($1) and a.unit = 'gpu_seconds'
            group by a.owner_id
        ), not_charged as (
            select p.grant_id, sum(r.gpu_seconds) as amount
            from accounting.run r
            join accounting.hold_part p on p.hold_id = r.hold_id and p.part_no = 0
            where not r.chargeable and p.grant_id = any($1)
            group by p.grant_id
        ), written_off as (
            select c.grant_id, sum(c.gpu_seconds) as amount
            from accounting.clearing c
            join accounting.clearing_end e on e.clearing_id = c.clearing_id
            where c.how = 'write_off' and e.verdict = 'confirmed' and c.grant_id = any($1)
            group by c.grant_id
        )
        select g.grant_id, s.granted::bigint as "granted!", s.held::bigint as "held!",
            s.settled::bigint as "settled!", s.overrun::bigint as "overrun!",
            (coalesce(n.amount, 0) + coalesce(w.amount, 0))::bigint as "not_charged!"
        from accounting.grant_opening g
        join standing s on s.grant_id = g.grant_id
        left join not_charged n on n.grant_id = g.grant_id
        left join written_off w on w.grant_id = g.grant_id
        where g.grant_id = any($1)
        "#,
        grant_ids,
    )
    .fetch_all(tx)
    .await?;
    let uses = rows.into_iter().map(|row| {
        let time = |column, amount| {
            gpu_seconds(
                amount,
                Inconsistency { table: "accounting.balance", column, row: row.grant_id },
            )
        };
        let grant_use = GrantUse {
            granted: time("granted", row.granted)?,
            held: time("held", row.held)?,
            settled: time("settled", row.settled)?,
            overrun: time("overrun", row.overrun)?,
            not_charged: time("not charged", row.not_charged)?,
        };
        Ok((row.grant_id, grant_use))
    });
    uses.collect()
}
