//! The protocol between `mimerd` and `mimer-slurm-gateway`.
//!
//! Frames are one JSON object per line, over a Unix socket or over TLS. The first line from the caller is
//! [`Hello`]; the gateway answers [`Welcome`] or a [`Refusal`]. After that one [`Call`] at a time,
//! each answered by one [`Answer`]. There is no libslurm here, so everything except the gateway
//! builds and tests without Slurm's headers.

mod call;
mod job;
mod policy;
mod refusal;
mod row;
mod watch;

pub use call::{Answer, Call, Hello, PROTOCOL_VERSION, SettingFault, Welcome};
pub use job::{JobSpec, OurJob, Submitted, TaskArray};
pub use policy::{
    AccountLimits, Limits, NewAccount, NewReservation, Policy, QosRow, ReservationRow,
    UserAssociation,
};
pub use refusal::{Refusal, RefusalCode};
pub use row::{AccountRow, AssociationRow, JobRecord, JobRow, JobState};
pub use watch::{AccountUsage, Changes, Cursor};

/// Longest line either side accepts: a script of 4 MiB escaped as JSON fits with room to spare.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
