//! Deciders at the same time: an agency's share is passed by nobody.

use super::*;

/// Eight deciders want ten hours each, and the share has room for three. In one project, then each
/// in a transaction that begins before any other has ended.
#[sqlx::test(migrations = false)]
async fn deciders_at_once_never_pass_the_agencys_share(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    share(&mut tx, &site, hours(135)).await;
    tx.commit().await.unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = db.clone();
        let usek = MicroSek::new(1).unwrap();
        let asked = TopUp { decided_by: id::fresh(), usek, ..ten_more(&site, grant.grant_id) };
        racers.spawn(async move {
            let mut tx = db.begin().await?;
            top_up(&mut tx, &asked, &by(asked.decided_by)).await?;
            tx.commit().await?;
            Ok::<_, ChangeError>(())
        });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    assert!(
        outcomes
            .iter()
            .flat_map(|outcome| outcome.as_ref().err())
            .all(|refused| matches!(refused, ChangeError::AgencyShareExhausted { .. }))
    );
    let mut tx = db.begin().await.unwrap();
    assert_eq!(balance(&mut tx, grant.grant_id).await.granted, hours(130));
}

/// One decider approves for one project of the agency while another tops up a grant of a second:
/// only the pool's lock is common to them.
#[sqlx::test(migrations = false)]
async fn an_approval_and_a_raise_in_two_projects_share_one_share(db: PgPool) {
    use crate::{
        decision::{self, Approve, DecideError},
        project::{self, NewProject},
        request::{self, NewRequest},
    };
    let (site, grant, mut tx) = granted(&db).await;
    share(&mut tx, &site, hours(205)).await;
    let second = Site { project_id: id::fresh(), request_id: id::fresh(), ..site };
    let project = NewProject {
        slug: "second-2027".parse().unwrap(),
        slurm_account: "public_second".parse().unwrap(),
        ..second.new_project()
    };
    project::create(&mut tx, &project, &by(site.requester)).await.unwrap();
    let asked = NewRequest { request_id: second.request_id, ..second.new_request() };
    request::submit(&mut tx, &asked, &by(site.requester)).await.unwrap();
    tx.commit().await.unwrap();

    let (one, other) = (db.clone(), db.clone());
    let approved = tokio::spawn(async move {
        let mut tx = one.begin().await.unwrap();
        let mut approval = Approve { request_id: second.request_id, ..second.approval() };
        approval.grant.usek = sek(1);
        decision::approve(&mut tx, &approval, &by(second.decider)).await?;
        tx.commit().await.unwrap();
        Ok::<_, DecideError>(())
    });
    let raised = tokio::spawn(async move {
        let mut tx = other.begin().await.unwrap();
        let asked = ten_more(&site, grant.grant_id);
        top_up(&mut tx, &asked, &by(site.decider)).await?;
        tx.commit().await.unwrap();
        Ok::<_, ChangeError>(())
    });
    let outcomes = (approved.await.unwrap(), raised.await.unwrap());
    assert!(matches!(
        outcomes,
        (Ok(()), Err(ChangeError::AgencyShareExhausted { .. }))
            | (Err(DecideError::AgencyShareExhausted { .. }), Ok(()))
    ));
}
