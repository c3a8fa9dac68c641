//! Crises on a real PostgreSQL, with the rights that mimerd has.

use record::id;
use sqlx::PgPool;

use super::*;
use crate::plan::attempt::AttemptState;
use crate::stage::{Stage, by, day};

/// Two people outside the project, and a proposal that ends in a day.
fn proposal(stage: &Stage) -> (Proposal, Uuid, Uuid) {
    let proposal = Proposal {
        crisis_id: id::fresh(),
        project_ids: vec![stage.project_id],
        ends_at: day(7, 2),
    };
    (proposal, id::fresh(), id::fresh())
}

#[sqlx::test(migrations = false)]
async fn one_person_alone_activates_nothing(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (new, first, second) = proposal(&stage);
    let now = day(7, 1);
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    propose(&mut tx, &new, first, &by(first, now)).await.unwrap();
    assert!(active_projects(&mut tx, now).await.unwrap().is_empty(), "proposed is not active");

    let alone = confirm(&mut tx, new.crisis_id, first, &by(first, now)).await.unwrap_err();
    assert_eq!(alone.code(), "crisis_takes_two");
    assert!(active_projects(&mut tx, now).await.unwrap().is_empty());

    confirm(&mut tx, new.crisis_id, second, &by(second, now)).await.unwrap();
    assert_eq!(active_projects(&mut tx, now).await.unwrap(), [stage.project_id].into());
    assert!(was_active(&mut tx, now).await.unwrap());
    assert!(!was_active(&mut tx, day(7, 3)).await.unwrap());
    assert!(active_projects(&mut tx, day(7, 2)).await.unwrap().is_empty(), "it ends at its time");
}

/// The second defence: the database refuses what the code would if it forgot.
#[sqlx::test(migrations = false)]
async fn the_database_too_wants_two_people(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (new, first, _) = proposal(&stage);
    let mut tx = db.begin().await.unwrap();
    propose(&mut tx, &new, first, &by(first, day(7, 1))).await.unwrap();
    let refused = sqlx::query("update broker.crisis set confirmed_by = $1, confirmed_at = $2")
        .bind(first)
        .bind(day(7, 1))
        .execute(&mut *tx)
        .await
        .unwrap_err();
    let constraint = refused.as_database_error().and_then(|error| error.constraint());
    assert_eq!(constraint, Some("crisis_takes_two"));
}

#[sqlx::test(migrations = false)]
async fn what_makes_no_sense_is_refused_by_name(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (new, first, second) = proposal(&stage);
    let now = day(7, 1);
    let mut tx = db.begin().await.unwrap();
    let without_why = Stamp { why: None, ..by(first, now) };
    let nobody = Proposal { project_ids: vec![], ..new.clone() };
    let unknown = Proposal { project_ids: vec![Uuid::nil()], ..new.clone() };
    let late = Proposal { ends_at: day(9, 1), ..new.clone() };
    let past = Proposal { ends_at: day(6, 30), ..new.clone() };
    for (refused, code) in [
        (propose(&mut tx, &new, first, &without_why).await, "crisis_no_reason"),
        (propose(&mut tx, &nobody, first, &by(first, now)).await, "crisis_no_project"),
        (propose(&mut tx, &unknown, first, &by(first, now)).await, "crisis_no_such_project"),
        (propose(&mut tx, &late, first, &by(first, now)).await, "crisis_end_out_of_range"),
        (propose(&mut tx, &past, first, &by(first, now)).await, "crisis_end_out_of_range"),
        (
            propose(&mut tx, &new, stage.person_id, &by(stage.person_id, now)).await,
            "crisis_own_project",
        ),
        (confirm(&mut tx, new.crisis_id, second, &by(second, now)).await, "no_such_crisis"),
    ] {
        assert_eq!(refused.unwrap_err().code(), code);
    }
    propose(&mut tx, &new, first, &by(first, now)).await.unwrap();
    let again = propose(&mut tx, &new, first, &by(first, now)).await.unwrap();
    assert_eq!(again.crisis_id, new.crisis_id, "the same again changes nothing");
    let other = Proposal { ends_at: day(7, 3), ..new.clone() };
    let reused = propose(&mut tx, &other, first, &by(first, now)).await.unwrap_err();
    assert_eq!(reused.code(), "crisis_id_reused");
    let late = confirm(&mut tx, new.crisis_id, second, &by(second, day(7, 2))).await.unwrap_err();
    assert_eq!(late.code(), "crisis_over");
}

#[sqlx::test(migrations = false)]
async fn a_crisis_ends_by_itself_and_says_so_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (new, first, second) = proposal(&stage);
    let mut tx = db.begin().await.unwrap();
    propose(&mut tx, &new, first, &by(first, day(7, 1))).await.unwrap();
    confirm(&mut tx, new.crisis_id, second, &by(second, day(7, 1))).await.unwrap();
    tx.commit().await.unwrap();
    duty::end_due(&stage.app).await.unwrap();
    assert_eq!(stage.told("crisis.end").await, 0, "its time has not come");
    stage.wait_s(24 * 3_600);
    duty::end_due(&stage.app).await.unwrap();
    duty::end_due(&stage.app).await.unwrap();
    assert_eq!(stage.told("crisis.end").await, 1);
    let over = by_id(&mut db.acquire().await.unwrap(), new.crisis_id).await.unwrap().unwrap();
    assert_eq!((over.ended_at, over.ended_by), (Some(day(7, 2)), None));
}

/// Slurm tells whole seconds, and people confirm in between.
#[sqlx::test(migrations = false)]
async fn a_run_that_began_in_the_second_of_the_confirmation_went_first(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (new, first, second) = proposal(&stage);
    let confirmed_at = day(7, 1) + TimeDelta::milliseconds(13);
    let mut runs = Vec::new();
    for started_at in [day(7, 1) - TimeDelta::seconds(1), day(7, 1)] {
        let attempt = stage.attempt_at(AttemptState::Running).await;
        sqlx::query("update broker.attempt set started_at = $2 where attempt_id = $1")
            .bind(attempt.attempt_id)
            .bind(started_at)
            .execute(&db)
            .await
            .unwrap();
        runs.push(attempt.attempt_id);
    }
    let mut tx = db.begin().await.unwrap();
    propose(&mut tx, &new, first, &by(first, day(7, 1))).await.unwrap();
    confirm(&mut tx, new.crisis_id, second, &by(second, confirmed_at)).await.unwrap();
    let report = report::read(&mut tx, new.crisis_id, day(7, 1) + TimeDelta::minutes(5)).await;
    let went_first: Vec<_> =
        report.unwrap().went_first.into_iter().map(|run| run.attempt_id).collect();
    assert_eq!(went_first, runs[1..]);
}
