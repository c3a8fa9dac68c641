//! A *simulated* Slurm behind the gateway's protocol, for stories with a moved clock.
//!
//! It speaks the same lines over the same kind of socket as `mimer-slurm-gateway`, refuses by the
//! same codes, and keeps jobs in memory. No script is run: a job "runs" for as long as its
//! environment's `MIMER_FAKE_SECONDS` says, else as long as the `sleep` lines of its script add up
//! to, else for the plan's default. It calls itself `simulated` wherever it names its release.

mod bounds;
mod change;
mod follow;
mod gpus;
mod job;
mod limits;
mod machine;
mod policy;
mod queue;
mod reading;
mod server;
mod stranger;
mod submission;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use record::Clock;
use slurm_wire::{JobRow, JobState, Policy, RefusalCode, SettingFault};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

pub use bounds::FakeBounds;
pub use stranger::Stranger;

use machine::Machine;

/// Slurm's release as the fake gives it: nobody can take it for a real one.
pub const FAKE_RELEASE: &str = "simulated";

/// The simulated cluster.
#[derive(Clone, Debug)]
pub struct FakePlan {
    /// Cluster's name.
    pub cluster: String,
    /// Nodes `node01` …
    pub nodes: usize,
    /// GPUs per node.
    pub gpus_per_node: u32,
    /// Their type.
    pub gpu_type: String,
    /// How long a job runs when nothing else says so.
    pub run_seconds: i64,
    /// What callers may do.
    pub bounds: FakeBounds,
    /// Whether a job needs its account and its user there, as with `AccountingStorageEnforce`.
    pub enforce_associations: bool,
    /// Whether the gateway may choose job ids, as Slurm's administrator; otherwise Slurm does.
    pub explicit_ids: bool,
}

impl Default for FakePlan {
    fn default() -> Self {
        Self {
            cluster: "simulated".into(),
            nodes: 1,
            gpus_per_node: 8,
            gpu_type: "h200".into(),
            run_seconds: 3_600,
            bounds: FakeBounds::default(),
            enforce_associations: true,
            explicit_ids: true,
        }
    }
}

/// A fault to come, for tests of what the broker does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FakeFault {
    /// The next call is refused with this code and changes nothing.
    Refuse(RefusalCode),
    /// The next call takes effect, but the connection breaks before the answer.
    LoseAnswer,
    /// Every call is refused as if slurmctld did not answer, until [`FakeGateway::heal`].
    ControllerDown,
    /// Every read of records is refused as if slurmdbd did not answer, until healed.
    AccountingDown,
}

/// A running fake gateway; dropping it closes the socket.
#[derive(Debug)]
pub struct FakeGateway {
    socket: PathBuf,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    clock: Clock,
    machine: Mutex<Machine>,
}

impl Shared {
    /// The machine, brought up to the clock's present.
    fn machine(&self) -> MutexGuard<'_, Machine> {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.advance_to(self.clock.now().timestamp());
        machine
    }
}

impl FakeGateway {
    /// Listens on `socket`; jobs start and end as `clock` moves.
    ///
    /// Must be called within a tokio runtime.
    pub fn start(socket: &Path, plan: FakePlan, clock: Clock) -> Result<Self> {
        let listener = UnixListener::bind(socket)
            .with_context(|| format!("listening on {}", socket.display()))?;
        let machine = Machine::new(plan, clock.now().timestamp());
        let shared = Arc::new(Shared { clock, machine: Mutex::new(machine) });
        let listening = tokio::spawn(server::listen(listener, Arc::clone(&shared)));
        Ok(Self { socket: socket.into(), shared, listening })
    }

    /// The socket that the broker connects to.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Every job, ended ones too, as slurmctld would show it now.
    pub fn jobs(&self) -> Vec<JobRow> {
        self.shared.machine().all_jobs()
    }

    /// Adds an account, as an operator would with `sacctmgr`.
    pub fn add_account(&self, name: &str, parent: &str) {
        let mut machine = self.shared.machine();
        let cluster = machine.cluster().to_owned();
        machine.kept.add_account(&cluster, name, Some(parent));
    }

    /// Lets a user run under an account, with the QOS that everybody has.
    pub fn add_association(&self, account: &str, user: &str) {
        let mut machine = self.shared.machine();
        let cluster = machine.cluster().to_owned();
        machine.kept.add_association(&cluster, account, Some(user), &[]);
    }

    /// The whole cluster's accounts, associations, QOS and reservations.
    pub fn policy(&self) -> Policy {
        self.shared.machine().kept.whole()
    }

    /// Changes them past the broker, as an operator would with `sacctmgr` and `scontrol`.
    pub fn modify_by_hand(&self, change: impl FnOnce(&mut Policy)) {
        let mut machine = self.shared.machine();
        let mut policy = machine.kept.whole();
        change(&mut policy);
        machine.kept.replace(policy);
        machine.notice_later();
    }

    /// How many calls have written accounts, users, QOS or reservations.
    pub fn policy_writes(&self) -> u64 {
        self.shared.machine().policy_writes
    }

    /// Submits a job past the broker and returns its id.
    pub fn submit_past_the_broker(&self, stranger: &Stranger) -> u32 {
        self.shared.machine().submit_past_the_broker(stranger)
    }

    /// Fills every node with one research job and returns their ids.
    pub fn fill_with_research(&self) -> Vec<u32> {
        let mut machine = self.shared.machine();
        let (nodes, gpu_count) = machine.size();
        let job = Stranger { gpu_count, ..Stranger::default() };
        (0..nodes).map(|_| machine.submit_past_the_broker(&job)).collect()
    }

    /// What the check of Slurm's settings answers from now on.
    pub fn find_setting_faults(&self, faults: Vec<SettingFault>) {
        self.shared.machine().setting_faults = faults;
    }

    /// Ends a running job, or one task, by Slurm's own id and at the clock's present: `NodeFail`,
    /// `OutOfMemory`, or `Cancelled` as by somebody with `scancel`.
    pub fn end_by_hand(&self, own_id: u32, state: JobState) {
        self.shared.machine().end_running(own_id, state);
    }

    /// Puts a running job back into the queue, as somebody with `scontrol` does.
    pub fn requeue_by_hand(&self, own_id: u32) {
        self.shared.machine().requeue_by_hand(own_id);
    }

    /// Starts the worker that follows slurmctld anew: every caller is told everything again.
    pub fn restart_worker(&self) {
        self.shared.machine().followed.begin_anew();
    }

    /// Forgets a job wholly, as slurmctld does with one that it acknowledged but had not saved.
    pub fn forget(&self, job_id: u32) {
        self.shared.machine().forget(job_id);
    }

    /// Makes something go wrong.
    pub fn inject(&self, fault: FakeFault) {
        self.shared.machine().faults.push(fault);
    }

    /// Takes back every fault.
    pub fn heal(&self) {
        self.shared.machine().faults.clear();
    }
}

impl Drop for FakeGateway {
    fn drop(&mut self) {
        self.listening.abort();
        // A socket that is already gone is as good.
        let _gone = std::fs::remove_file(&self.socket);
    }
}
