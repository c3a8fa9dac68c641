//! A job plan as the API shows it.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use uuid::Uuid;

use crate::instant;
use crate::table::plain;
use crate::wait::Ends;

/// Where a plan stands.
#[derive(Deserialize)]
pub(crate) struct JobPlan {
    pub(crate) job_plan_id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) name: String,
    pub(crate) partition: String,
    pub(crate) gpu_count: i64,
    pub(crate) wall_time_s: i64,
    #[serde(default)]
    pub(crate) task_count: Option<i64>,
    pub(crate) tasks_at_once: Option<i64>,
    pub(crate) begin_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) after: Vec<Need>,
    pub(crate) planned_at: DateTime<Utc>,
    pub(crate) attempts: Vec<Attempt>,
}

/// Another job that must have ended first.
#[derive(Deserialize)]
pub(crate) struct Need {
    pub(crate) job_plan_id: Uuid,
    pub(crate) condition: String,
}

/// One attempt.
#[derive(Deserialize)]
pub(crate) struct Attempt {
    pub(crate) slurm_job_id: i64,
    pub(crate) state: String,
    pub(crate) slurm_state: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) segment_count: Option<i64>,
    #[serde(default)]
    pub(crate) second_start_count: i64,
    pub(crate) held_by_person: Option<Kept>,
    pub(crate) suspended: Option<Kept>,
    #[serde(default)]
    pub(crate) extensions: Vec<Extension>,
    #[serde(default)]
    pub(crate) tasks: Vec<Task>,
}

/// Somebody keeps it from starting, or from going on.
#[derive(Deserialize)]
pub(crate) struct Kept {
    pub(crate) since: DateTime<Utc>,
    pub(crate) by_operator: bool,
    pub(crate) why: Option<String>,
}

/// More time that was asked for.
#[derive(Deserialize)]
pub(crate) struct Extension {
    pub(crate) extra_s: i64,
    pub(crate) gpu_seconds: GpuSeconds,
    pub(crate) usek: MicroSek,
    pub(crate) wanted_at: DateTime<Utc>,
    pub(crate) granted_at: Option<DateTime<Utc>>,
    pub(crate) refusal: Option<String>,
}

/// One task of an array.
#[derive(Deserialize)]
pub(crate) struct Task {
    pub(crate) task_no: i64,
    pub(crate) slurm_job_id: i64,
    pub(crate) slurm_state: String,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) exit_code: Option<i64>,
}

impl Extension {
    /// Where it stands, in words.
    pub(crate) fn standing(&self) -> String {
        match (&self.refusal, self.granted_at) {
            (Some(refusal), _) => format!("refused: {refusal}"),
            (None, Some(at)) => format!("in force since {}", instant::show(at)),
            (None, None) => "on its way to Slurm".to_owned(),
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
