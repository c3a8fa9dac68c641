//! Plans on a real PostgreSQL: equal repeats, states that never go back, permits.

use quotas::permit::NewPermit;
use quotas::project::DataClass;
use record::id;
use sqlx::PgPool;
use staging::environment::{self, NewEnvironment, SftpAddress};
use staging::link::{self, Direction, OpenLink};
use staging::manifest::Bounds;
use staging::signature::ManifestKey;
use uuid::Uuid;

use super::attempt::{Attempt, AttemptState};
use super::*;
use crate::stage::{Stage, by, day};

mod life;

#[sqlx::test(migrations = false)]
async fn one_plan_sent_eight_times_at_once_is_one_attempt_with_one_hold(db: PgPool) {
    let stage = std::sync::Arc::new(Stage::set(&db).await);
    let ask = stage.ask();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (stage, ask) = (stage.clone(), ask.clone());
        racers.spawn(async move { stage.submit(&ask).await.unwrap() });
    }
    let admissions = racers.join_all().await;
    assert_eq!(admissions.iter().filter(|admission| !admission.repeated).count(), 1);
    let first = admissions[0];
    assert!(admissions.iter().all(|other| other.attempt_id == first.attempt_id
        && other.slurm_job_id == first.slurm_job_id
        && other.quote.usek == first.quote.usek));
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));
    assert_eq!(stage.waiting("submit").await, 1);

    let other = Ask { gpu_count: 1, ..ask.clone() };
    let refused = stage.submit(&other).await;
    assert!(matches!(refused, Err(PlanError::JobPlanIdReused(id)) if id == ask.job_plan_id));
}

#[sqlx::test(migrations = false)]
async fn a_refused_plan_leaves_nothing_behind(db: PgPool) {
    let stage = Stage::set(&db).await;
    let refused = stage.submit(&Ask { gpu_count: 9, ..stage.ask() }).await;
    assert!(matches!(refused, Err(PlanError::Refused(_))));
    let refused = stage.submit(&Ask { script: "true".to_owned(), ..stage.ask() }).await;
    assert!(matches!(refused, Err(PlanError::BadScript(_))));
    assert_eq!(stage.held_and_settled().await, (0, 0));
    assert_eq!(stage.waiting("submit").await, 0);
}

#[sqlx::test(migrations = false)]
async fn an_attempt_s_state_never_goes_back(db: PgPool) {
    use AttemptState::{
        Admitted, Cancelled, Ended, Refused, Released, Running, Settled, Submitted,
    };
    let order = [Admitted, Submitted, Released, Running, Ended, Settled, Cancelled, Refused];
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(Admitted).await;
    let mut tx = db.acquire().await.unwrap();
    for (place, &state) in order.iter().enumerate() {
        attempt::advance(&mut tx, attempt.attempt_id, state).await.unwrap();
        for &earlier in &order[..=place] {
            assert!(!attempt::advance(&mut tx, attempt.attempt_id, earlier).await.unwrap());
        }
        // A submission that is told late moves nothing that has moved on.
        if state > Admitted {
            attempt::queued(&mut tx, attempt.attempt_id, day(7, 1)).await.unwrap();
        }
        assert_eq!(stage.state_of(&attempt).await, state);
        let may_cancel = state < Ended;
        let wanted = attempt::want_cancelled(&mut tx, attempt.attempt_id, "no").await.unwrap();
        assert_eq!(wanted, may_cancel, "{state:?}");
        sqlx::query("update broker.attempt set cancel_reason = null")
            .execute(&mut *tx)
            .await
            .unwrap();
    }
}

#[sqlx::test(migrations = false)]
async fn what_is_over_is_not_ended_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.acquire().await.unwrap();
    for (state, reason) in [(AttemptState::Refused, "first"), (AttemptState::Cancelled, "second")] {
        attempt::ended_without_run(&mut tx, &attempt, state, reason, &stamp).await.unwrap();
    }
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Refused);
    assert_eq!(stage.told("attempt.ended_without_run").await, 1);
    assert_eq!(stage.held_and_settled().await, (0, 0));
}

/// A submitted attempt on a link under a permit that names its person.
async fn attempt_with_link(stage: &Stage) -> (Attempt, Uuid) {
    let permit_id = id::fresh();
    let environment_id = id::fresh();
    let link_id = id::fresh();
    let mut tx = stage.app.db.begin().await.unwrap();
    let new = NewPermit {
        permit_id,
        project_id: stage.project_id,
        issuer: "Health data access body".to_owned(),
        reference: "HDAB 2027/17".to_owned(),
        purpose: "stroke prediction".to_owned(),
        datasets: vec!["stroke-register".to_owned()],
        person_ids: vec![stage.person_id],
        environment_names: vec!["MONA".to_owned()],
        valid_from: day(6, 1),
        valid_until: day(8, 1),
        grace_s: 900,
    };
    quotas::permit::record(&mut tx, &new, &by(stage.controller, day(6, 1))).await.unwrap();
    let anna = by(stage.person_id, day(7, 1));
    let new = NewEnvironment {
        environment_id,
        name: "MONA".to_owned(),
        operator: "SCB".to_owned(),
        host_organisation: "SCB".to_owned(),
        sftp: SftpAddress {
            host: "127.0.0.1".to_owned(),
            port: 22,
            user: "mimer".to_owned(),
            root: "/data".to_owned(),
        },
        manifest_key: ManifestKey::new([7; 32]),
        data_classes: vec![DataClass::Open],
    };
    environment::create(&mut tx, &new, &anna).await.unwrap();
    let new = OpenLink {
        link_id,
        project_id: stage.project_id,
        permit_id,
        dataset: "stroke-register".to_owned(),
        environment_id,
        direction: Direction::In,
        source_path: "stroke".to_owned(),
        area: "/srv/stroke/data".into(),
        bounds: Bounds { allowed_types: vec!["csv".to_owned()], max_bytes: 1 << 20 },
        person_id: stage.person_id,
    };
    link::open(&mut tx, &new, &anna).await.unwrap();
    tx.commit().await.unwrap();
    let admission = stage.submit(&Ask { link_ids: vec![link_id], ..stage.ask() }).await.unwrap();
    let mut connection = stage.app.db.acquire().await.unwrap();
    attempt::queued(&mut connection, admission.attempt_id, day(7, 1)).await.unwrap();
    (attempt::by_id(&mut connection, admission.attempt_id).await.unwrap(), permit_id)
}

#[sqlx::test(migrations = false)]
async fn a_permit_that_ends_stops_its_jobs_and_says_so_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    // Rests on nothing, and goes on: what holds for it says nothing of the other.
    stage.attempt_at(AttemptState::Submitted).await;
    let (attempt, permit_id) = attempt_with_link(&stage).await;
    let mut tx = db.acquire().await.unwrap();
    assert_eq!(permit::check(&mut tx, &attempt, day(7, 1)).await.unwrap(), Ok(()));
    let expired = permit::check(&mut tx, &attempt, day(8, 1)).await.unwrap().unwrap_err();
    assert!(expired.contains("expired"), "{expired}");
    let other = Attempt { person_id: id::fresh(), ..attempt.clone() };
    assert!(permit::check(&mut tx, &other, day(7, 1)).await.unwrap().is_err());
    permit::stop_unpermitted(&stage.app).await.unwrap();
    assert_eq!(stage.waiting("cancel").await, 0);

    let stamp = by(stage.controller, day(7, 1));
    quotas::permit::revoke(&mut tx, permit_id, &stamp).await.unwrap();
    let mut watches = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let app = stage.app.clone();
        watches.spawn(async move { permit::stop_unpermitted(&app).await.unwrap() });
    }
    watches.join_all().await;
    assert_eq!(stage.waiting("cancel").await, 1);
    assert_eq!(stage.told("attempt.stopped_for_permit").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_ended_before_its_permit_is_not_said_to_be_stopped(db: PgPool) {
    let stage = Stage::set(&db).await;
    // Rests on nothing, and goes on: what holds for it says nothing of the other.
    stage.attempt_at(AttemptState::Submitted).await;
    let (attempt, permit_id) = attempt_with_link(&stage).await;
    let mut tx = db.acquire().await.unwrap();
    attempt::advance(&mut tx, attempt.attempt_id, AttemptState::Ended).await.unwrap();
    quotas::permit::revoke(&mut tx, permit_id, &by(stage.controller, day(7, 1))).await.unwrap();
    permit::stop_unpermitted(&stage.app).await.unwrap();
    assert_eq!(stage.waiting("cancel").await, 0);
}

/// A limit on what the project uses at once.
async fn limited(stage: &Stage, gpus_at_once: i64) {
    let mut tx = stage.app.db.begin().await.unwrap();
    let new = quotas::limit::use_limit::NewUseLimit {
        use_limit_id: id::fresh(),
        scope: quotas::limit::use_limit::Scope::Project(stage.project_id),
        class: Some("h200".to_owned()),
        gpus_at_once: Some(gpus_at_once),
        jobs_at_once: None,
    };
    let stamp = by(id::fresh(), day(7, 1));
    quotas::limit::use_limit::set(&mut tx, &new, &stamp).await.unwrap();
    tx.commit().await.unwrap();
}

/// Eight plans of two GPUs each race for five at once: two of them pass, and the next one waits for
/// a job to end.
#[sqlx::test(migrations = false)]
async fn plans_that_race_never_pass_a_limit_at_once(db: PgPool) {
    let stage = std::sync::Arc::new(Stage::set(&db).await);
    limited(&stage, 5).await;
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let stage = stage.clone();
        racers.spawn(async move { stage.submit(&stage.ask()).await });
    }
    let outcomes = racers.join_all().await;
    let admitted: Vec<&Admission> = outcomes.iter().flatten().collect();
    assert_eq!(admitted.len(), 2);
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        let PlanError::Refused(refusal) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.code(), "gpus_at_once_reached");
    }

    // Over in Slurm, though not yet charged: its GPUs are free again.
    let mut tx = db.acquire().await.unwrap();
    attempt::advance(&mut tx, admitted[0].attempt_id, AttemptState::Ended).await.unwrap();
    drop(tx);
    stage.submit(&stage.ask()).await.unwrap();
    assert!(stage.submit(&stage.ask()).await.is_err());
}

/// What was admitted is answered as it was, also when the same plan would be refused today.
#[sqlx::test(migrations = false)]
async fn a_repeat_is_answered_as_it_was_when_nothing_more_would_fit(db: PgPool) {
    let stage = Stage::set(&db).await;
    let ask = stage.ask();
    let first = stage.submit(&ask).await.unwrap();
    limited(&stage, 2).await;
    assert!(stage.submit(&stage.ask()).await.is_err());
    let again = stage.submit(&ask).await.unwrap();
    assert!(again.repeated);
    assert_eq!((again.attempt_id, again.slurm_job_id), (first.attempt_id, first.slurm_job_id));
    let other = Ask { name: "other".to_owned(), ..ask.clone() };
    let refused = stage.submit(&other).await;
    assert!(matches!(refused, Err(PlanError::JobPlanIdReused(id)) if id == ask.job_plan_id));
}

/// The job carries its own id and mark, what its hold ends with, and nothing of other jobs.
#[sqlx::test(migrations = false)]
async fn the_job_is_written_down_as_slurm_will_get_it(db: PgPool) {
    let stage = Stage::set(&db).await;
    let admission = stage.submit(&stage.ask()).await.unwrap();
    let mut tx = db.acquire().await.unwrap();
    let spec = attempt::by_id(&mut tx, admission.attempt_id).await.unwrap().spec;
    assert_eq!(i64::from(spec.job_id), admission.slurm_job_id);
    let mark = sqlx::query_scalar::<_, String>("select slurm_key from broker.attempt");
    assert_eq!(spec.key, mark.fetch_one(&mut *tx).await.unwrap());
    assert!(spec.key.ends_with(&admission.attempt_id.simple().to_string()), "{}", spec.key);
    assert_eq!(spec.deadline, Some(day(9, 30).timestamp()));
    assert_eq!(
        (spec.account.as_str(), spec.gpu_count, spec.whole_node),
        ("public_stroke", 2, false)
    );
}
