//! Every field, every kind of difference, and the calls that mend it.

mod object;

use std::collections::BTreeSet;

use slurm_wire::{AccountRow, AssociationRow, Call, Limits, Policy, QosRow, ReservationRow};

use super::*;
use crate::cluster::line::Decides;
use crate::cluster::object::{Account, Reservation, User};
use crate::cluster::step::{raises, steps};

const NOW: i64 = 1_814_400_000;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn limits(minutes: u64) -> Limits {
    Limits {
        at_once: [("gres/gpu".to_owned(), 8)].into(),
        minutes: [("gres/gpu".to_owned(), minutes)].into(),
        running_jobs: None,
        submitted_jobs: Some(5),
    }
}

fn qos() -> QosRow {
    QosRow {
        name: "mimer_stroke".to_owned(),
        description: "project stroke".to_owned(),
        priority: 0,
        preempts: names(&["normal"]),
        no_decay: true,
        deny_on_limit: false,
        limits: limits(60),
    }
}

fn user() -> User {
    User {
        account: "stroke".to_owned(),
        user: "m1anna".to_owned(),
        qos: names(&["mimer_stroke"]),
        default_qos: Some("mimer_stroke".to_owned()),
    }
}

fn reservation() -> Reservation {
    Reservation {
        nodes: names(&["node01", "node02"]),
        accounts: names(&["pub_fund"]),
        partition: Some("gpu".to_owned()),
        starts_at: None,
        ends_at: NOW + 60,
    }
}

fn account(parent: &str, limits: Limits) -> Body {
    Body::Account(Account { parent: parent.to_owned(), limits })
}

/// A fund, a project with one user, and nodes set aside.
fn site() -> Wanted {
    let objects = [
        (Key::account("pub_fund"), account("public", limits(0))),
        (Key::account("stroke"), account("pub_fund", Limits::default())),
        (Key::qos("mimer_stroke"), Body::Qos(qos())),
        (Key::user("stroke", "m1anna"), Body::User(user())),
        (Key::reservation("mimer_pool"), Body::Reservation(reservation())),
    ];
    Wanted {
        root: "public".to_owned(),
        objects: objects.into(),
        descriptions: [("stroke".to_owned(), "project stroke".to_owned())].into(),
        ..Wanted::default()
    }
}

/// Slurm with just what is wanted.
fn slurm(wanted: &Wanted) -> Actual {
    let mut actual = Actual { objects: wanted.objects.clone(), ..Actual::default() };
    actual.objects.insert(Key::account("public"), account("root", Limits::default()));
    actual
}

/// A memory of just what is wanted.
fn memory(wanted: &Wanted) -> Memory {
    let known = |body: &Body| Known { applied: Some(body.clone()), intended: None };
    wanted.objects.iter().map(|(key, body)| (key.clone(), known(body))).collect()
}

fn mend(lines: &[Line], wanted: &Wanted, actual: &Actual) -> Vec<Call> {
    steps(lines, wanted, actual, NOW).into_iter().flat_map(|step| step.calls).collect()
}

#[test]
fn slurm_as_it_should_be_differs_in_nothing() {
    let wanted = site();
    assert_eq!(diff(&wanted, &slurm(&wanted), &memory(&wanted)), []);
    assert_eq!(diff(&wanted, &slurm(&wanted), &Memory::new()), [], "also when nobody remembers");
}

#[test]
fn what_slurm_has_is_read_into_the_same_shape() {
    let wanted = site();
    let row = |name: &str, parent: &str, limits| AccountRow {
        name: name.to_owned(),
        parent: Some(parent.to_owned()),
        limits,
    };
    let association = |user: Option<&str>, partition: Option<&str>| AssociationRow {
        cluster: "mimer".to_owned(),
        account: "stroke".to_owned(),
        user: user.map(str::to_owned),
        partition: partition.map(str::to_owned),
        qos: names(&["mimer_stroke"]),
        default_qos: Some("mimer_stroke".to_owned()),
    };
    let policy = Policy {
        accounts: vec![
            row("public", "root", Limits::default()),
            row("pub_fund", "public", limits(0)),
            row("stroke", "pub_fund", Limits::default()),
        ],
        associations: vec![
            association(None, None),
            association(Some("m1anna"), None),
            association(Some("m1anna"), Some("gpu")),
        ],
        qos: vec![qos()],
        reservations: vec![ReservationRow {
            name: "mimer_pool".to_owned(),
            nodes: reservation().nodes,
            accounts: reservation().accounts,
            partition: reservation().partition,
            starts_at: NOW - 5,
            ends_at: NOW + 60,
        }],
    };
    let now = chrono::DateTime::from_timestamp(NOW, 0).unwrap();
    let actual = Actual::from_policy(policy, now);
    assert_eq!(actual.objects, slurm(&wanted).objects);
    let lines = diff(&wanted, &actual, &memory(&wanted));
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((line.field.to_string().as_str(), line.can_apply), ("partition", false));
}

/// One spoiled field of Slurm's QOS.
type Spoil = fn(&mut QosRow);

#[test]
fn every_field_of_a_qos_changed_by_hand_is_one_line_and_one_call_mends_it() {
    let spoiled: [(&str, Spoil, Decides); 9] = [
        ("description", |it| it.description = "mine".to_owned(), Decides::Operator),
        ("priority", |it| it.priority = 9, Decides::Operator),
        ("preempts", |it| it.preempts.clear(), Decides::Operator),
        ("no_decay", |it| it.no_decay = false, Decides::Operator),
        ("deny_on_limit", |it| it.deny_on_limit = true, Decides::Operator),
        (
            "at_once gres/gpu",
            |it| _ = it.limits.at_once.insert("gres/gpu".to_owned(), 99),
            Decides::Operator,
        ),
        ("minutes gres/gpu", |it| it.limits.minutes.clear(), Decides::Decider),
        ("running_jobs", |it| it.limits.running_jobs = Some(1), Decides::Operator),
        ("submitted_jobs", |it| it.limits.submitted_jobs = None, Decides::Operator),
    ];
    let wanted = site();
    for (field, spoil, decides) in spoiled {
        let mut actual = slurm(&wanted);
        let mut row = qos();
        spoil(&mut row);
        actual.objects.insert(Key::qos("mimer_stroke"), Body::Qos(row));
        let lines = diff(&wanted, &actual, &memory(&wanted));
        let [line] = &lines[..] else { panic!("{field}: {lines:?}") };
        assert_eq!(line.field.to_string(), field);
        assert!(line.drift && line.can_apply, "{field}");
        assert_eq!(line.decides, decides, "{field}");
        assert_eq!(mend(&lines, &wanted, &actual), [Call::PutQos(qos())], "{field}");
    }
}

#[test]
fn what_the_broker_wants_anew_is_pending_and_not_drift() {
    let mut wanted = site();
    let (actual, memory) = (slurm(&wanted), memory(&wanted));
    let raised = QosRow { limits: limits(120), ..qos() };
    wanted.objects.insert(Key::qos("mimer_stroke"), Body::Qos(raised.clone()));
    let lines = diff(&wanted, &actual, &memory);
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((line.expected.as_deref(), line.actual.as_deref()), (Some("120"), Some("60")));
    assert!(!line.drift && line.decides == Decides::Nobody);
    assert_eq!(mend(&lines, &wanted, &actual), [Call::PutQos(raised)]);
    let [step] = &steps(&lines, &wanted, &actual, NOW)[..] else { panic!() };
    assert!(raises(step), "waiting jobs are to be nudged");
}

#[test]
fn what_was_changed_by_hand_stays_while_what_is_pending_in_the_same_qos_is_set() {
    let mut wanted = site();
    let memory = memory(&wanted);
    let mut actual = slurm(&wanted);
    let by_hand = QosRow { priority: 9, ..qos() };
    actual.objects.insert(Key::qos("mimer_stroke"), Body::Qos(by_hand));
    let raised = QosRow { limits: limits(120), ..qos() };
    wanted.objects.insert(Key::qos("mimer_stroke"), Body::Qos(raised.clone()));
    let lines = diff(&wanted, &actual, &memory);
    assert_eq!(lines.iter().map(|line| line.drift).collect::<Vec<_>>(), [true, false]);
    let pending: Vec<Line> = lines.iter().filter(|line| !line.drift).cloned().collect();
    let kept = QosRow { priority: 9, ..raised };
    assert_eq!(mend(&pending, &wanted, &actual), [Call::PutQos(kept)]);
}

#[test]
fn a_change_that_mimerd_died_in_is_its_own_whether_slurm_took_it_or_not() {
    let mut wanted = site();
    let old = slurm(&wanted);
    let key = Key::qos("mimer_stroke");
    let tried = Body::Qos(QosRow { limits: limits(120), ..qos() });
    let mut memory = memory(&wanted);
    memory.get_mut(&key).unwrap().intended = Some(tried.clone());
    wanted.objects.insert(key.clone(), Body::Qos(QosRow { limits: limits(180), ..qos() }));
    let mut taken = old.clone();
    taken.objects.insert(key, tried);
    for actual in [old, taken] {
        let lines = diff(&wanted, &actual, &memory);
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].drift);
    }
}

#[test]
fn a_removal_that_mimerd_died_in_is_its_own_whether_slurm_took_it_or_not() {
    let wanted = site();
    let key = Key::user("stroke", "m1anna");
    let mut memory = memory(&wanted);
    memory.insert(key.clone(), Known { applied: None, intended: Some(Body::User(user())) });
    // Slurm took it, and the person is a member again.
    let mut actual = slurm(&wanted);
    actual.objects.remove(&key);
    let lines = diff(&wanted, &actual, &memory);
    assert!(lines.len() == 1 && !lines[0].drift, "{lines:?}");
    // Slurm did not take it, and the person is still no member.
    let mut without = wanted.clone();
    without.objects.remove(&key);
    let lines = diff(&without, &slurm(&wanted), &memory);
    assert!(lines.len() == 1 && !lines[0].drift, "{lines:?}");
}

#[test]
fn what_is_missing_is_made_in_the_order_slurm_can_take() {
    let wanted = site();
    let mut actual = Actual::default();
    actual.objects.insert(Key::account("public"), account("root", Limits::default()));
    let lines = diff(&wanted, &actual, &Memory::new());
    assert!(lines.iter().all(|line| !line.drift && line.field == Field::Existence));
    let calls = mend(&lines, &wanted, &actual);
    let said: Vec<String> = calls
        .iter()
        .map(|call| match call {
            Call::PutAccount(new) => format!("{} under {}", new.name, new.parent),
            Call::PutAccountLimits(new) => format!("limits of {}", new.account),
            Call::PutQos(row) => row.name.clone(),
            Call::PutUser(new) => format!("{} in {}: {}", new.user, new.account, new.qos.join(",")),
            Call::PutReservation(new) => format!("{} from {}", new.name, new.starts_at),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        said,
        [
            "pub_fund under public",
            "limits of pub_fund",
            "stroke under pub_fund",
            "mimer_stroke",
            "m1anna in stroke: mimer_stroke",
            "mimer_pool from 1814400000",
        ]
    );
}

#[test]
fn what_somebody_removed_is_drift() {
    let wanted = site();
    for key in wanted.objects.keys() {
        let mut actual = slurm(&wanted);
        actual.objects.remove(key);
        let lines = diff(&wanted, &actual, &memory(&wanted));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.drift && line.can_apply, "{key:?}");
        assert_eq!((line.expected.as_deref(), line.actual.as_deref()), (Some("there"), None));
    }
}

#[test]
fn what_is_not_the_brokers_is_shown_and_left() {
    let wanted = site();
    let mut actual = slurm(&wanted);
    actual.objects.insert(Key::account("guests"), account("public", Limits::default()));
    let guest = User { account: "guests".to_owned(), ..user() };
    actual.objects.insert(Key::user("guests", "m1anna"), Body::User(guest));
    let stray = QosRow { name: "mimer_stray".to_owned(), ..qos() };
    actual.objects.insert(Key::qos("mimer_stray"), Body::Qos(stray));
    let lines = diff(&wanted, &actual, &memory(&wanted));
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.drift && !line.can_apply && line.expected.is_none()));
    assert!(mend(&lines, &wanted, &actual).is_empty());
}

#[test]
fn without_the_root_account_the_operator_is_told_to_make_it() {
    let wanted = site();
    let lines = diff(&wanted, &Actual::default(), &Memory::new());
    assert!(lines.iter().any(|line| line.sentence.contains("sacctmgr add account public")));
}

#[test]
fn qos_that_give_way_are_set_before_those_that_preempt_them() {
    let mut wanted = site();
    let (mut actual, memory) = (slurm(&wanted), memory(&wanted));
    // The crisis moves from one project to the other: a ring of the two must never stand.
    let (first, second) = ("mimer_a", "mimer_b");
    let row = |name: &str, preempts: &[&str]| {
        let row = QosRow { name: name.to_owned(), preempts: names(preempts), ..qos() };
        (Key::qos(name), Body::Qos(row))
    };
    actual.objects.extend([row(first, &[]), row(second, &[first])]);
    wanted.objects.extend([row(first, &[second]), row(second, &[])]);
    let lines = diff(&wanted, &actual, &memory);
    let order: Vec<String> = mend(&lines, &wanted, &actual)
        .into_iter()
        .filter_map(|call| if let Call::PutQos(row) = call { Some(row.name) } else { None })
        .collect();
    assert_eq!(order, [second, first]);
}
