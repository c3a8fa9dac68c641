//! One difference between what Slurm should have and what it has, told to the operator.

use serde::Serialize;

use super::field::Field;
use super::object::{Key, Kind};

/// One field of one object that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What kind of object.
    pub object: Kind,
    /// Its name in Slurm; of a user `ACCOUNT/USER`.
    pub name: String,
    /// Which field, as `minutes gres/gpu`.
    pub field: Field,
    /// What it should be; `None`: nothing.
    pub expected: Option<String>,
    /// What it is; `None`: nothing.
    pub actual: Option<String>,
    /// True if Slurm was changed by hand; false if what the broker wants has changed since.
    pub drift: bool,
    /// True if `mimer cluster apply` mends it; else it takes `sacctmgr` and a person.
    pub can_apply: bool,
    /// Who should decide what is right.
    pub decides: Decides,
    /// What happened and what to do.
    pub sentence: String,
}

/// Who should decide about a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decides {
    /// Nobody: it was decided in the broker, and is on its way to Slurm.
    Nobody,
    /// Who runs the cluster.
    Operator,
    /// Who decides on requests: it is about how much a project may use.
    Decider,
    /// The project's agency: it is about who works in the project.
    AgencyMember,
}

impl Decides {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Operator => "operator",
            Self::Decider => "decider",
            Self::AgencyMember => "agency_member",
        }
    }
}

/// Why two values differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The broker wants something else than it did.
    Pending,
    /// Slurm was changed by hand.
    ByHand,
}

impl Line {
    /// A field that differs.
    pub(super) fn of_field(key: &Key, field: Field, values: Values, cause: Cause) -> Self {
        let Values { expected, actual } = values;
        let drift = cause == Cause::ByHand;
        let sentence = match (cause, &field) {
            (Cause::Pending, Field::Existence) if expected.is_some() => {
                "It is to be made.".to_owned()
            }
            (Cause::Pending, Field::Existence) => "It is no longer needed and goes.".to_owned(),
            (Cause::Pending, _) => "What the broker wants has changed since it was set.".to_owned(),
            (Cause::ByHand, Field::Existence) if expected.is_some() => {
                "Somebody removed it in Slurm: apply makes it again.".to_owned()
            }
            (Cause::ByHand, Field::Existence) => {
                "Somebody made it in Slurm past the broker: apply removes it.".to_owned()
            }
            (Cause::ByHand, Field::Minutes(_)) => {
                "Somebody changed the budget in Slurm: apply sets \
                it as granted; if it should stay, let it be granted."
                    .to_owned()
            }
            (Cause::ByHand, _) => "Somebody changed it in Slurm: apply sets it back; if it should \
                stay, change it in the broker."
                .to_owned(),
        };
        let decides = if drift { decides(key.kind, &field) } else { Decides::Nobody };
        let (object, name) = (key.kind, key.name.clone());
        Self { object, name, field, expected, actual, drift, can_apply: true, decides, sentence }
    }

    /// Something under the broker's root or prefix that it does not want and cannot remove.
    pub(super) fn unexpected(key: &Key, field: Field, actual: String, sentence: String) -> Self {
        Self {
            object: key.kind,
            name: key.name.clone(),
            field,
            expected: None,
            actual: Some(actual),
            drift: true,
            can_apply: false,
            decides: Decides::Operator,
            sentence,
        }
    }

    /// Something that must be there before the broker can keep anything.
    pub(super) fn prerequisite(key: &Key, sentence: String) -> Self {
        Self {
            object: key.kind,
            name: key.name.clone(),
            field: Field::Existence,
            expected: Some("there".to_owned()),
            actual: None,
            drift: true,
            can_apply: false,
            decides: Decides::Operator,
            sentence,
        }
    }

    /// The object it is about.
    pub fn key(&self) -> Key {
        Key { kind: self.object, name: self.name.clone() }
    }
}

/// The two values of a field.
pub(super) struct Values {
    pub(super) expected: Option<String>,
    pub(super) actual: Option<String>,
}

fn decides(kind: Kind, field: &Field) -> Decides {
    match (kind, field) {
        (Kind::Qos, Field::Minutes(_)) => Decides::Decider,
        (Kind::User, _) => Decides::AgencyMember,
        (Kind::Account | Kind::Qos | Kind::Reservation, _) => Decides::Operator,
    }
}
