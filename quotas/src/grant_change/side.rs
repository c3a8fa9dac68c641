//! One grant that a change touches, with everything its rules look at, read under the locks.
//!
//! Locks are taken in one order everywhere: projects, then pools, each ascending, then what the
//! ledger locks. So two changes queue and never wait for each other in a circle.

use sqlx::PgConnection;
use uuid::Uuid;

use super::ChangeError;
use crate::{
    access_mode::{self, AccessMode},
    fund::{self, Fund},
    grant::{self, Grant},
    pool::{self, Pool},
    project,
};

/// A grant and what it belongs to.
pub(super) struct Side {
    pub(super) grant: Grant,
    pub(super) pool: Pool,
    pub(super) fund: Fund,
    pub(super) agency_id: Uuid,
    /// Who asked for the grant.
    pub(super) requested_by: Uuid,
    /// The way it was asked for.
    pub(super) mode: Option<AccessMode>,
}

/// Locks the projects and pools of these grants and reads each grant as it stands under the locks.
pub(super) async fn locked<const N: usize>(
    tx: &mut PgConnection,
    grant_ids: [Uuid; N],
) -> Result<[Side; N], ChangeError> {
    lock(&mut *tx, &grant_ids).await?;
    let mut sides = Vec::with_capacity(N);
    for grant_id in grant_ids {
        sides.push(read(&mut *tx, grant_id).await?);
    }
    // As many as went in.
    <[Side; N]>::try_from(sides).map_err(|_| sqlx::Error::RowNotFound.into())
}

/// Locks the projects of these grants, then their pools, each ascending.
pub(super) async fn lock(tx: &mut PgConnection, grant_ids: &[Uuid]) -> Result<(), sqlx::Error> {
    let places = sqlx::query!(
        "select project_id, pool_id from quotas.grant where grant_id = any($1)",
        grant_ids,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut project_ids: Vec<Uuid> = places.iter().map(|place| place.project_id).collect();
    let mut pool_ids: Vec<Uuid> = places.iter().map(|place| place.pool_id).collect();
    for ids in [&mut project_ids, &mut pool_ids] {
        ids.sort_unstable();
        ids.dedup();
    }
    for project_id in project_ids {
        project::lock(&mut *tx, project_id).await?;
    }
    for pool_id in pool_ids {
        pool::lock(&mut *tx, pool_id).await?;
    }
    Ok(())
}

async fn read(tx: &mut PgConnection, grant_id: Uuid) -> Result<Side, ChangeError> {
    let grant =
        grant::by_id(&mut *tx, grant_id).await?.ok_or(ChangeError::NoSuchGrant(grant_id))?;
    let pool = pool::by_id(&mut *tx, grant.pool_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let fund = fund::by_id(&mut *tx, grant.fund_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let asked = sqlx::query!(
        "select r.requested_by, r.access_mode_id, j.agency_id
         from quotas.decision d
             join quotas.request r using (request_id)
             join quotas.project j using (project_id)
         where d.decision_id = $1",
        grant.decision_id,
    )
    .fetch_one(&mut *tx)
    .await?;
    let mode = match asked.access_mode_id {
        Some(access_mode_id) => access_mode::by_id(tx, access_mode_id).await?,
        None => None,
    };
    let (agency_id, requested_by) = (asked.agency_id, asked.requested_by);
    Ok(Side { grant, pool, fund, agency_id, requested_by, mode })
}
