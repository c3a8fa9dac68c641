//! Calls that follow the broker's jobs: in slurmctld as they change, in slurmdbd as they end.

use slurm_wire::{Answer, Cursor, Refusal, RefusalCode};

use super::job::check_stretch;
use super::{Desk, mismatch};
use crate::bounds::refusal;
use crate::frame::{Product, Task};

/// Longest stretch of time that runs which ended are looked for in: slurmdbd goes through every
/// job of the cluster that did.
const LONGEST_ENDED_S: i64 = 24 * 3600;

/// Longest stretch of time that use is added up over: a year and a day.
const LONGEST_USE_S: i64 = 366 * 24 * 3600;

const HOUR_S: i64 = 3600;

impl Desk {
    /// What has changed of the broker's jobs since a cursor.
    pub(super) fn watch_jobs(&self, since: Option<Cursor>) -> Result<Answer, Refusal> {
        let own = self.file.bounds.own(self.explicit_ids);
        match self.run(Task::WatchJobs { since, own })? {
            Product::Changes(mut changes) => {
                changes.jobs = self.only_ours(changes.jobs)?;
                Ok(Answer::Changes(changes))
            }
            other => Err(mismatch(&other)),
        }
    }

    /// Every run of the broker's that ended in a stretch of time.
    pub(super) fn read_ended(&self, from: i64, until: i64) -> Result<Answer, Refusal> {
        check_stretch(from, until, LONGEST_ENDED_S)?;
        let accounts = self.accounts.tree(&self.dbd)?.names();
        let own = self.file.bounds.own(self.explicit_ids);
        self.records(Task::ReadEnded { from, until, own, accounts }).map(Answer::Records)
    }

    /// Slurm's own sums of use, by account of the subtree.
    pub(super) fn read_usage(&self, from: i64, until: i64) -> Result<Answer, Refusal> {
        check_stretch(from, until, LONGEST_USE_S)?;
        if from % HOUR_S != 0 || until % HOUR_S != 0 {
            let sentence = format!("from {from} until {until}: Slurm adds up whole hours only");
            return Err(refusal(RefusalCode::MalformedCall, sentence));
        }
        let accounts = self.accounts.tree(&self.dbd)?.names();
        match self.run(Task::ReadUsage { from, until, accounts })? {
            Product::Usage(usage) => Ok(Answer::Usage(usage)),
            other => Err(mismatch(&other)),
        }
    }
}
