//! Agency shares in the database.

use accounting::ledger::{self, LedgerError};
use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AgencyShare, AgencyShareError, NewAgencyShare, Standing};
use crate::{
    agency,
    fund::{self, category_purpose},
    inconsistency::Inconsistency,
    instant::person_of,
    pool,
};

/// The shares that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            AgencyShareRow,
            "select s.agency_share_id, s.pool_id, s.agency_id, s.version, s.gpu_seconds, s.set_by,
                 s.set_at
             from quotas.agency_share s" + $tail
            $(, $value)*
        )
    };
}

/// Sets an agency's share from now on; an equal repeat returns the version it made.
pub async fn set(
    tx: &mut PgConnection,
    new: &NewAgencyShare,
    stamp: &Stamp<'_>,
) -> Result<AgencyShare, AgencyShareError> {
    let NewAgencyShare { agency_share_id, pool_id, agency_id, gpu_seconds } = *new;
    let pool =
        pool::by_id(&mut *tx, pool_id).await?.ok_or(AgencyShareError::NoSuchPool(pool_id))?;
    let fund = fund::by_id(&mut *tx, pool.fund_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let category = agency::by_id(&mut *tx, agency_id)
        .await?
        .ok_or(AgencyShareError::NoSuchAgency(agency_id))?
        .category;
    pool::lock(&mut *tx, pool_id).await?;
    if let Some(earlier) = by_id(&mut *tx, agency_share_id).await? {
        return if earlier.is(new) {
            Ok(earlier)
        } else {
            Err(AgencyShareError::AgencyShareIdReused(agency_share_id))
        };
    }
    if category_purpose(category) != fund.purpose {
        let (fund_id, fund_purpose) = (fund.fund_id, fund.purpose);
        return Err(AgencyShareError::FundsNeverMix { fund_id, fund_purpose, category });
    }
    let granted = granted(&mut *tx, pool_id, agency_id).await?;
    if granted > gpu_seconds {
        let asked = gpu_seconds;
        return Err(AgencyShareError::ShareBelowGranted { pool_id, agency_id, asked, granted });
    }
    let others = list_for_pool(&mut *tx, pool_id).await?;
    let others = others.iter().filter(|share| share.agency_id != agency_id);
    let shared = others
        .map(|share| share.gpu_seconds)
        .try_fold(gpu_seconds, GpuSeconds::checked_add)
        .unwrap_or(GpuSeconds::new(i64::MAX).unwrap_or_default());
    if shared > pool.promised() {
        let promised = pool.promised();
        return Err(AgencyShareError::SharesAbovePool { pool_id, shared, promised });
    }
    insert(&mut *tx, new, stamp).await
}

/// What every agency's share of a pool is now, by agency.
pub async fn list_for_pool(
    tx: &mut PgConnection,
    pool_id: Uuid,
) -> Result<Vec<AgencyShare>, sqlx::Error> {
    let rows = select!(
        " where s.pool_id = $1 and s.version =
              (select max(n.version) from quotas.agency_share n
               where n.pool_id = s.pool_id and n.agency_id = s.agency_id)
          order by s.agency_id",
        pool_id
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(AgencyShare::try_from).collect::<Result<_, _>>()?)
}

/// An agency's share of a pool and what it has of it. Take the pool's lock first.
pub(crate) async fn standing(
    tx: &mut PgConnection,
    pool_id: Uuid,
    agency_id: Uuid,
) -> Result<Standing, LedgerError> {
    let share = select!(
        " where s.pool_id = $1 and s.agency_id = $2 order by s.version desc limit 1",
        pool_id,
        agency_id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let share = share.map(AgencyShare::try_from).transpose().map_err(sqlx::Error::from)?;
    let granted = granted(tx, pool_id, agency_id).await?;
    Ok(Standing { share: share.map(|share| share.gpu_seconds), granted })
}

/// What the agency's grants of the pool have in all, by the ledger.
async fn granted(
    tx: &mut PgConnection,
    pool_id: Uuid,
    agency_id: Uuid,
) -> Result<GpuSeconds, LedgerError> {
    let grant_ids = sqlx::query_scalar!(
        "select g.grant_id from quotas.grant g join quotas.project j using (project_id)
         where g.pool_id = $1 and j.agency_id = $2",
        pool_id,
        agency_id,
    )
    .fetch_all(&mut *tx)
    .await?;
    let balances = ledger::balances_of_grants(tx, &grant_ids).await?;
    let most = GpuSeconds::new(i64::MAX).unwrap_or_default();
    let sum = balances.values().map(|balance| balance.granted);
    Ok(sum.fold(GpuSeconds::ZERO, |sum, one| sum.checked_add(one).unwrap_or(most)))
}

async fn insert(
    tx: &mut PgConnection,
    new: &NewAgencyShare,
    stamp: &Stamp<'_>,
) -> Result<AgencyShare, AgencyShareError> {
    let NewAgencyShare { agency_share_id, pool_id, agency_id, gpu_seconds } = *new;
    sqlx::query!(
        "insert into quotas.agency_share (agency_share_id, pool_id, agency_id, version,
             gpu_seconds, set_by, set_at)
         select $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6
         from quotas.agency_share where pool_id = $2 and agency_id = $3",
        agency_share_id,
        pool_id,
        agency_id,
        gpu_seconds.get(),
        person_of(stamp.actor),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let share = by_id(&mut *tx, agency_share_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let details = json!({
        "agency_share_id": agency_share_id,
        "agency_id": agency_id,
        "version": share.version,
        "gpu_seconds": gpu_seconds,
    });
    stamp.audit(tx, "pool.set_agency_share", ("pool", pool_id), details).await?;
    Ok(share)
}

async fn by_id(
    tx: &mut PgConnection,
    agency_share_id: Uuid,
) -> Result<Option<AgencyShare>, sqlx::Error> {
    let row = select!(" where s.agency_share_id = $1", agency_share_id).fetch_optional(tx).await?;
    Ok(row.map(AgencyShare::try_from).transpose()?)
}

impl AgencyShare {
    /// Whether `new` asks for just this share.
    fn is(&self, new: &NewAgencyShare) -> bool {
        self.pool_id == new.pool_id
            && self.agency_id == new.agency_id
            && self.gpu_seconds == new.gpu_seconds
    }
}

struct AgencyShareRow {
    agency_share_id: Uuid,
    pool_id: Uuid,
    agency_id: Uuid,
    version: i64,
    gpu_seconds: i64,
    set_by: Option<Uuid>,
    set_at: DateTime<Utc>,
}

impl TryFrom<AgencyShareRow> for AgencyShare {
    type Error = Inconsistency;

    fn try_from(row: AgencyShareRow) -> Result<Self, Inconsistency> {
        let gpu_seconds = GpuSeconds::new(row.gpu_seconds).ok_or(Inconsistency {
            table: "quotas.agency_share",
            column: "gpu_seconds",
            row: row.agency_share_id,
        })?;
        Ok(Self {
            agency_share_id: row.agency_share_id,
            pool_id: row.pool_id,
            agency_id: row.agency_id,
            version: row.version,
            gpu_seconds,
            set_by: row.set_by,
            set_at: row.set_at,
        })
    }
}
