//! Where one job belongs in Slurm's tree, in one query: what the admission of a job asks for.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    inconsistency::Inconsistency,
    name::{Slug, SlurmAccount},
    pool::share::ModeKind,
};

/// A project and the pool that pays, as far as Slurm's names follow from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectPlace {
    /// The project's short name.
    pub slug: Slug,
    /// The account Slurm knows the project by under its first fund.
    pub slurm_account: SlurmAccount,
    /// The pool.
    pub pool_id: Uuid,
    /// The pool's fund.
    pub fund_id: Uuid,
    /// Whether that fund was the first, on any cluster, to pay for the project.
    pub is_first_fund: bool,
    /// Whether nodes are set aside for the pool.
    pub is_set_aside: bool,
}

/// The place of a project under a pool's fund; `None` if there is no such project or pool.
pub async fn place_of(
    tx: &mut PgConnection,
    project_id: Uuid,
    pool_id: Uuid,
) -> Result<Option<ProjectPlace>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select j.slug, j.slurm_account, p.fund_id,
               coalesce(p.fund_id = (
                   select q.fund_id from quotas.grant g join quotas.pool q using (pool_id)
                   where g.project_id = j.project_id order by g.granted_at, q.fund_id limit 1
               ), true) as "is_first_fund!",
               (select v.mode from quotas.pool_share v
                where v.pool_id = p.pool_id order by v.version desc limit 1
               ) as "mode: ModeKind"
           from quotas.project j cross join quotas.pool p
           where j.project_id = $1 and p.pool_id = $2"#,
        project_id,
        pool_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let impossible = |column| Inconsistency { table: "quotas.project", column, row: project_id };
    Ok(Some(ProjectPlace {
        slug: row.slug.parse().map_err(|_| impossible("slug"))?,
        slurm_account: row.slurm_account.parse().map_err(|_| impossible("slurm_account"))?,
        pool_id,
        fund_id: row.fund_id,
        is_first_fund: row.is_first_fund,
        is_set_aside: row.mode == Some(ModeKind::SetAside),
    }))
}
