//! Whether a running job may have more time.

use accounting::rate::Price;

use super::*;
use crate::limit::policy::Action;

/// A job of one GPU that runs since 11 o'clock on the 10th gets an hour more: two hours in all.
fn more() -> ExtensionAsk {
    ExtensionAsk {
        person_id: PERSON,
        gpu_count: 1,
        task_count: 1,
        class: "h200".to_owned(),
        wall_time_s: 2 * HOUR_S,
        more_s: HOUR_S,
        ends_at: at(10) + TimeDelta::hours(1),
        held_grant_ids: vec![grant().grant_id],
        price: Price::new(36 * MicroSek::KRONA.get(), 1_000_000).unwrap(),
        now: at(10),
    }
}

#[track_caller]
fn refused(ask: &ExtensionAsk, snapshot: &Snapshot) -> Vec<Reason> {
    decide_extension(ask, snapshot).expect_err("refused").reasons
}

#[test]
fn an_extension_holds_the_new_time_and_no_grace_again() {
    let extension = decide_extension(&more(), &snapshot()).unwrap();
    assert_eq!(extension.grant_ids, [grant().grant_id]);
    assert_eq!(extension.gpu_seconds, gpu_seconds(HOUR_S));
    assert_eq!(extension.usek, usek(36 * MicroSek::KRONA.get()));
    let array = ExtensionAsk { gpu_count: 2, task_count: 3, ..more() };
    let extension = decide_extension(&array, &snapshot()).unwrap();
    assert_eq!(extension.gpu_seconds, gpu_seconds(6 * HOUR_S));
}

#[test]
fn it_is_paid_at_the_price_of_its_hold_whatever_the_card_says_now() {
    let snapshot = with_grant(GrantFacts { rate: None, ..grant() });
    let odd = ExtensionAsk { price: Price::new(1, 1_000_000).unwrap(), ..more() };
    assert_eq!(decide_extension(&odd, &snapshot).unwrap().usek, usek(1), "rounded up");
}

#[test]
fn it_draws_on_the_fund_and_place_of_its_hold_oldest_first() {
    let late = GrantFacts { grant_id: OTHER, valid_until: at(25), ..grant() };
    let mut foreign = GrantFacts { grant_id: PERMIT, valid_until: at(12), ..grant() };
    foreign.pool.fund_id = OTHER;
    let little = GrantFacts { available: gpu_seconds(600), ..grant() };
    let snapshot = Snapshot { grants: vec![foreign, late, little], ..snapshot() };
    let extension = decide_extension(&more(), &snapshot).unwrap();
    assert_eq!(extension.grant_ids, [grant().grant_id, OTHER]);
}

#[test]
fn what_the_grants_do_not_have_or_allow_is_told() {
    let short = GrantFacts { available: gpu_seconds(1), available_usek: usek(1), ..grant() };
    let codes = |ask: &ExtensionAsk, grant: GrantFacts| {
        let reasons = refused(ask, &with_grant(grant));
        reasons.iter().map(Reason::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&more(), short), ["not_enough_gpu_seconds"]);
    let poor = GrantFacts { available_usek: usek(1), ..grant() };
    assert_eq!(codes(&more(), poor), ["not_enough_money"]);
    let brief = GrantFacts { max_wall_time_s: 2 * HOUR_S - 1, ..grant() };
    assert_eq!(codes(&more(), brief), ["wall_time_above_grant"]);
    let over = GrantFacts { valid_until: at(10) + TimeDelta::minutes(59), ..grant() };
    assert_eq!(codes(&more(), over), ["grant_ends_too_soon"]);
    let ended = GrantFacts { fund_ends_at: at(10), ..grant() };
    assert_eq!(codes(&more(), ended), ["grant_ends_too_soon", "fund_ended"]);
    let endless = ExtensionAsk { more_s: i64::MAX, gpu_count: 8, ..more() };
    assert_eq!(codes(&endless, grant()), ["not_enough_gpu_seconds"]);
}

#[test]
fn a_held_grant_that_ends_too_soon_is_not_mended_by_another() {
    let over = GrantFacts { valid_until: at(10) + TimeDelta::minutes(59), ..grant() };
    let late = GrantFacts { grant_id: OTHER, ..grant() };
    let snapshot = Snapshot { grants: vec![over.clone(), late], ..snapshot() };
    let told = Reason::GrantEndsTooSoon { ends_at: over.valid_until, asked_s: 2 * HOUR_S };
    assert_eq!(refused(&more(), &snapshot), [told]);
}

#[test]
fn the_permits_must_hold_until_the_new_end() {
    let ends_at = at(10) + TimeDelta::minutes(59);
    let snapshot = with_permit(Permit { valid_until: ends_at, ..permit() });
    let told = Reason::PermitEndsTooSoon { permit_id: PERMIT, ends_at, asked_s: 2 * HOUR_S };
    assert_eq!(refused(&more(), &snapshot), [told]);
    let snapshot = with_permit(Permit { valid_until: at(10) + TimeDelta::hours(1), ..permit() });
    assert!(decide_extension(&more(), &snapshot).is_ok(), "the old time is over by then");
    let revoked = with_permit(Permit { revoked_at: Some(at(9)), ..permit() });
    assert_eq!(refused(&more(), &revoked)[0].code(), "permit_revoked");
}

#[test]
fn an_agency_that_stops_new_jobs_extends_none() {
    let step = Step { at_percent: 100, action: Action::StopNew };
    let stopped = Some(Stopped { limit_policy_id: OTHER, step });
    let told = refused(&more(), &Snapshot { stopped, ..snapshot() });
    assert_eq!(told, [Reason::NewJobsStopped { percent: 100, policy: OTHER }]);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (ask, code) in [
        (ExtensionAsk { more_s: 0, ..more() }, "nothing_asked"),
        (ExtensionAsk { task_count: 0, ..more() }, "no_tasks"),
        (ExtensionAsk { held_grant_ids: vec![OTHER], ..more() }, "no_grant"),
    ] {
        assert_eq!(refused(&ask, &snapshot())[0].code(), code);
    }
    let stranger = ProjectFacts { is_member: false, ..project() };
    let told = refused(&more(), &Snapshot { project: Some(stranger), ..snapshot() });
    assert_eq!(told, [Reason::NotAMember]);
    let told = refused(&more(), &Snapshot { project: None, ..snapshot() });
    assert_eq!(told, [Reason::UnknownProject]);
}
