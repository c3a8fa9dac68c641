//! What a hostile broker tries with accounts, users, QOS and reservations.

use slurm_wire::{
    AccountLimits, Call, Limits, NewAccount, NewReservation, QosRow, RefusalCode, UserAssociation,
};

use super::table::{Case, NO_SENSE};

/// Accounts that are not the broker's to change: somebody else's, Slurm's root, nobody's.
const FOREIGN: [&str; 3] = ["research", "root", "nowhere"];

pub(crate) fn put_account(good: &NewAccount) -> Vec<Case> {
    let of = |bound, name: &str, parent: &str, code| {
        let account = NewAccount { name: name.into(), parent: parent.into(), ..good.clone() };
        Case::new(bound, Call::PutAccount(account), code)
    };
    let mut cases: Vec<Case> = FOREIGN
        .map(|parent| of("account_root", "pub_new", parent, RefusalCode::ForeignAccount))
        .into();
    for name in ["research", "root", "public"] {
        cases.push(of("account_root", name, "public", RefusalCode::ForeignAccount));
    }
    for name in ["", "Pub New", "a,b", "'; drop table", "-x"] {
        cases.push(of(NO_SENSE, name, "public", RefusalCode::BadPolicy));
    }
    for description in ["", "two\nlines", "it's"] {
        let account = NewAccount { description: description.into(), ..good.clone() };
        cases.push(Case::new(NO_SENSE, Call::PutAccount(account), RefusalCode::BadPolicy));
    }
    cases
}

pub(crate) fn put_account_limits(good: &AccountLimits) -> Vec<Case> {
    let mut cases: Vec<Case> = FOREIGN
        .iter()
        .chain(&["public"])
        .map(|account| {
            let wanted = AccountLimits { account: (*account).into(), ..good.clone() };
            let code = RefusalCode::ForeignAccount;
            Case::new("account_root", Call::PutAccountLimits(wanted), code)
        })
        .collect();
    for limits in bad_limits() {
        let wanted = AccountLimits { limits, ..good.clone() };
        cases.push(Case::new(NO_SENSE, Call::PutAccountLimits(wanted), RefusalCode::BadPolicy));
    }
    cases
}

fn bad_limits() -> Vec<Limits> {
    let tres = |name: &str, amount| [(name.to_owned(), amount)].into();
    vec![
        Limits { at_once: tres("gres/gpu=1,cpu", 1), ..Limits::default() },
        Limits { minutes: tres("gres/gpu", u64::MAX), ..Limits::default() },
        Limits { running_jobs: Some(u32::MAX), ..Limits::default() },
    ]
}

pub(crate) fn put_user(good: &UserAssociation) -> Vec<Case> {
    let of = |bound, spoil: &dyn Fn(&mut UserAssociation), code| {
        let mut wanted = good.clone();
        spoil(&mut wanted);
        Case::new(bound, Call::PutUser(wanted), code)
    };
    let mut cases: Vec<Case> = FOREIGN
        .iter()
        .chain(&["public"])
        .map(|account| {
            let spoil = |it: &mut UserAssociation| it.account = (*account).into();
            of("account_root", &spoil, RefusalCode::ForeignAccount)
        })
        .collect();
    let user = |name: &'static str| move |it: &mut UserAssociation| it.user = name.into();
    cases.extend([
        of("uid_min", &user("root"), RefusalCode::ForeignUser),
        of("uid_min", &user("www-data"), RefusalCode::ForeignUser),
        of("uid_max", &user("nobody"), RefusalCode::ForeignUser),
        of("uid_max", &user("mimer-nobody-has-this-name"), RefusalCode::ForeignUser),
        of("qos", &|it| it.qos = vec!["normal".into()], RefusalCode::ForeignQos),
        of("qos", &|it| it.qos.push("normal".into()), RefusalCode::ForeignQos),
        of(NO_SENSE, &|it| it.qos.clear(), RefusalCode::BadPolicy),
        of(NO_SENSE, &user("a,b"), RefusalCode::BadPolicy),
    ]);
    cases
}

pub(crate) fn remove_user(account: &str, user: &str) -> Vec<Case> {
    assert!(!account.is_empty(), "the good call names an account");
    FOREIGN
        .iter()
        .chain(&["public"])
        .map(|account| {
            let call = Call::RemoveUser { account: (*account).into(), user: user.into() };
            Case::new("account_root", call, RefusalCode::ForeignAccount)
        })
        .collect()
}

pub(crate) fn put_qos(good: &QosRow) -> Vec<Case> {
    let of = |bound, spoil: &dyn Fn(&mut QosRow), code| {
        let mut wanted = good.clone();
        spoil(&mut wanted);
        Case::new(bound, Call::PutQos(wanted), code)
    };
    let victim = |name: &'static str| move |it: &mut QosRow| it.preempts = [name.into()].into();
    let mut cases = vec![
        of("qos_prefix", &|it| it.name = "normal".into(), RefusalCode::ForeignQos),
        of("qos_prefix", &|it| it.name = "mimer_".into(), RefusalCode::ForeignQos),
        of("may_preempt", &victim("urgent"), RefusalCode::ForeignVictim),
        of("may_preempt", &victim(""), RefusalCode::ForeignVictim),
        of("max_priority", &|it| it.priority = 1001, RefusalCode::PriorityTooHigh),
        of("max_priority", &|it| it.priority = u32::MAX, RefusalCode::PriorityTooHigh),
        of(NO_SENSE, &victim("mimer_x"), RefusalCode::BadPolicy),
        of(NO_SENSE, &|it| it.name = "mimer_a,b".into(), RefusalCode::BadPolicy),
        of(NO_SENSE, &|it| it.description = "it's".into(), RefusalCode::BadPolicy),
    ];
    for limits in bad_limits() {
        let spoil = |it: &mut QosRow| it.limits = limits.clone();
        cases.push(of(NO_SENSE, &spoil, RefusalCode::BadPolicy));
    }
    cases
}

pub(crate) fn put_reservation(good: &NewReservation) -> Vec<Case> {
    let of = |bound, spoil: &dyn Fn(&mut NewReservation), code| {
        let mut wanted = good.clone();
        spoil(&mut wanted);
        Case::new(bound, Call::PutReservation(wanted), code)
    };
    let account = |name: &'static str| {
        move |it: &mut NewReservation| {
            it.accounts.insert(name.into());
        }
    };
    let foreign = RefusalCode::ForeignNode;
    vec![
        of(
            "reservation_prefix",
            &|it| it.name = "maintenance".into(),
            RefusalCode::ForeignReservation,
        ),
        of("reservation_prefix", &|it| it.name = "mimer_".into(), RefusalCode::ForeignReservation),
        of("account_root", &account("research"), RefusalCode::ForeignAccount),
        of("account_root", &account("root"), RefusalCode::ForeignAccount),
        of(
            "partitions",
            &|it| it.partition = Some("research".into()),
            RefusalCode::ForeignPartition,
        ),
        of("nodes", &|it| it.nodes = ["node03".into()].into(), foreign).saying("node03"),
        of("nodes", &|it| it.nodes = ["ALL".into()].into(), foreign).saying("ALL"),
        of(
            "max_set_aside_nodes",
            &|it| {
                it.nodes.insert("node02".into());
            },
            foreign,
        )
        .saying("max_set_aside_nodes"),
        of(NO_SENSE, &|it| it.nodes.clear(), RefusalCode::BadPolicy),
        of(NO_SENSE, &|it| it.accounts.clear(), RefusalCode::BadPolicy),
        of(NO_SENSE, &|it| it.ends_at = it.starts_at, RefusalCode::BadPolicy),
        of(NO_SENSE, &|it| it.ends_at = i64::MAX, RefusalCode::BadPolicy),
    ]
}

pub(crate) fn remove_reservation() -> Vec<Case> {
    ["maintenance", "mimer_", ""]
        .map(|name| {
            let call = Call::RemoveReservation { name: name.into() };
            Case::new("reservation_prefix", call, RefusalCode::ForeignReservation)
        })
        .into()
}
