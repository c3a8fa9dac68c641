//! The simulated gateway's promises: the real one's rules, on a moved clock.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

mod array;
mod caller;
mod jobs;
mod life;
mod limits;
mod policy;
mod preemption;

use chrono::TimeDelta;
use record::Clock;
use testbed::fake_gateway::{FakeGateway, FakePlan};

/// A simulated cluster in which `mimer-p1` (uid 61001) may run under `pub_demo`.
struct Stage {
    _dir: tempfile::TempDir,
    clock: Clock,
    gateway: FakeGateway,
}

impl Stage {
    fn set() -> Self {
        Self::with(FakePlan::default())
    }

    fn with(plan: FakePlan) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2027-02-01T08:00:00Z".parse().unwrap());
        let gateway = FakeGateway::start(&dir.path().join("socket"), plan, clock.clone()).unwrap();
        gateway.add_account("pub_demo", "public");
        gateway.add_association("pub_demo", "mimer-p1");
        Self { _dir: dir, clock, gateway }
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }
}
