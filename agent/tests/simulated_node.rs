//! The real program on a SIMULATED node: a short job, a kill, a restart, an end.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod stand_in_broker;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use agent_wire::{Reading, Segment};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use self::stand_in_broker::{Kept, StandInBroker};

/// Cargo puts the simulated library beside the test, or one folder up.
fn simulated_nvml() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let found = [deps, deps.parent().unwrap()].map(|dir| dir.join("libsimulated_nvml.so"));
    found.into_iter().find(|path| path.exists()).expect("cargo builds the library before the test")
}

/// A directory with everything an agent needs, and the agent.
struct Node {
    dir: TempDir,
    listen: SocketAddr,
    agent: Option<Child>,
}

impl Node {
    fn new(broker: &StandInBroker) -> Self {
        let dir = TempDir::new().unwrap();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        let text = format!(
            "node = 'node01'\nspool_dir = '{}'\nbroker_url = '{}'\nca_file = '{}'\n\
             token_file = '{}'\nnvml_library = '{}'\nsimulated = true\nsegment_s = 2\n\
             listen = '{listen}'\nretry_max_s = 1\n",
            dir.path().join("spool").display(),
            broker.url,
            broker.ca_file().display(),
            broker.token_file().display(),
            simulated_nvml().display(),
        );
        std::fs::write(dir.path().join("agent.toml"), text).unwrap();
        Self { dir, listen, agent: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mimer-agent"));
        command
            .env("MIMER_SIMULATED_NVML_NODE", "node01")
            .env("MIMER_SIMULATED_NVML_DIR", self.path("state"))
            .stdin(Stdio::null());
        command
    }

    fn start(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("agent.log"))
            .unwrap();
        let config = self.path("agent.toml");
        let child = self.command().arg("--config").arg(config).stderr(log).spawn().unwrap();
        self.agent = Some(child);
    }

    fn check(&self) -> Output {
        self.command().arg("check").arg("--config").arg(self.path("agent.toml")).output().unwrap()
    }

    fn kill_9(&mut self) {
        let mut agent = self.agent.take().unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
    }

    fn terminate(&mut self) {
        let mut agent = self.agent.take().unwrap();
        kill_process(Pid::from_child(&agent), Signal::TERM).unwrap();
        assert!(agent.wait().unwrap().success(), "{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("agent.log")).unwrap()
    }

    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.listen).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            agent.kill().ok();
            agent.wait().ok();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// A job of `seconds` on GPUs 2 and 5, by the script that jobs run.
fn job(state: &Path, seconds: u32) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/simulated-nvml/load.sh");
    Command::new("sh")
        .arg(script)
        .arg(seconds.to_string())
        .arg(state)
        .env_remove("SLURM_JOB_GPUS")
        .env("CUDA_VISIBLE_DEVICES", "2,5")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn of_minor(kept: &Kept, minor: u32) -> impl Iterator<Item = &Segment> {
    kept.segments.values().filter(move |segment| segment.gpu_minor == minor)
}

fn used(segment: &Segment) -> bool {
    segment.process_count == Reading::Value(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_job_is_metered_and_a_killed_agent_goes_on_where_it_was() {
    let broker = StandInBroker::start().await;
    broker.kept(|kept| kept.refuse_with = Some(axum::http::StatusCode::SERVICE_UNAVAILABLE));
    let mut node = Node::new(&broker);
    std::fs::write(node.path("state").join("fault-1"), "no_energy").unwrap();
    node.start();
    broker.until("a first try", |kept| (kept.refused_count > 0).then_some(())).await;
    broker.kept(|kept| kept.refuse_with = None);
    broker
        .until("all eight GPUs", |kept| {
            (0..8).all(|minor| of_minor(kept, minor).next().is_some()).then_some(())
        })
        .await;

    let mut running = job(&node.path("state"), 6);
    let busy = broker
        .until("the job", |kept| of_minor(kept, 5).find(|segment| used(segment)).cloned())
        .await;
    assert_eq!(busy.gpu_uuid, "GPU-SIMULATED-node01-5", "by minor number, not by index");
    assert!(busy.simulated && busy.gpu_name.starts_with("SIMULATED"));
    assert_eq!(busy.memory_max_mib, Reading::Value(20_000));
    broker.kept(|kept| assert!(!of_minor(kept, 3).any(used), "nobody used GPU 3"));
    let metrics = node.metrics();
    assert!(metrics.contains(r#"mimer_gpu_energy_joules_total{minor="5""#), "{metrics}");
    assert!(!metrics.contains(r#"mimer_gpu_energy_joules_total{minor="1""#), "{metrics}");
    assert!(metrics.contains("mimer_agent_spool_bytes"), "{metrics}");

    std::fs::write(node.path("state").join("fault-6"), "lost").unwrap();
    let lost = broker
        .until("the lost GPU", |kept| of_minor(kept, 6).find(|s| s.samples_got == 0).cloned())
        .await;
    assert_eq!((lost.energy_mj, lost.memory_max_mib), (Reading::GpuLost, Reading::GpuLost));

    node.kill_9();
    std::fs::remove_file(node.path("state").join("fault-6")).unwrap();
    node.start();
    let before = broker.kept(|kept| kept.segments.len());
    broker
        .until("more after the kill", |kept| (kept.segments.len() > before + 16).then_some(()))
        .await;
    assert!(running.wait().unwrap().success());
    node.terminate();

    broker.kept(|kept| {
        assert!(kept.conflicts.is_empty(), "a number was given twice: {:?}", kept.conflicts);
        let numbers: Vec<u64> = kept.segments.keys().map(|(_, seq)| *seq).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "one stream, no hole");
        assert!(of_minor(kept, 1).all(|segment| segment.energy_mj == Reading::Unsupported));
        let energy_mj: u64 = of_minor(kept, 2)
            .filter(|segment| used(segment))
            .filter_map(|segment| segment.energy_mj.value())
            .sum();
        assert!(energy_mj > 400_000, "{energy_mj} mJ for seconds at 400 W");
    });
}

#[tokio::test]
async fn check_prints_what_each_gpu_offers() {
    let node = Node::new(&StandInBroker::start().await);
    std::fs::write(node.path("state").join("fault-6"), "no_permission").unwrap();
    std::fs::write(node.path("state").join("mig-7"), "2").unwrap();
    let output = node.check();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("SIMULATED: nothing below was measured"), "{text}");
    let line = |uuid: &str| text.lines().find(|line| line.contains(uuid)).unwrap().to_owned();
    assert!(line("GPU-SIMULATED-node01-6 ").contains("no_permission"), "{text}");
    assert!(line("GPU-SIMULATED-node01-7 ").contains("unsupported"), "no utilization under MIG");
    assert!(line("MIG-SIMULATED-node01-7-1").contains("mig"), "{text}");
    assert_eq!(text.matches("-SIMULATED-node01-").count(), 8 + 2);
}

#[tokio::test]
async fn check_says_what_to_do_when_the_library_is_missing_or_mislabelled() {
    let node = Node::new(&StandInBroker::start().await);
    let config = std::fs::read_to_string(node.path("agent.toml")).unwrap();
    let refusal = |text: String| {
        std::fs::write(node.path("agent.toml"), text).unwrap();
        let output = node.check();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let library = simulated_nvml();
    let missing = refusal(config.replace(library.to_str().unwrap(), "/nowhere/libnvidia-ml.so.1"));
    assert!(missing.contains("install NVIDIA's driver, or set `nvml_library`"), "{missing}");
    let mislabelled = refusal(config.replace("simulated = true", "simulated = false"));
    assert!(mislabelled.contains("nothing simulated may pass for real"), "{mislabelled}");
}
