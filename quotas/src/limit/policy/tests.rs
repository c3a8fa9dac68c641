//! The arithmetic of steps, and policies and actions against a database.

use proptest::prelude::*;
use record::{Stamp, id};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::*;
use crate::{
    agency::{self, Category, NewAgency},
    decision,
    fixture::{NUMBERS, Site, by, constraint, day, now, trail},
};

const AS_EXAMPLES_GO: [Step; 3] = [
    Step { at_percent: 80, action: Action::Warn },
    Step { at_percent: 100, action: Action::StopNew },
    Step { at_percent: 120, action: Action::CancelRunning },
];

fn seconds(amount: i64) -> GpuSeconds {
    GpuSeconds::new(amount).unwrap()
}

fn policy(steps: &[Step], dry_run: bool) -> Policy {
    Policy {
        limit_policy_id: Uuid::nil(),
        agency_id: Uuid::nil(),
        steps: steps.to_vec(),
        dry_run,
        decided_by: Uuid::nil(),
        decided_at: now(),
    }
}

#[test]
fn a_step_is_reached_at_its_share_and_not_a_second_before() {
    let policy = policy(&AS_EXAMPLES_GO, false);
    let reached = |used| reached(&policy, seconds(used), seconds(1_001)).len();
    // 80 % of 1 001 is 800.8: the 801st second reaches it.
    assert_eq!([800, 801, 1_000, 1_001, 1_201, 1_202].map(reached), [0, 1, 1, 2, 2, 3]);
}

#[test]
fn where_nothing_is_granted_nothing_is_reached() {
    assert_eq!(reached(&policy(&AS_EXAMPLES_GO, false), seconds(5), GpuSeconds::ZERO), []);
}

#[test]
fn new_jobs_stop_at_the_lowest_step_that_says_so_and_never_in_a_dry_run() {
    let full = Standing { used: seconds(150), granted: seconds(100) };
    let stops = |steps: &[Step]| policy(steps, false).stops_new(full);
    assert_eq!(stops(&AS_EXAMPLES_GO), Some(AS_EXAMPLES_GO[1]));
    assert_eq!(stops(&AS_EXAMPLES_GO[2..]), Some(AS_EXAMPLES_GO[2]), "who cancels takes none");
    assert_eq!(stops(&AS_EXAMPLES_GO[..1]), None);
    assert_eq!(policy(&AS_EXAMPLES_GO, true).stops_new(full), None);
    assert!(!policy(&AS_EXAMPLES_GO, true).may_stop_new());
}

proptest! {
    /// More use never takes a step back, and each step is reached just from its share on.
    #[test]
    fn more_use_reaches_more(
        used in 0..i64::MAX - 1, more in 0..1_000_i64, granted in 1..i64::MAX,
        percents in proptest::collection::vec(1..=HIGHEST_PERCENT, 0..6),
    ) {
        let step = |at_percent| Step { at_percent, action: Action::Warn };
        let policy = policy(&percents.iter().copied().map(step).collect::<Vec<_>>(), false);
        let granted = seconds(granted);
        let before = reached(&policy, seconds(used), granted);
        let after = reached(&policy, seconds(used.saturating_add(more)), granted);
        prop_assert!(before.is_sorted() && before.len() <= after.len());
        let exact = |at_percent: i64| {
            i128::from(used) * 100 >= i128::from(granted.get()) * i128::from(at_percent)
        };
        prop_assert_eq!(before.len(), percents.iter().filter(|percent| exact(**percent)).count());
    }
}

fn new(site: &Site, steps: &[Step], dry_run: bool) -> NewLimitPolicy {
    NewLimitPolicy {
        limit_policy_id: id::fresh(),
        agency_id: site.agency_id,
        steps: steps.to_vec(),
        dry_run,
        decided_by: site.requester,
    }
}

async fn tried(tx: &mut PgConnection, site: &Site) -> Policy {
    let dry = new(site, &AS_EXAMPLES_GO, true);
    decide(tx, &dry, &by(site.requester)).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn steps_act_only_after_a_dry_run(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    let stamp = by(site.requester);
    let mut steps = AS_EXAMPLES_GO;
    steps.reverse(); // The order in which steps are given does not matter.
    let real = new(&site, &steps, false);
    let refused = decide(&mut tx, &real, &stamp).await;
    assert!(matches!(refused, Err(PolicyError::DryRunFirst { .. })));

    tried(&mut tx, &site).await;
    let decided = decide(&mut tx, &real, &stamp).await.unwrap();
    assert_eq!(decided.steps, AS_EXAMPLES_GO);
    assert_eq!(decide(&mut tx, &real, &stamp).await.unwrap(), decided);
    assert_eq!(current(&mut tx, site.agency_id).await.unwrap(), Some(decided.clone()));
    assert_eq!(list(&mut tx).await.unwrap(), [decided]);
    assert_eq!(trail(&mut tx, real.limit_policy_id).await, ["limit_policy.decide"]);

    let harder = [Step { at_percent: 90, action: Action::CancelRunning }];
    let refused = decide(&mut tx, &new(&site, &harder, false), &stamp).await;
    assert!(matches!(refused, Err(PolicyError::DryRunFirst { .. })), "other steps, not tried");
    // Nothing at all needs no trying.
    decide(&mut tx, &new(&site, &[], false), &stamp).await.unwrap();
    assert_eq!(current(&mut tx, site.agency_id).await.unwrap().unwrap().steps, []);
    assert_eq!(history(&mut tx, site.agency_id).await.unwrap().len(), 3);
}

#[sqlx::test(migrations = false)]
async fn a_policy_that_cannot_be_is_refused_by_name(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.requester);
    let at = |at_percent| Step { at_percent, action: Action::Warn };
    for percent in [0, -1, HIGHEST_PERCENT + 1] {
        let refused = decide(&mut tx, &new(&site, &[at(percent)], true), &stamp).await;
        assert!(matches!(refused, Err(PolicyError::StepNotValid { .. })));
    }
    let refused = decide(&mut tx, &new(&site, &[at(80), at(80)], true), &stamp).await;
    assert!(matches!(refused, Err(PolicyError::StepTwice { .. })));
    let many: Vec<Step> = (1..=21).map(at).collect();
    let refused = decide(&mut tx, &new(&site, &many, true), &stamp).await;
    assert!(matches!(refused, Err(PolicyError::TooManySteps { count: 21, .. })));
    let nowhere = NewLimitPolicy { agency_id: Uuid::nil(), ..new(&site, &[], true) };
    let refused = decide(&mut tx, &nowhere, &stamp).await;
    assert!(matches!(refused, Err(PolicyError::NoSuchAgency(_))));
    let refused = decide(&mut tx, &new(&site, &[], true), &by(site.operator)).await;
    assert!(matches!(refused, Err(PolicyError::NotThePolicyDecider { .. })));
}

#[sqlx::test(migrations = false)]
async fn a_policy_id_belongs_to_one_policy_of_one_agency(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.requester);
    let first = tried(&mut tx, &site).await;
    let limit_policy_id = first.limit_policy_id;
    let other = NewLimitPolicy { limit_policy_id, ..new(&site, &[], true) };
    let refused = decide(&mut tx, &other, &stamp).await;
    assert!(matches!(refused, Err(PolicyError::LimitPolicyIdReused(_))));

    let second = NewAgency {
        agency_id: id::fresh(),
        name: "Region Norr".to_owned(),
        organisation_number: NUMBERS[1].parse().unwrap(),
        category: Category::PublicBody,
    };
    agency::create(&mut tx, &second, &by(site.operator)).await.unwrap();
    let theirs = NewLimitPolicy { agency_id: second.agency_id, ..other };
    let refused = decide(&mut tx, &theirs, &stamp).await;
    assert!(matches!(refused, Err(PolicyError::LimitPolicyIdReused(_))));
}

#[sqlx::test(migrations = false)]
async fn only_grants_that_are_open_count(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let approval = site.approval();
    decision::approve(&mut tx, &approval, &by(site.decider)).await.unwrap();
    let granted = approval.grant.gpu_seconds;
    let open = Standing { used: GpuSeconds::ZERO, granted };
    assert_eq!(standing(&mut tx, site.agency_id, now()).await.unwrap(), open);
    for closed in [day(6, 30), approval.grant.valid_until] {
        let none = standing(&mut tx, site.agency_id, closed).await.unwrap();
        assert_eq!(none, Standing::default());
    }
    sqlx::query("insert into quotas.grant_end values ($1, 'expired', null, $2)")
        .bind(approval.grant.grant_id)
        .bind(now())
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(standing(&mut tx, site.agency_id, now()).await.unwrap(), Standing::default());
}

#[sqlx::test(migrations = false)]
async fn an_action_is_recorded_once_and_only_as_it_was_decided(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    let keeper = Stamp { actor: record::Actor::Program("keeper"), ..by(site.operator) };
    let policy = tried(&mut tx, &site).await;
    let taken = Taken {
        limit_action_id: id::fresh(),
        limit_policy_id: policy.limit_policy_id,
        step: AS_EXAMPLES_GO[2],
        attempt_id: Some(id::fresh()),
        standing: Standing { used: seconds(120), granted: seconds(100) },
    };
    let first = record_action(&mut tx, &taken, &keeper).await.unwrap();
    assert!(first.dry_run, "the policy was being tried");
    assert_eq!(record_action(&mut tx, &taken, &keeper).await.unwrap(), first);
    assert_eq!(list_for_agency(&mut tx, site.agency_id).await.unwrap(), [first]);
    assert_eq!(trail(&mut tx, taken.limit_action_id).await, ["limit_action.take"]);
    let was = |step, attempt_id| (taken.limit_policy_id, step, attempt_id);
    for ((id, step, attempt_id), expected) in [
        (was(taken.step, taken.attempt_id), true),
        (was(taken.step, None), false),
        (was(AS_EXAMPLES_GO[1], taken.attempt_id), false),
    ] {
        assert_eq!(was_taken(&mut tx, id, step, attempt_id).await.unwrap(), expected);
    }

    let other = Taken { attempt_id: None, ..taken };
    let refused = record_action(&mut tx, &other, &keeper).await;
    assert!(matches!(refused, Err(TakenError::LimitActionIdReused(_))));
    let fresh = Taken { limit_action_id: id::fresh(), ..taken };
    let undecided = Step { at_percent: 80, action: Action::CancelRunning };
    let refused = record_action(&mut tx, &Taken { step: undecided, ..fresh }, &keeper).await;
    assert!(matches!(refused, Err(TakenError::NoSuchLimitStep { .. })));
    let below = Standing { used: seconds(119), granted: seconds(100) };
    let refused = record_action(&mut tx, &Taken { standing: below, ..fresh }, &keeper).await;
    assert!(matches!(refused, Err(TakenError::LimitStepNotReached { .. })));
    let unknown = Taken { limit_policy_id: Uuid::nil(), ..fresh };
    let refused = record_action(&mut tx, &unknown, &keeper).await;
    assert!(matches!(refused, Err(TakenError::NoSuchLimitPolicy(_))));
}

/// The second defence, and that facts stay facts.
#[sqlx::test(migrations = false)]
async fn the_tables_refuse_early_actions_and_later_changes(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let policy = tried(&mut tx, &site).await;
    tx.commit().await.unwrap();
    let refused = sqlx::query(
        "insert into quotas.limit_action (limit_action_id, limit_policy_id, at_percent, action,
             used, granted, dry_run, taken_at)
         values (gen_random_uuid(), $1, 80, 'warn', 79, 100, true, now())",
    )
    .bind(policy.limit_policy_id)
    .execute(&db)
    .await
    .unwrap_err();
    assert_eq!(constraint(&refused), Some("limit_action_when_reached"));

    for change in [
        "update quotas.limit_policy set dry_run = false",
        "delete from quotas.limit_step",
        "delete from quotas.limit_action",
        "update quotas.use_limit set gpus_at_once = 8",
    ] {
        let mut tx = db.begin().await.unwrap();
        sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
        let refused = sqlx::query(change).execute(&mut *tx).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("42501"), "{change}"); // insufficient_privilege
    }
}

#[test]
fn a_step_is_written_as_the_pages_and_the_api_read_it() {
    let step = serde_json::to_value(AS_EXAMPLES_GO[1]).unwrap();
    assert_eq!(step, json!({ "at_percent": 100, "action": "stop_new" }));
}
