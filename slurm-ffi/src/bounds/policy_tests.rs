//! A hostile broker that writes policy: every refusal by its own name.

use slurm_wire::RefusalCode::{self, *};
use slurm_wire::{
    AccountLimits, JobRow, Limits, NewAccount, NewReservation, QosRow, ReservationRow,
    UserAssociation,
};

use super::*;
use crate::association::Association;
use crate::example;

fn site() -> (Bounds, AccountTree) {
    let file: BoundsFile = toml::from_str(include_str!("../../docs/bounds.example.toml")).unwrap();
    let account = |name: &str, parent: &str| Association {
        account: name.to_owned(),
        parent: Some(parent.to_owned()),
        ..Association::default()
    };
    let all = vec![
        account("public", "root"),
        account("fund", "public"),
        account("register", "fund"),
        account("research", "root"),
    ];
    (file.bounds, AccountTree::under("public", all))
}

fn code(outcome: Result<(), Refusal>) -> Result<(), RefusalCode> {
    outcome.map_err(|refusal| refusal.code)
}

fn account(name: &str, parent: &str, description: &str) -> Result<(), RefusalCode> {
    let (bounds, tree) = site();
    let [name, parent, description] = [name, parent, description].map(ToOwned::to_owned);
    code(bounds.check_new_account(&NewAccount { name, parent, description }, &tree))
}

#[test]
fn accounts_are_made_inside_the_subtree_only() {
    assert_eq!(account("fund_2027", "public", "Public sector 2027"), Ok(()));
    assert_eq!(account("register", "public", "Moved up"), Ok(()));
    for parent in ["research", "root", ""] {
        assert_eq!(account("fund_2027", parent, "Fund"), Err(ForeignAccount), "{parent}");
    }
    // Slurm has an account in one place only: making it here would take it away there.
    assert_eq!(account("research", "public", "Taken"), Err(ForeignAccount));
    assert_eq!(account("public", "fund", "Upside down"), Err(ForeignAccount));
    assert_eq!(account("fund", "register", "Under itself"), Err(BadPolicy));
    assert_eq!(account("fund", "fund", "In itself"), Err(BadPolicy));
}

/// slurmdbd writes these into SQL.
#[test]
fn names_and_descriptions_are_plain() {
    let long = "x".repeat(101);
    for name in ["", "A", "a b", "a'b", "a,b", "-a", "å", "a;drop table", &long] {
        assert_eq!(account(name, "public", "Fund"), Err(BadPolicy), "{name}");
    }
    for text in ["", " x", "it's", "a\\b", "a\nb", "\"q\"", "100 %", "Göteborg", &"x".repeat(201)]
    {
        assert_eq!(account("fund_2027", "public", text), Err(BadPolicy), "{text}");
    }
}

#[test]
fn limits_are_set_below_the_root_and_name_plain_tres() {
    let (bounds, tree) = site();
    let check =
        |account: &str, limits: Limits| {
            code(bounds.check_account_limits(
                &AccountLimits { account: account.to_owned(), limits },
                &tree,
            ))
        };
    let at_once = |tres: &str, amount| Limits {
        at_once: [(tres.to_owned(), amount)].into(),
        ..Limits::default()
    };
    assert_eq!(check("register", at_once("gres/gpu:h200", 4)), Ok(()));
    assert_eq!(check("register", Limits::default()), Ok(()));
    for account in ["public", "research", "root", "nowhere"] {
        assert_eq!(check(account, at_once("cpu", 1)), Err(ForeignAccount), "{account}");
    }
    for tres in ["", "cpu=1,mem", "cpu,mem", "gres/gpu h200", "cpu'"] {
        assert_eq!(check("register", at_once(tres, 1)), Err(BadPolicy), "{tres}");
    }
    assert_eq!(check("register", at_once("cpu", u64::MAX)), Err(BadPolicy));
    let running_jobs = Some(u32::MAX);
    assert_eq!(check("register", Limits { running_jobs, ..Limits::default() }), Err(BadPolicy));
}

#[test]
fn only_projects_users_are_let_in_and_only_with_the_brokers_qos() {
    let (bounds, tree) = site();
    let check = |account: &str, uid, qos: &[&str]| {
        let wanted = UserAssociation {
            account: account.to_owned(),
            user: "p-0001".to_owned(),
            qos: qos.iter().map(|name| (*name).to_owned()).collect(),
        };
        code(bounds.check_user(&wanted, uid, &tree))
    };
    let good = Some(20_001);
    assert_eq!(check("register", good, &["mimer_register", "normal"]), Ok(()));
    for uid in [None, Some(0), Some(1000), Some(30_000)] {
        assert_eq!(check("register", uid, &["mimer_register"]), Err(ForeignUser));
    }
    assert_eq!(check("research", good, &["mimer_register"]), Err(ForeignAccount));
    assert_eq!(check("public", good, &["mimer_register"]), Err(ForeignAccount));
    assert_eq!(check("register", good, &["vip"]), Err(ForeignQos));
    assert_eq!(check("register", good, &[]), Err(BadPolicy));
    assert_eq!(check("register", good, &["normal", "normal"]), Err(BadPolicy));

    let removal = |account: &str, user: &str| code(bounds.check_user_removal(account, user, &tree));
    assert_eq!(removal("register", "p-0001"), Ok(()));
    assert_eq!(removal("research", "p-0001"), Err(ForeignAccount));
    assert_eq!(removal("register", "p'0001"), Err(BadPolicy));
}

#[test]
fn a_qos_is_the_brokers_and_makes_nobody_else_give_way() {
    let good = QosRow {
        name: "mimer_register".to_owned(),
        description: "Register study".to_owned(),
        priority: 10_000,
        preempts: ["normal".to_owned(), "mimer_other".to_owned()].into(),
        no_decay: true,
        deny_on_limit: false,
        limits: Limits::default(),
    };
    let (bounds, _) = site();
    let check = |spoil: &dyn Fn(&mut QosRow)| {
        let mut qos = good.clone();
        spoil(&mut qos);
        code(bounds.check_qos(&qos))
    };
    assert_eq!(check(&|_| ()), Ok(()));
    for name in ["normal", "mimer", "other_mimer_", "mimer_"] {
        assert_eq!(check(&|it| it.name = name.to_owned()), Err(ForeignQos), "{name}");
    }
    assert_eq!(check(&|it| it.name = "mimer_A".to_owned()), Err(BadPolicy));
    assert_eq!(check(&|it| it.priority = 10_001), Err(PriorityTooHigh));
    assert_eq!(check(&|it| it.preempts = ["vip".to_owned()].into()), Err(ForeignVictim));
    assert_eq!(check(&|it| it.preempts = [it.name.clone()].into()), Err(BadPolicy));
    assert_eq!(check(&|it| it.description.clear()), Err(BadPolicy));
    assert_eq!(check(&|it| it.limits.submitted_jobs = Some(u32::MAX)), Err(BadPolicy));
}

fn nodes(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn so_many_nodes_are_set_aside_and_only_those_that_are_named() {
    let good = NewReservation {
        name: "mimer_0123456789ab".to_owned(),
        nodes: nodes(&["node01"]),
        accounts: nodes(&["fund"]),
        partition: Some("gpu".to_owned()),
        starts_at: 0,
        ends_at: 1_900_000_000,
    };
    let there = |name: &str, node: &str| ReservationRow {
        name: name.to_owned(),
        nodes: nodes(&[node]),
        accounts: nodes(&["fund"]),
        partition: None,
        starts_at: 0,
        ends_at: 1_900_000_000,
    };
    let (bounds, tree) = site();
    let check = |there: &[ReservationRow], spoil: &dyn Fn(&mut NewReservation)| {
        let mut wanted = good.clone();
        spoil(&mut wanted);
        code(bounds.check_reservation(&wanted, there, &tree))
    };
    assert_eq!(check(&[], &|_| ()), Ok(()));
    assert_eq!(check(&[there(&good.name, "node02")], &|_| ()), Ok(()), "it replaces itself");
    assert_eq!(check(&[there("maintenance", "node02")], &|_| ()), Ok(()), "the site's own");
    assert_eq!(check(&[there("mimer_other", "node02")], &|_| ()), Err(ForeignNode), "two of one");
    assert_eq!(check(&[], &|it| it.nodes = nodes(&["node01", "node02"])), Err(ForeignNode));
    assert_eq!(check(&[], &|it| it.nodes = nodes(&["node[01-99]"])), Err(ForeignNode));
    assert_eq!(check(&[], &|it| it.nodes.clear()), Err(BadPolicy));
    assert_eq!(check(&[], &|it| it.name = "maintenance".to_owned()), Err(ForeignReservation));
    assert_eq!(check(&[], &|it| it.accounts = nodes(&["research"])), Err(ForeignAccount));
    assert_eq!(check(&[], &|it| it.accounts.clear()), Err(BadPolicy));
    assert_eq!(check(&[], &|it| it.partition = Some("cpu".to_owned())), Err(ForeignPartition));
    assert_eq!(check(&[], &|it| it.ends_at = it.starts_at), Err(BadPolicy));
    assert_eq!(check(&[], &|it| it.ends_at = i64::MAX), Err(BadPolicy));
}

#[test]
fn a_stranger_has_no_mark_and_is_where_the_broker_has_a_say() {
    let (bounds, tree) = site();
    let check = |row: JobRow| code(bounds.check_stranger(&row, &tree));
    let stranger = || JobRow {
        admin_comment: None,
        account: Some("research".to_owned()),
        partition: Some("cpu,gpu".to_owned()),
        ..example::row()
    };
    assert_eq!(check(stranger()), Ok(()), "one of its partitions is ours");
    let elsewhere = || JobRow { partition: Some("cpu".to_owned()), ..stranger() };
    assert_eq!(check(elsewhere()), Err(NotAStranger));
    let account = Some("register".to_owned());
    assert_eq!(check(JobRow { account, ..elsewhere() }), Ok(()), "on our account");
    assert_eq!(check(example::row()), Err(NotAStranger), "our own job");
    let foreign_mark = Some("site:1".to_owned());
    assert_eq!(check(JobRow { admin_comment: foreign_mark, ..stranger() }), Ok(()));
}

#[test]
fn a_job_names_a_qos_and_a_reservation_of_the_brokers() {
    let (bounds, _) = site();
    assert_eq!(code(bounds.check_qos_of_job("mimer_register")), Ok(()));
    assert_eq!(code(bounds.check_qos_of_job("mimer_a,vip")), Err(ForeignQos));
    assert_eq!(code(bounds.check_reservation_name("mimer_a")), Ok(()));
    assert_eq!(code(bounds.check_reservation_name("mimer_a,other")), Err(ForeignReservation));
}

#[test]
fn the_whole_cluster_is_read_only_while_the_bounds_file_says_so() {
    let (bounds, _) = site();
    assert_eq!(code(bounds.check_import()), Err(ImportNotAllowed));
    assert_eq!(code(Bounds { import: true, ..bounds }.check_import()), Ok(()));
}
