//! Links in PostgreSQL: what opens one, what moves one, and what is kept of every try.

use chrono::{DateTime, TimeDelta, Utc};
use quotas::agency::{self, Category, NewAgency};
use quotas::permit::{self, NewPermit};
use quotas::project::{self, DataClass, NewProject};
use record::{Actor, Clock, Stamp};
use sqlx::{PgConnection, PgPool};
use staging::environment::{self, EnvironmentError, NewEnvironment, SftpAddress};
use staging::gate::{Answer, LinkGate, PermitGate, Progress};
use staging::link::{self, Direction, LinkError, LinkState, OpenError, OpenLink};
use staging::manifest::Bounds;
use staging::store::chunk;
use staging::transfer::{Order, Outcome, fetch};
use uuid::Uuid;

use crate::support::{Bench, CHUNK, Counting};

const AGENCY: Uuid = Uuid::from_u128(1);
const PROJECT: Uuid = Uuid::from_u128(2);
const PERMIT: Uuid = Uuid::from_u128(3);
const ENVIRONMENT: Uuid = Uuid::from_u128(4);
const PERSON: Uuid = Uuid::from_u128(5);
const CONTROLLER: Uuid = Uuid::from_u128(6);
const LINK: Uuid = Uuid::from_u128(7);

fn noon() -> DateTime<Utc> {
    "2027-03-01T12:00:00Z".parse().expect("a time")
}

fn stamp() -> Stamp<'static> {
    Stamp { actor: Actor::Person(PERSON), now: noon(), why: None, trace_id: Uuid::from_u128(9) }
}

/// All schemas, a confidential project, its permit for `stroke` from `vesta`, and that environment.
async fn prepare(db: &PgPool, bench: &Bench) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
    for migrator in
        [&record::MIGRATOR, &accounting::MIGRATOR, &quotas::MIGRATOR, &staging::MIGRATOR]
    {
        migrator.run(db).await.expect("the schema is made");
    }
    let mut tx = db.acquire().await.expect("a connection");
    let agency = NewAgency {
        agency_id: AGENCY,
        name: "Socialstyrelsen".into(),
        organisation_number: "202100-0555".parse().expect("a number"),
        category: Category::PublicBody,
    };
    agency::create(&mut tx, &agency, &stamp()).await.expect("an agency");
    let project = NewProject {
        project_id: PROJECT,
        agency_id: AGENCY,
        slug: "stroke".parse().expect("a slug"),
        title: "Stroke".into(),
        data_class: DataClass::Confidential,
        controller_person_id: CONTROLLER,
        slurm_account: "stroke".parse().expect("an account"),
    };
    project::create(&mut tx, &project, &stamp()).await.expect("a project");
    let permit = NewPermit {
        permit_id: PERMIT,
        project_id: PROJECT,
        issuer: "HDAB".into(),
        reference: "2027-1".into(),
        purpose: "stroke".into(),
        datasets: vec!["stroke".into()],
        person_ids: vec![PERSON],
        environment_names: vec!["vesta".into()],
        valid_from: noon() - TimeDelta::days(1),
        valid_until: noon() + TimeDelta::days(1),
        grace_s: 900,
    };
    permit::record(&mut tx, &permit, &stamp()).await.expect("a permit");
    environment::create(&mut tx, &vesta(bench), &stamp()).await.expect("an environment");
    tx
}

fn vesta(bench: &Bench) -> NewEnvironment {
    NewEnvironment {
        environment_id: ENVIRONMENT,
        name: "vesta".into(),
        operator: "Uppsala universitet".into(),
        host_organisation: "Uppsala universitet".into(),
        sftp: SftpAddress {
            host: "127.0.0.1".into(),
            port: 22,
            user: "mimer".into(),
            root: bench.home.path().to_str().expect("a plain path").to_owned(),
        },
        manifest_key: bench.key.public(),
        data_classes: vec![DataClass::Confidential],
    }
}

fn request(bench: &Bench) -> OpenLink {
    OpenLink {
        link_id: LINK,
        project_id: PROJECT,
        permit_id: PERMIT,
        dataset: "stroke".into(),
        environment_id: ENVIRONMENT,
        direction: Direction::In,
        source_path: "source".into(),
        area: bench.area(),
        bounds: Bounds { allowed_types: vec!["csv".into()], max_bytes: 1_000_000 },
        person_id: PERSON,
    }
}

const TRY: Uuid = Uuid::from_u128(20);

fn gate(db: &PgPool) -> LinkGate {
    let clock = Clock::manual(noon());
    LinkGate { pool: db.clone(), link_id: LINK, transfer_id: TRY, clock }
}

async fn audited(tx: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select action from record.audit where subject_kind = 'link' order by audit_id",
    )
    .fetch_all(tx)
    .await
    .expect("the trail can be read")
}

fn order(bench: &Bench) -> Order {
    Order { transfer_id: TRY, link_id: LINK, ..bench.order() }
}

#[sqlx::test(migrations = false)]
async fn a_link_is_opened_fetched_and_verified_and_every_step_is_on_record(db: PgPool) {
    let bench = Bench::new();
    let mut tx = prepare(&db, &bench).await;
    let opened = link::open(&mut tx, &request(&bench), &stamp()).await.unwrap();
    assert_eq!(link::open(&mut tx, &request(&bench), &stamp()).await.unwrap(), opened);
    assert!(!link::all_verified(&mut tx, &[LINK]).await.unwrap());

    let started = link::start_fetch(&mut tx, LINK, TRY, &stamp()).await.unwrap();
    assert_eq!(started.environment.name, "vesta");
    let report = fetch(&order(&bench), &gate(&db)).await.unwrap();
    assert_eq!(report.outcome, Outcome::Verified, "{}", report.operator_note);
    let kept = link::record_report(&mut tx, LINK, &report, &stamp()).await.unwrap();
    let LinkState::Verified { file_count, size_bytes, .. } = kept.state else { panic!("{kept:?}") };
    assert_eq!((file_count, size_bytes), (3, 12 * 4096 + 17));
    assert_eq!(link::by_id(&mut tx, LINK).await.unwrap(), Some(kept.clone()));

    // The same report again changes nothing; another under its id is refused.
    assert_eq!(link::record_report(&mut tx, LINK, &report, &stamp()).await.unwrap(), kept);
    let other = staging::transfer::Report { fetched_bytes: 1, ..report.clone() };
    let refused = link::record_report(&mut tx, LINK, &other, &stamp()).await;
    assert!(matches!(refused, Err(LinkError::TransferIdReused(_))));

    assert_eq!(chunk::list(&mut tx, TRY).await.unwrap().len(), 13);
    assert!(link::all_verified(&mut tx, &[LINK, LINK]).await.unwrap());
    assert!(!link::all_verified(&mut tx, &[LINK, Uuid::nil()]).await.unwrap());
    assert!(link::all_verified(&mut tx, &[]).await.unwrap());
    assert_eq!(audited(&mut tx).await, ["link.open", "link.fetch_started", "link.verified"]);
}

#[sqlx::test(migrations = false)]
async fn a_quarantined_link_names_its_faults_and_no_file_name_is_sealed(db: PgPool) {
    let bench = Bench::new();
    let mut tx = prepare(&db, &bench).await;
    link::open(&mut tx, &request(&bench), &stamp()).await.unwrap();
    link::start_fetch(&mut tx, LINK, TRY, &stamp()).await.unwrap();
    let mut flipped = bench.read("two.csv");
    flipped[0] ^= 1;
    bench.write("two.csv", &flipped);
    let report = fetch(&order(&bench), &Counting::always()).await.unwrap();
    let kept = link::record_report(&mut tx, LINK, &report, &stamp()).await.unwrap();
    assert!(matches!(&kept.state, LinkState::Quarantined { code, .. } if code == "chunk_wrong"));
    let faults = link::faults(&mut tx, LINK).await.unwrap();
    assert_eq!((faults[0].path.as_deref(), faults[0].chunk_no), (Some("two.csv"), Some(0)));
    let counted = chunk::count(&mut tx, TRY).await.unwrap();
    assert_eq!(counted.wrong, 2);
    let sealed: Vec<String> = sqlx::query_scalar("select details::text from record.audit")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert!(sealed.iter().all(|details| !details.contains("two.csv")), "{sealed:?}");
    // The area is free again for a new link.
    let next = OpenLink { link_id: Uuid::from_u128(8), ..request(&bench) };
    link::open(&mut tx, &next, &stamp()).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_revoked_permit_stops_the_transfer_through_the_gate(db: PgPool) {
    let bench = Bench::new();
    let mut tx = prepare(&db, &bench).await;
    link::open(&mut tx, &request(&bench), &stamp()).await.unwrap();
    link::start_fetch(&mut tx, LINK, TRY, &stamp()).await.unwrap();
    let gate = gate(&db);
    assert_eq!(gate.ask(Progress::default()).await, Answer::Go);
    let orphan = LinkGate { transfer_id: Uuid::from_u128(19), ..gate.clone() };
    let answer = orphan.ask(Progress::default()).await;
    assert_eq!(answer, Answer::Stop("transfer_taken_over".into()));

    permit::revoke(&mut tx, PERMIT, &stamp()).await.unwrap();
    let report = fetch(&order(&bench), &gate).await.unwrap();
    assert_eq!(report.outcome, Outcome::Stopped("permit_revoked".into()));
    let kept = link::record_report(&mut tx, LINK, &report, &stamp()).await.unwrap();
    assert!(matches!(kept.state, LinkState::Failed { .. }));

    assert_eq!(link::revoke_for_permit(&mut tx, PERMIT, &stamp()).await.unwrap(), [LINK]);
    assert!(link::revoke_for_permit(&mut tx, PERMIT, &stamp()).await.unwrap().is_empty());
    let refused = link::start_fetch(&mut tx, LINK, Uuid::from_u128(21), &stamp()).await;
    assert!(matches!(refused, Err(LinkError::NotFetchable { state: "revoked", .. })));
    assert_eq!(gate.ask(Progress::default()).await, Answer::Stop("link_revoked".into()));
    let trail = audited(&mut tx).await;
    assert_eq!(trail, ["link.open", "link.fetch_started", "link.failed", "link.revoked"]);
}

#[sqlx::test(migrations = false)]
async fn a_gate_whose_database_is_gone_says_no(db: PgPool) {
    let gate = gate(&db);
    db.close().await;
    let answer = gate.ask(Progress::default()).await;
    assert_eq!(answer, Answer::Stop("permit_not_checkable".into()));
}

#[sqlx::test(migrations = false)]
async fn every_reason_not_to_open_a_link_has_its_own_code(db: PgPool) {
    let bench = Bench::new();
    let mut tx = prepare(&db, &bench).await;
    let good = || request(&bench);
    let nobody = Uuid::from_u128(99);
    let no_types = Bounds { allowed_types: vec![], max_bytes: 1 };
    let refused = [
        (OpenLink { environment_id: nobody, ..good() }, "environment_unknown"),
        (OpenLink { project_id: nobody, ..good() }, "link_project_unknown"),
        (OpenLink { permit_id: nobody, ..good() }, "permit_missing"),
        (OpenLink { person_id: nobody, ..good() }, "person_not_in_permit"),
        (OpenLink { dataset: "cancer".into(), ..good() }, "dataset_not_in_permit"),
        (OpenLink { source_path: "../x".into(), ..good() }, "link_source_path"),
        (OpenLink { area: "x".into(), ..good() }, "link_area_path"),
        (OpenLink { bounds: no_types, ..good() }, "link_bounds"),
    ];
    for (request, code) in refused {
        let error = link::open(&mut tx, &request, &stamp()).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    let late = Stamp { now: noon() + TimeDelta::days(2), ..stamp() };
    let error = link::open(&mut tx, &good(), &late).await.unwrap_err();
    assert_eq!(error.code(), "permit_expired");

    link::open(&mut tx, &good(), &stamp()).await.unwrap();
    let taken = OpenLink { link_id: Uuid::from_u128(8), ..good() };
    let error = link::open(&mut tx, &taken, &stamp()).await.unwrap_err();
    assert!(matches!(error, OpenError::AreaTaken(_)), "{error}");
    let reused = OpenLink { source_path: "elsewhere".into(), ..good() };
    let error = link::open(&mut tx, &reused, &stamp()).await.unwrap_err();
    assert!(matches!(error, OpenError::LinkIdReused(LINK)), "{error}");
    assert_eq!(audited(&mut tx).await, ["link.open"]);
}

#[sqlx::test(migrations = false)]
async fn an_environment_is_known_once_and_only_if_it_can_be_reached_safely(db: PgPool) {
    let bench = Bench::new();
    let mut tx = prepare(&db, &bench).await;
    let known = environment::create(&mut tx, &vesta(&bench), &stamp()).await.unwrap();
    let listed = environment::list(&mut tx).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&known));
    assert_eq!(environment::by_name(&mut tx, "vesta").await.unwrap(), Some(known));

    let other = NewEnvironment { operator: "another".into(), ..vesta(&bench) };
    let refused = environment::create(&mut tx, &other, &stamp()).await;
    assert!(matches!(refused, Err(EnvironmentError::EnvironmentIdReused(ENVIRONMENT))));
    let twin = NewEnvironment { environment_id: Uuid::from_u128(40), ..vesta(&bench) };
    let refused = environment::create(&mut tx, &twin, &stamp()).await;
    assert!(matches!(refused, Err(EnvironmentError::EnvironmentNameTaken(_))));
    let mut option = vesta(&bench);
    option.sftp.host = "-oProxyCommand=x".into();
    let refused = environment::create(&mut tx, &option, &stamp()).await;
    assert!(matches!(refused, Err(EnvironmentError::EnvironmentUnusable { .. })));
}

/// The ledger's tables are the application's to add to and nobody's to change.
#[sqlx::test(migrations = false)]
async fn the_application_can_neither_change_nor_delete_a_chunk(db: PgPool) {
    let bench = Bench::new();
    let mut tx = prepare(&db, &bench).await;
    sqlx::query("set role mimer_app").execute(&mut *tx).await.unwrap();
    link::open(&mut tx, &request(&bench), &stamp()).await.unwrap();
    link::start_fetch(&mut tx, LINK, TRY, &stamp()).await.unwrap();
    let report = fetch(&order(&bench), &Counting::always()).await.unwrap();
    assert_eq!(report.fetched_bytes, 12 * CHUNK + 17);
    link::record_report(&mut tx, LINK, &report, &stamp()).await.unwrap();
    for sql in [
        "update staging.chunk set verdict = 'verified'",
        "delete from staging.chunk",
        "update staging.transfer set outcome = 'verified'",
        "delete from staging.link",
    ] {
        let refused = sqlx::query(sql).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{sql}: {refused}");
    }
    sqlx::query("reset role").execute(&mut *tx).await.unwrap();
    let sealed = record::seal::seal_new_rows(
        &db,
        staging::SEALED_TABLES,
        record::seal::Reach::Everything,
        noon(),
    )
    .await
    .unwrap();
    assert_eq!(sealed, 14);
    let verdict = record::seal::verify(&db, staging::SEALED_TABLES).await.unwrap();
    assert_eq!((verdict.faults, verdict.unsealed_count), (vec![], 0));
}
