//! How a job plan reads to people: the plan, its attempts, and what each waits for.

use crate::amount;
use crate::instant;
use crate::job_plan::{Attempt, JobPlan, Kept};
use crate::table::{Sheet, figures, list, words};

impl Attempt {
    /// Its state, with Slurm's own word for it.
    pub(crate) fn text(&self) -> String {
        match &self.slurm_state {
            Some(slurm_state) => format!("{} ({slurm_state})", self.state),
            None => self.state.clone(),
        }
    }

    /// What is to be known besides its row; empty if nothing is.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let kept = |verb: &str, kept: &Kept| {
            let who = if kept.by_operator { "an operator" } else { "a member" };
            let why = kept.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{verb} by {who} since {}{why}", instant::show(kept.since))
        };
        if self.second_start_count > 0 {
            notes.push(format!(
                "second starts: {} (slurmctld died, and Slurm ran the script again by itself)",
                self.second_start_count
            ));
        }
        notes.extend(self.held_by_person.as_ref().map(|it| kept("held", it)));
        notes.extend(self.suspended.as_ref().map(|it| kept("suspended", it)));
        notes.extend(self.extensions.iter().map(|extension| {
            format!(
                "{} more asked for {}, {} held: {}",
                instant::show_duration(extension.extra_s),
                instant::show(extension.wanted_at),
                amount::show_gpu_time(extension.gpu_seconds),
                extension.standing()
            )
        }));
        notes
    }

    fn tasks(&self) -> Option<String> {
        if self.tasks.is_empty() {
            return None;
        }
        let columns = [
            figures("task"),
            figures("Slurm job"),
            words("state"),
            words("started"),
            words("ended"),
            figures("exit"),
        ];
        let rows = self.tasks.iter().map(|task| {
            [
                task.task_no.to_string(),
                task.slurm_job_id.to_string(),
                task.slurm_state.clone(),
                instant::show_if(task.started_at),
                instant::show_if(task.ended_at),
                figure_if(task.exit_code),
            ]
        });
        Some(list(columns, rows, ""))
    }
}

impl JobPlan {
    /// The plan and its attempts.
    pub(crate) fn text(&self) -> String {
        let tasks = self.task_count.filter(|count| *count > 1).map(|count| {
            let at_once = self.tasks_at_once.map(|most| format!(", at most {most} at once"));
            format!("{count}{}", at_once.unwrap_or_default())
        });
        let after = self.after.iter().map(|it| format!("{} {}", it.job_plan_id, it.condition));
        let after = after.collect::<Vec<_>>().join(", ");
        let sheet = Sheet::default()
            .line("job", self.job_plan_id)
            .line("name", &self.name)
            .line("project", self.project_id)
            .line("partition", &self.partition)
            .line("GPUs", self.gpu_count)
            .line("time limit", instant::show_duration(self.wall_time_s))
            .line_if("tasks", tasks)
            .line_if("begins", self.begin_at.map(instant::show))
            .line_if("after", Some(after).filter(|after| !after.is_empty()))
            .line("planned", instant::show(self.planned_at));
        let mut parts = vec![sheet.text(), self.table()];
        for attempt in &self.attempts {
            let notes = attempt.notes();
            parts.extend((!notes.is_empty()).then(|| notes.join("\n")));
        }
        parts.extend(self.attempts.last().and_then(Attempt::tasks));
        parts.join("\n\n")
    }

    fn table(&self) -> String {
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
        list(columns, rows, "it was never given to Slurm")
    }
}

fn figure_if(figure: Option<i64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_tells_its_tasks_and_who_holds_it() {
        let plan: JobPlan = serde_json::from_value(serde_json::json!({
            "job_plan_id": uuid::Uuid::nil(),
            "project_id": uuid::Uuid::nil(),
            "name": "train",
            "partition": "gpu",
            "gpu_count": 1,
            "wall_time_s": 60,
            "task_count": 20,
            "tasks_at_once": 4,
            "begin_at": null,
            "after": [{ "job_plan_id": uuid::Uuid::nil(), "condition": "succeeded" }],
            "planned_at": "2027-03-01T08:00:00Z",
            "attempts": [{
                "slurm_job_id": 1_000_001,
                "state": "submitted",
                "slurm_state": "PENDING",
                "held_by_person": {
                    "since": "2027-03-01T08:00:00Z", "by_operator": true, "why": "a new driver",
                },
                "suspended": null,
                "extensions": [{
                    "extra_s": 600, "gpu_seconds": 12_000, "usek": 0,
                    "wanted_at": "2027-03-01T08:00:00Z", "granted_at": null,
                    "refusal": "Slurm said no",
                }],
                "tasks": [{
                    "task_no": 3, "slurm_job_id": 10_000_004, "slurm_state": "RUNNING",
                    "started_at": null, "ended_at": null, "exit_code": null,
                }],
            }],
        }))
        .unwrap();
        let text = plan.text();
        for told in [
            "20, at most 4 at once",
            "succeeded",
            "held by an operator since 2027-03-01",
            "a new driver",
            "10m more asked for",
            "refused: Slurm said no",
            "10000004",
        ] {
            assert!(text.contains(told), "{told:?} is not told in:\n{text}");
        }
    }
}
