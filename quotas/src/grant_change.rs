//! What happens to a grant after it was given: topped up, given back, moved, carried over, replaced.
//!
//! The grant stays as it was decided; every change is a row of its own, and the amounts move in the
//! ledger under the change's id. Whoever decides on a change is kept apart as whoever decides on a
//! request is: neither the requester nor ever a member of a project it touches, nor the operator of
//! what it is drawn from. Nobody decides on giving back and on expiry: both only return time.
//!
//! A grant that was superseded or has expired takes no more holds and no more changes. What comes
//! back to it later (an open hold is released) is swept by the next [`expire_due`].

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod carry_over;
mod error;
mod expire;
mod give_back;
mod rules;
mod side;
mod store;
mod supersede;
#[cfg(test)]
mod tests;
mod top_up;
mod transfer;

pub use carry_over::carry_over;
pub use error::ChangeError;
pub use expire::{Expired, expire_due};
pub use give_back::give_back;
pub use store::list_for_grant;
pub use supersede::supersede;
pub use top_up::top_up;
pub use transfer::transfer;

/// Give a grant more from its own pool and fund. The motivation is the stamp's `why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Chosen by the client; repeating a change with the same id changes nothing.
    pub change_id: Uuid,
    /// The grant.
    pub grant_id: Uuid,
    /// More time; this or the money is more than nothing.
    pub gpu_seconds: GpuSeconds,
    /// More money.
    pub usek: MicroSek,
    /// Who decides.
    pub decided_by: Uuid,
}

/// Return what a grant does not need to its pool and fund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GiveBack {
    /// Chosen by the client; repeating a change with the same id changes nothing.
    pub change_id: Uuid,
    /// The grant.
    pub grant_id: Uuid,
    /// Time, of what is free; this or the money is more than nothing.
    pub gpu_seconds: GpuSeconds,
    /// Money, of what is free.
    pub usek: MicroSek,
}

/// Move what is free in one grant to another of the same fund and class. The motivation is the
/// stamp's `why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Chosen by the client; repeating a change with the same id changes nothing.
    pub change_id: Uuid,
    /// What loses it.
    pub from_grant_id: Uuid,
    /// What gets it.
    pub to_grant_id: Uuid,
    /// Time; this or the money is more than nothing.
    pub gpu_seconds: GpuSeconds,
    /// Money.
    pub usek: MicroSek,
    /// Who decides.
    pub decided_by: Uuid,
}

/// Give a project's later grant the part of what an earlier one lost by expiry that the fund's rule
/// allows, once. The motivation is the stamp's `why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarryOver {
    /// Chosen by the client; repeating a change with the same id changes nothing.
    pub change_id: Uuid,
    /// The grant that expired.
    pub from_grant_id: Uuid,
    /// The grant that gets it: the same project, fund and class.
    pub to_grant_id: Uuid,
    /// Who decides.
    pub decided_by: Uuid,
}

/// Replace a grant by another of the same project and class; what is free in the old one goes back.
/// The motivation is the stamp's `why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supersede {
    /// Chosen by the client; repeating a change with the same id changes nothing.
    pub change_id: Uuid,
    /// What is replaced.
    pub old_grant_id: Uuid,
    /// By what.
    pub new_grant_id: Uuid,
    /// Who decides.
    pub decided_by: Uuid,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.change_kind", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// More from pool and fund.
    ToppedUp,
    /// Returned by the project.
    GivenBack,
    /// Moved to another grant.
    Transferred,
    /// A part of what expired went to another grant.
    CarriedOver,
    /// Replaced by another grant; what was free went back.
    Superseded,
    /// Its end came; what was free went back.
    Expired,
}

/// One change of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Chosen by the client.
    pub change_id: Uuid,
    /// What happened.
    pub kind: ChangeKind,
    /// The grant it happened to.
    pub grant_id: Uuid,
    /// Where it went, or what came instead.
    pub other_grant_id: Option<Uuid>,
    /// How much time moved.
    pub gpu_seconds: GpuSeconds,
    /// How much money moved.
    pub usek: MicroSek,
    /// Who decided; `None` where nobody does.
    pub decided_by: Option<Uuid>,
    /// When.
    pub changed_at: DateTime<Utc>,
}
