//! Listing charges.

use record::{MicroSek, Month};
use sqlx::PgConnection;

use crate::{
    charge::{ChargeError, ChargeFilter, ChargeRow},
    store::{Inconsistency, gpu_seconds, micro_sek},
};

/// The charges that fit the filter, in the order their runs ended.
pub async fn charges(
    tx: &mut PgConnection,
    filter: ChargeFilter,
) -> Result<Vec<ChargeRow>, ChargeError> {
    let rows = sqlx::query!(
        r#"
         select c.charge_id as "charge_id!", c.run_id as "run_id!", c.hold_id as "hold_id!",
             c.grant_id as "grant_id!", c.agency_id as "agency_id!",
             c.project_id as "project_id!", c.month as "month!",
             c.gpu_seconds as "gpu_seconds!", c.usek as "usek!", c.charged_at as "charged_at!", r.cluster, r.slurm_job_id, r.db_index,
             r.started_at, r.ended_at, r.gpu_count, r.state, c.rate_id as "rate_id!",
             k.name as rate_card_name, t.class, t.partition, t.price_usek_per_gpu_hour, t.factor_ppm
         from (
             select charge_id, run_id, hold_id, grant_id, agency_id, project_id, rate_id, month,
                 gpu_seconds, usek, charged_at
             from accounting.charge
             union all
             select cleared_charge_id, run_id, hold_id, grant_id, agency_id, project_id, rate_id,
                 month, gpu_seconds, usek, charged_at
             from accounting.cleared_charge
         ) c
         join accounting.run r on r.run_id = c.run_id
         join accounting.rate t on t.rate_id = c.rate_id
         join accounting.rate_card k on k.rate_card_id = t.rate_card_id
         where ($1::uuid is null or c.agency_id = $1)
             and ($2::uuid is null or c.project_id = $2)
             and ($3::date is null or c.month = $3)
         order by r.ended_at, c.run_id, c.grant_id, c.charged_at
         "#,
        filter.agency_id,
        filter.project_id,
        filter.month.map(Month::first_day),
    )
    .fetch_all(tx)
    .await?;
    let charges = rows.into_iter().map(|row| {
        let place =
            |column| Inconsistency { table: "accounting.charge", column, row: row.charge_id };
        Ok(ChargeRow {
            charge_id: row.charge_id,
            run_id: row.run_id,
            hold_id: row.hold_id,
            grant_id: row.grant_id,
            agency_id: row.agency_id,
            project_id: row.project_id,
            month: Month::starting(row.month).ok_or(place("month"))?,
            cluster: row.cluster,
            slurm_job_id: row.slurm_job_id,
            db_index: row.db_index,
            started_at: row.started_at,
            ended_at: row.ended_at,
            gpu_count: row.gpu_count,
            state: row.state,
            rate_id: row.rate_id,
            rate_card_name: row.rate_card_name,
            class: row.class,
            partition: row.partition,
            price_usek_per_gpu_hour: row.price_usek_per_gpu_hour,
            factor_ppm: row.factor_ppm,
            gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
            usek: micro_sek(row.usek, place("usek"))?,
            charged_at: row.charged_at,
        })
    });
    charges.collect()
}

/// What was charged for one run, over all grants that paid; nothing if the run is not known.
pub async fn of_run(
    tx: &mut PgConnection,
    cluster: &str,
    db_index: i64,
) -> Result<MicroSek, sqlx::Error> {
    let row = sqlx::query!(
        r#"select r.run_id, coalesce(sum(c.usek), 0)::bigint as "usek!"
           from accounting.run r left join accounting.charge c using (run_id)
           where r.cluster = $1 and r.db_index = $2 group by r.run_id"#,
        cluster,
        db_index,
    )
    .fetch_optional(tx)
    .await?;
    row.map_or(Ok(MicroSek::ZERO), |row| {
        let place = Inconsistency { table: "accounting.charge", column: "usek", row: row.run_id };
        Ok(micro_sek(row.usek, place)?)
    })
}
