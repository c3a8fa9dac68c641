//! One caller's dialogue: hello, then one call at a time until they hang up.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::Serialize;
use slurm_wire::{Answer, Call, Hello, MAX_LINE_BYTES, PROTOCOL_VERSION, Refusal, RefusalCode};

use super::desk::Desk;
use crate::bounds::refusal;

/// A caller that does not take its answer for this long has gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Talks until the caller hangs up or breaks the rules.
pub(super) fn talk(desk: &Desk, stream: &UnixStream) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    let uid = peer.uid.as_raw();
    if !desk.may_call(uid) {
        desk.metrics.callers_refused.inc();
        tracing::warn!(caller.uid = uid, "a caller was turned away");
        let sentence = format!("uid {uid} is not among the callers of the bounds file");
        return send(stream, &refusal(RefusalCode::CallerNotAllowed, sentence));
    }
    let mut reader = BufReader::new(stream);
    match read_line(&mut reader)? {
        Line::Text(line) => match greet(&line) {
            Ok(()) => send(stream, &desk.welcome())?,
            Err(refusal) => return send(stream, &refusal),
        },
        Line::TooLong => return send(stream, &too_long()),
        Line::End => return Ok(()),
    }
    loop {
        let answer = match read_line(&mut reader)? {
            Line::Text(line) => match serde_json::from_slice::<Call>(&line) {
                Ok(call) => desk.answer(call),
                Err(error) => Answer::Refused(malformed(&error)),
            },
            // What follows cannot be told from the rest of that line: the dialogue is over.
            Line::TooLong => return send(stream, &Answer::Refused(too_long())),
            Line::End => return Ok(()),
        };
        send_answer(stream, &answer)?;
    }
}

/// Turns a caller away before the dialogue.
pub(super) fn turn_away(stream: &UnixStream, refusal: &Refusal) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    send(stream, refusal)
}

fn greet(line: &[u8]) -> Result<(), Refusal> {
    let hello: Hello = serde_json::from_slice(line).map_err(|error| malformed(&error))?;
    if hello.version == PROTOCOL_VERSION {
        return Ok(());
    }
    Err(refusal(
        RefusalCode::VersionMismatch,
        format!(
            "the caller speaks version {} and this gateway {PROTOCOL_VERSION}: install both from one \
             release",
            hello.version
        ),
    ))
}

enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    let limit = MAX_LINE_BYTES as u64 + 1;
    reader.take(limit).read_until(b'\n', &mut line)?;
    Ok(match line.last() {
        None => Line::End,
        Some(b'\n') => Line::Text(line),
        Some(_) if line.len() > MAX_LINE_BYTES => Line::TooLong,
        Some(_) => Line::End, // Cut off in the middle of a line: not a call.
    })
}

fn send_answer(stream: &UnixStream, answer: &Answer) -> io::Result<()> {
    let line = serde_json::to_vec(answer).map_err(io::Error::from)?;
    if line.len() < MAX_LINE_BYTES {
        return send_line(stream, line);
    }
    let sentence = "the answer is longer than a line may be: ask for fewer jobs or a shorter time";
    send(stream, &Answer::Refused(refusal(RefusalCode::MalformedCall, sentence)))
}

fn send(stream: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    send_line(stream, serde_json::to_vec(message).map_err(io::Error::from)?)
}

fn send_line(mut stream: &UnixStream, mut line: Vec<u8>) -> io::Result<()> {
    line.push(b'\n');
    stream.write_all(&line)
}

fn malformed(error: &serde_json::Error) -> Refusal {
    refusal(RefusalCode::MalformedCall, format!("the line is not a call: {error}"))
}

fn too_long() -> Refusal {
    let sentence = format!("the line is longer than {MAX_LINE_BYTES} bytes");
    refusal(RefusalCode::MalformedCall, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &[u8]) -> Option<Vec<u8>> {
        match read_line(&mut BufReader::new(input)).unwrap() {
            Line::Text(line) => Some(line),
            Line::TooLong | Line::End => None,
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_a_call() {
        assert_eq!(text(b"{}\n{}\n").unwrap(), b"{}\n");
        assert_eq!(text(b"{\"call\":\"pi"), None);
        assert_eq!(text(b""), None);
    }

    #[test]
    fn a_line_that_never_ends_is_cut() {
        let endless = vec![b'x'; MAX_LINE_BYTES + 10];
        assert!(matches!(read_line(&mut endless.as_slice()).unwrap(), Line::TooLong));
    }

    #[test]
    fn another_version_is_refused_by_name() {
        let code = |line: &[u8]| greet(line).map_err(|refusal| refusal.code);
        let hello = |version| format!(r#"{{"version":{version}}}"#);
        assert_eq!(code(hello(PROTOCOL_VERSION).as_bytes()), Ok(()));
        for other in [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1] {
            assert_eq!(code(hello(other).as_bytes()), Err(RefusalCode::VersionMismatch));
        }
        assert_eq!(code(b"GET / HTTP/1.1"), Err(RefusalCode::MalformedCall));
    }
}
