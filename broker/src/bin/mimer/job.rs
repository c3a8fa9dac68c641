//! `mimer job`: submit a job plan, see where it stands, wait for it, cancel it; see [`crate::job_life`]
//! for what is done with one that is under way.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use uuid::Uuid;

use crate::amount;
use crate::failure::Failure;
use crate::instant;
use crate::job_life::LifeCommand;
use crate::job_plan::JobPlan;
use crate::plan::PlanArguments;
use crate::project;
use crate::session::{Ending, Session};
use crate::table::Sheet;
use crate::wait::Wait;

/// Jobs: what a person asks to run.
#[derive(clap::Subcommand)]
pub(crate) enum JobCommand {
    /// Submit a job: it is checked, its cost is held, and it goes to Slurm (member).
    Submit(Box<Submit>),
    /// Show where a job stands. Its output stays in the project's area.
    Show {
        /// Id of the job plan.
        job: Uuid,
    },
    /// Cancel a job: what it used is charged, the rest of the hold goes back (member).
    Cancel {
        /// Id of the job plan.
        job: Uuid,
    },
    /// Wait until a job is settled; exit code 1 if it did not complete.
    Wait {
        /// Id of the job plan.
        job: Uuid,
        /// Give up waiting after this long; the job goes on.
        #[arg(long, value_name = "DURATION", value_parser = instant::duration_s)]
        at_most: Option<i64>,
    },
    #[command(flatten)]
    Life(LifeCommand),
}

#[derive(clap::Args)]
pub(crate) struct Submit {
    /// Batch script that begins with `#!`; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    script: PathBuf,
    #[command(flatten)]
    plan: PlanArguments,
    /// Name of the job; the script's name if none is given.
    #[arg(long)]
    name: Option<String>,
    /// Wait until it is settled; exit code 1 if it did not complete.
    #[arg(long)]
    wait: bool,
    /// Id to give it; repeating the command with the same id changes nothing.
    #[arg(long)]
    id: Option<Uuid>,
}

#[derive(Deserialize)]
pub(crate) struct Admitted {
    job_plan_id: Uuid,
    slurm_job_id: i64,
    held_gpu_seconds: GpuSeconds,
    held_usek: MicroSek,
}

impl JobCommand {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        match self {
            Self::Submit(submit) => submit.run(session).await,
            Self::Life(command) => command.run(session).await,
            Self::Wait { job, at_most } => wait(session, job, at_most).await,
            Self::Show { job } => {
                let answer = session.client.get(&format!("/v1/job-plans/{job}")).await?;
                session.show(&answer, |plan: JobPlan| plan.text())?;
                Ok(Ending::Well)
            }
            Self::Cancel { job } => {
                let path = format!("/v1/job-plans/{job}/cancellation");
                let answer = session.client.post_empty(&path).await?;
                session.show(&answer, |()| {
                    format!("Slurm is told to cancel it; `mimer job wait {job}` sees it end")
                })?;
                Ok(Ending::Well)
            }
        }
    }
}

impl Submit {
    async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let script = read_script(&self.script)?;
        let name = self.name.unwrap_or_else(|| name_of(&self.script));
        let project_id = project::find(session, &self.plan.project).await?;
        let job_plan_id = self.id.unwrap_or_else(record::id::fresh);
        let body = self.plan.body(job_plan_id, &name, &script);
        let path = format!("/v1/projects/{project_id}/job-plans");
        let answer = session.client.post(&path, &body, &[("--id", job_plan_id)]).await?;
        // Programs get one answer: the last one.
        if !(self.wait && session.output.json) {
            session.show(&answer, admitted)?;
        }
        if self.wait { wait(session, job_plan_id, None).await } else { Ok(Ending::Well) }
    }
}

pub(crate) async fn wait(
    session: &Session,
    job: Uuid,
    at_most_s: Option<i64>,
) -> Result<Ending, Failure> {
    let wait = Wait {
        what: format!("job {job}"),
        path: format!("/v1/job-plans/{job}"),
        again: format!("mimer job wait {job}"),
        at_most_s,
        session,
    };
    let (answer, plan) = wait.until_over::<JobPlan>().await?;
    session.show(&answer, |plan: JobPlan| plan.text())?;
    Ok(Ending::well_if(plan.is_completed()))
}

pub(crate) fn admitted(admitted: Admitted) -> String {
    Sheet::default()
        .line("job", admitted.job_plan_id)
        .line("Slurm job", admitted.slurm_job_id)
        .line("held", format!("{} GPU time", amount::show_gpu_time(admitted.held_gpu_seconds)))
        .line("costs at most", amount::show_kronor(admitted.held_usek))
        .text()
}

fn read_script(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|cause| Failure::File { path: path.to_owned(), cause })
}

/// The script's name in the letters that Slurm and the broker take for a job's name.
fn name_of(script: &Path) -> String {
    let stem = script.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match stem {
        Some(stem) if stem != "-" => {
            stem.chars().take(64).map(|c| if fits(c) { c } else { '_' }).collect()
        }
        _ => "job".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_called_as_its_script() {
        for (script, name) in [
            ("train.sh", "train"),
            ("/home/a/Träning 2.sh", "Tr_ning_2"),
            ("-", "job"),
            ("/", "job"),
            (".hidden", ".hidden"),
        ] {
            assert_eq!(name_of(Path::new(script)), name);
        }
    }
}
