//! A *simulated* Slurm behind the gateway's protocol, for stories with a moved clock.
//!
//! It speaks the same lines over the same kind of socket as `mimer-slurm-gateway`, refuses by the
//! same codes, and keeps jobs in memory. No script is run: a job "runs" for as long as its
//! environment's `MIMER_FAKE_SECONDS` says, else as long as the `sleep` lines of its script add up
//! to, else for the plan's default. It calls itself `simulated` wherever it names its release.

mod bounds;
mod gpus;
mod job;
mod machine;
mod server;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use record::Clock;
use slurm_wire::{AccountRow, AssociationRow, JobRow, RefusalCode};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

pub use bounds::FakeBounds;

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
    /// Accounts it answers with, besides `public`.
    pub accounts: Vec<AccountRow>,
    /// Associations it answers with.
    pub associations: Vec<AssociationRow>,
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
            accounts: Vec::new(),
            associations: Vec::new(),
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
        let row = AccountRow { name: name.into(), parent: Some(parent.into()) };
        self.shared.machine().accounts.push(row);
    }

    /// Lets a user run under an account.
    pub fn add_association(&self, account: &str, user: &str) {
        let mut machine = self.shared.machine();
        let row = AssociationRow {
            cluster: machine.cluster().into(),
            account: account.into(),
            user: Some(user.into()),
            partition: None,
        };
        machine.associations.push(row);
    }

    /// Ends a running job as a node failure would: state NODE_FAIL, at the clock's present.
    pub fn fail_node_under(&self, job_id: u32) {
        self.shared.machine().fail_node_under(job_id);
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
