//! Rows as SQL, where no crate that the pages may import would write them.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use record::GpuSeconds;
use sqlx::{AssertSqlSafe, PgPool};

use super::{
    AGENCY, ATTEMPT, CONTROLLER, DECIDER, FUND, GRANT, HOLD, LINK, MEMBER, PLAN, POOL, PROJECT,
};

/// Makes the schemas from the migrations of every crate, in the order they are run.
pub(crate) async fn install(db: &PgPool) {
    for schema in ["record", "accounting", "quotas", "staging", "broker"] {
        run(db, format!("create schema {schema}")).await;
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(schema).join("migrations");
        let mut files: Vec<_> = fs::read_dir(&folder)
            .expect("the crate has migrations")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        for file in files {
            run(db, fs::read_to_string(&file).expect("a migration can be read")).await;
        }
    }
}

pub(super) async fn run(db: &PgPool, sql: String) {
    let shown = sql.lines().next().unwrap_or_default().to_owned();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(db)
        .await
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
}

/// An agency, its project with people, a fund, a pool, a decided and an open request, a permit.
pub(crate) async fn quotas(db: &PgPool, granted: GpuSeconds, now: DateTime<Utc>) {
    let granted = granted.get();
    let year = "'2026-12-31T23:00:00Z', '2027-12-31T23:00:00Z'";
    run(
        db,
        format!(
            "insert into record.person (person_id, login, name) values
                 ('{MEMBER}', 'astrid', 'Astrid Lind'), ('{CONTROLLER}', 'bo', 'Bo Ek');
             insert into quotas.agency values
                 ('{AGENCY}', 'Region Mitten', '2321001234', 'public_body', '{now}');
             insert into quotas.fund (fund_id, name, purpose, ceiling, valid_from, valid_until, created_at)
                 values ('{FUND}', 'Public sector 2027', 'public_sector', 1000000000000, {year}, '{now}');
             insert into quotas.pool (pool_id, fund_id, cluster, class, gpu_type, gpus_per_node,
                     partition, gpu_seconds, valid_from, valid_until, created_at)
                 values ('{POOL}', '{FUND}', 'mimer', 'h200', 'h200', 8, 'confidential', 3600000,
                     {year}, '{now}');
             insert into quotas.project (project_id, agency_id, slug, title, data_class,
                     controller_person_id, slurm_account, created_at)
                 values ('{PROJECT}', '{AGENCY}', 'stroke', 'Stroke', 'confidential', '{CONTROLLER}',
                     'mimer_stroke', '{now}');
             insert into quotas.project_member (membership_id, project_id, person_id, joined_at)
                 values (gen_random_uuid(), '{PROJECT}', '{MEMBER}', '{now}');
             insert into quotas.request (request_id, project_id, requested_by, purpose, class,
                     gpu_seconds, gpus_at_once, longest_run_s, asked_from, asked_until, pattern,
                     submitted_at)
                 select id, '{PROJECT}', '{MEMBER}', 'to find strokes', 'h200', {granted}, 8, 3600,
                     {year}, 'data_to_compute', at::timestamptz
                 from (values ('{GRANT}'::uuid, '2027-01-10'), ('{POOL}'::uuid, '2027-01-09')) asked (id, at);
             insert into quotas.decision values
                 ('{GRANT}', '{GRANT}', '{DECIDER}', 'approved', '{now}');
             insert into quotas.grant values ('{GRANT}', '{GRANT}', '{PROJECT}', '{POOL}', {granted},
                 10000000000, {year}, 3600, 8, '{now}');
             insert into quotas.permit values ('{LINK}', '{PROJECT}', 'Etikprövningsmyndigheten',
                 '2026-04411-01', 'research', '{{ct}}', '{{{MEMBER}}}', '{{AIDA}}', {year}, 900, '{now}');
             insert into quotas.permit_revocation values ('{LINK}', '{now}');"
        ),
    )
    .await;
}

/// An environment and a verified link from it.
pub(crate) async fn staging(db: &PgPool, now: DateTime<Utc>) {
    run(
        db,
        format!(
            "insert into staging.environment values ('{LINK}', 'AIDA', 'AIDA', 'LiU', 'localhost', 22,
                 'mimer', '/out', decode(repeat('00', 32), 'hex'), '{{confidential}}', '{now}');
             insert into staging.link (link_id, project_id, permit_id, dataset, environment_id,
                     direction, source_path, area, allowed_types, max_bytes, person_id, opened_at,
                     state, state_at, transfer_id, manifest_sha256, file_count, size_bytes)
                 values ('{LINK}', '{PROJECT}', '{LINK}', 'ct', '{LINK}', 'in', 'ct', '/area', '{{dcm}}',
                     1000, '{MEMBER}', '{now}', 'verified', '{now}', '{LINK}',
                     decode(repeat('00', 32), 'hex'), 2, 1000);"
        ),
    )
    .await;
}

/// A job plan and its settled attempt on two GPUs of one node.
pub(crate) async fn job(db: &PgPool, (started_at, ended_at): (DateTime<Utc>, DateTime<Utc>)) {
    run(
        db,
        format!(
            "insert into broker.job_plan values ('{PLAN}', '{PROJECT}', '{MEMBER}', 'train',
                 '#!/bin/bash\nsrun python train.py\n', 2, 3600, 'h200', 'confidential', '{{{LINK}}}',
                 '{started_at}', '{PLAN}');
             insert into broker.attempt (attempt_id, job_plan_id, hold_id, cluster, slurm_job_id,
                     slurm_key, spec, state, slurm_state, created_at, queued_at, started_at, ended_at,
                     settled_at, exit_code, start_count, held_gpu_seconds, held_usek)
                 values ('{ATTEMPT}', '{PLAN}', '{HOLD}', 'mimer', 500001, 'key', '{{}}', 'settled',
                     'COMPLETED', '{started_at}', '{started_at}', '{started_at}', '{ended_at}',
                     '{ended_at}', 0, 1, 7320, 73200000);
             insert into broker.assignment
                 select '{ATTEMPT}', 'n1', minor, '{started_at}', '{ended_at}'
                 from generate_series(0, 1) minor;"
        ),
    )
    .await;
}

/// A minute of metered use; without `readings` the GPU did not answer.
pub(crate) async fn segment(
    db: &PgPool,
    minor: i32,
    from: DateTime<Utc>,
    readings: Option<(i64, i64)>,
) {
    let until = from + TimeDelta::minutes(1);
    let (energy, utilization, got, reasons) = match readings {
        Some((energy, utilization)) => (energy.to_string(), utilization.to_string(), 60, "{}"),
        None => {
            let reasons = r#"{"energy_mj":"gpu_lost","utilization_pct_ms":"gpu_lost"}"#;
            ("null".to_owned(), "null".to_owned(), 0, reasons)
        }
    };
    run(
        db,
        format!(
            "insert into broker.segment
                 select 'n1', '{ATTEMPT}', coalesce(max(seq), 0) + 1, '{ATTEMPT}', 'GPU-{minor}', {minor},
                     'SIMULATED H200', '{from}', '{until}', 60000, {energy}, {utilization}, 1000, 1,
                     {got}, 60, true, '{reasons}', '\\x00'
                 from broker.segment"
        ),
    )
    .await;
}

/// An effect that gave up.
pub(crate) async fn dead_letter(db: &PgPool, now: DateTime<Utc>) {
    run(
        db,
        format!(
            "insert into broker.outbox (outbox_id, effect, trace_id, tries, next_at, last_error, gave_up_at)
                 values ('{ATTEMPT}', '{{\"effect\": \"submit\", \"attempt_id\": \"{ATTEMPT}\"}}',
                     '{PLAN}', 12, '{now}', 'slurmctld does not answer', '{now}')"
        ),
    )
    .await;
}
