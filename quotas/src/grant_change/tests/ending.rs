//! Grants that come to their end, by their window or by another grant.

use accounting::{
    hold::{self, Payer, Place, ReleaseReason},
    rate_card::{self, NewRate, NewRateCard},
};

use super::*;

/// Sets ten hours of the grant aside; the hold's id.
async fn ten_held(tx: &mut PgConnection, site: &Site, grant: &Grant) -> Uuid {
    let rate_id = id::fresh();
    let rate = NewRate {
        rate_id,
        class: grant.class.clone(),
        partition: grant.partition.clone(),
        category: "any".to_owned(),
        price_usek_per_gpu_hour: MicroSek::KRONA.get(),
        factor_ppm: 1_000_000,
    };
    let card = NewRateCard {
        rate_card_id: id::fresh(),
        name: "2027".to_owned(),
        valid_from: day(1, 1),
        valid_until: None,
        charges_node_failure: false,
        rates: vec![rate],
    };
    rate_card::publish(tx, &card, &by(site.operator)).await.unwrap();
    let hold_id = id::fresh();
    let place = Place {
        hold_id,
        attempt_id: id::fresh(),
        payer: Payer { agency_id: site.agency_id, project_id: site.project_id },
        grant_ids: vec![grant.grant_id],
        gpu_seconds: hours(10),
        rate_id,
        expires_at: grant.valid_until,
    };
    hold::place(tx, &place, &by(site.member)).await.unwrap();
    hold_id
}

#[sqlx::test(migrations = false)]
async fn a_grant_expires_at_its_end_and_its_free_time_goes_back(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let lasting = site.granted(&mut tx, |grant| grant.valid_until = day(10, 1)).await;
    let left = left_in_pool(&mut tx, &site, lasting.grant_id).await;
    let a_second_before = grant.valid_until - chrono::TimeDelta::seconds(1);
    let early = expire_due(&mut tx, a_second_before, 100, &keeper_at(a_second_before)).await;
    assert_eq!(early.unwrap(), []);

    let at_end = keeper_at(grant.valid_until);
    let expired = expire_due(&mut tx, grant.valid_until, 100, &at_end).await.unwrap();
    let (gpu_seconds, usek) = (hours(100), sek(200));
    let (grant_id, project_id) = (grant.grant_id, site.project_id);
    assert_eq!(expired, [Expired { grant_id, project_id, gpu_seconds, usek }]);
    let end = grant::by_id(&mut tx, grant_id).await.unwrap().unwrap().end.unwrap();
    assert_eq!((end.ending, end.superseded_by), (GrantEnding::Expired, None));
    assert_eq!(end.ended_at, grant.valid_until);
    let after = left_in_pool(&mut tx, &site, lasting.grant_id).await;
    assert_eq!(after.checked_sub(left), Some(hours(100)));
    let changes = list_for_grant(&mut tx, grant_id).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].kind, changes[0].decided_by), (ChangeKind::Expired, None));

    let again = expire_due(&mut tx, day(9, 30), 100, &at_end).await.unwrap();
    assert_eq!(again, [], "once");
}

#[sqlx::test(migrations = false)]
async fn as_many_expire_at_a_time_as_are_asked_for_the_oldest_first(db: PgPool) {
    let (site, _, mut tx) = granted(&db).await;
    let change = |last_day| {
        move |grant: &mut crate::decision::NewGrant| {
            (grant.usek, grant.valid_until) = (sek(1), day(8, last_day));
        }
    };
    let mut ends = Vec::new();
    for last_day in [3, 1, 2] {
        ends.push(site.granted(&mut tx, change(last_day)).await.grant_id);
    }
    let stamp = keeper_at(day(8, 4));
    let first = expire_due(&mut tx, day(8, 4), 2, &stamp).await.unwrap();
    let first: Vec<Uuid> = first.iter().map(|expired| expired.grant_id).collect();
    assert!(first.contains(&ends[1]) && first.contains(&ends[2]) && first.len() == 2);
    let rest = expire_due(&mut tx, day(8, 4), 2, &stamp).await.unwrap();
    assert_eq!(rest.iter().map(|expired| expired.grant_id).collect::<Vec<_>>(), [ends[0]]);
}

#[sqlx::test(migrations = false)]
async fn what_comes_back_after_the_end_is_swept_by_the_next_run(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let hold_id = ten_held(&mut tx, &site, &grant).await;
    let stamp = keeper_at(day(10, 1));
    let first = expire_due(&mut tx, day(10, 1), 100, &stamp).await.unwrap();
    assert_eq!(first[0].gpu_seconds, hours(90), "what is held stays with the hold");
    hold::release(&mut tx, hold_id, ReleaseReason::Cancelled, &stamp).await.unwrap();
    let second = expire_due(&mut tx, day(10, 1), 100, &stamp).await.unwrap();
    assert_eq!((second.len(), second[0].gpu_seconds), (1, hours(10)));
    assert_eq!(second[0].usek, sek(10));
    assert_eq!(expire_due(&mut tx, day(10, 2), 100, &stamp).await.unwrap(), []);
    assert_eq!(balance(&mut tx, grant.grant_id).await.granted, GpuSeconds::ZERO);
}

#[sqlx::test(migrations = false)]
async fn a_superseded_grant_gives_back_what_is_free_and_keeps_its_holds(db: PgPool) {
    let (site, old, mut tx) = granted(&db).await;
    let hold_id = ten_held(&mut tx, &site, &old).await;
    let new = site.granted(&mut tx, |_| {}).await;
    let asked = replaced(&site, old.grant_id, new.grant_id);
    let change = supersede(&mut tx, &asked, &by(site.decider)).await.unwrap();
    assert_eq!((change.gpu_seconds, change.usek), (hours(90), sek(190)));
    assert_eq!(supersede(&mut tx, &asked, &by(site.decider)).await.unwrap(), change);
    let end = grant::by_id(&mut tx, old.grant_id).await.unwrap().unwrap().end.unwrap();
    assert_eq!(end.superseded_by, Some(new.grant_id));
    let after = balance(&mut tx, old.grant_id).await;
    assert_eq!((after.granted, after.held), (hours(10), hours(10)));
    let stamp = by(site.member);
    hold::release(&mut tx, hold_id, ReleaseReason::Cancelled, &stamp).await.unwrap();
    let swept = expire_due(&mut tx, now(), 100, &keeper_at(now())).await.unwrap();
    assert_eq!((swept.len(), swept[0].gpu_seconds), (1, hours(10)));
}

#[sqlx::test(migrations = false)]
async fn a_grant_that_has_ended_does_not_change_any_more(db: PgPool) {
    let (site, old, mut tx) = granted(&db).await;
    let new = site.granted(&mut tx, |_| {}).await;
    let stamp = by(site.decider);
    let asked = replaced(&site, old.grant_id, new.grant_id);
    supersede(&mut tx, &asked, &stamp).await.unwrap();
    let (ended, open) = (old.grant_id, new.grant_id);
    let refusals = [
        top_up(&mut tx, &ten_more(&site, ended), &stamp).await,
        give_back(&mut tx, &ten_back(ended), &stamp).await,
        transfer(&mut tx, &ten_moved(&site, ended, open), &stamp).await,
        transfer(&mut tx, &ten_moved(&site, open, ended), &stamp).await,
        supersede(&mut tx, &replaced(&site, ended, open), &stamp).await,
        supersede(&mut tx, &replaced(&site, open, ended), &stamp).await,
        carry_over(&mut tx, &carried(&site, open, ended), &stamp).await,
    ];
    for refused in refusals {
        assert!(matches!(
            refused,
            Err(ChangeError::GrantEnded { grant_id, ending: GrantEnding::Superseded, .. })
                if grant_id == ended
        ));
    }
}

#[sqlx::test(migrations = false)]
async fn a_grant_is_replaced_within_its_project_and_class(db: PgPool) {
    let (site, old, mut tx) = granted(&db).await;
    let stamp = by(site.decider);
    let other = site.beside(&mut tx).await;
    let theirs = other.granted(&mut tx, |grant| grant.usek = sek(100)).await;
    let asked = replaced(&site, old.grant_id, theirs.grant_id);
    let refused = supersede(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::ProjectDiffers { .. })));
    let slower = other_pool(&mut tx, &site, |pool| pool.class = "a100".to_owned()).await;
    let new = site.granted(&mut tx, |grant| (grant.pool_id, grant.usek) = (slower, sek(100))).await;
    let asked = replaced(&site, old.grant_id, new.grant_id);
    let refused = supersede(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::ClassDiffers { .. })));
    let asked = replaced(&site, old.grant_id, old.grant_id);
    let refused = supersede(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::SameGrant { .. })));
}
