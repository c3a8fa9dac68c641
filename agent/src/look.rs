//! When to look at the process list, which costs the driver about a thousand times a counter.
//!
//! A process cannot appear or go without moving the memory in use, and memory is read every second
//! anyway: so the list is looked at when memory or utilization says that something changed, and
//! otherwise every few seconds to be sure.

use agent_wire::Reading;

/// A CUDA context takes hundreds of MiB; drift of the driver's own use stays below this.
const MEMORY_STEP_MIB: u64 = 16;

/// When the list of one GPU was looked at, and what the GPU looked like then.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    every_ms: u64,
    last: Option<LastLook>,
}

#[derive(Clone, Copy, Debug)]
struct LastLook {
    at_ms: u64,
    memory_mib: Reading,
    busy: bool,
}

impl Look {
    /// Looks at least every `every_ms`.
    pub const fn new(every_ms: u64) -> Self {
        Self { every_ms, last: None }
    }

    /// Whether to look now; a yes counts as looked.
    pub fn is_due(&mut self, at_ms: u64, memory_mib: Reading, utilization_pct: Reading) -> bool {
        let busy = utilization_pct.value().is_some_and(|percent| percent > 0);
        let due = self.last.is_none_or(|last| {
            at_ms.saturating_sub(last.at_ms) >= self.every_ms
                || busy != last.busy
                || memory_moved(last.memory_mib, memory_mib)
        });
        if due {
            self.last = Some(LastLook { at_ms, memory_mib, busy });
        }
        due
    }
}

fn memory_moved(before: Reading, now: Reading) -> bool {
    match (before.value(), now.value()) {
        (Some(before), Some(now)) => before.abs_diff(now) >= MEMORY_STEP_MIB,
        // Without memory nothing tells of a change, so every second is a time to look.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_gpu_is_looked_at_seldom_and_a_changed_one_at_once() {
        let (idle, zero) = (Reading::Value(4), Reading::Value(0));
        let mut look = Look::new(10_000);
        assert!(look.is_due(0, idle, zero), "the first time always");
        assert!(!look.is_due(9_000, idle, zero));
        assert!(look.is_due(10_000, idle, zero), "every 10 s to be sure");
        assert!(look.is_due(11_000, Reading::Value(500), zero), "memory moved");
        assert!(!look.is_due(12_000, Reading::Value(501), zero));
        assert!(look.is_due(13_000, Reading::Value(501), Reading::Value(7)), "it began to work");
    }

    #[test]
    fn without_memory_every_second_is_a_time_to_look() {
        let mut look = Look::new(10_000);
        assert!(look.is_due(0, Reading::Unsupported, Reading::Unsupported));
        assert!(look.is_due(1_000, Reading::Unsupported, Reading::Unsupported));
    }
}
