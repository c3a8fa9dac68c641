//! The testbed: real daemons in a private directory, for the stories, the demo and the benches.
//!
//! - [`slurm`]: a whole Slurm cluster (munge, MariaDB, slurmdbd, slurmctld, any number of nodes
//!   with fake GPU devices), several side by side on one machine.
//! - [`postgres`]: a PostgreSQL of the site, which several mimerd share and a test may kill.
//! - [`proxy`]: a relay between broker and gateway that can be slowed, stalled and cut.
//! - [`sftp`]: a real OpenSSH server that stands for a secure processing environment.
//! - [`accounts`]: the POSIX users that jobs run as.
//! - [`fake_gateway`]: *simulated* Slurm behind the gateway's protocol, for the fast loop.
//! - [`site`]: a whole installation on either Slurm: mimerd, gateway, agents, store.
//! - [`story`]: the main job, told once for the demo and the tests.
//! - [`mod@bench`]: measurements, never asserted.
//! - [`chaos`]: everything killed, cut and slowed while jobs go through.
//! - [`browser`]: headless Chromium behind its driver, for the pages.
//! - [`daemon`], [`supervise`], [`poll`], [`port`], [`workspace`]: what the above are made of.
//!
//! Everything listens on loopback, on free ports. What is started here is ended by pid: on `stop`,
//! on drop, and by a small guard process when the test itself is killed.

pub mod accounts;
pub mod bench;
pub mod browser;
pub mod chaos;
pub mod daemon;
pub mod fake_gateway;
mod guard;
pub mod poll;
pub mod port;
pub mod postgres;
mod process;
pub mod proxy;
pub mod sftp;
pub mod site;
pub mod slurm;
pub mod story;
pub mod supervise;
pub mod workspace;

pub use browser::Browser;
pub use daemon::Daemon;
pub use postgres::Postgres;
pub use sftp::SftpStore;
pub use slurm::{Cluster, ClusterPlan};
pub use supervise::Supervised;
pub use workspace::Workspace;

/// The root of the source tree this testbed was built from.
pub fn workspace_root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}
