//! The client of `mimer-slurm-gateway`: the broker's only way to Slurm.
//!
//! One call at a time per connection; idle connections are kept and used again. Every call has a
//! deadline, and passing it says nothing about whether Slurm carried the call out. Calls travel in
//! lanes, so that what stalls one kind leaves the others room, and a gateway that is known to be
//! silent is not waited for by everybody.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use slurm_wire::{Answer, Call, Refusal, RefusalCode};

use crate::config;

mod connection;
mod door;
mod kept;
mod lane;
mod silence;

use connection::Connection;
pub use door::{Door, DoorError};
use kept::Kept;
use lane::Lanes;
use silence::Silence;

/// Why the gateway gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No gateway behind the socket or the address.
    #[error("the Slurm gateway does not answer; it is started again by its supervisor, try later")]
    Unreachable(#[source] std::io::Error),
    /// The deadline passed; whether the call took effect is not known.
    #[error("Slurm did not answer within {0:?}; whether the call took effect is not known")]
    Deadline(Duration),
    /// The gateway is known to be silent; the call was not sent.
    #[error(
        "Slurm does not answer: its gateway has been silent for {0:?}; it is asked again every second"
    )]
    Silent(Duration),
    /// The gateway said no, by name.
    #[error(transparent)]
    Refused(Refusal),
    /// The cluster is not in the configuration; nothing was asked.
    #[error(
        "cluster {0:?} is not in this mimerd's configuration; add its section [[clusters]] and start \
         mimerd again"
    )]
    NotConfigured(String),
    /// The gateway answered something else than was asked.
    #[error("the Slurm gateway answered out of turn; this is a bug")]
    OutOfTurn,
}

impl GatewayError {
    /// True if the same call may succeed later.
    pub fn retry_helps(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Deadline(_) | Self::Silent(_) | Self::OutOfTurn => true,
            Self::NotConfigured(_) => true, // The operator adds it; until then it waits.
            // These say that the gateway is set up for another caller, nothing about the call: the
            // operator mends them, and what was asked must not be given up until then.
            Self::Refused(refusal) => {
                refusal.code.retry_helps()
                    || matches!(
                        refusal.code,
                        RefusalCode::VersionMismatch | RefusalCode::CallerNotAllowed
                    )
            }
        }
    }
}

/// A handle that can be cloned; all clones share the connections.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    door: Door,
    deadline: Duration,
    kept: Kept,
    lanes: Lanes,
    silence: Silence,
}

impl Gateway {
    /// A client of the gateway behind `socket`; connects at the first call.
    pub fn new(socket: PathBuf, deadline: Duration) -> Self {
        Self::behind(Door::Socket(socket), deadline)
    }

    /// A client of the gateway that the configuration names.
    pub fn of(cluster: &config::Cluster) -> Result<Self, DoorError> {
        Ok(Self::behind(Door::of(cluster)?, Duration::from_secs(cluster.deadline_s)))
    }

    /// A client of the gateway behind `door`; connects at the first call.
    pub fn behind(door: Door, deadline: Duration) -> Self {
        let (kept, lanes, silence) = (Kept::default(), Lanes::default(), Silence::default());
        Self { shared: Arc::new(Shared { door, deadline, kept, lanes, silence }) }
    }

    /// Makes one call.
    pub async fn call(&self, call: &Call) -> Result<Answer, GatewayError> {
        let shared = &self.shared;
        shared.silence.check()?;
        match tokio::time::timeout(shared.deadline, shared.ask_in_turn(call)).await {
            Err(_) => {
                // The others that are kept may be as dead; and is anybody there at all?
                shared.kept.clear();
                silence::suspect(shared);
                Err(GatewayError::Deadline(shared.deadline))
            }
            Ok(Ok(Answer::Refused(refusal))) => Err(GatewayError::Refused(refusal)),
            Ok(answer) => answer,
        }
    }
}

impl Shared {
    async fn ask_in_turn(&self, call: &Call) -> Result<Answer, GatewayError> {
        let _turn = self.lanes.turn(call).await;
        // Whoever had the turn before may have found out.
        self.silence.check()?;
        // A kept connection may have died with the gateway since; then one fresh try is made. What
        // the dead one was told may have been carried out all the same, so this is only for calls
        // that say how things shall be, which may be sent any number of times.
        if lane::may_be_sent_twice(call)
            && let Some(kept) = self.kept.take()
            && let Ok(answer) = self.ask(kept, call).await
        {
            return Ok(answer);
        }
        let fresh = Connection::open(&self.door).await?;
        self.ask(fresh, call).await
    }

    async fn ask(&self, mut connection: Connection, call: &Call) -> Result<Answer, GatewayError> {
        let answer = connection.ask(call).await.map_err(GatewayError::Unreachable)?;
        self.kept.keep(connection);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
