//! The closed list of causes, and one difference as it is told.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::roll::Line;
use crate::run_key::RunKey;

/// Why two of plans, slurmctld, slurmdbd, the ledger and Slurm's sums do not say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Neither slurmctld nor slurmdbd knows a job that was submitted and has not run.
    MissingInSlurm,
    /// Neither knows a job that was seen on a node.
    UnknownToSlurmctldAndSlurmdbd,
    /// slurmctld has ended a job, and slurmdbd has not its whole record yet.
    SlurmdbdBehind,
    /// slurmdbd has a run that ended, of an attempt that is not settled.
    NotSettledYet,
    /// slurmdbd has a run of an attempt that is over, and the ledger does not.
    RunNotRecorded,
    /// slurmdbd has other figures of a run than the ledger.
    RunDiffers,
    /// The ledger has a run, and slurmdbd does not.
    RunUnknownToSlurmdbd,
    /// The ledger did not post a run's time, or posted it twice.
    RunNotPosted,
    /// slurmdbd has a record without an end, of a job that slurmctld no longer has.
    RunawayRecord,
    /// Slurm was seen to start a script a second time.
    SecondStart,
    /// slurmctld has a job whose attempt is over.
    StillInSlurm,
    /// A job that nobody planned, on the broker's partitions, accounts or ids.
    Stranger,
    /// A job under an id of ours with a mark that is not ours.
    WrongKey,
    /// Time and money are set aside for an attempt that is over, or that does not exist.
    HoldWithoutAttempt,
    /// An attempt goes on, and nothing is set aside for it.
    AttemptWithoutHold,
    /// Slurm's own sums end before the stretch does.
    SreportBehind,
    /// Slurm's own sum of an account is not that of its records.
    SreportDiffers,
}

impl Cause {
    /// What to do about it.
    const fn advice(self) -> &'static str {
        match self {
            Self::MissingInSlurm => {
                "mimerd submits it again under its own id: look again in a minute, and read \
                 mimerd's log if it is still missing"
            }
            Self::UnknownToSlurmctldAndSlurmdbd => {
                "mimerd submits it again, and it starts a second time, once slurmdbd had \
                 `duties.resubmit_after_break_s` to tell of it: cancel the plan if it must not"
            }
            Self::SlurmdbdBehind => {
                "it comes by itself: if it is still so in some minutes, see that slurmdbd runs and \
                 that slurmctld reaches it (`sdiag`, DBD Agent queue size)"
            }
            Self::NotSettledYet => {
                "mimerd settles it by itself when its job is over: if it is still so in some \
                 minutes, read mimerd's log for what keeps it"
            }
            Self::RunNotRecorded => {
                "mimerd posts it as a late run when it reads that day again: if it is still so \
                 tomorrow, read mimerd's log for what keeps it"
            }
            Self::RunDiffers => {
                "the record was edited after it was charged: find out who did it and why, and close \
                 the exception that `mimer exception list` shows; the charge stands"
            }
            Self::RunUnknownToSlurmdbd => {
                "it was purged, archived or deleted there: look at the Purge settings in \
                 slurmdbd.conf and at its archive; the charge stands, on the record as it was read"
            }
            Self::RunNotPosted => {
                "the ledger contradicts itself: run `mimer audit verify` and keep the database as \
                 it is"
            }
            Self::RunawayRecord => {
                "run `sacctmgr show runawayjobs` and let it end the record; mimerd charges what it \
                 then says"
            }
            Self::SecondStart => {
                "tell the person that the script ran twice, and close the exception that \
                 `mimer exception list` shows; charged is what slurmdbd has"
            }
            Self::StillInSlurm => {
                "nothing pays for it: if it is still so in a minute, end it with `scancel`"
            }
            Self::Stranger => {
                "find out who submitted it and how, and close the exception that \
                 `mimer exception list` shows; it is charged to nobody"
            }
            Self::WrongKey => {
                "another job has taken the id: see that FirstJobId and MaxJobId keep the broker's \
                 range free, and that no other installation uses it"
            }
            Self::HoldWithoutAttempt => {
                "it keeps time from its project: mimerd releases it when its end is past; tell the \
                 developers if it stays"
            }
            Self::AttemptWithoutHold => {
                "its use would go to what its grants have free, or to overrun: tell the developers"
            }
            Self::SreportBehind => {
                "slurmdbd adds up an hour some minutes after it has passed: if hours are missing \
                 that are longer ago, see that slurmdbd ran and read its log"
            }
            Self::SreportDiffers => {
                "records were edited, added or deleted after slurmdbd had added them up, or idle \
                 time of a reservation was counted: compare with `sacct -D -X -A`, and let slurmdbd \
                 add up again after a repair"
            }
        }
    }

    /// A difference of this cause; `what` is the sentence without its advice.
    pub(super) fn told(self, what: &str) -> Difference {
        Difference {
            cause: self,
            sentence: format!("{what}; {}.", self.advice()),
            attempt_id: None,
            job_plan_id: None,
            hold_id: None,
            slurm_job_id: None,
            db_index: None,
            account: None,
            gpu_seconds: None,
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// Why.
    pub cause: Cause,
    /// What is different, and what to do about it.
    pub sentence: String,
    /// The attempt it is about.
    pub attempt_id: Option<Uuid>,
    /// The plan of that attempt.
    pub job_plan_id: Option<Uuid>,
    /// The hold it is about.
    pub hold_id: Option<Uuid>,
    /// Slurm's job id.
    pub slurm_job_id: Option<i64>,
    /// slurmdbd's key of the record.
    pub db_index: Option<RunKey>,
    /// Slurm's account.
    pub account: Option<String>,
    /// The time that it is about, where it has any.
    pub gpu_seconds: Option<i64>,
}

impl Difference {
    pub(super) fn of(self, line: &Line) -> Self {
        Self {
            attempt_id: Some(line.attempt_id),
            job_plan_id: Some(line.job_plan_id),
            hold_id: Some(line.hold_id),
            slurm_job_id: Some(line.slurm_job_id),
            ..self
        }
    }

    pub(super) fn of_record(self, db_index: i64, gpu_seconds: i64) -> Self {
        Self { db_index: Some(RunKey(db_index)), gpu_seconds: Some(gpu_seconds), ..self }
    }
}
