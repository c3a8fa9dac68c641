//! A refusal as the API gives it: `{"error": {"code", "message", "reasons"}}`.

use serde::Deserialize;
use serde_json::Value;

/// What the broker said instead of yes.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Stable code, for programs.
    pub(crate) code: String,
    /// The sentence, for people.
    pub(crate) message: String,
    /// Every reason, where there are several.
    pub(crate) reasons: Vec<Reason>,
    /// The answer as it came.
    pub(crate) body: Value,
    pub(crate) status: u16,
}

/// One reason of several.
#[derive(Debug, Deserialize)]
pub(crate) struct Reason {
    /// What is wrong, and what to do.
    pub(crate) sentence: String,
}

#[derive(Deserialize)]
struct Envelope {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: String,
    message: String,
    #[serde(default)]
    reasons: Vec<Reason>,
}

impl Refusal {
    /// Reads a refusal; `None` if it is not one of the broker's.
    pub(crate) fn read(status: u16, body: Value) -> Option<Self> {
        let Envelope { error } = Envelope::deserialize(&body).ok()?;
        let ErrorBody { code, message, reasons } = error;
        Some(Self { code, message, reasons, body, status })
    }

    /// True if nobody said no: the database or Slurm did not answer the broker.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.status == 503
    }

    /// True if the message only repeats the reasons, which the API does for simple readers.
    pub(crate) fn message_is_its_reasons(&self) -> bool {
        let sentences: Vec<&str> =
            self.reasons.iter().map(|reason| reason.sentence.as_str()).collect();
        !sentences.is_empty() && sentences.join(" ") == self.message
    }
}
