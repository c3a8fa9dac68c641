//! Rows written past the code: the database refuses them under the rule's own name.

use super::*;

/// Writes a change past the code and tells which rule refused it.
async fn refused_by(tx: &mut PgConnection, change: &Change) -> Option<String> {
    let mut inner = sqlx::Acquire::begin(tx).await.unwrap();
    let written =
        sqlx::query("insert into quotas.grant_change values ($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(change.change_id)
            .bind(change.kind)
            .bind(change.grant_id)
            .bind(change.other_grant_id)
            .bind(change.gpu_seconds.get())
            .bind(change.usek.get())
            .bind(change.decided_by)
            .bind(change.changed_at)
            .execute(&mut *inner)
            .await;
    inner.rollback().await.unwrap();
    written.err().and_then(|error| constraint(&error).map(str::to_owned))
}

fn raise(grant_id: Uuid, decided_by: Uuid) -> Change {
    Change {
        change_id: id::fresh(),
        kind: ChangeKind::ToppedUp,
        grant_id,
        other_grant_id: None,
        gpu_seconds: hours(10),
        usek: sek(10),
        decided_by: Some(decided_by),
        changed_at: now(),
    }
}

#[sqlx::test(migrations = false)]
async fn the_database_keeps_deciders_of_changes_apart_by_itself(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let tries = [
        (site.requester, Some("change_decider_kept_apart")),
        (site.member, Some("change_decider_kept_apart")),
        (site.operator, Some("change_operator_kept_apart")),
        (site.decider, None),
    ];
    for (person_id, rule) in tries {
        let told = refused_by(&mut tx, &raise(grant.grant_id, person_id)).await;
        assert_eq!(told.as_deref(), rule);
    }
    let undecided = Change { decided_by: None, ..raise(grant.grant_id, site.decider) };
    let told = refused_by(&mut tx, &undecided).await;
    assert_eq!(told.as_deref(), Some("grant_change_is_decided"));

    top_up(&mut tx, &ten_more(&site, grant.grant_id), &by(site.decider)).await.unwrap();
    let refused = sqlx::query("insert into quotas.project_member values ($1, $2, $3, $4)")
        .bind(id::fresh())
        .bind(site.project_id)
        .bind(site.decider)
        .bind(now())
        .execute(&mut *tx)
        .await
        .unwrap_err();
    assert_eq!(constraint(&refused), Some("member_kept_apart"));
}

#[sqlx::test(migrations = false)]
async fn the_database_keeps_agency_shares_by_itself(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    share(&mut tx, &site, hours(109)).await;
    let told = refused_by(&mut tx, &raise(grant.grant_id, site.decider)).await;
    assert_eq!(told.as_deref(), Some("agency_share_never_passed"));

    let other = site.beside(&mut tx).await;
    let theirs = other.granted(&mut tx, |grant| grant.usek = sek(100)).await;
    let moved = Change {
        kind: ChangeKind::Transferred,
        grant_id: theirs.grant_id,
        other_grant_id: Some(grant.grant_id),
        ..raise(grant.grant_id, site.decider)
    };
    let told = refused_by(&mut tx, &moved).await;
    assert_eq!(told.as_deref(), Some("agency_share_never_passed"));
}

/// What the database reckons from decisions and changes is what the ledger has.
#[sqlx::test(migrations = false)]
async fn the_database_and_the_ledger_agree_on_what_an_agency_has(db: PgPool) {
    let (site, first, mut tx) = granted(&db).await;
    let second = site.granted(&mut tx, |grant| grant.usek = sek(100)).await;
    let stamp = by(site.decider);
    top_up(&mut tx, &ten_more(&site, first.grant_id), &stamp).await.unwrap();
    give_back(&mut tx, &ten_back(second.grant_id), &stamp).await.unwrap();
    let asked = ten_moved(&site, first.grant_id, second.grant_id);
    transfer(&mut tx, &asked, &stamp).await.unwrap();
    let asked = replaced(&site, first.grant_id, second.grant_id);
    supersede(&mut tx, &asked, &stamp).await.unwrap();
    let told: i64 = sqlx::query_scalar("select quotas.granted_to_agency($1, $2)")
        .bind(site.pool_id)
        .bind(site.agency_id)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(told, balance(&mut tx, second.grant_id).await.granted.get());
}

#[sqlx::test(migrations = false)]
async fn the_database_lets_nothing_change_that_has_ended_or_is_of_another_fund(db: PgPool) {
    let (site, old, mut tx) = granted(&db).await;
    let new = site.granted(&mut tx, |grant| grant.usek = sek(100)).await;
    let foreign = other_fund(&mut tx, &site).await;
    let elsewhere = site.granted(&mut tx, |grant| grant.pool_id = foreign).await;
    let mixed = Change {
        kind: ChangeKind::Transferred,
        other_grant_id: Some(elsewhere.grant_id),
        ..raise(new.grant_id, site.decider)
    };
    let told = refused_by(&mut tx, &mixed).await;
    assert_eq!(told.as_deref(), Some("change_within_one_fund"));

    let asked = replaced(&site, old.grant_id, new.grant_id);
    supersede(&mut tx, &asked, &by(site.decider)).await.unwrap();
    let late = raise(old.grant_id, site.decider);
    let into = Change { other_grant_id: Some(old.grant_id), ..mixed };
    for change in [late, into] {
        let told = refused_by(&mut tx, &change).await;
        assert_eq!(told.as_deref(), Some("ended_grant_takes_no_change"));
    }
}

#[sqlx::test(migrations = false)]
async fn the_application_adds_to_what_happened_and_changes_none_of_it(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    share(&mut tx, &site, hours(200)).await;
    tx.commit().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    top_up(&mut tx, &ten_more(&site, grant.grant_id), &by(site.decider)).await.unwrap();
    expire_due(&mut tx, day(10, 1), 9, &keeper_at(day(10, 1))).await.unwrap();
    tx.commit().await.unwrap();
    for change in [
        "update quotas.grant_change set gpu_seconds = 1",
        "delete from quotas.grant_end",
        "update quotas.agency_share set gpu_seconds = 1",
        "delete from quotas.pool_share",
        "update quotas.access_mode set max_days = 1",
    ] {
        let mut tx = db.begin().await.unwrap();
        sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
        let refused = sqlx::query(change).execute(&mut *tx).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("42501"), "{change}"); // insufficient_privilege
    }
}
