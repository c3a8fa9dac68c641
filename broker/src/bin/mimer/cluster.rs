//! `mimer cluster`: is Slurm set up as the broker needs it, and has it what it should have?

mod difference;
mod import;
mod setting;

use serde_json::json;

use self::difference::{Differences, Outcome};
use self::setting::SettingFault;
use crate::failure::Failure;
use crate::session::{Ending, Session, read};

/// The cluster as the broker sees it.
#[derive(clap::Args)]
pub(crate) struct Cluster {
    /// Which cluster; needed where the broker has several.
    #[arg(long, value_name = "NAME", global = true)]
    cluster: Option<String>,
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(clap::Subcommand)]
enum ClusterCommand {
    /// Compare Slurm's settings with what the broker needs; exit code 1 if one differs (operator).
    Check,
    /// Compare Slurm's accounts, users, QOS and reservations with what they should be; exit code 1
    /// if one differs (operator).
    Diff,
    /// Set them as they should be, also where somebody changed them by hand; exit code 1 if
    /// something is left (operator).
    Apply {
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Tell what the broker would make of the accounts, users and limits that Slurm has; changes
    /// nothing (operator).
    Import,
}

impl Cluster {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let at = |path: &str| at_cluster(path, self.cluster.as_deref());
        match self.command {
            ClusterCommand::Check => {
                let answer = session.client.get(&at("/v1/cluster/settings")).await?;
                let faults: Vec<SettingFault> = read(&answer)?;
                session.show(&answer, setting::text)?;
                Ok(Ending::well_if(faults.is_empty()))
            }
            ClusterCommand::Diff => {
                let answer = session.client.get(&at("/v1/cluster/diff")).await?;
                let differences: Differences = read(&answer)?;
                session.show(&answer, difference::text)?;
                Ok(Ending::well_if(differences.lines.is_empty()))
            }
            ClusterCommand::Apply { why } => {
                let body = json!({ "why": why });
                let answer = session.client.post(&at("/v1/cluster/apply"), &body, &[]).await?;
                let outcome: Outcome = read(&answer)?;
                session.show(&answer, difference::outcome)?;
                Ok(Ending::well_if(outcome.failed.is_empty() && outcome.left.is_empty()))
            }
            ClusterCommand::Import => {
                let answer = session.client.get(&at("/v1/cluster/import")).await?;
                session.show(&answer, import::text)?;
                Ok(Ending::Well)
            }
        }
    }
}

/// The address of what one cluster is asked for.
fn at_cluster(path: &str, cluster: Option<&str>) -> String {
    match cluster {
        Some(name) => format!("{path}?cluster={}", in_query(name)),
        None => path.to_owned(),
    }
}

/// A value as it stands after `?`: everything but letters, digits and the plain signs is escaped.
pub(crate) fn in_query(value: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clusters_name_cannot_say_more_than_itself() {
        assert_eq!(at_cluster("/v1/x", None), "/v1/x");
        assert_eq!(at_cluster("/v1/x", Some("dal-2")), "/v1/x?cluster=dal-2");
        assert_eq!(at_cluster("/v1/x", Some("a&b=c")), "/v1/x?cluster=a%26b%3Dc");
    }
}
