//! `mimer login` and `mimer logout`: keep and forget an access key.

use std::path::PathBuf;

use crate::client::Client;
use crate::failure::Failure;
use crate::me::Me;
use crate::profile::{Profile, ProfileError, ProfileStore};
use crate::secret;
use crate::session::{Ending, Output, read};

/// Log in: check an access key with the server and keep it.
///
/// The operator gives the key. It is asked for without being shown, or read from `--key-file` or
/// a pipe, and kept in client.toml, which only you can read.
#[derive(clap::Args)]
pub(crate) struct Login {
    /// Address of mimerd; may be left out to keep the profile's.
    #[arg(long, value_name = "https://HOST:PORT")]
    server: Option<String>,
    /// PEM file of the authorities to trust, instead of this machine's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File that holds the access key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Login {
    /// Keeps nothing before the server has accepted the key.
    pub(crate) async fn run(self, store: &ProfileStore, output: Output) -> Result<Ending, Failure> {
        let known = store.find()?;
        let (known_server, known_ca) = known.map(|known| (known.server, known.ca_file)).unzip();
        let ca_file = match (self.ca, &self.server) {
            (Some(path), _) => Some(std::path::absolute(path)?),
            // The authorities belong to the server they were given for.
            (None, Some(server)) if Some(server) != known_server.as_ref() => None,
            (None, _) => known_ca.flatten(),
        };
        let server = self
            .server
            .or(known_server)
            .ok_or_else(|| ProfileError::NoServer(store.name.clone()))?;
        let mut profile = Profile { server, ca_file, key: String::new() };
        // A wrong address or file is told before the key is asked for.
        Client::new(&profile)?;
        profile.key = secret::access_key(self.key_file.as_deref()).await?;
        let answer = Client::new(&profile)?.get("/v1/me").await?;
        store.keep(&profile)?;
        if output.json {
            output.json(&answer)?;
        } else {
            let me: Me = read(&answer)?;
            output.print(&format!(
                "logged in as {} at {}, kept as profile `{}`",
                me.called(),
                profile.server,
                store.name
            ))?;
        }
        Ok(Ending::Well)
    }
}

/// Forgets the profile's key on this machine. The key itself lives on until it expires.
pub(crate) fn logout(store: &ProfileStore, output: Output) -> Result<Ending, Failure> {
    let known = store.forget()?;
    if output.json {
        output.json(&serde_json::json!({ "profile": store.name, "forgotten": known }))?;
    } else if known {
        output.print(&format!("profile `{}` is forgotten on this machine", store.name))?;
    } else {
        output.print(&format!("there was no profile `{}` on this machine", store.name))?;
    }
    Ok(Ending::Well)
}
