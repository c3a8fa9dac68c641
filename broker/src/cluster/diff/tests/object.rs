//! Accounts, users and reservations: what differs in them, and the calls that mend it.

use slurm_wire::{Call, Limits, UserAssociation};

use super::*;
use crate::cluster::step::Step;

#[test]
fn an_account_elsewhere_in_the_tree_is_moved_when_told() {
    let wanted = site();
    let mut actual = slurm(&wanted);
    actual.objects.insert(Key::account("stroke"), account("public", Limits::default()));
    let lines = diff(&wanted, &actual, &Memory::new());
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((line.field.to_string().as_str(), line.drift), ("parent", true));
    let calls = mend(&lines, &wanted, &actual);
    let [Call::PutAccount(put)] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((put.name.as_str(), put.parent.as_str()), ("stroke", "pub_fund"));
}

#[test]
fn limits_of_a_fund_are_lifted_and_set_alone() {
    let mut wanted = site();
    let memory = memory(&wanted);
    let actual = slurm(&wanted);
    wanted.objects.insert(Key::account("pub_fund"), account("public", Limits::default()));
    let lines = diff(&wanted, &actual, &memory);
    assert!(lines.iter().all(|line| !line.drift && line.expected.is_none()));
    let calls = mend(&lines, &wanted, &actual);
    let [Call::PutAccountLimits(put)] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((put.account.as_str(), &put.limits), ("pub_fund", &Limits::default()));
    let [step]: [Step; 1] = steps(&lines, &wanted, &actual, NOW).try_into().unwrap();
    assert!(raises(&step), "a limit that is lifted is a raise");
}

#[test]
fn who_is_no_member_any_more_goes_by_itself_and_who_was_put_there_by_hand_when_told() {
    let mut wanted = site();
    let (actual, memory) = (slurm(&wanted), memory(&wanted));
    wanted.objects.remove(&Key::user("stroke", "m1anna"));
    for (memory, drift) in [(memory, false), (Memory::new(), true)] {
        let lines = diff(&wanted, &actual, &memory);
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((line.drift, line.can_apply), (drift, true));
        let (account, user) = ("stroke".to_owned(), "m1anna".to_owned());
        assert_eq!(mend(&lines, &wanted, &actual), [Call::RemoveUser { account, user }]);
    }
}

#[test]
fn a_users_qos_are_set_together_the_default_first() {
    let wanted = site();
    for spoiled in [
        User { qos: names(&["mimer_stroke", "normal"]), ..user() },
        User { default_qos: None, ..user() },
    ] {
        let mut actual = slurm(&wanted);
        actual.objects.insert(Key::user("stroke", "m1anna"), Body::User(spoiled));
        let lines = diff(&wanted, &actual, &memory(&wanted));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((line.drift, line.decides), (true, Decides::AgencyMember));
        let put = UserAssociation {
            account: "stroke".to_owned(),
            user: "m1anna".to_owned(),
            qos: vec!["mimer_stroke".to_owned()],
        };
        assert_eq!(mend(&lines, &wanted, &actual), [Call::PutUser(put)]);
    }
}

/// One spoiled field of Slurm's reservation.
type Move = fn(&mut Reservation);

#[test]
fn every_field_of_a_reservation_is_compared() {
    let spoiled: [(&str, Move); 5] = [
        ("nodes", |it| it.nodes.clear()),
        ("accounts", |it| _ = it.accounts.insert("other".to_owned())),
        ("partition", |it| it.partition = None),
        ("starts_at", |it| it.starts_at = Some(NOW + 5)),
        ("ends_at", |it| it.ends_at += 1),
    ];
    let wanted = site();
    for (field, spoil) in spoiled {
        let mut actual = slurm(&wanted);
        let mut body = reservation();
        spoil(&mut body);
        actual.objects.insert(Key::reservation("mimer_pool"), Body::Reservation(body));
        let lines = diff(&wanted, &actual, &memory(&wanted));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((line.field.to_string().as_str(), line.drift), (field, true));
        assert_eq!(mend(&lines, &wanted, &actual).len(), 1);
    }
}

#[test]
fn nodes_no_longer_set_aside_are_given_back() {
    let mut wanted = site();
    let (actual, memory) = (slurm(&wanted), memory(&wanted));
    wanted.objects.remove(&Key::reservation("mimer_pool"));
    let lines = diff(&wanted, &actual, &memory);
    assert!(lines.len() == 1 && !lines[0].drift);
    let name = "mimer_pool".to_owned();
    assert_eq!(mend(&lines, &wanted, &actual), [Call::RemoveReservation { name }]);
}
