//! What an agency has decided to do when its use reaches a share of what it was granted.
//!
//! One policy per agency: steps, each at a percentage of the granted time, each with one action.
//! Steps that act must have been tried in a dry run before: in a dry run every action is recorded
//! and none is done. The broker acts; here stand the decision, the arithmetic and the facts.

use accounting::ledger::{GrantBalance, LedgerError};
use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod store;
mod taken;
#[cfg(test)]
mod tests;

pub use store::{current, decide, history, list, standing};
pub use taken::{LimitAction, Taken, TakenError, list_for_agency, record_action, was_taken};

/// The highest percentage a step may stand at.
pub const HIGHEST_PERCENT: i64 = 1_000;

/// The most steps of one policy.
pub const MOST_STEPS: usize = 20;

/// What is done at a step, from the mildest to the hardest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[sqlx(type_name = "quotas.limit_action_kind", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The agency is told.
    Warn,
    /// No new job plan is admitted.
    StopNew,
    /// What waits comes after everybody else's.
    LowerQos,
    /// What waits is held.
    HoldPending,
    /// What runs is cancelled.
    CancelRunning,
}

impl Action {
    /// Whether new job plans are refused: who holds what waits or cancels what runs takes none.
    pub const fn stops_new(self) -> bool {
        match self {
            Self::Warn | Self::LowerQos => false,
            Self::StopNew | Self::HoldPending | Self::CancelRunning => true,
        }
    }
}

/// One step of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The share of the granted time, from 1 to [`HIGHEST_PERCENT`].
    pub at_percent: i64,
    /// What is done from there on.
    pub action: Action,
}

/// A policy as it was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Chosen by the client.
    pub limit_policy_id: Uuid,
    /// Whose.
    pub agency_id: Uuid,
    /// From the lowest share up; none does nothing.
    pub steps: Vec<Step>,
    /// Whether actions are only recorded.
    pub dry_run: bool,
    /// Who decided.
    pub decided_by: Uuid,
    /// When.
    pub decided_at: DateTime<Utc>,
}

/// A policy to decide, in place of the agency's earlier one.
#[derive(Clone, Debug)]
pub struct NewLimitPolicy {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub limit_policy_id: Uuid,
    /// Whose.
    pub agency_id: Uuid,
    /// In any order, none twice; none at all ends the agency's policy.
    pub steps: Vec<Step>,
    /// Whether actions are only recorded. The same steps must have been tried so before they act.
    pub dry_run: bool,
    /// Who decides.
    pub decided_by: Uuid,
}

/// What an agency has used of the grants that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Settled and overrun.
    pub used: GpuSeconds,
    /// Granted, net of what left the grants again.
    pub granted: GpuSeconds,
}

/// The steps that are reached when `used` of `granted` is used, from the lowest up.
///
/// Where nothing is granted nothing is reached.
pub fn reached(policy: &Policy, used: GpuSeconds, granted: GpuSeconds) -> Vec<Step> {
    let standing = Standing { used, granted };
    let mut steps: Vec<Step> =
        policy.steps.iter().copied().filter(|step| step.is_reached(standing)).collect();
    steps.sort_unstable();
    steps
}

impl Step {
    /// Whether so much use reaches the step; exact, in 128 bits.
    pub fn is_reached(self, standing: Standing) -> bool {
        let Standing { used, granted } = standing;
        granted > GpuSeconds::ZERO
            && i128::from(used.get()) * 100
                >= i128::from(granted.get()) * i128::from(self.at_percent)
    }
}

impl Policy {
    /// The lowest step, if one is reached, at which no new job plan is admitted. Never in a dry run.
    pub fn stops_new(&self, standing: Standing) -> Option<Step> {
        if self.dry_run {
            return None;
        }
        let steps = reached(self, standing.used, standing.granted);
        steps.into_iter().find(|step| step.action.stops_new())
    }

    /// Whether any amount of use could stop new job plans.
    pub(crate) fn may_stop_new(&self) -> bool {
        !self.dry_run && self.steps.iter().any(|step| step.action.stops_new())
    }

    /// Whether `new` asks for just this policy.
    fn is(&self, new: &NewLimitPolicy) -> bool {
        self.limit_policy_id == new.limit_policy_id
            && self.agency_id == new.agency_id
            && self.steps == new.sorted_steps()
            && self.dry_run == new.dry_run
            && self.decided_by == new.decided_by
    }
}

impl Standing {
    /// The sum over grants; what does not fit counts as the most there is.
    pub(crate) fn of<'a>(balances: impl IntoIterator<Item = &'a GrantBalance>) -> Self {
        let most = GpuSeconds::new(i64::MAX).unwrap_or_default();
        let add = |one: GpuSeconds, other| one.checked_add(other).unwrap_or(most);
        balances.into_iter().fold(Self::default(), |sum, balance| Self {
            used: add(add(sum.used, balance.settled), balance.overrun),
            granted: add(sum.granted, balance.granted),
        })
    }
}

impl NewLimitPolicy {
    fn sorted_steps(&self) -> Vec<Step> {
        let mut steps = self.steps.clone();
        steps.sort_unstable();
        steps
    }

    /// Whether the steps can be told apart and stand at shares that can be.
    fn is_valid(&self) -> Result<(), PolicyError> {
        let limit_policy_id = self.limit_policy_id;
        if self.steps.len() > MOST_STEPS {
            let count = self.steps.len();
            return Err(PolicyError::TooManySteps { limit_policy_id, count });
        }
        let steps = self.sorted_steps();
        if let Some(step) =
            steps.iter().find(|step| !(1..=HIGHEST_PERCENT).contains(&step.at_percent))
        {
            let at_percent = step.at_percent;
            return Err(PolicyError::StepNotValid { limit_policy_id, at_percent });
        }
        match steps.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(PolicyError::StepTwice { limit_policy_id, step: pair[0] }),
            None => Ok(()),
        }
    }
}

/// Why a policy was not decided, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The id belongs to another policy.
    #[error("limit policy id {0} was used before for another policy; choose a new id")]
    LimitPolicyIdReused(Uuid),
    /// The agency is not known.
    #[error("agency {0} does not exist")]
    NoSuchAgency(Uuid),
    /// A person decides in another's name.
    #[error("person {actor} cannot decide as {decided_by}; let {decided_by} log in and decide")]
    NotThePolicyDecider {
        /// Who acts.
        actor: Uuid,
        /// Who should have.
        decided_by: Uuid,
    },
    /// A step at a share that cannot be.
    #[error(
        "limit policy {limit_policy_id} has a step at {at_percent} percent; choose 1 to \
         {HIGHEST_PERCENT}"
    )]
    StepNotValid {
        /// The policy.
        limit_policy_id: Uuid,
        /// Where the step stands.
        at_percent: i64,
    },
    /// The same step stands there twice.
    #[error("limit policy {limit_policy_id} has {step:?} twice; leave one out")]
    StepTwice {
        /// The policy.
        limit_policy_id: Uuid,
        /// The step.
        step: Step,
    },
    /// More steps than anybody can explain.
    #[error("limit policy {limit_policy_id} has {count} steps; {MOST_STEPS} is the most")]
    TooManySteps {
        /// The policy.
        limit_policy_id: Uuid,
        /// How many.
        count: usize,
    },
    /// The steps were never tried.
    #[error(
        "the steps of limit policy {limit_policy_id} were never tried; decide on the same steps as \
         a dry run first"
    )]
    DryRunFirst {
        /// The policy.
        limit_policy_id: Uuid,
    },
    /// What the agency has used could not be read.
    #[error("reading what the agency has used")]
    Ledger(#[from] LedgerError),
    /// The database refused or could not be reached.
    #[error("reading or writing limit policies")]
    Database(#[from] sqlx::Error),
}

impl PolicyError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LimitPolicyIdReused(_) => "limit_policy_id_reused",
            Self::NoSuchAgency(_) => "no_such_agency",
            Self::NotThePolicyDecider { .. } => "not_the_policy_decider",
            Self::StepNotValid { .. } => "limit_step_not_valid",
            Self::StepTwice { .. } => "limit_step_twice",
            Self::TooManySteps { .. } => "limit_steps_too_many",
            Self::DryRunFirst { .. } => "dry_run_first",
            Self::Ledger(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}
