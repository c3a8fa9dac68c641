//! The walk on a real PostgreSQL, with a Slurm that says what it is told.

use record::id;
use sqlx::PgPool;

use super::*;
use crate::stage::Stage;

fn walker(stage: &Stage, person_id: Uuid) -> Walker {
    Walker {
        project_id: stage.project_id,
        person_id,
        job_plan_id: None,
        language: Language::English,
        now: stage.app.clock.now(),
    }
}

async fn verdicts(stage: &Stage, walker: &Walker) -> Vec<(Station, Verdict)> {
    let findings = walk(&stage.app, walker).await.unwrap();
    findings.into_iter().map(|finding| (finding.station, finding.verdict)).collect()
}

#[sqlx::test(migrations = false)]
async fn every_station_of_a_free_way_is_named_in_order(db: PgPool) {
    let stage = Stage::set(&db).await;
    let found = verdicts(&stage, &walker(&stage, stage.person_id)).await;
    assert_eq!(
        found,
        [
            // The stage gives its person no role.
            (Station::Login, Verdict::InTheWay),
            (Station::Membership, Verdict::Good),
            (Station::Permit, Verdict::Good),
            (Station::Grant, Verdict::Good),
            (Station::Limit, Verdict::Good),
            // Its Slurm has no answer to a question about associations.
            (Station::Association, Verdict::NotKnown),
            (Station::Partition, Verdict::Good),
            (Station::Attestation, Verdict::NotChecked),
        ]
    );
}

#[sqlx::test(migrations = false)]
async fn a_stranger_is_told_nothing_of_what_is_in_the_project(db: PgPool) {
    let stage = Stage::set(&db).await;
    let found = verdicts(&stage, &walker(&stage, id::fresh())).await;
    assert!(found.contains(&(Station::Membership, Verdict::InTheWay)));
    for hidden in [Station::Permit, Station::Grant, Station::Limit] {
        assert!(found.contains(&(hidden, Verdict::NotKnown)), "{hidden:?}");
    }
}

#[sqlx::test(migrations = false)]
async fn what_is_in_the_way_says_what_to_do_in_both_languages(db: PgPool) {
    let stage = Stage::set(&db).await;
    stage.wait_s(200 * 24 * 3_600); // The grant has ended by then.
    let mut asked = walker(&stage, stage.person_id);
    let english = walk(&stage.app, &asked).await.unwrap();
    asked.language = Language::Swedish;
    let swedish = walk(&stage.app, &asked).await.unwrap();
    let grant = |findings: Vec<Finding>| {
        findings.into_iter().find(|finding| finding.station == Station::Grant).unwrap()
    };
    let (english, swedish) = (grant(english), grant(swedish));
    assert_eq!(english.verdict, Verdict::InTheWay);
    assert_eq!(english.code.as_deref(), Some("grant_expired"));
    assert_eq!(swedish.code, english.code);
    assert_ne!(swedish.fix, english.fix);
    assert_eq!(swedish.title, "Tilldelning");
}

#[sqlx::test(migrations = false)]
async fn a_plan_tells_where_its_job_stands(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(crate::plan::attempt::AttemptState::Released).await;
    sqlx::query("update broker.attempt set slurm_state = 'PENDING', slurm_reason = 'Resources'")
        .execute(&db)
        .await
        .unwrap();
    let asked =
        Walker { job_plan_id: Some(attempt.job_plan_id), ..walker(&stage, stage.person_id) };
    let findings = walk(&stage.app, &asked).await.unwrap();
    let job = findings.last().unwrap();
    assert_eq!(job.station, Station::Job);
    assert_eq!(job.code.as_deref(), Some("waits_in_slurm"));
    assert_eq!(job.actual, "PENDING (Resources)");
}
