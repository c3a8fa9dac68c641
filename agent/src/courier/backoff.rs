//! How long to wait after failures, and how nodes avoid speaking all at once.

use std::time::Duration;

use uuid::Uuid;

/// Doubling waits with a bound, and a fixed share that differs from node to node.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    most: Duration,
    /// 0 to 255, from the stream's id.
    share: u32,
}

/// Segments are cut on every node at the same second; sending is spread over this long.
const SPREAD: Duration = Duration::from_secs(2);

impl Backoff {
    /// Waits of at most `most`, spread by the stream's id.
    pub fn new(most: Duration, stream_id: Uuid) -> Self {
        // The last byte of a version 7 id is random.
        let share = u32::from(stream_id.as_bytes()[15]);
        Self { most, share }
    }

    /// The wait after the `failures`-th failure in a row: half of it fixed, half the node's share.
    pub fn after(&self, failures: u32) -> Duration {
        let doubled = Duration::from_secs(1 << failures.saturating_sub(1).min(16));
        let whole = doubled.min(self.most);
        whole / 2 + whole / 2 * self.share / 255
    }

    /// The wait between a segment's arrival and its sending.
    pub fn spread(&self) -> Duration {
        SPREAD * self.share / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound() {
        let backoff = Backoff::new(Duration::from_secs(60), Uuid::from_u128(255));
        let waits: Vec<u64> = (1..=8).map(|count| backoff.after(count).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.after(u32::MAX).as_secs(), 60);
    }

    #[test]
    fn nodes_wait_differently() {
        let of = |share| Backoff::new(Duration::from_secs(60), Uuid::from_u128(share));
        assert_eq!(of(0).after(10).as_secs(), 30);
        assert_eq!((of(0).spread(), of(255).spread()), (Duration::ZERO, SPREAD));
    }
}
