//! Slurm's numbers, read: sentinels become `None`, states get their names.

use slurm_wire::JobState;

use crate::sys;

/// A time of Slurm's: 0 and NO_VAL (4294967294) both say "never".
pub(crate) fn time(seconds: i64) -> Option<i64> {
    (seconds > 0 && seconds < i64::from(sys::NO_VAL)).then_some(seconds)
}

/// A number that is set: neither NO_VAL nor INFINITE.
pub(crate) fn set(number: u32) -> Option<u32> {
    (number < sys::NO_VAL).then_some(number)
}

/// A number that is set and not 0.
pub(crate) fn positive(number: u32) -> Option<u32> {
    set(number).filter(|it| *it > 0)
}

/// The base state, without the flags in the upper bytes.
pub(crate) fn state(number: u32) -> JobState {
    match number & sys::JOB_STATE_BASE {
        sys::JOB_PENDING => JobState::Pending,
        sys::JOB_RUNNING => JobState::Running,
        sys::JOB_SUSPENDED => JobState::Suspended,
        sys::JOB_COMPLETE => JobState::Completed,
        sys::JOB_CANCELLED => JobState::Cancelled,
        sys::JOB_FAILED => JobState::Failed,
        sys::JOB_TIMEOUT => JobState::Timeout,
        sys::JOB_NODE_FAIL => JobState::NodeFail,
        sys::JOB_PREEMPTED => JobState::Preempted,
        sys::JOB_BOOT_FAIL => JobState::BootFail,
        sys::JOB_DEADLINE => JobState::Deadline,
        sys::JOB_OOM => JobState::OutOfMemory,
        _ => JobState::Unknown,
    }
}

/// The state of one incarnation in slurmdbd.
///
/// One that was requeued while it ran is written as PENDING with the flag JOB_REQUEUE, which sacct
/// shows as REQUEUED. It is over: somebody ended it so that the job could begin again.
pub(crate) fn record_state(number: u32) -> JobState {
    match state(number) {
        JobState::Pending if number & sys::JOB_REQUEUE != 0 => JobState::Cancelled,
        state => state,
    }
}

/// The exit code in a wait status; a signal reads as 128 + its number, as shells have it.
pub(crate) fn exit_code(wait_status: u32) -> i32 {
    let signal = wait_status & 0x7f;
    let number = if signal == 0 { wait_status >> 8 & 0xff } else { 128 + signal };
    i32::try_from(number).unwrap_or(i32::MAX) // At most 255 by the masks above.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_never_was_is_none() {
        assert_eq!(time(0), None);
        assert_eq!(time(4_294_967_294), None);
        assert_eq!(time(1_800_000_000), Some(1_800_000_000));
    }

    #[test]
    fn flags_do_not_hide_the_state() {
        assert_eq!(state(sys::JOB_COMPLETING | sys::JOB_TIMEOUT), JobState::Timeout);
        assert_eq!(state(200), JobState::Unknown);
    }

    #[test]
    fn a_requeued_incarnation_is_over() {
        assert_eq!(record_state(sys::JOB_REQUEUE), JobState::Cancelled);
        assert_eq!(record_state(sys::JOB_PENDING), JobState::Pending);
        assert_eq!(record_state(sys::JOB_PREEMPTED), JobState::Preempted);
    }

    #[test]
    fn a_wait_status_reads_as_a_shell_shows_it() {
        assert_eq!(exit_code(3 << 8), 3);
        assert_eq!(exit_code(9), 137);
        assert_eq!(exit_code(0), 0);
    }
}
