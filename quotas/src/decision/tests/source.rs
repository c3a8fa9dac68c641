//! What a grant may be drawn from, and for how long.

use super::*;
use crate::{
    access_mode::{self, NewAccessMode},
    agency_share::{self, NewAgencyShare},
};

#[sqlx::test(migrations = false)]
async fn funds_never_mix(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let research =
        NewFund { fund_id: id::fresh(), purpose: FundPurpose::Research, ..site.new_fund() };
    let pool = NewPool { pool_id: id::fresh(), fund_id: research.fund_id, ..site.new_pool() };
    fund::create(&mut tx, &research, &by(site.operator)).await.unwrap();
    pool::create(&mut tx, &pool, &by(site.operator)).await.unwrap();
    let approval = with_grant(&site, |grant| grant.pool_id = pool.pool_id);
    let refused = approve_as_decider(&mut tx, &approval).await;
    assert!(matches!(
        refused,
        Err(DecideError::FundsNeverMix { fund_purpose: FundPurpose::Research, .. })
    ));
}

#[sqlx::test(migrations = false)]
async fn a_public_sector_fund_pays_for_no_university(db: PgPool) {
    let site = Site::lay_out(&db, Category::Academia).await;
    let mut tx = db.begin().await.unwrap();
    let refused = approve_as_decider(&mut tx, &site.approval()).await;
    assert!(matches!(
        refused,
        Err(DecideError::FundsNeverMix { category: Category::Academia, .. })
    ));
}

#[sqlx::test(migrations = false)]
async fn an_enterprise_draws_on_a_fund_for_innovation_only(db: PgPool) {
    let site = Site::lay_out(&db, Category::Sme).await;
    let mut tx = db.begin().await.unwrap();
    let refused = approve_as_decider(&mut tx, &site.approval()).await;
    assert!(matches!(refused, Err(DecideError::FundsNeverMix { category: Category::Sme, .. })));
    let innovation =
        NewFund { fund_id: id::fresh(), purpose: FundPurpose::Innovation, ..site.new_fund() };
    let pool = NewPool { pool_id: id::fresh(), fund_id: innovation.fund_id, ..site.new_pool() };
    fund::create(&mut tx, &innovation, &by(site.operator)).await.unwrap();
    pool::create(&mut tx, &pool, &by(site.operator)).await.unwrap();
    let approval = with_grant(&site, |grant| grant.pool_id = pool.pool_id);
    approve_as_decider(&mut tx, &approval).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn the_agencys_share_of_the_pool_bounds_every_grant(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let Site { pool_id, agency_id, .. } = site;
    let share = |hours: i64| NewAgencyShare {
        agency_share_id: id::fresh(),
        pool_id,
        agency_id,
        gpu_seconds: GpuSeconds::new(hours * 3_600).unwrap(),
    };
    agency_share::set(&mut tx, &share(99), &by(site.operator)).await.unwrap();
    let refused = approve_as_decider(&mut tx, &site.approval()).await;
    assert!(matches!(refused, Err(DecideError::AgencyShareExhausted { .. })));
    agency_share::set(&mut tx, &share(100), &by(site.operator)).await.unwrap();
    approve_as_decider(&mut tx, &site.approval()).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_grant_keeps_the_access_mode_of_its_request(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let mode = NewAccessMode {
        access_mode_id: id::fresh(),
        fund_id: site.fund_id,
        name: "short".to_owned(),
        min_gpu_seconds: GpuSeconds::new(1).unwrap(),
        max_gpu_seconds: GpuSeconds::new(100 * 3_600).unwrap(),
        max_days: 91,
    };
    access_mode::create(&mut tx, &mode, &by(site.operator)).await.unwrap();
    let (request_id, access_mode_id) = (id::fresh(), Some(mode.access_mode_id));
    let asked = NewRequest { request_id, access_mode_id, ..site.new_request() };
    request::submit(&mut tx, &asked, &by(site.requester)).await.unwrap();

    let try_with = |change: fn(&mut NewGrant)| Approve { request_id, ..with_grant(&site, change) };
    let longer = try_with(|grant| grant.valid_until = day(10, 1));
    let more = try_with(|grant| grant.gpu_seconds = GpuSeconds::new(100 * 3_600 + 1).unwrap());
    for beyond in [longer, more] {
        let refused = approve_as_decider(&mut tx, &beyond).await;
        assert!(matches!(refused, Err(DecideError::BeyondAccessMode { max_days: 91, .. })));
    }
    let fund = NewFund { fund_id: id::fresh(), ..site.new_fund() };
    let pool = NewPool { pool_id: id::fresh(), fund_id: fund.fund_id, ..site.new_pool() };
    fund::create(&mut tx, &fund, &by(site.operator)).await.unwrap();
    pool::create(&mut tx, &pool, &by(site.operator)).await.unwrap();
    let mut elsewhere = try_with(|_| {});
    elsewhere.grant.pool_id = pool.pool_id;
    let refused = approve_as_decider(&mut tx, &elsewhere).await;
    assert!(matches!(refused, Err(DecideError::AccessModeOfAnotherFund { .. })));
    approve_as_decider(&mut tx, &try_with(|_| {})).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn class_differs(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let other = NewPool { pool_id: id::fresh(), class: "a100".to_owned(), ..site.new_pool() };
    pool::create(&mut tx, &other, &by(site.operator)).await.unwrap();
    let approval = with_grant(&site, |grant| grant.pool_id = other.pool_id);
    let refused = approve_as_decider(&mut tx, &approval).await;
    assert!(matches!(refused, Err(DecideError::ClassDiffers { .. })));
}

#[sqlx::test(migrations = false)]
async fn partition_not_confidential(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let open = NewPool { pool_id: id::fresh(), partition: "gpu".to_owned(), ..site.new_pool() };
    pool::create(&mut tx, &open, &by(site.operator)).await.unwrap();
    let approval = with_grant(&site, |grant| grant.pool_id = open.pool_id);
    let refused = approve_as_decider(&mut tx, &approval).await;
    assert!(matches!(refused, Err(DecideError::PartitionNotConfidential { .. })));
}

#[sqlx::test(migrations = false)]
async fn grant_window_backward_or_over(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let backward = with_grant(&site, |grant| grant.valid_until = grant.valid_from);
    let over = with_grant(&site, |grant| {
        (grant.valid_from, grant.valid_until) = (day(5, 1), now());
    });
    for approval in [backward, over] {
        let refused = approve_as_decider(&mut tx, &approval).await;
        assert!(matches!(refused, Err(DecideError::GrantWindowBackward { .. })));
    }
}

#[sqlx::test(migrations = false)]
async fn nothing_is_granted_before_the_environment_opens(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let early = with_grant(&site, |grant| grant.valid_from = day(2, 15));
    let refused = approve_as_decider(&mut tx, &early).await;
    assert!(matches!(
        refused,
        Err(DecideError::BeforeThePoolsStart { opens_at, .. }) if opens_at == day(3, 1)
    ));
}

#[sqlx::test(migrations = false)]
async fn nothing_is_granted_past_the_pools_or_the_funds_end(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let late = with_grant(&site, |grant| grant.valid_until = day(12, 1));
    let refused = approve_as_decider(&mut tx, &late).await;
    assert!(matches!(refused, Err(DecideError::PastThePoolsEnd { .. })));
    let later =
        with_grant(&site, |grant| grant.valid_until = day(12, 31) + chrono::TimeDelta::seconds(1));
    let refused = approve_as_decider(&mut tx, &later).await;
    assert!(matches!(refused, Err(DecideError::PastTheFundsEnd { .. })));
}

#[sqlx::test(migrations = false)]
async fn grant_empty(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let empty: [fn(&mut NewGrant); 4] = [
        |grant| grant.gpu_seconds = GpuSeconds::ZERO,
        |grant| grant.usek = MicroSek::ZERO,
        |grant| grant.max_wall_time_s = 0,
        |grant| grant.max_gpus = 0,
    ];
    for change in empty {
        let refused = approve_as_decider(&mut tx, &with_grant(&site, change)).await;
        assert!(matches!(refused, Err(DecideError::GrantEmpty(_))));
    }
}

#[sqlx::test(migrations = false)]
async fn pool_exhausted_and_nothing_half_done_remains(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let wanted = GpuSeconds::new(1_000 * 3_600 + 1).unwrap();
    let refused =
        approve_as_decider(&mut tx, &with_grant(&site, |grant| grant.gpu_seconds = wanted)).await;
    assert!(
        matches!(refused, Err(DecideError::PoolExhausted { wanted: told, .. }) if told == wanted)
    );
    tx.rollback().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let request = request::by_id(&mut tx, site.request_id).await.unwrap().unwrap();
    assert_eq!(request.state, RequestState::Open);
}

#[sqlx::test(migrations = false)]
async fn fund_exhausted(db: PgPool) {
    let (site, mut tx) = site(&db).await;
    let wanted = MicroSek::new(1_000 * MicroSek::KRONA.get() + 1).unwrap();
    let refused =
        approve_as_decider(&mut tx, &with_grant(&site, |grant| grant.usek = wanted)).await;
    assert!(
        matches!(refused, Err(DecideError::FundExhausted { wanted: told, .. }) if told == wanted)
    );
}
