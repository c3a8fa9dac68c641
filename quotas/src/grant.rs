//! Grants: so many GPU-seconds and so much money, for one project, in a window.
//!
//! A grant is the result of a decision and never changes; a change is a new grant.

use accounting::ledger::{self, GrantBalance, LedgerError};
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::inconsistency::Inconsistency;

/// The grants that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            GrantRow,
            "select g.grant_id, g.decision_id, g.project_id, g.pool_id, p.fund_id, p.class,
                 p.partition, g.gpu_seconds, g.usek, g.valid_from, g.valid_until,
                 g.max_wall_time_s, g.max_gpus, g.granted_at
             from quotas.grant g join quotas.pool p using (pool_id)" + $tail
            $(, $value)*
        )
    };
}

/// A grant as it was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Chosen by the client.
    pub grant_id: Uuid,
    /// The decision it follows from.
    pub decision_id: Uuid,
    /// Who may use it.
    pub project_id: Uuid,
    /// Where its GPU-seconds come from.
    pub pool_id: Uuid,
    /// Where its money comes from.
    pub fund_id: Uuid,
    /// The pool's class of GPU capacity.
    pub class: String,
    /// The pool's partition.
    pub partition: String,
    /// The ceiling in GPU-seconds.
    pub gpu_seconds: GpuSeconds,
    /// The ceiling in money.
    pub usek: MicroSek,
    /// The first instant a job may be admitted on it.
    pub valid_from: DateTime<Utc>,
    /// Its end.
    pub valid_until: DateTime<Utc>,
    /// The longest wall time of one job.
    pub max_wall_time_s: i64,
    /// The most GPUs of one job.
    pub max_gpus: i64,
    /// When it was decided.
    pub granted_at: DateTime<Utc>,
}

/// A grant with what the ledger says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantStanding {
    /// The grant.
    pub grant: Grant,
    /// What is granted, held, settled and free, in both units.
    pub balance: GrantBalance,
}

/// Finds a grant by id.
pub async fn by_id(tx: &mut PgConnection, grant_id: Uuid) -> Result<Option<Grant>, sqlx::Error> {
    let row = select!(" where g.grant_id = $1", grant_id).fetch_optional(tx).await?;
    Ok(row.map(Grant::try_from).transpose()?)
}

/// The grant that a decision made, if it made one.
pub async fn by_decision(
    tx: &mut PgConnection,
    decision_id: Uuid,
) -> Result<Option<Grant>, sqlx::Error> {
    let row = select!(" where g.decision_id = $1", decision_id).fetch_optional(tx).await?;
    Ok(row.map(Grant::try_from).transpose()?)
}

/// A project's grants with their balances, the one that ends first first.
pub async fn list_for_project(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<GrantStanding>, LedgerError> {
    let rows = select!(" where g.project_id = $1 order by g.valid_until, g.grant_id", project_id)
        .fetch_all(&mut *tx)
        .await?;
    let mut standings = Vec::with_capacity(rows.len());
    for row in rows {
        let grant = Grant::try_from(row).map_err(sqlx::Error::from)?;
        let balance = ledger::balance_of_grant(&mut *tx, grant.grant_id).await?;
        standings.push(GrantStanding { grant, balance });
    }
    Ok(standings)
}

struct GrantRow {
    grant_id: Uuid,
    decision_id: Uuid,
    project_id: Uuid,
    pool_id: Uuid,
    fund_id: Uuid,
    class: String,
    partition: String,
    gpu_seconds: i64,
    usek: i64,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    max_wall_time_s: i64,
    max_gpus: i64,
    granted_at: DateTime<Utc>,
}

impl TryFrom<GrantRow> for Grant {
    type Error = Inconsistency;

    fn try_from(row: GrantRow) -> Result<Self, Inconsistency> {
        let impossible =
            |column| Inconsistency { table: "quotas.grant", column, row: row.grant_id };
        let gpu_seconds = GpuSeconds::new(row.gpu_seconds).ok_or(impossible("gpu_seconds"))?;
        let usek = MicroSek::new(row.usek).ok_or(impossible("usek"))?;
        Ok(Self {
            grant_id: row.grant_id,
            decision_id: row.decision_id,
            project_id: row.project_id,
            pool_id: row.pool_id,
            fund_id: row.fund_id,
            class: row.class,
            partition: row.partition,
            gpu_seconds,
            usek,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            max_wall_time_s: row.max_wall_time_s,
            max_gpus: row.max_gpus,
            granted_at: row.granted_at,
        })
    }
}
