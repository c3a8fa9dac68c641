//! What a job must be like to be the broker's: the key it carries, and the time it may be given.

use slurm_wire::{JobRow, Refusal, RefusalCode};

use super::{Bounds, refusal};

const KEY_BYTES: usize = 128;

impl Bounds {
    /// Checks that a key could be one of the broker's.
    pub fn check_key(&self, key: &str) -> Result<(), Refusal> {
        let plain = key.bytes().all(|byte| byte.is_ascii_graphic());
        let own = key.strip_prefix(self.key_prefix.as_str()).is_some_and(|rest| !rest.is_empty());
        if plain && own && key.len() <= KEY_BYTES {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::BadKey,
            format!(
                "a key is {:?} and something after it, at most {KEY_BYTES} plain ASCII characters",
                self.key_prefix
            ),
        ))
    }

    /// Checks a wall time limit.
    pub fn check_time_limit(&self, minutes: u32) -> Result<(), Refusal> {
        if (1..=self.max_wall_time_min).contains(&minutes) {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::TimeLimitTooLong,
            format!(
                "a wall time of {minutes} minutes: the limit is 1 to {}",
                self.max_wall_time_min
            ),
        ))
    }

    /// True for a job that carries the broker's mark.
    pub(super) fn is_marked(&self, row: &JobRow) -> bool {
        row.admin_comment.as_deref().is_some_and(|key| key.starts_with(&self.key_prefix))
    }
}
