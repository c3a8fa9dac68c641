//! The gateway program on a real cluster, and a caller that speaks its protocol.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail};
use slurm_wire::{Answer, Call, Hello, JobRecord, PROTOCOL_VERSION, Policy, RefusalCode, Welcome};
use testbed::{Cluster, Daemon};

use super::BOUND;

/// The gateway program on a cluster, and a broker's connection to it.
pub(crate) struct Gateway {
    lines: BufReader<UnixStream>,
    out: UnixStream,
    _daemon: Daemon,
}

impl Gateway {
    pub(crate) async fn start(cluster: &Cluster) -> Result<Self> {
        let dir = cluster.dir().display();
        let socket = cluster.dir().join("run/gateway.sock");
        let bounds = cluster.dir().join("gateway/bounds.toml");
        std::fs::write(
            &bounds,
            format!(
                "socket = {socket:?}\ncallers = [0]\n\
                 [slurm]\nconf = {:?}\ncluster = {:?}\n\
                 [bounds]\nuid_min = 61001\nuid_max = 61099\naccount_root = \"public\"\n\
                 partitions = [\"gpu\", \"confidential\"]\nqos = []\n\
                 job_id_min = 1\njob_id_max = 9999999\nwork_dir_prefix = \"{dir}/areas\"\n\
                 max_gpus = 8\nmax_wall_time_min = 60\n\
                 may_preempt = [\"normal\"]\nmax_priority = 1000\nimport = true\n",
                cluster.gateway_slurm_conf(),
                cluster.name()
            ),
        )?;
        let mut command = cluster.gateway_command()?;
        command.arg("--config").arg(&bounds).env_clear().current_dir("/");
        let mut daemon = Daemon::spawn("gateway", command, &cluster.dir().join("log/gateway.out"))?;
        daemon.until_ready(BOUND, async || Ok(UnixStream::connect(&socket).is_ok())).await?;
        let out = UnixStream::connect(&socket)?;
        let mut gateway = Self { lines: BufReader::new(out.try_clone()?), out, _daemon: daemon };
        gateway.say(&Hello { version: PROTOCOL_VERSION })?;
        let _welcome: Welcome = serde_json::from_str(&gateway.hear()?)?;
        Ok(gateway)
    }

    fn say(&mut self, value: &impl serde::Serialize) -> Result<()> {
        writeln!(self.out, "{}", serde_json::to_string(value)?).context("writing to the gateway")
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line)
    }

    pub(crate) fn call(&mut self, call: &Call) -> Result<Answer> {
        self.say(call)?;
        Ok(serde_json::from_str(&self.hear()?)?)
    }

    /// Makes a call that must be carried out.
    pub(crate) fn done(&mut self, call: &Call) -> Result<()> {
        match self.call(call)? {
            Answer::Done => Ok(()),
            other => bail!("{call:?} was answered {other:?}"),
        }
    }

    /// Makes a call that must be refused, and returns by which name.
    pub(crate) fn refused(&mut self, call: &Call) -> Result<RefusalCode> {
        match self.call(call)? {
            Answer::Refused(refusal) => Ok(refusal.code),
            other => bail!("{call:?} was answered {other:?}"),
        }
    }

    pub(crate) fn policy(&mut self, call: &Call) -> Result<Policy> {
        match self.call(call)? {
            Answer::Policy(policy) => Ok(*policy),
            other => bail!("{call:?} was answered {other:?}"),
        }
    }

    pub(crate) fn preempted(&mut self, from: i64, until: i64) -> Result<Vec<JobRecord>> {
        match self.call(&Call::ReadPreempted { from, until })? {
            Answer::Records(records) => Ok(records),
            other => bail!("reading what was preempted was answered {other:?}"),
        }
    }
}
