//! Reading a hold: the request it came from, its parts, and where it stands.

use chrono::{DateTime, Utc};
use record::MicroSek;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{Hold, HoldPart, HoldState, Payer, Place, ReleaseReason},
    rate::Price,
    store::{Inconsistency, gpu_seconds, micro_sek},
};

/// A hold as it is kept: the request it came from, and where it stands.
pub(super) struct StoredHold {
    pub(super) request: Place,
    pub(super) usek: MicroSek,
    /// The parts it was placed with; `hold` has those that were added too.
    pub(super) placed: Vec<HoldPart>,
    pub(super) hold: Hold,
}

#[derive(Clone, Copy, sqlx::Type)]
#[sqlx(type_name = "accounting.hold_state", rename_all = "snake_case")]
enum StateRow {
    Open,
    Settled,
    Released,
}

struct HoldRow {
    hold_id: Uuid,
    attempt_id: Uuid,
    agency_id: Uuid,
    project_id: Uuid,
    offered_grant_ids: Vec<Uuid>,
    gpu_seconds: i64,
    usek: i64,
    rate_id: Uuid,
    expires_at: DateTime<Utc>,
    state: StateRow,
    closed_at: Option<DateTime<Utc>>,
    release_reason: Option<ReleaseReason>,
    settled_gpu_seconds: Option<i64>,
    settled_usek: Option<i64>,
    price_usek_per_gpu_hour: i64,
    factor_ppm: i64,
    part_grant_ids: Vec<Uuid>,
    part_gpu_seconds: Vec<i64>,
    part_usek: Vec<i64>,
    placed_part_count: i64,
}

/// Locks the hold and reads it, so that it closes once. Comes before the lock of its grants.
pub(super) async fn lock(
    tx: &mut PgConnection,
    hold_id: Uuid,
) -> Result<Option<StoredHold>, sqlx::Error> {
    sqlx::query!("select hold_id from accounting.hold where hold_id = $1 for update", hold_id)
        .fetch_optional(&mut *tx)
        .await?;
    find(tx, hold_id).await
}

/// Reads a hold without locking it.
pub(super) async fn find(
    tx: &mut PgConnection,
    hold_id: Uuid,
) -> Result<Option<StoredHold>, sqlx::Error> {
    let row = sqlx::query_as!(
        HoldRow,
        r#"
        select h.hold_id, h.attempt_id, h.agency_id, h.project_id, h.offered_grant_ids,
            h.gpu_seconds, h.usek, h.rate_id, h.expires_at, h.state as "state: StateRow",
            h.closed_at, h.release_reason as "release_reason: ReleaseReason",
            h.settled_gpu_seconds, h.settled_usek, r.price_usek_per_gpu_hour, r.factor_ppm,
            array(select p.grant_id from accounting.held_part p where p.hold_id = h.hold_id
                order by p.extension_no, p.part_no) as "part_grant_ids!",
            array(select p.gpu_seconds from accounting.held_part p where p.hold_id = h.hold_id
                order by p.extension_no, p.part_no) as "part_gpu_seconds!",
            array(select p.usek from accounting.held_part p where p.hold_id = h.hold_id
                order by p.extension_no, p.part_no) as "part_usek!",
            (select count(*) from accounting.hold_part p where p.hold_id = h.hold_id)
                as "placed_part_count!"
        from accounting.hold h
        join accounting.rate r on r.rate_id = h.rate_id
        where h.hold_id = $1
        "#,
        hold_id,
    )
    .fetch_optional(tx)
    .await?;
    row.map(StoredHold::try_from).transpose().map_err(sqlx::Error::from)
}

impl TryFrom<HoldRow> for StoredHold {
    type Error = Inconsistency;

    fn try_from(row: HoldRow) -> Result<Self, Inconsistency> {
        let place = |column| Inconsistency { table: "accounting.hold", column, row: row.hold_id };
        let state = match (row.state, row.closed_at) {
            (StateRow::Open, None) => HoldState::Open,
            (StateRow::Settled, Some(at)) => HoldState::Settled {
                gpu_seconds: gpu_seconds(
                    row.settled_gpu_seconds.ok_or(place("settled_gpu_seconds"))?,
                    place("settled_gpu_seconds"),
                )?,
                usek: micro_sek(
                    row.settled_usek.ok_or(place("settled_usek"))?,
                    place("settled_usek"),
                )?,
                at,
            },
            (StateRow::Released, Some(at)) => HoldState::Released {
                reason: row.release_reason.ok_or(place("release_reason"))?,
                at,
            },
            (StateRow::Open, Some(_)) | (StateRow::Settled | StateRow::Released, None) => {
                return Err(place("closed_at"));
            }
        };
        let figures = row.part_gpu_seconds.iter().zip(&row.part_usek);
        let parts = row.part_grant_ids.iter().zip(figures).map(|(&grant_id, (&time, &money))| {
            let place =
                |column| Inconsistency { table: "accounting.hold_part", column, row: row.hold_id };
            Ok(HoldPart {
                grant_id,
                gpu_seconds: gpu_seconds(time, place("gpu_seconds"))?,
                usek: micro_sek(money, place("usek"))?,
            })
        });
        let parts: Vec<HoldPart> = parts.collect::<Result<_, _>>()?;
        let placed = usize::try_from(row.placed_part_count).ok().and_then(|n| parts.get(..n));
        let placed = placed.ok_or(place("hold_id"))?.to_vec();
        let hold = Hold {
            hold_id: row.hold_id,
            price: Price::new(row.price_usek_per_gpu_hour, row.factor_ppm)
                .ok_or(place("rate_id"))?,
            parts,
            state,
        };
        let request = Place {
            hold_id: row.hold_id,
            attempt_id: row.attempt_id,
            payer: Payer { agency_id: row.agency_id, project_id: row.project_id },
            gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
            rate_id: row.rate_id,
            expires_at: row.expires_at,
            grant_ids: row.offered_grant_ids,
        };
        let usek = micro_sek(
            row.usek,
            Inconsistency { table: "accounting.hold", column: "usek", row: row.hold_id },
        )?;
        Ok(Self { request, usek, placed, hold })
    }
}
