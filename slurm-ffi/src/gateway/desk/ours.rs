//! Calls that change a job of ours.

use slurm_wire::{Answer, OurJob, Refusal, RefusalCode};

use super::{Desk, mismatch};
use crate::bounds::refusal;
use crate::change::Change;
use crate::frame::{Product, Task};

impl Desk {
    /// Has a job of ours changed: its id, its mark and its account must be the broker's.
    pub(super) fn change(&self, job: OurJob, change: Change) -> Result<Answer, Refusal> {
        self.check_id(job.job_id)?;
        self.file.bounds.check_key(&job.key)?;
        // The accounts that are remembered, however old: a job elsewhere is looked at again below.
        let accounts = self.accounts.names_known(&self.dbd)?;
        let task = |accounts| Task::Change { job: job.clone(), accounts, change: change.clone() };
        let account = match self.run(task(accounts))? {
            Product::Nothing => return Ok(Answer::Done),
            Product::Elsewhere { account } => account.unwrap_or_default(),
            other => return Err(mismatch(&other)),
        };
        // The job carries the key: its account may be younger than what is remembered.
        let tree = self.accounts.tree_with(&account, &self.dbd).map_err(|it| not_ours(&job, it))?;
        match self.run(task(tree.names()))? {
            Product::Nothing => Ok(Answer::Done),
            Product::Elsewhere { .. } => {
                let sentence = format!("job {} is charged to another account now", job.job_id);
                Err(refusal(RefusalCode::NotOurJob, sentence))
            }
            other => Err(mismatch(&other)),
        }
    }
}

fn not_ours(job: &OurJob, why: Refusal) -> Refusal {
    if why.code != RefusalCode::ForeignAccount {
        return why;
    }
    let sentence = format!("job {} is not the broker's: {}", job.job_id, why.sentence);
    refusal(RefusalCode::NotOurJob, sentence)
}
