//! Decisions: a request becomes a grant, or nothing.
//!
//! One decision per request, made by a person who neither asked, nor is or was a member of the
//! project, nor laid out the pool or fund it draws on. The rules are pure and stand in `rules.rs`;
//! those that other tables decide are kept a second time by the database, each under its own name.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod error;
mod rules;
mod store;
#[cfg(test)]
mod tests;

pub use error::{Conflict, DecideError};
pub use store::{approve, by_request, reject};

/// A published criterion that requests are scored by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.criterion", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// What society gains by it. Every approval scores it.
    SocietalBenefit,
    /// How well the data and the results are protected. Every approval scores it.
    Security,
    /// Whether it needs this machine.
    Need,
    /// Whether the people can carry it through.
    Feasibility,
}

/// The highest points of one criterion; the lowest is 0.
pub const HIGHEST_POINTS: i16 = 5;

/// The points a decider gave by one criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Which criterion.
    pub criterion: Criterion,
    /// 0 to [`HIGHEST_POINTS`].
    pub points: i16,
}

/// The grant that an approval makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// Chosen by the client.
    pub grant_id: Uuid,
    /// Where the GPU-seconds come from; its fund gives the money.
    pub pool_id: Uuid,
    /// The ceiling in GPU-seconds; more than nothing.
    pub gpu_seconds: GpuSeconds,
    /// The ceiling in money; more than nothing.
    pub usek: MicroSek,
    /// The first instant a job may be admitted on it.
    pub valid_from: DateTime<Utc>,
    /// Its end.
    pub valid_until: DateTime<Utc>,
    /// The longest wall time of one job; at least 1 second.
    pub max_wall_time_s: i64,
    /// The most GPUs of one job; at least 1.
    pub max_gpus: i64,
}

/// Approve a request. The motivation is the stamp's `why` and must be there.
#[derive(Clone, Debug)]
pub struct Approve {
    /// Chosen by the client; repeating a decision with the same id changes nothing.
    pub decision_id: Uuid,
    /// The request.
    pub request_id: Uuid,
    /// Who decides.
    pub decided_by: Uuid,
    /// At least societal benefit and security, each criterion once.
    pub scores: Vec<Score>,
    /// What it becomes.
    pub grant: NewGrant,
}

/// Reject a request. The motivation is the stamp's `why` and must be there.
#[derive(Clone, Debug)]
pub struct Reject {
    /// Chosen by the client; repeating a decision with the same id changes nothing.
    pub decision_id: Uuid,
    /// The request.
    pub request_id: Uuid,
    /// Who decides.
    pub decided_by: Uuid,
    /// Each criterion at most once; may be empty.
    pub scores: Vec<Score>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.outcome", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It became a grant.
    Approved,
    /// It became nothing.
    Rejected,
}

/// A decision as it was made. Its motivation is in the audit trail, erasable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Chosen by the client.
    pub decision_id: Uuid,
    /// What was decided on.
    pub request_id: Uuid,
    /// Who decided.
    pub decided_by: Uuid,
    /// Which way.
    pub outcome: Outcome,
    /// The points given.
    pub scores: Vec<Score>,
    /// When.
    pub decided_at: DateTime<Utc>,
}
