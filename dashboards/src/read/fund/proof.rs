//! The proof that a fund did not mix: grants and charges as they stand, not as the rules say.
//!
//! What some fault had let through would be counted here.

use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{gpu_seconds, usek};

/// What a fund paid for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// What was granted, by kind of applicant.
    pub by_category: Vec<CategoryLine>,
    /// Changes that moved something between this fund and another. Must be 0.
    pub moved_across: i64,
    /// Grants that reach outside the fund's own period. Must be 0.
    pub outside_period: i64,
    /// What the fund's grants were charged for its own projects.
    pub charged: Charged,
    /// What they were charged for anybody else. Must be nothing.
    pub mixed: Charged,
    /// What the fund's projects were charged on funds of another purpose. Must be nothing.
    pub elsewhere: Charged,
}

/// What was granted to one kind of applicant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryLine {
    /// Which kind, as the database names it.
    pub category: String,
    /// True if the fund is for that kind.
    pub is_own: bool,
    /// How many grants.
    pub grant_count: i64,
    /// The time that was decided.
    pub gpu_seconds: GpuSeconds,
    /// The money that was decided.
    pub usek: MicroSek,
}

/// Charges in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charged {
    /// How many.
    pub count: i64,
    /// Their time.
    pub gpu_seconds: GpuSeconds,
    /// Their money.
    pub usek: MicroSek,
}

impl Proof {
    /// Grants to applicants that the fund is not for. Must be 0.
    pub fn mixed_grants(&self) -> i64 {
        let foreign = self.by_category.iter().filter(|line| !line.is_own);
        foreign.map(|line| line.grant_count).sum()
    }

    /// True if all that must be nothing is nothing.
    pub fn is_whole(&self) -> bool {
        [
            self.mixed_grants(),
            self.moved_across,
            self.outside_period,
            self.mixed.count,
            self.elsewhere.count,
        ]
        .iter()
        .all(|count| *count == 0)
    }
}

/// Adds up what the fund granted and what was charged.
pub(super) async fn proof(tx: &mut PgConnection, fund_id: Uuid) -> Result<Proof, sqlx::Error> {
    let counted = sqlx::query!(
        r#"
        select
            (select count(*)
             from quotas.grant g join quotas.pool p using (pool_id) join quotas.fund f using (fund_id)
             where f.fund_id = $1
                 and (g.valid_from < f.valid_from or g.valid_until > f.valid_until)
            ) as "outside_period!",
            (select count(*)
             from quotas.grant_change c
                 join quotas.grant a on a.grant_id = c.grant_id
                 join quotas.pool p on p.pool_id = a.pool_id
                 join quotas.grant b on b.grant_id = c.other_grant_id
                 join quotas.pool q on q.pool_id = b.pool_id
             where c.kind in ('transferred', 'carried_over') and p.fund_id <> q.fund_id
                 and $1 in (p.fund_id, q.fund_id)
            ) as "moved_across!"
        "#,
        fund_id,
    )
    .fetch_one(&mut *tx)
    .await?;
    let mut proof = Proof {
        by_category: by_category(&mut *tx, fund_id).await?,
        moved_across: counted.moved_across,
        outside_period: counted.outside_period,
        ..Proof::default()
    };
    charges(tx, fund_id, &mut proof).await?;
    Ok(proof)
}

async fn by_category(
    tx: &mut PgConnection,
    fund_id: Uuid,
) -> Result<Vec<CategoryLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select a.category::text as "category!",
            quotas.category_purpose(a.category) is not distinct from f.purpose as "is_own!",
            count(*) as "grant_count!", sum(g.gpu_seconds)::bigint as "gpu_seconds!",
            sum(g.usek)::bigint as "usek!"
        from quotas.grant g
            join quotas.pool p using (pool_id)
            join quotas.fund f using (fund_id)
            join quotas.project j using (project_id)
            join quotas.agency a using (agency_id)
        where f.fund_id = $1
        group by a.category, f.purpose order by a.category
        "#,
        fund_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(CategoryLine {
                category: row.category,
                is_own: row.is_own,
                grant_count: row.grant_count,
                gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                usek: usek(row.usek)?,
            })
        })
        .collect()
}

/// Every charge that touches the fund or its projects, by whether it may.
async fn charges(
    tx: &mut PgConnection,
    fund_id: Uuid,
    proof: &mut Proof,
) -> Result<(), sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with own_project as (
            select distinct g.project_id
            from quotas.grant g join quotas.pool p using (pool_id)
            where p.fund_id = $1
        ), paid as (
            select grant_id, project_id, gpu_seconds, usek from accounting.charge
            union all
            select grant_id, project_id, gpu_seconds, usek from accounting.cleared_charge
        ), told as (
            select f.fund_id = $1 as is_ours, o.project_id is not null as is_own_project,
                paid.gpu_seconds, paid.usek
            from paid
                join quotas.grant g using (grant_id)
                join quotas.pool p using (pool_id)
                join quotas.fund f using (fund_id)
                cross join (select purpose from quotas.fund where fund_id = $1) here
                left join own_project o on o.project_id = paid.project_id
            where f.fund_id = $1 or (o.project_id is not null and f.purpose <> here.purpose)
        )
        select is_ours as "is_ours!", is_own_project as "is_own_project!", count(*) as "count!",
            sum(gpu_seconds)::bigint as "gpu_seconds!", sum(usek)::bigint as "usek!"
        from told group by is_ours, is_own_project
        "#,
        fund_id,
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let sum = Charged {
            count: row.count,
            gpu_seconds: gpu_seconds(row.gpu_seconds)?,
            usek: usek(row.usek)?,
        };
        match (row.is_ours, row.is_own_project) {
            (true, true) => proof.charged = sum,
            (true, false) => proof.mixed = sum,
            (false, _) => proof.elsewhere = sum,
        }
    }
    Ok(())
}
