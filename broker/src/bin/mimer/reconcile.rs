//! `mimer reconcile`: does what Slurm has agree with what was charged?

use chrono::{DateTime, SecondsFormat, Utc};
use record::GpuSeconds;
use serde::Deserialize;

use crate::amount;
use crate::client::VERDICT_LIMIT;
use crate::cluster::in_query;
use crate::failure::Failure;
use crate::instant;
use crate::session::{Ending, Session, read};
use crate::table::{Sheet, plain};

/// Compare plans, slurmctld, slurmdbd, the ledger and sreport; exit code 1 if one differs
/// (operator, finance).
#[derive(clap::Args)]
pub(crate) struct Reconcile {
    /// First day, as 2027-03-01, from midnight in Stockholm; or an RFC 3339 instant
    /// [default: 35 days back].
    #[arg(long, value_name = "DATE", value_parser = instant::instant)]
    from: Option<DateTime<Utc>>,
    /// Day it is over: 2027-04-01 means midnight in Stockholm as that day begins [default: now].
    #[arg(long, value_name = "DATE", value_parser = instant::instant)]
    until: Option<DateTime<Utc>>,
    /// Which cluster; needed where the broker has several.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

#[derive(Deserialize)]
struct Reconciliation {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    differences: Vec<Difference>,
    totals: Totals,
    sreport_until: Option<DateTime<Utc>>,
    in_motion: usize,
    questions: Questions,
}

#[derive(Deserialize)]
struct Difference {
    cause: String,
    sentence: String,
}

#[derive(Deserialize)]
struct Totals {
    gpu_seconds_slurmdbd: GpuSeconds,
    gpu_seconds_settled: GpuSeconds,
    gpu_seconds_overrun: GpuSeconds,
    gpu_seconds_not_charged: GpuSeconds,
    gpu_seconds_strangers: GpuSeconds,
    equal: bool,
    run_count: usize,
}

#[derive(Deserialize)]
struct Questions {
    slurmctld: u32,
    slurmdbd: u32,
}

impl Reconcile {
    pub(crate) async fn run(self, session: &Session) -> Result<Ending, Failure> {
        let ends = [("from", self.from), ("until", self.until)];
        let named = ends.into_iter().filter_map(|(name, at)| {
            Some(format!("{name}={}", at?.to_rfc3339_opts(SecondsFormat::Secs, true)))
        });
        let cluster = self.cluster.map(|name| format!("cluster={}", in_query(&name)));
        let named: Vec<String> = named.chain(cluster).collect();
        let path = format!("/v1/reconciliation?{}", named.join("&"));
        let answer = session.client.get_within(&path, VERDICT_LIMIT).await?;
        let found: Reconciliation = read(&answer)?;
        session.show(&answer, Reconciliation::text)?;
        Ok(Ending::well_if(found.is_well()))
    }
}

impl Reconciliation {
    /// Well only if nothing is told and the totals agree.
    fn is_well(&self) -> bool {
        self.differences.is_empty() && self.totals.equal
    }

    fn text(self) -> String {
        let verdict = if self.is_well() { "no difference" } else { "THERE ARE DIFFERENCES" };
        let time = amount::show_gpu_time;
        let agrees = if self.totals.equal { "equal" } else { "NOT EQUAL" };
        let sheet = Sheet::default()
            .line("compared", instant::show_window(self.from, self.until))
            .line("verdict", verdict)
            .line("runs in slurmdbd", self.totals.run_count)
            .line("GPU time by slurmdbd", time(self.totals.gpu_seconds_slurmdbd))
            .line("settled", time(self.totals.gpu_seconds_settled))
            .line("overrun", time(self.totals.gpu_seconds_overrun))
            .line("not charged", time(self.totals.gpu_seconds_not_charged))
            .line("slurmdbd and these three are", agrees)
            .line("GPU time of jobs nobody planned", time(self.totals.gpu_seconds_strangers))
            .line("sreport agrees until", instant::show_if(self.sreport_until))
            .line("left out, because they moved", self.in_motion)
            .line("questions to slurmctld", self.questions.slurmctld)
            .line("questions to slurmdbd", self.questions.slurmdbd);
        let mut parts = vec![sheet.text()];
        for Difference { cause, sentence } in &self.differences {
            parts.push(format!("{}\n  {}", plain(cause), plain(sentence)));
        }
        parts.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(equal: bool, differences: serde_json::Value) -> Reconciliation {
        let answer = json!({
            "from": "2027-02-28T23:00:00Z", "until": "2027-03-31T22:00:00Z",
            "differences": differences, "sreport_until": null, "in_motion": 2,
            "totals": {
                "gpu_seconds_slurmdbd": 7200, "gpu_seconds_settled": 3600,
                "gpu_seconds_overrun": 0, "gpu_seconds_not_charged": 0,
                "gpu_seconds_strangers": 0, "equal": equal, "run_count": 2,
            },
            "questions": { "slurmctld": 2, "slurmdbd": 33, "waited": 0 },
        });
        read(&answer).unwrap()
    }

    #[test]
    fn it_is_well_only_if_nothing_differs_and_the_totals_agree() {
        let difference =
            json!([{ "cause": "run_not_recorded", "sentence": "slurmdbd has it; wait." }]);
        assert!(found(true, json!([])).is_well());
        assert!(!found(false, json!([])).is_well());
        assert!(!found(true, difference.clone()).is_well());
        let text = found(false, difference).text();
        assert!(text.contains("NOT EQUAL") && text.contains("run_not_recorded"), "{text}");
        assert!(text.contains("THERE ARE DIFFERENCES"), "{text}");
    }
}
