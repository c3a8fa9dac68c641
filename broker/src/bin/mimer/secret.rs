//! Asking for an access key without showing it.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::failure::Failure;

/// The key from a file, from the terminal without echo, or from a pipe.
pub(crate) async fn access_key(file: Option<&Path>) -> Result<String, Failure> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|cause| Failure::File { path: path.to_owned(), cause })?,
        None if io::stdin().is_terminal() => ask().await?,
        None => read_line()?,
    };
    let key = text.trim();
    if key.is_empty() { Err(Failure::NoKey) } else { Ok(key.to_owned()) }
}

async fn ask() -> Result<String, Failure> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "Access key (it is not shown): ")?;
    terminal.flush()?;
    drop(terminal);
    // Dropped on every way out, Ctrl-C included: a terminal must never be left without echo.
    let _unseen = Unseen::begin()?;
    tokio::select! {
        line = tokio::task::spawn_blocking(read_line) => Ok(line.map_err(io::Error::other)??),
        _ = tokio::signal::ctrl_c() => {
            writeln!(io::stderr().lock())?;
            Err(Failure::Interrupted("no key was kept".to_owned()))
        }
    }
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Unseen {
    before: Termios,
}

impl Unseen {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self { before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing left to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
