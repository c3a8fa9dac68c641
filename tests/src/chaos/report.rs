//! What the chaos came to: the figures, and every promise that was not kept, as a sentence.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::books::Incarnation;
use super::client::Answered;
use super::evidence::Evidence;
use super::ground::Posted;
use super::play::Toll;

/// Everything that was found out once all was quiet.
pub(super) struct Findings {
    pub(super) plans: Vec<Answered>,
    pub(super) books: Vec<Incarnation>,
    pub(super) evidence: Evidence,
    /// What slurmctld forgot of which job, in Slurm's own words.
    pub(super) forgotten: BTreeMap<u32, BTreeSet<String>>,
    /// Slurm job ids of the second starts that the product shows.
    pub(super) shown: BTreeSet<u32>,
    pub(super) toll: Toll,
    pub(super) open_holds: i64,
    pub(super) settled: i64,
    pub(super) overrun: i64,
    pub(super) not_charged: i64,
    /// Every run of the ledger, by slurmdbd's key.
    pub(super) ledger: BTreeMap<String, Posted>,
    pub(super) ledger_verified: bool,
}

/// What slurmdbd calls a job of which it has heard a step and nothing else (22.05).
const HALF_A_RECORD: &str = "allocation";

/// The report.
#[derive(Clone, Debug)]
pub struct Report {
    /// The last line: one JSON object.
    pub summary: Value,
    /// Every promise that was not kept; empty when all is right.
    pub broken: Vec<String>,
    /// Jobs that Slurm itself ended otherwise than their script did, because slurmctld had forgotten
    /// them.
    pub ended_by_slurm: Vec<String>,
    /// What a person may want to know besides.
    pub remarks: Vec<String>,
}

impl Findings {
    pub(super) fn report(&self) -> Result<Report> {
        let (doubled, missing) = (self.doubled(), self.missing());
        let second_starts: BTreeSet<u32> = self.started_twice().collect();
        let extra_starts: usize =
            self.evidence.values().map(|said| said.starts.len().max(1) - 1).sum();
        let job_ids: BTreeSet<u32> = self.books.iter().map(|row| row.job_id).collect();
        let over = self.books.iter().filter(|row| row.is_over());
        let slurmdbd: i64 = over.map(Incarnation::gpu_seconds).sum();
        let told = self.settled + self.overrun + self.not_charged;

        let mut broken = Vec::new();
        let mut must = |kept: bool, sentence: String| {
            if !kept {
                broken.push(sentence);
            }
        };
        must(
            job_ids.len() == self.plans.len(),
            format!(
                "{} plans were answered, and slurmdbd has {} jobs",
                self.plans.len(),
                job_ids.len()
            ),
        );
        must(doubled.is_empty(), format!("plans with more than one Slurm job: {doubled:?}"));
        must(missing.is_empty(), format!("plans without a Slurm job: {missing:?}"));
        must(self.open_holds == 0, format!("{} holds are open", self.open_holds));
        must(
            told == slurmdbd,
            format!(
                "slurmdbd has {slurmdbd} GPU-seconds and the ledger {told}: settled {}, overrun {}, not \
             charged {}",
                self.settled, self.overrun, self.not_charged
            ),
        );
        let unseen: Vec<u32> = second_starts.difference(&self.shown).copied().collect();
        must(unseen.is_empty(), format!("scripts that started twice unseen: {unseen:?}"));
        must(self.ledger_verified, "the record is not whole: see `mimer audit verify`".to_owned());
        let (by_slurm, by_others) = self.ended_otherwise();
        broken.extend(by_others);
        broken.extend(self.other_in_the_ledger());

        let kills: usize = self.toll.kills.values().sum();
        let summary = json!({
            "plans": self.plans.len(),
            "slurm_jobs": job_ids.len(),
            "doubled": doubled.len(),
            "missing": missing.len(),
            "second_starts": extra_starts,
            "open_holds": self.open_holds,
            "gpu_seconds_slurmdbd": slurmdbd,
            "gpu_seconds_settled": self.settled,
            "gpu_seconds_overrun": self.overrun,
            "gpu_seconds_not_charged": self.not_charged,
            "kills": kills,
            "ledger_verified": self.ledger_verified,
        });
        Ok(Report {
            summary,
            broken,
            ended_by_slurm: by_slurm,
            remarks: self.remarks(&second_starts)?,
        })
    }

    /// Jobs whose script started more than once.
    fn started_twice(&self) -> impl Iterator<Item = u32> {
        self.evidence.iter().filter(|(_, said)| said.starts.len() > 1).map(|(job_id, _)| *job_id)
    }

    /// Names that more than one Slurm job has, by slurmdbd or by the jobs' own word.
    fn doubled(&self) -> Vec<String> {
        let mut ids: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for row in self.books.iter().filter(|row| row.name != HALF_A_RECORD) {
            ids.entry(&row.name).or_default().insert(row.job_id);
        }
        for (job_id, said) in &self.evidence {
            ids.entry(&said.name).or_default().insert(*job_id);
        }
        let doubled = ids.into_iter().filter(|(_, ids)| ids.len() > 1);
        doubled.map(|(name, ids)| format!("{name} {ids:?}")).collect()
    }

    /// Plans that slurmdbd has no record of, under the id that the client was told.
    fn missing(&self) -> Vec<String> {
        let has = |plan: &&Answered| {
            let same = |row: &&Incarnation| row.name == plan.name || row.name == HALF_A_RECORD;
            let mut rows = self.books.iter().filter(|row| row.job_id == plan.slurm_job_id);
            !rows.any(|row| same(&row))
        };
        self.plans.iter().filter(has).map(|plan| plan.name.clone()).collect()
    }

    /// Runs of which the ledger has another time than slurmdbd.
    fn other_in_the_ledger(&self) -> impl Iterator<Item = String> {
        let kept = self.books.iter().filter_map(|row| {
            let took = if row.is_over() { row.gpu_seconds() } else { 0 };
            match self.ledger.get(&row.db_index) {
                Some(posted) if posted.gpu_seconds == took => None,
                Some(posted) => Some(format!("the ledger has {posted} of {row:?}")),
                None if took == 0 => None,
                None => Some(format!("the ledger has nothing of {row:?}")),
            }
        });
        let gone = self.ledger.iter().filter_map(|(db_index, posted)| {
            let known = self.books.iter().any(|row| row.db_index == *db_index);
            (!known).then(|| format!("slurmdbd has no record {db_index} of {posted}"))
        });
        kept.chain(gone)
    }

    /// Jobs that did not end as their script did, or whose script did not come to its end: those that
    /// slurmctld had forgotten, by its own word, and the others.
    fn ended_otherwise(&self) -> (Vec<String>, Vec<String>) {
        let (mut by_slurm, mut by_others) = (Vec::new(), Vec::new());
        for plan in &self.plans {
            let Some(sentence) = self.otherwise(plan) else { continue };
            match self.forgotten.get(&plan.slurm_job_id) {
                Some(words) => by_slurm.push(format!("{sentence}; Slurm says: {words:?}")),
                None => by_others.push(sentence),
            }
        }
        (by_slurm, by_others)
    }

    fn otherwise(&self, plan: &Answered) -> Option<String> {
        let name = &plan.name;
        let rows = self.books.iter().filter(|row| row.job_id == plan.slurm_job_id);
        let last = rows.max_by_key(|row| row.submit.clone());
        match self.evidence.get(&plan.slurm_job_id) {
            None => return Some(format!("the script of {name} never started: {last:?}")),
            Some(said) if said.ends == 0 => {
                return Some(format!("the script of {name} was cut off: {said:?}, {last:?}"));
            }
            Some(_) => {}
        }
        let row = last?;
        let state = if plan.exit_code == 0 { "COMPLETED" } else { "FAILED" };
        let code = format!("{}:0", plan.exit_code);
        let as_planned = row.is_over() && row.state == state && row.exit_code == code;
        (!as_planned).then(|| format!("{name} ended otherwise than its script: {row:?}"))
    }

    fn remarks(&self, second_starts: &BTreeSet<u32>) -> Result<Vec<String>> {
        let mut remarks: Vec<String> =
            self.toll.kills.iter().map(|(name, count)| format!("killed {name}: {count}")).collect();
        remarks.push(format!("faults of the wire: {}", self.toll.wire_faults));
        for job_id in second_starts {
            let said = self.evidence.get(job_id).context("it said something")?;
            let rows: Vec<&Incarnation> =
                self.books.iter().filter(|row| row.job_id == *job_id).collect();
            let shown = if self.shown.contains(job_id) { "shown" } else { "NOT SHOWN" };
            remarks.push(format!(
                "second start of job {job_id}, {shown}: {:?}, {} came to the end; slurmdbd: {rows:?}",
                said.starts, said.ends
            ));
        }
        let endless = self.books.iter().filter(|row| !row.is_over());
        remarks.extend(endless.map(|row| format!("slurmdbd has no end of {row:?}")));
        let lost = self.books.iter().filter(|row| row.lost_its_gpus);
        remarks.extend(lost.map(|row| format!("slurmdbd has lost the GPUs of {row:?}")));
        let others: Vec<&u32> = self.shown.difference(second_starts).collect();
        if !others.is_empty() {
            remarks.push(format!(
                "shown as second starts, though the script wrote one line: {others:?}"
            ));
        }
        Ok(remarks)
    }
}
