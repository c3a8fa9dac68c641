//! Placing a hold.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{Hold, HoldError, HoldPart},
    rate_card::RateError,
    spread::total,
    store::{
        hold::{
            release::ReleaseError,
            room::{self, Rooms},
            row, write,
        },
        kept,
    },
};

/// Who the hold is placed for, and so who is charged when it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Payer {
    /// The agency that pays.
    pub agency_id: Uuid,
    /// The project that runs.
    pub project_id: Uuid,
}

/// A request to set time and money aside for one attempt.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// Chosen by the caller.
    pub hold_id: Uuid,
    /// The attempt it pays for; an attempt has at most one open hold.
    pub attempt_id: Uuid,
    /// Who pays.
    pub payer: Payer,
    /// The grants to draw on, oldest expiry first.
    pub grant_ids: Vec<Uuid>,
    /// The time to set aside: units × (wall time + grace).
    pub gpu_seconds: GpuSeconds,
    /// The quoted rate, which the hold keeps whatever is published later.
    pub rate_id: Uuid,
    /// When the hold may be released if nothing came of it.
    pub expires_at: DateTime<Utc>,
}

/// What was set aside.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HoldPlaced {
    /// The hold.
    pub hold_id: Uuid,
    /// The money set aside, over all parts.
    pub usek: MicroSek,
    /// How much of which grant, in the order they are used.
    pub parts: Vec<HoldPart>,
}

/// Why a hold was not placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The request names no grant.
    #[error("the hold names no grant to draw on; ask for a grant first")]
    NoGrant,
    /// The ledger has no such grant.
    #[error("grant {0} is not in the ledger; ask the operator to open it")]
    NoSuchGrant(Uuid),
    /// The request names a grant twice, which would count its room twice.
    #[error("grant {0} is named twice; name each grant once")]
    GrantNamedTwice(Uuid),
    /// The request asks for no time.
    #[error("a hold of no GPU-seconds holds nothing; ask for at least one")]
    NothingWanted,
    /// The hold would have expired before it was placed.
    #[error("the hold would have expired at {expires_at}, before now ({now}); ask for a later end")]
    AlreadyExpired {
        /// The end that was asked for.
        expires_at: DateTime<Utc>,
        /// When it was asked for.
        now: DateTime<Utc>,
    },
    /// The grants have too little time left.
    #[error("the hold wants {wanted} and the grants have {available} left; ask for less")]
    NotEnoughGpuSeconds {
        /// What was wanted.
        wanted: GpuSeconds,
        /// What the grants have left together.
        available: GpuSeconds,
    },
    /// The grants have the time, but too little money left.
    #[error("the hold would cost {wanted} and the grants can pay {available}; ask for less")]
    NotEnoughMoney {
        /// What the hold would cost.
        wanted: MicroSek,
        /// What the grants could pay of it.
        available: MicroSek,
    },
    /// The hold would draw on grants of two funds.
    #[error(
        "the hold would draw on funds {first} and {second}; ask for less, so that one fund covers it"
    )]
    FundsNeverMix {
        /// The fund of the first part.
        first: Uuid,
        /// Another part's fund.
        second: Uuid,
    },
    /// The amount is beyond what 64 bits of µSEK can say.
    #[error("{0} at this rate cost more than can be written down; ask for less")]
    OutOfRange(GpuSeconds),
    /// The id was used for another hold.
    #[error("hold id {0} was used before for a different request; choose a new id")]
    HoldIdReused(Uuid),
    /// The attempt has an open hold under another id.
    #[error("attempt {0} has an open hold already; settle or release that one first")]
    AttemptHasHold(Uuid),
    /// The hold to be replaced is another project's.
    #[error("hold {old_hold_id} is of project {project_id}; a hold is replaced only by its own")]
    ReplacesAnother {
        /// The hold to be replaced.
        old_hold_id: Uuid,
        /// Whose it is.
        project_id: Uuid,
    },
    /// The hold to be replaced cannot be released.
    #[error("releasing the hold that was to be replaced")]
    Release(#[from] ReleaseError),
    /// The quoted rate does not exist or could not be read.
    #[error("reading the quoted rate")]
    Rate(#[from] RateError),
    /// The database failed.
    #[error("reading or writing holds")]
    Database(#[from] sqlx::Error),
}

impl PlaceError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoGrant => "hold_no_grant",
            Self::NoSuchGrant(_) => "hold_grant_unknown",
            Self::GrantNamedTwice(_) => "hold_grant_named_twice",
            Self::NothingWanted => "hold_nothing_wanted",
            Self::AlreadyExpired { .. } => "hold_already_expired",
            Self::NotEnoughGpuSeconds { .. } => "hold_not_enough_gpu_seconds",
            Self::NotEnoughMoney { .. } => "hold_not_enough_money",
            Self::FundsNeverMix { .. } => "hold_funds_never_mix",
            Self::OutOfRange(_) => "hold_out_of_range",
            Self::HoldIdReused(_) => "hold_id_reused",
            Self::AttemptHasHold(_) => "hold_attempt_has_hold",
            Self::ReplacesAnother { .. } => "hold_replaces_another",
            Self::Release(error) => error.code(),
            Self::Rate(_) => "hold_rate",
            Self::Database(_) => "hold_place_database",
        }
    }
}

/// Places a hold and tells which grants it draws on. The same request again changes nothing.
///
/// Two statements and the audit row: one locks and reads, one writes hold, parts, entries and
/// balances. Whether the id was used before shows when it cannot be written, or when it is refused.
pub async fn place(
    tx: &mut PgConnection,
    request: &Place,
    stamp: &Stamp<'_>,
) -> Result<HoldPlaced, PlaceError> {
    let rooms = room::lock(tx, &request.grant_ids, request.rate_id).await?;
    let (usek, parts) = match allotted(request, &rooms, stamp) {
        Ok(allotted) => allotted,
        // What is refused now may have been placed before, and is then answered as it was.
        Err(refusal) => return repeated(tx, request).await?.ok_or(refusal),
    };
    if !write::insert(tx, (request, usek), (&rooms, &parts), stamp).await? {
        let repeated = repeated(tx, request).await?;
        return repeated.ok_or(PlaceError::AttemptHasHold(request.attempt_id));
    }
    let details = json!({
        "attempt_id": request.attempt_id,
        "project_id": request.payer.project_id,
        "gpu_seconds": request.gpu_seconds,
        "usek": usek,
        "rate_id": request.rate_id,
        "parts": parts,
    });
    stamp.audit(tx, "hold.place", ("hold", request.hold_id), details).await?;
    Ok(HoldPlaced { hold_id: request.hold_id, usek, parts })
}

/// The money and the parts of a hold, or why there is none.
fn allotted(
    request: &Place,
    rooms: &Rooms,
    stamp: &Stamp<'_>,
) -> Result<(MicroSek, Vec<HoldPart>), PlaceError> {
    check(request, rooms, stamp)?;
    let no_rate = || PlaceError::Rate(RateError::NoSuchRate(request.rate_id));
    let price = rooms.price.ok_or_else(no_rate)?;
    let free = rooms.free(&request.grant_ids).map_err(sqlx::Error::from)?;
    let hold = Hold::open(request.hold_id, price, request.gpu_seconds, &free)
        .map_err(|refusal| refused(refusal, request))?;
    one_fund_only(rooms, hold.parts())?;
    let (_, usek) =
        total(hold.parts().iter()).ok_or(PlaceError::OutOfRange(request.gpu_seconds))?;
    Ok((usek, hold.parts().to_vec()))
}

/// What can be refused before a figure is looked at.
fn check(request: &Place, rooms: &Rooms, stamp: &Stamp<'_>) -> Result<(), PlaceError> {
    if request.grant_ids.is_empty() {
        return Err(PlaceError::NoGrant);
    }
    for (place, grant_id) in request.grant_ids.iter().enumerate() {
        if rooms.of(*grant_id).is_none() {
            return Err(PlaceError::NoSuchGrant(*grant_id));
        }
        if request.grant_ids[..place].contains(grant_id) {
            return Err(PlaceError::GrantNamedTwice(*grant_id));
        }
    }
    if request.gpu_seconds == GpuSeconds::ZERO {
        return Err(PlaceError::NothingWanted);
    }
    if request.expires_at <= stamp.now {
        let Place { expires_at, .. } = *request;
        return Err(PlaceError::AlreadyExpired { expires_at, now: stamp.now });
    }
    Ok(())
}

/// The answer to an id that was used before: the same again, or a refusal; `None` if it is new.
async fn repeated(
    tx: &mut PgConnection,
    request: &Place,
) -> Result<Option<HoldPlaced>, PlaceError> {
    let Some(earlier) = row::find(tx, request.hold_id).await? else { return Ok(None) };
    let asked = Place { expires_at: kept(request.expires_at), ..request.clone() };
    if earlier.request != asked {
        return Err(PlaceError::HoldIdReused(request.hold_id));
    }
    let parts = earlier.placed; // As it was placed, whatever was added since.
    Ok(Some(HoldPlaced { hold_id: request.hold_id, usek: earlier.usek, parts }))
}

fn refused(refusal: HoldError, request: &Place) -> PlaceError {
    match refusal {
        HoldError::NotEnoughGpuSeconds { wanted, available } => {
            PlaceError::NotEnoughGpuSeconds { wanted, available }
        }
        HoldError::NotEnoughMoney { wanted, available } => {
            PlaceError::NotEnoughMoney { wanted, available }
        }
        // The other two are about holds that exist already, and opening one never says them.
        HoldError::OutOfRange(_) | HoldError::AlreadyClosed { .. } | HoldError::StillOpen(_) => {
            PlaceError::OutOfRange(request.gpu_seconds)
        }
    }
}

/// Refuses parts of two funds: what one fund granted, another never pays for.
fn one_fund_only(rooms: &Rooms, parts: &[HoldPart]) -> Result<(), PlaceError> {
    let mut funds = parts.iter().filter_map(|part| Some(rooms.of(part.grant_id)?.fund_id));
    let Some(first) = funds.next() else { return Ok(()) };
    match funds.find(|&fund_id| fund_id != first) {
        Some(second) => Err(PlaceError::FundsNeverMix { first, second }),
        None => Ok(()),
    }
}
