//! What the grants of a hold have free: locked and read in one query, with the rate it is priced by.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::HoldPart,
    ledger::Unit,
    rate::Price,
    store::{Inconsistency, gpu_seconds, micro_sek},
};

/// What one grant has free, and the accounts that a hold on it moves between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) fund_id: Uuid,
    pub(super) time: Purse,
    pub(super) money: Purse,
}

/// One unit of a grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purse {
    pub(super) free_account_id: Uuid,
    pub(super) held_account_id: Uuid,
    free: i64,
}

/// The grants of a hold, locked, and its price.
pub(super) struct Rooms {
    rooms: HashMap<Uuid, Room>,
    /// What the quoted rate says; `None` if no grant or no such rate was found.
    pub(super) price: Option<Price>,
}

/// Locks what these grants have free until the transaction ends, and reads it.
///
/// The free accounts come first in every locking of a grant, so who has them has the grant; the
/// other accounts need no lock here.
pub(super) async fn lock(
    tx: &mut PgConnection,
    grant_ids: &[Uuid],
    rate_id: Uuid,
) -> Result<Rooms, sqlx::Error> {
    #[cfg(test)]
    crate::store::tests::unlocked::before(tx).await?;
    // The row lock makes what is read here stay true until commit: jobs racing for the last
    // GPU-seconds queue at this line instead of all passing the check that follows it. The rest
    // never changes, and is looked up row by row: joined, it would be read whole.
    let rows = sqlx::query!(
        r#"
        select a.owner_id as grant_id, a.unit as "unit: Unit", a.account_id as free_account_id,
            b.amount,
            (select h.account_id from accounting.account h where h.owner_id = a.owner_id
                and h.kind = 'held' and h.unit = a.unit) as held_account_id,
            (select g.fund_id from accounting.grant_opening g where g.grant_id = a.owner_id)
                as fund_id,
            (select r.price_usek_per_gpu_hour from accounting.rate r where r.rate_id = $2)
                as price_usek_per_gpu_hour,
            (select r.factor_ppm from accounting.rate r where r.rate_id = $2) as factor_ppm
        from accounting.account a
        join accounting.balance b on b.account_id = a.account_id
        where a.owner_id = any($1) and a.kind = 'free'
        order by a.owner_id, a.unit
        for update of b
        "#,
        grant_ids,
        rate_id,
    )
    .fetch_all(&mut *tx)
    .await?;
    #[cfg(test)]
    crate::store::tests::unlocked::after(tx).await?;
    let mut price = None;
    let mut halves: HashMap<Uuid, (Uuid, Option<Purse>, Option<Purse>)> = HashMap::new();
    for row in rows {
        if let (Some(per_hour), Some(factor)) = (row.price_usek_per_gpu_hour, row.factor_ppm) {
            let fault = Inconsistency {
                table: "accounting.rate",
                column: "price_usek_per_gpu_hour, factor_ppm",
                row: rate_id,
            };
            price = Some(Price::new(per_hour, factor).ok_or(fault)?);
        }
        let place = |column| Inconsistency {
            table: "accounting.account",
            column,
            row: row.free_account_id,
        };
        let purse = Purse {
            free_account_id: row.free_account_id,
            held_account_id: row.held_account_id.ok_or(place("kind"))?,
            free: row.amount,
        };
        let fund_id = row.fund_id.ok_or(place("owner_id"))?;
        let (_, time, money) = halves.entry(row.grant_id).or_insert((fund_id, None, None));
        match row.unit {
            Unit::GpuSeconds => *time = Some(purse),
            Unit::MicroSek => *money = Some(purse),
        }
    }
    let rooms = halves.into_iter().map(|(grant_id, half)| match half {
        (fund_id, Some(time), Some(money)) => Ok((grant_id, Room { fund_id, time, money })),
        (_, None, _) | (_, _, None) => Err(Inconsistency {
            table: "accounting.account",
            column: "owner_id, kind, unit",
            row: grant_id,
        }),
    });
    Ok(Rooms { rooms: rooms.collect::<Result<_, _>>()?, price })
}

impl Rooms {
    /// The room of a grant, if the ledger has it.
    pub(super) fn of(&self, grant_id: Uuid) -> Option<&Room> {
        self.rooms.get(&grant_id)
    }

    /// What each of these grants has free, in the order given; grants unknown are left out.
    pub(super) fn free(&self, grant_ids: &[Uuid]) -> Result<Vec<HoldPart>, Inconsistency> {
        let known = grant_ids.iter().filter_map(|&grant_id| Some((grant_id, self.of(grant_id)?)));
        let part = |(grant_id, room): (Uuid, &Room)| {
            let place = |purse: &Purse| Inconsistency {
                table: "accounting.balance",
                column: "amount",
                row: purse.free_account_id,
            };
            Ok(HoldPart {
                grant_id,
                gpu_seconds: gpu_seconds(room.time.free, place(&room.time))?,
                usek: micro_sek(room.money.free, place(&room.money))?,
            })
        };
        known.map(part).collect()
    }
}
