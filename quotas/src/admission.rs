//! Admission: may this job plan run now, on which grants, and if not, why not.
//!
//! [`decide`] is one pure function over a [`Snapshot`]; the SQL that takes the snapshot stands in
//! [`snapshot()`]. It says yes or names every reason it can see at once, so that a person mends all
//! of them in one go. It sets nothing aside: the hold that follows is placed under the ledger's own
//! lock, which has the last word when two jobs race for the last GPU-second.

use accounting::rate_card::Rate;
use chrono::{DateTime, TimeDelta, Utc};
use record::{GpuSeconds, Language, MicroSek};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    agency::Category,
    limit::{policy::Step, use_limit::UseLimit},
    permit::Permit,
    pool::AllocationUnit,
    project::DataClass,
};

mod data;
mod extension;
mod limits;
mod offer;
mod reason;
mod snapshot;
#[cfg(test)]
mod tests;
mod words;

pub use extension::{Extension, ExtensionAsk, decide_extension};
pub use reason::Reason;
pub use snapshot::{SnapshotError, snapshot};

/// Added to the wall time of every hold: Slurm lets a job overrun its limit by up to half a minute.
pub const GRACE_S: i64 = 60;

/// What a person asks to run.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who.
    pub person_id: Uuid,
    /// GPUs of one task, or MIG instances where the class has those, all on one node. A class of
    /// whole nodes takes all GPUs of a node or none.
    pub gpu_count: i64,
    /// The time limit of each task.
    pub wall_time_s: i64,
    /// Tasks of the job's array; 1 for a single job.
    pub task_count: i64,
    /// How many of them may run at once; `None`: all.
    pub tasks_at_once: Option<i64>,
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
    /// The limits at once that are in force for the agency and the project, of every class.
    pub limits: Vec<UseLimit>,
    /// What open attempts of the agency's projects use; `None`: not counted, which is well only
    /// where no limit applies ([`Snapshot::needs_count`]). The caller knows, like what is staged.
    pub in_use: Option<Vec<InUse>>,
    /// Set when the agency has used so much that, by its own decision, no new jobs start.
    pub stopped: Option<Stopped>,
}

/// What waiting and running jobs of one project use of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Whose jobs.
    pub project_id: Uuid,
    /// Of which class.
    pub class: String,
    /// Their GPUs, as Slurm was asked for them.
    pub gpus: i64,
    /// How many jobs.
    pub jobs: i64,
}

/// The step of the agency's policy from which no new jobs start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The agency's decision.
    pub limit_policy_id: Uuid,
    /// The step that is reached.
    pub step: Step,
}

/// What the decision needs to know of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFacts {
    /// Which.
    pub project_id: Uuid,
    /// Whose project it is.
    pub agency_id: Uuid,
    /// What kind of applicant that is: it picks the price.
    pub category: Category,
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
    /// When another grant took its place, where one did.
    pub superseded_at: Option<DateTime<Utc>>,
    /// The longest wall time of one job.
    pub max_wall_time_s: i64,
    /// The most GPUs of one job at once: an array counts with all tasks that may run at once.
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
    /// The category's price at the snapshot's instant; `None` if no rate card has one.
    pub rate: Option<Rate>,
}

/// Where a grant's jobs run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// GPUs, or MIG instances, in one node.
    pub gpus_per_node: i64,
    /// What is allocated as one.
    pub unit: AllocationUnit,
}

/// Yes, and on what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admitted {
    /// The grants to hold on, oldest expiry first; no more than the job needs.
    pub grant_ids: Vec<Uuid>,
    /// Whole units of the class in one task: GPUs, MIG instances or nodes.
    pub units: i64,
    /// GPUs of the pool's type that Slurm is asked for one task, and that are held and charged.
    pub gpu_count: i64,
    /// Tasks of the job's array; 1 for a single job.
    pub task_count: i64,
    /// The most GPUs that run at once: what limits at once count while the job waits or runs.
    pub gpus_at_once: i64,
    /// The most tasks that run at once: what limits at once count as jobs.
    pub tasks_at_once: i64,
    /// Whether Slurm must let nobody else onto the node.
    pub whole_node: bool,
    /// The hold: GPUs × tasks × (wall time + [`GRACE_S`]).
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
#[error("{}", self.sentence(Language::English))]
pub struct Refusal {
    /// At least one; the first is the one to mend first.
    pub reasons: Vec<Reason>,
}

impl Refusal {
    /// The stable code of the API: that of the first reason.
    pub fn code(&self) -> &'static str {
        self.reasons.first().map_or("refused", Reason::code)
    }

    /// The sentences of all reasons, one after another.
    pub fn sentence(&self, language: Language) -> String {
        let sentences: Vec<String> =
            self.reasons.iter().map(|reason| reason.sentence(language)).collect();
        sentences.join(" ")
    }
}

impl Snapshot {
    /// Whether a limit at once applies to jobs of `class`, so that the use must be counted.
    pub fn needs_count(&self, class: &str) -> bool {
        self.limits.iter().any(|limit| limit.bounds(class))
    }
}

impl Ask {
    /// What the hold sets aside: GPUs × tasks × (wall time + [`GRACE_S`]).
    ///
    /// An ask beyond 64 bits becomes the largest amount there is, which no grant ever has.
    fn gpu_seconds(&self) -> GpuSeconds {
        let of_task = self.gpu_count.saturating_mul(self.wall_time_s.saturating_add(GRACE_S));
        GpuSeconds::new(of_task.saturating_mul(self.task_count)).unwrap_or(GpuSeconds::ZERO)
    }

    /// The most tasks that run at once.
    fn at_once(&self) -> i64 {
        self.tasks_at_once.map_or(self.task_count, |bound| bound.min(self.task_count))
    }

    /// The most GPUs that run at once.
    fn gpus_at_once(&self) -> i64 {
        self.gpu_count.saturating_mul(self.at_once())
    }

    /// When the job is over if it starts now and takes all of its time.
    fn over_at(&self) -> DateTime<Utc> {
        TimeDelta::try_seconds(self.wall_time_s)
            .and_then(|wall_time| self.now.checked_add_signed(wall_time))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
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
    if ask.task_count < 1 || ask.tasks_at_once.is_some_and(|bound| bound < 1) {
        return refuse(Reason::NoTasks);
    }
    let mut reasons = data::faults(ask, project.data_class, snapshot);
    reasons.extend(limits::faults(ask, snapshot));
    let offer = match offer::best(ask, &snapshot.grants) {
        Ok(admitted) => Some(admitted),
        Err(more) => {
            reasons.extend(more);
            None
        }
    };
    // Last, because a shorter job mends it: what is missing altogether is to be mended first.
    reasons.extend(data::ends_too_soon(ask, ask.over_at(), project.data_class, snapshot));
    match offer {
        Some(admitted) if reasons.is_empty() => Ok(admitted),
        _ => Err(Refusal { reasons }),
    }
}
