//! Pools in the database.

use accounting::ledger;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp, id};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    AllocationUnit, HIGHEST_OVER_ALLOCATION_PPM, NOT_OVER_ALLOCATED_PPM, NewPool, Pool, PoolError,
    unit::{self, UnitKind},
};
use crate::{
    fund::{self, Fund, WHOLE_PPM},
    inconsistency::Inconsistency,
    instant::{kept, person_of},
};

/// The pools that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            PoolRow,
            r#"select pool_id, fund_id, cluster, class, gpu_type, gpus_per_node, partition,
                   gpu_seconds, unit as "unit: UnitKind", unit_share_ppm, over_allocation_ppm,
                   valid_from, valid_until, opens_at, created_by, created_at
               from quotas.pool"# + $tail
            $(, $value)*
        )
    };
}

/// Creates a pool and its account in the ledger; an equal repeat returns the pool as it stands.
pub async fn create(
    tx: &mut PgConnection,
    new: &NewPool,
    stamp: &Stamp<'_>,
) -> Result<Pool, PoolError> {
    let fund =
        fund::by_id(&mut *tx, new.fund_id).await?.ok_or(PoolError::NoSuchFund(new.fund_id))?;
    let extra = new.fits(&fund)?;
    let (unit, unit_share_ppm) = new.unit.kept();
    let inserted = sqlx::query!(
        "insert into quotas.pool (pool_id, fund_id, cluster, class, gpu_type, gpus_per_node,
             partition, gpu_seconds, unit, unit_share_ppm, over_allocation_ppm, valid_from,
             valid_until, opens_at, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         on conflict (pool_id) do nothing",
        new.pool_id,
        new.fund_id,
        new.cluster,
        new.class,
        new.gpu_type,
        new.gpus_per_node,
        new.partition,
        new.gpu_seconds.get(),
        unit as UnitKind,
        unit_share_ppm,
        new.over_allocation_ppm,
        new.valid_from,
        new.valid_until,
        new.opens_at,
        person_of(stamp.actor),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let pool = by_id(&mut *tx, new.pool_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    if inserted.rows_affected() == 1 {
        // The reason is kept once, with the row below, so that it can be erased once.
        let without_why = Stamp { why: None, ..*stamp };
        ledger::open_pool(&mut *tx, pool.pool_id, pool.gpu_seconds, &without_why).await?;
        ledger::bind_pool(&mut *tx, pool.pool_id, pool.fund_id, &without_why).await?;
        if extra > GpuSeconds::ZERO {
            ledger::over_allocate(&mut *tx, pool.pool_id, id::fresh(), extra, &without_why).await?;
        }
        let details = json!({
            "fund_id": pool.fund_id,
            "cluster": pool.cluster,
            "class": pool.class,
            "partition": pool.partition,
            "gpu_seconds": pool.gpu_seconds,
            "unit": pool.unit,
            "over_allocation_ppm": pool.over_allocation_ppm,
            "valid_from": pool.valid_from,
            "valid_until": pool.valid_until,
            "opens_at": pool.opens_at,
        });
        stamp.audit(tx, "pool.create", ("pool", pool.pool_id), details).await?;
    } else if !pool.is(new) {
        return Err(PoolError::PoolIdReused(new.pool_id));
    }
    Ok(pool)
}

/// Finds a pool by id.
pub async fn by_id(tx: &mut PgConnection, pool_id: Uuid) -> Result<Option<Pool>, sqlx::Error> {
    let row = select!(" where pool_id = $1", pool_id).fetch_optional(tx).await?;
    Ok(row.map(Pool::try_from).transpose()?)
}

/// Every pool, by cluster, class and end.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Pool>, sqlx::Error> {
    let rows = select!(" order by cluster, class, valid_until, pool_id").fetch_all(tx).await?;
    Ok(rows.into_iter().map(Pool::try_from).collect::<Result<_, _>>()?)
}

impl NewPool {
    /// Whether the pool could be laid out within `fund`, and what it promises beyond what it has.
    fn fits(&self, fund: &Fund) -> Result<GpuSeconds, PoolError> {
        let Self { pool_id, fund_id, valid_from, valid_until, .. } = *self;
        let names = [
            ("cluster", &self.cluster),
            ("class", &self.class),
            ("gpu_type", &self.gpu_type),
            ("partition", &self.partition),
        ];
        for (field, name) in names {
            if name.trim().is_empty() {
                return Err(PoolError::PoolNameMissing { pool_id, field });
            }
        }
        if self.gpu_seconds == GpuSeconds::ZERO || self.gpus_per_node < 1 {
            return Err(PoolError::PoolEmpty(pool_id));
        }
        if valid_from >= valid_until {
            return Err(PoolError::PoolWindowBackward { pool_id, valid_from, valid_until });
        }
        if valid_from < fund.valid_from || valid_until > fund.valid_until {
            let (fund_from, fund_until) = (fund.valid_from, fund.valid_until);
            return Err(PoolError::PoolOutsideFund { pool_id, fund_id, fund_from, fund_until });
        }
        self.promises_beyond()
    }

    /// What the pool promises beyond what it has, by the stated factor.
    fn promises_beyond(&self) -> Result<GpuSeconds, PoolError> {
        let Self { pool_id, over_allocation_ppm, .. } = *self;
        if let AllocationUnit::MigInstance { share_ppm } = self.unit
            && !(1..=WHOLE_PPM).contains(&share_ppm)
        {
            return Err(PoolError::PoolUnitNotAShare { pool_id, share_ppm });
        }
        let allowed = NOT_OVER_ALLOCATED_PPM..=HIGHEST_OVER_ALLOCATION_PPM;
        allowed
            .contains(&over_allocation_ppm)
            .then(|| unit::extra(self.gpu_seconds, over_allocation_ppm))
            .flatten()
            .filter(|extra| self.gpu_seconds.checked_add(*extra).is_some())
            .ok_or(PoolError::OverAllocationOutOfRange { pool_id, over_allocation_ppm })
    }
}

impl Pool {
    /// Whether `new` asks for just this pool.
    fn is(&self, new: &NewPool) -> bool {
        self.pool_id == new.pool_id
            && self.fund_id == new.fund_id
            && self.cluster == new.cluster
            && self.class == new.class
            && self.gpu_type == new.gpu_type
            && self.gpus_per_node == new.gpus_per_node
            && self.partition == new.partition
            && self.gpu_seconds == new.gpu_seconds
            && self.unit == new.unit
            && self.over_allocation_ppm == new.over_allocation_ppm
            && self.valid_from == kept(new.valid_from)
            && self.valid_until == kept(new.valid_until)
            && self.opens_at == new.opens_at.map(kept)
    }
}

/// Waits until no other transaction grants from, raises in, or divides the pool.
///
/// An advisory lock, because the application may not update pools and so cannot lock the row. Who
/// also takes a project's lock takes that first; several pools are locked in ascending order.
pub(crate) async fn lock(tx: &mut PgConnection, pool_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('quotas.pool ' || $1::uuid, 0))",
        pool_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) struct PoolRow {
    pub(crate) pool_id: Uuid,
    pub(crate) fund_id: Uuid,
    pub(crate) cluster: String,
    pub(crate) class: String,
    pub(crate) gpu_type: String,
    pub(crate) gpus_per_node: i64,
    pub(crate) partition: String,
    pub(crate) gpu_seconds: i64,
    pub(crate) unit: UnitKind,
    pub(crate) unit_share_ppm: Option<i64>,
    pub(crate) over_allocation_ppm: i64,
    pub(crate) valid_from: DateTime<Utc>,
    pub(crate) valid_until: DateTime<Utc>,
    pub(crate) opens_at: Option<DateTime<Utc>>,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
}

impl TryFrom<PoolRow> for Pool {
    type Error = Inconsistency;

    fn try_from(row: PoolRow) -> Result<Self, Inconsistency> {
        let impossible = |column| Inconsistency { table: "quotas.pool", column, row: row.pool_id };
        let gpu_seconds = GpuSeconds::new(row.gpu_seconds).ok_or(impossible("gpu_seconds"))?;
        let unit = AllocationUnit::from_kept(row.unit, row.unit_share_ppm)
            .ok_or(impossible("unit_share_ppm"))?;
        Ok(Self {
            pool_id: row.pool_id,
            fund_id: row.fund_id,
            cluster: row.cluster,
            class: row.class,
            gpu_type: row.gpu_type,
            gpus_per_node: row.gpus_per_node,
            partition: row.partition,
            gpu_seconds,
            unit,
            over_allocation_ppm: row.over_allocation_ppm,
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            opens_at: row.opens_at,
            created_by: row.created_by,
            created_at: row.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        agency::Category,
        fixture::{Site, by, day, trail},
    };

    #[sqlx::test(migrations = false)]
    async fn a_pool_is_laid_out_once_and_bound_to_its_fund(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        let pool = create(&mut tx, &site.new_pool(), &stamp).await.unwrap();
        assert_eq!(list(&mut tx).await.unwrap(), [pool]);
        let told = ["ledger.open_pool", "ledger.bind_pool", "pool.create"];
        assert_eq!(trail(&mut tx, site.pool_id).await, told);

        let moved = NewPool { partition: "gpu".to_owned(), ..site.new_pool() };
        let refused = create(&mut tx, &moved, &stamp).await;
        assert!(matches!(refused, Err(PoolError::PoolIdReused(_))));
    }

    #[sqlx::test(migrations = false)]
    async fn a_pool_lives_within_its_fund(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        let orphan = NewPool { fund_id: Uuid::nil(), ..site.new_pool() };
        let refused = create(&mut tx, &orphan, &stamp).await;
        assert!(matches!(refused, Err(PoolError::NoSuchFund(_))));
        let early = NewPool { valid_from: day(1, 31), ..site.new_pool() };
        let late =
            NewPool { valid_until: day(12, 31) + chrono::TimeDelta::seconds(1), ..site.new_pool() };
        for outside in [early, late] {
            let refused = create(&mut tx, &outside, &stamp).await;
            assert!(matches!(refused, Err(PoolError::PoolOutsideFund { .. })));
        }
    }

    #[sqlx::test(migrations = false)]
    async fn a_pool_promises_more_than_it_has_only_by_a_stated_factor(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        let pool_id = id::fresh();
        let half_more = NewPool { pool_id, over_allocation_ppm: 1_500_000, ..site.new_pool() };
        let pool = create(&mut tx, &half_more, &stamp).await.unwrap();
        assert_eq!(pool.promised().get(), 1_500 * 3_600);
        let told = ["ledger.open_pool", "ledger.bind_pool", "ledger.over_allocate", "pool.create"];
        assert_eq!(trail(&mut tx, pool_id).await, told);
        create(&mut tx, &half_more, &stamp).await.unwrap();
        assert_eq!(trail(&mut tx, pool_id).await.len(), told.len());
        let all = GpuSeconds::new(1_500 * 3_600).unwrap();
        let from_it = |grant: &mut crate::decision::NewGrant| {
            (grant.pool_id, grant.gpu_seconds) = (pool_id, all);
        };
        assert_eq!(site.granted(&mut tx, from_it).await.gpu_seconds, all);

        for over_allocation_ppm in [0, 999_999, 2_000_001] {
            let wild = NewPool { pool_id: id::fresh(), over_allocation_ppm, ..site.new_pool() };
            let refused = create(&mut tx, &wild, &stamp).await;
            assert!(matches!(refused, Err(PoolError::OverAllocationOutOfRange { .. })));
        }
        let most = GpuSeconds::new(i64::MAX).unwrap();
        let endless = NewPool { pool_id: id::fresh(), gpu_seconds: most, ..half_more };
        let refused = create(&mut tx, &endless, &stamp).await;
        assert!(matches!(refused, Err(PoolError::OverAllocationOutOfRange { .. })));
    }

    #[sqlx::test(migrations = false)]
    async fn a_pool_says_what_one_unit_of_it_is(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        for unit in [AllocationUnit::Node, AllocationUnit::MigInstance { share_ppm: 142_857 }] {
            let new = NewPool { pool_id: id::fresh(), unit, ..site.new_pool() };
            assert_eq!(create(&mut tx, &new, &stamp).await.unwrap().unit, unit);
            let other = NewPool { unit: AllocationUnit::Gpu, ..new };
            let refused = create(&mut tx, &other, &stamp).await;
            assert!(matches!(refused, Err(PoolError::PoolIdReused(_))));
        }
        for share_ppm in [0, WHOLE_PPM + 1] {
            let unit = AllocationUnit::MigInstance { share_ppm };
            let new = NewPool { pool_id: id::fresh(), unit, ..site.new_pool() };
            let refused = create(&mut tx, &new, &stamp).await;
            assert!(matches!(refused, Err(PoolError::PoolUnitNotAShare { .. })));
        }
    }

    #[sqlx::test(migrations = false)]
    async fn a_pool_needs_names_an_amount_and_a_period(db: PgPool) {
        let site = Site::lay_out(&db, Category::PublicBody).await;
        let mut tx = db.begin().await.unwrap();
        let stamp = by(site.operator);
        let nameless = NewPool { gpu_type: String::new(), ..site.new_pool() };
        let refused = create(&mut tx, &nameless, &stamp).await;
        assert!(matches!(refused, Err(PoolError::PoolNameMissing { field: "gpu_type", .. })));
        let no_time = NewPool { gpu_seconds: GpuSeconds::ZERO, ..site.new_pool() };
        let no_gpus = NewPool { gpus_per_node: 0, ..site.new_pool() };
        for empty in [no_time, no_gpus] {
            let refused = create(&mut tx, &empty, &stamp).await;
            assert!(matches!(refused, Err(PoolError::PoolEmpty(_))));
        }
        let backward = NewPool { valid_until: day(2, 1), ..site.new_pool() };
        let refused = create(&mut tx, &backward, &stamp).await;
        assert!(matches!(refused, Err(PoolError::PoolWindowBackward { .. })));
    }
}
