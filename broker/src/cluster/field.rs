//! The fields of an object: what of it differs is told, and mended, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};
use slurm_wire::Limits;

use super::object::Body;

/// One thing said of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// That it is there at all.
    Existence,
    /// The name it has.
    Name,
    /// An account's parent.
    Parent,
    /// One line for people.
    Description,
    /// What is added to the priority of a QOS' jobs.
    Priority,
    /// The QOS whose jobs make way.
    Preempts,
    /// Use is counted for ever.
    NoDecay,
    /// What is above a limit is refused instead of made to wait.
    DenyOnLimit,
    /// A TRES that may be in use at once.
    AtOnce(String),
    /// TRES-minutes that may ever be used.
    Minutes(String),
    /// Jobs running at once.
    RunningJobs,
    /// Jobs waiting or running at once.
    SubmittedJobs,
    /// The QOS that a user may ask for.
    Qos,
    /// The QOS of a user's job that asks for none.
    DefaultQos,
    /// A reservation's nodes.
    Nodes,
    /// Accounts that may run in a reservation.
    Accounts,
    /// A reservation's partition, or the one that a user is limited to.
    Partition,
    /// When a reservation begins.
    StartsAt,
    /// When a reservation ends.
    EndsAt,
}

impl fmt::Display for Field {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Existence => "existence",
            Self::Name => "name",
            Self::Parent => "parent",
            Self::Description => "description",
            Self::Priority => "priority",
            Self::Preempts => "preempts",
            Self::NoDecay => "no_decay",
            Self::DenyOnLimit => "deny_on_limit",
            Self::AtOnce(tres) => return write!(to, "at_once {tres}"),
            Self::Minutes(tres) => return write!(to, "minutes {tres}"),
            Self::RunningJobs => "running_jobs",
            Self::SubmittedJobs => "submitted_jobs",
            Self::Qos => "qos",
            Self::DefaultQos => "default_qos",
            Self::Nodes => "nodes",
            Self::Accounts => "accounts",
            Self::Partition => "partition",
            Self::StartsAt => "starts_at",
            Self::EndsAt => "ends_at",
        })
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Every field that has a value, as text. An object that is not there has none.
pub fn fields(body: Option<&Body>) -> BTreeMap<Field, String> {
    let mut said = BTreeMap::new();
    let Some(body) = body else { return said };
    said.insert(Field::Existence, "there".to_owned());
    match body {
        Body::Account(account) => {
            said.insert(Field::Parent, account.parent.clone());
            say_limits(&mut said, &account.limits);
        }
        Body::Qos(qos) => {
            said.insert(Field::Description, qos.description.clone());
            said.insert(Field::Priority, qos.priority.to_string());
            say_names(&mut said, Field::Preempts, &qos.preempts);
            said.insert(Field::NoDecay, qos.no_decay.to_string());
            said.insert(Field::DenyOnLimit, qos.deny_on_limit.to_string());
            say_limits(&mut said, &qos.limits);
        }
        Body::User(user) => {
            say_names(&mut said, Field::Qos, &user.qos);
            said.extend(user.default_qos.clone().map(|qos| (Field::DefaultQos, qos)));
        }
        Body::Reservation(reservation) => {
            say_names(&mut said, Field::Nodes, &reservation.nodes);
            say_names(&mut said, Field::Accounts, &reservation.accounts);
            said.extend(reservation.partition.clone().map(|name| (Field::Partition, name)));
            said.extend(reservation.starts_at.map(|at| (Field::StartsAt, time(at))));
            said.insert(Field::EndsAt, time(reservation.ends_at));
        }
    }
    said
}

fn say_limits(said: &mut BTreeMap<Field, String>, limits: &Limits) {
    for (tres, most) in &limits.at_once {
        said.insert(Field::AtOnce(tres.clone()), most.to_string());
    }
    for (tres, most) in &limits.minutes {
        said.insert(Field::Minutes(tres.clone()), most.to_string());
    }
    said.extend(limits.running_jobs.map(|most| (Field::RunningJobs, most.to_string())));
    said.extend(limits.submitted_jobs.map(|most| (Field::SubmittedJobs, most.to_string())));
}

fn say_names(said: &mut BTreeMap<Field, String>, field: Field, names: &BTreeSet<String>) {
    if !names.is_empty() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        said.insert(field, names.join(","));
    }
}

fn time(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .map_or_else(|| seconds.to_string(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

impl Body {
    /// Takes one field over from `other`, which is of the same kind; the rest stays.
    pub fn take(&mut self, field: &Field, other: &Self) {
        match (self, other) {
            (Self::Account(this), Self::Account(other)) => match field {
                Field::Parent => this.parent.clone_from(&other.parent),
                limit => take_limit(&mut this.limits, limit, &other.limits),
            },
            (Self::Qos(this), Self::Qos(other)) => match field {
                Field::Description => this.description.clone_from(&other.description),
                Field::Priority => this.priority = other.priority,
                Field::Preempts => this.preempts.clone_from(&other.preempts),
                Field::NoDecay => this.no_decay = other.no_decay,
                Field::DenyOnLimit => this.deny_on_limit = other.deny_on_limit,
                limit => take_limit(&mut this.limits, limit, &other.limits),
            },
            // These are set as a whole: half of a list of QOS or of a reservation means nothing.
            (this @ Self::User(_), Self::User(_))
            | (this @ Self::Reservation(_), Self::Reservation(_)) => this.clone_from(other),
            _ => {}
        }
    }
}

fn take_limit(limits: &mut Limits, field: &Field, other: &Limits) {
    match field {
        Field::AtOnce(tres) => take_most(&mut limits.at_once, tres, &other.at_once),
        Field::Minutes(tres) => take_most(&mut limits.minutes, tres, &other.minutes),
        Field::RunningJobs => limits.running_jobs = other.running_jobs,
        Field::SubmittedJobs => limits.submitted_jobs = other.submitted_jobs,
        _ => {}
    }
}

fn take_most(these: &mut BTreeMap<String, u64>, tres: &str, others: &BTreeMap<String, u64>) {
    match others.get(tres) {
        Some(most) => these.insert(tres.to_owned(), *most),
        None => these.remove(tres),
    };
}
