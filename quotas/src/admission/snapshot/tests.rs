//! The snapshot against a database: it knows enough to admit, and what was decided stays.

use accounting::{
    hold::{self, Payer, Place},
    rate_card::{NewRate, NewRateCard},
};
use record::{GpuSeconds, MicroSek, id};
use sqlx::PgPool;

use super::*;
use crate::{
    admission::{Ask, Reason, decide},
    decision::{self, Approve},
    fixture::{Site, by, day, now},
    pool::AllocationUnit,
    request::{self, NewRequest},
};

mod bounds;

/// A site with a grant, a permit for its member, and a price.
async fn granted(db: &PgPool) -> (Site, StagedDataset) {
    let site = Site::lay_out(db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    // What follows is done with the rights that the programs have.
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    decision::approve(&mut tx, &site.approval(), &by(site.decider)).await.unwrap();
    let permit = site.new_permit();
    permit::record(&mut tx, &permit, &by(site.controller)).await.unwrap();
    let card = NewRateCard {
        rate_card_id: id::fresh(),
        name: "2027".to_owned(),
        valid_from: day(1, 1),
        valid_until: None,
        charges_node_failure: false,
        rates: vec![NewRate {
            rate_id: id::fresh(),
            class: "h200".to_owned(),
            partition: "confidential".to_owned(),
            category: "any".to_owned(),
            price_usek_per_gpu_hour: 25_000_000,
            factor_ppm: 1_000_000,
        }],
    };
    rate_card::publish(&mut tx, &card, &by(site.operator)).await.unwrap();
    tx.commit().await.unwrap();
    let staged = StagedDataset {
        permit_id: permit.permit_id,
        dataset: "stroke-register".to_owned(),
        environment: Some("MONA".to_owned()),
    };
    (site, staged)
}

fn ask(person_id: Uuid) -> Ask {
    let class = "h200".to_owned();
    Ask {
        person_id,
        gpu_count: 2,
        wall_time_s: 3_600,
        task_count: 1,
        tasks_at_once: None,
        class,
        now: now(),
    }
}

#[sqlx::test(migrations = false)]
async fn what_the_database_knows_is_enough_to_admit(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    let taken = snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
    let admitted = decide(&ask(site.member), &taken).unwrap();
    assert_eq!(admitted.gpu_seconds.get(), 2 * 3_660);
    assert_eq!(admitted.usek.get(), 50_833_333); // 7 320 s × 25 SEK / 3 600, half up.
    assert_eq!(admitted.pool.pool_id, site.pool_id);
    assert_eq!(admitted.deadline, day(9, 30));
}

/// The decision and the ledger must cut the same hold the same way.
#[sqlx::test(migrations = false)]
async fn the_ledger_places_just_what_was_admitted(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    let second = NewRequest { request_id: id::fresh(), ..site.new_request() };
    request::submit(&mut tx, &second, &by(site.requester)).await.unwrap();
    let mut small = Approve { request_id: second.request_id, ..site.approval() };
    small.grant.gpu_seconds = GpuSeconds::new(1_001).unwrap();
    small.grant.usek = MicroSek::new(5_000_001).unwrap();
    small.grant.valid_until = day(8, 1);
    decision::approve(&mut tx, &small, &by(site.decider)).await.unwrap();

    let taken = snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
    let admitted = decide(&ask(site.member), &taken).unwrap();
    assert_eq!(admitted.grant_ids.len(), 2);
    assert_eq!(admitted.grant_ids[0], small.grant.grant_id, "the oldest expiry burns first");
    let place = Place {
        hold_id: id::fresh(),
        attempt_id: id::fresh(),
        payer: Payer { agency_id: site.agency_id, project_id: site.project_id },
        grant_ids: admitted.grant_ids.clone(),
        gpu_seconds: admitted.gpu_seconds,
        rate_id: admitted.rate_id,
        expires_at: admitted.deadline,
    };
    let placed = hold::place(&mut tx, &place, &by(site.member)).await.unwrap();
    assert_eq!(placed.usek, admitted.usek);
    let parts: Vec<Uuid> = placed.parts.iter().map(|part| part.grant_id).collect();
    assert_eq!(parts, admitted.grant_ids);
}

#[sqlx::test(migrations = false)]
async fn a_revocation_shows_in_the_next_snapshot(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    permit::revoke(&mut tx, staged.permit_id, &by(site.controller)).await.unwrap();
    let taken = snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
    let refusal = decide(&ask(site.member), &taken).unwrap_err();
    assert!(matches!(refusal.reasons[..], [Reason::PermitRevoked { .. }]));
}

#[sqlx::test(migrations = false)]
async fn strangers_and_unknown_projects_are_told_apart(db: PgPool) {
    let (site, _) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    let stranger = id::fresh();
    let taken = snapshot(&mut tx, site.project_id, stranger, &[], now()).await.unwrap();
    let refusal = decide(&ask(stranger), &taken).unwrap_err();
    assert_eq!(refusal.reasons, [Reason::NotAMember]);
    let taken = snapshot(&mut tx, Uuid::nil(), stranger, &[], now()).await.unwrap();
    let refusal = decide(&ask(stranger), &taken).unwrap_err();
    assert_eq!(refusal.reasons, [Reason::UnknownProject]);
}

#[sqlx::test(migrations = false)]
async fn a_day_without_a_rate_card_is_a_reason_not_a_failure(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    let before = "2026-12-31T12:00:00Z".parse().unwrap();
    let taken = snapshot(&mut tx, site.project_id, site.member, &[staged], before).await.unwrap();
    let refusal = decide(&ask(site.member), &taken).unwrap_err();
    assert!(matches!(refusal.reasons[..], [Reason::NoPrice { .. }]));
}

#[sqlx::test(migrations = false)]
async fn the_application_cannot_change_what_was_decided(db: PgPool) {
    let (_, _) = granted(&db).await;
    let changes = [
        "update quotas.grant set max_gpus = 8",
        "delete from quotas.grant",
        "update quotas.fund set valid_until = valid_until + interval '1 year'",
        "update quotas.decision set decided_by = gen_random_uuid()",
        "delete from quotas.permit_revocation",
        "update quotas.permit set person_ids = '{}'",
        "update quotas.project_member set person_id = gen_random_uuid()",
    ];
    for change in changes {
        let mut tx = db.begin().await.unwrap();
        sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
        let refused = sqlx::query(change).execute(&mut *tx).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("42501"), "{change}"); // insufficient_privilege
    }
}

#[sqlx::test(migrations = false)]
async fn the_category_picks_the_price(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    let rate = |category: &str, kronor: i64| NewRate {
        rate_id: id::fresh(),
        class: "h200".to_owned(),
        partition: "confidential".to_owned(),
        category: category.to_owned(),
        price_usek_per_gpu_hour: kronor * MicroSek::KRONA.get(),
        factor_ppm: 1_000_000,
    };
    let card = NewRateCard {
        rate_card_id: id::fresh(),
        name: "By category".to_owned(),
        valid_from: day(1, 1),
        valid_until: None,
        charges_node_failure: false,
        rates: vec![rate("sme", 90), rate("public_body", 10), rate("academia", 5)],
    };
    rate_card::publish(&mut tx, &card, &by(site.operator)).await.unwrap();
    let taken = snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
    assert_eq!(taken.project.as_ref().unwrap().category, Category::PublicBody);
    let admitted = decide(&ask(site.member), &taken).unwrap();
    assert_eq!(admitted.rate_id, card.rates[1].rate_id);
    // The words of the rate cards are those of the agencies.
    for category in [Category::PublicBody, Category::Sme, Category::Academia] {
        assert_eq!(serde_json::to_value(category).unwrap(), word(category));
    }
}

#[sqlx::test(migrations = false)]
async fn a_grant_that_has_ended_is_known_to_have_ended(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    let second = NewRequest { request_id: id::fresh(), ..site.new_request() };
    request::submit(&mut tx, &second, &by(site.requester)).await.unwrap();
    let mut later = Approve { request_id: second.request_id, ..site.approval() };
    later.decision_id = id::fresh();
    later.grant.valid_from = day(8, 1);
    decision::approve(&mut tx, &later, &by(site.decider)).await.unwrap();
    let first: Uuid = sqlx::query_scalar("select grant_id from quotas.grant where valid_from < $1")
        .bind(day(8, 1))
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    sqlx::query("insert into quotas.grant_end values ($1, 'superseded', $2, $3)")
        .bind(first)
        .bind(later.grant.grant_id)
        .bind(now())
        .execute(&mut *tx)
        .await
        .unwrap();
    let taken = snapshot(&mut tx, site.project_id, site.member, &[staged], now()).await.unwrap();
    let ended: Vec<_> =
        taken.grants.iter().map(|grant| (grant.grant_id, grant.superseded_at)).collect();
    assert!(ended.contains(&(first, Some(now()))) && ended.contains(&(later.grant.grant_id, None)));
    let refusal = decide(&ask(site.member), &taken).unwrap_err();
    assert_eq!(refusal.reasons, [Reason::GrantNotYetValid { begins_at: day(8, 1) }]);
}

#[sqlx::test(migrations = false)]
async fn the_unit_of_a_pool_is_read_as_it_was_laid_out(db: PgPool) {
    let (site, staged) = granted(&db).await;
    let mut tx = db.begin().await.unwrap();
    for (kind, share_ppm, unit) in [
        ("mig_instance", Some(142_857_i64), AllocationUnit::MigInstance { share_ppm: 142_857 }),
        ("node", None, AllocationUnit::Node),
        ("gpu", None, AllocationUnit::Gpu),
    ] {
        sqlx::query(
            "update quotas.pool set unit = $1::quotas.allocation_unit, unit_share_ppm = $2",
        )
        .bind(kind)
        .bind(share_ppm)
        .execute(&mut *tx)
        .await
        .unwrap();
        let staged = std::slice::from_ref(&staged);
        let taken = snapshot(&mut tx, site.project_id, site.member, staged, now()).await.unwrap();
        assert_eq!(taken.grants[0].pool.unit, unit);
    }
}

/// Statements that this connection has executed.
async fn statement_count(tx: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select coalesce(sum(generic_plans + custom_plans), 0)::bigint from pg_prepared_statements",
    )
    .fetch_one(tx)
    .await
    .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_snapshot_takes_four_round_trips_however_many_grants_there_are(db: PgPool) {
    let (site, staged) = granted(&db).await;
    for grant_count in 1..=4 {
        let mut tx = db.begin().await.unwrap();
        let before = statement_count(&mut tx).await;
        let staged = std::slice::from_ref(&staged);
        let taken = snapshot(&mut tx, site.project_id, site.member, staged, now()).await.unwrap();
        assert_eq!(taken.grants.len(), grant_count);
        // One of them is the count itself.
        assert_eq!(statement_count(&mut tx).await - before - 1, 4);

        let more = NewRequest { request_id: id::fresh(), ..site.new_request() };
        request::submit(&mut tx, &more, &by(site.requester)).await.unwrap();
        let mut small = Approve { request_id: more.request_id, ..site.approval() };
        small.grant.gpu_seconds = GpuSeconds::new(1_001).unwrap();
        small.grant.usek = MicroSek::KRONA;
        decision::approve(&mut tx, &small, &by(site.decider)).await.unwrap();
        tx.commit().await.unwrap();
    }
}
