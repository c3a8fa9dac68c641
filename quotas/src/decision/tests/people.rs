//! Who may decide, and what they must say.

use super::*;

#[sqlx::test(migrations = false)]
async fn nobody_decides_in_somebody_elses_name(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let refused = approve(&mut tx, &site.approval(), &by(site.requester)).await;
    assert!(matches!(refused, Err(DecideError::NotTheDecider { .. })));
}

#[sqlx::test(migrations = false)]
async fn self_approval_by_the_requester(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let own = Approve { decided_by: site.requester, ..site.approval() };
    let refused = approve_as_decider(&mut tx, &own).await;
    let conflict = Conflict::Requester;
    assert!(
        matches!(refused, Err(DecideError::SelfApproval { conflict: found, .. }) if found == conflict)
    );
    let Approve { decision_id, request_id, decided_by, scores, .. } = own;
    let rejection = Reject { decision_id, request_id, decided_by, scores };
    let refused = reject(&mut tx, &rejection, &by(site.requester)).await;
    assert!(matches!(refused, Err(DecideError::SelfApproval { .. })));
}

#[sqlx::test(migrations = false)]
async fn self_approval_by_a_member_and_by_one_who_left(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let own = Approve { decided_by: site.member, ..site.approval() };
    for _ in 0..2 {
        let refused = approve_as_decider(&mut tx, &own).await;
        assert!(matches!(
            refused,
            Err(DecideError::SelfApproval { conflict: Conflict::Member, .. })
        ));
        let stamp = by(site.requester);
        project::remove_member(&mut tx, site.project_id, site.member, &stamp).await.unwrap();
    }
}

#[sqlx::test(migrations = false)]
async fn who_decided_cannot_become_a_member(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    approve_as_decider(&mut tx, &site.approval()).await.unwrap();
    let stamp = by(site.requester);
    let refused = project::add_member(&mut tx, site.project_id, site.decider, &stamp).await;
    assert!(matches!(refused, Err(project::ProjectError::DeciderCannotBeMember { .. })));
}

#[sqlx::test(migrations = false)]
async fn an_operator_cannot_decide(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let own = Approve { decided_by: site.operator, ..site.approval() };
    let refused = approve_as_decider(&mut tx, &own).await;
    assert!(matches!(refused, Err(DecideError::OperatorCannotDecide { .. })));
}

#[sqlx::test(migrations = false)]
async fn motivation_missing(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    for why in [None, Some("  ")] {
        let stamp = Stamp { why, ..by(site.decider) };
        let refused = approve(&mut tx, &site.approval(), &stamp).await;
        assert!(matches!(refused, Err(DecideError::MotivationMissing(_))));
    }
}

#[sqlx::test(migrations = false)]
async fn score_missing(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    for kept in 0..2 {
        let scores = vec![site.approval().scores[kept]];
        let refused = approve_as_decider(&mut tx, &Approve { scores, ..site.approval() }).await;
        assert!(matches!(refused, Err(DecideError::ScoreMissing { .. })));
    }
}

#[sqlx::test(migrations = false)]
async fn score_not_valid(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let scored = |criterion, points| Score { criterion, points };
    for wrong in [
        scored(Criterion::Need, -1),
        scored(Criterion::Need, HIGHEST_POINTS + 1),
        scored(Criterion::Security, 1),
    ] {
        let mut approval = site.approval();
        approval.scores.push(wrong);
        let refused = approve_as_decider(&mut tx, &approval).await;
        assert!(matches!(refused, Err(DecideError::ScoreNotValid { .. })));
    }
}

#[sqlx::test(migrations = false)]
async fn a_program_may_carry_a_named_persons_decision(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let stamp = Stamp { actor: Actor::Program("import"), ..by(site.decider) };
    assert!(approve(&mut tx, &site.approval(), &stamp).await.is_ok());
    let decision = by_request(&mut tx, site.request_id).await.unwrap().unwrap();
    assert_eq!(decision.decided_by, site.decider);
}
