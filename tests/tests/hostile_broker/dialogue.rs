//! The gateway's protocol, spoken without any of the broker's care.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use slurm_wire::{Answer, Call, Hello, PROTOCOL_VERSION, Refusal, Welcome};

/// A gateway that has not answered by then never will.
const BOUND: Duration = Duration::from_secs(60);

pub(crate) struct Dialogue {
    lines: BufReader<UnixStream>,
    out: UnixStream,
}

impl Dialogue {
    /// Connects and says nothing yet.
    pub(crate) fn open(socket: &Path) -> Result<Self> {
        let out = UnixStream::connect(socket).context("connecting to the gateway")?;
        out.set_read_timeout(Some(BOUND))?;
        Ok(Self { lines: BufReader::new(out.try_clone()?), out })
    }

    /// Connects and is made welcome.
    pub(crate) fn begin(socket: &Path) -> Result<Self> {
        let mut dialogue = Self::open(socket)?;
        dialogue.say(&Hello { version: PROTOCOL_VERSION })?;
        let _welcome: Welcome = serde_json::from_str(&dialogue.hear()?)?;
        Ok(dialogue)
    }

    pub(crate) fn say(&mut self, value: &impl serde::Serialize) -> Result<()> {
        self.say_raw(format!("{}\n", serde_json::to_string(value)?).as_bytes())
    }

    pub(crate) fn say_raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).context("writing to the gateway")
    }

    pub(crate) fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).context("waiting for the gateway")?;
        ensure!(!line.is_empty(), "the gateway hung up");
        Ok(line)
    }

    /// True once the gateway has hung up.
    pub(crate) fn is_over(&mut self) -> bool {
        !matches!(self.lines.read(&mut [0; 1]), Ok(1..))
    }

    pub(crate) fn call(&mut self, call: &Call) -> Result<Answer> {
        self.say(call)?;
        Ok(serde_json::from_str(&self.hear()?)?)
    }

    /// Makes a call that must be refused.
    pub(crate) fn refused(&mut self, call: &Call) -> Result<Refusal> {
        refusal(self.call(call)?).with_context(|| format!("{call:?} was carried out"))
    }
}

/// The refusal, with a sentence for people.
pub(crate) fn refusal(answer: Answer) -> Result<Refusal> {
    match answer {
        Answer::Refused(refusal) => {
            ensure!(!refusal.sentence.is_empty(), "{refusal:?} has no sentence");
            Ok(refusal)
        }
        other => bail!("answered {other:?}"),
    }
}
