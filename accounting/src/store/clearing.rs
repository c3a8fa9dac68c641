//! Clearing overrun: proposed by one person, decided on by another, posted at once.

use record::{GpuSeconds, MicroSek, Month, Stamp, id};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::AccountKind,
    overrun::{Clearing, NewClearing, OverrunError, RunOverrun, allot},
    store::{
        Inconsistency,
        book::{Book, EntryKind, Movement},
        broke, gpu_seconds, micro_sek, overrun,
    },
};

/// What was decided on a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "accounting.clearing_verdict", rename_all = "snake_case")]
enum Verdict {
    Confirmed,
    Rejected,
}

/// Proposes to clear overrun; nothing moves yet. The same proposal again changes nothing.
pub async fn propose(
    tx: &mut PgConnection,
    request: &NewClearing,
    stamp: &Stamp<'_>,
) -> Result<(), OverrunError> {
    let book = Book::lock(tx, &[request.grant_id]).await?;
    if let Some(earlier) = find(tx, request.clearing_id).await? {
        return if earlier == *request {
            Ok(())
        } else {
            Err(OverrunError::ClearingIdReused(request.clearing_id))
        };
    }
    allotted(tx, &book, request).await?;
    insert(tx, request, stamp).await?;
    let details = json!({
        "clearing_id": request.clearing_id,
        "gpu_seconds": request.gpu_seconds,
        "usek": request.usek,
        "how": request.how,
    });
    stamp.audit(tx, "overrun.propose", ("grant", request.grant_id), details).await?;
    Ok(())
}

/// Confirms a clearing as a second person, and posts it. The same again changes nothing.
pub async fn confirm(
    tx: &mut PgConnection,
    clearing_id: Uuid,
    confirmed_by: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), OverrunError> {
    let clearing = find(tx, clearing_id).await?.ok_or(OverrunError::NoSuchClearing(clearing_id))?;
    if clearing.proposed_by == confirmed_by {
        return Err(OverrunError::SamePerson { clearing_id, person_id: confirmed_by });
    }
    let book = Book::lock(tx, &[clearing.grant_id]).await?;
    let verdict = (Verdict::Confirmed, confirmed_by);
    if is_decided(tx, clearing_id, verdict).await? {
        return Ok(());
    }
    let taken = allotted(tx, &book, &clearing).await?;
    if clearing.how == Clearing::ChargeGrant {
        grant_pays(&book, &clearing)?;
    }
    end(tx, &clearing, verdict, stamp).await?;
    let movements: Vec<_> =
        taken.iter().flat_map(|overrun| movements_of(&clearing, overrun)).flatten().collect();
    book.post_all(tx, &movements, stamp).await?;
    if clearing.how == Clearing::ChargeGrant {
        charge(tx, &clearing, &taken, stamp).await?;
    }
    let details = json!({ "clearing_id": clearing_id, "gpu_seconds": clearing.gpu_seconds,
        "usek": clearing.usek, "how": clearing.how });
    stamp.audit(tx, "overrun.confirm", ("grant", clearing.grant_id), details).await?;
    Ok(())
}

/// Takes a proposal off the table; nothing moves. Its proposer may do that too.
pub async fn reject(
    tx: &mut PgConnection,
    clearing_id: Uuid,
    rejected_by: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), OverrunError> {
    let clearing = find(tx, clearing_id).await?.ok_or(OverrunError::NoSuchClearing(clearing_id))?;
    Book::lock(tx, &[clearing.grant_id]).await?;
    let verdict = (Verdict::Rejected, rejected_by);
    if is_decided(tx, clearing_id, verdict).await? {
        return Ok(());
    }
    end(tx, &clearing, verdict, stamp).await?;
    let details = json!({ "clearing_id": clearing_id });
    stamp.audit(tx, "overrun.reject", ("grant", clearing.grant_id), details).await?;
    Ok(())
}

/// What the clearing takes from which run, if the grant has that overrun and it costs that.
async fn allotted(
    tx: &mut PgConnection,
    book: &Book,
    clearing: &NewClearing,
) -> Result<Vec<RunOverrun>, OverrunError> {
    let NewClearing { clearing_id, grant_id, gpu_seconds: wanted, .. } = *clearing;
    if !book.has(grant_id, AccountKind::Overrun, crate::ledger::Unit::GpuSeconds) {
        return Err(OverrunError::NoSuchGrant(grant_id));
    }
    if wanted == GpuSeconds::ZERO {
        return Err(OverrunError::NothingToClear(clearing_id));
    }
    let overrun = book.gpu_seconds(grant_id, AccountKind::Overrun)?;
    let overruns = overrun::of_grant(tx, grant_id).await?;
    let taken = allot(wanted, &overruns);
    let taken = taken.ok_or(OverrunError::MoreThanOverrun { grant_id, wanted, overrun })?;
    let stands_for = taken
        .iter()
        .try_fold(MicroSek::ZERO, |sum, overrun| sum.checked_add(overrun.usek))
        .ok_or(Inconsistency { table: "accounting.entry", column: "amount", row: grant_id })?;
    if stands_for != clearing.usek {
        return Err(OverrunError::MoneyDiffers {
            grant_id,
            gpu_seconds: wanted,
            wanted: clearing.usek,
            stands_for,
        });
    }
    Ok(taken)
}

/// Refuses a charge that the grant has no room for.
fn grant_pays(book: &Book, clearing: &NewClearing) -> Result<(), OverrunError> {
    let grant_id = clearing.grant_id;
    let available = book.gpu_seconds(grant_id, AccountKind::Free)?;
    if available < clearing.gpu_seconds {
        let wanted = clearing.gpu_seconds;
        return Err(OverrunError::GrantShort { grant_id, wanted, available });
    }
    let available = book.usek(grant_id, AccountKind::Free)?;
    if available < clearing.usek {
        let wanted = clearing.usek;
        return Err(OverrunError::GrantShortOfMoney { grant_id, wanted, available });
    }
    Ok(())
}

/// The overrun goes back where it came from, and if the grant pays, its time is settled.
fn movements_of(clearing: &NewClearing, overrun: &RunOverrun) -> [Option<Movement>; 2] {
    let NewClearing { clearing_id, grant_id, how, .. } = *clearing;
    let of_run = |kind, from, to| Movement {
        gpu_seconds: overrun.gpu_seconds,
        usek: overrun.usek,
        hold_id: Some(overrun.hold_id),
        run_id: Some(overrun.run_id),
        ..Movement::new(kind, clearing_id, (grant_id, from), (grant_id, to))
    };
    match how {
        Clearing::ChargeGrant => [
            Some(of_run(EntryKind::Cleared, AccountKind::Overrun, AccountKind::Uncovered)),
            Some(of_run(EntryKind::Settled, AccountKind::Free, AccountKind::Settled)),
        ],
        Clearing::WriteOff => [
            Some(of_run(EntryKind::WrittenOff, AccountKind::Overrun, AccountKind::Uncovered)),
            None,
        ],
    }
}

/// The proposal under this id.
async fn find(
    tx: &mut PgConnection,
    clearing_id: Uuid,
) -> Result<Option<NewClearing>, OverrunError> {
    let row = sqlx::query!(
        r#"
        select grant_id, gpu_seconds, usek, how as "how: Clearing", proposed_by
        from accounting.clearing where clearing_id = $1
        "#,
        clearing_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let place = |column| Inconsistency { table: "accounting.clearing", column, row: clearing_id };
    Ok(Some(NewClearing {
        clearing_id,
        grant_id: row.grant_id,
        gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
        usek: micro_sek(row.usek, place("usek"))?,
        how: row.how,
        proposed_by: row.proposed_by,
    }))
}

async fn insert(
    tx: &mut PgConnection,
    request: &NewClearing,
    stamp: &Stamp<'_>,
) -> Result<(), OverrunError> {
    let inserted = sqlx::query!(
        "insert into accounting.clearing
             (clearing_id, grant_id, gpu_seconds, usek, how, proposed_by, proposed_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        request.clearing_id,
        request.grant_id,
        request.gpu_seconds.get(),
        request.usek.get(),
        request.how as Clearing,
        request.proposed_by,
        stamp.now,
    )
    .execute(tx)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if broke(&error, "clearing_pkey") => {
            Err(OverrunError::ClearingIdReused(request.clearing_id))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether exactly this was decided before; asked under the lock of the grant.
async fn is_decided(
    tx: &mut PgConnection,
    clearing_id: Uuid,
    verdict: (Verdict, Uuid),
) -> Result<bool, OverrunError> {
    let earlier = sqlx::query!(
        r#"
        select verdict as "verdict: Verdict", decided_by
        from accounting.clearing_end where clearing_id = $1
        "#,
        clearing_id,
    )
    .fetch_optional(tx)
    .await?;
    match earlier {
        None => Ok(false),
        Some(earlier) if (earlier.verdict, earlier.decided_by) == verdict => Ok(true),
        Some(earlier) => {
            Err(OverrunError::AlreadyDecided { clearing_id, decided_by: earlier.decided_by })
        }
    }
}

/// Writes the verdict. The row itself refuses a proposer who confirms.
async fn end(
    tx: &mut PgConnection,
    clearing: &NewClearing,
    (verdict, decided_by): (Verdict, Uuid),
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into accounting.clearing_end
             (clearing_id, proposed_by, decided_by, verdict, decided_at)
         values ($1, $2, $3, $4, $5)",
        clearing.clearing_id,
        clearing.proposed_by,
        decided_by,
        verdict as Verdict,
        stamp.now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes a charge for each run whose overrun the grant pays.
async fn charge(
    tx: &mut PgConnection,
    clearing: &NewClearing,
    taken: &[RunOverrun],
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    let run_ids: Vec<Uuid> = taken.iter().map(|overrun| overrun.run_id).collect();
    let runs = sqlx::query!(
        "select r.run_id, r.ended_at, h.agency_id, h.project_id, h.rate_id
         from accounting.run r
         join accounting.hold h on h.hold_id = r.hold_id
         where r.run_id = any($1)",
        &run_ids,
    )
    .fetch_all(&mut *tx)
    .await?;
    for overrun in taken {
        let place =
            Inconsistency { table: "accounting.run", column: "run_id", row: overrun.run_id };
        let run = runs.iter().find(|run| run.run_id == overrun.run_id).ok_or(place)?;
        sqlx::query!(
            "insert into accounting.cleared_charge (cleared_charge_id, clearing_id, run_id,
                 hold_id, grant_id, agency_id, project_id, rate_id, month, gpu_seconds, usek,
                 charged_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            id::fresh(),
            clearing.clearing_id,
            overrun.run_id,
            overrun.hold_id,
            clearing.grant_id,
            run.agency_id,
            run.project_id,
            run.rate_id,
            Month::of(run.ended_at).first_day(),
            overrun.gpu_seconds.get(),
            overrun.usek.get(),
            stamp.now,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
