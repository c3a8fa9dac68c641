//! What the file says of each Slurm cluster, one section `[[clusters]]` each.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Fault;

/// A Slurm cluster and its gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Slurm's name of the cluster.
    pub name: String,
    /// Unix socket of `mimer-slurm-gateway` on this machine.
    #[serde(default)]
    pub gateway_socket: Option<PathBuf>,
    /// The gateway on another machine, in place of the socket.
    #[serde(default)]
    pub gateway: Option<RemoteGateway>,
    /// Seconds before a call to the gateway is given up; the outcome is then unknown, not "no".
    #[serde(default = "Cluster::default_deadline_s")]
    pub deadline_s: u64,
    /// First and last job id of the broker's own range; the same in every cluster.
    pub job_ids: [u32; 2],
    /// CPUs that go with one GPU.
    #[serde(default = "Cluster::default_cpus")]
    pub cpus_per_gpu: u32,
    /// Partition of open projects.
    pub open_partition: String,
    /// Partition of confidential projects.
    pub confidential_partition: String,
    /// The Slurm account under which all of the broker's lie; never Slurm's own root.
    #[serde(default = "Cluster::default_account_root")]
    pub account_root: String,
    /// What is done about accounts, users, QOS and reservations of Slurm.
    #[serde(default)]
    pub keep: Keep,
    /// QOS of research, whose jobs make way where a pool's share is guaranteed or in a crisis.
    #[serde(default = "Cluster::default_research_qos")]
    pub research_qos: Vec<String>,
    /// Priority of every project's QOS. An agency that lowers itself at a limit goes to 0, so lowering
    /// changes the order of waiting jobs only where this is above 0.
    #[serde(default)]
    pub qos_priority: u32,
}

/// A `mimer-slurm-gateway` on another machine: TLS 1.3, each side with a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteGateway {
    /// Host and port.
    pub address: String,
    /// The name in the gateway's certificate.
    pub server_name: String,
    /// PEM file with the authority that signs the gateway's certificate; no other is trusted.
    pub ca_file: PathBuf,
    /// PEM file with our certificate, whose name is among the gateway's callers.
    pub certificate_file: PathBuf,
    /// PEM file with its key.
    pub key_file: PathBuf,
}

/// How the broker keeps Slurm as the grants, members and shares say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Accounts, users and QOS are made by hand; jobs are submitted under Slurm's default QOS.
    Off,
    /// What should be different is computed and shown; `mimer cluster apply` writes it.
    #[default]
    Show,
    /// What grants, members or shares have changed is written at once. What somebody changed in
    /// Slurm by hand is shown, and written over only by `mimer cluster apply`.
    Apply,
}

impl Cluster {
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.name.is_empty() {
            return Err(("clusters.name", "must be Slurm's ClusterName"));
        }
        if self.gateway_socket.is_some() == self.gateway.is_some() {
            return Err((
                "clusters.gateway_socket",
                "or a section [clusters.gateway] must be there, and not both",
            ));
        }
        let [first, last] = self.job_ids;
        if first == 0 || first > last {
            return Err(("clusters.job_ids", "must be [first, last] with 0 < first <= last"));
        }
        if last >= 1 << 26 {
            return Err((
                "clusters.job_ids",
                "must stay below 67108864, where Slurm's own limit is",
            ));
        }
        if self.account_root == "root"
            || self.account_root.parse::<quotas::name::SlurmAccount>().is_err()
        {
            return Err((
                "clusters.account_root",
                "must be an account of the broker's own in lower case, as `public`; never `root`",
            ));
        }
        Ok(())
    }

    fn default_account_root() -> String {
        "public".to_owned()
    }
    fn default_research_qos() -> Vec<String> {
        vec!["normal".to_owned()]
    }
    fn default_deadline_s() -> u64 {
        15
    }
    fn default_cpus() -> u32 {
        1
    }
}

/// Checks each cluster, and that they go together.
pub(super) fn check(clusters: &[Cluster]) -> Result<(), Fault> {
    let Some(first) = clusters.first() else {
        let reason = "is missing: write a section [[clusters]] for each Slurm cluster";
        return Err(("clusters", reason.to_owned()));
    };
    for (place, cluster) in clusters.iter().enumerate() {
        let name = &cluster.name;
        cluster.check().map_err(|(setting, reason)| (setting, format!("of {name:?} {reason}")))?;
        if clusters[..place].iter().any(|other| other.name == *name) {
            return Err((
                "clusters.name",
                format!("{name:?} is there twice; names are Slurm's own"),
            ));
        }
        // One sequence gives the ids, so that an id is one job, whichever cluster it is on.
        if cluster.job_ids != first.job_ids {
            let (there, here) = (first.job_ids, cluster.job_ids);
            let reason = format!(
                "must be the same in every cluster: an id is one job among all of them; {:?} has \
                 {there:?} and {name:?} has {here:?}",
                first.name
            );
            return Err(("clusters.job_ids", reason));
        }
    }
    Ok(())
}

/// What to write instead, where the file has the one section that there was before several clusters.
pub(super) fn once_written(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    table.contains_key("cluster").then(|| {
        "each cluster is a section [[clusters]] now: write [[clusters]] in place of [cluster], and \
         [clusters.gateway] in place of [cluster.gateway]"
            .to_owned()
    })
}
