//! Effects on several clusters: each goes to its own, and none waits for another's.

use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::watch;

use super::*;
use crate::outbox::run_workers;
use crate::plan::PlanError;
use crate::stage::Slurm;

fn job_ids(slurm: &Slurm) -> Vec<u32> {
    slurm.submitted().iter().map(|job| job.job_id).collect()
}

async fn last_error(db: &PgPool) -> String {
    let said = sqlx::query_scalar("select last_error from broker.outbox where done_at is null");
    said.fetch_one(db).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn an_effect_goes_to_the_cluster_of_its_attempt(db: PgPool) {
    let mut stage = Stage::set(&db).await;
    let dal = Slurm::listen(&stage.adds_cluster("dal"));
    let here = stage.attempt_at(AttemptState::Admitted).await;
    stage.pools_are_on("dal").await;
    let there = stage.attempt_at(AttemptState::Admitted).await;
    work_off(&stage.app).await;
    assert_eq!(job_ids(&stage.slurm), [here.spec.job_id]);
    assert_eq!(job_ids(&dal), [there.spec.job_id]);
    assert_ne!(here.spec.job_id, there.spec.job_id, "one range gives the ids of all clusters");

    // An App that stands elsewhere asks the same.
    let on_dal = stage.app.on("dal").unwrap();
    for attempt in [&here, &there] {
        want_one(&db, &Effect::Cancel { attempt_id: attempt.attempt_id }).await;
    }
    work_off(&on_dal).await;
    assert_eq!((stage.slurm.heard("cancel"), dal.heard("cancel")), (1, 1));
}

#[sqlx::test(migrations = false)]
async fn an_effect_on_a_cluster_that_is_not_configured_waits_and_says_why(db: PgPool) {
    let mut stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    let moved = sqlx::query("update broker.attempt set cluster = 'fjord'");
    moved.execute(&db).await.unwrap();
    work_off(&stage.app).await;
    let said = last_error(&db).await;
    assert!(said.contains("\"fjord\"") && said.contains("[[clusters]]"), "{said}");
    assert!(job_ids(&stage.slurm).is_empty());
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Admitted);

    let fjord = Slurm::listen(&stage.adds_cluster("fjord"));
    stage.wait_s(1);
    work_off(&stage.app).await;
    assert_eq!(job_ids(&fjord), [attempt.spec.job_id]);
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
}

#[sqlx::test(migrations = false)]
async fn a_pool_on_a_cluster_that_is_not_configured_pays_for_nothing(db: PgPool) {
    let mut stage = Stage::set(&db).await;
    stage.pools_are_on("fjord").await;
    let refused = stage.submit(&stage.ask()).await.unwrap_err();
    assert!(matches!(&refused, PlanError::NoSuchCluster(name) if name == "fjord"), "{refused}");
    assert_eq!(stage.held_and_settled().await, (0, 0));
    stage.adds_cluster("fjord");
    stage.submit(&stage.ask()).await.unwrap();
}

/// Waits a minute at most.
async fn until(mut look: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looks).await.expect("waited for a minute");
}

/// What every worker is kept waiting by: a gateway that takes calls and answers none.
#[sqlx::test(migrations = false)]
async fn a_gateway_that_says_nothing_keeps_no_other_cluster_waiting(db: PgPool) {
    let mut stage = Stage::set(&db).await;
    let _silent = UnixListener::bind(stage.adds_cluster("dal")).unwrap();
    stage.pools_are_on("dal").await;
    let workers = stage.app.config.duties.outbox_workers;
    for _ in 0..2 * workers {
        stage.attempt_at(AttemptState::Admitted).await;
    }
    let (stop, stopping) = watch::channel(false);
    let working = tokio::spawn(run_workers(stage.app.clone(), stopping));
    // All that may be kept are: those for every cluster, and the silent one's own.
    let kept = "select count(*) from broker.outbox where tries > 0";
    until(async || {
        let kept: i64 = sqlx::query_scalar(kept).fetch_one(&db).await.unwrap();
        kept > i64::from(workers)
    })
    .await;
    stage.pools_are_on("mimer").await;
    let here = stage.attempt_at(AttemptState::Admitted).await;
    // Far sooner than the silent gateway is given up.
    until(async || stage.state_of(&here).await != AttemptState::Admitted).await;
    assert_eq!(job_ids(&stage.slurm), [here.spec.job_id]);
    stop.send(true).unwrap();
    working.abort();
}
