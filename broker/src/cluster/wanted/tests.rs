//! The wanted state, by the figures that it must have.

use chrono::{DateTime, TimeDelta, Utc};
use quotas::pool::share::ShareMode;
use record::GpuSeconds;
use slurm_wire::{Limits, QosRow};

use super::super::facts::{FundFact, LimitFact};
use super::super::object::{Account, Reservation, User};
use super::*;

const FUND: Uuid = Uuid::from_u128(0xf00d);
const LATER_FUND: Uuid = Uuid::from_u128(0xbeef);
const POOL: Uuid = Uuid::from_u128(0xa1);
const PROJECT: Uuid = Uuid::from_u128(0xb1);
const OTHER: Uuid = Uuid::from_u128(0xb2);
const AGENCY: Uuid = Uuid::from_u128(0xc1);
const ANNA: Uuid = Uuid::from_u128(0xd1);

fn now() -> DateTime<Utc> {
    "2027-07-01T12:00:00Z".parse().unwrap()
}

fn pool(pool_id: Uuid, gpu_type: &str, share: ShareMode) -> PoolFact {
    PoolFact {
        pool_id,
        fund_id: FUND,
        class: gpu_type.to_owned(),
        gpu_type: gpu_type.to_owned(),
        gpus_per_node: 8,
        partition: "gpu".to_owned(),
        usable_from: now() - TimeDelta::days(1),
        valid_until: now() + TimeDelta::days(100),
        share,
    }
}

fn project(project_id: Uuid, account: &str, seconds: &[(Uuid, i64)]) -> ProjectFact {
    let ceiling = |(pool_id, seconds): &(Uuid, i64)| (*pool_id, GpuSeconds::new(*seconds).unwrap());
    ProjectFact {
        project_id,
        slug: account.replace('_', "-"),
        slurm_account: account.to_owned(),
        agency_id: AGENCY,
        fund_id: FUND,
        first_fund: true,
        ceilings: seconds.iter().map(ceiling).collect(),
        users: BTreeMap::from([("m1anna".to_owned(), ANNA)]),
    }
}

fn facts(pools: Vec<PoolFact>, projects: Vec<ProjectFact>) -> Facts {
    Facts {
        now: now(),
        account_root: "public".to_owned(),
        research_qos: BTreeSet::from(["normal".to_owned()]),
        funds: vec![
            FundFact { fund_id: FUND, name: "Public sector 2027".to_owned() },
            FundFact { fund_id: LATER_FUND, name: "Regionerna".to_owned() },
        ],
        pools,
        projects,
        limits: HashMap::new(),
        crisis_projects: BTreeSet::new(),
        lowered_agencies: BTreeSet::new(),
        normal_priority: 0,
    }
}

fn qos<'a>(wanted: &'a Wanted, name: &str) -> &'a QosRow {
    match &wanted.objects[&Key::qos(name)] {
        Body::Qos(row) => row,
        other => panic!("{other:?}"),
    }
}

fn account<'a>(wanted: &'a Wanted, name: &str) -> &'a Account {
    match &wanted.objects[&Key::account(name)] {
        Body::Account(account) => account,
        other => panic!("{other:?}"),
    }
}

fn tres(figures: &[(&str, u64)]) -> BTreeMap<String, u64> {
    figures.iter().map(|(tres, most)| ((*tres).to_owned(), *most)).collect()
}

#[test]
fn a_project_has_an_account_a_budget_and_its_people() {
    let pools = vec![pool(POOL, "h200", ShareMode::None)];
    let wanted = wanted(&facts(pools, vec![project(PROJECT, "public_stroke", &[(POOL, 3_601)])]));
    assert_eq!(account(&wanted, "pub_public_sector_2027_f00d").parent, "public");
    assert_eq!(account(&wanted, "public_stroke").parent, "pub_public_sector_2027_f00d");
    let expected = QosRow {
        name: "mimer_public_stroke".to_owned(),
        description: "project public-stroke".to_owned(),
        priority: 0,
        preempts: BTreeSet::new(),
        no_decay: true,
        deny_on_limit: false,
        limits: Limits {
            minutes: tres(&[("gres/gpu", 61), ("gres/gpu:h200", 61)]),
            ..Limits::default()
        },
    };
    assert_eq!(*qos(&wanted, "mimer_public_stroke"), expected);
    let user = User {
        account: "public_stroke".to_owned(),
        user: "m1anna".to_owned(),
        qos: BTreeSet::from(["mimer_public_stroke".to_owned()]),
        default_qos: Some("mimer_public_stroke".to_owned()),
    };
    assert_eq!(wanted.objects[&Key::user("public_stroke", "m1anna")], Body::User(user));
    assert_eq!(wanted.subject(&Key::user("public_stroke", "m1anna")), ("person", ANNA));
    assert_eq!(wanted.subject(&Key::user("public_stroke", "gone")), ("project", PROJECT));
    assert_eq!(wanted.told(&Key::user("public_stroke", "m1anna")), "public_stroke");
    assert!(wanted.clashes.is_empty());
}

#[test]
fn minutes_are_summed_by_gpu_type_and_rounded_up_once() {
    let other = Uuid::from_u128(0xa2);
    let small = Uuid::from_u128(0xa3);
    let pools = vec![
        pool(POOL, "h200", ShareMode::None),
        PoolFact { class: "h200-node".to_owned(), ..pool(other, "h200", ShareMode::None) },
        pool(small, "1g.18gb", ShareMode::None),
    ];
    let seconds = [(POOL, 61), (other, 59), (small, 1)];
    let wanted = wanted(&facts(pools, vec![project(PROJECT, "public_stroke", &seconds)]));
    let minutes = tres(&[("gres/gpu", 3), ("gres/gpu:1g.18gb", 1), ("gres/gpu:h200", 2)]);
    assert_eq!(qos(&wanted, "mimer_public_stroke").limits.minutes, minutes);
}

#[test]
fn a_project_has_an_account_of_its_own_under_each_fund() {
    let pools = vec![pool(POOL, "h200", ShareMode::None)];
    let first = project(PROJECT, "public_stroke", &[(POOL, 60)]);
    let later = ProjectFact { fund_id: LATER_FUND, first_fund: false, ..first.clone() };
    let wanted = wanted(&facts(pools, vec![first, later]));
    assert_eq!(account(&wanted, "public_stroke_beef").parent, "pub_regionerna_beef");
    assert!(wanted.objects.contains_key(&Key::qos("mimer_public_stroke_beef")));
    assert!(wanted.objects.contains_key(&Key::user("public_stroke_beef", "m1anna")));
}

#[test]
fn limits_at_once_are_the_tightest_of_project_and_agency() {
    let mut facts = facts(
        vec![pool(POOL, "h200", ShareMode::None)],
        vec![project(PROJECT, "public_stroke", &[(POOL, 60)])],
    );
    let limit = |class: Option<&str>, gpus, jobs| LimitFact {
        class: class.map(str::to_owned),
        gpus_at_once: gpus,
        jobs_at_once: jobs,
    };
    facts
        .limits
        .insert(AGENCY, vec![limit(None, Some(16), Some(9)), limit(Some("mi300"), Some(1), None)]);
    facts
        .limits
        .insert(PROJECT, vec![limit(None, Some(20), Some(7)), limit(Some("h200"), Some(4), None)]);
    let limits = wanted(&facts).objects[&Key::qos("mimer_public_stroke")].clone();
    let Body::Qos(QosRow { limits, .. }) = limits else { panic!("{limits:?}") };
    assert_eq!(limits.at_once, tres(&[("gres/gpu", 16), ("gres/gpu:h200", 4)]));
    assert_eq!(limits.submitted_jobs, Some(7));
    assert_eq!(limits.running_jobs, None);
}

#[test]
fn nodes_set_aside_are_a_reservation_for_the_fund() {
    let nodes = vec!["node02".to_owned(), "node01".to_owned()];
    let share = ShareMode::SetAside { nodes };
    let begun = pool(POOL, "h200", share.clone());
    let coming = PoolFact {
        usable_from: now() + TimeDelta::days(1),
        ..pool(Uuid::from_u128(0xa2), "h200", share.clone())
    };
    let over = PoolFact { valid_until: now(), ..pool(Uuid::from_u128(0xa3), "h200", share) };
    let starts_at = coming.usable_from.timestamp();
    let wanted = wanted(&facts(vec![begun, coming, over], vec![]));
    let expected = Reservation {
        nodes: BTreeSet::from(["node01".to_owned(), "node02".to_owned()]),
        accounts: BTreeSet::from(["pub_public_sector_2027_f00d".to_owned()]),
        partition: Some("gpu".to_owned()),
        starts_at: None,
        ends_at: (now() + TimeDelta::days(100)).timestamp(),
    };
    let found: Vec<&Body> = wanted
        .objects
        .iter()
        .filter(|(key, _)| key.kind == Kind::Reservation)
        .map(|(_, body)| body)
        .collect();
    let later = Reservation { starts_at: Some(starts_at), ..expected.clone() };
    assert_eq!(found, [&Body::Reservation(expected), &Body::Reservation(later)]);
    assert_eq!(account(&wanted, "pub_public_sector_2027_f00d").limits, Limits::default());
}

#[test]
fn a_guarantee_makes_research_give_way_up_to_its_gpus() {
    let pools = vec![pool(POOL, "h200", ShareMode::Guaranteed { gpus: 16 })];
    let wanted = wanted(&facts(pools, vec![project(PROJECT, "public_stroke", &[(POOL, 60)])]));
    let preempts = &qos(&wanted, "mimer_public_stroke").preempts;
    assert_eq!(*preempts, BTreeSet::from(["normal".to_owned()]));
    let limits = &account(&wanted, "pub_public_sector_2027_f00d").limits;
    assert_eq!(limits.at_once, tres(&[("gres/gpu:h200", 16)]));
}

#[test]
fn a_cap_alone_makes_nobody_give_way() {
    let pools = vec![pool(POOL, "h200", ShareMode::Capped { gpus: 4 })];
    let wanted = wanted(&facts(pools, vec![project(PROJECT, "public_stroke", &[(POOL, 60)])]));
    assert!(qos(&wanted, "mimer_public_stroke").preempts.is_empty());
    let limits = &account(&wanted, "pub_public_sector_2027_f00d").limits;
    assert_eq!(limits.at_once, tres(&[("gres/gpu:h200", 4)]));
}

#[test]
fn a_pool_without_a_bound_leaves_its_type_without_one() {
    let other = Uuid::from_u128(0xa2);
    let capped = || pool(POOL, "h200", ShareMode::Capped { gpus: 4 });
    let nodes = vec!["node01".to_owned()];
    for (second, at_once) in [
        (pool(other, "h200", ShareMode::None), tres(&[])),
        (pool(other, "h200", ShareMode::SetAside { nodes }), tres(&[("gres/gpu:h200", 12)])),
        (pool(other, "mi300", ShareMode::None), tres(&[("gres/gpu:h200", 4)])),
        (
            PoolFact { valid_until: now(), ..pool(other, "h200", ShareMode::None) },
            tres(&[("gres/gpu:h200", 4)]),
        ),
    ] {
        let wanted = wanted(&facts(vec![capped(), second], vec![]));
        let limits = &account(&wanted, "pub_public_sector_2027_f00d").limits;
        assert_eq!(limits.at_once, at_once);
    }
}

#[test]
fn a_lowered_agency_stands_behind_and_makes_nobody_way() {
    let guaranteed = pool(POOL, "h200", ShareMode::Guaranteed { gpus: 8 });
    let projects = vec![project(PROJECT, "public_stroke", &[(POOL, 60)])];
    let mut facts = facts(vec![guaranteed], projects);
    facts.normal_priority = 100;
    let before = qos(&wanted(&facts), "mimer_public_stroke").clone();
    assert_eq!((before.priority, before.preempts.len()), (100, 1));
    facts.lowered_agencies = facts.projects.iter().map(|project| project.agency_id).collect();
    let lowered = qos(&wanted(&facts), "mimer_public_stroke").clone();
    assert_eq!((lowered.priority, lowered.preempts.len()), (0, 0));
    // In a crisis the project goes first all the same.
    facts.crisis_projects = BTreeSet::from([PROJECT]);
    assert_eq!(qos(&wanted(&facts), "mimer_public_stroke").priority, 100 + CRISIS_PRIORITY);
}

#[test]
fn in_a_crisis_its_projects_go_before_all_others_and_before_nobody_of_their_own() {
    let pools = vec![pool(POOL, "h200", ShareMode::None)];
    let third = Uuid::from_u128(0xb3);
    let projects = vec![
        project(PROJECT, "public_stroke", &[(POOL, 60)]),
        project(OTHER, "public_flood", &[(POOL, 60)]),
        project(third, "public_roads", &[(POOL, 60)]),
    ];
    let mut facts = facts(pools, projects);
    let before = wanted(&facts);
    facts.crisis_projects = BTreeSet::from([PROJECT, OTHER]);
    let during = wanted(&facts);
    for name in ["mimer_public_stroke", "mimer_public_flood"] {
        let row = qos(&during, name);
        assert_eq!(row.priority, CRISIS_PRIORITY);
        let expected = ["mimer_public_roads", "normal"].map(str::to_owned);
        assert_eq!(row.preempts, BTreeSet::from(expected));
    }
    let roads = "mimer_public_roads";
    assert_eq!(qos(&during, roads), qos(&before, roads));
    facts.crisis_projects.clear();
    assert_eq!(wanted(&facts), before, "afterwards nothing is left of it");
}

#[test]
fn two_that_would_have_one_account_are_told_and_the_second_is_not_kept() {
    let pools = vec![pool(POOL, "h200", ShareMode::None)];
    let projects = vec![
        project(PROJECT, "public_stroke", &[(POOL, 60)]),
        project(OTHER, "public_stroke", &[(POOL, 6_000)]),
        project(Uuid::from_u128(0xb3), "public", &[(POOL, 60)]),
        project(Uuid::from_u128(0xb4), "pub_regionerna_beef", &[(POOL, 60)]),
    ];
    let wanted = wanted(&facts(pools, projects));
    let clashes = ["pub_regionerna_beef", "public", "public_stroke"].map(str::to_owned);
    assert_eq!(wanted.clashes, BTreeSet::from(clashes));
    assert_eq!(qos(&wanted, "mimer_public_stroke").limits.minutes["gres/gpu"], 1);
    assert!(!wanted.objects.contains_key(&Key::qos("mimer_public")));
}
