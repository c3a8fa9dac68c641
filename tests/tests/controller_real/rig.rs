//! A cluster, a project, a researcher, and the gateway with a caller that has greeted.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use slurm_wire::{
    Answer, Call, Changes, Cursor, Hello, JobRecord, JobRow, JobSpec, JobState, OurJob,
    PROTOCOL_VERSION, RefusalCode, Welcome,
};
use testbed::accounts::PosixUser;
use testbed::{Cluster, ClusterPlan, Daemon, poll};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Each step takes a second or two; a busy machine gets time.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// The project's Slurm account.
pub(crate) const ACCOUNT: &str = "pub_demo";

/// For the section `[slurm]`: tests ask slurmdbd more often than a broker does.
pub(crate) const EASY_PACE: &str = "dbd_queries_per_min = 1200\n";

/// The broker's first job id here.
const FIRST_JOB: u32 = 100_000;

pub(crate) struct Rig {
    pub(crate) project: PosixUser,
    pub(crate) researcher: PosixUser,
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
    next_job: u32,
    area: PathBuf,
    gateway: Daemon,
    pub(crate) welcome: Welcome,
    /// Last, so that the gateway ends before its Slurm.
    pub(crate) cluster: Cluster,
}

impl Rig {
    pub(crate) async fn start(nodes: usize) -> Self {
        Self::start_with(nodes, EASY_PACE).await
    }

    /// With lines of its own in the bounds file's section `[slurm]`.
    pub(crate) async fn start_with(nodes: usize, slurm_lines: &str) -> Self {
        let cluster = Cluster::start(&ClusterPlan::with_nodes(nodes)).await.unwrap();
        let project = PosixUser::project(1).unwrap();
        let researcher = PosixUser::project(2).unwrap();
        cluster.add_project_account(ACCOUNT).await.unwrap();
        cluster.add_user(ACCOUNT, &project).await.unwrap();
        cluster.add_user("research", &researcher).await.unwrap();
        let area = cluster.make_area(ACCOUNT, &project).unwrap();
        let socket = cluster.dir().join("run/gateway.sock");
        let bounds = cluster.dir().join("gateway/bounds.toml");
        std::fs::write(&bounds, bounds_of(&cluster, &socket, slurm_lines)).unwrap();
        let mut command = cluster.gateway_command().unwrap();
        command.arg("--config").arg(&bounds).env_clear().env("PATH", "/usr/bin:/bin");
        let log = cluster.dir().join("log/gateway.log");
        let mut gateway = Daemon::spawn("gateway", command, &log).unwrap();
        gateway
            .until_ready(BOUND, async || Ok(UnixStream::connect(&socket).await.is_ok()))
            .await
            .unwrap();
        let (read, mut write) = UnixStream::connect(&socket).await.unwrap().into_split();
        let mut lines = BufReader::new(read).lines();
        say(&mut write, &Hello { version: PROTOCOL_VERSION }).await;
        let welcome: Welcome = serde_json::from_str(&hear(&mut lines).await).unwrap();
        assert_eq!(welcome.cluster, cluster.name());
        Self {
            project,
            researcher,
            lines,
            write,
            next_job: FIRST_JOB,
            area,
            gateway,
            welcome,
            cluster,
        }
    }

    pub(crate) async fn ask(&mut self, call: Call) -> Answer {
        say(&mut self.write, &call).await;
        serde_json::from_str(&hear(&mut self.lines).await).unwrap()
    }

    /// Makes a call that must change something, or have been made before.
    pub(crate) async fn does(&mut self, call: Call) {
        assert_eq!(self.ask(call.clone()).await, Answer::Done, "{call:?}");
    }

    /// Makes a call that must be refused, and returns by which name and number.
    pub(crate) async fn refused(&mut self, call: Call) -> (RefusalCode, Option<i32>) {
        match self.ask(call.clone()).await {
            Answer::Refused(refusal) => (refusal.code, refusal.slurm_errno),
            other => panic!("{call:?} was not refused: {other:?}"),
        }
    }

    /// A job of the project's that sleeps, with an id of its own.
    pub(crate) fn spec(&mut self) -> JobSpec {
        self.next_job += 1;
        JobSpec {
            job_id: self.next_job,
            key: ours(self.next_job).key,
            uid: self.project.uid,
            gid: self.project.gid,
            account: ACCOUNT.to_owned(),
            partition: "gpu".to_owned(),
            qos: None,
            name: "sleep".to_owned(),
            time_limit_min: 5,
            gpu_count: 1,
            gpu_type: "h200".to_owned(),
            cpu_count: 1,
            memory_mib: None,
            work_dir: self.area.display().to_string(),
            script: "#!/bin/sh\nsleep 300\n".to_owned(),
            environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            deadline: None,
            reservation: None,
            whole_node: false,
            begin_at: None,
            array: None,
        }
    }

    pub(crate) async fn submits(&mut self, spec: JobSpec) -> u32 {
        let job_id = spec.job_id;
        let answer = self.ask(Call::Submit(Box::new(spec))).await;
        assert!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
        job_id
    }

    /// Submits a job and lets it start when it may.
    pub(crate) async fn runs(&mut self, spec: JobSpec) -> u32 {
        let job_id = self.submits(spec).await;
        self.does(Call::Release(ours(job_id))).await;
        job_id
    }

    /// Kills the gateway's worker for slurmctld with -9.
    pub(crate) fn crash_worker(&self) {
        let is_worker = |process: &PathBuf| {
            let read = |file: &str| std::fs::read_to_string(process.join(file)).unwrap_or_default();
            let parent = format!("PPid:\t{}\n", self.gateway.pid());
            read("cmdline").starts_with("mimer-slurm-gateway-ctl\0")
                && read("status").contains(&parent)
        };
        let mut processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let worker = processes.find(is_worker).expect("the gateway has a worker");
        let pid = worker.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    /// Every row of what was asked for under an id.
    pub(crate) async fn rows(&mut self, job_id: u32) -> Vec<JobRow> {
        match self.ask(Call::ReadJobs { job_ids: vec![job_id] }).await {
            Answer::Jobs(rows) => rows,
            other => panic!("no rows of job {job_id}: {other:?}"),
        }
    }

    /// What changed since a cursor.
    pub(crate) async fn changes(&mut self, since: Option<Cursor>) -> Changes {
        match self.ask(Call::WatchJobs { since }).await {
            Answer::Changes(changes) => changes,
            other => panic!("{other:?}"),
        }
    }

    /// The runs of the broker's that ended since `from`.
    pub(crate) async fn ended(&mut self, from: i64) -> Vec<JobRecord> {
        match self.ask(Call::ReadEnded { from, until: now_s() + 1 }).await {
            Answer::Records(records) => records,
            other => panic!("{other:?}"),
        }
    }

    /// One job as slurmctld shows it.
    pub(crate) async fn row(&mut self, job_id: u32) -> JobRow {
        match self.ask(Call::ReadJobs { job_ids: vec![job_id] }).await {
            Answer::Jobs(rows) if rows.len() == 1 => rows[0].clone(),
            other => panic!("not one row of job {job_id}: {other:?}"),
        }
    }

    /// Waits until a job is in a state, and returns how long that took.
    pub(crate) async fn until(&mut self, job_id: u32, state: JobState) -> Duration {
        let begun = Instant::now();
        while self.row(job_id).await.state != state {
            assert!(begun.elapsed() < BOUND, "{state:?} in vain: {:?}", self.row(job_id).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    }

    /// A researcher's own sbatch on the open partition; returns the job id.
    pub(crate) fn researches(&self, arguments: &[&str]) -> u32 {
        let mut command = self.cluster.command_as(&self.researcher, "sbatch");
        command
            .args(["--parsable", "-A", "research", "-p", "research", "-t", "60", "-D", "/tmp"])
            .args(["-o", "/dev/null", "--wrap=sleep 3000"])
            .args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    /// Waits until squeue shows a job in a state.
    pub(crate) async fn until_squeue(&self, job_id: u32, state: &str) {
        poll::until(&format!("job {job_id} to be {state}"), BOUND, async || {
            Ok(self.cluster.squeue_row(job_id).await?.is_some_and(|row| row.state == state))
        })
        .await
        .unwrap();
    }

    pub(crate) async fn sacctmgr(&self, arguments: &[&str]) {
        let arguments = [&["-i", "-Q"], arguments].concat();
        self.cluster.output("sacctmgr", &arguments).await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.cluster.stop().await.unwrap();
    }
}

async fn say(write: &mut OwnedWriteHalf, value: &impl serde::Serialize) {
    let line = serde_json::to_string(value).unwrap() + "\n";
    write.write_all(line.as_bytes()).await.unwrap();
}

async fn hear(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> String {
    lines.next_line().await.unwrap().expect("the gateway answers")
}

/// A job of the rig's own, by its id and mark.
pub(crate) fn ours(job_id: u32) -> OurJob {
    OurJob { job_id, key: format!("mimer:test:{job_id}") }
}

/// Seconds since the epoch, by the clock that slurmctld reads too.
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn bounds_of(cluster: &Cluster, socket: &std::path::Path, slurm_lines: &str) -> String {
    format!(
        "socket = \"{}\"\ncallers = [0]\n\
         [slurm]\nconf = \"{}\"\ncluster = \"{}\"\n\
         {slurm_lines}\
         [bounds]\nuid_min = 61001\nuid_max = 61099\naccount_root = \"public\"\n\
         partitions = [\"gpu\", \"confidential\"]\nqos = []\n\
         job_id_min = {FIRST_JOB}\njob_id_max = 9999999\nwork_dir_prefix = \"{}\"\n\
         max_gpus = 8\nmax_wall_time_min = 1440\nmax_tasks = 100\nmay_preempt = [\"normal\"]\n\
         max_priority = 1000000\nnodes = {:?}\nmax_set_aside_nodes = {}\n",
        socket.display(),
        cluster.gateway_slurm_conf().display(),
        cluster.name(),
        cluster.areas_dir().display(),
        cluster.node_names(),
        cluster.node_names().len(),
    )
}
