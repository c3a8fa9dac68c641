//! Posting what runs took: the movements, the charges, and what they add up to.

use record::{GpuSeconds, Month, Stamp, id};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    settle::{NewRun, SettleError, Settled},
    write,
};
use crate::{
    hold::{HoldError, HoldPart, Place, Portion, Settlement, Source},
    ledger::AccountKind,
    store::{
        Inconsistency,
        book::{Book, EntryKind, Movement},
        gpu_seconds, micro_sek,
    },
};

/// Posts a settlement: what the runs took, what goes back, and the charges.
pub(super) async fn post(
    tx: &mut PgConnection,
    book: &Book,
    (request, runs, settlement): (&Place, &[&NewRun], &Settlement),
    stamp: &Stamp<'_>,
) -> Result<(), SettleError> {
    let hold_id = request.hold_id;
    let taken = settlement
        .portions
        .iter()
        .map(|portion| movement_of(portion, (hold_id, runs[portion.run_no].run_id)));
    let movements: Vec<_> = taken.chain(write::returned(hold_id, &settlement.returned)).collect();
    book.post_all(tx, &movements, stamp).await?;
    charge(tx, (request, runs), &settlement.portions, stamp).await
}

/// The movement that takes a portion from where it is.
fn movement_of(portion: &Portion, (hold_id, run_id): (Uuid, Uuid)) -> Movement {
    let HoldPart { grant_id, gpu_seconds, usek } = portion.part;
    let (kind, from, to) = match portion.source {
        Source::Held => (EntryKind::Settled, AccountKind::Held, AccountKind::Settled),
        Source::Free => (EntryKind::Settled, AccountKind::Free, AccountKind::Settled),
        Source::Overrun => (EntryKind::Overrun, AccountKind::Uncovered, AccountKind::Overrun),
    };
    Movement {
        gpu_seconds,
        usek,
        hold_id: Some(hold_id),
        run_id: Some(run_id),
        ..Movement::new(kind, run_id, (grant_id, from), (grant_id, to))
    }
}

/// Writes one charge for each run and grant that paid for it, all in one statement.
///
/// Overrun is not charged: nobody paid.
async fn charge(
    tx: &mut PgConnection,
    (request, runs): (&Place, &[&NewRun]),
    portions: &[Portion],
    stamp: &Stamp<'_>,
) -> Result<(), SettleError> {
    let paid = paid(portions).ok_or(HoldError::OutOfRange(request.hold_id))?;
    if paid.is_empty() {
        return Ok(());
    }
    let months = paid.iter().map(|&(run_no, _)| Month::of(runs[run_no].ended_at).first_day());
    sqlx::query!(
        "insert into accounting.charge (charge_id, run_id, hold_id, grant_id, agency_id,
             project_id, rate_id, month, gpu_seconds, usek, charged_at)
         select c.charge_id, c.run_id, $1, c.grant_id, $2, $3, $4, c.month, c.gpu_seconds, c.usek, $5
         from unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::date[], $10::bigint[], $11::bigint[])
             as c (charge_id, run_id, grant_id, month, gpu_seconds, usek)",
        request.hold_id,
        request.payer.agency_id,
        request.payer.project_id,
        request.rate_id,
        stamp.now,
        &paid.iter().map(|_| id::fresh()).collect::<Vec<_>>(),
        &paid.iter().map(|&(run_no, _)| runs[run_no].run_id).collect::<Vec<_>>(),
        &paid.iter().map(|(_, part)| part.grant_id).collect::<Vec<_>>(),
        &months.collect::<Vec<_>>(),
        &paid.iter().map(|(_, part)| part.gpu_seconds.get()).collect::<Vec<_>>(),
        &paid.iter().map(|(_, part)| part.usek.get()).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What each grant paid for each run, held or free; `None` if it does not fit.
fn paid(portions: &[Portion]) -> Option<Vec<(usize, HoldPart)>> {
    let mut paid: Vec<(usize, HoldPart)> = Vec::new();
    for portion in portions.iter().filter(|portion| portion.source != Source::Overrun) {
        let Portion { run_no, part, .. } = *portion;
        let earlier = paid
            .iter_mut()
            .find(|(earlier, paid)| (*earlier, paid.grant_id) == (run_no, part.grant_id));
        match earlier {
            None => paid.push((run_no, part)),
            Some((_, paid)) => {
                paid.gpu_seconds = paid.gpu_seconds.checked_add(part.gpu_seconds)?;
                paid.usek = paid.usek.checked_add(part.usek)?;
            }
        }
    }
    Some(paid)
}

/// What was posted for a hold until now, from its entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted {
    /// What became of the hold, as its caller is told.
    pub(super) settled: Settled,
    /// The time its runs were posted for, whoever paid: what the next run's cost starts from.
    pub(super) used: GpuSeconds,
}

/// Reads what was posted for a hold until now.
pub(super) async fn posted(tx: &mut PgConnection, hold_id: Uuid) -> Result<Posted, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        with line as (
            select kind, sum(amount) filter (where unit = 'gpu_seconds') as gpu_seconds,
                sum(amount) filter (where unit = 'micro_sek') as usek
            from accounting.entry where hold_id = $1
            group by kind
        )
        select
            coalesce(sum(gpu_seconds) filter (where kind = 'settled'), 0)::bigint
                as "gpu_seconds!",
            coalesce(sum(usek) filter (where kind = 'settled'), 0)::bigint as "usek!",
            coalesce(sum(gpu_seconds) filter (where kind = 'returned'), 0)::bigint as "returned!",
            coalesce(sum(case kind when 'overrun' then gpu_seconds
                when 'cleared' then -gpu_seconds when 'written_off' then -gpu_seconds end), 0)::bigint
                as "overrun!",
            coalesce(sum(case kind when 'overrun' then gpu_seconds
                when 'settled' then gpu_seconds when 'cleared' then -gpu_seconds end), 0)::bigint
                as "used!"
        from line
        "#,
        hold_id,
    )
    .fetch_one(tx)
    .await?;
    let place = Inconsistency { table: "accounting.entry", column: "amount", row: hold_id };
    let settled = Settled {
        gpu_seconds: gpu_seconds(row.gpu_seconds, place)?,
        usek: micro_sek(row.usek, place)?,
        returned: gpu_seconds(row.returned, place)?,
        overrun: gpu_seconds(row.overrun, place)?,
    };
    Ok(Posted { settled, used: gpu_seconds(row.used, place)? })
}
