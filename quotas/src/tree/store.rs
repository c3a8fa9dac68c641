//! The tree in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PoolOnCluster, ProjectOnCluster};
use crate::{
    fund::{self, Fund, FundPurpose},
    inconsistency::Inconsistency,
    pool::{self, Pool, ShareMode, share::ModeKind},
};

/// Every project with grants on the cluster, once per fund: by short name, the first fund first.
pub async fn on_cluster(
    tx: &mut PgConnection,
    cluster: &str,
) -> Result<Vec<ProjectOnCluster>, sqlx::Error> {
    let pools: HashMap<Uuid, Pool> = pools_on_cluster(&mut *tx, cluster)
        .await?
        .into_iter()
        .map(|(pool, _)| (pool.pool_id, pool))
        .collect();
    let grants = grants_of(&mut *tx, &pools).await?;
    let mut projects = projects_of(&mut *tx, cluster).await?;
    for project in &mut projects {
        let mine =
            grants.get(&(project.project_id, project.fund_id)).map_or(&[][..], Vec::as_slice);
        for grant in mine {
            project.grant_ids.push((grant.grant_id, grant.pool_id));
            project.open_until = project.open_until.max(grant.open_until);
            if let Some(pool) = pools.get(&grant.pool_id)
                && project.pools.iter().all(|known| known.pool_id != pool.pool_id)
            {
                project.pools.push(PoolOnCluster::from(pool));
            }
        }
        project.pools.sort_by(|one, two| (&one.class, one.pool_id).cmp(&(&two.class, two.pool_id)));
    }
    Ok(projects)
}

/// The cluster's pools, and how the share of each is kept now.
pub async fn pools_on_cluster(
    tx: &mut PgConnection,
    cluster: &str,
) -> Result<Vec<(Pool, ShareMode)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select p.pool_id, s.mode as "mode: ModeKind", s.nodes, s.gpus
           from quotas.pool p
               join lateral (
                   select v.mode, v.nodes, v.gpus from quotas.pool_share v
                   where v.pool_id = p.pool_id order by v.version desc limit 1
               ) s on true
           where p.cluster = $1"#,
        cluster,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut modes = HashMap::with_capacity(rows.len());
    for row in rows {
        let mode = pool::newest(row.pool_id, Some(row.mode), row.nodes, row.gpus)?;
        modes.insert(row.pool_id, mode);
    }
    let pools = pool::list(tx).await?.into_iter().filter(|pool| pool.cluster == cluster);
    let with_mode = |pool: Pool| {
        let mode = modes.remove(&pool.pool_id).unwrap_or(ShareMode::None);
        (pool, mode)
    };
    Ok(pools.map(with_mode).collect())
}

/// The funds that have a pool on the cluster, the one that ends first first.
pub async fn funds_on_cluster(
    tx: &mut PgConnection,
    cluster: &str,
) -> Result<Vec<Fund>, sqlx::Error> {
    let fund_ids = sqlx::query_scalar!(
        "select distinct fund_id from quotas.pool where cluster = $1",
        cluster,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut funds = fund::list(tx).await?;
    funds.retain(|fund| fund_ids.contains(&fund.fund_id));
    Ok(funds)
}

/// The projects and funds, their grants and pools not yet filled in.
async fn projects_of(
    tx: &mut PgConnection,
    cluster: &str,
) -> Result<Vec<ProjectOnCluster>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with paid as (
            select g.project_id, p.fund_id, bool_or(p.cluster = $1) as is_here,
                row_number() over (
                    partition by g.project_id order by min(g.granted_at), p.fund_id
                ) as place
            from quotas.grant g join quotas.pool p using (pool_id)
            group by g.project_id, p.fund_id
        ), working as (
            select project_id, array_agg(person_id order by joined_at, person_id) as person_ids
            from quotas.project_member where left_at is null
            group by project_id
        )
        select j.project_id, j.slug, j.slurm_account, j.agency_id, f.fund_id, f.name,
            f.purpose as "purpose: FundPurpose", paid.place = 1 as "is_first_fund!",
            coalesce(w.person_ids, '{}') as "person_ids!"
        from paid
            join quotas.project j using (project_id)
            join quotas.fund f using (fund_id)
            left join working w using (project_id)
        where paid.is_here
        order by j.slug, paid.place
        "#,
        cluster,
    )
    .fetch_all(tx)
    .await?;
    let mut projects = Vec::with_capacity(rows.len());
    for row in rows {
        let slurm_account = row.slurm_account.parse().map_err(|_| Inconsistency {
            table: "quotas.project",
            column: "slurm_account",
            row: row.project_id,
        })?;
        projects.push(ProjectOnCluster {
            project_id: row.project_id,
            slug: row.slug,
            slurm_account,
            agency_id: row.agency_id,
            fund_id: row.fund_id,
            fund_name: row.name,
            fund_purpose: row.purpose,
            is_first_fund: row.is_first_fund,
            pools: Vec::new(),
            grant_ids: Vec::new(),
            open_until: None,
            member_person_ids: row.person_ids,
        });
    }
    Ok(projects)
}

/// A grant's place in the tree.
struct Leaf {
    grant_id: Uuid,
    pool_id: Uuid,
    /// Its end, unless it has ended.
    open_until: Option<DateTime<Utc>>,
}

/// Every grant of these pools, by project and fund, the oldest first.
async fn grants_of(
    tx: &mut PgConnection,
    pools: &HashMap<Uuid, Pool>,
) -> Result<HashMap<(Uuid, Uuid), Vec<Leaf>>, sqlx::Error> {
    let pool_ids: Vec<Uuid> = pools.keys().copied().collect();
    let rows = sqlx::query!(
        "select g.grant_id, g.project_id, g.pool_id, g.valid_until, e.ending is null as is_open
         from quotas.grant g left join quotas.grant_end e using (grant_id)
         where g.pool_id = any($1)
         order by g.granted_at, g.grant_id",
        &pool_ids,
    )
    .fetch_all(tx)
    .await?;
    let mut grants: HashMap<(Uuid, Uuid), Vec<Leaf>> = HashMap::new();
    for row in rows {
        let Some(pool) = pools.get(&row.pool_id) else { continue };
        let open_until = (row.is_open == Some(true)).then_some(row.valid_until);
        let leaf = Leaf { grant_id: row.grant_id, pool_id: row.pool_id, open_until };
        grants.entry((row.project_id, pool.fund_id)).or_default().push(leaf);
    }
    Ok(grants)
}

impl From<&Pool> for PoolOnCluster {
    fn from(pool: &Pool) -> Self {
        Self {
            pool_id: pool.pool_id,
            class: pool.class.clone(),
            gpu_type: pool.gpu_type.clone(),
            partition: pool.partition.clone(),
            unit: pool.unit,
        }
    }
}
