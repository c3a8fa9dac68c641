//! Admission: may this job plan run now, on which grants, and if not, why not.
//!
//! [`decide`] is one pure function over a [`Snapshot`]; the SQL that takes the snapshot stands in
//! [`snapshot()`]. It says yes or names every reason it can see at once, so that a person mends all
//! of them in one go. It sets nothing aside: the hold that follows is placed under the ledger's own
//! lock, which has the last word when two jobs race for the last GPU-second.

use accounting::rate_card::Rate;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Serialize;
use uuid::Uuid;

use crate::{permit::Permit, project::DataClass};

mod data;
mod offer;
mod reason;
mod snapshot;
#[cfg(test)]
mod tests;
mod words;

pub use reason::Reason;
pub use snapshot::{SnapshotError, snapshot};

/// Added to the wall time of every hold: Slurm lets a job overrun its limit by up to half a minute.
pub const GRACE_S: i64 = 60;

/// What a person asks to run.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who.
    pub person_id: Uuid,
    /// Units of the class, all on one node.
    pub gpu_count: i64,
    /// The job's time limit.
    pub wall_time_s: i64,
    /// The class of GPU capacity.
    pub class: String,
    /// When.
    pub now: DateTime<Utc>,
}

/// A dataset that a link of the job brings, and the permit the link was opened under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedDataset {
    /// The link's permit.
    pub permit_id: Uuid,
    /// The link's dataset.
    pub dataset: String,
    /// The environment the permit must name for it; `None` where none is involved.
    pub environment: Option<String>,
}

/// Everything the decision looks at, as it stood at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The project; `None` if there is none by that id.
    pub project: Option<ProjectFacts>,
    /// The project's grants, the one that ends first first.
    pub grants: Vec<GrantFacts>,
    /// The project's permits.
    pub permits: Vec<Permit>,
    /// What the job's links bring.
    pub staged: Vec<StagedDataset>,
}

/// What the decision needs to know of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFacts {
    /// Which.
    pub project_id: Uuid,
    /// How protected its data are.
    pub data_class: DataClass,
    /// Whether the person asked about is a member.
    pub is_member: bool,
}

/// What the decision needs to know of one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantFacts {
    /// Which.
    pub grant_id: Uuid,
    /// The first instant it may be used.
    pub valid_from: DateTime<Utc>,
    /// Its end.
    pub valid_until: DateTime<Utc>,
    /// The longest wall time of one job.
    pub max_wall_time_s: i64,
    /// The most GPUs of one job.
    pub max_gpus: i64,
    /// GPU-seconds neither held nor settled.
    pub available: GpuSeconds,
    /// Money neither held nor settled.
    pub available_usek: MicroSek,
    /// When the fund's money ends.
    pub fund_ends_at: DateTime<Utc>,
    /// When the environment opens, where it has not.
    pub opens_at: Option<DateTime<Utc>>,
    /// Where its jobs run.
    pub pool: PoolFacts,
    /// The price at the snapshot's instant; `None` if no rate card has one.
    pub rate: Option<Rate>,
}

/// Where a grant's jobs run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolFacts {
    /// Which pool.
    pub pool_id: Uuid,
    /// Whose capacity and money it is.
    pub fund_id: Uuid,
    /// The Slurm cluster.
    pub cluster: String,
    /// The Slurm partition.
    pub partition: String,
    /// The class of GPU capacity.
    pub class: String,
    /// The GPU type that Slurm knows the class by.
    pub gpu_type: String,
    /// GPUs in one node.
    pub gpus_per_node: i64,
}

/// Yes, and on what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admitted {
    /// The grants to hold on, oldest expiry first; no more than the job needs.
    pub grant_ids: Vec<Uuid>,
    /// The hold: GPUs × (wall time + [`GRACE_S`]).
    pub gpu_seconds: GpuSeconds,
    /// What the hold costs at most.
    pub usek: MicroSek,
    /// The price it was reckoned with.
    pub rate_id: Uuid,
    /// The earliest end among the grants: the job must be over by then.
    pub deadline: DateTime<Utc>,
    /// Where the job goes.
    pub pool: PoolFacts,
}

/// No, and why: every reason that could be seen, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("refused: {}", .reasons.iter().map(Reason::code).collect::<Vec<_>>().join(", "))]
pub struct Refusal {
    /// At least one; the first is the one to mend first.
    pub reasons: Vec<Reason>,
}

impl Refusal {
    /// The stable code of the API: that of the first reason.
    pub fn code(&self) -> &'static str {
        self.reasons.first().map_or("refused", Reason::code)
    }
}

impl Ask {
    /// What the hold sets aside: GPUs × (wall time + [`GRACE_S`]).
    ///
    /// An ask beyond 64 bits becomes the largest amount there is, which no grant ever has.
    fn gpu_seconds(&self) -> GpuSeconds {
        let seconds = self.gpu_count.saturating_mul(self.wall_time_s.saturating_add(GRACE_S));
        GpuSeconds::new(seconds).unwrap_or(GpuSeconds::ZERO)
    }
}

/// Decides whether the job plan may run.
///
/// Who is not a member learns nothing of the project's permits and grants.
pub fn decide(ask: &Ask, snapshot: &Snapshot) -> Result<Admitted, Refusal> {
    let refuse = |reason| Err(Refusal { reasons: vec![reason] });
    let Some(project) = &snapshot.project else { return refuse(Reason::UnknownProject) };
    if !project.is_member {
        return refuse(Reason::NotAMember);
    }
    if ask.gpu_count < 1 || ask.wall_time_s < 1 {
        return refuse(Reason::NothingAsked);
    }
    let mut reasons = data::faults(ask, project.data_class, snapshot);
    match offer::best(ask, &snapshot.grants) {
        Ok(admitted) if reasons.is_empty() => return Ok(admitted),
        Ok(_) => {}
        Err(more) => reasons.extend(more),
    }
    Err(Refusal { reasons })
}
