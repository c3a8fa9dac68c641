//! A relay between the broker and the gateway, Unix socket to Unix socket, that can be slowed,
//! stalled and cut while both sides talk.
//!
//! The gateway asks the kernel who calls, and is told the relay: it must run as the same user as
//! mimerd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Bytes that are taken in at once.
const PIECE_BYTES: usize = 16 * 1024;

/// How often a bandwidth's share is handed on.
const BEAT: Duration = Duration::from_millis(50);

/// What the wire is like just now; the default hands everything on at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// Waited before each piece, in each direction.
    pub latency: Duration,
    /// Most bytes per second in each direction; without one, as fast as they come.
    pub bytes_per_s: Option<u32>,
    /// What does not pass, while the connections stay open.
    pub stall: Stall,
}

/// What a stalled wire keeps back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stall {
    /// Nothing.
    #[default]
    Off,
    /// The gateway hears and acts, and its answers do not arrive.
    Answers,
    /// Nothing passes in either direction.
    Everything,
}

impl Stall {
    fn keeps(self, way: Way) -> bool {
        match self {
            Self::Off => false,
            Self::Answers => way == Way::Answers,
            Self::Everything => true,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Calls,
    Answers,
}

/// A running relay. Dropping it ends it with every connection.
#[derive(Debug)]
pub struct Proxy {
    socket: PathBuf,
    wire: watch::Sender<Wire>,
    cuts: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on `socket`, in the place of whatever was there, and connects each caller to whoever
    /// listens on `target` then.
    pub fn start(socket: &Path, target: &Path) -> Result<Self> {
        let aside = socket.with_extension("relay");
        let listener = UnixListener::bind(&aside)
            .with_context(|| format!("listening on {}", aside.display()))?;
        std::fs::rename(&aside, socket)
            .with_context(|| format!("moving a relay to {}", socket.display()))?;
        let (wire, cuts) = (watch::Sender::new(Wire::default()), watch::Sender::new(0));
        let relay =
            Relay { target: target.to_owned(), wire: wire.subscribe(), cuts: cuts.subscribe() };
        let accepting = tokio::spawn(accept(listener, relay));
        Ok(Self { socket: socket.to_owned(), wire, cuts, accepting })
    }

    /// Where callers connect.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Changes the wire, for connections that are open too.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Closes every connection in the middle of whatever passes; new ones are taken.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Relay {
    target: PathBuf,
    wire: watch::Receiver<Wire>,
    cuts: watch::Receiver<u64>,
}

async fn accept(listener: UnixListener, relay: Relay) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((caller, _)) => {
                    connections.spawn(relay.clone().carry(caller));
                }
                // Out of descriptors: some connection ends soon.
                Err(_) => tokio::time::sleep(BEAT).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

impl Relay {
    /// Carries one connection until a side hangs up or it is cut. A gateway that is not there hangs
    /// up at once, as its own socket would.
    async fn carry(mut self, caller: UnixStream) {
        self.cuts.mark_unchanged();
        let Ok(gateway) = UnixStream::connect(&self.target).await else { return };
        let (from_caller, to_caller) = caller.into_split();
        let (from_gateway, to_gateway) = gateway.into_split();
        // Whatever ends first ends both: dropping the halves closes the sockets.
        tokio::select! {
            _ = pass_on(from_caller, to_gateway, Way::Calls, self.wire.clone()) => {}
            _ = pass_on(from_gateway, to_caller, Way::Answers, self.wire.clone()) => {}
            _ = self.cuts.changed() => {}
        }
    }
}

async fn pass_on(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    way: Way,
    mut wire: watch::Receiver<Wire>,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let got = from.read(&mut piece).await?;
        if got == 0 {
            return Ok(());
        }
        let mut rest = piece.get(..got).unwrap_or_default();
        let latency = wire.borrow().latency;
        tokio::time::sleep(latency).await;
        while !rest.is_empty() {
            // The sender lives as long as the relay; without it there is nothing to wait for.
            if wire.wait_for(|wire| !wire.stall.keeps(way)).await.is_err() {
                return Ok(());
            }
            let share = wire.borrow().bytes_per_s.map(per_beat);
            let (now, later) = rest.split_at(share.unwrap_or(rest.len()).min(rest.len()));
            to.write_all(now).await?;
            rest = later;
            if share.is_some() {
                tokio::time::sleep(BEAT).await;
            }
        }
    }
}

/// At least one byte: a wire that passes none is a stall.
fn per_beat(bytes_per_s: u32) -> usize {
    let beats_per_s = u32::try_from(1000 / BEAT.as_millis()).unwrap_or(1).max(1);
    usize::try_from(bytes_per_s / beats_per_s).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    const BOUND: Duration = Duration::from_secs(10);

    /// A gateway that says every line back, behind a relay.
    async fn echo() -> (tempfile::TempDir, Proxy, JoinHandle<()>) {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        let listener = UnixListener::bind(&target).unwrap();
        let echoing = tokio::spawn(async move {
            let mut callers = JoinSet::new();
            while let Ok((mut caller, _)) = listener.accept().await {
                callers.spawn(async move {
                    let (mut from, mut to) = caller.split();
                    let _hung_up = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let proxy = Proxy::start(&dir.path().join("relay"), &target).unwrap();
        (dir, proxy, echoing)
    }

    async fn say(stream: &mut BufReader<UnixStream>, line: &str) -> std::io::Result<String> {
        stream.get_mut().write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        Ok(answer.trim().to_owned())
    }

    async fn connect(proxy: &Proxy) -> BufReader<UnixStream> {
        BufReader::new(UnixStream::connect(proxy.socket()).await.unwrap())
    }

    #[tokio::test]
    async fn a_plain_wire_hands_everything_on_and_a_cut_one_ends_open_connections() {
        let (_dir, proxy, _echoing) = echo().await;
        let mut caller = connect(&proxy).await;
        let long = "x".repeat(100_000);
        assert_eq!(say(&mut caller, &long).await.unwrap(), long);
        proxy.cut();
        let after = tokio::time::timeout(BOUND, say(&mut caller, "again")).await.unwrap();
        assert!(after.map_or(true, |answer| answer.is_empty()), "the connection is closed");
        assert_eq!(say(&mut connect(&proxy).await, "again").await.unwrap(), "again");
    }

    #[tokio::test]
    async fn a_stalled_wire_keeps_the_connection_and_what_was_sent() {
        let (_dir, proxy, _echoing) = echo().await;
        let mut caller = connect(&proxy).await;
        for stall in [Stall::Answers, Stall::Everything] {
            proxy.set(Wire { stall, ..Wire::default() });
            let waited = Duration::from_millis(200);
            let silent = tokio::time::timeout(waited, say(&mut caller, "hello")).await;
            assert!(silent.is_err(), "nothing comes through: {silent:?}");
            proxy.set(Wire::default());
            let mut answer = String::new();
            tokio::time::timeout(BOUND, caller.read_line(&mut answer)).await.unwrap().unwrap();
            assert_eq!(answer, "hello\n", "it comes late, and once");
        }
    }

    #[tokio::test]
    async fn a_slow_wire_takes_its_time() {
        let (_dir, proxy, _echoing) = echo().await;
        let mut caller = connect(&proxy).await;
        let latency = Duration::from_millis(100);
        proxy.set(Wire { latency, bytes_per_s: Some(1000), ..Wire::default() });
        let begun = Instant::now();
        let line = "y".repeat(199);
        assert_eq!(say(&mut caller, &line).await.unwrap(), line);
        // 200 bytes at 50 per beat, four beats of which the last is waited out by nobody, both ways.
        assert!(begun.elapsed() >= 2 * latency + 6 * BEAT, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn without_a_gateway_callers_are_hung_up_on() {
        let dir = tempfile::tempdir().unwrap();
        let proxy = Proxy::start(&dir.path().join("relay"), &dir.path().join("nobody")).unwrap();
        let answer = say(&mut connect(&proxy).await, "hello").await;
        assert!(answer.map_or(true, |answer| answer.is_empty()));
    }
}
