//! Jobs past the broker: where it has a say, without its mark.

use slurm_wire::{JobRow, Refusal, RefusalCode};

use super::{AccountTree, Bounds, refusal};

impl Bounds {
    /// True for a job that the broker did not submit, on its partitions or accounts.
    ///
    /// The mark is Slurm's admin comment, which no user can write.
    pub fn is_stranger(&self, row: &JobRow, tree: &AccountTree) -> bool {
        let inside = row.account.as_deref().is_some_and(|account| tree.contains(account));
        let ours = |name: &str| self.partitions.iter().any(|own| own == name);
        // A waiting job may name several partitions: one of them is enough to start on it.
        let near = row.partition.as_deref().is_some_and(|names| names.split(',').any(ours));
        !self.is_marked(row) && (inside || near)
    }

    /// Checks that a job is one to cancel as a stranger.
    pub fn check_stranger(&self, row: &JobRow, tree: &AccountTree) -> Result<(), Refusal> {
        if self.is_stranger(row, tree) {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::NotAStranger,
            format!(
                "job {} carries the broker's mark, or is neither on {:?} nor under {:?}: it is not the \
                 gateway's to cancel as a stranger's",
                row.job_id, self.partitions, self.account_root
            ),
        ))
    }
}
