//! One connection to the gateway: hello, then one call at a time.

use slurm_wire::{Answer, Call, Hello, MAX_LINE_BYTES, PROTOCOL_VERSION, Refusal, Welcome};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::GatewayError;
use super::door::{Door, Stream};

pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

impl Connection {
    /// Connects and greets. Bounded by whoever calls.
    pub(super) async fn open(door: &Door) -> Result<Self, GatewayError> {
        let stream = door.open().await.map_err(GatewayError::Unreachable)?;
        let mut connection = Self { stream: BufReader::new(stream) };
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

    /// Asks one thing and waits for the answer, however long it takes.
    pub(super) async fn ask(&mut self, call: &Call) -> std::io::Result<Answer> {
        self.send(call).await?;
        Ok(serde_json::from_str(&self.line().await?)?)
    }

    async fn send(&mut self, value: &impl serde::Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        let stream = self.stream.get_mut();
        stream.write_all(&line).await?;
        // TLS keeps what it has until it is told that this is all.
        stream.flush().await
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        let bound = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        let got = (&mut self.stream).take(bound).read_line(&mut line).await?;
        if got == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }
}
