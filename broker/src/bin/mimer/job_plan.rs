//! A job plan as the API shows it, and how it reads.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::instant;
use crate::table::{Sheet, figures, list, plain, words};
use crate::wait::Ends;

/// Where a plan stands.
#[derive(Deserialize)]
pub(crate) struct JobPlan {
    job_plan_id: Uuid,
    project_id: Uuid,
    name: String,
    partition: String,
    gpu_count: i64,
    wall_time_s: i64,
    planned_at: DateTime<Utc>,
    attempts: Vec<Attempt>,
}

#[derive(Deserialize)]
struct Attempt {
    slurm_job_id: i64,
    state: String,
    slurm_state: Option<String>,
    reason: Option<String>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    exit_code: Option<i64>,
    segment_count: Option<i64>,
}

impl Attempt {
    fn text(&self) -> String {
        match &self.slurm_state {
            Some(slurm_state) => format!("{} ({slurm_state})", self.state),
            None => self.state.clone(),
        }
    }
}

impl JobPlan {
    /// True if its last attempt ran to its end and said that all went well.
    pub(crate) fn is_completed(&self) -> bool {
        self.attempts.last().is_some_and(|attempt| {
            attempt.state == "settled" && attempt.slurm_state.as_deref() == Some("COMPLETED")
        })
    }

    /// The plan and its attempts.
    pub(crate) fn text(&self) -> String {
        let sheet = Sheet::default()
            .line("job", self.job_plan_id)
            .line("name", &self.name)
            .line("project", self.project_id)
            .line("partition", &self.partition)
            .line("GPUs", self.gpu_count)
            .line("time limit", instant::show_duration(self.wall_time_s))
            .line("planned", instant::show(self.planned_at));
        let columns = [
            figures("Slurm job"),
            words("state"),
            words("started"),
            words("ended"),
            figures("exit"),
            figures("segments"),
            words("reason"),
        ];
        let rows = self.attempts.iter().map(|attempt| {
            [
                attempt.slurm_job_id.to_string(),
                attempt.text(),
                instant::show_if(attempt.started_at),
                instant::show_if(attempt.ended_at),
                figure_if(attempt.exit_code),
                figure_if(attempt.segment_count),
                attempt.reason.clone().unwrap_or_default(),
            ]
        });
        format!("{}\n\n{}", sheet.text(), list(columns, rows, "it was never given to Slurm"))
    }
}

fn figure_if(figure: Option<i64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

impl Ends for JobPlan {
    fn standing(&self) -> String {
        self.attempts.last().map_or_else(|| "planned".to_owned(), |last| plain(&last.text()))
    }

    fn is_over(&self) -> bool {
        self.attempts
            .last()
            .is_some_and(|last| matches!(last.state.as_str(), "settled" | "cancelled" | "refused"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(state: &str, slurm_state: Option<&str>) -> JobPlan {
        serde_json::from_value(serde_json::json!({
            "job_plan_id": Uuid::nil(),
            "project_id": Uuid::nil(),
            "name": "train",
            "partition": "confidential",
            "gpu_count": 2,
            "wall_time_s": 60,
            "planned_at": "2027-03-01T08:00:00Z",
            "attempts": [{
                "attempt_id": Uuid::nil(),
                "slurm_job_id": 1_000_001,
                "state": state,
                "slurm_state": slurm_state,
                "reason": null,
                "started_at": null,
                "ended_at": null,
                "exit_code": null,
            }],
        }))
        .unwrap()
    }

    #[test]
    fn a_job_is_over_when_it_is_settled_and_not_when_slurm_has_ended_it() {
        assert!(!plan("ended", Some("COMPLETED")).is_over());
        assert!(plan("settled", Some("COMPLETED")).is_completed());
        assert!(plan("settled", Some("FAILED")).is_over());
        assert!(!plan("settled", Some("FAILED")).is_completed());
        assert!(plan("cancelled", None).is_over());
        assert!(!plan("refused", None).is_completed());
    }

    #[test]
    fn a_waiting_job_says_what_slurm_says() {
        assert_eq!(plan("released", Some("PENDING")).standing(), "released (PENDING)");
    }
}
