//! What Slurm told, stored as it told it; an unchanged row is kept once.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Rows that are stored in one statement.
const AT_ONCE: usize = 1_000;

/// Who told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// What runs where.
    Slurmctld,
    /// What is owed.
    Slurmdbd,
}

impl Source {
    const fn word(self) -> &'static str {
        match self {
            Self::Slurmctld => "slurmctld",
            Self::Slurmdbd => "slurmdbd",
        }
    }
}

/// Stores one row under the id that was asked for, and tells its observation.
pub(super) async fn keep(
    tx: &mut PgConnection,
    (source, cluster): (Source, &str),
    (asked_id, body): (u32, &Value),
    now: DateTime<Utc>,
) -> Result<Uuid, sqlx::Error> {
    let digest = digest_of(body);
    let inserted = sqlx::query_scalar!(
        "insert into broker.observation
             (observation_id, source, cluster, slurm_job_id, digest, body, observed_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint observation_kept_once do nothing
         returning observation_id",
        record::id::fresh(),
        source.word(),
        cluster,
        i64::from(asked_id),
        digest,
        body,
        now,
    )
    .fetch_optional(&mut *tx)
    .await?;
    match inserted {
        Some(observation_id) => Ok(observation_id),
        None => {
            sqlx::query_scalar!(
                "select observation_id from broker.observation
                 where source = $1 and cluster = $2 and slurm_job_id = $3 and digest = $4",
                source.word(),
                cluster,
                i64::from(asked_id),
                digest,
            )
            .fetch_one(tx)
            .await
        }
    }
}

/// Stores many rows.
pub(super) async fn keep_all(
    tx: &mut PgConnection,
    (source, cluster): (Source, &str),
    rows: &[(u32, Value)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(AT_ONCE) {
        let ids: Vec<Uuid> = rows.iter().map(|_| record::id::fresh()).collect();
        let asked_ids: Vec<i64> = rows.iter().map(|(asked_id, _)| i64::from(*asked_id)).collect();
        let digests: Vec<Vec<u8>> = rows.iter().map(|(_, body)| digest_of(body)).collect();
        let bodies: Vec<Value> = rows.iter().map(|(_, body)| body.clone()).collect();
        sqlx::query!(
            "insert into broker.observation
                 (observation_id, source, cluster, slurm_job_id, digest, body, observed_at)
             select r.observation_id, $1, $2, r.slurm_job_id, r.digest, r.body, $3
             from unnest($4::uuid[], $5::bigint[], $6::bytea[], $7::jsonb[])
                 as r (observation_id, slurm_job_id, digest, body)
             on conflict on constraint observation_kept_once do nothing",
            source.word(),
            cluster,
            now,
            &ids,
            &asked_ids,
            &digests,
            &bodies,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

fn digest_of(body: &Value) -> Vec<u8> {
    digest(&SHA256, body.to_string().as_bytes()).as_ref().to_vec()
}
