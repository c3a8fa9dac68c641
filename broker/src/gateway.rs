//! The client of `mimer-slurm-gateway`: the broker's only way to Slurm.
//!
//! One call at a time per connection; idle connections are kept and used again. Every call has a
//! deadline, and passing it says nothing about whether Slurm carried the call out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use slurm_wire::{
    Answer, Call, Hello, MAX_LINE_BYTES, PROTOCOL_VERSION, Refusal, RefusalCode, Welcome,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, Semaphore};

/// Connections open at once; more callers wait their turn.
const CONNECTIONS: usize = 16;

/// Why the gateway gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No gateway behind the socket.
    #[error("the Slurm gateway does not answer; it is started again by its supervisor, try later")]
    Unreachable(#[source] std::io::Error),
    /// The deadline passed; whether the call took effect is not known.
    #[error("Slurm did not answer within {0:?}; whether the call took effect is not known")]
    Deadline(Duration),
    /// The gateway said no, by name.
    #[error(transparent)]
    Refused(Refusal),
    /// The gateway answered something else than was asked.
    #[error("the Slurm gateway answered out of turn; this is a bug")]
    OutOfTurn,
}

impl GatewayError {
    /// True if the same call may succeed later.
    pub fn retry_helps(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Deadline(_) | Self::OutOfTurn => true,
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
    socket: Arc<PathBuf>,
    deadline: Duration,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

struct Connection {
    lines: BufReader<OwnedReadHalf>,
    out: OwnedWriteHalf,
}

impl Gateway {
    /// A client of the gateway behind `socket`; connects at the first call.
    pub fn new(socket: PathBuf, deadline: Duration) -> Self {
        Self {
            socket: Arc::new(socket),
            deadline,
            idle: Arc::new(Mutex::new(Vec::new())),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// Makes one call.
    pub async fn call(&self, call: &Call) -> Result<Answer, GatewayError> {
        let asked = async {
            let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
            // A kept connection may have died with the gateway since; then one fresh try is made.
            // Sending a call twice is harmless: every call that writes is idempotent by its job id.
            let kept = self.idle.lock().await.pop(); // A guard in the condition would outlive it.
            if let Some(kept) = kept
                && let Ok(answer) = self.ask(kept, call).await
            {
                return Ok(answer);
            }
            let fresh = Connection::open(&self.socket).await?;
            self.ask(fresh, call).await
        };
        match tokio::time::timeout(self.deadline, asked).await {
            Err(_) => Err(GatewayError::Deadline(self.deadline)),
            Ok(Ok(Answer::Refused(refusal))) => Err(GatewayError::Refused(refusal)),
            Ok(answer) => answer,
        }
    }

    async fn ask(&self, mut connection: Connection, call: &Call) -> Result<Answer, GatewayError> {
        connection.send(call).await.map_err(GatewayError::Unreachable)?;
        let answer: Answer = connection.receive().await.map_err(GatewayError::Unreachable)?;
        self.idle.lock().await.push(connection);
        Ok(answer)
    }
}

impl Connection {
    async fn open(socket: &std::path::Path) -> Result<Self, GatewayError> {
        let stream = UnixStream::connect(socket).await.map_err(GatewayError::Unreachable)?;
        let (read, out) = stream.into_split();
        let mut connection = Self { lines: BufReader::new(read), out };
        let hello = Hello { version: PROTOCOL_VERSION };
        connection.send(&hello).await.map_err(GatewayError::Unreachable)?;
        let line = connection.line().await.map_err(GatewayError::Unreachable)?;
        if serde_json::from_str::<Welcome>(&line).is_ok() {
            return Ok(connection);
        }
        match serde_json::from_str::<Answer>(&line) {
            Ok(Answer::Refused(refusal)) => Err(GatewayError::Refused(refusal)),
            _ => match serde_json::from_str::<Refusal>(&line) {
                Ok(refusal) => Err(GatewayError::Refused(refusal)),
                Err(_) => Err(GatewayError::OutOfTurn),
            },
        }
    }

    async fn send(&mut self, value: &impl serde::Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.out.write_all(&line).await
    }

    async fn receive<T: serde::de::DeserializeOwned>(&mut self) -> std::io::Result<T> {
        Ok(serde_json::from_str(&self.line().await?)?)
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        let bound = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        let got = (&mut self.lines).take(bound).read_line(&mut line).await?;
        if got == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests;
