//! The gate: the permit is asked again before every batch, and while one runs.
//!
//! A refusal stops the transfer within the batch. *Not checkable* is a refusal too: nothing moves on
//! a permit that nobody can read.

use std::future::Future;

use quotas::permit;
use record::Clock;
use sqlx::PgPool;
use uuid::Uuid;

use crate::link::{self, LinkState};

/// How far a transfer has come when it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Questions asked before this one.
    pub question_no: u64,
    /// Bytes that are here and verified.
    pub verified_bytes: u64,
    /// Bytes the manifest has; 0 until it is read.
    pub total_bytes: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Move the next batch.
    Go,
    /// Move nothing more, for the reason with this stable code.
    Stop(String),
}

/// Who is asked whether the transfer may go on.
pub trait PermitGate {
    /// Reads the permit as it is now. Must answer; a question it cannot answer is [`Answer::Stop`].
    fn ask(&self, progress: Progress) -> impl Future<Output = Answer> + Send;
}

/// The gate the broker uses: the link must still be fetched by this try, and its permit must still
/// allow it.
#[derive(Clone, Debug)]
pub struct LinkGate {
    /// Where links and permits are.
    pub pool: PgPool,
    /// Which link.
    pub link_id: Uuid,
    /// Which try.
    pub transfer_id: Uuid,
    /// When "now" is.
    pub clock: Clock,
}

impl PermitGate for LinkGate {
    async fn ask(&self, _progress: Progress) -> Answer {
        match self.refusal().await {
            Ok(None) => Answer::Go,
            Ok(Some(code)) => Answer::Stop(code.to_owned()),
            Err(_unreadable) => Answer::Stop("permit_not_checkable".to_owned()),
        }
    }
}

impl LinkGate {
    async fn refusal(&self) -> Result<Option<&'static str>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let Some(link) = link::by_id(&mut connection, self.link_id).await? else {
            return Ok(Some("link_unknown"));
        };
        match link.state {
            LinkState::Fetching { transfer_id, .. } if transfer_id == self.transfer_id => {}
            LinkState::Fetching { .. } => return Ok(Some("transfer_taken_over")),
            LinkState::Revoked { .. } => return Ok(Some("link_revoked")),
            LinkState::Open
            | LinkState::Verified { .. }
            | LinkState::Quarantined { .. }
            | LinkState::Failed { .. } => return Ok(Some("link_not_fetching")),
        }
        let Some(permit) = permit::by_id(&mut connection, link.permit_id).await? else {
            return Ok(Some("permit_missing"));
        };
        Ok(permit::check(&permit, &link.asks(self.clock.now())).err().map(|refusal| refusal.code()))
    }
}
