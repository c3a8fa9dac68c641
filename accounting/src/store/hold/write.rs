//! Writing a hold: its rows, and the movements that set it aside and give it back.

use record::{MicroSek, Stamp, id};
use sqlx::PgConnection;
use uuid::Uuid;

use super::room::Rooms;
use crate::{
    hold::{Hold, HoldPart, HoldState, Place, ReleaseReason},
    ledger::{AccountKind, Unit},
    store::{
        Inconsistency,
        book::{EntryKind, Lines, Movement},
    },
};

/// Writes an open hold, its parts, its entries and the balances they change, in one statement.
///
/// Tells whether it did: nothing at all is written if the id is used or the attempt has an open
/// hold. That waits for whoever is writing the same at the same time.
pub(super) async fn insert(
    tx: &mut PgConnection,
    (request, usek): (&Place, MicroSek),
    (rooms, parts): (&Rooms, &[HoldPart]),
    stamp: &Stamp<'_>,
) -> Result<bool, sqlx::Error> {
    let lines = lines_of(rooms, parts);
    let changes = lines.changes();
    let changed = sqlx::query!(
        r#"
        with hold as (
            insert into accounting.hold (hold_id, attempt_id, agency_id, project_id,
                offered_grant_ids, gpu_seconds, usek, rate_id, placed_at, expires_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            on conflict do nothing
            returning hold_id
        ), part as (
            insert into accounting.hold_part (hold_id, part_no, grant_id, gpu_seconds, usek)
            select h.hold_id, p.part_no - 1, p.grant_id, p.gpu_seconds, p.usek
            from hold h,
                unnest($11::uuid[], $12::bigint[], $13::bigint[]) with ordinality
                    as p (grant_id, gpu_seconds, usek, part_no)
        ), entry as (
            insert into accounting.entry (entry_id, transfer_id, kind, unit, from_account_id,
                to_account_id, amount, hold_id, at, trace_id)
            select l.entry_id, h.hold_id, l.kind::accounting.entry_kind,
                l.unit::accounting.unit, l.free_account_id, l.held_account_id, l.amount,
                h.hold_id, $9, $19
            from hold h,
                unnest($14::uuid[], $15::text[], $16::uuid[], $17::uuid[], $18::bigint[],
                    $20::text[])
                    as l (entry_id, unit, free_account_id, held_account_id, amount, kind)
        )
        update accounting.balance b
        set amount = b.amount + c.amount
        from unnest($21::uuid[], $22::bigint[]) as c (account_id, amount)
        where b.account_id = c.account_id and (select count(*) from hold) = 1
        "#,
        request.hold_id,
        request.attempt_id,
        request.payer.agency_id,
        request.payer.project_id,
        &request.grant_ids,
        request.gpu_seconds.get(),
        usek.get(),
        request.rate_id,
        stamp.now,
        request.expires_at,
        &parts.iter().map(|part| part.grant_id).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.gpu_seconds.get()).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.usek.get()).collect::<Vec<_>>(),
        &lines.entry_ids,
        &lines.units as &[&str],
        &lines.from_account_ids,
        &lines.to_account_ids,
        &lines.amounts,
        stamp.trace_id,
        &lines.kinds as &[&str],
        &changes.account_ids,
        &changes.amounts,
    )
    .execute(tx)
    .await?
    .rows_affected();
    if changed != 0 && changed != changes.count() {
        let place = Inconsistency {
            table: "accounting.balance",
            column: "account_id",
            row: request.hold_id,
        };
        return Err(place.into());
    }
    Ok(changed != 0)
}

/// The entries that set parts of a hold aside from what their grants have free.
fn lines_of(rooms: &Rooms, parts: &[HoldPart]) -> Lines {
    let mut lines = Lines::default();
    for part in parts {
        let Some(room) = rooms.of(part.grant_id) else { continue };
        let units = [
            (Unit::GpuSeconds, room.time, part.gpu_seconds.get()),
            (Unit::MicroSek, room.money, part.usek.get()),
        ];
        for (unit, purse, amount) in units.into_iter().filter(|&(_, _, amount)| amount > 0) {
            lines.entry_ids.push(id::fresh());
            lines.kinds.push(EntryKind::Held.name());
            lines.units.push(unit.name());
            lines.from_account_ids.push(purse.free_account_id);
            lines.to_account_ids.push(purse.held_account_id);
            lines.amounts.push(amount);
        }
    }
    lines
}

/// Writes the end of a hold. A hold that is open has no end and is left as it is.
pub(super) async fn close(tx: &mut PgConnection, hold: &Hold) -> Result<(), sqlx::Error> {
    match hold.state() {
        HoldState::Open => return Ok(()),
        HoldState::Settled { gpu_seconds, usek, at } => {
            sqlx::query!(
                "update accounting.hold
                 set state = 'settled', closed_at = $2, settled_gpu_seconds = $3, settled_usek = $4
                 where hold_id = $1 and state = 'open'",
                hold.hold_id,
                at,
                gpu_seconds.get(),
                usek.get(),
            )
            .execute(tx)
            .await?;
        }
        HoldState::Released { reason, at } => {
            sqlx::query!(
                "update accounting.hold
                 set state = 'released', closed_at = $2, release_reason = $3
                 where hold_id = $1 and state = 'open'",
                hold.hold_id,
                at,
                reason as ReleaseReason,
            )
            .execute(tx)
            .await?;
        }
    }
    Ok(())
}

/// The movements that give parts of a hold back to their grants.
pub(super) fn returned(hold_id: Uuid, parts: &[HoldPart]) -> impl Iterator<Item = Movement> {
    parts.iter().map(move |part| {
        let (held, free) = ((part.grant_id, AccountKind::Held), (part.grant_id, AccountKind::Free));
        Movement {
            gpu_seconds: part.gpu_seconds,
            usek: part.usek,
            hold_id: Some(hold_id),
            ..Movement::new(EntryKind::Returned, hold_id, held, free)
        }
    })
}
