//! Telling the broker of starts, again and again until it has them.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_wire::Starts;
use reqwest::{Client, StatusCode};
use tokio::sync::Notify;

use super::Kept;
use crate::config::Config;
use crate::courier::{self, DeliveryError};

/// Longest part of a refusal's text that goes into the log.
const MAX_REFUSAL_CHARS: usize = 300;

/// Why starts did not get through.
#[derive(Debug, thiserror::Error)]
pub enum TellingError {
    /// The token file cannot be used.
    #[error("cannot read the broker token from `{path}`")]
    Token {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No connection, no TLS, or no answer in time.
    #[error("the broker cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The broker refused them.
    #[error("the broker refuses starts ({status}): {text}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// Beginning of the answer.
        text: String,
    },
    /// What the broker has taken could not be crossed out.
    #[error("cannot write the list of starts that wait")]
    Disk(#[from] io::Error),
}

/// Tells the broker of starts.
pub struct Teller {
    kept: Arc<Mutex<Kept>>,
    client: Client,
    url: String,
    node: String,
    token_file: PathBuf,
    longest_wait: Duration,
}

impl Teller {
    /// A teller for the configured broker.
    pub fn new(config: &Config, kept: Arc<Mutex<Kept>>) -> Result<Self, DeliveryError> {
        Ok(Self {
            kept,
            client: courier::client(config)?,
            url: format!("{}/v1/agent/starts", config.broker_url.trim_end_matches('/')),
            node: config.node.clone(),
            token_file: config.token_file.clone(),
            longest_wait: Duration::from_secs(config.retry_max_s),
        })
    }

    /// Tells for ever: what waits at first, then whatever arrives.
    pub async fn run(&self, arrived: &Notify) {
        let mut wait = Duration::from_secs(1);
        loop {
            match self.tell().await {
                Ok(true) => wait = Duration::from_secs(1),
                Ok(false) => arrived.notified().await,
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error, wait_s = wait.as_secs(), "starts wait for the broker");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(self.longest_wait);
                }
            }
        }
    }

    /// Tells of some; `false` when none wait.
    pub async fn tell(&self) -> Result<bool, TellingError> {
        let starts = self.kept.lock().unwrap_or_else(PoisonError::into_inner).oldest(Starts::MOST);
        if starts.is_empty() {
            return Ok(false);
        }
        let starts = Starts { node: self.node.clone(), starts };
        let token = std::fs::read_to_string(&self.token_file)
            .map_err(|source| TellingError::Token { path: self.token_file.clone(), source })?;
        let sent = self.client.post(&self.url).bearer_auth(token.trim()).json(&starts).send();
        let response = sent.await.map_err(TellingError::Unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let text = response.text().await.unwrap_or_default();
            let text = text.chars().take(MAX_REFUSAL_CHARS).collect();
            return Err(TellingError::Refused { status, text });
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).taken(&starts.starts)?;
        Ok(true)
    }
}
