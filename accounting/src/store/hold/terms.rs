//! The terms of a hold: what more time for its attempt is decided on.

use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::HoldState,
    rate::Price,
    spread::{by_grant, total},
    store::{Inconsistency, hold::row},
};

/// What a hold rests on, extensions that stand included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldTerms {
    /// The price it keeps.
    pub price: Price,
    /// The grants it draws on, each once, in the order they are used.
    pub grant_ids: Vec<Uuid>,
    /// The time it sets aside.
    pub gpu_seconds: GpuSeconds,
    /// The money it sets aside.
    pub usek: MicroSek,
    /// Where it stands.
    pub state: HoldState,
}

/// Reads a hold's terms and locks it, as extending it does; `None` if there is none by that id.
pub async fn terms(tx: &mut PgConnection, hold_id: Uuid) -> Result<Option<HoldTerms>, sqlx::Error> {
    let Some(stored) = row::lock(tx, hold_id).await? else { return Ok(None) };
    let hold = stored.hold;
    let beyond = |column| Inconsistency { table: "accounting.held_part", column, row: hold_id };
    let parts = by_grant(hold.parts()).ok_or_else(|| beyond("gpu_seconds"))?;
    let (gpu_seconds, usek) = total(parts.iter()).ok_or_else(|| beyond("usek"))?;
    let grant_ids = parts.iter().map(|part| part.grant_id).collect();
    Ok(Some(HoldTerms { price: hold.price, grant_ids, gpu_seconds, usek, state: hold.state }))
}
