//! Slurm's commands on a cluster, and its accounts.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use super::cluster::Cluster;
use crate::accounts::PosixUser;

impl Cluster {
    /// Slurm's `program` as root, talking to this cluster.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.plan.release.command(program);
        command.env("SLURM_CONF", self.slurm_conf()).current_dir("/");
        command
    }

    /// Slurm's `program` as that user, talking to this cluster.
    pub fn command_as(&self, user: &PosixUser, program: &str) -> Command {
        let mut command = user.command_in(&self.plan.release, program);
        command.env("SLURM_CONF", self.slurm_conf());
        command
    }

    /// The gateway that was built against this cluster's Slurm; its arguments are the caller's.
    pub fn gateway_command(&self) -> Result<Command> {
        self.plan.release.gateway()
    }

    /// Runs Slurm's `program` as root and returns its standard output; fails if it fails.
    pub async fn output(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(program);
        command.args(arguments);
        let output = run(command).await?;
        ensure!(
            output.status.success(),
            "{program} {} failed ({}): {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Adds a project's account under `public`, the root of the public sector.
    pub async fn add_project_account(&self, account: &str) -> Result<()> {
        self.add_account(account, Some("public")).await
    }

    /// Lets a user run under an account. The first account becomes the user's default.
    pub async fn add_user(&self, account: &str, user: &PosixUser) -> Result<()> {
        let account = format!("account={account}");
        self.change(&["add", "user", &user.name, &account]).await
    }

    /// Removes a user from an account, as when a membership ends.
    pub async fn remove_user(&self, account: &str, user: &PosixUser) -> Result<()> {
        let account = format!("account={account}");
        self.change(&["delete", "user", &user.name, &account]).await
    }

    /// `sacctmgr modify`, as an operator would past the broker: `["qos", "NAME", "set", "GrpJobs=1"]`.
    pub async fn modify_by_hand(&self, what: &[&str]) -> Result<()> {
        self.change(&[&["modify"], what].concat()).await
    }

    /// Rows of `sacctmgr show WHAT format=FORMAT`, each split into its columns.
    pub async fn sacctmgr_rows(&self, what: &[&str], format: &str) -> Result<Vec<Vec<String>>> {
        let format = format!("format={format}");
        let arguments = [&["--parsable2", "--noheader", "show"], what, &[&format]].concat();
        let text = self.output("sacctmgr", &arguments).await?;
        Ok(text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect())
    }

    pub(super) async fn make_accounts(&self) -> Result<()> {
        self.change(&["add", "cluster", self.name()]).await?;
        self.add_account("public", None).await?;
        self.add_account("research", None).await
    }

    async fn add_account(&self, account: &str, parent: Option<&str>) -> Result<()> {
        let parent = parent.map(|parent| format!("parent={parent}"));
        let mut arguments = vec!["add", "account", account, "description=testbed"];
        arguments.push("organization=testbed");
        arguments.extend(parent.as_deref());
        self.change(&arguments).await
    }

    /// Runs `sacctmgr` without questions; repeating a change is not an error.
    async fn change(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.command("sacctmgr");
        command.arg("--immediate").arg("--quiet").args(arguments);
        let output = run(command).await?;
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let already_so =
            ["Nothing new added", "Already existing", "already exists", "Nothing deleted"];
        ensure!(
            output.status.success() || already_so.iter().any(|answer| said.contains(answer)),
            "sacctmgr {} failed: {}",
            arguments.join(" "),
            said.trim()
        );
        Ok(())
    }
}

/// Runs a command without blocking the caller's other tasks.
async fn run(command: Command) -> Result<Output> {
    let program = command.get_program().display().to_string();
    tokio::process::Command::from(command)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("running {program}; is the package slurm-client installed?"))
}
