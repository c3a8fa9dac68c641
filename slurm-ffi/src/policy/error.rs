//! Why a write to slurmdbd did not happen.

use slurm_wire::{Refusal, RefusalCode};

use crate::error::SlurmError;
use crate::sys;

/// A write that was not carried out; nothing of it was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    /// libslurm or slurmdbd said no, or nothing.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// A limit on something that Slurm does not count.
    #[error("Slurm does not count {tres}: name it in AccountingStorageTRES of slurm.conf")]
    UnknownTres {
        /// Its name.
        tres: String,
    },
    /// A QOS that is named but not there.
    #[error("Slurm has no QOS {qos:?} yet: put that in place first")]
    UnknownQos {
        /// Its name.
        qos: String,
    },
    /// An account that is named but not there.
    #[error("Slurm has no account {account:?} on this cluster: put that in place first")]
    UnknownAccount {
        /// Its name.
        account: String,
    },
    /// The account has another parent than the broker's tree knows of.
    #[error(
        "the Slurm account {account:?} lies under {parent:?}, where it is not the gateway's to take \
         away; an operator may move or rename it"
    )]
    AccountElsewhere {
        /// Its name.
        account: String,
        /// Its parent.
        parent: String,
    },
    /// slurmdbd knows of jobs that are not over.
    #[error(
        "jobs of {user:?} still wait or run under {account:?}: cancel them or wait for their end, then \
         send the same call again"
    )]
    JobsThere {
        /// Slurm account.
        account: String,
        /// User's name.
        user: String,
    },
}

impl PolicyError {
    /// The refusal for the caller.
    pub(crate) fn refusal(&self) -> Refusal {
        let refuse = |code| Refusal { code, sentence: self.to_string(), slurm_errno: None };
        match self {
            Self::Slurm(error) if is_verdict(error) => Refusal {
                code: RefusalCode::SlurmRefused,
                sentence: format!("slurmdbd refused for good, nothing was changed ({error})"),
                slurm_errno: error.code(),
            },
            Self::Slurm(error) => error.accounting_refusal(),
            Self::UnknownTres { .. } => refuse(RefusalCode::BadPolicy),
            Self::UnknownQos { .. } | Self::UnknownAccount { .. } => {
                refuse(RefusalCode::NotKnownToSlurmYet)
            }
            Self::AccountElsewhere { .. } => refuse(RefusalCode::ForeignAccount),
            Self::JobsThere { .. } => Refusal {
                slurm_errno: i32::try_from(sys::ESLURM_JOBS_RUNNING_ON_ASSOC).ok(),
                ..refuse(RefusalCode::JobsStillThere)
            },
        }
    }
}

/// slurmdbd's own verdicts: 2000 to 2999, and from 7000 on those that are not about its own
/// connection to the database (slurm_errno.h).
fn is_verdict(error: &SlurmError) -> bool {
    /// ESLURM_DB_CONNECTION and ESLURM_DB_CONNECTION_INVALID.
    const NOT_NOW: [i32; 2] = [7000, 7008];
    match error.code() {
        Some(code) => matches!(code, 2000..=2999 | 7000..=7999) && !NOT_NOW.contains(&code),
        None => matches!(error, SlurmError::NulInside { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: i32) -> RefusalCode {
        let call = "slurmdb_qos_modify";
        let error = SlurmError::Failed { call, code: number, text: String::new() };
        PolicyError::from(error).refusal().code
    }

    #[test]
    fn a_lost_answer_is_tried_again_and_a_verdict_is_not() {
        for number in [111, 11, 5004, 7000, 7008, sys::SHIM_UNKNOWN] {
            assert_eq!(code(number), RefusalCode::AccountingUnavailable, "error {number}");
        }
        for number in [2002, 7003, 7004, 7009] {
            assert_eq!(code(number), RefusalCode::SlurmRefused, "error {number}");
        }
    }

    #[test]
    fn what_is_missing_and_what_is_busy_may_be_otherwise_later() {
        let account = "register".to_owned();
        let user = "p-0001".to_owned();
        let busy = PolicyError::JobsThere { account, user }.refusal();
        assert_eq!((busy.code, busy.slurm_errno), (RefusalCode::JobsStillThere, Some(7001)));
        assert!(busy.code.retry_helps());
        let missing = PolicyError::UnknownQos { qos: "mimer_x".to_owned() }.refusal();
        assert!(missing.code.retry_helps() && missing.sentence.contains("mimer_x"));
    }
}
