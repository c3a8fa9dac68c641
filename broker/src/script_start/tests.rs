//! Starts that nodes tell, on a real PostgreSQL.

use agent_wire::ScriptStart;
use slurm_wire::JobState;
use sqlx::PgPool;

use super::*;
use crate::plan::attempt::{Attempt, AttemptState};
use crate::stage::{Stage, record_of};

/// The node saw the attempt's script start so many seconds after now, each time.
async fn told(stage: &Stage, attempt: &Attempt, seconds: &[i64]) {
    let slurm_job_id = attempt.spec.job_id;
    let at = |s: &i64| stage.app.clock.now() + TimeDelta::seconds(*s);
    let starts = seconds.iter().map(|s| ScriptStart { slurm_job_id, started_at: at(s) }).collect();
    let told = Starts { node: "node1".to_owned(), starts };
    let place = (stage.app.cluster.name.as_str(), "node1");
    let mut tx = stage.app.db.begin().await.unwrap();
    take_in(&mut tx, place, &told, stage.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// So many seconds pass, and slurmctld is followed in all of them.
async fn watched_for(stage: &Stage, seconds: i64) {
    stage.wait_s(seconds);
    sqlx::query(
        "insert into broker.records_mark (cluster, read_until, again_from, watched_at)
         values ($1, $2, $2, $2) on conflict (cluster) do update set watched_at = $2",
    )
    .bind(&stage.app.cluster.name)
    .bind(stage.app.clock.now())
    .execute(&stage.app.db)
    .await
    .unwrap();
}

async fn second_starts(stage: &Stage) -> i64 {
    sqlx::query_scalar("select count(*) from broker.exception where kind = 'second_start'")
        .fetch_one(&stage.app.db)
        .await
        .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_start_that_slurm_does_not_count_is_a_second_one_and_shown_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    told(&stage, &attempt, &[0]).await;
    watched_for(&stage, 60).await;
    look(&stage.app).await.unwrap();
    assert_eq!(second_starts(&stage).await, 0, "one start is none too many");

    told(&stage, &attempt, &[-60, 0, 5]).await;
    look(&stage.app).await.unwrap();
    assert_eq!(second_starts(&stage).await, 0, "Slurm may still tell of restarts");
    watched_for(&stage, 60).await;
    for _ in 0..2 {
        look(&stage.app).await.unwrap();
    }
    assert_eq!(second_starts(&stage).await, 2);
    let start_count: i32 =
        sqlx::query_scalar("select start_count from broker.attempt").fetch_one(&db).await.unwrap();
    assert_eq!(start_count, 3);
}

#[sqlx::test(migrations = false)]
async fn a_restart_that_slurm_counts_is_no_second_start(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    sqlx::query(
        "insert into broker.job_start (attempt_id, slurm_job_id, started_at, restart_count, seen_at)
         select attempt_id, slurm_job_id, $1, 1, $1 from broker.attempt",
    )
    .bind(stage.app.clock.now())
    .execute(&db)
    .await
    .unwrap();
    told(&stage, &attempt, &[0, 20]).await;
    watched_for(&stage, 60).await;
    look(&stage.app).await.unwrap();
    assert_eq!(second_starts(&stage).await, 0);
    told(&stage, &attempt, &[0]).await;
    watched_for(&stage, 60).await;
    look(&stage.app).await.unwrap();
    assert_eq!(second_starts(&stage).await, 1);
}

/// slurmdbd's record of one run that began so many seconds after now.
async fn has_record(stage: &Stage, attempt: &Attempt, state: JobState, second: i64) {
    let started_at = (stage.app.clock.now() + TimeDelta::seconds(second)).timestamp();
    let record = slurm_wire::JobRecord {
        started_at: Some(started_at),
        ended_at: Some(started_at + 14),
        ..record_of(attempt, state)
    };
    let job_id = i64::from(attempt.spec.job_id);
    sqlx::query(
        "with kept as (
             insert into broker.observation
                 (observation_id, source, cluster, slurm_job_id, digest, body, observed_at)
             values ($1, 'slurmdbd', $2, $3, $4, $5, now()) returning observation_id
         )
         insert into broker.job_record (cluster, db_index, asked_id, observation_id, read_at)
         select $2, $6, $3, observation_id, now() from kept",
    )
    .bind(record::id::fresh())
    .bind(&stage.app.cluster.name)
    .bind(job_id)
    .bind(started_at.to_be_bytes())
    .bind(json!(record))
    .bind(i64::from(attempt.spec.job_id) * 2 + i64::from(state == JobState::Completed))
    .execute(&stage.app.db)
    .await
    .unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_restart_of_a_run_that_never_reached_its_node_excuses_no_second_start(db: PgPool) {
    let stage = Stage::set(&db).await;
    for (before_s, shown) in [(0, 0), (10, 1)] {
        let attempt = stage.attempt_at(AttemptState::Running).await;
        // Started, put back as NODE_FAIL, and started again; Slurm counts that itself.
        has_record(&stage, &attempt, JobState::NodeFail, 0).await;
        has_record(&stage, &attempt, JobState::Completed, 700).await;
        told(&stage, &attempt, &[-before_s, 701]).await;
        watched_for(&stage, 760).await;
        look(&stage.app).await.unwrap();
        assert_eq!(second_starts(&stage).await, shown);
    }
}

#[sqlx::test(migrations = false)]
async fn a_node_tells_of_itself_alone_and_not_too_much_at_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let start = ScriptStart { slurm_job_id: 7, started_at: stage.app.clock.now() };
    let mut tx = db.begin().await.unwrap();
    let mut refused = async |node: &str, count| {
        let told = Starts { node: node.to_owned(), starts: vec![start; count] };
        take_in(&mut tx, ("c", "node1"), &told, stage.app.clock.now()).await.unwrap_err().code()
    };
    assert_eq!(refused("node2", 1).await, "starts_of_other_node");
    assert_eq!(refused("node1", Starts::MOST + 1).await, "too_many_starts");
}
