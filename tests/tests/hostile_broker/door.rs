//! Who may speak to the gateway and in which words. No Slurm is needed to refuse these.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use slurm_wire::{Answer, Hello, MAX_LINE_BYTES, PROTOCOL_VERSION, Refusal, RefusalCode};
use testbed::slurm::Release;
use testbed::{Daemon, Workspace, poll};

use super::dialogue::{self, Dialogue};

const BOUND: Duration = Duration::from_secs(30);

/// Enough for libslurm to begin with; nobody listens there.
const SLURM_CONF: &str = "ClusterName=nowhere\nSlurmctldHost=localhost(127.0.0.1)\n\
    SlurmctldPort=1\nMessageTimeout=2\nTCPTimeout=1\nNodeName=n1\nPartitionName=p Nodes=n1\n";

/// A gateway of a cluster that is not there.
struct Lonely {
    _daemon: Daemon,
    workspace: Workspace,
}

impl Lonely {
    async fn start(callers: &str) -> Result<Self> {
        let workspace = Workspace::create("gateway")?;
        let dir = workspace.path().display().to_string();
        workspace.write("slurm.conf", 0o644, SLURM_CONF)?;
        let bounds = workspace.write(
            "bounds.toml",
            0o644,
            format!(
                "socket = \"{dir}/gateway.sock\"\ncallers = {callers}\n\
                 [slurm]\nconf = \"{dir}/slurm.conf\"\ncluster = \"nowhere\"\n\
                 [bounds]\nuid_min = 61001\nuid_max = 61099\naccount_root = \"public\"\n\
                 partitions = [\"gpu\"]\nqos = []\njob_id_min = 1\njob_id_max = 9\n\
                 work_dir_prefix = \"{dir}\"\nmax_gpus = 8\nmax_wall_time_min = 60\n"
            ),
        )?;
        let mut command = Release::of_this_run().gateway()?;
        command.arg("--config").arg(bounds).env_clear().current_dir("/");
        let mut daemon = Daemon::spawn("gateway", command, &workspace.path().join("gateway.log"))?;
        let socket = workspace.path().join("gateway.sock");
        daemon.until_ready(BOUND, async || Ok(Dialogue::open(&socket).is_ok())).await?;
        Ok(Self { _daemon: daemon, workspace })
    }

    fn socket(&self) -> PathBuf {
        self.workspace.path().join("gateway.sock")
    }
}

#[tokio::test]
async fn a_caller_who_is_not_named_is_told_so() -> Result<()> {
    let gateway = Lonely::start("[990]").await?;
    let mut dialogue = Dialogue::open(&gateway.socket())?;
    dialogue.say(&Hello { version: PROTOCOL_VERSION })?;
    let refusal: Refusal = serde_json::from_str(&dialogue.hear()?)?;
    ensure!(refusal.code == RefusalCode::CallerNotAllowed, "{refusal:?}");
    ensure!(refusal.sentence.contains("uid 0"), "{refusal:?}");
    ensure!(dialogue.is_over(), "nothing more is heard from a caller who may not call");
    Ok(())
}

#[tokio::test]
async fn another_version_is_told_which_one_is_spoken() -> Result<()> {
    let gateway = Lonely::start("[0]").await?;
    for version in [0, PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1] {
        let mut dialogue = Dialogue::open(&gateway.socket())?;
        dialogue.say(&Hello { version })?;
        let refusal: Refusal = serde_json::from_str(&dialogue.hear()?)?;
        ensure!(refusal.code == RefusalCode::VersionMismatch, "{version}: {refusal:?}");
        ensure!(dialogue.is_over(), "version {version} was kept");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_a_call_is_refused_and_the_dialogue_goes_on() -> Result<()> {
    let gateway = Lonely::start("[0]").await?;
    let mut dialogue = Dialogue::open(&gateway.socket())?;
    dialogue.say_raw(b"GET / HTTP/1.1\n")?;
    let refusal: Refusal = serde_json::from_str(&dialogue.hear()?)?;
    ensure!(refusal.code == RefusalCode::MalformedCall, "{refusal:?}");

    let mut dialogue = Dialogue::begin(&gateway.socket())?;
    for line in [
        "not json\n",
        "{}\n",
        "{\"call\":\"no_such_call\"}\n",
        "{\"call\":\"cancel\",\"job_id\":1,\"key\":\"mimer:x\",\"and\":\"more\"}\n",
        "{\"call\":\"cancel\",\"job_id\":-1,\"key\":\"mimer:x\"}\n",
        "{\"call\":\"cancel\",\"job_id\":4294967296,\"key\":\"mimer:x\"}\n",
        "{\"call\":\"submit\",\"uid\":61001}\n",
        "[]\n",
        "\n",
        "\u{0}\n",
    ] {
        dialogue.say_raw(line.as_bytes())?;
        let refusal = dialogue::refusal(serde_json::from_str::<Answer>(&dialogue.hear()?)?)?;
        ensure!(refusal.code == RefusalCode::MalformedCall, "{line:?}: {refusal:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_line_without_an_end_is_cut_off_by_name() -> Result<()> {
    let gateway = Lonely::start("[0]").await?;
    let mut dialogue = Dialogue::begin(&gateway.socket())?;
    dialogue.say_raw(&vec![b'x'; MAX_LINE_BYTES + 1])?;
    let refusal = dialogue::refusal(serde_json::from_str::<Answer>(&dialogue.hear()?)?)?;
    ensure!(refusal.code == RefusalCode::MalformedCall, "{refusal:?}");
    ensure!(refusal.sentence.contains("longer than"), "{refusal:?}");
    ensure!(dialogue.is_over(), "what follows such a line is not listened to");
    poll::until("the next caller to be heard", BOUND, async || {
        Ok(Dialogue::begin(&gateway.socket()).is_ok())
    })
    .await
}
