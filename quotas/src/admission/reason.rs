//! The closed list of reasons for which a job plan is refused.
//!
//! Each has a stable code for programs and a sentence for the person who asked, in both languages:
//! what is wrong, and what to do about it.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, Language, MicroSek};
use serde::Serialize;
use uuid::Uuid;

use crate::limit::use_limit::Scope;

mod english;
mod swedish;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// There is no such project.
    UnknownProject,
    /// The person is not a member.
    NotAMember,
    /// No GPUs or no time were asked for.
    NothingAsked,
    /// An array without tasks, or of which none may run.
    NoTasks,
    /// The project has no grant of the class.
    NoGrant {
        /// The class asked for.
        class: String,
    },
    /// Every grant of the class is over.
    GrantExpired {
        /// When the last one ended.
        ended_at: DateTime<Utc>,
    },
    /// Every grant of the class is over, the last one because another took its place.
    GrantSuperseded {
        /// When it was replaced.
        ended_at: DateTime<Utc>,
    },
    /// The next grant of the class has not begun.
    GrantNotYetValid {
        /// When it begins.
        begins_at: DateTime<Utc>,
    },
    /// The job could not end before the grant does.
    GrantEndsTooSoon {
        /// When the last grant ends.
        ends_at: DateTime<Utc>,
        /// The wall time asked for.
        asked_s: i64,
    },
    /// The fund's money has ended.
    FundEnded {
        /// When.
        ended_at: DateTime<Utc>,
    },
    /// The environment is not open for users.
    NotOpenYet {
        /// When it opens.
        opens_at: DateTime<Utc>,
    },
    /// More GPUs than one node has.
    TooManyGpusForNode {
        /// GPUs asked for.
        asked: i64,
        /// GPUs in one node.
        per_node: i64,
    },
    /// The class is given out in whole nodes only.
    WholeNodesOnly {
        /// GPUs asked for.
        asked: i64,
        /// GPUs in one node.
        per_node: i64,
    },
    /// More GPUs than the grant allows one job.
    TooManyGpusForGrant {
        /// GPUs asked for.
        asked: i64,
        /// GPUs allowed.
        limit: i64,
    },
    /// An array whose tasks together want more GPUs at once than the grant allows one job.
    TooManyTasksForGrant {
        /// GPUs of all tasks that may run at once.
        asked: i64,
        /// GPUs allowed.
        limit: i64,
        /// How many tasks fit.
        fitting: i64,
    },
    /// A longer job than the grant allows.
    WallTimeAboveGrant {
        /// Wall time asked for.
        asked_s: i64,
        /// Wall time allowed.
        limit_s: i64,
    },
    /// More GPUs than the agency or the project may use at once.
    GpusAtOnceReached {
        /// Whose limit.
        scope: Scope,
        /// GPUs asked for.
        asked: i64,
        /// GPUs of the jobs that wait or run.
        in_use: i64,
        /// GPUs allowed.
        limit: i64,
    },
    /// As many jobs as the agency or the project may have at once.
    JobsAtOnceReached {
        /// Whose limit.
        scope: Scope,
        /// Jobs that wait or run.
        in_use: i64,
        /// Jobs allowed.
        limit: i64,
    },
    /// More tasks of an array at once than the agency or the project may have jobs.
    TasksAtOnceReached {
        /// Whose limit.
        scope: Scope,
        /// Tasks that may run at once.
        asked: i64,
        /// Jobs that wait or run.
        in_use: i64,
        /// Jobs allowed.
        limit: i64,
    },
    /// A limit at once applies, and what is in use is not known.
    UseNotCounted,
    /// The agency has decided that no new jobs start after so much use.
    NewJobsStopped {
        /// The share of the granted time at which that begins.
        percent: i64,
        /// The agency's decision.
        policy: Uuid,
    },
    /// No rate card prices the class on the partition today.
    NoPrice {
        /// The class.
        class: String,
        /// The partition.
        partition: String,
    },
    /// The grants have too few GPU-seconds left.
    NotEnoughGpuSeconds {
        /// What the hold needs.
        wanted: GpuSeconds,
        /// What is left.
        available: GpuSeconds,
    },
    /// The grants have too little money left.
    NotEnoughMoney {
        /// What the hold costs at most.
        wanted: MicroSek,
        /// What is left.
        available: MicroSek,
    },
    /// There is no permit for what is asked.
    PermitMissing {
        /// The dataset no permit covers; `None`: the project has no permit at all.
        dataset: Option<String>,
    },
    /// The permit is over.
    PermitExpired {
        /// Which.
        permit_id: Uuid,
        /// Since when.
        expired_at: DateTime<Utc>,
    },
    /// The permit has not begun.
    PermitNotYetValid {
        /// Which.
        permit_id: Uuid,
        /// From when.
        begins_at: DateTime<Utc>,
    },
    /// The permit ends before the job could.
    PermitEndsTooSoon {
        /// Which.
        permit_id: Uuid,
        /// When it ends.
        ends_at: DateTime<Utc>,
        /// The wall time asked for.
        asked_s: i64,
    },
    /// The permit was revoked.
    PermitRevoked {
        /// Which.
        permit_id: Uuid,
        /// Since when.
        revoked_at: DateTime<Utc>,
    },
    /// The permit does not name the person.
    PersonNotInPermit {
        /// Which.
        permit_id: Uuid,
    },
    /// The permit does not name the environment.
    EnvironmentNotInPermit {
        /// Which.
        permit_id: Uuid,
        /// The environment.
        environment: String,
    },
    /// The permit does not cover the dataset.
    DatasetNotInPermit {
        /// Which.
        permit_id: Uuid,
        /// The dataset.
        dataset: String,
    },
}

/// Gives every reason its code and lists the codes, so that neither can miss one.
macro_rules! codes {
    ($($variant:ident => $code:literal,)+) => {
        impl Reason {
            /// Every code there is.
            pub const CODES: &[&str] = &[$($code),+];

            /// The stable code of the API.
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)+
                }
            }
        }
    };
}

codes! {
    UnknownProject => "unknown_project",
    NotAMember => "not_a_member",
    NothingAsked => "nothing_asked",
    NoTasks => "no_tasks",
    NoGrant => "no_grant",
    GrantExpired => "grant_expired",
    GrantSuperseded => "grant_superseded",
    GrantNotYetValid => "grant_not_yet_valid",
    GrantEndsTooSoon => "grant_ends_too_soon",
    FundEnded => "fund_ended",
    NotOpenYet => "not_open_yet",
    TooManyGpusForNode => "too_many_gpus_for_node",
    WholeNodesOnly => "whole_nodes_only",
    TooManyGpusForGrant => "too_many_gpus_for_grant",
    TooManyTasksForGrant => "too_many_tasks_for_grant",
    WallTimeAboveGrant => "wall_time_above_grant",
    GpusAtOnceReached => "gpus_at_once_reached",
    JobsAtOnceReached => "jobs_at_once_reached",
    TasksAtOnceReached => "tasks_at_once_reached",
    UseNotCounted => "use_not_counted",
    NewJobsStopped => "new_jobs_stopped",
    NoPrice => "no_price",
    NotEnoughGpuSeconds => "not_enough_gpu_seconds",
    NotEnoughMoney => "not_enough_money",
    PermitMissing => "permit_missing",
    PermitExpired => "permit_expired",
    PermitNotYetValid => "permit_not_yet_valid",
    PermitEndsTooSoon => "permit_ends_too_soon",
    PermitRevoked => "permit_revoked",
    PersonNotInPermit => "person_not_in_permit",
    EnvironmentNotInPermit => "environment_not_in_permit",
    DatasetNotInPermit => "dataset_not_in_permit",
}

impl Reason {
    /// What is wrong and what to do, for the person who asked, in their language.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::English => english::sentence(self),
            Language::Swedish => swedish::sentence(self),
        }
    }
}
