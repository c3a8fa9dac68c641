//! Why the gateway did not carry out a call.

use serde::{Deserialize, Serialize};

/// A call that was not carried out, with a sentence for the person who reads the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{sentence} ({code:?})")]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Which rule or fault.
    pub code: RefusalCode,
    /// What happened and what to do.
    pub sentence: String,
    /// Slurm's own error number, where it gave one.
    pub slurm_errno: Option<i32>,
}

/// The closed list of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    // The caller.
    /// Another protocol version.
    VersionMismatch,
    /// The peer's uid is not among the bounds file's callers.
    CallerNotAllowed,
    /// The line is not a call.
    MalformedCall,
    // The bounds file.
    /// uid 0 or gid 0.
    RootUser,
    /// A uid below the first one of people, or a gid so.
    SystemUser,
    /// A uid outside the bounds file's range.
    UidOutOfRange,
    /// An account outside the broker's subtree.
    ForeignAccount,
    /// A partition that is not the broker's.
    ForeignPartition,
    /// A QOS that is not the broker's.
    ForeignQos,
    /// A job id outside the broker's range.
    JobIdOutOfRange,
    /// A work directory outside the prefix, or with `..` or a link in it.
    WorkDirOutsidePrefix,
    /// More GPUs than the bounds file allows, or none, or an untyped GPU.
    TooManyGpus,
    /// A wall time above the bounds file's cap, or zero.
    TimeLimitTooLong,
    /// More tasks than the bounds file allows, or none.
    TooManyTasks,
    /// A script without `#!`, with CRLF or NUL, empty, or above 4 MiB.
    BadScript,
    /// The key is empty, too long or not plain ASCII.
    BadKey,
    /// The job exists but is not the broker's (its admin comment is not our key).
    NotOurJob,
    /// The job is the broker's own, or is nowhere where the broker has a say.
    NotAStranger,
    /// A user that the system does not know, or whose uid is outside the range.
    ForeignUser,
    /// A reservation that is not the broker's.
    ForeignReservation,
    /// A node that the broker may not set aside, or more nodes than it may.
    ForeignNode,
    /// A QOS would make way for the broker's that the bounds file does not name.
    ForeignVictim,
    /// A priority above the bounds file's cap.
    PriorityTooHigh,
    /// A limit, a name or a time that makes no sense.
    BadPolicy,
    /// The bounds file does not let the broker read the whole cluster.
    ImportNotAllowed,
    // Slurm.
    /// A job with this id exists with another key.
    JobIdTaken,
    /// slurmctld does not know the job.
    UnknownJob,
    /// Slurm refused the job for good (bad account, limit, gres …).
    SlurmRefused,
    /// Slurm does not have an account, user, QOS or reservation that the call names yet.
    NotKnownToSlurmYet,
    /// Jobs of the user still wait or run under the account. Try again when they are over.
    JobsStillThere,
    /// slurmctld did not answer; whether the call took effect is not known. Try again.
    ControllerUnavailable,
    /// slurmdbd did not answer. Try again.
    AccountingUnavailable,
    /// The gateway's worker died or ran past its deadline and was replaced. Try again.
    WorkerReplaced,
    /// The gateway has too many calls waiting. Try again.
    Busy,
    /// slurmdbd was asked as often in this minute as the bounds file allows. Try again.
    AskedTooOften,
}

impl RefusalCode {
    /// True when the same call, sent again later, may succeed.
    pub const fn retry_helps(self) -> bool {
        matches!(
            self,
            Self::ControllerUnavailable
                | Self::AccountingUnavailable
                | Self::WorkerReplaced
                | Self::Busy
                | Self::AskedTooOften
                | Self::NotKnownToSlurmYet
                | Self::JobsStillThere
        )
    }
}
