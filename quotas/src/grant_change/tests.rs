//! Every rule of changes by name, against a real PostgreSQL.

use accounting::ledger::{self, GrantBalance};
use record::{Actor, GpuSeconds, MicroSek, Stamp, id};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::*;
use crate::{
    agency::Category,
    agency_share::{self, NewAgencyShare},
    fixture::{Site, by, constraint, day, now, trail},
    fund::{self, NewFund},
    grant::{self, Grant, GrantEnding},
    pool::{self, NewPool},
};

mod carrying;
mod ending;
mod moving;
mod people;
mod race;
mod second_defence;
mod topping_up;

/// A site whose project has a grant of 100 GPU-hours and 200 SEK, and a connection.
async fn granted(db: &PgPool) -> (Site, Grant, sqlx::Transaction<'static, sqlx::Postgres>) {
    let site = Site::lay_out(db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let grant = site.granted(&mut tx, |_| {}).await;
    (site, grant, tx)
}

fn hours(hours: i64) -> GpuSeconds {
    GpuSeconds::new(hours * 3_600).unwrap()
}

fn sek(sek: i64) -> MicroSek {
    MicroSek::new(sek * MicroSek::KRONA.get()).unwrap()
}

/// Ten hours and ten kronor more, decided by the site's decider.
fn ten_more(site: &Site, grant_id: Uuid) -> TopUp {
    let (gpu_seconds, usek) = (hours(10), sek(10));
    TopUp { change_id: id::fresh(), grant_id, gpu_seconds, usek, decided_by: site.decider }
}

fn ten_back(grant_id: Uuid) -> GiveBack {
    GiveBack { change_id: id::fresh(), grant_id, gpu_seconds: hours(10), usek: sek(10) }
}

fn ten_moved(site: &Site, from_grant_id: Uuid, to_grant_id: Uuid) -> Transfer {
    let (change_id, decided_by) = (id::fresh(), site.decider);
    let (gpu_seconds, usek) = (hours(10), sek(10));
    Transfer { change_id, from_grant_id, to_grant_id, gpu_seconds, usek, decided_by }
}

fn replaced(site: &Site, old_grant_id: Uuid, new_grant_id: Uuid) -> Supersede {
    Supersede { change_id: id::fresh(), old_grant_id, new_grant_id, decided_by: site.decider }
}

fn carried(site: &Site, from_grant_id: Uuid, to_grant_id: Uuid) -> CarryOver {
    CarryOver { change_id: id::fresh(), from_grant_id, to_grant_id, decided_by: site.decider }
}

/// A second fund of the same purpose with a pool of its own; its pool.
async fn other_fund(tx: &mut PgConnection, site: &Site) -> Uuid {
    let fund = NewFund { fund_id: id::fresh(), ..site.new_fund() };
    fund::create(tx, &fund, &by(site.operator)).await.unwrap();
    other_pool(tx, site, |pool| pool.fund_id = fund.fund_id).await
}

/// A second pool as `change` makes it.
async fn other_pool(tx: &mut PgConnection, site: &Site, change: impl FnOnce(&mut NewPool)) -> Uuid {
    let mut pool = NewPool { pool_id: id::fresh(), ..site.new_pool() };
    change(&mut pool);
    pool::create(tx, &pool, &by(site.operator)).await.unwrap();
    pool.pool_id
}

/// Sets what the site's agency may have of its pool.
async fn share(tx: &mut PgConnection, site: &Site, gpu_seconds: GpuSeconds) {
    let Site { pool_id, agency_id, .. } = *site;
    let new = NewAgencyShare { agency_share_id: id::fresh(), pool_id, agency_id, gpu_seconds };
    agency_share::set(tx, &new, &by(site.operator)).await.unwrap();
}

async fn balance(tx: &mut PgConnection, grant_id: Uuid) -> GrantBalance {
    ledger::balance_of_grant(tx, grant_id).await.unwrap()
}

/// What the pool has left: found by asking for everything there could be.
async fn left_in_pool(tx: &mut PgConnection, site: &Site, grant_id: Uuid) -> GpuSeconds {
    let mut inner = sqlx::Acquire::begin(tx).await.unwrap();
    let asked = TopUp { gpu_seconds: hours(100_000), ..ten_more(site, grant_id) };
    let refused = top_up(&mut inner, &asked, &by(site.decider)).await;
    inner.rollback().await.unwrap();
    match refused {
        Err(ChangeError::PoolExhausted { available, .. }) => available,
        other => panic!("{other:?}"),
    }
}

/// The program that ends grants, at `instant`.
fn keeper_at(instant: DateTime<Utc>) -> Stamp<'static> {
    Stamp { actor: Actor::Program("test"), now: instant, why: None, trace_id: Uuid::nil() }
}
