//! What the quotas side knows for the proof that funds did not mix.
//!
//! Everything is told from the rows as they stand, not from the rules that let them in: a grant that
//! some fault had let pass would be counted here.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    agency::Category,
    fund::{self, FundPurpose, category_purpose},
    inconsistency::Inconsistency,
};

/// What a fund has paid for, and that it was its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FundProof {
    /// The fund.
    pub fund_id: Uuid,
    /// What people call it.
    pub name: String,
    /// What its money is for.
    pub purpose: FundPurpose,
    /// Its start.
    pub valid_from: DateTime<Utc>,
    /// Its end.
    pub valid_until: DateTime<Utc>,
    /// Its grants as they were decided, by kind of applicant.
    pub by_category: Vec<CategoryGrants>,
    /// Grants to applicants that the fund is not for. Must be 0.
    pub mixed: i64,
    /// Changes that moved something between this fund and another. Must be 0.
    pub moved_across: i64,
    /// Grants that reach outside the fund's own period. Must be 0.
    pub outside_period: i64,
    /// Every grant, to be held against charges and Slurm's records.
    pub grant_ids: Vec<Uuid>,
    /// Every project that has, or had, a grant.
    pub project_ids: Vec<Uuid>,
}

/// What a fund granted to one kind of applicant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CategoryGrants {
    /// Which kind.
    pub category: Category,
    /// How many grants.
    pub grant_count: i64,
    /// The time that was decided.
    pub gpu_seconds: GpuSeconds,
    /// The money that was decided.
    pub usek: MicroSek,
}

/// The proof for one fund; `None` if there is no such fund.
pub async fn of_fund(
    tx: &mut PgConnection,
    fund_id: Uuid,
) -> Result<Option<FundProof>, sqlx::Error> {
    let Some(fund) = fund::by_id(&mut *tx, fund_id).await? else { return Ok(None) };
    let by_category = by_category(&mut *tx, fund_id).await?;
    let is_mixed = |grants: &&CategoryGrants| category_purpose(grants.category) != fund.purpose;
    let mixed = by_category.iter().filter(is_mixed).map(|grants| grants.grant_count).sum();
    let grants = sqlx::query!(
        r#"select g.grant_id, g.project_id,
               g.valid_from < $2 or g.valid_until > $3 as "is_outside!"
           from quotas.grant g join quotas.pool p using (pool_id)
           where p.fund_id = $1 order by g.grant_id"#,
        fund_id,
        fund.valid_from,
        fund.valid_until,
    )
    .fetch_all(&mut *tx)
    .await?;
    let outside = grants.iter().filter(|grant| grant.is_outside).count();
    let mut project_ids: Vec<Uuid> = grants.iter().map(|grant| grant.project_id).collect();
    project_ids.sort_unstable();
    project_ids.dedup();
    Ok(Some(FundProof {
        fund_id,
        name: fund.name,
        purpose: fund.purpose,
        valid_from: fund.valid_from,
        valid_until: fund.valid_until,
        by_category,
        mixed,
        moved_across: moved_across(tx, fund_id).await?,
        outside_period: i64::try_from(outside).unwrap_or(i64::MAX),
        grant_ids: grants.iter().map(|grant| grant.grant_id).collect(),
        project_ids,
    }))
}

async fn by_category(
    tx: &mut PgConnection,
    fund_id: Uuid,
) -> Result<Vec<CategoryGrants>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select a.category as "category: Category", count(*) as "grant_count!",
               sum(g.gpu_seconds)::bigint as "gpu_seconds!", sum(g.usek)::bigint as "usek!"
           from quotas.grant g
               join quotas.pool p using (pool_id)
               join quotas.project j using (project_id)
               join quotas.agency a using (agency_id)
           where p.fund_id = $1
           group by a.category order by a.category"#,
        fund_id,
    )
    .fetch_all(tx)
    .await?;
    let impossible = |column| Inconsistency { table: "quotas.grant", column, row: fund_id };
    let grants = rows.into_iter().map(|row| {
        Ok(CategoryGrants {
            category: row.category,
            grant_count: row.grant_count,
            gpu_seconds: GpuSeconds::new(row.gpu_seconds).ok_or(impossible("gpu_seconds"))?,
            usek: MicroSek::new(row.usek).ok_or(impossible("usek"))?,
        })
    });
    Ok(grants.collect::<Result<_, Inconsistency>>()?)
}

async fn moved_across(tx: &mut PgConnection, fund_id: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!"
           from quotas.grant_change c
               join quotas.grant a on a.grant_id = c.grant_id
               join quotas.pool p on p.pool_id = a.pool_id
               join quotas.grant b on b.grant_id = c.other_grant_id
               join quotas.pool q on q.pool_id = b.pool_id
           where c.kind in ('transferred', 'carried_over') and p.fund_id <> q.fund_id
               and $1 in (p.fund_id, q.fund_id)"#,
        fund_id,
    )
    .fetch_one(tx)
    .await
}
