//! Bound by bound: the calls it concerns; and call by call: what is tried and how it is refused.

use std::collections::BTreeSet;

use slurm_wire::{Call, RefusalCode};

use super::ground::Ground;
use super::{job_cases, policy_cases};

/// One thing a hostile broker tries.
pub(crate) struct Case {
    /// The bound that stands in its way.
    pub(crate) bound: &'static str,
    pub(crate) call: Call,
    /// The name under which it is refused …
    pub(crate) code: RefusalCode,
    /// … and a part of the sentence, where one name serves several bounds.
    pub(crate) says: &'static str,
}

impl Case {
    pub(crate) fn new(bound: &'static str, call: Call, code: RefusalCode) -> Self {
        Self { bound, call, code, says: "" }
    }

    pub(crate) fn saying(self, says: &'static str) -> Self {
        Self { says, ..self }
    }
}

/// Calls that change a job of the broker's.
const CHANGES: [&str; 9] = [
    "release",
    "cancel",
    "hold",
    "nudge",
    "change_qos",
    "suspend",
    "resume",
    "requeue",
    "set_time_limit",
];

/// Each bound of the file with the calls it concerns, the nine of [`CHANGES`] as "changes".
const CONCERNS: [(&str, &[&str]); 22] = [
    ("uid_min", &["submit", "put_user"]),
    ("uid_max", &["submit", "put_user"]),
    (
        "account_root",
        &[
            "submit",
            "changes",
            "cancel_stranger",
            "put_account",
            "put_account_limits",
            "put_user",
            "remove_user",
            "put_reservation",
        ],
    ),
    ("partitions", &["submit", "cancel_stranger", "put_reservation"]),
    ("qos", &["submit", "change_qos", "put_user"]),
    ("job_id_min", &["submit", "changes", "read_jobs", "read_records"]),
    ("job_id_max", &["submit", "changes", "read_jobs", "read_records"]),
    ("work_dir_prefix", &["submit"]),
    ("max_gpus", &["submit"]),
    ("max_wall_time_min", &["submit", "set_time_limit"]),
    ("max_tasks", &["submit"]),
    ("key_prefix", &["submit", "changes", "cancel_stranger"]),
    ("qos_prefix", &["put_qos"]),
    ("reservation_prefix", &["submit", "put_reservation", "remove_reservation"]),
    ("may_preempt", &["put_qos"]),
    ("max_priority", &["put_qos"]),
    ("nodes", &["put_reservation"]),
    ("max_set_aside_nodes", &["put_reservation"]),
    ("import", &["read_whole_cluster"]),
    // Who tries the door at the start; no call says anything about it.
    ("probe_uid", &[]),
    // Beside the file: what never makes sense, and what the job itself must be.
    (
        NO_SENSE,
        &["submit", "put_account", "put_account_limits", "put_user", "put_qos", "put_reservation"],
    ),
    (SCRIPT, &["submit"]),
];

/// Names, figures and times that no bounds file could allow.
pub(crate) const NO_SENSE: &str = "(what makes no sense)";
/// What `sbatch` checks and libslurm does not.
pub(crate) const SCRIPT: &str = "(the script)";

/// The bounds of the table that stand in the file.
pub(crate) fn bounds_listed() -> BTreeSet<String> {
    let names = CONCERNS.iter().map(|(bound, _)| (*bound).to_owned());
    names.filter(|bound| !bound.starts_with('(')).collect()
}

/// Every pair of bound and call that must be tried.
pub(crate) fn every_pair() -> BTreeSet<(&'static str, String)> {
    let calls = |(bound, calls): &(&'static str, &'static [&'static str])| {
        let bound = *bound;
        let all = calls.iter().flat_map(|call| match *call {
            "changes" => CHANGES.to_vec(),
            call => vec![call],
        });
        all.map(move |call| (bound, call.to_owned())).collect::<Vec<_>>()
    };
    CONCERNS.iter().flat_map(calls).collect()
}

/// What is tried with one call; a new call does not compile until it says so here.
pub(crate) fn cases(call: &Call, ground: &Ground) -> Vec<Case> {
    match call {
        Call::Submit(spec) => job_cases::submit(spec, ground),
        Call::Release(_) => job_cases::change(Call::Release, ground),
        Call::Cancel(_) => job_cases::change(Call::Cancel, ground),
        Call::Hold(_) => job_cases::change(Call::Hold, ground),
        Call::Nudge(_) => job_cases::change(Call::Nudge, ground),
        Call::Suspend(_) => job_cases::change(Call::Suspend, ground),
        Call::Resume(_) => job_cases::change(Call::Resume, ground),
        Call::Requeue(_) => job_cases::change(Call::Requeue, ground),
        Call::ChangeQos { .. } => job_cases::change_qos(ground),
        Call::SetTimeLimit { .. } => job_cases::set_time_limit(ground),
        Call::CancelStranger { .. } => job_cases::cancel_stranger(ground),
        Call::ReadJobs { .. } => job_cases::ids(|job_id| Call::ReadJobs { job_ids: vec![job_id] }),
        Call::ReadRecords { .. } => {
            job_cases::ids(|job_id| Call::ReadRecords { job_ids: vec![job_id] })
        }
        Call::PutAccount(good) => policy_cases::put_account(good),
        Call::PutAccountLimits(good) => policy_cases::put_account_limits(good),
        Call::PutUser(good) => policy_cases::put_user(good),
        Call::RemoveUser { account, user } => policy_cases::remove_user(account, user),
        Call::PutQos(good) => policy_cases::put_qos(good),
        Call::PutReservation(good) => policy_cases::put_reservation(good),
        Call::RemoveReservation { .. } => policy_cases::remove_reservation(),
        Call::ReadWholeCluster => {
            vec![Case::new("import", Call::ReadWholeCluster, RefusalCode::ImportNotAllowed)]
        }
        // They write nothing, and name nothing that could be somebody else's.
        Call::Ping
        | Call::CheckSettings
        | Call::WatchJobs { .. }
        | Call::ReadEnded { .. }
        | Call::ReadUsage { .. }
        | Call::ReadAccounts
        | Call::ReadAssociations
        | Call::ReadStrangers
        | Call::ReadPreempted { .. }
        | Call::ReadPolicy => Vec::new(),
    }
}
