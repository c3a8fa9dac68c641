//! What a job plan asks for: the same for a quote and for a job.

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
        })
    }
}
