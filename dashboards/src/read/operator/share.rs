//! How Slurm is to keep a pool, and how much of it single agencies may have.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{AgencyRef, gpu_seconds};

/// How Slurm is to keep a pool, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The mode.
    pub mode: ShareMode,
    /// Since when it is so; `None` if nobody has decided anything.
    pub set_at: Option<DateTime<Utc>>,
}

/// How Slurm is to keep a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ShareMode {
    /// Not at all.
    #[default]
    None,
    /// Whole nodes that run nothing else.
    SetAside {
        /// By name.
        nodes: Vec<String>,
        /// The reservation's name in Slurm.
        reservation: String,
        /// When the broker wrote it there; `None`: not yet, or not any more.
        written_at: Option<DateTime<Utc>>,
    },
    /// Research makes way, up to this many GPUs.
    Guaranteed {
        /// At one time.
        gpus: i64,
    },
    /// Nothing is guaranteed, and never more than this many GPUs.
    Capped {
        /// At one time.
        gpus: i64,
    },
}

impl ShareMode {
    /// The mode as the database names it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SetAside { .. } => "set_aside",
            Self::Guaranteed { .. } => "guaranteed",
            Self::Capped { .. } => "capped",
        }
    }
}

/// The most that one agency may have of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyShareLine {
    /// The agency.
    pub agency: AgencyRef,
    /// The most it may have.
    pub share: GpuSeconds,
    /// What its grants have.
    pub granted: GpuSeconds,
}

/// The newest share of every pool that has one.
pub(super) async fn shares(tx: &mut PgConnection) -> Result<HashMap<Uuid, Share>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select distinct on (s.pool_id) s.pool_id, s.mode::text as "mode!", s.nodes, s.gpus, s.set_at,
            r.name as "reservation!", c.changed_at as "written_at?"
        from quotas.pool_share s
            join quotas.pool p using (pool_id)
            cross join lateral (
                select 'mimer_' || right(replace(s.pool_id::text, '-', ''), 12) as name
            ) r
            left join broker.cluster_applied c on c.cluster = p.cluster and c.kind = 'reservation'
                and c.name = r.name and c.applied is not null
        order by s.pool_id, s.version desc
        "#,
    )
    .fetch_all(tx)
    .await?;
    let shares = rows.into_iter().map(|row| {
        let mode = match (row.mode.as_str(), row.nodes, row.gpus) {
            ("set_aside", Some(nodes), _) => ShareMode::SetAside {
                nodes,
                reservation: row.reservation,
                written_at: row.written_at,
            },
            ("guaranteed", _, Some(gpus)) => ShareMode::Guaranteed { gpus },
            ("capped", _, Some(gpus)) => ShareMode::Capped { gpus },
            _ => ShareMode::None,
        };
        (row.pool_id, Share { mode, set_at: Some(row.set_at) })
    });
    Ok(shares.collect())
}

/// The newest share of every agency in every pool, with what its grants have there.
pub(super) async fn agency_shares(
    tx: &mut PgConnection,
) -> Result<HashMap<Uuid, Vec<AgencyShareLine>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select s.pool_id, s.agency_id, a.name, s.gpu_seconds,
            quotas.granted_to_agency(s.pool_id, s.agency_id) as "granted!"
        from (
            select distinct on (pool_id, agency_id) pool_id, agency_id, gpu_seconds
            from quotas.agency_share
            order by pool_id, agency_id, version desc
        ) s join quotas.agency a using (agency_id)
        order by a.name, s.agency_id
        "#,
    )
    .fetch_all(tx)
    .await?;
    let mut by_pool: HashMap<Uuid, Vec<AgencyShareLine>> = HashMap::new();
    for row in rows {
        by_pool.entry(row.pool_id).or_default().push(AgencyShareLine {
            agency: AgencyRef { agency_id: row.agency_id, name: row.name },
            share: gpu_seconds(row.gpu_seconds)?,
            granted: gpu_seconds(row.granted)?,
        });
    }
    Ok(by_pool)
}
