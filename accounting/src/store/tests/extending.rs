//! Extending: more time at the hold's own price, given back if Slurm refuses it, charged like the
//! rest, and never more than the grants have, whoever wants the last seconds at the same time.

use chrono::TimeDelta;
use record::id;
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Desk, noon, run_of, seconds, stamp, usek};
use crate::{
    hold::{
        self, Extend, ExtendError, HoldExtended, HoldShortened, PlaceError, ReleaseReason,
        ShortenError,
    },
    ledger::{self, Mismatch, OpenGrant},
    rate_card,
};

impl Desk {
    fn more(&self, hold_id: Uuid, grant_ids: &[Uuid], gpu_seconds: i64) -> Extend {
        Extend {
            extension_id: id::fresh(),
            hold_id,
            gpu_seconds: seconds(gpu_seconds),
            grant_ids: grant_ids.to_vec(),
            expires_at: noon() + TimeDelta::days(8),
        }
    }

    async fn extend(&self, request: &Extend) -> Result<HoldExtended, ExtendError> {
        let mut tx = self.db.begin().await?;
        let extended = hold::extend(&mut tx, request, &stamp()).await?;
        tx.commit().await?;
        Ok(extended)
    }

    async fn shorten(&self, extension_id: Uuid) -> Result<HoldShortened, ShortenError> {
        let mut tx = self.db.begin().await?;
        let shortened = hold::shorten(&mut tx, extension_id, &stamp()).await?;
        tx.commit().await?;
        Ok(shortened)
    }
}

#[sqlx::test(migrations = false)]
async fn an_extended_hold_is_settled_as_a_whole(db: PgPool) {
    let desk = Desk::open(db).await;
    let (old, new) = (desk.grant(130, 130_000).await, desk.grant(1_000, 1_000_000).await);
    let hold_id = desk.hold(&[old, new], 100).await;

    let answer = desk.extend(&desk.more(hold_id, &[old, new], 50)).await.unwrap();

    assert_eq!(answer, HoldExtended { gpu_seconds: seconds(50), usek: usek(50_000) });
    let terms = hold::terms(&mut desk.db.acquire().await.unwrap(), hold_id).await.unwrap().unwrap();
    assert_eq!(terms.grant_ids, [old, new], "each once");
    assert_eq!(desk.time_of(old).await, [0, 130, 0, 0]);
    assert_eq!(desk.time_of(new).await, [980, 20, 0, 0]);
    desk.balances().await;

    let settled = desk.settle(hold_id, &[run_of(140)]).await.unwrap();

    assert_eq!((settled.gpu_seconds, settled.usek), (seconds(140), usek(140_000)));
    assert_eq!((settled.returned, settled.overrun), (seconds(10), seconds(0)));
    assert_eq!(desk.time_of(old).await, [0, 0, 130, 0]);
    assert_eq!(desk.time_of(new).await, [990, 0, 10, 0]);
    desk.balances().await;
    // What comes to light afterwards goes on from there.
    let late = desk.settle(hold_id, &[run_of(1_000)]).await.unwrap();
    assert_eq!((late.gpu_seconds, late.overrun), (seconds(1_130), seconds(10)));
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn an_extension_keeps_the_price_of_its_hold(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let mut tx = desk.db.begin().await.unwrap();
    let dear = super::card(noon(), 36_000_000);
    rate_card::publish(&mut tx, &dear, &stamp()).await.unwrap();
    tx.commit().await.unwrap();

    let answer = desk.extend(&desk.more(hold_id, &[grant_id], 10)).await.unwrap();

    assert_eq!(answer.usek, usek(10_000));
}

#[sqlx::test(migrations = false)]
async fn an_extension_that_slurm_refused_goes_back_whichever_came_after_it(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let (first, second) = (desk.more(hold_id, &[grant_id], 30), desk.more(hold_id, &[grant_id], 7));
    desk.extend(&first).await.unwrap();
    desk.extend(&second).await.unwrap();

    let answer = desk.shorten(first.extension_id).await.unwrap();

    assert_eq!(answer, HoldShortened { gpu_seconds: seconds(30), usek: usek(30_000) });
    assert_eq!(desk.shorten(first.extension_id).await.unwrap(), answer);
    assert_eq!(desk.time_of(grant_id).await, [893, 107, 0, 0]);
    desk.balances().await;
    let settled = desk.settle(hold_id, &[run_of(107)]).await.unwrap();
    assert_eq!((settled.returned, settled.overrun), (seconds(0), seconds(0)));
    // Closed: nothing of it can go back any more, and a repetition is answered as before.
    let closed = desk.shorten(second.extension_id).await.unwrap_err();
    assert_eq!(closed.code(), "shorten_hold_closed");
    assert_eq!(desk.shorten(first.extension_id).await.unwrap(), answer);
    let unknown = desk.shorten(id::fresh()).await.unwrap_err();
    assert_eq!(unknown.code(), "shorten_extension_unknown");
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn the_same_extension_again_changes_nothing_and_another_is_refused(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let request = desk.request(&[grant_id], 100);
    let placed = desk.place(&request).await.unwrap();
    let (hold_id, other_hold_id) = (request.hold_id, desk.hold(&[grant_id], 100).await);
    let more = desk.more(hold_id, &[grant_id], 30);
    let answer = desk.extend(&more).await.unwrap();

    assert_eq!(desk.extend(&more).await.unwrap(), answer);
    assert_eq!(desk.place(&request).await.unwrap(), placed, "answered as it was placed");
    let other = Extend { gpu_seconds: seconds(31), ..more.clone() };
    assert_eq!(desk.extend(&other).await.unwrap_err().code(), "extension_id_reused");
    let other = Extend { hold_id: other_hold_id, ..more.clone() };
    assert_eq!(desk.extend(&other).await.unwrap_err().code(), "extension_id_reused");
    desk.release(hold_id, ReleaseReason::Cancelled).await.unwrap();
    assert_eq!(desk.extend(&more).await.unwrap(), answer);
    let late = desk.more(hold_id, &[grant_id], 30);
    assert_eq!(desk.extend(&late).await.unwrap_err().code(), "extend_hold_closed");

    assert_eq!(desk.time_of(grant_id).await, [900, 100, 0, 0]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_extended_is_refused_by_name(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 105_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let (fund_id, pool_id, foreign) = (id::fresh(), id::fresh(), id::fresh());
    let mut tx = desk.db.begin().await.unwrap();
    ledger::open_fund(&mut tx, fund_id, usek(1_000_000), &stamp()).await.unwrap();
    ledger::open_pool(&mut tx, pool_id, seconds(1_000), &stamp()).await.unwrap();
    let (gpu_seconds, money) = (seconds(1_000), usek(1_000_000));
    let grant = OpenGrant { grant_id: foreign, pool_id, fund_id, gpu_seconds, usek: money };
    ledger::open_grant(&mut tx, &grant, &stamp()).await.unwrap();
    tx.commit().await.unwrap();
    let unknown = id::fresh();

    for (code, request) in [
        ("extend_no_grant", desk.more(hold_id, &[], 1)),
        ("extend_grant_unknown", desk.more(hold_id, &[unknown], 1)),
        ("extend_grant_named_twice", desk.more(hold_id, &[grant_id, grant_id], 1)),
        ("extend_nothing_wanted", desk.more(hold_id, &[grant_id], 0)),
        ("extend_hold_unknown", desk.more(unknown, &[grant_id], 1)),
        ("extend_not_enough_gpu_seconds", desk.more(hold_id, &[grant_id], 901)),
        ("extend_not_enough_money", desk.more(hold_id, &[grant_id], 6)),
        ("extend_funds_never_mix", desk.more(hold_id, &[foreign], 1)),
        (
            "extend_already_expired",
            Extend { expires_at: noon(), ..desk.more(hold_id, &[grant_id], 1) },
        ),
    ] {
        assert_eq!(desk.extend(&request).await.unwrap_err().code(), code);
    }

    assert_eq!(desk.count("extension").await, 0);
    desk.extend(&desk.more(hold_id, &[grant_id], 5)).await.unwrap();
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn an_extension_moves_the_end_of_its_hold_on(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let more = desk.more(hold_id, &[grant_id], 5);
    desk.extend(&more).await.unwrap();
    let mut tx = desk.db.acquire().await.unwrap();

    let placed_until = noon() + TimeDelta::days(7);
    assert_eq!(hold::expired(&mut tx, placed_until, None, 9).await.unwrap(), []);
    let open = hold::open_of(&mut tx, desk.payer.project_id).await.unwrap();
    assert_eq!(open[0].expires_at, more.expires_at);
    assert_eq!(hold::expired(&mut tx, more.expires_at, None, 9).await.unwrap().len(), 1);
    drop(tx);
    desk.shorten(more.extension_id).await.unwrap();
    let mut tx = desk.db.acquire().await.unwrap();
    assert_eq!(hold::expired(&mut tx, placed_until, None, 9).await.unwrap().len(), 1);
}

/// Places and extensions want the last seconds of a grant at the same time: 13 of 30 get some.
#[sqlx::test(migrations = false)]
async fn extensions_race_with_places_and_never_oversell(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(10 + 1_399, 1_000_000_000).await;
    let hold_id = desk.hold(&[grant_id], 10).await;

    let mut racers = JoinSet::new();
    for racer in 0..30 {
        let (desk, place) = (desk.clone(), desk.request(&[grant_id], 100));
        let more = desk.more(hold_id, &[grant_id], 100);
        racers.spawn(async move {
            if racer % 2 == 0 {
                match desk.place(&place).await {
                    Ok(_) => true,
                    Err(PlaceError::NotEnoughGpuSeconds { .. }) => false,
                    Err(error) => panic!("{error:?}"),
                }
            } else {
                match desk.extend(&more).await {
                    Ok(_) => true,
                    Err(ExtendError::NotEnoughGpuSeconds { .. }) => false,
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }

    let won = racers.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 13);
    assert_eq!(desk.time_of(grant_id).await, [99, 1_310, 0, 0]);
    desk.balances().await;
}

/// Ten times the same extension, at once with the settling of its hold: it counts once or not at all.
#[sqlx::test(migrations = false)]
async fn an_extension_races_with_the_end_of_its_hold(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let more = desk.more(hold_id, &[grant_id], 50);

    let mut racers = JoinSet::new();
    for _ in 0..10 {
        let (desk, more) = (desk.clone(), more.clone());
        racers.spawn(async move {
            match desk.extend(&more).await {
                Ok(_) | Err(ExtendError::Closed(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let settling = {
        let desk = desk.clone();
        tokio::spawn(async move { desk.settle(hold_id, &[run_of(120)]).await.unwrap() })
    };
    racers.join_all().await;
    let settled = settling.await.unwrap();

    assert_eq!(settled.gpu_seconds, seconds(120));
    assert!(desk.count("extension").await <= 1);
    assert_eq!(desk.time_of(grant_id).await, [880, 0, 120, 0]);
    desk.balances().await;
}

/// At a price that never comes out even, an extended hold pays for all its time, whichever
/// extension went back.
#[sqlx::test(migrations = false)]
async fn an_extended_hold_never_costs_more_than_it_holds(db: PgPool) {
    let desk = Desk::open(db).await;
    let mut tx = desk.db.begin().await.unwrap();
    let odd = super::card(noon(), 1_700); // 17/36 µSEK a second.
    rate_card::publish(&mut tx, &odd, &stamp()).await.unwrap();
    tx.commit().await.unwrap();
    let grant_id = desk.grant(100, 100).await;
    let mut request = desk.request(&[grant_id], 3);
    request.rate_id = odd.rates[0].rate_id;
    desk.place(&request).await.unwrap();
    let mores: Vec<_> = (0..4).map(|_| desk.more(request.hold_id, &[grant_id], 1)).collect();
    for more in &mores {
        desk.extend(more).await.unwrap();
    }
    desk.shorten(mores[1].extension_id).await.unwrap();
    let [available, held, ..] = desk.money_of(grant_id).await;

    let runs: Vec<_> = (0..6).map(|_| run_of(1)).collect();
    let settled = desk.settle(request.hold_id, &runs).await.unwrap();

    assert_eq!((settled.overrun, settled.gpu_seconds), (seconds(0), seconds(6)));
    assert_eq!(settled.usek, usek(3)); // 6 × 17/36, half up.
    assert!(settled.usek.get() <= held, "{held} held");
    assert_eq!(desk.money_of(grant_id).await[0], available + held - 3);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_hold_that_says_more_than_its_parts_is_found(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    desk.extend(&desk.more(hold_id, &[grant_id], 5)).await.unwrap();
    desk.balances().await;

    sqlx::query("update accounting.hold set extended_gpu_seconds = 6")
        .execute(&desk.db)
        .await
        .unwrap();

    let found = ledger::verify(&desk.db).await.unwrap();
    let [imbalance] = &found[..] else { panic!("{found:?}") };
    assert_eq!(imbalance.mismatch, Mismatch::HoldParts);
    assert_eq!((imbalance.recorded, imbalance.recomputed), (Some(106), 105));
}
