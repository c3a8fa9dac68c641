//! The account tree, remembered for half a minute.
//!
//! A submission may not wait for slurmdbd each time, and a project made this second must not be
//! refused: what is not found is looked up again. While slurmdbd is away the last tree still
//! counts, because no account can change without slurmdbd. What was read before the gateway itself
//! changed an account is old, however young.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use slurm_wire::Refusal;

use super::pace::Paced;
use crate::bounds::AccountTree;
use crate::frame::{Product, Task};

const FRESH: Duration = Duration::from_secs(30);
/// Somebody who asks for accounts that do not exist causes one query a second at most.
const SETTLED: Duration = Duration::from_secs(1);

pub(super) struct Accounts {
    root: String,
    remembered: Mutex<Option<Remembered>>,
    /// When the gateway last changed something there, or may have.
    changed_at: Mutex<Option<Instant>>,
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
        Self {
            root: root.to_owned(),
            remembered: Mutex::default(),
            changed_at: Mutex::default(),
            asking: Mutex::default(),
        }
    }

    /// Notes a change: what was read before it is asked for again.
    pub(super) fn note_change(&self) {
        *self.changed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Keeps a tree that somebody else read; `asked_at` is when they began.
    pub(super) fn keep(&self, tree: &Arc<AccountTree>, asked_at: Instant) {
        self.remember(Remembered { tree: Arc::clone(tree), asked_at });
    }

    /// The tree, not older than half a minute.
    pub(super) fn tree(&self, dbd: &Paced) -> Result<Arc<AccountTree>, Refusal> {
        self.tree_younger_than(FRESH, dbd)
    }

    /// The accounts of the last tree, however old while slurmdbd is away.
    pub(super) fn names_known(&self, dbd: &Paced) -> Result<Vec<String>, Refusal> {
        match (self.tree(dbd), self.remembered()) {
            (Ok(tree), _) => Ok(tree.names()),
            (Err(refusal), Some(stale)) if refusal.code.retry_helps() => {
                tracing::warn!(reason = %refusal, "using the last known account tree");
                self.remember(Remembered { asked_at: Instant::now(), ..stale.clone() });
                Ok(stale.tree.names())
            }
            (Err(refusal), _) => Err(refusal),
        }
    }

    /// A tree in which `account` is, or a refusal.
    pub(super) fn tree_with(
        &self,
        account: &str,
        dbd: &Paced,
    ) -> Result<Arc<AccountTree>, Refusal> {
        let known = self.remembered().filter(|it| it.tree.contains(account));
        let tree = match known {
            Some(fresh) if self.is_younger(&fresh, FRESH) => return Ok(fresh.tree),
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

    fn tree_younger_than(&self, age: Duration, dbd: &Paced) -> Result<Arc<AccountTree>, Refusal> {
        let young = || self.remembered().filter(|it| self.is_younger(it, age));
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

    fn is_younger(&self, it: &Remembered, age: Duration) -> bool {
        let changed_at = *self.changed_at.lock().unwrap_or_else(PoisonError::into_inner);
        it.asked_at.elapsed() < age && changed_at.is_none_or(|at| it.asked_at > at)
    }

    fn remembered(&self) -> Option<Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, it: Remembered) {
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(it);
    }
}
