//! Records without an end, of jobs that slurmctld no longer has.

use exception::ExceptionKind;
use sqlx::PgPool;

use super::*;

#[sqlx::test(migrations = false)]
async fn a_runaway_alone_is_told_and_settled_when_slurm_has_its_end(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let runaway = record_at(&attempt, JobState::Running, (1, 0, None));
    stage.slurm.has_records(vec![runaway.clone()]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 120).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Running);
    let [found] = exceptions(&stage).await.try_into().unwrap();
    assert_eq!((found.kind, found.ended_at), (ExceptionKind::RunawayRecord, None));
    assert!(found.facts["sentence"].as_str().unwrap().contains("sacctmgr show runawayjobs"));

    let ended_at = runaway.started_at.map(|at| at + 30);
    let fixed = JobRecord { state: JobState::Completed, ended_at, ..runaway };
    stage.slurm.has_records(vec![fixed]);
    watcher.look_for(&stage, 301).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 60));
    let [found] = exceptions(&stage).await.try_into().unwrap();
    assert_eq!((found.gpu_seconds, found.closed_at), (Some(60), None), "a person closes it");
}

/// It holds up no settlement while the attempt has another record, and becomes a late run.
#[sqlx::test(migrations = false)]
async fn a_runaway_beside_a_final_record_is_charged_when_it_gets_its_end(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let runaway = record_at(&attempt, JobState::Running, (1, 0, None));
    let last = record_at(&attempt, JobState::Completed, (2, 100, Some(160)));
    stage.slurm.has_records(vec![runaway.clone(), last.clone()]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 60).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 120));
    let kinds: Vec<_> = exceptions(&stage).await.into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [ExceptionKind::SecondStart], "and nothing about a runaway");

    let ended_at = runaway.started_at.map(|at| at + 40);
    let fixed = JobRecord { state: JobState::Completed, ended_at, ..runaway };
    stage.slurm.has_records(vec![fixed, last]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.held_and_settled().await, (0, 120 + 80));
}
