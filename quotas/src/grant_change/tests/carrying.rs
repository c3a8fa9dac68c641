//! Carrying over what expired, by the fund's own rule.

use super::*;

/// A fund that carries over a third, a grant of it that ends in August and one that lasts.
async fn of_a_third(
    db: &PgPool,
) -> (Site, Grant, Grant, sqlx::Transaction<'static, sqlx::Postgres>) {
    let laid_out = Site::lay_out(db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let site = Site { fund_id: id::fresh(), pool_id: id::fresh(), ..laid_out };
    let fund = NewFund { carry_over_ppm: 333_333, ..site.new_fund() };
    fund::create(&mut tx, &fund, &by(site.operator)).await.unwrap();
    pool::create(&mut tx, &site.new_pool(), &by(site.operator)).await.unwrap();
    let short = site.granted(&mut tx, |grant| grant.valid_until = day(8, 1)).await;
    let long = site.granted(&mut tx, |_| {}).await;
    (site, short, long, tx)
}

/// The first of August has come.
async fn august(tx: &mut PgConnection) -> Stamp<'static> {
    expire_due(tx, day(8, 1), 100, &keeper_at(day(8, 1))).await.unwrap();
    keeper_at(day(8, 1))
}

fn decider_in_august(site: &Site) -> Stamp<'static> {
    Stamp { now: day(8, 1), ..by(site.decider) }
}

#[sqlx::test(migrations = false)]
async fn the_rules_part_of_what_expired_is_carried_over_once(db: PgPool) {
    let (site, short, long, mut tx) = of_a_third(&db).await;
    august(&mut tx).await;
    let stamp = decider_in_august(&site);
    let asked = carried(&site, short.grant_id, long.grant_id);
    let change = carry_over(&mut tx, &asked, &stamp).await.unwrap();
    assert_eq!(change.kind, ChangeKind::CarriedOver);
    assert_eq!(change.gpu_seconds.get(), 100 * 3_600 * 333_333 / 1_000_000);
    assert_eq!(change.usek.get(), 200 * 333_333);
    assert_eq!(carry_over(&mut tx, &asked, &stamp).await.unwrap(), change);
    let after = balance(&mut tx, long.grant_id).await;
    assert_eq!(Some(after.granted), hours(100).checked_add(change.gpu_seconds));
    let told = trail(&mut tx, long.grant_id).await;
    assert!(told.contains(&"ledger.carry_over".to_owned()), "an entry of its own: {told:?}");

    let again = carried(&site, short.grant_id, long.grant_id);
    let refused = carry_over(&mut tx, &again, &stamp).await;
    assert!(matches!(
        refused,
        Err(ChangeError::AlreadyCarriedOver { change_id, .. }) if change_id == asked.change_id
    ));
}

#[sqlx::test(migrations = false)]
async fn a_fund_without_a_rule_carries_nothing_over(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let short = site.granted(&mut tx, |grant| grant.valid_until = day(8, 1)).await;
    let long = site.granted(&mut tx, |_| {}).await;
    august(&mut tx).await;
    let asked = carried(&site, short.grant_id, long.grant_id);
    let refused = carry_over(&mut tx, &asked, &decider_in_august(&site)).await;
    assert!(matches!(refused, Err(ChangeError::CarryOverNotAllowed { .. })));
}

#[sqlx::test(migrations = false)]
async fn only_what_expired_is_carried_over(db: PgPool) {
    let (site, short, long, mut tx) = of_a_third(&db).await;
    let stamp = by(site.decider);
    let early = carried(&site, short.grant_id, long.grant_id);
    let refused = carry_over(&mut tx, &early, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::NotExpired(_))));
    let asked = replaced(&site, short.grant_id, long.grant_id);
    supersede(&mut tx, &asked, &stamp).await.unwrap();
    august(&mut tx).await;
    let refused = carry_over(&mut tx, &early, &decider_in_august(&site)).await;
    assert!(matches!(refused, Err(ChangeError::NotExpired(_))), "it was replaced");
}

#[sqlx::test(migrations = false)]
async fn nothing_left_is_nothing_to_carry_over(db: PgPool) {
    let (site, short, long, mut tx) = of_a_third(&db).await;
    let (gpu_seconds, usek) = (short.gpu_seconds, short.usek);
    let all = GiveBack { gpu_seconds, usek, ..ten_back(short.grant_id) };
    give_back(&mut tx, &all, &by(site.member)).await.unwrap();
    august(&mut tx).await;
    let asked = carried(&site, short.grant_id, long.grant_id);
    let refused = carry_over(&mut tx, &asked, &decider_in_august(&site)).await;
    assert!(matches!(refused, Err(ChangeError::NothingToCarryOver(_))));
}

#[sqlx::test(migrations = false)]
async fn time_is_carried_over_within_one_project_and_fund(db: PgPool) {
    let (site, short, _, mut tx) = of_a_third(&db).await;
    let other = site.beside(&mut tx).await;
    let theirs =
        other.granted(&mut tx, |grant| (grant.pool_id, grant.usek) = (site.pool_id, sek(1))).await;
    let foreign = other_fund(&mut tx, &site).await;
    let elsewhere = site.granted(&mut tx, |grant| grant.pool_id = foreign).await;
    august(&mut tx).await;
    let stamp = decider_in_august(&site);
    let asked = carried(&site, short.grant_id, theirs.grant_id);
    let refused = carry_over(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::ProjectDiffers { .. })));
    let asked = carried(&site, short.grant_id, elsewhere.grant_id);
    let refused = carry_over(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::FundsNeverMix { .. })));
    let asked = carried(&site, short.grant_id, short.grant_id);
    let refused = carry_over(&mut tx, &asked, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::SameGrant { .. })));
}
