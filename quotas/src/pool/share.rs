//! How the cluster is to keep a pool's share: versions, of which the newest counts.
//!
//! This is what Slurm should do, not what it does. On Slurm 22.05 a reservation takes whole nodes,
//! in silence, so nodes are what is set aside; a guarantee and a cap are told in GPUs.

use chrono::{DateTime, Utc};
use record::Stamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store;
use crate::{inconsistency::Inconsistency, instant::person_of};

/// How Slurm keeps a pool's share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum ShareMode {
    /// Not at all: its jobs wait like everybody's.
    None,
    /// These nodes run nothing else.
    SetAside {
        /// By the names Slurm has for them.
        nodes: Vec<String>,
    },
    /// Jobs of research make room, up to this many GPUs.
    Guaranteed {
        /// At one time.
        gpus: i64,
    },
    /// No guarantee, and never more than this many GPUs.
    Capped {
        /// At one time.
        gpus: i64,
    },
}

/// A way to keep a pool's share from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShare {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub pool_share_id: Uuid,
    /// Whose share.
    pub pool_id: Uuid,
    /// How it is kept.
    pub mode: ShareMode,
}

/// One version of how a pool's share is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolShare {
    /// Chosen by the client.
    pub pool_share_id: Uuid,
    /// Whose share.
    pub pool_id: Uuid,
    /// Counts up from 1.
    pub version: i64,
    /// How it is kept.
    #[serde(flatten)]
    pub mode: ShareMode,
    /// Who said so; `None` when a program did.
    pub set_by: Option<Uuid>,
    /// When.
    pub set_at: DateTime<Utc>,
}

/// Why the way was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The pool is not known.
    #[error("pool {0} does not exist; lay it out first")]
    NoSuchPool(Uuid),
    /// The id belongs to another version.
    #[error("share id {0} was used before for another share; choose a new id")]
    ShareIdReused(Uuid),
    /// No nodes, a nameless or repeated one, or no GPUs.
    #[error("the share of pool {0} names nothing; give different nodes, or at least 1 GPU")]
    ShareEmpty(Uuid),
    /// The node is set aside for another pool.
    #[error("node {node} is set aside for pool {other_pool_id}; take it from there first")]
    NodeSetAsideElsewhere {
        /// The node.
        node: String,
        /// Who has it.
        other_pool_id: Uuid,
    },
    /// The database refused or could not be reached.
    #[error("reading or writing how pools are kept")]
    Database(#[from] sqlx::Error),
}

impl ShareError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchPool(_) => "no_such_pool",
            Self::ShareIdReused(_) => "pool_share_id_reused",
            Self::ShareEmpty(_) => "pool_share_empty",
            Self::NodeSetAsideElsewhere { .. } => "node_set_aside_elsewhere",
            Self::Database(_) => "quotas_database",
        }
    }
}

/// The mode as the database keeps it, without its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "quotas.share_mode", rename_all = "snake_case")]
pub(crate) enum ModeKind {
    None,
    SetAside,
    Guaranteed,
    Capped,
}

/// Says how a pool's share is kept from now on; an equal repeat returns the version it made.
pub async fn set_share(
    tx: &mut PgConnection,
    new: &NewShare,
    stamp: &Stamp<'_>,
) -> Result<PoolShare, ShareError> {
    let NewShare { pool_share_id, pool_id, ref mode } = *new;
    mode.names_something().ok_or(ShareError::ShareEmpty(pool_id))?;
    let pool = store::by_id(&mut *tx, pool_id).await?.ok_or(ShareError::NoSuchPool(pool_id))?;
    lock_cluster(&mut *tx, &pool.cluster).await?;
    if let Some(earlier) = by_id(&mut *tx, pool_share_id).await? {
        return if earlier.pool_id == pool_id && earlier.mode == *mode {
            Ok(earlier)
        } else {
            Err(ShareError::ShareIdReused(pool_share_id))
        };
    }
    if let ShareMode::SetAside { nodes } = mode {
        none_elsewhere(&mut *tx, pool_id, &pool.cluster, nodes, stamp.now).await?;
    }
    let (kind, nodes, gpus) = mode.kept();
    sqlx::query!(
        "insert into quotas.pool_share (pool_share_id, pool_id, version, mode, nodes, gpus, set_by,
             set_at)
         select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6, $7
         from quotas.pool_share where pool_id = $2",
        pool_share_id,
        pool_id,
        kind as ModeKind,
        nodes,
        gpus,
        person_of(stamp.actor),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let share = by_id(&mut *tx, pool_share_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let details =
        json!({ "pool_share_id": pool_share_id, "version": share.version, "share": mode });
    stamp.audit(tx, "pool.set_share", ("pool", pool_id), details).await?;
    Ok(share)
}

/// How a pool's share is kept now; [`ShareMode::None`] until somebody has said.
pub async fn share_of(tx: &mut PgConnection, pool_id: Uuid) -> Result<ShareMode, sqlx::Error> {
    let row = sqlx::query!(
        r#"select mode as "mode: ModeKind", nodes, gpus from quotas.pool_share
           where pool_id = $1 order by version desc limit 1"#,
        pool_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(ShareMode::None) };
    Ok(newest(pool_id, Some(row.mode), row.nodes, row.gpus)?)
}

/// The mode from the columns of the newest version, which may be missing.
pub(crate) fn newest(
    pool_id: Uuid,
    kind: Option<ModeKind>,
    nodes: Option<Vec<String>>,
    gpus: Option<i64>,
) -> Result<ShareMode, Inconsistency> {
    match (kind, nodes, gpus) {
        (None | Some(ModeKind::None), None, None) => Ok(ShareMode::None),
        (Some(ModeKind::SetAside), Some(nodes), None) => Ok(ShareMode::SetAside { nodes }),
        (Some(ModeKind::Guaranteed), None, Some(gpus)) => Ok(ShareMode::Guaranteed { gpus }),
        (Some(ModeKind::Capped), None, Some(gpus)) => Ok(ShareMode::Capped { gpus }),
        _ => Err(Inconsistency { table: "quotas.pool_share", column: "mode", row: pool_id }),
    }
}

impl ShareMode {
    fn names_something(&self) -> Option<()> {
        let is_enough = match self {
            Self::None => true,
            Self::SetAside { nodes } => {
                let is_new = |(place, node)| !nodes[..place].contains(node);
                !nodes.is_empty()
                    && nodes.iter().all(|node| !node.trim().is_empty())
                    && nodes.iter().enumerate().all(is_new)
            }
            Self::Guaranteed { gpus } | Self::Capped { gpus } => *gpus >= 1,
        };
        is_enough.then_some(())
    }

    fn kept(&self) -> (ModeKind, Option<&[String]>, Option<i64>) {
        match self {
            Self::None => (ModeKind::None, None, None),
            Self::SetAside { nodes } => (ModeKind::SetAside, Some(nodes), None),
            Self::Guaranteed { gpus } => (ModeKind::Guaranteed, None, Some(*gpus)),
            Self::Capped { gpus } => (ModeKind::Capped, None, Some(*gpus)),
        }
    }
}

async fn by_id(
    tx: &mut PgConnection,
    pool_share_id: Uuid,
) -> Result<Option<PoolShare>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select pool_id, version, mode as "mode: ModeKind", nodes, gpus, set_by, set_at
           from quotas.pool_share where pool_share_id = $1"#,
        pool_share_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mode = newest(row.pool_id, Some(row.mode), row.nodes, row.gpus)?;
    let (pool_id, version, set_by, set_at) = (row.pool_id, row.version, row.set_by, row.set_at);
    Ok(Some(PoolShare { pool_share_id, pool_id, version, mode, set_by, set_at }))
}

/// A node serves one pool at a time; pools whose period is over have no nodes.
async fn none_elsewhere(
    tx: &mut PgConnection,
    pool_id: Uuid,
    cluster: &str,
    nodes: &[String],
    now: DateTime<Utc>,
) -> Result<(), ShareError> {
    let taken = sqlx::query!(
        r#"select p.pool_id, s.nodes as "nodes!"
           from quotas.pool p
               cross join lateral (
                   select v.nodes from quotas.pool_share v
                   where v.pool_id = p.pool_id order by v.version desc limit 1
               ) s
           where p.cluster = $1 and p.pool_id <> $2 and p.valid_until > $3 and s.nodes && $4"#,
        cluster,
        pool_id,
        now,
        nodes,
    )
    .fetch_all(tx)
    .await?;
    for row in taken {
        if let Some(node) = nodes.iter().find(|node| row.nodes.contains(node)) {
            let (node, other_pool_id) = (node.clone(), row.pool_id);
            return Err(ShareError::NodeSetAsideElsewhere { node, other_pool_id });
        }
    }
    Ok(())
}

/// Waits until no other transaction changes how the pools of the cluster are kept.
async fn lock_cluster(tx: &mut PgConnection, cluster: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('quotas.pool_share ' || $1::text, 0))",
        cluster,
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
