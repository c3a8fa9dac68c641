//! A real Slurm with three jobs in it, and the gateway under narrow bounds.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use slurm_wire::{Answer, Call, JobSpec, OurJob};
use testbed::accounts::PosixUser;
use testbed::{Cluster, ClusterPlan, Daemon, poll};

use super::dialogue::Dialogue;

const BOUND: Duration = Duration::from_secs(60);

/// The project's account.
pub(crate) const ACCOUNT: &str = "pub_stroke_ai";
/// The broker's own job, held.
const OURS: u32 = 100_001;
/// A job with an id and a mark like the broker's, but charged to somebody else.
const ELSEWHERE: u32 = 100_002;
/// Submitted last, as the broker may: when slurmdbd has it, it has everything before it.
const LAST: u32 = 100_009;

pub(crate) struct Ground {
    gateway: Daemon,
    pub(crate) cluster: Cluster,
    pub(crate) user: PosixUser,
    /// A research job on a research partition: nothing of the broker's in it.
    pub(crate) stranger: u32,
}

impl Ground {
    pub(crate) async fn prepare() -> Result<Self> {
        let cluster = Cluster::start(&ClusterPlan::default()).await?;
        let user = PosixUser::project(1)?;
        cluster.add_project_account(ACCOUNT).await?;
        cluster.add_user(ACCOUNT, &user).await?;
        let gateway = start_gateway(&cluster).await?;
        make_places(&cluster, &user)?;
        let mut ground = Self { gateway, cluster, user, stranger: 0 };
        let mut broker = Dialogue::begin(&ground.socket())?;
        let OurJob { job_id, key } = ground.elsewhere();
        for job in [ground.good_job(), JobSpec { job_id, key, ..ground.good_job() }] {
            let answer = broker.call(&Call::Submit(Box::new(job)))?;
            ensure!(matches!(answer, Answer::Submitted(_)), "a good job was answered {answer:?}");
        }
        ground.move_to_research(job_id).await?;
        ground.stranger = ground.submit_past_the_broker().await?;
        ground.until_slurmdbd_knows(ground.stranger).await?;
        Ok(ground)
    }

    /// An operator charges a job of the broker's to another account.
    async fn move_to_research(&self, job_id: u32) -> Result<()> {
        self.cluster.add_user("research", &self.user).await?;
        let job = format!("jobid={job_id}");
        // On 24.11 slurmctld once refused an account that `sacctmgr` had just given the user.
        poll::until("slurmctld to take the account", BOUND, async || {
            let update = ["update", &job, "account=research"];
            Ok(self.cluster.output("scontrol", &update).await.is_ok())
        })
        .await
    }

    /// A researcher's held job.
    async fn submit_past_the_broker(&self) -> Result<u32> {
        let user = self.cluster.researcher().await?;
        let (uid, gid) = (format!("--uid={}", user.uid), format!("--gid={}", user.gid));
        let arguments = [
            "--parsable",
            "--hold",
            "--chdir=/tmp",
            "--output=/dev/null",
            "--account=research",
            "--partition=research",
            "--time=5",
            "--wrap=true",
            &uid,
            &gid,
        ];
        let printed = self.cluster.output("sbatch", &arguments).await?;
        let printed = printed.trim().split(';').next().unwrap_or_default();
        printed.parse().with_context(|| format!("sbatch printed {printed:?}"))
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.cluster.dir().join("run/gateway.sock")
    }

    /// The job that is the broker's to change.
    pub(crate) fn ours(&self) -> OurJob {
        self.good_job().ours()
    }

    /// The job that only looks so.
    pub(crate) fn elsewhere(&self) -> OurJob {
        OurJob { job_id: ELSEWHERE, key: "mimer:test:elsewhere".to_owned() }
    }

    /// The project's area.
    pub(crate) fn area(&self) -> PathBuf {
        self.cluster.areas_dir().join("project")
    }

    /// A job that the gateway takes.
    pub(crate) fn good_job(&self) -> JobSpec {
        JobSpec {
            job_id: OURS,
            key: "mimer:test:ours".to_owned(),
            uid: self.user.uid,
            gid: self.user.gid,
            account: ACCOUNT.to_owned(),
            partition: "confidential".to_owned(),
            qos: None,
            name: "hostile".to_owned(),
            time_limit_min: 1,
            gpu_count: 1,
            gpu_type: "h200".to_owned(),
            cpu_count: 1,
            memory_mib: None,
            work_dir: self.area().join("work").display().to_string(),
            script: "#!/bin/sh\ntrue\n".to_owned(),
            environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            deadline: None,
            reservation: None,
            whole_node: false,
            begin_at: None,
            array: None,
        }
    }

    /// Everything that a call could have changed: jobs in both daemons, accounts, users, QOS,
    /// reservations, and how many changes slurmdbd has ever made.
    pub(crate) async fn what_slurm_has(&self) -> Result<Vec<String>> {
        const ASSOC: &str = "format=account,user,parentname,qos,defaultqos,grptres,grptresmins,\
            grpjobs,grpsubmit";
        const QOS: &str = "format=name,description,priority,preempt,flags,grptres,grptresmins";
        const SACCT: &str =
            "--format=jobid,account,user,partition,state,timelimit,qos,admincomment";
        let looks: [(&str, &[&str]); 7] = [
            ("squeue", &["-a", "-h", "-o", "%i|%T|%P|%a|%q|%l|%u|%r|%Q|%j|%Z"]),
            ("sacct", &["-a", "-n", "-P", "-X", "-D", "--starttime=now-1days", SACCT]),
            ("sacctmgr", &["-nP", "show", "assoc", ASSOC]),
            ("sacctmgr", &["-nP", "show", "qos", QOS]),
            ("sacctmgr", &["-nP", "show", "account"]),
            ("sacctmgr", &["-nP", "list", "transactions", "format=action,where,info"]),
            ("scontrol", &["-o", "show", "reservation"]),
        ];
        let mut seen = Vec::new();
        for (program, arguments) in looks {
            let text = self.cluster.output(program, arguments).await?;
            let mut lines: Vec<String> = text
                .lines()
                .filter(|line| !line.starts_with(&format!("{LAST}|")))
                .map(|line| format!("{program}: {line}"))
                .collect();
            lines.sort();
            seen.append(&mut lines);
        }
        Ok(seen)
    }

    /// A job that may be submitted, and the wait until slurmdbd has it.
    pub(crate) async fn until_slurmdbd_has_caught_up(&self, broker: &mut Dialogue) -> Result<()> {
        let key = "mimer:test:last".to_owned();
        let last = JobSpec { job_id: LAST, key, ..self.good_job() };
        let answer = broker.call(&Call::Submit(Box::new(last)))?;
        ensure!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
        self.until_slurmdbd_knows(LAST).await
    }

    async fn until_slurmdbd_knows(&self, job_id: u32) -> Result<()> {
        poll::until(&format!("slurmdbd to know job {job_id}"), BOUND, async || {
            Ok(!self.cluster.sacct_rows(job_id).await?.is_empty())
        })
        .await
    }

    /// Every name of the file's section [bounds], with those that have a default.
    pub(crate) async fn bounds_of_the_gateway(&self) -> Result<BTreeSet<String>> {
        let mut command = self.cluster.gateway_command()?;
        command.arg("--config").arg(bounds_file(&self.cluster)).arg("--check");
        let output = tokio::process::Command::from(command).output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed: toml::Table = String::from_utf8(output.stdout)?.parse()?;
        let bounds = printed["bounds"].as_table().context("[bounds] is a table")?;
        Ok(bounds.keys().cloned().collect())
    }

    pub(crate) async fn stop(self) -> Result<()> {
        drop(self.gateway);
        self.cluster.stop().await
    }
}

fn bounds_file(cluster: &Cluster) -> PathBuf {
    cluster.dir().join("gateway/bounds.toml")
}

async fn start_gateway(cluster: &Cluster) -> Result<Daemon> {
    let socket = cluster.dir().join("run/gateway.sock");
    std::fs::write(
        bounds_file(cluster),
        format!(
            "socket = {socket:?}\ncallers = [0]\n\
             [slurm]\nconf = {:?}\ncluster = {:?}\n\
             [bounds]\nuid_min = 61001\nuid_max = 61099\naccount_root = \"public\"\n\
             partitions = [\"gpu\", \"confidential\"]\nqos = []\n\
             job_id_min = 100000\njob_id_max = 9999999\nwork_dir_prefix = {:?}\n\
             max_gpus = 4\nmax_wall_time_min = 60\nmax_tasks = 20\n\
             may_preempt = [\"normal\"]\nmax_priority = 1000\n\
             nodes = [\"node01\", \"node02\"]\nmax_set_aside_nodes = 1\nimport = false\n",
            cluster.gateway_slurm_conf(),
            cluster.name(),
            cluster.areas_dir(),
        ),
    )?;
    let mut command = cluster.gateway_command()?;
    command.arg("--config").arg(bounds_file(cluster)).env_clear().current_dir("/");
    let mut daemon = Daemon::spawn("gateway", command, &cluster.dir().join("log/gateway.out"))?;
    daemon.until_ready(BOUND, async || Ok(Dialogue::begin(&socket).is_ok())).await?;
    Ok(daemon)
}

/// The project's area, and places that are none: a file, and a link that leads out.
fn make_places(cluster: &Cluster, user: &PosixUser) -> Result<()> {
    let area = cluster.make_area("project", user)?;
    std::fs::create_dir(area.join("work"))?;
    std::os::unix::fs::chown(area.join("work"), Some(user.uid), Some(user.gid))?;
    std::fs::write(area.join("file"), "no directory")?;
    std::os::unix::fs::symlink("/etc", area.join("door"))?;
    Ok(())
}
