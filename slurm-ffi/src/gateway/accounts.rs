//! The account tree, remembered for half a minute.
//!
//! A submission may not wait for slurmdbd each time, and a project made this second must not be
//! refused: what is not found is looked up again. While slurmdbd is away the last tree still
//! counts, because no account can change without slurmdbd.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use slurm_wire::Refusal;

use super::link::Link;
use crate::bounds::AccountTree;
use crate::frame::{Product, Task};

const FRESH: Duration = Duration::from_secs(30);
/// Somebody who asks for accounts that do not exist causes one query a second at most.
const SETTLED: Duration = Duration::from_secs(1);

pub(super) struct Accounts {
    root: String,
    remembered: Mutex<Option<Remembered>>,
    /// Held by whoever asks slurmdbd; the others need not ask too.
    asking: Mutex<()>,
}

#[derive(Clone)]
struct Remembered {
    tree: Arc<AccountTree>,
    /// When slurmdbd was last asked, with or without an answer.
    asked_at: Instant,
}

impl Accounts {
    pub(super) fn under(root: &str) -> Self {
        Self { root: root.to_owned(), remembered: Mutex::default(), asking: Mutex::default() }
    }

    /// The tree, not older than half a minute.
    pub(super) fn tree(&self, dbd: &Link) -> Result<Arc<AccountTree>, Refusal> {
        self.tree_younger_than(FRESH, dbd)
    }

    /// A tree in which `account` is, or a refusal.
    pub(super) fn tree_with(&self, account: &str, dbd: &Link) -> Result<Arc<AccountTree>, Refusal> {
        let known = self.remembered().filter(|it| it.tree.contains(account));
        let tree = match known {
            Some(fresh) if fresh.asked_at.elapsed() < FRESH => return Ok(fresh.tree),
            Some(stale) => self.tree_younger_than(FRESH, dbd).or_else(|refusal| {
                if !refusal.code.retry_helps() {
                    return Err(refusal);
                }
                tracing::warn!(account, reason = %refusal, "using the last known account tree");
                // For half a minute more: a slurmdbd that stalls must not stall every submission.
                self.remember(Remembered { asked_at: Instant::now(), ..stale.clone() });
                Ok(stale.tree)
            })?,
            None => self.tree_younger_than(SETTLED, dbd)?,
        };
        tree.check(&self.root, account)?;
        Ok(tree)
    }

    fn tree_younger_than(&self, age: Duration, dbd: &Link) -> Result<Arc<AccountTree>, Refusal> {
        let young = || self.remembered().filter(|it| it.asked_at.elapsed() < age);
        if let Some(it) = young() {
            return Ok(it.tree);
        }
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(it) = young() {
            return Ok(it.tree); // Somebody else asked while we waited to.
        }
        let asked_at = Instant::now();
        let associations = match dbd.call(Task::ReadAssociations)? {
            Product::Associations(associations) => associations,
            other => return Err(super::desk::mismatch(&other)),
        };
        let tree = Arc::new(AccountTree::under(&self.root, associations));
        if tree.accounts().is_empty() {
            tracing::error!(root = self.root, "the account root does not exist in Slurm");
        }
        self.remember(Remembered { tree: Arc::clone(&tree), asked_at });
        Ok(tree)
    }

    fn remembered(&self) -> Option<Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, it: Remembered) {
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(it);
    }
}
