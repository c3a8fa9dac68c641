//! The read queries against a real PostgreSQL, on one small installation.

mod site;
mod tree;

use chrono::TimeDelta;
use dashboards::{
    Frame, page,
    read::{
        self, Reader,
        home::ReadHome,
        operator::{Exception, ReadOperator, SettingsCheck},
    },
};
use record::{GpuSeconds, Month};
use site::{Site, at, gpu_seconds, usek};
use sqlx::PgPool;
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn the_job_page_follows_the_job_from_plan_to_charge(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::job::read(&mut tx, site.job_plan_id, Reader::Member, site.now)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(view.name.as_deref(), Some("train"));
    assert!(view.script.as_deref().unwrap().contains("srun"));
    assert!(view.project.confidential);
    assert_eq!(view.links[0].state, "verified");
    let attempt = &view.attempts[0];
    assert_eq!((attempt.slurm_job_id, attempt.state.as_str()), (500_001, "settled"));
    let hold = attempt.hold.as_ref().unwrap();
    assert_eq!(hold.gpu_seconds, gpu_seconds(7_320));
    assert_eq!(hold.price_usek_per_gpu_hour, usek(36_000_000));
    // 2 GPUs × 1 800 s at 36 kr an hour and factor 1.
    assert_eq!(attempt.runs[0].charged, gpu_seconds(3_600));
    assert_eq!(view.charged(), (gpu_seconds(3_600), usek(36_000_000)));
}

#[sqlx::test(migrations = false)]
async fn an_outsider_gets_neither_script_nor_names_from_the_database(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let outsider = Reader::Outsider;
    let job =
        read::job::read(&mut tx, site.job_plan_id, outsider, site.now).await.unwrap().unwrap();
    assert_eq!((job.name, job.script), (None, None));
    let project = read::project::read(&mut tx, site.project_id, outsider, site.now).await.unwrap();
    assert_eq!(project.unwrap().jobs[0].name, None);
}

#[sqlx::test(migrations = false)]
async fn what_does_not_exist_is_none(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let nobody = Uuid::from_u128(404);
    let job = read::job::read(&mut tx, nobody, Reader::Member, site.now).await.unwrap();
    let project = read::project::read(&mut tx, nobody, Reader::Member, site.now).await.unwrap();
    assert_eq!((job, project), (None, None));
}

#[sqlx::test(migrations = false)]
async fn segments_count_in_proportion_to_their_time_inside_the_assignment(db: PgPool) {
    let site = Site::open(db).await;
    let on = site.started_at;
    // GPU 0: half of this minute lies before the start. GPU 1: idle all the time.
    site.segment(0, on - TimeDelta::seconds(30), Some((60_000, 6_000_000))).await;
    site.segment(0, on + TimeDelta::seconds(30), Some((60_000, 6_000_000))).await;
    site.segment(1, on, Some((30_000, 0))).await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::job::read(&mut tx, site.job_plan_id, Reader::Member, site.now)
        .await
        .unwrap()
        .unwrap();
    let metered = &view.attempts[0].metered;

    assert_eq!(metered.assigned_ms, 2 * 1_800_000);
    assert_eq!(metered.segment_count, 3);
    assert_eq!(metered.measured_ms, 150_000);
    assert_eq!(metered.energy_mj, 30_000 + 60_000 + 30_000);
    assert_eq!(metered.utilization_pct_ms, 3_000_000 + 6_000_000);
    assert_eq!(metered.idle_ms, 60_000);
    assert!(metered.simulated);
    assert_eq!(metered.idle(), None, "150 s of 3 600 s is not enough to speak of idle time");
}

#[sqlx::test(migrations = false)]
async fn a_counter_that_could_not_be_read_is_missing_with_its_reason(db: PgPool) {
    let site = Site::open(db).await;
    site.segment(0, site.started_at, None).await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::job::read(&mut tx, site.job_plan_id, Reader::Member, site.now)
        .await
        .unwrap()
        .unwrap();
    let metered = &view.attempts[0].metered;

    assert_eq!((metered.segment_count, metered.measured_ms), (1, 0));
    assert_eq!(metered.utilization(), None);
    let reason = |counter: &str| (counter.to_owned(), "gpu_lost".to_owned());
    assert_eq!(metered.missing, [reason("energy_mj"), reason("utilization_pct_ms")]);
}

#[sqlx::test(migrations = false)]
async fn the_project_page_has_the_ledgers_own_balance(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::project::read(&mut tx, site.project_id, Reader::Member, site.now).await;
    let view = view.unwrap().unwrap();

    let balance = view.grants[0].balance;
    assert_eq!(balance.granted, gpu_seconds(360_000));
    assert_eq!(balance.settled, gpu_seconds(3_600));
    assert_eq!(balance.held, GpuSeconds::ZERO);
    assert_eq!(balance.available, gpu_seconds(356_400));
    assert!(view.grants[0].is_valid(site.now));
    let people: Vec<_> = view.people.iter().map(|line| (line.controller, line.member)).collect();
    assert_eq!(people, [(true, false), (false, true)]);
    assert_eq!(view.requests[0].decision, "approved");
    assert_eq!(view.permits[0].revoked_at, Some(site.now));
    assert_eq!(view.links[0].environment_name, "AIDA");
    assert_eq!(view.jobs[0].charged_usek, usek(36_000_000));
    assert!(view.jobs[0].over);
}

#[sqlx::test(migrations = false)]
async fn the_start_page_is_about_the_person_and_deciding_is_only_for_deciders(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let ask =
        ReadHome { person_id: site.member_id, decides: false, oversees: false, now: site.now };
    let member = read::home::read(&mut tx, ask).await.unwrap();
    assert_eq!(member.projects[0].available, gpu_seconds(356_400));
    assert_eq!(member.jobs.len(), 1);
    assert_eq!(member.open_requests, None);
    assert!(member.funds.is_empty(), "funds are for those who oversee them");

    let ask = ReadHome { person_id: site.decider_id, decides: true, oversees: true, now: site.now };
    let decider = read::home::read(&mut tx, ask).await.unwrap();
    assert!(decider.projects.is_empty() && decider.jobs.is_empty());
    assert_eq!(decider.funds[0].name, "Public sector 2027");
    assert_eq!(decider.open_requests.unwrap().len(), 1, "one of the two requests is undecided");
}

#[sqlx::test(migrations = false)]
async fn the_operator_sees_the_pool_the_faults_and_the_unsealed_tail(db: PgPool) {
    let site = Site::open(db).await;
    site.give_up_on_an_effect().await;
    for gpu in 0..2 {
        for minute in 0..29 {
            let from = site.started_at + TimeDelta::minutes(minute);
            site.segment(gpu, from, Some((1_000, if gpu == 0 { 6_000_000 } else { 0 }))).await;
        }
    }
    let tables = [record::SEALED_TABLES, accounting::SEALED_TABLES].concat();
    record::seal::seal_new_rows(
        &site.db,
        &accounting::SEALED_TABLES[..1],
        record::seal::Reach::Everything,
        site.now,
    )
    .await
    .unwrap();
    let mut tx = site.db.acquire().await.unwrap();
    let ask = ReadOperator {
        settings: vec![(
            "berg".to_owned(),
            SettingsCheck::NotChecked("the gateway does not answer".to_owned()),
        )],
        sealed_tables: &tables,
        now: site.now,
    };
    let view = read::operator::read(&mut tx, ask).await.unwrap();

    let pool = &view.pools[0];
    assert_eq!(pool.reserved, gpu_seconds(3_600_000));
    assert_eq!(pool.granted, gpu_seconds(360_000));
    assert_eq!((pool.held, pool.used), (GpuSeconds::ZERO, gpu_seconds(3_600)));
    assert_eq!(pool.metered.idle(), Some(gpu_seconds(29 * 60)));
    // 1 740 s at 36 kr an hour.
    assert_eq!(pool.idle_usek, usek(17_400_000));
    assert!(view.jobs_now.is_empty());
    assert_eq!(view.dead_letters[0].kind, "submit");
    assert!(view.chain.seal_count > 0);
    let unsealed: Vec<&str> = view.chain.unsealed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(unsealed, ["record.audit", "accounting.run", "accounting.charge"]);
}

#[sqlx::test(migrations = false)]
async fn use_that_no_grant_had_room_for_is_an_exception(db: PgPool) {
    let site = Site::with_grant_of(db, gpu_seconds(7_320), gpu_seconds(7_400)).await;
    let mut tx = site.db.acquire().await.unwrap();
    let ask = ReadOperator {
        settings: vec![("berg".to_owned(), SettingsCheck::Checked(Vec::new()))],
        sealed_tables: &[],
        now: site.now,
    };
    let view = read::operator::read(&mut tx, ask).await.unwrap();
    let [line] = view.exceptions.as_slice() else { panic!("{:?}", view.exceptions) };
    assert_eq!((line.job_plan_id, line.slurm_job_id), (Some(site.job_plan_id), 500_001));
    let overrun = Exception::Overrun { gpu_seconds: gpu_seconds(80), usek: usek(800_000) };
    assert_eq!(line.exception, overrun);

    let job = read::job::read(&mut tx, site.job_plan_id, Reader::Member, site.now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job.attempts[0].runs[0].overrun, gpu_seconds(80));
}

#[sqlx::test(migrations = false)]
async fn finance_gets_the_draft_and_the_charges_behind_it(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::finance::read(&mut tx, Month::of(site.now)).await.unwrap();
    let [bill] = view.agencies.as_slice() else { panic!("{:?}", view.agencies) };
    assert_eq!((bill.total_ore, bill.rounding_usek), (3_600, 0));
    assert_eq!(bill.lines[0].project.slug, "stroke");
    assert_eq!(bill.charges[0].job_plan_id, Some(site.job_plan_id));
    assert_eq!(bill.ledger_total(), usek(36_000_000));

    let before = read::finance::read(&mut tx, Month::of(at("2027-01-15T12:00:00Z"))).await.unwrap();
    assert!(before.agencies.is_empty());
}

#[sqlx::test(migrations = false)]
async fn the_applications_own_role_may_read_every_page(db: PgPool) {
    let site = Site::open(db).await;
    let tables = [record::SEALED_TABLES, accounting::SEALED_TABLES].concat();
    let mut tx = site.db.acquire().await.unwrap();
    sqlx::query("set role mimer_app").execute(&mut *tx).await.unwrap();
    let home = ReadHome { person_id: site.member_id, decides: true, oversees: true, now: site.now };
    read::home::read(&mut tx, home).await.unwrap();
    read::project::read(&mut tx, site.project_id, Reader::Member, site.now).await.unwrap();
    read::job::read(&mut tx, site.job_plan_id, Reader::Member, site.now).await.unwrap();
    read::finance::read(&mut tx, Month::of(site.now)).await.unwrap();
    let settings = vec![("berg".to_owned(), SettingsCheck::Checked(Vec::new()))];
    let operator = ReadOperator { settings, sealed_tables: &tables, now: site.now };
    read::operator::read(&mut tx, operator).await.unwrap();
    sqlx::query("reset role").execute(&mut *tx).await.unwrap();
}

/// Every label of the database's own enums has a word in both languages, so no code reaches a page.
#[sqlx::test(migrations = false)]
async fn every_state_of_the_database_has_its_word(db: PgPool) {
    let site = Site::open(db).await;
    for (kind, page) in [
        ("broker.attempt_state", "attempt"),
        ("accounting.hold_state", "hold"),
        ("staging.link_state", "link"),
        ("broker.role", "role"),
        ("quotas.outcome", "decision"),
        ("quotas.change_kind", "grant_change"),
        ("quotas.grant_ending", "grant_ending"),
        ("quotas.limit_action_kind", "limit_action"),
        ("quotas.share_mode", "share"),
        ("quotas.allocation_unit", "unit"),
        ("quotas.agency_category", "category"),
        ("quotas.fund_purpose", "purpose"),
        ("broker.exception_kind", "exception"),
    ] {
        let labels: Vec<String> = sqlx::query_scalar(
            "select enumlabel::text from pg_enum where enumtypid = $1::regtype order by enumsortorder",
        )
        .bind(kind)
        .fetch_all(&site.db)
        .await
        .unwrap();
        assert!(!labels.is_empty(), "{kind}");
        for label in labels {
            assert!(dashboards::has_word(page, &label), "{kind} `{label}` has no word");
        }
    }
}

/// What the database gives can be drawn in both languages.
#[sqlx::test(migrations = false)]
async fn every_page_can_be_drawn_from_what_was_read(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let frame = Frame::default();
    let job = read::job::read(&mut tx, site.job_plan_id, Reader::Member, site.now).await.unwrap();
    let html = page::job::render(&job.unwrap(), &frame).into_string();
    assert!(html.contains("1.0000\u{a0}GPU-hours") && html.contains("36.00\u{a0}SEK"), "{html}");
    let finance = read::finance::read(&mut tx, Month::of(site.now)).await.unwrap();
    let html = page::finance::render(&finance, &frame).into_string();
    assert!(html.contains("36.00\u{a0}SEK") && html.contains("500001"), "{html}");
}
