//! A real OpenSSH server that stands for a secure processing environment.
//!
//! It runs on a free loopback port with its own host key and configuration, lets in one user by
//! one key, and serves one directory by SFTP, read-only. Nothing of the machine's own SSH is used.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::accounts::PosixUser;
use crate::{Daemon, Workspace, port};

const BOUND: Duration = Duration::from_secs(30);

/// Where Debian's sshd insists on an empty directory for its unprivileged half.
const PRIVILEGE_SEPARATION_DIR: &str = "/run/sshd";

/// A running SFTP server; dropping it ends it and removes its directory.
#[derive(Debug)]
pub struct SftpStore {
    port: u16,
    user: PosixUser,
    daemon: Daemon,
    workspace: Workspace,
}

impl SftpStore {
    /// Starts a server with an empty store. Needs root.
    pub async fn start() -> Result<Self> {
        let workspace = Workspace::create("sftp")?;
        let user = PosixUser::environment()?;
        let port = port::free()?;
        workspace.make_dir("store", 0o755)?;
        make_key(&workspace.path().join("host_key"))?;
        make_key(&workspace.path().join("client_key"))?;
        let host_key = fs::read_to_string(workspace.path().join("host_key.pub"))?;
        workspace.write("known_hosts", 0o644, format!("[127.0.0.1]:{port} {host_key}"))?;
        // Read by the server as the user who logs in, so it is that user's.
        let client_key = fs::read(workspace.path().join("client_key.pub"))?;
        let authorized = workspace.write("authorized_keys", 0o600, client_key)?;
        chown(&authorized, Some(user.uid), Some(user.gid))?;
        let settings = settings(workspace.path(), port, &user);
        let settings = workspace.write("sshd_config", 0o644, settings)?;
        fs::create_dir_all(PRIVILEGE_SEPARATION_DIR)
            .with_context(|| format!("making {PRIVILEGE_SEPARATION_DIR}; run as root"))?;

        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(settings);
        let mut daemon = Daemon::spawn("sshd", command, &workspace.path().join("log"))?;
        daemon
            .until_ready(BOUND, async || {
                Ok(tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok())
            })
            .await?;
        Ok(Self { port, user, daemon, workspace })
    }

    /// Address of the server.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user to log in as.
    pub fn user(&self) -> &str {
        &self.user.name
    }

    /// The private key that lets that user in; readable by root only.
    pub fn private_key_file(&self) -> PathBuf {
        self.workspace.path().join("client_key")
    }

    /// The `known_hosts` file that names the server's key.
    pub fn known_hosts_file(&self) -> PathBuf {
        self.workspace.path().join("known_hosts")
    }

    /// The directory that is served; write files here to have them in the store.
    pub fn root(&self) -> PathBuf {
        self.workspace.path().join("store")
    }

    /// The server, for crashing it or reading its log.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Ends the server and removes everything.
    pub async fn stop(self) -> Result<()> {
        tokio::task::spawn_blocking(move || drop(self)).await?;
        Ok(())
    }
}

fn settings(dir: &Path, port: u16, user: &PosixUser) -> String {
    let dir = dir.display();
    format!(
        "Port {port}\n\
         ListenAddress 127.0.0.1\n\
         HostKey {dir}/host_key\n\
         PidFile none\n\
         UsePAM no\n\
         StrictModes no\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PubkeyAuthentication yes\n\
         AuthorizedKeysFile {dir}/authorized_keys\n\
         AllowUsers {user}\n\
         PermitTTY no\n\
         DisableForwarding yes\n\
         Subsystem sftp internal-sftp\n\
         ForceCommand internal-sftp -R -d {dir}/store\n\
         MaxStartups 100\n\
         LogLevel VERBOSE\n",
        user = user.name,
    )
}

fn make_key(file: &Path) -> Result<()> {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "mimer-testbed", "-f"])
        .arg(file)
        .output()
        .context("running ssh-keygen; is the package openssh-client installed?")?;
    ensure!(
        output.status.success(),
        "ssh-keygen failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
