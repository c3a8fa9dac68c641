//! One caller's connection: lines in, lines out, and no wait without an end.
//!
//! A caller may think for minutes between two lines. Once a line has begun, or an answer is on its
//! way, a peer that stalls or drips is cut off: a connection and its thread are worth something.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};
use slurm_wire::MAX_LINE_BYTES;

/// A caller that says nothing for this long has gone; the broker connects again when it needs to.
const SILENCE: Duration = Duration::from_secs(300);

/// A line that has begun is whole within this.
const LINE: Duration = Duration::from_secs(30);

/// An answer is taken within this.
const ANSWER: Duration = Duration::from_secs(60);

/// Bytes handed to the connection at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A byte stream whose waits can be bounded.
pub(super) trait Stream: Read + Write {
    /// Bounds each single wait for bytes, in either direction.
    fn wait_at_most(&self, patience: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn wait_at_most(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(patience))
    }
}

impl Stream for UnixStream {
    fn wait_at_most(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(patience))
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn wait_at_most(&self, patience: Duration) -> io::Result<()> {
        self.sock.wait_at_most(patience)
    }
}

/// What came instead of, or as, a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line, with its end.
    Text(Vec<u8>),
    /// More bytes than a line may have.
    TooLong,
    /// The caller hung up; half a line is no line.
    End,
}

/// A connection that speaks lines.
pub(super) struct Wire<S> {
    lines: BufReader<S>,
}

impl<S: Stream> Wire<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { lines: BufReader::new(stream) }
    }

    /// The caller's next line.
    pub(super) fn read_line(&mut self) -> io::Result<Line> {
        self.read_line_within(SILENCE, LINE)
    }

    /// A line that must come at once, from somebody who is not let in yet.
    pub(super) fn read_first_line(&mut self) -> io::Result<Line> {
        self.read_line_within(LINE, LINE)
    }

    fn read_line_within(&mut self, silence: Duration, whole: Duration) -> io::Result<Line> {
        let mut line = Vec::new();
        let mut bound = Bound::of(silence);
        loop {
            self.lines.get_ref().wait_at_most(bound.left()?)?;
            let heard = match self.lines.fill_buf() {
                Ok(heard) => heard,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if heard.is_empty() {
                return Ok(Line::End);
            }
            if line.is_empty() {
                bound = Bound::of(whole);
            }
            let end = heard.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(heard.len(), |at| at + 1);
            line.extend_from_slice(&heard[..taken]);
            self.lines.consume(taken);
            if line.len() > MAX_LINE_BYTES {
                return Ok(Line::TooLong);
            }
            if end.is_some() {
                return Ok(Line::Text(line));
            }
        }
    }

    /// Sends one line; its end is added.
    pub(super) fn write_line(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        let bound = Bound::of(ANSWER);
        let stream = self.lines.get_mut();
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            stream.wait_at_most(bound.left()?)?;
            match stream.write(&rest[..rest.len().min(PIECE_BYTES)]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => rest = &rest[taken..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        stream.flush()
    }
}

/// A moment after which waiting is over.
#[derive(Clone, Copy)]
pub(super) struct Bound(Instant);

impl Bound {
    pub(super) fn of(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    /// What is left of it, or that nothing is.
    pub(super) fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a wire reads when `said` is all that its caller says before hanging up.
    fn heard(said: &[u8]) -> Line {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // A wire that gave up reading breaks the pipe.
                let _ = theirs.write_all(said);
            });
            Wire::over(ours).read_line().unwrap()
        })
    }

    #[test]
    fn a_line_without_an_end_is_not_a_call() {
        assert_eq!(heard(b"{}\n{}\n"), Line::Text(b"{}\n".to_vec()));
        assert_eq!(heard(b"{\"call\":\"pi"), Line::End);
        assert_eq!(heard(b""), Line::End);
    }

    #[test]
    fn a_line_that_never_ends_is_cut() {
        assert_eq!(heard(&vec![b'x'; MAX_LINE_BYTES + 10]), Line::TooLong);
    }

    /// Each byte comes in time; the line does not.
    #[test]
    fn a_caller_that_drips_is_cut_off() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let dripping = std::thread::spawn(move || {
            while theirs.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut wire = Wire::over(ours);
        let cut = wire.read_line_within(Duration::from_secs(60), Duration::from_millis(200));
        let kind = cut.unwrap_err().kind();
        assert!(matches!(kind, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{kind}");
        drop(wire);
        dripping.join().unwrap();
    }

    #[test]
    fn a_caller_that_says_nothing_is_let_go() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut wire = Wire::over(ours);
        let silence = Duration::from_millis(100);
        let kind = wire.read_line_within(silence, LINE).unwrap_err().kind();
        assert!(matches!(kind, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{kind}");
    }
}
