//! The files that the daemons read.
//!
//! One `slurm.conf` for the daemons and one for the gateway, which differs only in its short
//! time-outs: libslurm takes those from the client's own file.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::plan::ClusterPlan;
use crate::port;

/// The shipped script; the testbed runs the product's own.
pub(crate) const JOB_SUBMIT: &str = include_str!("../../../slurm-ffi/lua/job_submit.lua");

/// `cgroup.conf` of newer releases, whose slurmd ends where it may not make control groups; the
/// machine's own 22.05 would not know the word.
pub(crate) const CGROUP_CONF: &str = "CgroupPlugin=disabled\n";

/// Partitions that belong to the broker.
const BROKER_PARTITIONS: [&str; 2] = ["gpu", "confidential"];

/// A partition on the same nodes for everybody else.
const OPEN_PARTITION: &str = "research";

/// What other users may not see; it must stand in slurm.conf and in slurmdbd.conf.
const PRIVATE_DATA: &str = "accounts,jobs,reservations,usage,users";

/// The ports of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    pub(crate) mariadb: u16,
    slurmdbd: u16,
    slurmctld: u16,
    slurmd: Vec<u16>,
}

impl Ports {
    pub(crate) fn find(nodes: usize) -> Result<Self> {
        Ok(Self {
            mariadb: port::free()?,
            slurmdbd: port::free()?,
            slurmctld: port::free()?,
            slurmd: (0..nodes).map(|_| port::free()).collect::<Result<_>>()?,
        })
    }
}

/// Everything the files depend on.
pub(crate) struct Settings<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) plan: &'a ClusterPlan,
    pub(crate) ports: &'a Ports,
    /// This machine's name, which slurmctld and slurmd compare with their own.
    pub(crate) host: &'a str,
}

impl Settings<'_> {
    /// `slurm.conf` of the daemons.
    pub(crate) fn slurm_conf(&self) -> String {
        let Self { dir, plan, ports, host } = self;
        let dir = dir.display();
        let gpu_type = &plan.gpu_type;
        let mut text = format!(
            "# The testbed's cluster {name}.\n\
             ClusterName={name}\n\
             SlurmctldHost={host}(127.0.0.1)\n\
             SlurmctldPort={ctld_port}\n\
             SlurmUser=root\n\
             SlurmdUser=root\n\
             AuthType=auth/munge\n\
             CredType=cred/munge\n\
             AuthInfo=socket={dir}/munge/socket\n\
             StateSaveLocation={dir}/state\n\
             SlurmdSpoolDir={dir}/spool/%n\n\
             SlurmctldPidFile={dir}/run/slurmctld.pid\n\
             SlurmdPidFile={dir}/run/slurmd-%n.pid\n\
             SlurmctldLogFile={dir}/log/slurmctld.log\n\
             SlurmdLogFile={dir}/log/slurmd-%n.log\n\
             MailProg=/bin/true\n\
             MpiDefault=none\n\
             \n\
             # Accounting, limits and who may see what.\n\
             AccountingStorageType=accounting_storage/slurmdbd\n\
             AccountingStorageHost=127.0.0.1\n\
             AccountingStoragePort={dbd_port}\n\
             AccountingStoragePass={dir}/munge/socket\n\
             AccountingStorageTRES=gres/gpu,gres/gpu:{gpu_type}\n\
             AccountingStorageEnforce=associations,limits,qos,safe\n\
             AccountingStoreFlags=job_comment\n\
             JobAcctGatherType=jobacct_gather/linux\n\
             JobAcctGatherFrequency=task=2\n\
             JobAcctGatherParams=OverMemoryKill\n\
             EnforcePartLimits=ALL\n\
             PrivateData={PRIVATE_DATA}\n\
             MCSPlugin=mcs/account\n\
             MCSParameters=enforced,ondemandselect,privatedata\n\
             JobSubmitPlugins=lua\n\
             # The broker's explicit job ids lie below these.\n\
             FirstJobId=10000000\n\
             MaxJobId=60000000\n\
             PriorityType=priority/multifactor\n\
             PriorityWeightQOS=1000000\n\
             PriorityDecayHalfLife=0\n\
             PriorityUsageResetPeriod=NONE\n\
             PriorityCalcPeriod=00:00:05\n\
             # Guaranteed shares and crisis mode: a QOS may name others that make way for it.\n\
             PreemptType=preempt/qos\n\
             PreemptMode=REQUEUE\n\
             \n\
             # No control groups are assumed; intervals are short, so that tests are.\n\
             SelectType=select/cons_tres\n\
             SelectTypeParameters=CR_Core_Memory\n\
             ProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\n\
             PrologFlags=Alloc\n\
             SchedulerType=sched/backfill\n\
             SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1\n\
             InactiveLimit=30\n\
             KillWait=2\n\
             MinJobAge={min_job_age}\n\
             MaxJobCount=50000\n\
             ReturnToService=2\n\
             SlurmdParameters=config_overrides\n\
             SlurmdTimeout={slurmd_timeout}\n\
             \n\
             GresTypes=gpu\n",
            name = plan.name,
            ctld_port = ports.slurmctld,
            dbd_port = ports.slurmdbd,
            min_job_age = plan.min_job_age_s,
            slurmd_timeout = plan.slurmd_timeout_s,
        );
        self.write_nodes(&mut text);
        text
    }

    fn write_nodes(&self, text: &mut String) {
        let Self { plan, ports, host, .. } = self;
        for (node, port) in plan.node_names().iter().zip(&ports.slurmd) {
            let _infallible = writeln!(
                text,
                "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={} \
                 RealMemory={} Gres=gpu:{}:{}",
                plan.cpus_per_node, plan.memory_mib_per_node, plan.gpu_type, plan.gpus_per_node
            );
        }
        text.push_str("PartitionName=DEFAULT Nodes=ALL DefMemPerCPU=1024 MaxTime=7-0 State=UP\n");
        for partition in BROKER_PARTITIONS {
            let _infallible = writeln!(text, "PartitionName={partition}");
        }
        let _infallible = writeln!(text, "PartitionName={OPEN_PARTITION} Default=YES");
    }

    /// The gateway's own copy: it would rather hear "no answer" soon than wait half a minute.
    pub(crate) fn gateway_slurm_conf(&self) -> String {
        format!("{}\nMessageTimeout=3\nTCPTimeout=1\n", self.slurm_conf())
    }

    /// `slurmdbd.conf`, which holds the database's password.
    pub(crate) fn slurmdbd_conf(&self, password: &str) -> String {
        let dir = self.dir.display();
        format!(
            "AuthType=auth/munge\n\
             AuthInfo=socket={dir}/munge/socket\n\
             DbdHost=localhost\n\
             DbdAddr=127.0.0.1\n\
             DbdPort={dbd_port}\n\
             SlurmUser=root\n\
             StorageType=accounting_storage/mysql\n\
             StorageHost=127.0.0.1\n\
             StoragePort={mariadb_port}\n\
             StorageUser=slurm\n\
             StoragePass={password}\n\
             StorageLoc=slurm\n\
             PidFile={dir}/run/slurmdbd.pid\n\
             LogFile={dir}/log/slurmdbd.log\n\
             PrivateData={PRIVATE_DATA}\n",
            dbd_port = self.ports.slurmdbd,
            mariadb_port = self.ports.mariadb,
        )
    }

    /// `gres.conf`: device N of a node is Slurm's GPU index N, as `/dev/nvidiaN` is.
    pub(crate) fn gres_conf(&self) -> String {
        let last = self.plan.gpus_per_node.saturating_sub(1);
        self.plan.node_names().iter().fold(String::new(), |mut text, node| {
            let _infallible = writeln!(
                text,
                "NodeName={node} Name=gpu Type={} File={}/gpu/{node}/nvidia[0-{last}]",
                self.plan.gpu_type,
                self.dir.display()
            );
            text
        })
    }

    /// `job_submit_settings.lua`, read by the shipped `job_submit.lua`.
    pub(crate) fn job_submit_settings(&self) -> String {
        let uids: Vec<String> = self.plan.gateway_uids.iter().map(u32::to_string).collect();
        format!(
            "-- Who may submit to what; see job_submit.lua.\n\
             return {{\n\
             \x20   gateway_uids = {{ {} }},\n\
             \x20   partitions = {{ {} }},\n\
             \x20   accounts = {{ \"public\" }},\n\
             \x20   account_prefixes = {{ \"pub_\" }},\n\
             \x20   typed_gpus_everywhere = true,\n\
             \x20   gpus_per_node = {{ [\"{gpu_type}\"] = {gpus} }},\n\
             \x20   probe_uid = 65534,\n\
             }}\n",
            uids.join(", "),
            BROKER_PARTITIONS.map(|name| format!("\"{name}\"")).join(", "),
            gpu_type = self.plan.gpu_type,
            gpus = self.plan.gpus_per_node,
        )
    }
}
