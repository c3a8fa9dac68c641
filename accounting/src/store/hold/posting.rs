//! Posting what runs took: the movements, the charges, and what they add up to.

use record::{GpuSeconds, Month, Stamp, id};
use sqlx::PgConnection;
use uuid::Uuid;

use super::settle::{NewRun, SettleError, Settled};
use crate::{
    hold::{HoldError, HoldPart, Place, Portion, Source},
    ledger::AccountKind,
    store::{
        Inconsistency,
        book::{EntryKind, Movement},
        gpu_seconds, micro_sek,
    },
};

/// The movement that takes a portion from where it is.
pub(super) fn movement_of(portion: &Portion, (hold_id, run_id): (Uuid, Uuid)) -> Movement {
    let HoldPart { grant_id, gpu_seconds, usek } = portion.part;
    let (kind, from, to) = match portion.source {
        Source::Held => (EntryKind::Settled, AccountKind::Held, AccountKind::Settled),
        Source::Free => (EntryKind::Settled, AccountKind::Free, AccountKind::Settled),
        Source::Overrun => (EntryKind::Overrun, AccountKind::Uncovered, AccountKind::Overrun),
    };
    Movement {
        kind,
        transfer_id: run_id,
        from: (grant_id, from),
        to: (grant_id, to),
        gpu_seconds,
        usek,
        hold_id: Some(hold_id),
        run_id: Some(run_id),
    }
}

/// Writes one charge for each grant that paid for the run. Overrun is not charged: nobody paid.
pub(super) async fn charge(
    tx: &mut PgConnection,
    (request, run): (&Place, &NewRun),
    portions: impl Iterator<Item = &Portion>,
    stamp: &Stamp<'_>,
) -> Result<(), SettleError> {
    let out_of_range = || HoldError::OutOfRange(request.hold_id);
    let mut paid: Vec<HoldPart> = Vec::new();
    for Portion { part, .. } in portions.filter(|portion| portion.source != Source::Overrun) {
        match paid.iter_mut().find(|paid| paid.grant_id == part.grant_id) {
            None => paid.push(*part),
            Some(paid) => {
                let time = paid.gpu_seconds.checked_add(part.gpu_seconds);
                let money = paid.usek.checked_add(part.usek);
                paid.gpu_seconds = time.ok_or_else(out_of_range)?;
                paid.usek = money.ok_or_else(out_of_range)?;
            }
        }
    }
    for part in paid {
        sqlx::query!(
            "insert into accounting.charge (charge_id, run_id, hold_id, grant_id, agency_id,
                 project_id, rate_id, month, gpu_seconds, usek, charged_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            id::fresh(),
            run.run_id,
            request.hold_id,
            part.grant_id,
            request.payer.agency_id,
            request.payer.project_id,
            request.rate_id,
            Month::of(run.ended_at).first_day(),
            part.gpu_seconds.get(),
            part.usek.get(),
            stamp.now,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
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
