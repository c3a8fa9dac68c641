//! The files an installation is made of: mimerd's, the gateway's, the agents', the account list.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::mimerd::Mimerd;
use super::{PROJECT, Site, Slurm, WIRE, start};
use crate::accounts::PosixUser;
use crate::{Cluster, Postgres, SftpStore, Workspace};

/// The broker's own job ids; Slurm's own begin far above.
pub(super) const JOB_IDS: [u32; 2] = [100_000, 9_999_999];

/// What the files tell each other about.
pub(super) struct Places<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) slurm: &'a Slurm,
    pub(super) sftp: &'a SftpStore,
    /// What mimerd does about Slurm's accounts, users and QOS: "off", "show" or "apply".
    pub(super) keep: &'static str,
    /// What mimerd's `[duties]` say otherwise than by default.
    pub(super) duties: &'a BTreeMap<&'static str, i64>,
}

/// Node names of either Slurm.
pub(super) fn node_names(slurm: &Slurm) -> Vec<String> {
    match slurm {
        Slurm::Real(cluster) => cluster.node_names(),
        Slurm::Fake(_) => vec!["node01".to_owned()],
    }
}

/// Where the projects' areas are.
pub(super) fn areas_dir(slurm: &Slurm, workspace: &Workspace) -> PathBuf {
    match slurm {
        Slurm::Real(cluster) => cluster.areas_dir(),
        Slurm::Fake(_) => workspace.path().join("areas"),
    }
}

/// A project's area: `work/` is the user's own; `data/` is read-only to the project.
pub(super) fn make_area(slurm: &Slurm, workspace: &Workspace, user: &PosixUser) -> Result<()> {
    let area = areas_dir(slurm, workspace).join(PROJECT);
    for (dir, owner, mode) in [
        (area.clone(), 0, 0o750),
        (area.join("work"), user.uid, 0o770),
        (area.join("data"), 0, 0o750),
    ] {
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        chown(&dir, Some(owner), Some(user.gid))?;
        fs::set_permissions(&dir, Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The account list that the account adapter reads.
pub(super) fn write_accounts(places: &Places<'_>, user: &PosixUser) -> Result<()> {
    let area = areas_dir(places.slurm, places.workspace).join(PROJECT);
    let (name, uid, gid, area) = (&user.name, user.uid, user.gid, area.display());
    let text = format!(
        "[[account]]\nlogin = \"anna\"\nproject = \"{PROJECT}\"\nuser = \"{name}\"\n\
         uid = {uid}\ngid = {gid}\narea = \"{area}\"\n"
    );
    places.workspace.write("accounts.toml", 0o644, text)?;
    Ok(())
}

/// One mimerd's configuration. Without a `[database]` it runs its embedded PostgreSQL.
pub(super) fn write_mimerd(
    places: &Places<'_>,
    mimerd: &Mimerd,
    database: Option<DatabasePart>,
    simulated: &[String],
) -> Result<()> {
    let dir = places.workspace.path();
    let name = match places.slurm {
        Slurm::Real(cluster) => cluster.name().to_owned(),
        Slurm::Fake(_) => "simulated".to_owned(),
    };
    let path = |path: PathBuf| path.display().to_string();
    let config = MimerdPart {
        state_dir: path(mimerd.state_dir()),
        simulated: simulated.to_vec(),
        listen: Listen {
            address: format!("127.0.0.1:{}", mimerd.https_port()),
            metrics_address: format!("127.0.0.1:{}", mimerd.metrics_port()),
        },
        database,
        clusters: vec![ClusterPart {
            name,
            gateway_socket: path(dir.join(WIRE)),
            job_ids: JOB_IDS,
            open_partition: "gpu".to_owned(),
            confidential_partition: "confidential".to_owned(),
            account_root: "public".to_owned(),
            keep: places.keep.to_owned(),
            research_qos: vec!["normal".to_owned()],
        }],
        accounts: AccountsPart { file: path(dir.join("accounts.toml")) },
        staging: StagingPart {
            mover: path(start::program("mimer-mover")?),
            sftp_key_file: path(places.sftp.private_key_file()),
            known_hosts_file: path(places.sftp.known_hosts_file()),
            deadline_s: 120,
        },
        duties: places.duties.clone(),
    };
    fs::write(mimerd.config_file(), toml::to_string(&config)?)?;
    fs::set_permissions(mimerd.config_file(), Permissions::from_mode(0o600))?;
    Ok(())
}

/// The files that name a PostgreSQL of the site, one per role, for root alone.
pub(super) fn write_database(dir: &Path, postgres: &Postgres) -> Result<DatabasePart> {
    let file = |name: &str, role: &str| -> Result<String> {
        let file = dir.join(name);
        fs::write(&file, postgres.url(role))?;
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        Ok(file.display().to_string())
    };
    Ok(DatabasePart {
        owner_url_file: file("owner.url", "mimer_owner")?,
        app_url_file: file("app.url", "mimer_app")?,
        sealer_url_file: file("sealer.url", "mimer_sealer")?,
    })
}

#[derive(Serialize)]
struct MimerdPart {
    state_dir: String,
    simulated: Vec<String>,
    listen: Listen,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<DatabasePart>,
    clusters: Vec<ClusterPart>,
    accounts: AccountsPart,
    staging: StagingPart,
    duties: BTreeMap<&'static str, i64>,
}

#[derive(Serialize)]
struct Listen {
    address: String,
    metrics_address: String,
}

/// Where mimerd finds a PostgreSQL of the site.
#[derive(Clone, Serialize)]
pub(super) struct DatabasePart {
    owner_url_file: String,
    app_url_file: String,
    sealer_url_file: String,
}

#[derive(Serialize)]
struct ClusterPart {
    name: String,
    gateway_socket: String,
    job_ids: [u32; 2],
    open_partition: String,
    confidential_partition: String,
    account_root: String,
    keep: String,
    research_qos: Vec<String>,
}

#[derive(Serialize)]
struct AccountsPart {
    file: String,
}

#[derive(Serialize)]
struct StagingPart {
    mover: String,
    sftp_key_file: String,
    known_hosts_file: String,
    deadline_s: u64,
}

/// A node's state directory of the simulated NVML; jobs of any project user write to it.
pub(super) fn make_nvml_dir(nvml: &Path, node: &str) -> Result<PathBuf> {
    let dir = nvml.join(node);
    fs::create_dir_all(&dir)?;
    fs::set_permissions(&dir, Permissions::from_mode(0o1777))?;
    Ok(dir)
}

/// One agent's configuration.
pub(super) fn write_agent(site: &Site, node: &str, token: &str) -> Result<PathBuf> {
    let dir = site.dir();
    let token_file = dir.join(format!("agent-{node}.token"));
    fs::write(&token_file, token)?;
    fs::set_permissions(&token_file, Permissions::from_mode(0o600))?;
    let path = |path: PathBuf| path.display().to_string();
    let config = Agent {
        node: node.to_owned(),
        spool_dir: path(dir.join(format!("spool-{node}"))),
        slurmd_spool_dir: match &site.slurm {
            Slurm::Real(cluster) => path(cluster.dir().join("spool").join(node)),
            Slurm::Fake(_) => path(dir.join("no-slurmd")),
        },
        broker_url: site.address(),
        ca_file: path(site.ca_file()),
        token_file: path(token_file),
        nvml_library: path(start::program("libsimulated_nvml.so")?),
        simulated: true,
        segment_s: 5,
        process_look_s: 1,
        retry_max_s: 2,
        listen: format!("127.0.0.1:{}", crate::port::free()?),
    };
    let file = dir.join(format!("agent-{node}.toml"));
    fs::write(&file, toml::to_string(&config)?)?;
    Ok(file)
}

#[derive(Serialize)]
struct Agent {
    node: String,
    spool_dir: String,
    slurmd_spool_dir: String,
    broker_url: String,
    ca_file: String,
    token_file: String,
    nvml_library: String,
    simulated: bool,
    segment_s: u32,
    process_look_s: u32,
    retry_max_s: u64,
    listen: String,
}

/// The gateway's bounds file, root's alone.
pub(super) fn write_gateway(
    cluster: &Cluster,
    (dir, socket, areas): (&Path, &Path, &Path),
) -> Result<PathBuf> {
    let path = |path: &Path| path.display().to_string();
    let bounds = Gateway {
        socket: path(socket),
        callers: vec![0],
        slurm: GatewaySlurm {
            conf: path(&cluster.gateway_slurm_conf()),
            cluster: cluster.name().to_owned(),
            // Ten times the default, because the intervals here are a tenth and less.
            dbd_queries_per_min: 1_200,
        },
        bounds: GatewayBounds {
            uid_min: 61_001,
            uid_max: 61_099,
            account_root: "public".to_owned(),
            partitions: vec!["gpu".to_owned(), "confidential".to_owned()],
            qos: Vec::new(),
            job_id_min: JOB_IDS[0],
            job_id_max: JOB_IDS[1],
            work_dir_prefix: path(areas),
            max_gpus: 8,
            max_wall_time_min: 24 * 60,
            max_tasks: 100,
            qos_prefix: "mimer_".to_owned(),
            reservation_prefix: "mimer_".to_owned(),
            may_preempt: vec!["normal".to_owned()],
            max_priority: 1_000_000,
            nodes: cluster.node_names(),
            max_set_aside_nodes: cluster.plan().nodes,
            import: true,
            probe_uid: 65_534,
        },
    };
    let file = dir.join("gateway.toml");
    fs::write(&file, toml::to_string(&bounds)?)?;
    fs::set_permissions(&file, Permissions::from_mode(0o644))?;
    Ok(file)
}

#[derive(Serialize)]
struct Gateway {
    socket: String,
    callers: Vec<u32>,
    slurm: GatewaySlurm,
    bounds: GatewayBounds,
}

#[derive(Serialize)]
struct GatewaySlurm {
    conf: String,
    cluster: String,
    dbd_queries_per_min: u32,
}

#[derive(Serialize)]
struct GatewayBounds {
    uid_min: u32,
    uid_max: u32,
    account_root: String,
    partitions: Vec<String>,
    qos: Vec<String>,
    job_id_min: u32,
    job_id_max: u32,
    work_dir_prefix: String,
    max_gpus: u32,
    max_wall_time_min: u32,
    max_tasks: u32,
    qos_prefix: String,
    reservation_prefix: String,
    may_preempt: Vec<String>,
    max_priority: u32,
    nodes: Vec<String>,
    max_set_aside_nodes: usize,
    import: bool,
    probe_uid: u32,
}
