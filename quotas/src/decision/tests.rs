//! Every refusal of a decision by name, against a real PostgreSQL.

use record::{Actor, GpuSeconds, MicroSek, Stamp, id};
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::{
    agency::Category,
    fixture::{Site, by, constraint, day, now, trail},
    fund::{self, FundPurpose, NewFund},
    grant::{self, Grant},
    pool::{self, NewPool},
    project,
    request::{self, NewRequest, RequestState},
};

mod people;
mod second_defence;
mod source;

/// A site of a public body, and one connection to try decisions on.
async fn site(db: &PgPool) -> (Site, sqlx::Transaction<'static, sqlx::Postgres>) {
    let site = Site::lay_out(db, Category::PublicBody).await;
    (site, db.begin().await.unwrap())
}

/// Tries an approval in the decider's own name.
async fn approve_as_decider(
    tx: &mut sqlx::PgConnection,
    approval: &Approve,
) -> Result<Grant, DecideError> {
    approve(tx, approval, &by(approval.decided_by)).await
}

/// An approval whose grant is changed by `change`.
fn with_grant(site: &Site, change: impl FnOnce(&mut NewGrant)) -> Approve {
    let mut approval = site.approval();
    change(&mut approval.grant);
    approval
}

#[sqlx::test(migrations = false)]
async fn an_approval_becomes_a_grant_with_its_amounts_in_the_ledger(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let approval = site.approval();
    let granted = approve_as_decider(&mut tx, &approval).await.unwrap();
    assert_eq!(granted.grant_id, approval.grant.grant_id);
    assert_eq!((granted.project_id, granted.fund_id), (site.project_id, site.fund_id));

    let standings = grant::list_for_project(&mut tx, site.project_id).await.unwrap();
    assert_eq!(standings.len(), 1);
    assert_eq!(standings[0].grant, granted);
    assert_eq!(standings[0].balance.available, approval.grant.gpu_seconds);
    assert_eq!(standings[0].balance.available_usek, approval.grant.usek);

    let request = request::by_id(&mut tx, site.request_id).await.unwrap().unwrap();
    let decision_id = approval.decision_id;
    assert_eq!(request.state, RequestState::Approved { decision_id });
    assert!(request::list_open(&mut tx).await.unwrap().is_empty());
    assert_eq!(trail(&mut tx, decision_id).await, ["decision.approve"]);
}

#[sqlx::test(migrations = false)]
async fn an_equal_repeat_grants_once(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let approval = site.approval();
    let first = approve_as_decider(&mut tx, &approval).await.unwrap();
    let second = approve_as_decider(&mut tx, &approval).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(trail(&mut tx, approval.decision_id).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn an_unequal_repeat_is_refused(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let approval = site.approval();
    approve_as_decider(&mut tx, &approval).await.unwrap();
    let mut more = approval.clone();
    more.grant.max_gpus += 1;
    let refused = approve_as_decider(&mut tx, &more).await;
    assert!(matches!(refused, Err(DecideError::DecisionIdReused(_))));
    let Approve { decision_id, request_id, decided_by, scores, .. } = approval;
    let rejection = Reject { decision_id, request_id, decided_by, scores };
    let refused = reject(&mut tx, &rejection, &by(decided_by)).await;
    assert!(matches!(refused, Err(DecideError::DecisionIdReused(_))));
}

#[sqlx::test(migrations = false)]
async fn a_rejected_request_stays_rejected(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let rejection = Reject {
        decision_id: id::fresh(),
        request_id: site.request_id,
        decided_by: site.decider,
        scores: vec![Score { criterion: Criterion::Need, points: 0 }],
    };
    let first = reject(&mut tx, &rejection, &by(site.decider)).await.unwrap();
    let second = reject(&mut tx, &rejection, &by(site.decider)).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.scores, rejection.scores);
    assert_eq!(trail(&mut tx, rejection.decision_id).await, ["decision.reject"]);

    let refused = approve_as_decider(&mut tx, &site.approval()).await;
    assert!(matches!(refused, Err(DecideError::AlreadyDecided { .. })));
    assert!(grant::list_for_project(&mut tx, site.project_id).await.unwrap().is_empty());
}

#[sqlx::test(migrations = false)]
async fn two_deciders_at_once_make_one_decision(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, approval) = (db.clone(), Approve { decided_by: id::fresh(), ..site.approval() });
        racers.spawn(async move {
            let mut tx = db.begin().await?;
            approve_as_decider(&mut tx, &approval).await?;
            tx.commit().await?;
            Ok::<_, DecideError>(())
        });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes
            .iter()
            .flat_map(|outcome| outcome.as_ref().err())
            .all(|refused| matches!(refused, DecideError::AlreadyDecided { .. }))
    );
}

#[sqlx::test(migrations = false)]
async fn no_such_request(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let refused =
        approve_as_decider(&mut tx, &Approve { request_id: Uuid::nil(), ..site.approval() }).await;
    assert!(matches!(refused, Err(DecideError::NoSuchRequest(_))));
}

#[sqlx::test(migrations = false)]
async fn no_such_pool(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let approval = with_grant(&site, |grant| grant.pool_id = Uuid::nil());
    let refused = approve_as_decider(&mut tx, &approval).await;
    assert!(matches!(refused, Err(DecideError::NoSuchPool(_))));
}

#[sqlx::test(migrations = false)]
async fn ids_of_another_decision_and_grant_are_refused(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let approval = site.approval();
    approve_as_decider(&mut tx, &approval).await.unwrap();
    let second = NewRequest { request_id: id::fresh(), ..site.new_request() };
    request::submit(&mut tx, &second, &by(site.requester)).await.unwrap();
    let request_id = second.request_id;

    let refused = approve_as_decider(&mut tx, &Approve { request_id, ..approval.clone() }).await;
    assert!(matches!(refused, Err(DecideError::DecisionIdReused(_))));
    let fresh = Approve { request_id, decision_id: id::fresh(), ..approval };
    let refused = approve_as_decider(&mut tx, &fresh).await;
    assert!(matches!(refused, Err(DecideError::GrantIdReused(_))));
}
