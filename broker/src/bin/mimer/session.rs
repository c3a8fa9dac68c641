//! What a command works with: the way to the server, and the way to the person.

use std::io::{self, Write};

use record::Language;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;

/// How a command ended that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All is well.
    Well,
    /// It was carried out, and what it found or waited for is not as it should be.
    NotWell,
}

impl Ending {
    /// All is well if `well`.
    pub(crate) const fn well_if(well: bool) -> Self {
        if well { Self::Well } else { Self::NotWell }
    }
}

/// A person's command in the making.
pub(crate) struct Session {
    /// The way to the server.
    pub(crate) client: Client,
    /// The way to the person.
    pub(crate) output: Output,
}

impl Session {
    /// Shows an answer as it is to programs, and as `text` has it to people.
    pub(crate) fn show<T: DeserializeOwned>(
        &self,
        answer: &Value,
        text: impl FnOnce(T) -> String,
    ) -> Result<(), Failure> {
        if self.output.json {
            return self.output.json(answer);
        }
        match read(answer) {
            Ok(read) => self.output.print(&text(read)),
            // What was done is done: an answer that cannot be read must not hide its ids.
            Err(failure) => {
                self.output.json(answer)?;
                Err(failure)
            }
        }
    }
}

/// Reads what a command needs of an answer.
pub(crate) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|cause| Failure::NotUnderstood { cause })
}

/// Standard output, for people or for programs.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    /// True if a program reads it.
    pub(crate) json: bool,
    /// What the reader reads; the broker's refusals come in it.
    pub(crate) language: Language,
}

impl Output {
    /// Prints a value as JSON.
    pub(crate) fn json(self, value: &Value) -> Result<(), Failure> {
        self.print(&format!("{value:#}"))
    }

    /// Prints lines. A reader that has seen enough (`mimer charges | head`) is no failure.
    pub(crate) fn print(self, text: &str) -> Result<(), Failure> {
        match writeln!(io::stdout().lock(), "{text}") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}
