//! Charges and the drafts made of them.

use chrono::TimeDelta;
use record::{MicroSek, Month};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Desk, card, noon, run_of, seconds, stamp, usek};
use crate::{
    charge::{self, ChargeFilter},
    hold::NewRun,
    invoice, rate_card,
};

fn march() -> Month {
    Month::of(noon())
}

/// Places a hold at a rate and settles it with one run of its whole time.
async fn job(desk: &Desk, grant_id: Uuid, rate_id: Uuid, run: NewRun) {
    let mut request = desk.request(&[grant_id], run.gpu_seconds.get());
    request.rate_id = rate_id;
    desk.place(&request).await.unwrap();
    desk.settle(request.hold_id, &[run]).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_line_is_rounded_once_and_its_runs_share_it(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(100_000, 1_000_000_000).await;
    for _ in 0..3 {
        // 1 111 seconds at 1 000 µSEK are 111.1 öre; three of them 333.3.
        job(&desk, grant_id, desk.rate_id, run_of(1_111)).await;
    }
    let mut tx = desk.db.begin().await.unwrap();

    let draft = invoice::draft(&mut tx, desk.payer.agency_id, march()).await.unwrap();

    let [line] = &draft.lines[..] else { panic!("{draft:?}") };
    assert_eq!((line.ore, line.run_count, line.gpu_seconds), (333, 3, seconds(3_333)));
    assert_eq!((line.price, line.factor_ppm), (3_600_000, 1_000_000));
    assert_eq!(draft.total_ore, 333);
    // The ledger says 3 333 000 µSEK, the paper 3 330 000.
    assert_eq!(draft.rounding_usek, -3_000);
    let shares: i64 = line.shares.iter().map(|share| share.usek.get()).sum();
    assert_eq!(shares, 333 * MicroSek::ORE.get());
    assert!(line.shares.iter().all(|share| share.usek == usek(1_110_000)));
}

#[sqlx::test(migrations = false)]
async fn a_line_has_one_price(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(100_000, 10_000_000_000).await;
    let dearer = card(noon() - TimeDelta::days(1), 25_000_000);
    let mut tx = desk.db.begin().await.unwrap();
    rate_card::publish(&mut tx, &dearer, &stamp()).await.unwrap();
    tx.commit().await.unwrap();
    job(&desk, grant_id, desk.rate_id, run_of(3_600)).await;
    job(&desk, grant_id, dearer.rates[0].rate_id, run_of(3_600)).await;
    let mut tx = desk.db.begin().await.unwrap();

    let draft = invoice::draft(&mut tx, desk.payer.agency_id, march()).await.unwrap();

    let mut prices: Vec<_> = draft.lines.iter().map(|line| (line.price, line.ore)).collect();
    prices.sort_unstable();
    assert_eq!(prices, [(3_600_000, 360), (25_000_000, 2_500)]);
    assert_eq!((draft.total_ore, draft.rounding_usek), (2_860, 0));
}

#[sqlx::test(migrations = false)]
async fn a_run_over_two_grants_is_one_run_on_the_line(db: PgPool) {
    let desk = Desk::open(db).await;
    let (old, new) = (desk.grant(100, 100_000).await, desk.grant(1_000, 1_000_000).await);
    let hold_id = desk.hold(&[old, new], 150).await;
    desk.settle(hold_id, &[run_of(150)]).await.unwrap();
    let mut tx = desk.db.begin().await.unwrap();

    let draft = invoice::draft(&mut tx, desk.payer.agency_id, march()).await.unwrap();

    assert_eq!(draft.lines[0].run_count, 1);
    assert_eq!(draft.lines[0].gpu_seconds, seconds(150));
}

#[sqlx::test(migrations = false)]
async fn a_charge_belongs_to_the_month_its_run_ended_in_stockholm(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let mut at_midnight = run_of(60);
    // Half past eleven in the evening by UTC is April in Stockholm.
    at_midnight.ended_at = "2027-03-31T22:30:00Z".parse().unwrap();
    job(&desk, grant_id, desk.rate_id, at_midnight).await;
    job(&desk, grant_id, desk.rate_id, run_of(60)).await;
    let mut tx = desk.db.begin().await.unwrap();
    let (agency_id, project_id) = (desk.payer.agency_id, desk.payer.project_id);

    let march_draft = invoice::draft(&mut tx, agency_id, march()).await.unwrap();
    let april_draft = invoice::draft(&mut tx, agency_id, march().next()).await.unwrap();
    assert_eq!((march_draft.lines[0].run_count, april_draft.lines[0].run_count), (1, 1));

    let everything = charge::charges(&mut tx, ChargeFilter::default()).await.unwrap();
    assert_eq!(everything.len(), 2);
    let filter = ChargeFilter { project_id: Some(project_id), ..ChargeFilter::default() };
    assert_eq!(charge::charges(&mut tx, filter).await.unwrap(), everything);
    let filter = ChargeFilter { month: Some(march()), ..ChargeFilter::default() };
    let of_march = charge::charges(&mut tx, filter).await.unwrap();
    assert_eq!(of_march.len(), 1);
    assert_eq!(serde_json::to_value(&of_march[0]).unwrap()["month"], "2027-03");
    let filter = ChargeFilter { agency_id: Some(project_id), ..ChargeFilter::default() };
    assert_eq!(charge::charges(&mut tx, filter).await.unwrap(), []);
}

#[sqlx::test(migrations = false)]
async fn an_agency_that_ran_nothing_owes_nothing(db: PgPool) {
    let desk = Desk::open(db).await;
    let mut tx = desk.db.begin().await.unwrap();
    let draft = invoice::draft(&mut tx, desk.payer.agency_id, march()).await.unwrap();
    assert_eq!((draft.lines.len(), draft.total_ore, draft.rounding_usek), (0, 0, 0));
}
