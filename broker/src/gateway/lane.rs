//! Lanes: so many calls of each kind at once, so that what stalls one leaves the others room.

use slurm_wire::Call;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Calls that change Slurm, at once: the outbox's workers and some more.
const EFFECTS: usize = 16;
/// Calls that read from slurmctld, at once.
const CONTROLLER_READS: usize = 4;
/// Calls that need slurmdbd, at once: more would only wait there.
const ACCOUNTING_READS: usize = 4;

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// Nothing: cheap, and asked to learn whether anybody is there.
    Free,
    Effect,
    ControllerRead,
    AccountingRead,
}

const fn lane(call: &Call) -> Lane {
    match call {
        Call::Ping => Lane::Free,
        Call::Submit(_)
        | Call::Release(_)
        | Call::Cancel(_)
        | Call::Hold(_)
        | Call::Nudge(_)
        | Call::ChangeQos { .. }
        | Call::Suspend(_)
        | Call::Resume(_)
        | Call::Requeue(_)
        | Call::SetTimeLimit { .. }
        | Call::CancelStranger { .. }
        | Call::PutAccount(_)
        | Call::PutAccountLimits(_)
        | Call::PutUser(_)
        | Call::RemoveUser { .. }
        | Call::PutQos(_)
        | Call::PutReservation(_)
        | Call::RemoveReservation { .. } => Lane::Effect,
        Call::ReadJobs { .. } | Call::WatchJobs { .. } | Call::ReadStrangers => {
            Lane::ControllerRead
        }
        Call::CheckSettings
        | Call::ReadRecords { .. }
        | Call::ReadEnded { .. }
        | Call::ReadUsage { .. }
        | Call::ReadAccounts
        | Call::ReadAssociations
        | Call::ReadPreempted { .. }
        | Call::ReadPolicy
        | Call::ReadWholeCluster => Lane::AccountingRead,
    }
}

/// True for a call that says how things shall be: sent twice, it finds them so the second time.
pub(super) const fn may_be_sent_twice(call: &Call) -> bool {
    match call {
        // Between the two the job may have started again, and would lose what it did since.
        Call::Requeue(_) => false,
        Call::Ping
        | Call::CheckSettings
        // Under its own id, or found again by its key.
        | Call::Submit(_)
        | Call::Release(_)
        | Call::Cancel(_)
        | Call::Hold(_)
        | Call::Nudge(_)
        | Call::ChangeQos { .. }
        | Call::Suspend(_)
        | Call::Resume(_)
        | Call::SetTimeLimit { .. }
        | Call::CancelStranger { .. }
        | Call::PutAccount(_)
        | Call::PutAccountLimits(_)
        | Call::PutUser(_)
        | Call::RemoveUser { .. }
        | Call::PutQos(_)
        | Call::PutReservation(_)
        | Call::RemoveReservation { .. }
        | Call::ReadJobs { .. }
        | Call::WatchJobs { .. }
        | Call::ReadStrangers
        | Call::ReadRecords { .. }
        | Call::ReadEnded { .. }
        | Call::ReadUsage { .. }
        | Call::ReadAccounts
        | Call::ReadAssociations
        | Call::ReadPreempted { .. }
        | Call::ReadPolicy
        | Call::ReadWholeCluster => true,
    }
}

pub(super) struct Lanes {
    effects: Semaphore,
    controller_reads: Semaphore,
    accounting_reads: Semaphore,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            effects: Semaphore::new(EFFECTS),
            controller_reads: Semaphore::new(CONTROLLER_READS),
            accounting_reads: Semaphore::new(ACCOUNTING_READS),
        }
    }
}

impl Lanes {
    /// Waits for a turn, which lasts as long as what is returned.
    pub(super) async fn turn(&self, call: &Call) -> Option<SemaphorePermit<'_>> {
        let lane = match lane(call) {
            Lane::Free => return None,
            Lane::Effect => &self.effects,
            Lane::ControllerRead => &self.controller_reads,
            Lane::AccountingRead => &self.accounting_reads,
        };
        Some(lane.acquire().await.expect("the semaphores are never closed"))
    }
}
