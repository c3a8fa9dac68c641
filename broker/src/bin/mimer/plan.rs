//! What a job plan asks for: the same for a quote and for a job.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::instant;
use crate::reference::Reference;

/// GPUs, time and data of a job.
#[derive(clap::Args)]
pub(crate) struct PlanArguments {
    /// Short name or id of the project.
    #[arg(long)]
    pub(crate) project: Reference,
    /// GPUs, all on one node.
    #[arg(long, value_name = "COUNT")]
    gpus: u16,
    /// Longest it may run, as 90s, 2h30m or 1d; Slurm counts whole minutes, rounded up.
    #[arg(long = "time", value_name = "DURATION", value_parser = instant::duration_s)]
    wall_time_s: i64,
    /// Class of GPU, as the grant names it.
    #[arg(long, value_name = "NAME")]
    class: String,
    /// Id of a link whose data it needs; repeat for several. The job waits until it is verified.
    #[arg(long = "link", value_name = "ID")]
    link_ids: Vec<Uuid>,
    /// Run the script so many times, as an array; each task finds its number, from 0, in
    /// SLURM_ARRAY_TASK_ID, and has the GPUs and the time above.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    tasks: u32,
    /// At most so many tasks of an array at once.
    #[arg(long, value_name = "COUNT", requires = "tasks")]
    tasks_at_once: Option<u32>,
    /// Do not start before this instant, as 2027-03-01T08:00:00+01:00; a date means its midnight.
    #[arg(long = "begin", value_name = "INSTANT", value_parser = instant::instant)]
    begin_at: Option<DateTime<Utc>>,
    /// Wait for another job of the project: its id, or `succeeded:ID` or `failed:ID` if it must have
    /// ended so. Repeat for several.
    #[arg(long = "after", value_name = "[CONDITION:]ID")]
    after: Vec<After>,
}

/// A job that must have ended first, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct After {
    job_plan_id: Uuid,
    condition: &'static str,
}

/// Not a job to wait for.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a job to wait for: give its id, or ended:ID, succeeded:ID or failed:ID")]
pub(crate) struct NotAfter(String);

impl FromStr for After {
    type Err = NotAfter;

    fn from_str(text: &str) -> Result<Self, NotAfter> {
        let (word, id) = text.split_once(':').unwrap_or(("ended", text));
        let condition = ["ended", "succeeded", "failed"].into_iter().find(|known| *known == word);
        match (condition, id.parse()) {
            (Some(condition), Ok(job_plan_id)) => Ok(Self { job_plan_id, condition }),
            _ => Err(NotAfter(text.to_owned())),
        }
    }
}

impl PlanArguments {
    /// The body the API takes for a quote and for a job.
    pub(crate) fn body(&self, job_plan_id: Uuid, name: &str, script: &str) -> Value {
        json!({
            "job_plan_id": job_plan_id,
            "name": name,
            "script": script,
            "gpu_count": self.gpus,
            "wall_time_s": self.wall_time_s,
            "class": self.class,
            "link_ids": self.link_ids,
            "task_count": self.tasks,
            "tasks_at_once": self.tasks_at_once,
            "begin_at": self.begin_at,
            "after": self.after.iter().map(|after| {
                json!({ "job_plan_id": after.job_plan_id, "condition": after.condition })
            }).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_to_wait_for_is_an_id_with_how_it_must_end() {
        let id = Uuid::from_u128(7);
        for (text, condition) in [
            (id.to_string(), "ended"),
            (format!("ended:{id}"), "ended"),
            (format!("succeeded:{id}"), "succeeded"),
            (format!("failed:{id}"), "failed"),
        ] {
            assert_eq!(text.parse::<After>().unwrap(), After { job_plan_id: id, condition });
        }
        for text in ["7".to_owned(), format!("afterok:{id}"), format!("{id}:failed")] {
            assert!(text.parse::<After>().unwrap_err().to_string().contains(&text));
        }
    }
}
