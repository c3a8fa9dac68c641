//! What the operator's page shows: pools, jobs on their way, faults, exceptions and the chain.

use chrono::{DateTime, TimeDelta, Utc};
use record::{GpuSeconds, MicroSek, SealedTable};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    FundRef,
    crisis::{self, CrisisLine},
    metering::Metered,
};

mod chain;
mod exception;
mod kept;
mod pool;
mod share;

pub use exception::{Exception, ExceptionLine, Place};
pub use kept::KeptLine;
pub use share::{AgencyShareLine, Share, ShareMode};

/// Metering of pools looks back this many days, so that the page stays cheap.
pub const METERED_DAYS: i64 = 30;

/// The operator's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorView {
    /// The instant of the figures.
    pub now: DateTime<Utc>,
    /// The pools, by cluster and class.
    pub pools: Vec<PoolLine>,
    /// What the broker keeps in Slurm, as it last wrote it.
    pub kept: Vec<KeptLine>,
    /// The latest crises, newest first.
    pub crises: Vec<CrisisLine>,
    /// Attempts that are not over, counted by state.
    pub jobs_now: Vec<JobCount>,
    /// What the comparison with Slurm's settings found, by cluster.
    pub settings: Vec<(String, SettingsCheck)>,
    /// What somebody has to look at.
    pub exceptions: Vec<ExceptionLine>,
    /// Effects that gave up.
    pub dead_letters: Vec<DeadLetter>,
    /// The seal of the record.
    pub chain: ChainView,
}

/// One pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLine {
    /// Its id.
    pub pool_id: Uuid,
    /// The fund that pays for it.
    pub fund: FundRef,
    /// The cluster it is on.
    pub cluster: String,
    /// The class of GPU.
    pub class: String,
    /// The partition it maps to.
    pub partition: String,
    /// From when it is there.
    pub valid_from: DateTime<Utc>,
    /// Until when it is there; that instant is not part of it.
    pub valid_until: DateTime<Utc>,
    /// What is allocated as one, as the database names it.
    pub unit: String,
    /// What a MIG instance is of a GPU, in parts per million.
    pub unit_share_ppm: Option<i64>,
    /// How Slurm is to keep it.
    pub share: Share,
    /// The most that single agencies may have of it.
    pub agency_shares: Vec<AgencyShareLine>,
    /// By which stated factor more is promised than there is, in parts per million.
    pub over_allocation_ppm: i64,
    /// What may be promised in all, by that factor.
    pub promised: GpuSeconds,
    /// Set apart for the public sector.
    pub reserved: GpuSeconds,
    /// Granted to projects, net of what came back.
    pub granted: GpuSeconds,
    /// Set aside for jobs that are not settled.
    pub held: GpuSeconds,
    /// Settled.
    pub used: GpuSeconds,
    /// Metered use by the pool's jobs of the last [`METERED_DAYS`] days.
    pub metered: Metered,
    /// What the idle time of those jobs cost at their own prices.
    pub idle_usek: MicroSek,
}

/// Attempts in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// The state, as the database names it.
    pub state: String,
    /// How many.
    pub count: i64,
    /// GPUs they ask for together.
    pub gpu_count: i64,
}

/// What is known of Slurm's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsCheck {
    /// They could not be read; the reason.
    NotChecked(String),
    /// They were compared; empty when all is well.
    Checked(Vec<SettingFault>),
}

/// One setting that is not as the broker needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// Its name in slurm.conf or slurmdbd.conf.
    pub setting: String,
    /// What the broker needs.
    pub expected: String,
    /// What it is now.
    pub actual: String,
    /// What does not work without it.
    pub feature: String,
    /// What to change, in English.
    pub sentence: String,
}

/// One effect that gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id in the outbox.
    pub outbox_id: Uuid,
    /// The kind of effect. Its body stays in the database: it may hold a script.
    pub kind: String,
    /// How often it was tried.
    pub tries: i32,
    /// The last error.
    pub last_error: Option<String>,
    /// When it gave up.
    pub gave_up_at: DateTime<Utc>,
}

/// The seal of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainView {
    /// Seals in the chain.
    pub seal_count: i64,
    /// When the last one was set.
    pub last_sealed_at: Option<DateTime<Utc>>,
    /// Committed rows that wait for their seal, by table; tables without any are left out.
    pub unsealed: Vec<(String, i64)>,
}

impl ChainView {
    /// All rows that wait.
    pub fn unsealed_count(&self) -> i64 {
        self.unsealed.iter().map(|(_, count)| count).sum()
    }
}

/// What the operator's page needs to be told: the database does not have it.
#[derive(Clone, Debug)]
pub struct ReadOperator<'a> {
    /// What each cluster's gateway said of Slurm's settings.
    pub settings: Vec<(String, SettingsCheck)>,
    /// Every sealed table of the product, as the sealer has them.
    pub sealed_tables: &'a [SealedTable],
    /// The instant of the figures.
    pub now: DateTime<Utc>,
}

/// Reads the operator's page.
pub async fn read(
    tx: &mut PgConnection,
    ask: ReadOperator<'_>,
) -> Result<OperatorView, sqlx::Error> {
    let since = ask.now - TimeDelta::days(METERED_DAYS);
    Ok(OperatorView {
        now: ask.now,
        pools: pool::pools(&mut *tx, since, ask.now).await?,
        kept: kept::kept(&mut *tx).await?,
        crises: crisis::latest(&mut *tx, ask.now).await?,
        jobs_now: jobs_now(&mut *tx).await?,
        settings: ask.settings,
        exceptions: exception::exceptions(&mut *tx, since).await?,
        dead_letters: dead_letters(&mut *tx).await?,
        chain: chain::chain(tx, ask.sealed_tables).await?,
    })
}

async fn jobs_now(tx: &mut PgConnection) -> Result<Vec<JobCount>, sqlx::Error> {
    sqlx::query_as!(
        JobCount,
        r#"
        select a.state::text as "state!", count(*) as "count!", sum(p.gpu_count) as "gpu_count!"
        from broker.attempt a join broker.job_plan p using (job_plan_id)
        where a.state not in ('settled', 'cancelled', 'refused')
        group by a.state order by a.state
        "#,
    )
    .fetch_all(tx)
    .await
}

async fn dead_letters(tx: &mut PgConnection) -> Result<Vec<DeadLetter>, sqlx::Error> {
    sqlx::query_as!(
        DeadLetter,
        r#"
        select outbox_id, coalesce(effect ->> 'effect', 'unknown') as "kind!", tries, last_error,
            gave_up_at as "gave_up_at!"
        from broker.outbox
        where gave_up_at is not null and done_at is null
        order by gave_up_at desc, outbox_id
        "#,
    )
    .fetch_all(tx)
    .await
}
