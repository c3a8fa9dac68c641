//! `mimer environment`: secure processing environments that data may come from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::failure::Failure;
use crate::reference::Named;
use crate::session::{Ending, Session};
use crate::table::{Sheet, list, words};

/// Environments: secure processing environments that data may come from.
#[derive(clap::Subcommand)]
pub(crate) enum EnvironmentCommand {
    /// Register an environment (operator).
    Create(Box<Create>),
    /// List the environments.
    List,
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// Its name, as permits write it.
    #[arg(long)]
    name: String,
    /// Who runs it.
    #[arg(long, value_name = "ORGANISATION")]
    operator: String,
    /// Who answers for it.
    #[arg(long, value_name = "ORGANISATION")]
    host_organisation: String,
    /// Host of its SFTP server.
    #[arg(long, value_name = "HOST")]
    sftp_host: String,
    /// Port of its SFTP server.
    #[arg(long, value_name = "PORT", default_value_t = 22)]
    sftp_port: u16,
    /// The broker's account there.
    #[arg(long, value_name = "USER")]
    sftp_user: String,
    /// Absolute directory there that all datasets lie under.
    #[arg(long, value_name = "DIRECTORY")]
    sftp_root: String,
    /// File with the Ed25519 public key its manifests are signed with, as 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    manifest_key_file: PathBuf,
    /// Class of project it gives data to; repeat for several.
    #[arg(long = "data-class", required = true)]
    data_classes: Vec<DataClass>,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

/// How protected a project's data are.
#[derive(Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DataClass {
    /// No permit is needed and output may be shown.
    Open,
    /// Needs a permit, runs on the confidential partition only, and output is data.
    Confidential,
}

#[derive(Deserialize)]
pub(crate) struct EnvironmentRow {
    environment_id: Uuid,
    name: String,
    operator: String,
    host_organisation: String,
    sftp: SftpAddress,
    manifest_key: String,
    data_classes: Vec<String>,
}

#[derive(Deserialize)]
struct SftpAddress {
    host: String,
    port: u16,
    user: String,
    root: String,
}

impl Named for EnvironmentRow {
    const NOUN: (&'static str, &'static str) = ("environment", "environments");
    const LIST: &'static str = "/v1/environments";

    fn id(&self) -> Uuid {
        self.environment_id
    }

    fn is_called(&self, name: &str) -> bool {
        self.name == name
    }
}

impl EnvironmentCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Create(create) => create.run(session).await?,
            Self::List => {
                let answer = session.client.get(EnvironmentRow::LIST).await?;
                session.show(&answer, table)?;
            }
        }
        Ok(Ending::Well)
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let environment_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({
            "environment_id": environment_id,
            "name": self.name,
            "operator": self.operator,
            "host_organisation": self.host_organisation,
            "sftp": {
                "host": self.sftp_host,
                "port": self.sftp_port,
                "user": self.sftp_user,
                "root": self.sftp_root,
            },
            "manifest_key": manifest_key(&self.manifest_key_file)?,
            "data_classes": self.data_classes,
        });
        let answer =
            session.client.post("/v1/environments", &body, &[("--id", environment_id)]).await?;
        session.show(&answer, sheet)
    }
}

fn manifest_key(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| Failure::File { path: path.to_owned(), cause })?;
    Ok(text.trim().to_owned())
}

impl SftpAddress {
    fn text(&self) -> String {
        format!("sftp://{}@{}:{}{}", self.user, self.host, self.port, self.root)
    }
}

fn sheet(environment: EnvironmentRow) -> String {
    Sheet::default()
        .line("environment", environment.environment_id)
        .line("name", environment.name)
        .line("operator", environment.operator)
        .line("host organisation", environment.host_organisation)
        .line("data from", environment.sftp.text())
        .line("manifest key", environment.manifest_key)
        .line("serves", environment.data_classes.join(", "))
        .text()
}

fn table(environments: Vec<EnvironmentRow>) -> String {
    let columns = [
        words("environment"),
        words("name"),
        words("operator"),
        words("serves"),
        words("data from"),
    ];
    let rows = environments.into_iter().map(|environment| {
        [
            environment.environment_id.to_string(),
            environment.name,
            environment.operator,
            environment.data_classes.join(", "),
            environment.sftp.text(),
        ]
    });
    list(columns, rows, "there are no environments yet; `mimer environment create` registers one")
}
