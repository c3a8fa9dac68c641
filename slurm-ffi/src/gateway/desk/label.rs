//! What calls and answers are called in metrics and logs.

use slurm_wire::{Answer, Call};

/// As in the protocol.
pub(super) const fn name_of(call: &Call) -> &'static str {
    match call {
        Call::Ping => "ping",
        Call::CheckSettings => "check_settings",
        Call::Submit(_) => "submit",
        Call::Release(_) => "release",
        Call::Cancel(_) => "cancel",
        Call::ReadJobs { .. } => "read_jobs",
        Call::ReadRecords { .. } => "read_records",
        Call::ReadAccounts => "read_accounts",
        Call::ReadAssociations => "read_associations",
        Call::Hold(_) => "hold",
        Call::Nudge(_) => "nudge",
        Call::ChangeQos { .. } => "change_qos",
        Call::Suspend(_) => "suspend",
        Call::Resume(_) => "resume",
        Call::Requeue(_) => "requeue",
        Call::SetTimeLimit { .. } => "set_time_limit",
        Call::WatchJobs { .. } => "watch_jobs",
        Call::ReadEnded { .. } => "read_ended",
        Call::ReadUsage { .. } => "read_usage",
        Call::ReadStrangers => "read_strangers",
        Call::CancelStranger { .. } => "cancel_stranger",
        Call::ReadPreempted { .. } => "read_preempted",
        Call::ReadPolicy => "read_policy",
        Call::ReadWholeCluster => "read_whole_cluster",
        Call::PutAccount(_) => "put_account",
        Call::PutAccountLimits(_) => "put_account_limits",
        Call::PutUser(_) => "put_user",
        Call::RemoveUser { .. } => "remove_user",
        Call::PutQos(_) => "put_qos",
        Call::PutReservation(_) => "put_reservation",
        Call::RemoveReservation { .. } => "remove_reservation",
    }
}

/// The refusal's code as it stands in the protocol, or `done`.
pub(super) fn label_of(answer: &Answer) -> String {
    let Answer::Refused(refusal) = answer else {
        return "done".to_owned();
    };
    match serde_json::to_value(refusal.code) {
        Ok(serde_json::Value::String(code)) => code,
        _ => "refused".to_owned(),
    }
}
