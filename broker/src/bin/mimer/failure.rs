//! Everything that can go wrong for the person at the terminal, and how it is told.
//!
//! Each failure has a stable code, an exit code and a sentence that says what to do. People read
//! [`Failure::for_people`], programs [`Failure::for_programs`]; both go to standard error.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::profile::ProfileError;
use crate::rate_card::CardError;
use crate::refusal::Refusal;
use crate::table::plain;

/// Exit code of a refusal, or of something that is not as it should be.
pub(crate) const REFUSED: u8 = 1;
/// Exit code of a command that cannot be carried out as it was typed; clap uses the same.
pub(crate) const USAGE: u8 = 2;
/// Exit code when the server, or Slurm behind it, cannot be reached.
pub(crate) const UNREACHABLE: u8 = 3;
/// Exit code after Ctrl-C, as shells have it: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The broker said no.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// No connection.
    #[error(
        "cannot reach {server}: {fault}; see that mimerd runs there, or give another address with \
         `mimer login --server URL`"
    )]
    Unreachable {
        /// Where.
        server: String,
        /// The last cause, as the system words it.
        fault: String,
    },
    /// The connection was there, and then no answer came.
    #[error("{server} did not answer: {fault}; {}", may_have_arrived(.repeat))]
    NoAnswer {
        /// Who.
        server: String,
        /// The last cause, as the system words it.
        fault: String,
        /// The flags that make the same request again, if it changes something.
        repeat: Option<String>,
    },
    /// The server's certificate is not accepted.
    #[error("the certificate of {server} is not accepted: {fault}; {}", whom_we_trust(.ca_file))]
    Certificate {
        /// Who.
        server: String,
        /// The authorities that were trusted; `None` for those of this machine.
        ca_file: Option<PathBuf>,
        /// What is wrong with it.
        fault: String,
    },
    /// Somebody else answered.
    #[error(
        "{server} answered with status {status} and not as mimerd does; see that the address is \
         mimerd's, and that nothing stands between"
    )]
    NotMimerd {
        /// Who.
        server: String,
        /// The status of the answer.
        status: u16,
    },
    /// The answer is of another version than this program.
    #[error(
        "the server did what was asked, and this mimer does not understand its answer ({cause}); \
         use a mimer of the server's version, or `--json`"
    )]
    NotUnderstood {
        /// Where it differs.
        cause: serde_json::Error,
    },
    /// A name that is not in the list.
    #[error(
        "none of the {nouns} that you may see is called `{name}`; `mimer {noun} list` shows them, \
         and an id works as well"
    )]
    NoSuchName {
        /// The noun of the list.
        noun: &'static str,
        /// The noun, several of it.
        nouns: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A name that is in the list twice.
    #[error("several {nouns} are called `{name}`; use the id of the one you mean")]
    NameTwice {
        /// The noun, several of it.
        nouns: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A file that could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The authorities' file holds none.
    #[error("{} holds no certificate; give a PEM file with `--ca`", .0.display())]
    NoCertificate(PathBuf),
    /// A rate card that cannot be read.
    #[error(transparent)]
    Card(#[from] CardError),
    /// Who to be could not be found out.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Standard input gave no key.
    #[error("no access key was given; type it, or name its file with `--key-file`")]
    NoKey,
    /// Standard input or output failed.
    #[error("the terminal or pipe failed: {0}")]
    Terminal(#[from] std::io::Error),
    /// The patience given on the command line is over.
    #[error("{what} is not done yet; it goes on, and `{again}` waits again")]
    StillGoing {
        /// What was waited for.
        what: String,
        /// The command that waits again.
        again: String,
    },
    /// Ctrl-C.
    #[error("stopped; {0}")]
    Interrupted(String),
}

fn may_have_arrived(repeat: &Option<String>) -> String {
    match repeat {
        None => "try again".to_owned(),
        Some(flags) => format!(
            "it may have arrived: type the command again with `{flags}`, which changes nothing if \
             it did"
        ),
    }
}

fn whom_we_trust(ca_file: &Option<PathBuf>) -> String {
    match ca_file {
        Some(path) => format!(
            "only the authorities in {} are trusted; give the server's own with `mimer login --ca \
             FILE`",
            path.display()
        ),
        None => "this machine's authorities are trusted; if the server has its own, give it with \
             `mimer login --ca FILE`"
            .to_owned(),
    }
}

impl Failure {
    /// The stable code: the API's own, or one of this program's.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::Unreachable { .. } => "server_unreachable",
            Self::NoAnswer { .. } => "server_silent",
            Self::Certificate { .. } => "certificate_not_accepted",
            Self::NotMimerd { .. } => "not_mimerd",
            Self::NotUnderstood { .. } => "answer_not_understood",
            Self::NoSuchName { .. } => "no_such_name",
            Self::NameTwice { .. } => "name_not_unique",
            Self::File { .. } => "file_not_readable",
            Self::NoCertificate(_) => "ca_file_empty",
            Self::Card(_) => "rate_card_not_readable",
            Self::Profile(error) => error.code(),
            Self::NoKey => "no_key",
            Self::Terminal(_) => "terminal_failed",
            Self::StillGoing { .. } => "still_going",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Refused(refusal) if refusal.is_out_of_reach() => UNREACHABLE,
            Self::NotMimerd { status: 502..=504, .. } => UNREACHABLE,
            Self::Unreachable { .. } | Self::NoAnswer { .. } | Self::Certificate { .. } => {
                UNREACHABLE
            }
            Self::Refused(_)
            | Self::NotMimerd { .. }
            | Self::NotUnderstood { .. }
            | Self::Terminal(_)
            | Self::StillGoing { .. } => REFUSED,
            Self::NoSuchName { .. }
            | Self::NameTwice { .. }
            | Self::File { .. }
            | Self::NoCertificate(_)
            | Self::Card(_)
            | Self::Profile(_)
            | Self::NoKey => USAGE,
            Self::Interrupted(_) => INTERRUPTED,
        }
    }

    /// The message, each reason on its own line, and the code in brackets.
    pub(crate) fn for_people(&self) -> String {
        let mut text = format!("mimer: {}", plain(&self.to_string()));
        if let Self::Refused(refusal) = self {
            if refusal.message_is_its_reasons() {
                text = format!("mimer: refused, {}:", reason_count(refusal.reasons.len()));
            }
            for reason in &refusal.reasons {
                text.push_str("\n  ");
                text.push_str(&plain(&reason.sentence));
            }
            if !refusal.reasons.is_empty() {
                text.push('\n');
                return format!("{text}[{}]", plain(self.code()));
            }
        }
        format!("{text} [{}]", plain(self.code()))
    }

    /// The API's own error, or one of the same shape.
    pub(crate) fn for_programs(&self) -> Value {
        match self {
            Self::Refused(refusal) => refusal.body.clone(),
            _ => json!({ "error": { "code": self.code(), "message": self.to_string() } }),
        }
    }
}

fn reason_count(count: usize) -> String {
    if count == 1 { "for one reason".to_owned() } else { format!("for {count} reasons") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: Value) -> Failure {
        Failure::Refused(Refusal::read(status, body).unwrap())
    }

    #[test]
    fn an_error_is_its_message_and_its_code() {
        let body = json!({ "error": { "code": "not_a_member", "message": "ask to be added" } });
        let failure = refused(403, body.clone());
        assert_eq!(failure.for_people(), "mimer: ask to be added [not_a_member]");
        assert_eq!(failure.for_programs(), body);
        assert_eq!(failure.exit(), REFUSED);
    }

    #[test]
    fn each_reason_has_its_own_line() {
        let body = json!({ "error": {
            "code": "no_grant",
            "message": "There is no grant. The permit ended.",
            "reasons": [
                { "code": "no_grant", "sentence": "There is no grant." },
                { "code": "permit_expired", "sentence": "The permit ended." },
            ],
        } });
        assert_eq!(
            refused(409, body).for_people(),
            "mimer: refused, for 2 reasons:\n  There is no grant.\n  The permit ended.\n[no_grant]"
        );
    }

    #[test]
    fn a_message_that_is_not_its_reasons_is_kept() {
        let body = json!({ "error": {
            "code": "no_grant",
            "message": "The plan is refused.",
            "reasons": [{ "code": "no_grant", "sentence": "There is no grant." }],
        } });
        assert_eq!(
            refused(409, body).for_people(),
            "mimer: The plan is refused.\n  There is no grant.\n[no_grant]"
        );
    }

    #[test]
    fn slurm_out_of_reach_has_its_own_exit_code() {
        let body = json!({ "error": { "code": "slurm_unavailable", "message": "try again" } });
        assert_eq!(refused(503, body).exit(), UNREACHABLE);
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let body = json!({ "error": { "code": "x", "message": "a\u{1b}]0;owned\u{7}b\u{202e}c" } });
        assert_eq!(refused(409, body).for_people(), "mimer: a�]0;owned�b�c [x]");
    }

    #[test]
    fn a_certificate_failure_says_which_file_was_trusted() {
        let failure = Failure::Certificate {
            server: "https://127.0.0.1:8443".to_owned(),
            ca_file: Some("/etc/mimer/ca.pem".into()),
            fault: "unknown issuer".to_owned(),
        };
        let text = failure.for_people();
        assert!(text.contains("https://127.0.0.1:8443") && text.contains("/etc/mimer/ca.pem"));
        assert_eq!(failure.exit(), UNREACHABLE);
    }

    #[test]
    fn a_request_that_may_have_arrived_says_how_to_repeat_it() {
        let failure = Failure::NoAnswer {
            server: "https://broker".to_owned(),
            fault: "timed out".to_owned(),
            repeat: Some("--id 7".to_owned()),
        };
        assert!(failure.for_people().contains("`--id 7`, which changes nothing if it did"));
    }
}
