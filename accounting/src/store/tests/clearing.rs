//! Clearing overrun: two people, oldest first, by a charge or written off. And holds that expire.

use chrono::TimeDelta;
use record::{Month, id};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Desk, noon, run_of, seconds, stamp, usek};
use crate::{
    charge::{self, ChargeFilter},
    hold::{self, PlaceError, ReleaseError, ReleaseReason},
    invoice,
    ledger::{self, GrantMove},
    overrun::{self, Clearing, NewClearing, OverrunError},
};

/// A grant of 100 seconds that ran 130 and then 20 more.
async fn overrun_of_fifty(desk: &Desk) -> (Uuid, Uuid) {
    let grant_id = desk.grant(100, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    desk.settle(hold_id, &[run_of(130)]).await.unwrap();
    desk.settle(hold_id, &[run_of(20)]).await.unwrap();
    assert_eq!(desk.time_of(grant_id).await, [0, 0, 100, 50]);
    (grant_id, hold_id)
}

fn clearing(grant_id: Uuid, time: i64, how: Clearing) -> NewClearing {
    NewClearing {
        clearing_id: id::fresh(),
        grant_id,
        gpu_seconds: seconds(time),
        usek: usek(time * 1_000),
        how,
        proposed_by: id::fresh(),
    }
}

#[sqlx::test(migrations = false)]
async fn one_person_never_clears_an_overrun(db: PgPool) {
    let desk = Desk::open(db).await;
    let (grant_id, _) = overrun_of_fifty(&desk).await;
    let new = clearing(grant_id, 50, Clearing::WriteOff);
    let mut tx = desk.db.begin().await.unwrap();
    overrun::propose(&mut tx, &new, &stamp()).await.unwrap();
    overrun::propose(&mut tx, &new, &stamp()).await.unwrap();
    let refused =
        overrun::confirm(&mut tx, new.clearing_id, new.proposed_by, &stamp()).await.unwrap_err();
    assert!(matches!(refused, OverrunError::SamePerson { person_id, .. }
        if person_id == new.proposed_by));
    let [waiting] = overrun::proposed(&mut tx).await.unwrap()[..] else { panic!() };
    assert_eq!(waiting.clearing, new);
    tx.commit().await.unwrap();
    assert_eq!(desk.time_of(grant_id).await, [0, 0, 100, 50]);

    // The second defence: the row itself refuses.
    let refused =
        sqlx::query("insert into accounting.clearing_end values ($1, $2, $2, 'confirmed', $3)")
            .bind(new.clearing_id)
            .bind(new.proposed_by)
            .bind(noon())
            .execute(&desk.db)
            .await
            .unwrap_err();
    assert!(super::super::broke(&refused, "clearing_takes_two_people"), "{refused}");
}

#[sqlx::test(migrations = false)]
async fn what_is_written_off_is_charged_to_nobody_and_never_forgotten(db: PgPool) {
    let desk = Desk::open(db).await;
    let (grant_id, hold_id) = overrun_of_fifty(&desk).await;
    let new = clearing(grant_id, 40, Clearing::WriteOff);
    let mut tx = desk.db.begin().await.unwrap();
    overrun::propose(&mut tx, &new, &stamp()).await.unwrap();
    let second = id::fresh();
    overrun::confirm(&mut tx, new.clearing_id, second, &stamp()).await.unwrap();
    overrun::confirm(&mut tx, new.clearing_id, second, &stamp()).await.unwrap();
    let third = id::fresh();
    let refused = overrun::confirm(&mut tx, new.clearing_id, third, &stamp()).await.unwrap_err();
    assert!(matches!(refused, OverrunError::AlreadyDecided { decided_by, .. }
        if decided_by == second));
    let of = ledger::use_of_grants(&mut tx, &[grant_id]).await.unwrap()[&grant_id];
    assert_eq!((of.settled, of.overrun, of.not_charged), (seconds(100), seconds(10), seconds(40)));
    let [open] = overrun::open(&mut tx).await.unwrap()[..] else { panic!() };
    assert_eq!((open.grant_id, open.gpu_seconds, open.usek), (grant_id, seconds(10), usek(10_000)));
    tx.commit().await.unwrap();
    assert_eq!(desk.time_of(grant_id).await, [0, 0, 100, 10]);
    assert_eq!(desk.count("cleared_charge").await, 0);
    desk.balances().await;

    // A run that comes to light now is priced as the last of all 170 seconds.
    let settled = desk.settle(hold_id, &[run_of(20)]).await.unwrap();
    assert_eq!((settled.gpu_seconds, settled.overrun), (seconds(100), seconds(30)));
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_grant_with_room_by_then_pays_its_overrun(db: PgPool) {
    let desk = Desk::open(db).await;
    let (grant_id, hold_id) = overrun_of_fifty(&desk).await;
    let new = clearing(grant_id, 50, Clearing::ChargeGrant);
    let mut tx = desk.db.begin().await.unwrap();
    overrun::propose(&mut tx, &new, &stamp()).await.unwrap();
    let refused =
        overrun::confirm(&mut tx, new.clearing_id, id::fresh(), &stamp()).await.unwrap_err();
    assert!(matches!(refused, OverrunError::GrantShort { wanted, available, .. }
        if (wanted, available) == (seconds(50), seconds(0))));
    let more =
        GrantMove { transfer_id: id::fresh(), grant_id, gpu_seconds: seconds(60), usek: usek(0) };
    ledger::top_up(&mut tx, &more, &stamp()).await.unwrap();
    overrun::confirm(&mut tx, new.clearing_id, id::fresh(), &stamp()).await.unwrap();
    let filter = ChargeFilter::default();
    let charges = charge::charges(&mut tx, filter).await.unwrap();
    assert_eq!(charges.iter().map(|charge| charge.gpu_seconds.get()).sum::<i64>(), 150);
    let draft = invoice::draft(&mut tx, desk.payer.agency_id, Month::of(noon())).await.unwrap();
    assert_eq!(draft.lines[0].gpu_seconds, seconds(150));
    tx.commit().await.unwrap();
    assert_eq!(desk.time_of(grant_id).await, [10, 0, 150, 0]);
    desk.balances().await;
    let again = desk.settle(hold_id, &[run_of(5)]).await.unwrap();
    assert_eq!((again.gpu_seconds, again.overrun), (seconds(155), seconds(0)));
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_clearing_that_is_not_the_ledgers_figure_is_refused_by_name(db: PgPool) {
    let desk = Desk::open(db).await;
    let (grant_id, _) = overrun_of_fifty(&desk).await;
    let mut tx = desk.db.begin().await.unwrap();
    let mut refusal = async |new| overrun::propose(&mut tx, &new, &stamp()).await.unwrap_err();
    let right = clearing(grant_id, 50, Clearing::WriteOff);

    let more = clearing(grant_id, 51, Clearing::WriteOff);
    assert!(matches!(refusal(more).await, OverrunError::MoreThanOverrun { overrun, .. }
        if overrun == seconds(50)));
    let dearer = NewClearing { usek: usek(50_001), ..right };
    assert!(matches!(refusal(dearer).await, OverrunError::MoneyDiffers { stands_for, .. }
        if stands_for == usek(50_000)));
    let nothing = clearing(grant_id, 0, Clearing::WriteOff);
    assert!(matches!(refusal(nothing).await, OverrunError::NothingToClear(_)));
    let stranger = clearing(id::fresh(), 1, Clearing::WriteOff);
    assert!(matches!(refusal(stranger).await, OverrunError::NoSuchGrant(_)));
    overrun::propose(&mut tx, &right, &stamp()).await.unwrap();
    let other = NewClearing { how: Clearing::ChargeGrant, ..right };
    let refused = overrun::propose(&mut tx, &other, &stamp()).await.unwrap_err();
    assert!(matches!(refused, OverrunError::ClearingIdReused(_)));
    let refused = overrun::confirm(&mut tx, id::fresh(), id::fresh(), &stamp()).await.unwrap_err();
    assert!(matches!(refused, OverrunError::NoSuchClearing(_)));

    // Its proposer may take it back, and then nobody can confirm it.
    overrun::reject(&mut tx, right.clearing_id, right.proposed_by, &stamp()).await.unwrap();
    overrun::reject(&mut tx, right.clearing_id, right.proposed_by, &stamp()).await.unwrap();
    let refused = overrun::confirm(&mut tx, right.clearing_id, id::fresh(), &stamp()).await;
    assert!(matches!(refused, Err(OverrunError::AlreadyDecided { .. })));
    assert_eq!(overrun::proposed(&mut tx).await.unwrap(), []);
}

#[sqlx::test(migrations = false)]
async fn open_holds_are_listed_by_project_and_when_their_time_has_passed(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let (first, second) = (desk.hold(&[grant_id], 1).await, desk.hold(&[grant_id], 1).await);
    let closed = desk.hold(&[grant_id], 1).await;
    desk.release(closed, ReleaseReason::Cancelled).await.unwrap();
    let mut tx = desk.db.begin().await.unwrap();

    let open = hold::open_of(&mut tx, desk.payer.project_id).await.unwrap();
    assert_eq!(open.iter().map(|open| open.hold_id).collect::<Vec<_>>(), [first, second]);
    assert_eq!(hold::open_of(&mut tx, id::fresh()).await.unwrap(), []);
    let end = noon() + TimeDelta::days(7);
    assert_eq!(hold::expired(&mut tx, end - TimeDelta::seconds(1), None, 9).await.unwrap(), []);
    assert_eq!(hold::expired(&mut tx, end, None, 9).await.unwrap(), open);
    assert_eq!(hold::expired(&mut tx, end, None, 1).await.unwrap(), open[..1]);
    assert_eq!(hold::expired(&mut tx, end, open.first(), 1).await.unwrap(), open[1..]);
    assert_eq!(hold::expired(&mut tx, end, open.last(), 1).await.unwrap(), []);
}

#[sqlx::test(migrations = false)]
async fn a_hold_is_replaced_in_one_go_or_not_at_all(db: PgPool) {
    let desk = Desk::open(db).await;
    let (old, new) = (desk.grant(100, 100_000).await, desk.grant(50, 50_000).await);
    let first = desk.request(&[old], 100);
    desk.place(&first).await.unwrap();
    let replace = async |old_hold_id, request| {
        let mut tx = desk.db.begin().await?;
        let placed = hold::replace(&mut tx, old_hold_id, &request, &stamp()).await?;
        tx.commit().await?;
        Ok::<_, PlaceError>(placed)
    };

    let mut larger = desk.request(&[new, old], 151);
    larger.attempt_id = first.attempt_id;
    let refused = replace(first.hold_id, larger).await.unwrap_err();
    assert!(matches!(refused, PlaceError::NotEnoughGpuSeconds { available, .. }
        if available == seconds(150)));
    assert_eq!(desk.time_of(old).await, [0, 100, 0, 0]);

    let mut split = desk.request(&[new, old], 150);
    split.attempt_id = first.attempt_id;
    let placed = replace(first.hold_id, split.clone()).await.unwrap();
    assert_eq!(replace(first.hold_id, split.clone()).await.unwrap(), placed);
    assert_eq!(desk.time_of(new).await, [0, 50, 0, 0]);
    assert_eq!(desk.time_of(old).await, [0, 100, 0, 0]);

    let refused = replace(split.hold_id, split.clone()).await.unwrap_err();
    assert!(matches!(refused, PlaceError::HoldIdReused(_)));
    let mut foreign = desk.request(&[new], 1);
    foreign.payer.project_id = id::fresh();
    let refused = replace(split.hold_id, foreign).await.unwrap_err();
    assert!(matches!(refused, PlaceError::ReplacesAnother { .. }));
    let refused = replace(id::fresh(), desk.request(&[new], 1)).await.unwrap_err();
    assert!(matches!(refused, PlaceError::Release(ReleaseError::NoSuchHold(_))));
    desk.settle(split.hold_id, &[run_of(1)]).await.unwrap();
    let refused = replace(split.hold_id, desk.request(&[new], 1)).await.unwrap_err();
    assert!(matches!(refused, PlaceError::Release(ReleaseError::Hold(_))));
    desk.balances().await;
}
