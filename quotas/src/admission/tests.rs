//! Every reason of grants by name; permits, limits, units, sentences, what is admitted, and random
//! asks, in files of their own.

use super::*;

mod admitted;
mod arrays;
mod extension;
mod limits;
mod permits;
mod random;
mod sentences;
mod units;

const PERSON: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const PERMIT: Uuid = Uuid::from_u128(3);
const FUND: Uuid = Uuid::from_u128(4);
const AGENCY: Uuid = Uuid::from_u128(5);
const HOUR_S: i64 = 3_600;

fn at(day: u32) -> DateTime<Utc> {
    format!("2027-03-{day:02}T12:00:00Z").parse().unwrap()
}

fn gpu_seconds(amount: i64) -> GpuSeconds {
    GpuSeconds::new(amount).unwrap()
}

fn usek(amount: i64) -> MicroSek {
    MicroSek::new(amount).unwrap()
}

/// One GPU for one hour on the 10th.
fn ask() -> Ask {
    Ask {
        person_id: PERSON,
        gpu_count: 1,
        wall_time_s: HOUR_S,
        task_count: 1,
        tasks_at_once: None,
        class: "h200".to_owned(),
        now: at(10),
    }
}

/// 100 GPU-hours and 10 000 SEK from the 1st until the 20th, at most 4 GPUs and 24 hours a job,
/// at 36 SEK per GPU-hour: one öre a second.
fn grant() -> GrantFacts {
    GrantFacts {
        grant_id: Uuid::from_u128(100),
        valid_from: at(1),
        valid_until: at(20),
        superseded_at: None,
        max_wall_time_s: 24 * HOUR_S,
        max_gpus: 4,
        available: gpu_seconds(100 * HOUR_S),
        available_usek: usek(10_000 * MicroSek::KRONA.get()),
        fund_ends_at: at(30),
        opens_at: None,
        pool: PoolFacts {
            pool_id: Uuid::from_u128(200),
            fund_id: FUND,
            cluster: "mimer".to_owned(),
            partition: "confidential".to_owned(),
            class: "h200".to_owned(),
            gpu_type: "h200".to_owned(),
            gpus_per_node: 8,
            unit: AllocationUnit::Gpu,
        },
        rate: Some(Rate {
            rate_id: Uuid::from_u128(300),
            rate_card_id: Uuid::from_u128(301),
            rate_card_name: "2027".to_owned(),
            class: "h200".to_owned(),
            partition: "confidential".to_owned(),
            category: "any".to_owned(),
            price_usek_per_gpu_hour: 36 * MicroSek::KRONA.get(),
            factor_ppm: 1_000_000,
            charges_node_failure: false,
        }),
    }
}

fn permit() -> Permit {
    Permit {
        permit_id: PERMIT,
        project_id: Uuid::nil(),
        issuer: "Health data access body".to_owned(),
        reference: "HDAB 2027/17".to_owned(),
        purpose: "stroke research".to_owned(),
        datasets: vec!["stroke-register".to_owned()],
        person_ids: vec![PERSON],
        environment_names: vec!["MONA".to_owned()],
        valid_from: at(1),
        valid_until: at(20),
        grace_s: 900,
        recorded_at: at(1),
        revoked_at: None,
    }
}

fn staged() -> StagedDataset {
    StagedDataset {
        permit_id: PERMIT,
        dataset: "stroke-register".to_owned(),
        environment: Some("MONA".to_owned()),
    }
}

fn project() -> ProjectFacts {
    ProjectFacts {
        project_id: Uuid::nil(),
        agency_id: AGENCY,
        category: Category::PublicBody,
        data_class: DataClass::Confidential,
        is_member: true,
    }
}

/// A confidential project that may run: one grant, one permit, one staged dataset.
fn snapshot() -> Snapshot {
    Snapshot {
        project: Some(project()),
        grants: vec![grant()],
        permits: vec![permit()],
        staged: vec![staged()],
        limits: vec![],
        in_use: None,
        stopped: None,
    }
}

fn with_grant(grant: GrantFacts) -> Snapshot {
    Snapshot { grants: vec![grant], ..snapshot() }
}

fn with_permit(permit: Permit) -> Snapshot {
    Snapshot { permits: vec![permit], ..snapshot() }
}

/// The reasons for which `ask` is refused.
#[track_caller]
fn reasons(ask: &Ask, snapshot: &Snapshot) -> Vec<Reason> {
    let reasons = decide(ask, snapshot).expect_err("refused").reasons;
    for sentence in reasons.iter().flat_map(|reason| Language::ALL.map(|it| reason.sentence(it))) {
        assert!(sentence.ends_with('.') && sentence.contains([';', ',']), "{sentence}");
    }
    reasons
}

#[test]
fn every_reason_is_told_at_once() {
    let short = GrantFacts {
        available: gpu_seconds(1),
        available_usek: usek(1),
        max_wall_time_s: 60,
        ..grant()
    };
    let snapshot = Snapshot { permits: vec![], grants: vec![short], ..snapshot() };
    let refusal = decide(&Ask { gpu_count: 9, ..ask() }, &snapshot).unwrap_err();
    let codes: Vec<_> = refusal.reasons.iter().map(Reason::code).collect();
    let expected = [
        "permit_missing",
        "permit_missing",
        "too_many_gpus_for_node",
        "too_many_gpus_for_grant",
        "wall_time_above_grant",
        "not_enough_gpu_seconds",
        "not_enough_money",
    ];
    assert_eq!(codes, expected);
    assert_eq!(refusal.code(), "permit_missing");
}

#[test]
fn unknown_project() {
    let refused = reasons(&ask(), &Snapshot { project: None, ..snapshot() });
    assert_eq!(refused, [Reason::UnknownProject]);
}

#[test]
fn not_a_member_and_nothing_else_is_told() {
    let project = ProjectFacts { is_member: false, ..project() };
    let snapshot =
        Snapshot { project: Some(project), grants: vec![], permits: vec![], ..snapshot() };
    assert_eq!(reasons(&ask(), &snapshot), [Reason::NotAMember]);
}

#[test]
fn nothing_asked() {
    for ask in [Ask { gpu_count: 0, ..ask() }, Ask { wall_time_s: 0, ..ask() }] {
        assert_eq!(reasons(&ask, &snapshot()), [Reason::NothingAsked]);
    }
    let negative = Ask { gpu_count: -1, wall_time_s: -1, ..ask() };
    assert_eq!(reasons(&negative, &snapshot()), [Reason::NothingAsked]);
}

#[test]
fn no_grant() {
    let refused = reasons(&Ask { class: "a100".to_owned(), ..ask() }, &snapshot());
    assert_eq!(refused, [Reason::NoGrant { class: "a100".to_owned() }]);
}

#[test]
fn grant_expired() {
    let grant = GrantFacts { valid_until: at(10), ..grant() };
    assert_eq!(reasons(&ask(), &with_grant(grant)), [Reason::GrantExpired { ended_at: at(10) }]);
}

#[test]
fn grant_not_yet_valid_is_told_before_one_that_expired() {
    let expired = GrantFacts { valid_until: at(9), ..grant() };
    let coming = GrantFacts { valid_from: at(11), ..grant() };
    let refused = reasons(&ask(), &Snapshot { grants: vec![expired, coming], ..snapshot() });
    assert_eq!(refused, [Reason::GrantNotYetValid { begins_at: at(11) }]);
}

#[test]
fn grant_superseded() {
    let grant = GrantFacts { superseded_at: Some(at(9)), ..grant() };
    let refused = reasons(&ask(), &with_grant(grant.clone()));
    assert_eq!(refused, [Reason::GrantSuperseded { ended_at: at(9) }]);

    let expired_since = GrantFacts { valid_until: at(10), ..self::grant() };
    let refused = reasons(&ask(), &Snapshot { grants: vec![grant, expired_since], ..snapshot() });
    assert_eq!(refused, [Reason::GrantExpired { ended_at: at(10) }], "the later end is told");
}

#[test]
fn grant_ends_too_soon() {
    let grant = GrantFacts { valid_until: at(10) + TimeDelta::minutes(59), ..grant() };
    let refused = reasons(&ask(), &with_grant(grant.clone()));
    let reason = Reason::GrantEndsTooSoon { ends_at: grant.valid_until, asked_s: HOUR_S };
    assert_eq!(refused, [reason]);
}

#[test]
fn fund_ended() {
    let grant = GrantFacts { fund_ends_at: at(10), ..grant() };
    assert_eq!(reasons(&ask(), &with_grant(grant)), [Reason::FundEnded { ended_at: at(10) }]);
}

#[test]
fn not_open_yet() {
    let grant = GrantFacts { opens_at: Some(at(11)), ..grant() };
    assert_eq!(reasons(&ask(), &with_grant(grant)), [Reason::NotOpenYet { opens_at: at(11) }]);
}

#[test]
fn too_many_gpus_for_node() {
    let grant = GrantFacts { max_gpus: 16, ..grant() };
    let refused = reasons(&Ask { gpu_count: 9, ..ask() }, &with_grant(grant));
    assert_eq!(refused, [Reason::TooManyGpusForNode { asked: 9, per_node: 8 }]);
}

#[test]
fn too_many_gpus_for_grant() {
    let refused = reasons(&Ask { gpu_count: 5, ..ask() }, &snapshot());
    assert_eq!(refused, [Reason::TooManyGpusForGrant { asked: 5, limit: 4 }]);
}

#[test]
fn wall_time_above_grant() {
    let refused = reasons(&Ask { wall_time_s: 25 * HOUR_S, ..ask() }, &snapshot());
    let reason = Reason::WallTimeAboveGrant { asked_s: 25 * HOUR_S, limit_s: 24 * HOUR_S };
    assert_eq!(refused, [reason]);
}

#[test]
fn no_price() {
    let (class, partition) = ("h200".to_owned(), "confidential".to_owned());
    let refused = reasons(&ask(), &with_grant(GrantFacts { rate: None, ..grant() }));
    assert_eq!(refused, [Reason::NoPrice { class, partition }]);
}

#[test]
fn not_enough_gpu_seconds() {
    let available = gpu_seconds(HOUR_S + 59);
    let refused = reasons(&ask(), &with_grant(GrantFacts { available, ..grant() }));
    let wanted = gpu_seconds(HOUR_S + 60);
    assert_eq!(refused, [Reason::NotEnoughGpuSeconds { wanted, available }]);
}

#[test]
fn not_enough_gpu_seconds_for_an_ask_beyond_all_numbers() {
    let endless = GrantFacts {
        max_wall_time_s: i64::MAX,
        valid_until: DateTime::<Utc>::MAX_UTC,
        fund_ends_at: DateTime::<Utc>::MAX_UTC,
        ..grant()
    };
    let ask = Ask { gpu_count: 4, wall_time_s: i64::MAX, ..ask() };
    let codes: Vec<_> = reasons(&ask, &with_grant(endless)).iter().map(Reason::code).collect();
    assert_eq!(codes, ["not_enough_gpu_seconds", "not_enough_money", "permit_ends_too_soon"]);
}

#[test]
fn not_enough_money() {
    let wanted = usek((HOUR_S + 60) * MicroSek::ORE.get());
    let available_usek = usek(wanted.get() - MicroSek::ORE.get());
    let refused = reasons(&ask(), &with_grant(GrantFacts { available_usek, ..grant() }));
    assert_eq!(refused, [Reason::NotEnoughMoney { wanted, available: available_usek }]);
}

#[test]
fn not_enough_money_where_the_time_is() {
    let time_only = GrantFacts { available_usek: MicroSek::ZERO, ..grant() };
    let money_only = GrantFacts { grant_id: OTHER, available: GpuSeconds::ZERO, ..grant() };
    let refused = reasons(&ask(), &Snapshot { grants: vec![time_only, money_only], ..snapshot() });
    assert!(matches!(refused[..], [Reason::NotEnoughMoney { available: MicroSek::ZERO, .. }]));
}
