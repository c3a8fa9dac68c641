//! What is admitted, and on which grants.

use super::*;

#[test]
fn the_hold_is_gpus_times_wall_time_and_a_minute() {
    let ask = Ask { gpu_count: 2, ..ask() };
    let admitted = decide(&ask, &snapshot()).unwrap();
    assert_eq!(admitted.gpu_seconds, gpu_seconds(2 * (HOUR_S + 60)));
    assert_eq!(admitted.usek, usek(2 * (HOUR_S + 60) * MicroSek::ORE.get()));
    assert_eq!(admitted.grant_ids, [grant().grant_id]);
    assert_eq!(admitted.deadline, at(20));
    assert_eq!(admitted.pool, grant().pool);
}

#[test]
fn an_open_project_needs_no_permit() {
    let open = ProjectFacts { data_class: DataClass::Open, ..project() };
    let snapshot = Snapshot { project: Some(open), permits: vec![], staged: vec![], ..snapshot() };
    assert!(decide(&ask(), &snapshot).is_ok());
}

#[test]
fn one_valid_permit_is_enough_beside_an_expired_one() {
    let expired = Permit { permit_id: OTHER, valid_until: at(5), ..permit() };
    let snapshot = Snapshot { permits: vec![expired, permit()], ..snapshot() };
    assert!(decide(&ask(), &snapshot).is_ok());
}

#[test]
fn the_oldest_expiry_burns_first_and_the_rest_is_taken_from_the_next() {
    let late = GrantFacts { grant_id: OTHER, valid_until: at(25), ..grant() };
    let early = GrantFacts { available: gpu_seconds(1_000), ..grant() };
    let snapshot = Snapshot { grants: vec![late.clone(), early.clone()], ..snapshot() };
    let admitted = decide(&ask(), &snapshot).unwrap();
    assert_eq!(admitted.grant_ids, [early.grant_id, late.grant_id]);
    assert_eq!(admitted.deadline, at(20));
    assert_eq!(admitted.usek, usek((HOUR_S + 60) * MicroSek::ORE.get()));
}

#[test]
fn a_grant_that_suffices_alone_is_taken_alone() {
    let late = GrantFacts { grant_id: OTHER, valid_until: at(25), ..grant() };
    let snapshot = Snapshot { grants: vec![grant(), late], ..snapshot() };
    assert_eq!(decide(&ask(), &snapshot).unwrap().grant_ids, [grant().grant_id]);
}

#[test]
fn grants_of_two_funds_are_never_drawn_on_together() {
    let mut other = GrantFacts { grant_id: OTHER, valid_until: at(25), ..grant() };
    other.pool.fund_id = OTHER;
    let half = gpu_seconds((HOUR_S + 60) / 2);
    let halves = vec![
        GrantFacts { available: half, ..grant() },
        GrantFacts { available: half, ..other.clone() },
    ];
    let refused = reasons(&ask(), &Snapshot { grants: halves, ..snapshot() });
    assert!(matches!(refused[..], [Reason::NotEnoughGpuSeconds { .. }]));

    let second_has_all = vec![GrantFacts { available: half, ..grant() }, other];
    let admitted = decide(&ask(), &Snapshot { grants: second_has_all, ..snapshot() }).unwrap();
    assert_eq!(admitted.grant_ids, [OTHER]);
}

#[test]
fn a_grant_that_allows_the_job_is_found_beside_one_that_does_not() {
    let wide = GrantFacts { grant_id: OTHER, valid_until: at(25), max_gpus: 8, ..grant() };
    let snapshot = Snapshot { grants: vec![grant(), wide], ..snapshot() };
    let ask = Ask { gpu_count: 8, ..ask() };
    assert_eq!(decide(&ask, &snapshot).unwrap().grant_ids, [OTHER]);
}

#[test]
fn the_last_gpu_second_and_the_last_oere_can_be_used() {
    let exact = GrantFacts {
        available: gpu_seconds(HOUR_S + 60),
        available_usek: usek((HOUR_S + 60) * MicroSek::ORE.get()),
        ..grant()
    };
    assert!(decide(&ask(), &with_grant(exact)).is_ok());
}
