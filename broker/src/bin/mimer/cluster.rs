//! `mimer cluster`: is Slurm set up as the broker needs it?

use serde::Deserialize;

use crate::failure::Failure;
use crate::session::{Ending, Session, read};
use crate::table::plain;

/// The cluster as the broker sees it.
#[derive(clap::Subcommand)]
pub(crate) enum ClusterCommand {
    /// Compare Slurm's settings with what the broker needs; exit code 1 if one differs (operator).
    Check,
}

#[derive(Deserialize)]
struct SettingFault {
    setting: String,
    expected: String,
    actual: String,
    feature: String,
    sentence: String,
}

impl ClusterCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let Self::Check = self;
        let answer = session.client.get("/v1/cluster/settings").await?;
        let faults: Vec<SettingFault> = read(&answer)?;
        session.show(&answer, text)?;
        Ok(Ending::well_if(faults.is_empty()))
    }
}

fn text(faults: Vec<SettingFault>) -> String {
    if faults.is_empty() {
        return "Slurm is set up as the broker needs it".to_owned();
    }
    let parts: Vec<String> = faults.iter().map(SettingFault::text).collect();
    parts.join("\n\n")
}

impl SettingFault {
    fn text(&self) -> String {
        let Self { setting, expected, actual, feature, sentence } = self;
        let actual = if actual.is_empty() { "not set" } else { actual };
        format!(
            "{}\n  {}\n  {}",
            plain(&format!("{setting} is {actual} and should be {expected}")),
            plain(sentence),
            plain(&format!("without it: {feature}"))
        )
    }
}
