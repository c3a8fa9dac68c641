//! Extending a hold: more time for an attempt whose hold is open, before Slurm is asked for it.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{HoldError, HoldPart},
    ledger::{AccountKind, Unit},
    spread::total,
    store::{
        Inconsistency,
        book::{Book, EntryKind, Movement},
        gpu_seconds,
        hold::row,
        kept, micro_sek,
    },
};

/// A request to set more time aside for an attempt, at the price its hold has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Extend {
    /// Chosen by the caller.
    pub extension_id: Uuid,
    /// The hold that grows.
    pub hold_id: Uuid,
    /// The time to set aside in addition: units × the seconds that the attempt may run longer.
    pub gpu_seconds: GpuSeconds,
    /// The grants to draw on, oldest expiry first; of the fund that the hold draws on.
    pub grant_ids: Vec<Uuid>,
    /// When the hold may be released if nothing came of it; never moves an end that is later.
    pub expires_at: DateTime<Utc>,
}

/// What was set aside in addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HoldExtended {
    /// The time.
    pub gpu_seconds: GpuSeconds,
    /// The money.
    pub usek: MicroSek,
}

/// Why a hold was not extended.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// The id names no hold.
    #[error("hold {0} does not exist")]
    NoSuchHold(Uuid),
    /// The hold is closed: its job has ended or never ran.
    #[error("the hold refused")]
    Closed(#[source] HoldError),
    /// The request names no grant.
    #[error("the extension names no grant to draw on; ask for a grant first")]
    NoGrant,
    /// The ledger has no such grant.
    #[error("grant {0} is not in the ledger; ask the operator to open it")]
    NoSuchGrant(Uuid),
    /// The request names a grant twice, which would count its room twice.
    #[error("grant {0} is named twice; name each grant once")]
    GrantNamedTwice(Uuid),
    /// The request asks for no time.
    #[error("an extension of no GPU-seconds extends nothing; ask for at least one")]
    NothingWanted,
    /// The extension would have expired before it was made.
    #[error(
        "the extension would have expired at {expires_at}, before now ({now}); ask for a later end"
    )]
    AlreadyExpired {
        /// The end that was asked for.
        expires_at: DateTime<Utc>,
        /// When it was asked for.
        now: DateTime<Utc>,
    },
    /// The grants have too little time left.
    #[error("the extension wants {wanted} and the grants have {available} left; ask for less")]
    NotEnoughGpuSeconds {
        /// What was wanted.
        wanted: GpuSeconds,
        /// What the grants have left together.
        available: GpuSeconds,
    },
    /// The grants have the time, but too little money left.
    #[error("the extension would cost {wanted} and the grants can pay {available}; ask for less")]
    NotEnoughMoney {
        /// What the extension would cost at most.
        wanted: MicroSek,
        /// What the grants could pay of it.
        available: MicroSek,
    },
    /// The extension would draw on another fund than the hold.
    #[error(
        "the hold draws on fund {fund_id} and the extension would draw on fund {other_fund_id}; \
         ask for less, so that one fund covers it"
    )]
    FundsNeverMix {
        /// The hold's fund.
        fund_id: Uuid,
        /// The extension's.
        other_fund_id: Uuid,
    },
    /// The amount is beyond what 64 bits of µSEK can say.
    #[error("hold {0} would cost more than can be written down; ask for less")]
    OutOfRange(Uuid),
    /// The id was used for another extension.
    #[error("extension id {0} was used before for a different request; choose a new id")]
    ExtensionIdReused(Uuid),
    /// The database failed.
    #[error("reading or writing extensions")]
    Database(#[from] sqlx::Error),
}

impl ExtendError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchHold(_) => "extend_hold_unknown",
            Self::Closed(_) => "extend_hold_closed",
            Self::NoGrant => "extend_no_grant",
            Self::NoSuchGrant(_) => "extend_grant_unknown",
            Self::GrantNamedTwice(_) => "extend_grant_named_twice",
            Self::NothingWanted => "extend_nothing_wanted",
            Self::AlreadyExpired { .. } => "extend_already_expired",
            Self::NotEnoughGpuSeconds { .. } => "extend_not_enough_gpu_seconds",
            Self::NotEnoughMoney { .. } => "extend_not_enough_money",
            Self::FundsNeverMix { .. } => "extend_funds_never_mix",
            Self::OutOfRange(_) => "extend_out_of_range",
            Self::ExtensionIdReused(_) => "extension_id_reused",
            Self::Database(_) => "extend_database",
        }
    }
}

/// Sets more time aside for an attempt whose hold is open. The same request again changes nothing,
/// even after the hold has closed or the extension was given back.
pub async fn extend(
    tx: &mut PgConnection,
    request: &Extend,
    stamp: &Stamp<'_>,
) -> Result<HoldExtended, ExtendError> {
    let hold_id = request.hold_id;
    let stored = row::lock(tx, hold_id).await?.ok_or(ExtendError::NoSuchHold(hold_id))?;
    if let Some(answer) = repeated(tx, request).await? {
        return Ok(answer);
    }
    let book = Book::lock(tx, &request.grant_ids).await?;
    check(request, &book, stamp)?;
    let free = book.free(&request.grant_ids).map_err(sqlx::Error::from)?;
    let held: Vec<Uuid> = stored.hold.parts().iter().map(|part| part.grant_id).collect();
    let extended = stored.hold.extend(request.gpu_seconds, &free);
    let (_, parts) = extended.map_err(|refusal| refused(refusal, hold_id))?;
    one_fund_only(tx, &held, &parts).await?;
    let (gpu_seconds, usek) = total(parts.iter()).ok_or(ExtendError::OutOfRange(hold_id))?;

    if !insert(tx, (request, usek), &parts, stamp).await? {
        return Err(ExtendError::ExtensionIdReused(request.extension_id));
    }
    let movements: Vec<_> = parts.iter().map(|part| movement_of(request, part)).collect();
    book.post_all(tx, &movements, stamp).await?;
    let details = json!({
        "extension_id": request.extension_id,
        "gpu_seconds": gpu_seconds,
        "usek": usek,
        "parts": parts,
    });
    stamp.audit(tx, "hold.extend", ("hold", hold_id), details).await?;
    Ok(HoldExtended { gpu_seconds, usek })
}

/// What can be refused before a figure is looked at.
fn check(request: &Extend, book: &Book, stamp: &Stamp<'_>) -> Result<(), ExtendError> {
    if request.grant_ids.is_empty() {
        return Err(ExtendError::NoGrant);
    }
    for (place, grant_id) in request.grant_ids.iter().enumerate() {
        if !book.has(*grant_id, AccountKind::Free, Unit::GpuSeconds) {
            return Err(ExtendError::NoSuchGrant(*grant_id));
        }
        if request.grant_ids[..place].contains(grant_id) {
            return Err(ExtendError::GrantNamedTwice(*grant_id));
        }
    }
    if request.gpu_seconds == GpuSeconds::ZERO {
        return Err(ExtendError::NothingWanted);
    }
    if request.expires_at <= stamp.now {
        let Extend { expires_at, .. } = *request;
        return Err(ExtendError::AlreadyExpired { expires_at, now: stamp.now });
    }
    Ok(())
}

/// The answer to an id that was used before: the same again, or a refusal; `None` if it is new.
async fn repeated(
    tx: &mut PgConnection,
    request: &Extend,
) -> Result<Option<HoldExtended>, ExtendError> {
    let extension_id = request.extension_id;
    let row = sqlx::query!(
        "select hold_id, offered_grant_ids, gpu_seconds, usek, expires_at
         from accounting.extension where extension_id = $1",
        extension_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let place = |column| Inconsistency { table: "accounting.extension", column, row: extension_id };
    let time = gpu_seconds(row.gpu_seconds, place("gpu_seconds")).map_err(sqlx::Error::from)?;
    let usek = micro_sek(row.usek, place("usek")).map_err(sqlx::Error::from)?;
    let earlier = Extend {
        extension_id,
        hold_id: row.hold_id,
        gpu_seconds: time,
        grant_ids: row.offered_grant_ids,
        expires_at: row.expires_at,
    };
    if earlier != (Extend { expires_at: kept(request.expires_at), ..request.clone() }) {
        return Err(ExtendError::ExtensionIdReused(extension_id));
    }
    Ok(Some(HoldExtended { gpu_seconds: time, usek }))
}

fn refused(refusal: HoldError, hold_id: Uuid) -> ExtendError {
    match refusal {
        HoldError::NotEnoughGpuSeconds { wanted, available } => {
            ExtendError::NotEnoughGpuSeconds { wanted, available }
        }
        HoldError::NotEnoughMoney { wanted, available } => {
            ExtendError::NotEnoughMoney { wanted, available }
        }
        HoldError::AlreadyClosed { .. } => ExtendError::Closed(refusal),
        // A hold that is to be extended is never said to be open still.
        HoldError::OutOfRange(_) | HoldError::StillOpen(_) => ExtendError::OutOfRange(hold_id),
    }
}

/// Refuses parts of another fund than the hold's: what one fund granted, another never pays for.
async fn one_fund_only(
    tx: &mut PgConnection,
    held: &[Uuid],
    parts: &[HoldPart],
) -> Result<(), ExtendError> {
    let added = parts.iter().map(|part| part.grant_id);
    let grant_ids: Vec<Uuid> = held.iter().copied().chain(added).collect();
    let fund_ids = sqlx::query_scalar!(
        "select g.fund_id
         from unnest($1::uuid[]) with ordinality as named (grant_id, place)
         join accounting.grant_opening g on g.grant_id = named.grant_id
         order by named.place",
        &grant_ids,
    )
    .fetch_all(tx)
    .await?;
    let Some(&fund_id) = fund_ids.first() else { return Ok(()) };
    match fund_ids.into_iter().find(|&other| other != fund_id) {
        Some(other_fund_id) => Err(ExtendError::FundsNeverMix { fund_id, other_fund_id }),
        None => Ok(()),
    }
}

/// Writes the extension, its parts and the hold's sums in one statement; tells whether it did, which
/// it does not if the id is used.
async fn insert(
    tx: &mut PgConnection,
    (request, usek): (&Extend, MicroSek),
    parts: &[HoldPart],
    stamp: &Stamp<'_>,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query!(
        "with extension as (
             insert into accounting.extension (extension_id, hold_id, extension_no,
                 offered_grant_ids, gpu_seconds, usek, extended_at, expires_at)
             select $1, $2, count(*) + 1, $3, $4, $5, $6, $7
             from accounting.extension where hold_id = $2
             on conflict (extension_id) do nothing
             returning extension_id, hold_id, gpu_seconds, usek, expires_at
         ), part as (
             insert into accounting.extension_part
                 (extension_id, part_no, grant_id, gpu_seconds, usek)
             select e.extension_id, p.part_no - 1, p.grant_id, p.gpu_seconds, p.usek
             from extension e,
                 unnest($8::uuid[], $9::bigint[], $10::bigint[]) with ordinality
                     as p (grant_id, gpu_seconds, usek, part_no)
         )
         update accounting.hold h
         set extended_gpu_seconds = h.extended_gpu_seconds + e.gpu_seconds,
             extended_usek = h.extended_usek + e.usek,
             extended_until = greatest(h.extended_until, e.expires_at)
         from extension e
         where h.hold_id = e.hold_id and h.state = 'open'",
        request.extension_id,
        request.hold_id,
        &request.grant_ids,
        request.gpu_seconds.get(),
        usek.get(),
        stamp.now,
        request.expires_at,
        &parts.iter().map(|part| part.grant_id).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.gpu_seconds.get()).collect::<Vec<_>>(),
        &parts.iter().map(|part| part.usek.get()).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// The movement that sets a part of the extension aside.
fn movement_of(request: &Extend, part: &HoldPart) -> Movement {
    let HoldPart { grant_id, gpu_seconds, usek } = *part;
    let (free, held) = ((grant_id, AccountKind::Free), (grant_id, AccountKind::Held));
    Movement {
        gpu_seconds,
        usek,
        hold_id: Some(request.hold_id),
        ..Movement::new(EntryKind::Extended, request.extension_id, free, held)
    }
}
