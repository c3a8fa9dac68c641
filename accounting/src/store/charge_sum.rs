//! What was charged to grants in all, by the project that ran.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    charge::{ChargeError, ProjectCharged},
    store::{Inconsistency, gpu_seconds, micro_sek},
};

/// The charges on these grants, summed by project; a project without charges is left out.
pub async fn by_project(
    tx: &mut PgConnection,
    grant_ids: &[Uuid],
) -> Result<Vec<ProjectCharged>, ChargeError> {
    let rows = sqlx::query!(
        r#"
         select c.project_id as "project_id!", count(*) as "charge_count!",
             sum(c.gpu_seconds)::bigint as "gpu_seconds!", sum(c.usek)::bigint as "usek!"
         from (
             select grant_id, project_id, gpu_seconds, usek from accounting.charge
             union all
             select grant_id, project_id, gpu_seconds, usek from accounting.cleared_charge
         ) c
         where c.grant_id = any($1)
         group by c.project_id order by c.project_id
         "#,
        grant_ids,
    )
    .fetch_all(tx)
    .await?;
    let charged = rows.into_iter().map(|row| {
        let place =
            |column| Inconsistency { table: "accounting.charge", column, row: row.project_id };
        Ok(ProjectCharged {
            project_id: row.project_id,
            charge_count: row.charge_count,
            gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
            usek: micro_sek(row.usek, place("usek"))?,
        })
    });
    charged.collect()
}
