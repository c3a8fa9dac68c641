//! Grants: so many GPU-seconds and so much money, for one project, in a window.
//!
//! A grant is the result of a decision and stays as it was decided. What happens to it afterwards is
//! told by rows of their own ([`crate::grant_change`]), and what it has now by the ledger.

use accounting::ledger::{self, GrantBalance, LedgerError};
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::inconsistency::Inconsistency;

/// The grants that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            GrantRow,
            r#"select g.grant_id, g.decision_id, g.project_id, g.pool_id, p.fund_id, p.class,
                   p.partition, g.gpu_seconds, g.usek, g.valid_from, g.valid_until,
                   g.max_wall_time_s, g.max_gpus, g.granted_at,
                   e.ending as "ending?: GrantEnding", e.superseded_by,
                   e.ended_at as "ended_at?"
               from quotas.grant g join quotas.pool p using (pool_id)
                   left join quotas.grant_end e using (grant_id)"# + $tail
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
    /// The ceiling in GPU-seconds that was decided.
    pub gpu_seconds: GpuSeconds,
    /// The ceiling in money that was decided.
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
    /// How it came to its end; `None` while nobody has ended it.
    pub end: Option<GrantEnd>,
}

/// How a grant comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.grant_ending", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum GrantEnding {
    /// Another grant took its place.
    Superseded,
    /// Its window was over.
    Expired,
}

/// The end of a grant: from here it takes no more holds and no more changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GrantEnd {
    /// How.
    pub ending: GrantEnding,
    /// What took its place.
    pub superseded_by: Option<Uuid>,
    /// When.
    pub ended_at: DateTime<Utc>,
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
    let grants = rows.into_iter().map(Grant::try_from).collect::<Result<Vec<_>, _>>();
    let grants = grants.map_err(sqlx::Error::from)?;
    let grant_ids: Vec<Uuid> = grants.iter().map(|grant| grant.grant_id).collect();
    let mut balances = ledger::balances_of_grants(tx, &grant_ids).await?;
    let standing = |grant: Grant| {
        let grant_id = grant.grant_id;
        let balance = balances.remove(&grant_id).ok_or(LedgerError::NoSuchGrant(grant_id))?;
        Ok(GrantStanding { grant, balance })
    };
    grants.into_iter().map(standing).collect()
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
    ending: Option<GrantEnding>,
    superseded_by: Option<Uuid>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<GrantRow> for Grant {
    type Error = Inconsistency;

    fn try_from(row: GrantRow) -> Result<Self, Inconsistency> {
        let impossible =
            |column| Inconsistency { table: "quotas.grant", column, row: row.grant_id };
        let gpu_seconds = GpuSeconds::new(row.gpu_seconds).ok_or(impossible("gpu_seconds"))?;
        let usek = MicroSek::new(row.usek).ok_or(impossible("usek"))?;
        let end = match (row.ending, row.ended_at) {
            (None, None) => None,
            (Some(ending), Some(ended_at)) => {
                Some(GrantEnd { ending, superseded_by: row.superseded_by, ended_at })
            }
            (None, Some(_)) | (Some(_), None) => return Err(impossible("end")),
        };
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
            end,
        })
    }
}
