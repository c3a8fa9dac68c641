//! `mimer job hold` and its kin: what is done with a job that is under way.

use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::job;
use crate::job_plan::Extension;
use crate::session::{Ending, Session};
use crate::table::Sheet;

/// Commands on one job, by the id of its plan.
#[derive(Subcommand)]
pub(crate) enum LifeCommand {
    /// Keep a waiting job from starting until it is released (member, operator).
    Hold {
        /// Id of the job plan.
        job: Uuid,
        /// Why; an operator must say.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Let a held job go; what an operator holds, only an operator releases (member, operator).
    Release {
        /// Id of the job plan.
        job: Uuid,
        /// Why, for the audit trail.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Give a waiting or running job more time: what it costs is held first (member).
    Extend(Extend),
    /// Try a job that is over again, with a hold and a Slurm job of its own (member).
    Retry {
        /// Id of the job plan.
        job: Uuid,
        /// Id to give the new attempt; repeating the command with the same id changes nothing.
        #[arg(long)]
        id: Option<Uuid>,
        /// Wait until it is settled; exit code 1 if it did not complete.
        #[arg(long)]
        wait: bool,
    },
    /// Suspend a running job; it keeps its GPUs, and is not charged meanwhile (operator).
    Suspend {
        /// Id of the job plan.
        job: Uuid,
        /// Why; the members are shown it.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Let a suspended job go on (operator).
    Resume {
        /// Id of the job plan.
        job: Uuid,
        /// Why, for the audit trail.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

#[derive(Args)]
pub(crate) struct Extend {
    /// Id of the job plan.
    job: Uuid,
    /// How much longer it may run, as 30m or 2h; Slurm counts whole minutes, rounded up.
    #[arg(long = "by", value_name = "DURATION", value_parser = instant::duration_s)]
    extra_s: i64,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

impl LifeCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Hold { job, why } => {
                let text = format!("it stays in the queue; `mimer job release {job}` lets it go");
                tell(session, (job, "hold"), why.as_deref(), text).await
            }
            Self::Release { job, why } => {
                let text = "it starts when nothing else keeps it".to_owned();
                tell(session, (job, "release"), why.as_deref(), text).await
            }
            Self::Suspend { job, why } => {
                let text =
                    format!("Slurm is told to suspend it; `mimer job resume {job}` ends that");
                tell(session, (job, "suspension"), Some(&why), text).await
            }
            Self::Resume { job, why } => {
                let text = "Slurm is told to let it go on".to_owned();
                tell(session, (job, "resumption"), Some(&why), text).await
            }
            Self::Extend(extend) => extend.run(session).await,
            Self::Retry { job, id, wait } => retry(session, job, id, wait).await,
        }
    }
}

/// Makes a wish that has no answer but that it was taken.
async fn tell(
    session: &Session,
    (job, wish): (Uuid, &str),
    why: Option<&str>,
    text: String,
) -> Result<Ending, Failure> {
    let path = format!("/v1/job-plans/{job}/{wish}");
    let answer = session.client.post(&path, &json!({ "why": why }), &[]).await?;
    session.show(&answer, |()| text)?;
    Ok(Ending::Well)
}

impl Extend {
    async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let extension_id = self.id.unwrap_or_else(record::id::fresh);
        let body = json!({ "extension_id": extension_id, "extra_s": self.extra_s });
        let path = format!("/v1/job-plans/{}/extensions", self.job);
        let answer = session.client.post(&path, &body, &[("--id", extension_id)]).await?;
        session.show(&answer, |extension: Extension| {
            Sheet::default()
                .line("longer by", instant::show_duration(extension.extra_s))
                .line("held more", amount::show_gpu_time(extension.gpu_seconds))
                .line("costs at most", amount::show_kronor(extension.usek))
                .line("state", extension.standing())
                .text()
        })?;
        Ok(Ending::Well)
    }
}

async fn retry(
    session: &Session,
    job: Uuid,
    id: Option<Uuid>,
    wait: bool,
) -> Result<Ending, Failure> {
    let attempt_id = id.unwrap_or_else(record::id::fresh);
    let path = format!("/v1/job-plans/{job}/retry");
    let body = json!({ "attempt_id": attempt_id });
    let answer = session.client.post(&path, &body, &[("--id", attempt_id)]).await?;
    // Programs get one answer: the last one.
    if !(wait && session.output.json) {
        session.show(&answer, job::admitted)?;
    }
    if wait { job::wait(session, job, None).await } else { Ok(Ending::Well) }
}
