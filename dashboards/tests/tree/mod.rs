//! The read queries of the quota tree and of crisis mode.

use dashboards::read::{
    self, Reader,
    agency::{DoneTo, ReadAgency},
    crisis::Stage,
    operator::{Exception, OperatorView, ReadOperator, SettingsCheck, ShareMode},
    project::is_used_first,
};
use record::GpuSeconds;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::site::{
    AGENCY, FUND, Site, gpu_seconds,
    tree::{CRISIS, LATER_GRANT},
    usek,
};

async fn operator(tx: &mut PgConnection, site: &Site) -> OperatorView {
    let settings = vec![("berg".to_owned(), SettingsCheck::Checked(Vec::new()))];
    let ask = ReadOperator { settings, sealed_tables: &[], now: site.now };
    read::operator::read(tx, ask).await.expect("the page can be read")
}

#[sqlx::test(migrations = false)]
async fn the_way_is_about_a_project_or_a_job_whose_name_is_for_members(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let project = read::why::of_project(&mut tx, site.project_id).await.unwrap().unwrap();
    assert_eq!((project.project.slug.as_str(), project.job), ("stroke", None));
    let job = read::why::of_job(&mut tx, site.job_plan_id, Reader::Member).await.unwrap();
    let job = job.unwrap().job.unwrap();
    assert_eq!((job.name.as_deref(), job.person.person_id), (Some("train"), site.member_id));
    let job = read::why::of_job(&mut tx, site.job_plan_id, Reader::Outsider).await.unwrap();
    assert_eq!(job.unwrap().job.unwrap().name, None);
    let nobody = Uuid::from_u128(404);
    assert_eq!(read::why::of_project(&mut tx, nobody).await.unwrap(), None);
}

#[sqlx::test(migrations = false)]
async fn the_project_page_has_every_change_and_what_is_used_first(db: PgPool) {
    let site = Site::open(db).await;
    site.change_grants().await;
    site.open_later_grant(LATER_GRANT).await;
    let mut tx = site.db.acquire().await.unwrap();
    let project = async |tx: &mut PgConnection| {
        read::project::read(tx, site.project_id, Reader::Member, site.now).await.unwrap().unwrap()
    };
    let view = project(&mut tx).await;
    let kinds: Vec<&str> = view.changes.iter().map(|change| change.kind.as_str()).collect();
    assert_eq!(kinds, ["transferred", "topped_up"], "newest first");
    assert_eq!(view.changes[0].other_grant_id, Some(LATER_GRANT));
    assert_eq!(view.changes[1].gpu_seconds, gpu_seconds(3_600));
    let [first, later] = view.grants.as_slice() else { panic!("{:?}", view.grants) };
    assert!(is_used_first(&view.grants, first, site.now));
    assert!(!is_used_first(&view.grants, later, site.now));

    site.supersede().await;
    let view = project(&mut tx).await;
    let first = &view.grants[0];
    assert_eq!(first.end.as_ref().unwrap().superseded_by, Some(LATER_GRANT));
    assert!(!first.is_valid(site.now), "a superseded grant takes no more holds");
    assert!(!is_used_first(&view.grants, &view.grants[1], site.now), "it is the only one left");
}

#[sqlx::test(migrations = false)]
async fn the_agency_page_says_where_use_stands_and_which_step_is_reached(db: PgPool) {
    let site = Site::open(db).await;
    site.decide_on_limits(1, false).await;
    let mut tx = site.db.acquire().await.unwrap();
    let ask = ReadAgency { agency_id: AGENCY, colleague: None, now: site.now };
    let view = read::agency::read(&mut tx, ask).await.unwrap().unwrap();

    assert_eq!(view.standing.used, gpu_seconds(3_600));
    assert_eq!(view.standing.granted, gpu_seconds(360_000));
    let policy = view.policy.as_ref().unwrap();
    assert_eq!(policy.motivation.as_deref(), Some("night runs go on"));
    let reached: Vec<bool> = policy.steps.iter().map(|step| view.standing.reaches(step)).collect();
    assert_eq!(reached, [true, false], "exactly 1 % is used; 120 % is not");
    assert_eq!(view.standing.threshold(&policy.steps[0]), gpu_seconds(3_600));
    assert_eq!(view.actions[0].done_to, DoneTo::Agency);
    assert!(matches!(view.actions[1].done_to, DoneTo::Job(job) if job.slurm_job_id == 500_001));
    assert_eq!(view.limits.len(), 3);
    assert_eq!((view.limits[0].project.is_none(), view.limits[0].gpus_at_once), (true, Some(64)));
}

#[sqlx::test(migrations = false)]
async fn a_colleague_is_told_only_of_the_projects_they_work_in(db: PgPool) {
    let site = Site::open(db).await;
    site.decide_on_limits(1, true).await;
    let mut tx = site.db.acquire().await.unwrap();
    let mut limits_of = async |person: Uuid| {
        let ask = ReadAgency { agency_id: AGENCY, colleague: Some(person), now: site.now };
        let view = read::agency::read(&mut tx, ask).await.unwrap().unwrap();
        (view.limits.len(), view.actions[1].done_to)
    };
    let (count, done_to) = limits_of(site.member_id).await;
    assert_eq!(count, 2, "the agency's own and the member's project's");
    assert!(matches!(done_to, DoneTo::Job(_)));
    assert_eq!(limits_of(site.decider_id).await, (1, DoneTo::OtherJob));
}

#[sqlx::test(migrations = false)]
async fn the_fund_page_proves_that_nothing_was_mixed_and_shows_when_it_was(db: PgPool) {
    let site = Site::open(db).await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::fund::read(&mut tx, FUND, site.now).await.unwrap().unwrap();
    assert!(view.proof.is_whole(), "{:?}", view.proof);
    assert_eq!(view.proof.charged.gpu_seconds, gpu_seconds(3_600));
    assert_eq!(view.proof.by_category[0].category, "public_body");
    assert_eq!((view.ceiling, view.left), (usek(1_000_000_000_000), usek(990_000_000_000)));
    assert_eq!(view.settled, usek(36_000_000));
    assert_eq!(
        (view.pools[0].left, view.pools[0].used),
        (gpu_seconds(3_240_000), gpu_seconds(3_600))
    );

    site.mix_funds().await;
    let view = read::fund::read(&mut tx, FUND, site.now).await.unwrap().unwrap();
    assert!(!view.proof.is_whole());
    assert_eq!((view.proof.elsewhere.count, view.proof.elsewhere.usek), (1, usek(100)));
    assert_eq!(view.proof.charged.count, 1, "what the fund itself paid is told apart");
    assert_eq!(read::fund::read(&mut tx, AGENCY, site.now).await.unwrap(), None);
}

#[sqlx::test(migrations = false)]
async fn an_envelope_is_told_in_time_by_the_card_of_the_day(db: PgPool) {
    let site = Site::open(db).await;
    sqlx::query("update quotas.fund set envelope_low = 36000000, envelope_high = 72000000")
        .execute(&site.db)
        .await
        .unwrap();
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::fund::read(&mut tx, FUND, site.now).await.unwrap().unwrap();
    let bought = &view.envelope.unwrap().bought;
    assert_eq!((bought[0].low, bought[0].high), (gpu_seconds(3_600), gpu_seconds(7_200)));
    assert_eq!(bought[0].rate_card_name, "Public sector 2027");
}

#[sqlx::test(migrations = false)]
async fn the_report_of_a_crisis_looks_up_what_was_charged(db: PgPool) {
    let site = Site::open(db).await;
    site.have_a_crisis().await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = read::crisis::read(&mut tx, CRISIS, site.now).await.unwrap().unwrap();

    assert_eq!(view.crisis.stage, Stage::Over);
    assert_eq!(view.reason.as_deref(), Some("landslide"));
    assert_eq!(view.crisis.projects[0].slug, "stroke");
    let jobs: Vec<i64> = view.made_way.iter().map(|run| run.slurm_job_id).collect();
    assert_eq!(jobs, [41_207, 500_001], "in the order in which they made way");
    assert!(view.made_way[0].job.is_none() && view.made_way[1].job.is_some());
    // The site's own job was charged before it was named a victim: the page must not hide it.
    assert_eq!(view.lost(), (gpu_seconds(4_080), usek(36_000_000)));
    assert_eq!(view.went_first.len(), 1);
    assert!(!view.complete, "it ended half a minute ago");
    let later = site.now + chrono::TimeDelta::minutes(1);
    assert!(read::crisis::read(&mut tx, CRISIS, later).await.unwrap().unwrap().complete);
}

#[sqlx::test(migrations = false)]
async fn the_operator_sees_how_slurm_keeps_a_pool_and_what_agencies_may_have(db: PgPool) {
    let site = Site::open(db).await;
    site.keep_the_share().await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = operator(&mut tx, &site).await;
    let pool = &view.pools[0];
    let ShareMode::SetAside { nodes, reservation, written_at } = &pool.share.mode else {
        panic!("the newest version counts: {:?}", pool.share)
    };
    assert_eq!((nodes.len(), reservation.as_str()), (2, "mimer_000000000003"));
    assert_eq!(*written_at, Some(site.now));
    let [share] = pool.agency_shares.as_slice() else { panic!("{:?}", pool.agency_shares) };
    assert_eq!((share.share, share.granted), (gpu_seconds(720_000), gpu_seconds(360_000)));
    assert_eq!(pool.promised, gpu_seconds(3_960_000));
    let kept: Vec<_> =
        view.kept.iter().map(|line| (line.kind.as_str(), line.written, line.under_way)).collect();
    assert_eq!(kept, [("account", 0, 1), ("qos", 1, 1), ("reservation", 1, 0)]);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_nobody_planned_stays_until_somebody_closes_it(db: PgPool) {
    let site = Site::open(db).await;
    site.go_past_the_broker().await;
    site.have_a_crisis().await;
    let mut tx = site.db.acquire().await.unwrap();
    let view = operator(&mut tx, &site).await;
    let [line] = view.exceptions.as_slice() else { panic!("{:?}", view.exceptions) };
    assert_eq!((line.job_plan_id, line.slurm_job_id), (None, 41_300));
    let Exception::Unplanned { place, gpu_seconds, .. } = &line.exception else {
        panic!("{line:?}")
    };
    assert_eq!((place.uid.as_deref(), *gpu_seconds), (Some("0"), GpuSeconds::new(24)));
    assert_eq!(view.crises[0].crisis_id, CRISIS);
}

#[sqlx::test(migrations = false)]
async fn use_that_two_people_cleared_is_no_exception_any_more(db: PgPool) {
    let site = Site::with_grant_of(db, gpu_seconds(7_320), gpu_seconds(7_400)).await;
    let mut tx = site.db.acquire().await.unwrap();
    assert_eq!(operator(&mut tx, &site).await.exceptions.len(), 1);
    site.write_off(gpu_seconds(80), usek(800_000)).await;
    assert!(operator(&mut tx, &site).await.exceptions.is_empty());
    let job = read::job::read(&mut tx, site.job_plan_id, Reader::Member, site.now).await;
    let run = &job.unwrap().unwrap().attempts[0].runs[0];
    assert_eq!((run.overrun, run.cleared), (GpuSeconds::ZERO, GpuSeconds::ZERO), "nobody paid");
}

#[sqlx::test(migrations = false)]
async fn the_applications_own_role_may_read_the_tree(db: PgPool) {
    let site = Site::open(db).await;
    site.decide_on_limits(1, false).await;
    site.keep_the_share().await;
    site.have_a_crisis().await;
    let mut tx = site.db.acquire().await.unwrap();
    sqlx::query("set role mimer_app").execute(&mut *tx).await.unwrap();
    let ask = ReadAgency { agency_id: AGENCY, colleague: Some(site.member_id), now: site.now };
    read::agency::read(&mut tx, ask).await.unwrap().unwrap();
    read::fund::read(&mut tx, FUND, site.now).await.unwrap().unwrap();
    read::crisis::read(&mut tx, CRISIS, site.now).await.unwrap().unwrap();
    read::why::of_job(&mut tx, site.job_plan_id, Reader::Member).await.unwrap().unwrap();
    operator(&mut tx, &site).await;
    sqlx::query("reset role").execute(&mut *tx).await.unwrap();
}
