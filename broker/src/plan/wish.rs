//! What people may want of a job that is under way, and why not.
//!
//! A wish is about the newest attempt of a plan. Its row is locked first, so that of two who want
//! different things at once the second sees what the first has changed.

use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::AttemptState;

/// The newest attempt of a plan, locked until the transaction ends.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The plan.
    pub job_plan_id: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// The attempt.
    pub attempt_id: Uuid,
    /// Its hold.
    pub hold_id: Uuid,
    /// Where it stands.
    pub state: AttemptState,
    /// It is to be cancelled.
    pub cancel_wanted: bool,
    /// A person keeps it waiting.
    pub kept: bool,
    /// That person is an operator.
    pub kept_by_operator: bool,
    /// An operator wants it suspended.
    pub suspended: bool,
}

/// Why a wish is refused.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum WishError {
    #[error("there is no job plan {0}, or it is not yours to see")]
    NoSuchPlan(Uuid),
    #[error("job plan {job_plan_id} is over ({state:?}); `mimer job retry` tries it again")]
    Over { job_plan_id: Uuid, state: AttemptState },
    #[error("job plan {0} is being cancelled; `mimer job wait` sees its end")]
    BeingCancelled(Uuid),
    #[error("job plan {0} has started; only a job that waits can be held")]
    AlreadyStarted(Uuid),
    #[error("job plan {job_plan_id} does not run ({state:?}); only a running job can be suspended")]
    NotRunning { job_plan_id: Uuid, state: AttemptState },
    #[error("an operator holds job plan {0}; only an operator can release it")]
    HeldByOperator(Uuid),
    #[error(
        "attempt {attempt_id} of job plan {job_plan_id} is still open ({state:?}); wait for its \
             end, or cancel it first"
    )]
    StillOpen { job_plan_id: Uuid, attempt_id: Uuid, state: AttemptState },
    #[error("attempt id {0} was used before for another plan; choose a new id")]
    AttemptIdReused(Uuid),
    #[error("reading or writing attempts")]
    Database(#[from] sqlx::Error),
}

impl WishError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchPlan(_) => "no_such_job_plan",
            Self::Over { .. } => "job_plan_over",
            Self::BeingCancelled(_) => "job_being_cancelled",
            Self::AlreadyStarted(_) => "job_already_started",
            Self::NotRunning { .. } => "job_not_running",
            Self::HeldByOperator(_) => "job_held_by_operator",
            Self::StillOpen { .. } => "job_plan_still_open",
            Self::AttemptIdReused(_) => "attempt_id_reused",
            Self::Database(_) => "attempt_database",
        }
    }
}

/// Locks the newest attempt of a plan.
pub async fn lock(tx: &mut PgConnection, job_plan_id: Uuid) -> Result<Newest, WishError> {
    let newest = sqlx::query_as!(
        Newest,
        r#"select p.job_plan_id, p.project_id, a.attempt_id, a.hold_id,
               a.state as "state: AttemptState", a.cancel_reason is not null as "cancel_wanted!",
               a.kept_by is not null as "kept!", a.kept_by_operator,
               a.suspended_by is not null as "suspended!"
           from broker.job_plan p join broker.attempt a using (job_plan_id)
           where p.job_plan_id = $1
           order by a.created_at desc, a.attempt_id desc limit 1
           for update of a"#,
        job_plan_id,
    )
    .fetch_optional(tx)
    .await?;
    newest.ok_or(WishError::NoSuchPlan(job_plan_id))
}

impl Newest {
    /// Refuses what is over in Slurm, or about to be.
    pub(super) fn still_goes_on(&self) -> Result<(), WishError> {
        let &Self { job_plan_id, state, .. } = self;
        if state >= AttemptState::Ended {
            return Err(WishError::Over { job_plan_id, state });
        }
        if self.cancel_wanted {
            return Err(WishError::BeingCancelled(job_plan_id));
        }
        Ok(())
    }
}
