//! How long calls take that do not need Slurm.

use std::time::{Duration, Instant};

use anyhow::Result;
use testbed::story::{Plan, Story};

/// Times of calls, in no order.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    times: Vec<Duration>,
}

impl Latencies {
    /// So many rounds.
    pub(crate) async fn of_rounds(story: &Story, plan: &Plan, rounds: usize) -> Result<Self> {
        let mut latencies = Self::default();
        for _ in 0..rounds {
            latencies.round(story, plan).await?;
        }
        Ok(latencies)
    }

    /// Everybody looks at what they look at.
    pub(crate) async fn round(&mut self, story: &Story, plan: &Plan) -> Result<()> {
        let people = &story.people;
        let shown = format!("/v1/job-plans/{}", plan.job_plan_id);
        let project = format!("/v1/projects/{}", story.granted.project_id);
        for (person, path) in [
            (&people.anna, "/v1/me"),
            (&people.anna, project.as_str()),
            (&people.anna, shown.as_str()),
            (&people.operator, "/v1/pools"),
            (&people.operator, "/v1/exceptions"),
            (&people.finance, "/v1/charges"),
            (&people.decider, "/v1/requests"),
            (&people.operator, "/v1/funds"),
        ] {
            let begun = Instant::now();
            person.get(path).await?;
            self.times.push(begun.elapsed());
        }
        Ok(())
    }

    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn slowest(&self) -> Duration {
        self.times.iter().max().copied().unwrap_or_default()
    }

    /// The time that 99 of 100 calls stay within.
    pub(crate) fn p99(&self) -> Duration {
        let mut sorted = self.times.clone();
        sorted.sort();
        let last = sorted.len().saturating_sub(1);
        sorted.get(last * 99 / 100).copied().unwrap_or_default()
    }
}
