//! How a failed call to libslurm looks in Rust, and what to do about it.

use std::ffi::c_int;

use slurm_wire::{Refusal, RefusalCode};

use crate::{sys, text};

/// A call to libslurm that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlurmError {
    /// libslurm gave an error number.
    #[error("{call}: {text} (Slurm error {code})")]
    Failed {
        /// The call, as Slurm's manual names it.
        call: &'static str,
        /// Slurm's or libc's number; -1 when there was none.
        code: i32,
        /// Slurm's text for it.
        text: String,
    },
    /// Success without an answer: a fault of libslurm, reported and not trusted.
    #[error("{call}: libslurm reported success but gave no answer")]
    NullReply {
        /// The call.
        call: &'static str,
    },
    /// The change is for a job that still waits, and this one does not.
    #[error("job {job_id} waits no longer; cancel it to stop it")]
    NotWaiting {
        /// Slurm's job id.
        job_id: u32,
    },
    /// The change is for a job that runs, and this one does not.
    #[error("job {job_id} does not run")]
    NotRunning {
        /// Slurm's job id.
        job_id: u32,
    },
    /// A text with a NUL inside cannot be passed to C.
    #[error("the field {field} contains a NUL byte")]
    NulInside {
        /// The field of the request.
        field: &'static str,
    },
}

impl SlurmError {
    /// `Ok` for zero, else the error with Slurm's text.
    pub(crate) fn check(call: &'static str, code: c_int) -> Result<(), Self> {
        if code == 0 {
            return Ok(());
        }
        let mut buffer = [0_u8; 256];
        // SAFETY: the buffer is live for the call and its true size is passed with it.
        unsafe { sys::shim_error_text(code, buffer.as_mut_ptr().cast(), buffer.len()) };
        Err(Self::Failed { call, code, text: text::from_buffer(&buffer) })
    }

    /// The error number, where there was one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Failed { code, .. } => Some(*code),
            Self::NullReply { .. }
            | Self::NotWaiting { .. }
            | Self::NotRunning { .. }
            | Self::NulInside { .. } => None,
        }
    }

    /// True if the error number is `code`.
    pub(crate) fn is(&self, code: u32) -> bool {
        self.code().is_some_and(|own| u32::try_from(own) == Ok(code))
    }

    /// True when the same call may succeed later, and may also have taken effect already.
    ///
    /// Only slurmctld's own verdicts are final: its error numbers from 2000 to 2999 and from 8000
    /// to 8099 (slurm_errno.h), except those that say "not now". Everything else (refused
    /// connections, time-outs, lost answers, numberless failures) leaves the outcome open.
    pub fn retry(&self) -> bool {
        /// ESLURM_JOB_SETTING_DB_INX, which later headers no longer have.
        const JOB_SETTING_DB_INX: u32 = 2103;
        const NOT_NOW: [u32; 5] = [
            sys::ESLURM_IN_STANDBY_MODE,
            sys::ESLURM_IN_STANDBY_USE_BACKUP,
            sys::ESLURM_SUBMISSIONS_DISABLED,
            sys::ESLURM_TRANSITION_STATE_NO_UPDATE,
            JOB_SETTING_DB_INX,
        ];
        match self {
            Self::Failed { code, .. } => {
                let verdict = matches!(code, 2000..=2999 | 8000..=8099);
                !verdict || NOT_NOW.iter().any(|later| self.is(*later))
            }
            Self::NullReply { .. } => true,
            Self::NotWaiting { .. } | Self::NotRunning { .. } | Self::NulInside { .. } => false,
        }
    }

    /// True when slurmctld lacks something that the broker may be about to put there.
    ///
    /// Without an association the user gets ESLURM_INVALID_ACCOUNT too (measured on 22.05).
    fn is_not_known_yet(&self) -> bool {
        const NOT_YET: [u32; 5] = [
            sys::ESLURM_INVALID_ACCOUNT,
            sys::ESLURM_INVALID_QOS,
            sys::ESLURM_PARTITION_ASSOC,
            sys::ESLURM_RESERVATION_ACCESS,
            sys::ESLURM_RESERVATION_INVALID,
        ];
        NOT_YET.iter().any(|code| self.is(*code))
    }

    /// The refusal for a call to slurmctld.
    pub fn controller_refusal(&self) -> Refusal {
        if self.is(sys::ESLURM_INVALID_JOB_ID) {
            return self.refusal(RefusalCode::UnknownJob, "slurmctld does not know this job");
        }
        if matches!(self, Self::NotWaiting { .. } | Self::NotRunning { .. }) {
            return self.refusal(RefusalCode::SlurmRefused, "not now");
        }
        if self.is_not_known_yet() {
            return self.refusal(
                RefusalCode::NotKnownToSlurmYet,
                "slurmctld does not have the account, the user under it, the QOS or the reservation \
                 yet, or not for this job: see what `mimer cluster diff` shows as missing, then send \
                 the same call again",
            );
        }
        if self.retry() {
            return self.refusal(
                RefusalCode::ControllerUnavailable,
                "slurmctld did not give an answer; whether the call took effect is not known: send \
                 the same call again",
            );
        }
        self.refusal(
            RefusalCode::SlurmRefused,
            "slurmctld refused for good: correct the request or the Slurm account behind it",
        )
    }

    /// The refusal for a call to slurmdbd: it only reads, so trying again is always right.
    pub fn accounting_refusal(&self) -> Refusal {
        self.refusal(
            RefusalCode::AccountingUnavailable,
            "slurmdbd did not give an answer: send the same call again",
        )
    }

    fn refusal(&self, code: RefusalCode, advice: &str) -> Refusal {
        Refusal { code, sentence: format!("{advice} ({self})"), slurm_errno: self.code() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: i32) -> SlurmError {
        SlurmError::Failed { call: "slurm_submit_batch_job", code, text: String::new() }
    }

    /// Measured: each of these was seen after a submit that did go through.
    #[test]
    fn a_lost_answer_is_never_called_a_refusal() {
        for code in [5004, 5005, 104, 1800, 1801, 1007, 111, 11, sys::SHIM_UNKNOWN] {
            let refusal = failed(code).controller_refusal();
            assert_eq!(refusal.code, RefusalCode::ControllerUnavailable, "error {code}");
        }
    }

    #[test]
    fn a_verdict_of_slurmctld_is_final() {
        for code in [2002, 2010, 2014, 2050, 2072, 8000] {
            assert_eq!(failed(code).controller_refusal().code, RefusalCode::SlurmRefused);
        }
    }

    /// The numbers are those of slurm_errno.h, the same from 22.05 to 26.05.
    #[test]
    fn what_is_not_in_slurm_yet_may_be_soon() {
        for code in [2045, 2052, 2053, 2066, 2130] {
            let refusal = failed(code).controller_refusal();
            assert_eq!(refusal.code, RefusalCode::NotKnownToSlurmYet, "error {code}");
            assert!(refusal.code.retry_helps());
        }
    }

    #[test]
    fn a_controller_on_standby_is_asked_again() {
        assert!(failed(2027).retry() && failed(2105).retry());
    }

    #[test]
    fn an_unknown_job_is_named_so() {
        assert_eq!(failed(2017).controller_refusal().code, RefusalCode::UnknownJob);
    }
}
