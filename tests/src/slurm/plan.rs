//! What a cluster should look like.

use std::path::PathBuf;

use super::release::Release;

/// The cluster to start; `ClusterPlan::default()` has one node with eight GPUs.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    /// Slurm's ClusterName: lower-case letters, digits and `_`.
    pub name: String,
    /// Nodes `node01`, `node02` …, each a slurmd on this machine; 1 to 99.
    pub nodes: usize,
    /// GPU devices per node, as character devices that stand for them.
    pub gpus_per_node: usize,
    /// Slurm's type of these GPUs.
    pub gpu_type: String,
    /// CPUs that a node claims to have.
    pub cpus_per_node: usize,
    /// Memory that a node claims to have.
    pub memory_mib_per_node: usize,
    /// The uids that may submit on the broker's partitions and accounts.
    pub gateway_uids: Vec<u32>,
    /// Seconds that slurmctld remembers an ended job.
    pub min_job_age_s: u32,
    /// Slurm's `SlurmdTimeout`: a node that was not heard for so long is set down, and its jobs fail.
    pub slurmd_timeout_s: u32,
    /// Whether MariaDB keeps what it has committed when it is killed; slower, and few tests kill it.
    pub durable: bool,
    /// Where Slurm's programs come from.
    pub release: Release,
    /// A directory that does not exist yet; by default a new one under `/tmp`.
    pub dir: Option<PathBuf>,
}

impl Default for ClusterPlan {
    fn default() -> Self {
        Self {
            name: "testbed".into(),
            nodes: 1,
            gpus_per_node: 8,
            gpu_type: "h200".into(),
            cpus_per_node: 64,
            memory_mib_per_node: 262_144,
            gateway_uids: vec![0],
            min_job_age_s: 300,
            slurmd_timeout_s: 30,
            durable: false,
            release: Release::of_this_run(),
            dir: None,
        }
    }
}

impl ClusterPlan {
    /// A plan with so many nodes.
    pub fn with_nodes(nodes: usize) -> Self {
        Self { nodes, ..Self::default() }
    }

    /// The nodes' names.
    pub(crate) fn node_names(&self) -> Vec<String> {
        (1..=self.nodes).map(|number| format!("node{number:02}")).collect()
    }
}
