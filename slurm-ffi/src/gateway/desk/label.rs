//! What calls and answers are called in metrics and logs.

use slurm_wire::{Answer, Call};

/// As in the protocol.
pub(super) const fn name_of(call: &Call) -> &'static str {
    match call {
        Call::Ping => "ping",
        Call::CheckSettings => "check_settings",
        Call::Submit(_) => "submit",
        Call::Release { .. } => "release",
        Call::Cancel { .. } => "cancel",
        Call::ReadJobs { .. } => "read_jobs",
        Call::ReadRecords { .. } => "read_records",
        Call::ReadAccounts => "read_accounts",
        Call::ReadAssociations => "read_associations",
        Call::Hold { .. } => "hold",
        Call::Nudge { .. } => "nudge",
        Call::ChangeQos { .. } => "change_qos",
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
