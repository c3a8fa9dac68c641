//! Who may decide on a change, and who may not.

use super::*;
use crate::{
    decision::Conflict,
    project::{self, ProjectError},
};

#[sqlx::test(migrations = false)]
async fn nobody_decides_in_anothers_name_or_without_a_motivation(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let asked = ten_more(&site, grant.grant_id);
    let refused = top_up(&mut tx, &asked, &by(id::fresh())).await;
    assert!(matches!(refused, Err(ChangeError::NotTheDecider { .. })));
    for why in [None, Some(" ")] {
        let stamp = Stamp { why, ..by(site.decider) };
        let refused = top_up(&mut tx, &asked, &stamp).await;
        assert!(matches!(refused, Err(ChangeError::MotivationMissing(_))));
    }
}

#[sqlx::test(migrations = false)]
async fn nobody_decides_on_a_change_of_their_own_project(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    project::remove_member(&mut tx, site.project_id, site.member, &by(site.requester))
        .await
        .unwrap();
    let tied = [(site.requester, Conflict::Requester), (site.member, Conflict::Member)];
    for (decided_by, told) in tied {
        let asked = TopUp { decided_by, ..ten_more(&site, grant.grant_id) };
        let refused = top_up(&mut tx, &asked, &by(decided_by)).await;
        assert!(
            matches!(refused, Err(ChangeError::SelfApproval { conflict, .. }) if conflict == told)
        );
    }
}

#[sqlx::test(migrations = false)]
async fn who_is_tied_to_the_other_grant_does_not_decide_either(db: PgPool) {
    let (site, from, mut tx) = granted(&db).await;
    let other = site.beside(&mut tx).await;
    let to = other.granted(&mut tx, |grant| grant.usek = sek(100)).await;
    let decided_by = other.member;
    let asked = Transfer { decided_by, ..ten_moved(&site, from.grant_id, to.grant_id) };
    let refused = transfer(&mut tx, &asked, &by(decided_by)).await;
    assert!(matches!(
        refused,
        Err(ChangeError::SelfApproval { grant_id, .. }) if grant_id == to.grant_id
    ));
}

#[sqlx::test(migrations = false)]
async fn the_operator_of_a_pool_or_fund_does_not_decide(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let second = site.granted(&mut tx, |_| {}).await;
    let decided_by = site.operator;
    let stamp = by(decided_by);
    let asked = TopUp { decided_by, ..ten_more(&site, grant.grant_id) };
    let refused = top_up(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::OperatorCannotDecide { .. })));
    let asked = Supersede { decided_by, ..replaced(&site, grant.grant_id, second.grant_id) };
    let refused = supersede(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::OperatorCannotDecide { .. })));
}

#[sqlx::test(migrations = false)]
async fn who_decided_on_a_change_becomes_no_member(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let decided_by = id::fresh();
    let asked = TopUp { decided_by, ..ten_more(&site, grant.grant_id) };
    top_up(&mut tx, &asked, &by(decided_by)).await.unwrap();
    let refused =
        project::add_member(&mut tx, site.project_id, decided_by, &by(site.requester)).await;
    assert!(matches!(refused, Err(ProjectError::DeciderCannotBeMember { .. })));
}
