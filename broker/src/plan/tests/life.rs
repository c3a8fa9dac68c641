//! What people do with a job that is under way, on a real PostgreSQL.

use chrono::TimeDelta;
use record::id;

use super::super::extend::{self, ExtensionError};
use super::super::keep::{self, Keeper};
use super::super::need::{self, Condition, Need, Needs};
use super::super::wish::{self, WishError};
use super::super::{RetryError, retry, suspend};
use super::*;

/// An array of five tasks of two GPUs for ten minutes, two of them at once.
fn array(stage: &Stage) -> Ask {
    Ask { task_count: 5, tasks_at_once: Some(2), ..stage.ask() }
}

#[sqlx::test(migrations = false)]
async fn an_array_is_one_attempt_with_one_hold_over_all_its_tasks(db: PgPool) {
    let stage = Stage::set(&db).await;
    let ask = array(&stage);
    let first = stage.submit(&ask).await.unwrap();
    assert_eq!(stage.held_and_settled().await, (5 * 2 * 660, 0));
    assert!(stage.submit(&ask).await.unwrap().repeated);
    let other = Ask { tasks_at_once: None, ..ask.clone() };
    let refused = stage.submit(&other).await;
    assert!(matches!(refused, Err(PlanError::JobPlanIdReused(id)) if id == ask.job_plan_id));

    let mut tx = db.acquire().await.unwrap();
    let spec = attempt::by_id(&mut tx, first.attempt_id).await.unwrap().spec;
    let array = spec.array.unwrap();
    assert_eq!((array.task_count, array.at_once, spec.gpu_count), (5, Some(2), 2));
    let agency_id = quotas::project::by_id(&mut tx, stage.project_id).await.unwrap().unwrap();
    let used = in_use::of_agency(&mut tx, agency_id.agency_id).await.unwrap();
    assert_eq!((used[0].gpus, used[0].jobs), (4, 2), "two tasks of two GPUs run at once");
}

#[sqlx::test(migrations = false)]
async fn tasks_that_no_array_has_are_refused(db: PgPool) {
    let stage = Stage::set(&db).await;
    for (task_count, tasks_at_once) in [(0, None), (-1, None), (3, Some(0)), (1, Some(1))] {
        let ask = Ask { task_count, tasks_at_once, ..stage.ask() };
        assert!(matches!(stage.submit(&ask).await, Err(PlanError::BadTasks)));
    }
}

#[sqlx::test(migrations = false)]
async fn a_begin_lies_ahead_and_early_enough_to_end_in_time(db: PgPool) {
    let stage = Stage::set(&db).await;
    let begins = |begin_at| Ask { begin_at: Some(begin_at), ..stage.ask() };
    let past = stage.submit(&begins(day(7, 1))).await;
    assert!(matches!(past, Err(PlanError::BeginsInThePast(_))));
    let latest = day(9, 30) - TimeDelta::minutes(10);
    let late = stage.submit(&begins(latest + TimeDelta::seconds(1))).await;
    assert!(matches!(late, Err(PlanError::BeginsTooLate { latest: told, .. }) if told == latest));

    let ask = begins(day(7, 2));
    let admission = stage.submit(&ask).await.unwrap();
    stage.wait_s(3 * 24 * 3_600);
    assert!(stage.submit(&ask).await.unwrap().repeated, "a repeat is answered as it was");
    let mut tx = db.acquire().await.unwrap();
    let attempt = attempt::by_id(&mut tx, admission.attempt_id).await.unwrap();
    assert_eq!(attempt.spec.begin_at, Some(day(7, 2).timestamp()));
    drop(tx);
    end(&stage, &attempt).await;
    let again = try_again(&stage, ask.job_plan_id, id::fresh()).await.unwrap();
    let mut tx = db.acquire().await.unwrap();
    let attempt = attempt::by_id(&mut tx, again.attempt_id).await.unwrap();
    assert_eq!(attempt.spec.begin_at, None, "its begin has passed: it may start at once");
}

/// Ends an attempt without a run.
async fn end(stage: &Stage, attempt: &Attempt) {
    let mut tx = stage.app.db.begin().await.unwrap();
    let stamp = by(stage.person_id, stage.app.clock.now());
    let state = AttemptState::Cancelled;
    attempt::ended_without_run(&mut tx, attempt, state, "no", &stamp).await.unwrap();
    tx.commit().await.unwrap();
}

async fn try_again(
    stage: &Stage,
    job_plan_id: Uuid,
    attempt_id: Uuid,
) -> Result<Admission, RetryError> {
    let mut tx = stage.app.db.begin().await?;
    let newest = wish::lock(&mut tx, job_plan_id).await?;
    let rules = (&*stage.app.config, &stage.app.clusters);
    let stamp = by(stage.person_id, stage.app.clock.now());
    let admission = retry(&mut tx, rules, (&newest, attempt_id), &stamp).await?;
    tx.commit().await?;
    Ok(admission)
}

#[sqlx::test(migrations = false)]
async fn an_ended_plan_is_tried_again_once_however_many_ask(db: PgPool) {
    let stage = std::sync::Arc::new(Stage::set(&db).await);
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let plan = attempt.job_plan_id;
    let open = try_again(&stage, plan, id::fresh()).await.unwrap_err();
    assert!(matches!(open, RetryError::Wish(WishError::StillOpen { .. })));
    end(&stage, &attempt).await;

    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let stage = stage.clone();
        racers.spawn(async move { try_again(&stage, plan, id::fresh()).await });
    }
    let outcomes = racers.join_all().await;
    let admitted: Vec<&Admission> = outcomes.iter().flatten().collect();
    assert_eq!(admitted.len(), 1, "{outcomes:?}");
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));

    let repeated = try_again(&stage, plan, admitted[0].attempt_id).await.unwrap();
    assert!(repeated.repeated && repeated.slurm_job_id == admitted[0].slurm_job_id);
    let other = stage.attempt_at(AttemptState::Submitted).await;
    end(&stage, &other).await;
    let reused = try_again(&stage, other.job_plan_id, admitted[0].attempt_id).await.unwrap_err();
    assert!(matches!(reused, RetryError::Wish(WishError::AttemptIdReused(_))));
}

/// The database's own defence, should the lock ever be forgotten.
#[sqlx::test(migrations = false)]
async fn no_plan_has_two_attempts_that_are_both_wanted(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let mut tx = db.begin().await.unwrap();
    let rules = (&*stage.app.config, &stage.app.clusters);
    let stamp = by(stage.person_id, day(7, 1));
    let refused = again(&mut tx, rules, attempt.job_plan_id, &stamp).await.unwrap_err();
    assert!(format!("{:?}", refused).contains("attempt_one_wanted_of_plan"), "{refused:?}");
}

#[sqlx::test(migrations = false)]
async fn what_an_operator_holds_no_member_releases(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let (member, operator) = (Keeper::Member(stage.person_id), Keeper::Operator(id::fresh()));
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.acquire().await.unwrap();
    for (keeper, holds) in [(member, 1), (member, 1), (operator, 2), (member, 2), (operator, 2)] {
        let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
        keep::hold(&mut tx, &newest, keeper, &stamp).await.unwrap();
        assert_eq!(stage.waiting("hold").await, holds);
    }
    let held = attempt::by_id(&mut tx, attempt.attempt_id).await.unwrap();
    assert!(held.held_back && held.state == AttemptState::Submitted);

    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    let refused = keep::release(&mut tx, &newest, member, &stamp).await.unwrap_err();
    assert!(matches!(refused, WishError::HeldByOperator(_)));
    keep::release(&mut tx, &newest, operator, &stamp).await.unwrap();
    assert!(!attempt::by_id(&mut tx, attempt.attempt_id).await.unwrap().held_back);
    assert_eq!(stage.told("attempt.let_go").await, 1);
}

/// An operator's hold outlives the attempt that it was laid on.
#[sqlx::test(migrations = false)]
async fn a_plan_that_is_admitted_anew_stays_held(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.begin().await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    keep::hold(&mut tx, &newest, Keeper::Operator(id::fresh()), &stamp).await.unwrap();
    attempt::want_cancelled(&mut tx, attempt.attempt_id, "its grant ends").await.unwrap();
    let rules = (&*stage.app.config, &stage.app.clusters);
    let anew = again(&mut tx, rules, attempt.job_plan_id, &stamp).await.unwrap();
    keep::carry_over(&mut tx, attempt.attempt_id, anew.attempt_id).await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    assert_eq!((newest.attempt_id, newest.kept_by_operator), (anew.attempt_id, true));
    assert!(attempt::by_id(&mut tx, anew.attempt_id).await.unwrap().held_back);
}

#[sqlx::test(migrations = false)]
async fn what_runs_is_not_held_and_what_waits_is_not_suspended(db: PgPool) {
    let stage = Stage::set(&db).await;
    let waits = stage.attempt_at(AttemptState::Released).await;
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.acquire().await.unwrap();
    let newest = wish::lock(&mut tx, waits.job_plan_id).await.unwrap();
    let refused = suspend::suspend(&mut tx, &newest, id::fresh(), &stamp).await.unwrap_err();
    assert!(matches!(refused, WishError::NotRunning { state: AttemptState::Released, .. }));

    attempt::advance(&mut tx, waits.attempt_id, AttemptState::Running).await.unwrap();
    let newest = wish::lock(&mut tx, waits.job_plan_id).await.unwrap();
    let member = Keeper::Member(stage.person_id);
    let refused = keep::hold(&mut tx, &newest, member, &stamp).await.unwrap_err();
    assert!(matches!(refused, WishError::AlreadyStarted(_)));
    for _ in 0..2 {
        let newest = wish::lock(&mut tx, waits.job_plan_id).await.unwrap();
        suspend::suspend(&mut tx, &newest, id::fresh(), &stamp).await.unwrap();
    }
    assert_eq!((stage.waiting("suspend").await, stage.told("attempt.suspend").await), (1, 1));
    for _ in 0..2 {
        let newest = wish::lock(&mut tx, waits.job_plan_id).await.unwrap();
        suspend::resume(&mut tx, &newest, &stamp).await.unwrap();
    }
    assert_eq!((stage.waiting("resume").await, stage.told("attempt.resume").await), (1, 1));

    attempt::want_cancelled(&mut tx, waits.attempt_id, "no").await.unwrap();
    let newest = wish::lock(&mut tx, waits.job_plan_id).await.unwrap();
    let refused = suspend::suspend(&mut tx, &newest, id::fresh(), &stamp).await.unwrap_err();
    assert!(matches!(refused, WishError::BeingCancelled(_)));
}

/// Asks for so many more seconds.
async fn extend_by(
    stage: &Stage,
    attempt: &Attempt,
    (extension_id, extra_s): (Uuid, i64),
) -> Result<extend::Extension, ExtensionError> {
    let mut tx = stage.app.db.begin().await?;
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await?;
    let stamp = by(stage.person_id, stage.app.clock.now());
    let extension = extend::extend(&mut tx, &newest, (extension_id, extra_s), &stamp).await?;
    tx.commit().await?;
    Ok(extension)
}

#[sqlx::test(migrations = false)]
async fn an_extension_is_held_first_and_goes_back_if_slurm_will_not(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let first = id::fresh();
    let wanted = extend_by(&stage, &attempt, (first, 61)).await.unwrap();
    assert_eq!((wanted.extra_s, wanted.gpu_seconds), (120, 240), "whole minutes, on two GPUs");
    assert_eq!(stage.held_and_settled().await, (2 * 660 + 240, 0));
    assert_eq!(extend_by(&stage, &attempt, (first, 61)).await.unwrap(), wanted);
    let reused = extend_by(&stage, &attempt, (first, 300)).await.unwrap_err();
    assert!(matches!(reused, ExtensionError::ExtensionIdReused(_)));
    let second = extend_by(&stage, &attempt, (id::fresh(), 60)).await.unwrap_err();
    assert!(matches!(second, ExtensionError::OnItsWay(_)));
    assert_eq!(stage.waiting("set_time_limit").await, 1);

    let mut tx = db.acquire().await.unwrap();
    let stamp = by(stage.person_id, day(7, 1));
    let told = extend::wanted(&mut tx, first).await.unwrap().unwrap();
    assert_eq!(extend::limit_min(&mut tx, attempt.attempt_id).await.unwrap(), 12);
    for _ in 0..2 {
        extend::refused(&mut tx, &told, "Slurm said no", &stamp).await.unwrap();
    }
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));
    assert_eq!(extend::limit_min(&mut tx, attempt.attempt_id).await.unwrap(), 10);

    let third = id::fresh();
    extend_by(&stage, &attempt, (third, 3_600)).await.unwrap();
    let told = extend::wanted(&mut tx, third).await.unwrap().unwrap();
    extend::granted(&mut tx, &told, 70, &stamp).await.unwrap();
    extend::refused(&mut tx, &told, "too late", &stamp).await.unwrap();
    let after = attempt::by_id(&mut tx, attempt.attempt_id).await.unwrap();
    assert_eq!(after.spec.time_limit_min, 70, "a lost job comes back with its longer limit");
    assert_eq!(stage.held_and_settled().await, (2 * 660 + 7_200, 0), "granted stays granted");
    let shown = extend::of_attempt(&mut tx, attempt.attempt_id).await.unwrap();
    assert_eq!(shown[0].refusal.as_deref(), Some("Slurm said no"));
    assert!(shown[1].granted_at.is_some() && shown[1].refusal.is_none());
}

#[sqlx::test(migrations = false)]
async fn an_extension_that_nobody_can_pay_or_that_ends_too_late_changes_nothing(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    for extra_s in [0, -60, 400 * 24 * 3_600] {
        let refused = extend_by(&stage, &attempt, (id::fresh(), extra_s)).await.unwrap_err();
        assert!(matches!(refused, ExtensionError::BadLength(_)));
    }
    // The grant allows 24 hours a job.
    let refused = extend_by(&stage, &attempt, (id::fresh(), 24 * 3_600)).await.unwrap_err();
    assert_eq!(refused.code(), "wall_time_above_grant");
    stage.app.clock.advance(day(9, 30) - day(7, 1) - TimeDelta::hours(1));
    sqlx::query("update broker.attempt set started_at = $1")
        .bind(stage.app.clock.now())
        .execute(&db)
        .await
        .unwrap();
    let refused = extend_by(&stage, &attempt, (id::fresh(), 7_200)).await.unwrap_err();
    assert_eq!(refused.code(), "grant_ends_too_soon");
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));

    end(&stage, &attempt).await;
    let refused = extend_by(&stage, &attempt, (id::fresh(), 60)).await.unwrap_err();
    assert!(matches!(refused, ExtensionError::Wish(WishError::Over { .. })));
}

/// Slurm would give up a job that could not end before its deadline: so its begin counts.
#[sqlx::test(migrations = false)]
async fn a_job_that_begins_late_is_not_extended_past_its_grants(db: PgPool) {
    let stage = Stage::set(&db).await;
    let begin_at = Some(day(9, 30) - TimeDelta::minutes(20));
    let ask = Ask { begin_at, ..stage.ask() };
    let admission = stage.submit(&ask).await.unwrap();
    let mut tx = db.acquire().await.unwrap();
    let attempt = attempt::by_id(&mut tx, admission.attempt_id).await.unwrap();
    let refused = extend_by(&stage, &attempt, (id::fresh(), 660)).await.unwrap_err();
    assert_eq!(refused.code(), "grant_ends_too_soon");
    extend_by(&stage, &attempt, (id::fresh(), 600)).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_plan_waits_for_plans_of_its_own_project_only(db: PgPool) {
    let stage = Stage::set(&db).await;
    let first = stage.attempt_at(AttemptState::Running).await;
    let after = |job_plan_id, condition| Need { job_plan_id, condition };
    let on = |after| Ask { after, ..stage.ask() };
    let stranger = on(vec![after(id::fresh(), Condition::Ended)]);
    assert!(matches!(stage.submit(&stranger).await, Err(PlanError::NoSuchNeed(_))));
    let itself =
        Ask { after: vec![after(stranger.job_plan_id, Condition::Ended)], ..stranger.clone() };
    assert!(matches!(stage.submit(&itself).await, Err(PlanError::NoSuchNeed(_))));
    let need = after(first.job_plan_id, Condition::Succeeded);
    let twice = on(vec![need, after(first.job_plan_id, Condition::Ended)]);
    assert!(matches!(stage.submit(&twice).await, Err(PlanError::BadNeeds)));
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));

    let ask = on(vec![need]);
    stage.submit(&ask).await.unwrap();
    assert!(stage.submit(&ask).await.unwrap().repeated);
    let other = Ask { after: vec![after(first.job_plan_id, Condition::Failed)], ..ask.clone() };
    assert!(matches!(stage.submit(&other).await, Err(PlanError::JobPlanIdReused(_))));
    let mut tx = db.acquire().await.unwrap();
    assert_eq!(need::all_met(&mut tx, ask.job_plan_id).await.unwrap(), Needs::Waiting);
    assert_eq!(need::all_met(&mut tx, first.job_plan_id).await.unwrap(), Needs::Met);

    end(&stage, &first).await;
    let never = need::all_met(&mut tx, ask.job_plan_id).await.unwrap();
    assert!(matches!(never, Needs::Never(why) if why.contains("train")));
    let hopeless = on(vec![need]);
    assert!(matches!(stage.submit(&hopeless).await, Err(PlanError::NeverMet(_))));
    // Tried again, it is waited for again.
    try_again(&stage, first.job_plan_id, id::fresh()).await.unwrap();
    assert_eq!(need::all_met(&mut tx, ask.job_plan_id).await.unwrap(), Needs::Waiting);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_slurm_named_itself_is_known_by_that_name(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    let mut tx = db.acquire().await.unwrap();
    attempt::known_as(&mut tx, attempt.attempt_id, 77).await.unwrap();
    let known = attempt::by_id(&mut tx, attempt.attempt_id).await.unwrap();
    assert_eq!((known.spec.job_id, &known.spec.key), (77, &attempt.spec.key));
    let stored: i64 = sqlx::query_scalar("select slurm_job_id from broker.attempt")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(stored, 77);
}
