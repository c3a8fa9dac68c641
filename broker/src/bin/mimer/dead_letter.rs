//! `mimer dead-letter`: effects that the broker gave up after the last try.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::failure::Failure;
use crate::instant;
use crate::session::{Ending, Session};
use crate::table::{figures, list, words};

/// Dead letters: effects on Slurm and on links that were given up.
#[derive(clap::Subcommand)]
pub(crate) enum DeadLetterCommand {
    /// List what was given up, and why (operator).
    List,
    /// Put one back in line, once its cause is gone (operator).
    Retry {
        /// Id of the dead letter.
        letter: Uuid,
    },
}

#[derive(Deserialize)]
struct DeadLetter {
    outbox_id: Uuid,
    effect: Value,
    tries: i64,
    last_error: Option<String>,
    gave_up_at: Option<DateTime<Utc>>,
}

impl DeadLetterCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::List => {
                let answer = session.client.get("/v1/outbox/dead-letters").await?;
                session.show(&answer, table)?;
            }
            Self::Retry { letter } => {
                let path = format!("/v1/outbox/dead-letters/{letter}/retry");
                let answer = session.client.post_empty(&path).await?;
                session.show(&answer, |()| format!("{letter} is back in line"))?;
            }
        }
        Ok(Ending::Well)
    }
}

fn table(letters: Vec<DeadLetter>) -> String {
    let columns = [
        words("dead letter"),
        words("given up"),
        figures("tries"),
        words("effect"),
        words("last error"),
    ];
    let rows = letters.into_iter().map(|letter| {
        [
            letter.outbox_id.to_string(),
            instant::show_if(letter.gave_up_at),
            letter.tries.to_string(),
            letter.effect.to_string(),
            letter.last_error.unwrap_or_default(),
        ]
    });
    list(columns, rows, "nothing was given up")
}
