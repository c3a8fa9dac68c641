//! The courier: takes segments from the spool to the broker, however long that is away.
//!
//! One batch at a time over TLS, trusting the configured CA only. The token is read from its file
//! for every batch, so that it can be renewed under a running agent. Whatever fails, the segments
//! stay in the spool and are sent again after a bounded wait; sending twice is harmless.

mod backoff;
mod settle;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_wire::{Acknowledged, Batch};
use reqwest::{Certificate, Client, StatusCode};
use tokio::sync::Notify;

pub use self::backoff::Backoff;
use self::settle::{Answered, Settled, settle};
use crate::config::Config;
use crate::metrics::{Delivery, Metrics};
use crate::spool::{Parcel, Spool, SpoolError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest part of a refusal's text that goes into the log.
const MAX_REFUSAL_CHARS: usize = 300;

/// Takes segments to the broker.
pub struct Courier {
    spool: Arc<Mutex<Spool>>,
    metrics: Arc<Metrics>,
    client: Client,
    url: String,
    node: String,
    token_file: PathBuf,
    most_segments: usize,
    backoff: Backoff,
}

/// Why a batch did not get through.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The CA file cannot be used.
    #[error("cannot use `{path}` as the broker's CA: it must hold PEM certificates")]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        source: anyhow::Error,
    },
    /// The token file cannot be used.
    #[error("cannot read the broker token from `{path}`")]
    Token {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No connection, no TLS, or no answer in time.
    #[error("the broker cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The broker does not know the token.
    #[error("the broker refuses the token in `{path}` ({status}): ask its operator for a new one")]
    TokenRefused {
        /// The file.
        path: PathBuf,
        /// 401 or 403.
        status: StatusCode,
    },
    /// The broker refused the batch.
    #[error("the broker refuses segments {first_seq} to {last_seq} ({status}): {text}")]
    Refused {
        /// First number of the batch.
        first_seq: u64,
        /// Last number of the batch.
        last_seq: u64,
        /// HTTP status.
        status: StatusCode,
        /// Beginning of the answer.
        text: String,
    },
    /// A success that is no acknowledgement: something else answers at that address.
    #[error("the answer is not an acknowledgement: check `broker_url`")]
    NotAnAnswer(#[source] reqwest::Error),
    /// The broker answered without taking anything.
    #[error("the broker took nothing of the batch; its mark stays at {broker_seq}")]
    NotTaken {
        /// The mark.
        broker_seq: u64,
    },
    /// The broker has more than this spool ever numbered.
    #[error(
        "the broker has segments up to {broker_seq}, but this spool only made {last_seq}: it was \
         restored from a copy; move the spool directory away, and a new stream begins"
    )]
    Ahead {
        /// The broker's mark.
        broker_seq: u64,
        /// The last number given here.
        last_seq: u64,
    },
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl Courier {
    /// A courier for the configured broker.
    pub fn new(
        config: &Config,
        spool: Arc<Mutex<Spool>>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, DeliveryError> {
        let stream_id = spool.lock().unwrap_or_else(PoisonError::into_inner).stream_id();
        Ok(Self {
            spool,
            metrics,
            client: client(config)?,
            url: format!("{}/v1/agent/segments", config.broker_url.trim_end_matches('/')),
            node: config.node.clone(),
            token_file: config.token_file.clone(),
            most_segments: config.batch_segments,
            backoff: Backoff::new(Duration::from_secs(config.retry_max_s), stream_id),
        })
    }

    /// Delivers for ever: what is on disk at first, then whatever arrives.
    pub async fn run(&mut self, arrived: &Notify) {
        let mut failures = 0;
        loop {
            match self.deliver_next().await {
                Ok(true) => {
                    if failures > 0 {
                        tracing::info!(failures, "the broker takes segments again");
                    }
                    failures = 0;
                }
                Ok(false) => {
                    arrived.notified().await;
                    tokio::time::sleep(self.backoff.spread()).await;
                }
                Err(error) => {
                    failures += 1;
                    let wait = self.backoff.after(failures);
                    let error = format!("{:#}", anyhow::Error::new(error));
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(error, failures, wait_ms, "segments wait in the spool");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Delivers what is on disk until it is empty or a batch fails.
    pub async fn drain(&mut self) -> Result<(), DeliveryError> {
        while self.deliver_next().await? {}
        Ok(())
    }

    /// Delivers one batch; `false` when there was nothing to deliver.
    async fn deliver_next(&mut self) -> Result<bool, DeliveryError> {
        let most = self.most_segments;
        let Some((parcel, stream_id)) = self
            .with_spool(move |spool| {
                Ok(spool.next_parcel(most)?.map(|parcel| (parcel, spool.stream_id())))
            })
            .await?
        else {
            return Ok(false);
        };
        let Parcel { boot_id, segments } = parcel;
        let batch = Batch { node: self.node.clone(), boot_id, stream_id, segments };
        let sent = self.send(&batch).await;
        self.metrics.delivery(match &sent {
            Ok(_) => Delivery::Taken,
            Err(DeliveryError::Unreachable(_)) => Delivery::Unreachable,
            Err(_) => Delivery::Refused,
        });
        let too_large = matches!(
            sent,
            Err(DeliveryError::Refused { status: StatusCode::PAYLOAD_TOO_LARGE, .. })
        );
        if too_large {
            self.most_segments = (batch.segments.len() / 2).max(1);
        }
        self.settle(&batch, sent?.through_seq).await?;
        Ok(true)
    }

    async fn send(&self, batch: &Batch) -> Result<Acknowledged, DeliveryError> {
        let token = std::fs::read_to_string(&self.token_file)
            .map_err(|source| DeliveryError::Token { path: self.token_file.clone(), source })?;
        let response = self
            .client
            .post(&self.url)
            .bearer_auth(token.trim())
            .json(batch)
            .send()
            .await
            .map_err(DeliveryError::Unreachable)?;
        match response.status() {
            StatusCode::OK => response.json().await.map_err(DeliveryError::NotAnAnswer),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(DeliveryError::TokenRefused { path: self.token_file.clone(), status })
            }
            status => {
                let text = response.text().await.unwrap_or_default();
                let (first_seq, last_seq) = span(batch);
                let text = text.chars().take(MAX_REFUSAL_CHARS).collect();
                Err(DeliveryError::Refused { first_seq, last_seq, status, text })
            }
        }
    }

    /// Forgets what the answer settles.
    async fn settle(&self, batch: &Batch, broker_seq: u64) -> Result<(), DeliveryError> {
        let (first_seq, last_seq) = span(batch);
        let metrics = Arc::clone(&self.metrics);
        self.with_spool(move |spool| {
            let next_seq = spool.next_seq();
            let first_after_mark = spool.first_after(broker_seq);
            let through_seq = match settle(Answered {
                first_seq,
                last_seq,
                broker_seq,
                first_after_mark,
                next_seq,
            }) {
                Settled::Through(seq) => seq,
                Settled::Hole { through_seq, broker_seq } => {
                    tracing::warn!(
                        broker_seq,
                        through_seq,
                        "the broker lacks segments that this node no longer has; going on behind them"
                    );
                    through_seq
                }
                Settled::Nothing => return Err(DeliveryError::NotTaken { broker_seq }),
                Settled::Ahead => {
                    return Err(DeliveryError::Ahead { broker_seq, last_seq: next_seq - 1 });
                }
            };
            spool.acknowledge(through_seq)?;
            metrics.acknowledged(through_seq);
            metrics.spool(spool);
            Ok(())
        })
        .await
    }

    /// Works on the spool away from the asynchronous thread: the disk may be slow.
    async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> Result<T, DeliveryError> + Send + 'static,
    ) -> Result<T, DeliveryError> {
        let spool = Arc::clone(&self.spool);
        let work = move || work(&mut spool.lock().unwrap_or_else(PoisonError::into_inner));
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

fn span(batch: &Batch) -> (u64, u64) {
    let seq = |segment: Option<&agent_wire::Segment>| segment.map_or(0, |segment| segment.seq);
    (seq(batch.segments.first()), seq(batch.segments.last()))
}

/// An HTTPS client that trusts the configured CA and nothing else, and asks no proxy.
pub(crate) fn client(config: &Config) -> Result<Client, DeliveryError> {
    let ca = |source: anyhow::Error| DeliveryError::Ca { path: config.ca_file.clone(), source };
    let pem = std::fs::read(&config.ca_file).map_err(|error| ca(error.into()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| ca(error.into()))?;
    if certificates.is_empty() {
        return Err(ca(anyhow::anyhow!("the file holds no certificate")));
    }
    Client::builder()
        .tls_certs_only(certificates)
        .https_only(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .user_agent(concat!("mimer-agent/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ca(error.into()))
}
