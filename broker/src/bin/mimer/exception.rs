//! `mimer exception`: what happened on the cluster that should not have.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::session::{Ending, Session};
use crate::table::{figures, list, words};

/// Exceptions: jobs that nobody planned, and what went wrong with jobs that somebody did.
#[derive(clap::Subcommand)]
pub(crate) enum ExceptionCommand {
    /// List them, the open ones first (operator, finance).
    List,
    /// Close one that was looked at (operator). Closing a lost job ends its attempt without a charge and
    /// gives its hold back.
    Close {
        /// Id of the exception.
        exception: Uuid,
        /// What was found, for the record.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

#[derive(Deserialize)]
struct Exception {
    exception_id: Uuid,
    kind: String,
    slurm_job_id: i64,
    facts: Value,
    found_at: DateTime<Utc>,
    gpu_seconds: Option<i64>,
    closed_at: Option<DateTime<Utc>>,
}

impl ExceptionCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::List => session.show(&session.client.get("/v1/exceptions").await?, table)?,
            Self::Close { exception, why } => {
                let path = format!("/v1/exceptions/{exception}/closing");
                let answer = session.client.post(&path, &json!({ "why": why }), &[]).await?;
                session.show(&answer, |closed: Exception| table(vec![closed]))?;
            }
        }
        Ok(Ending::Well)
    }
}

fn table(exceptions: Vec<Exception>) -> String {
    let columns = [
        words("exception"),
        words("what"),
        words("found"),
        figures("job"),
        words("account"),
        words("partition"),
        figures("uid"),
        figures("GPU time"),
        words("closed"),
        words("what to know"),
    ];
    let fact = |facts: &Value, name: &str| match &facts[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let rows = exceptions.into_iter().map(|it| {
        let taken = it.gpu_seconds.and_then(GpuSeconds::new);
        [
            it.exception_id.to_string(),
            it.kind.replace('_', " "),
            instant::show(it.found_at),
            it.slurm_job_id.to_string(),
            fact(&it.facts, "account"),
            fact(&it.facts, "partition"),
            fact(&it.facts, "uid"),
            taken.map_or_else(|| "-".to_owned(), amount::show_gpu_time),
            instant::show_if(it.closed_at),
            fact(&it.facts, "sentence"),
        ]
    });
    list(columns, rows, "there is no exception")
}
