//! Tests against a real PostgreSQL, one database each, and the desk they share.

mod clearing;
mod dice;
mod drafting;
mod extending;
mod history;
mod moving;
mod never_oversold;
mod opening;
mod placing;
mod publishing;
mod race;
mod rights;
mod runs;
mod settling;
pub(crate) mod unlocked;

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, GpuSeconds, MicroSek, Stamp, id};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    hold::{
        self, HoldPlaced, HoldReleased, NewRun, Payer, Place, PlaceError, ReleaseError,
        ReleaseReason, Settle, SettleError, Settled,
    },
    ledger::{self, GrantBalance, LedgerError, OpenGrant},
    rate_card::{self, NewRate, NewRateCard},
};

/// A fund, a pool and a rate of 1 000 µSEK a GPU-second, to open grants on.
#[derive(Clone)]
struct Desk {
    db: PgPool,
    fund_id: Uuid,
    pool_id: Uuid,
    rate_id: Uuid,
    payer: Payer,
}

/// Every run of a test is another one in slurmdbd.
static DB_INDEX: AtomicI64 = AtomicI64::new(1);

fn noon() -> DateTime<Utc> {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn seconds(amount: i64) -> GpuSeconds {
    GpuSeconds::new(amount).unwrap()
}

fn usek(amount: i64) -> MicroSek {
    MicroSek::new(amount).unwrap()
}

fn stamp() -> Stamp<'static> {
    Stamp { actor: Actor::Program("test"), now: noon(), why: None, trace_id: Uuid::nil() }
}

/// Runs the migrations this crate needs.
async fn migrate(db: &PgPool) {
    record::MIGRATOR.run(db).await.unwrap();
    crate::MIGRATOR.run(db).await.unwrap();
}

/// A card from `valid_from` with one rate for class `h200` on partition `gpu`.
fn card(valid_from: DateTime<Utc>, price_usek_per_gpu_hour: i64) -> NewRateCard {
    NewRateCard {
        rate_card_id: id::fresh(),
        name: format!("from {}", valid_from.date_naive()),
        valid_from,
        valid_until: None,
        charges_node_failure: false,
        rates: vec![NewRate {
            rate_id: id::fresh(),
            class: "h200".to_owned(),
            partition: "gpu".to_owned(),
            category: "any".to_owned(),
            price_usek_per_gpu_hour,
            factor_ppm: 1_000_000,
        }],
    }
}

/// An ended run of `gpu_seconds`, on one GPU.
fn run_of(gpu_seconds: i64) -> NewRun {
    let db_index = DB_INDEX.fetch_add(1, Ordering::Relaxed);
    NewRun {
        run_id: id::fresh(),
        cluster: "alvis".to_owned(),
        slurm_job_id: 1_000_000 + db_index,
        db_index,
        started_at: noon() - TimeDelta::seconds(gpu_seconds),
        ended_at: noon(),
        gpu_count: 1,
        gpu_seconds: seconds(gpu_seconds),
        state: "COMPLETED".to_owned(),
        chargeable: true,
        observation_id: id::fresh(),
    }
}

impl Desk {
    async fn open(db: PgPool) -> Self {
        migrate(&db).await;
        let card = card(noon() - TimeDelta::days(60), 3_600_000);
        let desk = Self {
            fund_id: id::fresh(),
            pool_id: id::fresh(),
            rate_id: card.rates[0].rate_id,
            payer: Payer { agency_id: id::fresh(), project_id: id::fresh() },
            db,
        };
        let mut tx = desk.db.begin().await.unwrap();
        rate_card::publish(&mut tx, &card, &stamp()).await.unwrap();
        ledger::open_fund(&mut tx, desk.fund_id, usek(1_000_000_000_000), &stamp()).await.unwrap();
        ledger::open_pool(&mut tx, desk.pool_id, seconds(1_000_000_000), &stamp()).await.unwrap();
        tx.commit().await.unwrap();
        desk
    }

    async fn try_grant(&self, request: &OpenGrant) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        ledger::open_grant(&mut tx, request, &stamp()).await?;
        Ok(tx.commit().await?)
    }

    /// A grant with room for this in both units.
    async fn grant(&self, gpu_seconds: i64, money: i64) -> Uuid {
        let grant_id = id::fresh();
        let (pool_id, fund_id) = (self.pool_id, self.fund_id);
        let gpu_seconds = seconds(gpu_seconds);
        self.try_grant(&OpenGrant { grant_id, pool_id, fund_id, gpu_seconds, usek: usek(money) })
            .await
            .unwrap();
        grant_id
    }

    fn request(&self, grant_ids: &[Uuid], gpu_seconds: i64) -> Place {
        Place {
            hold_id: id::fresh(),
            attempt_id: id::fresh(),
            payer: self.payer,
            grant_ids: grant_ids.to_vec(),
            gpu_seconds: seconds(gpu_seconds),
            rate_id: self.rate_id,
            expires_at: noon() + TimeDelta::days(7),
        }
    }

    async fn place(&self, request: &Place) -> Result<HoldPlaced, PlaceError> {
        let mut tx = self.db.begin().await?;
        let placed = hold::place(&mut tx, request, &stamp()).await?;
        tx.commit().await?;
        Ok(placed)
    }

    /// Places a hold that fits and returns its id.
    async fn hold(&self, grant_ids: &[Uuid], gpu_seconds: i64) -> Uuid {
        self.place(&self.request(grant_ids, gpu_seconds)).await.unwrap().hold_id
    }

    async fn settle(&self, hold_id: Uuid, runs: &[NewRun]) -> Result<Settled, SettleError> {
        let mut tx = self.db.begin().await?;
        let request = Settle { hold_id, runs: runs.to_vec() };
        let settled = hold::settle(&mut tx, &request, &stamp()).await?;
        tx.commit().await?;
        Ok(settled)
    }

    async fn release(
        &self,
        hold_id: Uuid,
        reason: ReleaseReason,
    ) -> Result<HoldReleased, ReleaseError> {
        let mut tx = self.db.begin().await?;
        let released = hold::release(&mut tx, hold_id, reason, &stamp()).await?;
        tx.commit().await?;
        Ok(released)
    }

    async fn balance(&self, grant_id: Uuid) -> GrantBalance {
        let mut tx = self.db.acquire().await.unwrap();
        ledger::balance_of_grant(&mut tx, grant_id).await.unwrap()
    }

    /// Available, held, settled and overrun of a grant, in GPU-seconds.
    async fn time_of(&self, grant_id: Uuid) -> [i64; 4] {
        let GrantBalance { available, held, settled, overrun, .. } = self.balance(grant_id).await;
        [available, held, settled, overrun].map(GpuSeconds::get)
    }

    /// Available, held, settled and overrun of a grant, in µSEK.
    async fn money_of(&self, grant_id: Uuid) -> [i64; 4] {
        let balance = self.balance(grant_id).await;
        [balance.available_usek, balance.held_usek, balance.settled_usek, balance.overrun_usek]
            .map(MicroSek::get)
    }

    async fn count(&self, table: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from accounting.{table}")))
            .fetch_one(&self.db)
            .await
            .unwrap()
    }

    /// Every balance agrees with the entries, the holds and the charges.
    async fn balances(&self) {
        assert_eq!(ledger::verify(&self.db).await.unwrap(), []);
    }
}
