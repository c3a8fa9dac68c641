//! One small installation in a database of its own: an agency, a project, a grant, a settled job.
//!
//! What moves in the ledger is moved by the ledger; the rest are the least rows that the tables
//! allow.

mod rows;
pub(crate) mod tree;

use accounting::{
    hold::{self, NewRun, Payer, Place, Settle},
    ledger::{self, OpenGrant},
    overrun::{self, Clearing, NewClearing},
    rate_card::{self, NewRate, NewRateCard},
};
use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, GpuSeconds, MicroSek, Stamp};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// The installation.
pub(crate) struct Site {
    pub(crate) db: PgPool,
    pub(crate) now: DateTime<Utc>,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) member_id: Uuid,
    pub(crate) decider_id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) job_plan_id: Uuid,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time of RFC 3339")
}

pub(crate) fn gpu_seconds(amount: i64) -> GpuSeconds {
    GpuSeconds::new(amount).expect("not below zero")
}

pub(crate) fn usek(amount: i64) -> MicroSek {
    MicroSek::new(amount).expect("not below zero")
}

/// Ids that can be told apart when a test fails.
pub(crate) const AGENCY: Uuid = Uuid::from_u128(1);
pub(crate) const FUND: Uuid = Uuid::from_u128(2);
const POOL: Uuid = Uuid::from_u128(3);
const PROJECT: Uuid = Uuid::from_u128(4);
const GRANT: Uuid = Uuid::from_u128(5);
const RATE: Uuid = Uuid::from_u128(6);
const PLAN: Uuid = Uuid::from_u128(7);
const ATTEMPT: Uuid = Uuid::from_u128(8);
const HOLD: Uuid = Uuid::from_u128(9);
const LINK: Uuid = Uuid::from_u128(10);
const MEMBER: Uuid = Uuid::from_u128(11);
const DECIDER: Uuid = Uuid::from_u128(12);
const CONTROLLER: Uuid = Uuid::from_u128(13);

impl Site {
    /// A grant of 100 GPU-hours, and a job that used one of them.
    pub(crate) async fn open(db: PgPool) -> Self {
        Self::with_grant_of(db, gpu_seconds(360_000), gpu_seconds(3_600)).await
    }

    /// A grant of `granted`, and a job of two GPUs that used `used`.
    pub(crate) async fn with_grant_of(db: PgPool, granted: GpuSeconds, used: GpuSeconds) -> Self {
        rows::install(&db).await;
        let now = at("2027-03-03T12:00:00Z");
        let started_at = at("2027-03-03T09:00:00Z");
        let site = Self {
            db,
            now,
            started_at,
            member_id: MEMBER,
            decider_id: DECIDER,
            project_id: PROJECT,
            job_plan_id: PLAN,
        };
        let ended_at = started_at + TimeDelta::seconds(used.get() / 2);
        rows::quotas(&site.db, granted, now).await;
        rows::staging(&site.db, now).await;
        let mut tx = site.db.begin().await.expect("the database answers");
        site.ledger(&mut tx, granted).await;
        tx.commit().await.expect("the database answers");
        rows::job(&site.db, (started_at, ended_at)).await;
        let mut tx = site.db.begin().await.expect("the database answers");
        site.settle(&mut tx, used, ended_at).await;
        tx.commit().await.expect("the database answers");
        site
    }

    fn stamp(&self) -> Stamp<'static> {
        Stamp { actor: Actor::Program("test"), now: self.now, why: None, trace_id: Uuid::nil() }
    }

    async fn ledger(&self, tx: &mut PgConnection, granted: GpuSeconds) {
        let stamp = self.stamp();
        ledger::open_fund(tx, FUND, usek(1_000_000_000_000), &stamp)
            .await
            .expect("the ledger takes it");
        ledger::open_pool(tx, POOL, gpu_seconds(3_600_000), &stamp)
            .await
            .expect("the ledger takes it");
        ledger::bind_pool(tx, POOL, FUND, &stamp).await.expect("the ledger takes it");
        let grant = OpenGrant {
            grant_id: GRANT,
            pool_id: POOL,
            fund_id: FUND,
            gpu_seconds: granted,
            usek: usek(10_000_000_000),
        };
        ledger::open_grant(tx, &grant, &stamp).await.expect("the ledger takes it");
        let rate = NewRate {
            rate_id: RATE,
            class: "h200".to_owned(),
            partition: "confidential".to_owned(),
            category: "any".to_owned(),
            price_usek_per_gpu_hour: 36_000_000,
            factor_ppm: 1_000_000,
        };
        let card = NewRateCard {
            rate_card_id: Uuid::from_u128(14),
            name: "Public sector 2027".to_owned(),
            valid_from: at("2027-01-01T00:00:00Z"),
            valid_until: None,
            charges_node_failure: false,
            rates: vec![rate],
        };
        rate_card::publish(tx, &card, &stamp).await.expect("the ledger takes it");
        let place = Place {
            hold_id: HOLD,
            attempt_id: ATTEMPT,
            payer: Payer { agency_id: AGENCY, project_id: PROJECT },
            grant_ids: vec![GRANT],
            gpu_seconds: gpu_seconds(7_320),
            rate_id: RATE,
            expires_at: self.now + TimeDelta::days(1),
        };
        hold::place(tx, &place, &stamp).await.expect("the ledger takes it");
    }

    async fn settle(&self, tx: &mut PgConnection, used: GpuSeconds, ended_at: DateTime<Utc>) {
        let run = NewRun {
            run_id: Uuid::from_u128(15),
            cluster: "mimer".to_owned(),
            slurm_job_id: 500_001,
            db_index: 77,
            started_at: self.started_at,
            ended_at,
            gpu_count: 2,
            gpu_seconds: used,
            state: "COMPLETED".to_owned(),
            chargeable: true,
            observation_id: Uuid::from_u128(16),
        };
        let settle = Settle { hold_id: HOLD, runs: vec![run] };
        hold::settle(tx, &settle, &self.stamp()).await.expect("the ledger takes it");
    }

    /// Opens the later grant of [`tree`] in the ledger.
    pub(crate) async fn open_later_grant(&self, grant_id: Uuid) {
        let grant = OpenGrant {
            grant_id,
            pool_id: POOL,
            fund_id: FUND,
            gpu_seconds: gpu_seconds(36_000),
            usek: usek(1_000_000_000),
        };
        let mut tx = self.db.begin().await.expect("the database answers");
        ledger::open_grant(&mut tx, &grant, &self.stamp()).await.expect("the ledger takes it");
        tx.commit().await.expect("the database answers");
    }

    /// Writes an overrun off, as two people do.
    pub(crate) async fn write_off(&self, time: GpuSeconds, money: MicroSek) {
        let clearing = NewClearing {
            clearing_id: Uuid::from_u128(17),
            grant_id: GRANT,
            gpu_seconds: time,
            usek: money,
            how: Clearing::WriteOff,
            proposed_by: DECIDER,
        };
        let mut tx = self.db.begin().await.expect("the database answers");
        let stamp = self.stamp();
        overrun::propose(&mut tx, &clearing, &stamp).await.expect("the ledger takes it");
        overrun::confirm(&mut tx, clearing.clearing_id, CONTROLLER, &stamp)
            .await
            .expect("the ledger takes it");
        tx.commit().await.expect("the database answers");
    }

    /// One minute of GPU `minor` from `from`: energy in mJ and Σ utilization × time, or neither.
    pub(crate) async fn segment(
        &self,
        minor: i32,
        from: DateTime<Utc>,
        readings: Option<(i64, i64)>,
    ) {
        rows::segment(&self.db, minor, from, readings).await;
    }

    /// An effect in the outbox that will not be tried again.
    pub(crate) async fn give_up_on_an_effect(&self) {
        rows::dead_letter(&self.db, self.now).await;
    }
}
