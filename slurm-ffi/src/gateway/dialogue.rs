//! One caller's dialogue: hello, then one call at a time until they hang up.

use std::io;

use serde::Serialize;
use slurm_wire::{Answer, Call, Hello, MAX_LINE_BYTES, PROTOCOL_VERSION, Refusal, RefusalCode};

use super::desk::Desk;
use super::wire::{Line, Stream, Wire};
use crate::bounds::refusal;

/// Talks with a caller who may call, until they hang up or break the rules.
pub(super) fn talk<S: Stream>(desk: &Desk, mut wire: Wire<S>) -> io::Result<()> {
    match wire.read_first_line()? {
        Line::Text(line) => match greet(&line) {
            Ok(()) => send(&mut wire, &desk.welcome())?,
            Err(refusal) => return send(&mut wire, &refusal),
        },
        Line::TooLong => return send(&mut wire, &too_long()),
        Line::End => return Ok(()),
    }
    loop {
        let answer = match wire.read_line()? {
            Line::Text(line) => match serde_json::from_slice::<Call>(&line) {
                Ok(call) => desk.answer(call),
                Err(error) => Answer::Refused(malformed(&error)),
            },
            // What follows cannot be told from the rest of that line: the dialogue is over.
            Line::TooLong => return send(&mut wire, &Answer::Refused(too_long())),
            Line::End => return Ok(()),
        };
        send_answer(&mut wire, &answer)?;
    }
}

/// Turns a caller away before the dialogue.
///
/// Their hello is read first: closing a connection with unread bytes on it throws away what was
/// sent.
pub(super) fn turn_away<S: Stream>(mut wire: Wire<S>, refusal: &Refusal) -> io::Result<()> {
    wire.read_first_line()?;
    send(&mut wire, refusal)
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

fn send_answer<S: Stream>(wire: &mut Wire<S>, answer: &Answer) -> io::Result<()> {
    let line = serde_json::to_vec(answer).map_err(io::Error::from)?;
    if line.len() < MAX_LINE_BYTES {
        return wire.write_line(line);
    }
    let sentence = "the answer is longer than a line may be: ask for fewer jobs or a shorter time";
    send(wire, &Answer::Refused(refusal(RefusalCode::MalformedCall, sentence)))
}

fn send<S: Stream>(wire: &mut Wire<S>, message: &impl Serialize) -> io::Result<()> {
    wire.write_line(serde_json::to_vec(message).map_err(io::Error::from)?)
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
