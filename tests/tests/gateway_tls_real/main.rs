//! The broker and the gateway on different machines, as far as one machine can show it: nothing but
//! TLS between them, each side with a certificate, and the main job over it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use broker::config::Config;
use broker::gateway::{Gateway, GatewayError};
use slurm_wire::{Answer, Call, RefusalCode};
use testbed::site::Site;
use testbed::story::{Outcome, Story, TERMS};
use testbed::{Daemon, port};
use toml::{Table, Value};

mod authority;

use authority::Authority;

const BOUND: Duration = Duration::from_secs(60);

/// The name that callers must show.
const CALLER: &str = "mimerd.example.org";
/// The name that the gateway shows.
const GATEWAY: &str = "gateway.example.org";

#[tokio::test]
async fn the_main_job_runs_over_tls_and_nobody_else_gets_in() -> Result<()> {
    let mut site = Site::real(1).await?;
    let remote = Remote::start(&site).await?;
    strangers_are_refused(&remote).await?;

    // mimerd moves away from the socket: from here on it has no other way to Slurm.
    site.kill_mimerd(0)?;
    std::fs::write(site.config_file(), remote.mimerd_config(&remote.broker)?)?;
    site.start_mimerd(0).await?;
    let story = Story::begin(&site, &TERMS).await?;
    let plan = story.plan(&site);
    plan.submit(&story, &story.people.anna).await?;
    let outcome = Outcome::of(&site, &story, &plan).await?;
    ensure!(outcome.slurm_state == "COMPLETED", "{outcome:?}\n{}", site.mimerd_log());
    let rows = site.cluster()?.sacct_rows(outcome.slurm_job_id).await?;
    ensure!(rows.len() == 1, "one job, one row: {rows:?}");
    ensure!(rows[0].gpu_seconds() == outcome.gpu_seconds_charged, "{rows:?} {outcome:?}");
    drop(remote);
    site.stop().await
}

/// A gateway behind TLS, and nothing else.
struct Remote {
    _daemon: Daemon,
    config_file: PathBuf,
    address: String,
    metrics: String,
    dir: PathBuf,
    servers: Authority,
    callers: Authority,
    /// The broker's certificate and key.
    broker: [PathBuf; 2],
}

impl Remote {
    async fn start(site: &Site) -> Result<Self> {
        let dir = site.dir().join("tls");
        std::fs::create_dir(&dir)?;
        let (servers, callers) =
            (Authority::new(&dir, "servers")?, Authority::new(&dir, "callers")?);
        let [certificate, key] = servers.sign("gateway", &[GATEWAY])?;
        let (address, metrics) = (local()?, local()?);
        let bounds = bounds_behind_tls(site, |bounds| {
            bounds.insert("metrics".to_owned(), metrics.clone().into());
            bounds.insert(
                "tls".to_owned(),
                table(&[
                    ("address", address.clone().into()),
                    ("certificate_file", text(&certificate)),
                    ("key_file", text(&key)),
                    ("client_ca_file", text(callers.file())),
                    ("callers", Value::Array(vec![CALLER.into()])),
                ]),
            );
        })?;
        let bounds_file = dir.join("gateway.toml");
        std::fs::write(&bounds_file, bounds)?;
        let mut command = site.cluster()?.gateway_command()?;
        command.arg("--config").arg(bounds_file).env_clear().env("PATH", "/usr/bin:/bin");
        let daemon = Daemon::spawn("gateway", command, &dir.join("gateway.log"))?;
        let broker = callers.sign("broker", &[CALLER])?;
        let config_file = site.config_file();
        let mut remote =
            Self { _daemon: daemon, config_file, address, metrics, dir, servers, callers, broker };
        let asked = remote.client(&remote.broker)?;
        let ready = async || Ok(matches!(asked.call(&Call::Ping).await, Ok(Answer::Pong)));
        remote._daemon.until_ready(BOUND, ready).await?;
        Ok(remote)
    }

    /// mimerd's configuration with this way to Slurm in place of the socket.
    fn mimerd_config(&self, shown: &[PathBuf; 2]) -> Result<String> {
        let mut config: Table = std::fs::read_to_string(&self.config_file)?.parse()?;
        let cluster = config["clusters"][0].as_table_mut().context("[[clusters]] are tables")?;
        cluster.remove("gateway_socket");
        cluster.insert(
            "gateway".to_owned(),
            table(&[
                ("address", self.address.clone().into()),
                ("server_name", GATEWAY.into()),
                ("ca_file", text(self.servers.file())),
                ("certificate_file", text(&shown[0])),
                ("key_file", text(&shown[1])),
            ]),
        );
        Ok(toml::to_string(&config)?)
    }

    /// The broker's own client, with this certificate and key to show.
    fn client(&self, shown: &[PathBuf; 2]) -> Result<Gateway> {
        let file = self.dir.join("client.toml");
        std::fs::write(&file, self.mimerd_config(shown)?)?;
        Ok(Gateway::of(&Config::read(&file)?.clusters[0])?)
    }

    /// Callers that the gateway has counted as refused.
    async fn refused_count(&self) -> Result<usize> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let page = client.get(format!("http://{}/metrics", self.metrics)).send().await?;
        let page = page.text().await?;
        let line =
            page.lines().find_map(|it| it.strip_prefix("mimer_gateway_callers_refused_total "));
        Ok(line.context("the metric is there")?.trim().parse()?)
    }
}

/// Another name is told so; another authority's certificate does not get as far as a word.
async fn strangers_are_refused(remote: &Remote) -> Result<()> {
    let before = remote.refused_count().await?;
    let other_name = remote.callers.sign("other", &["other.example.org"])?;
    match remote.client(&other_name)?.call(&Call::Ping).await {
        Err(GatewayError::Refused(no)) if no.code == RefusalCode::CallerNotAllowed => {
            ensure!(no.sentence.contains("other.example.org"), "{no}");
        }
        other => bail!("another name was answered {other:?}"),
    }
    let strangers = Authority::new(&remote.dir, "strangers")?;
    let same_name = strangers.sign("stranger", &[CALLER])?;
    match remote.client(&same_name)?.call(&Call::Ping).await {
        Err(GatewayError::Unreachable(error)) => println!("another authority: {error}"),
        other => bail!("another authority's certificate was answered {other:?}"),
    }
    let count = remote.refused_count().await?;
    ensure!(count == before + 2, "{count} refused callers were counted, {before} before");
    Ok(())
}

/// The site's bounds file without its socket, and changed so.
fn bounds_behind_tls(site: &Site, change: impl FnOnce(&mut Table)) -> Result<String> {
    let mut bounds: Table = std::fs::read_to_string(site.dir().join("gateway.toml"))?.parse()?;
    bounds.remove("socket");
    bounds.remove("callers");
    change(&mut bounds);
    Ok(toml::to_string(&bounds)?)
}

fn table(entries: &[(&str, Value)]) -> Value {
    Value::Table(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn text(path: &Path) -> Value {
    path.display().to_string().into()
}

fn local() -> Result<String> {
    Ok(format!("127.0.0.1:{}", port::free()?))
}
