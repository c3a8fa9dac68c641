//! The socket: one JSON object per line, as `slurm_wire` says.

use std::sync::Arc;

use serde::Serialize;
use slurm_wire::{
    Answer, Call, Hello, MAX_LINE_BYTES, PROTOCOL_VERSION, Refusal, RefusalCode, Welcome,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use super::bounds::refusal;
use super::{FAKE_RELEASE, Shared};

/// Answers every connection until the task is aborted; its connections end with it.
pub(crate) async fn listen(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&shared)));
    }
}

/// Speaks with one caller. A caller that goes away is no fault.
async fn converse(stream: UnixStream, shared: Arc<Shared>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    let hello = next_line(&mut lines).await?;
    match greet(&hello, &shared) {
        Ok(welcome) => say(&mut write, &welcome).await?,
        Err(refused) => return say(&mut write, &refused).await,
    }
    loop {
        let line = next_line(&mut lines).await?;
        let answer = match serde_json::from_slice::<Call>(&line) {
            // The lock is held for the call only, never across a wait.
            Ok(call) => shared.machine().answer(call)?,
            Err(fault) => {
                let sentence = format!("this line is not a call: {fault}");
                Answer::Refused(refusal(RefusalCode::MalformedCall, &sentence))
            }
        };
        say(&mut write, &answer).await?;
    }
}

fn greet(line: &[u8], shared: &Shared) -> Result<Welcome, Refusal> {
    let hello: Hello = serde_json::from_slice(line)
        .map_err(|fault| refusal(RefusalCode::MalformedCall, &format!("no greeting: {fault}")))?;
    if hello.version != PROTOCOL_VERSION {
        let sentence =
            format!("the caller speaks version {}, this is {PROTOCOL_VERSION}", hello.version);
        return Err(refusal(RefusalCode::VersionMismatch, &sentence));
    }
    let machine = shared.machine();
    Ok(Welcome {
        version: PROTOCOL_VERSION,
        cluster: machine.cluster().into(),
        slurm_version: FAKE_RELEASE.into(),
        explicit_ids: machine.plan.explicit_ids,
    })
}

/// The next line without its end; `None` when the caller is gone or the line is too long.
async fn next_line(lines: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX_LINE_BYTES).ok()?;
    lines.take(most).read_until(b'\n', &mut line).await.ok()?;
    (line.pop() == Some(b'\n')).then_some(line)
}

async fn say(write: &mut OwnedWriteHalf, what: &impl Serialize) -> Option<()> {
    let mut line = serde_json::to_vec(what).ok()?;
    line.push(b'\n');
    write.write_all(&line).await.ok()
}
