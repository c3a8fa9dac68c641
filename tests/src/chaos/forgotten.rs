//! What slurmctld forgot when it was killed, in its own words and slurmd's.
//!
//! Such a job may end otherwise than its script, and nobody but Slurm did that to it. What stands in
//! no such line was done by somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

/// What Slurm's daemons write (22.05), before and after a job's id.
const WORDS: [(&str, &str); 11] = [
    // It found the script of a job that it did not know when it started.
    ("Purged files for defunct batch JobId=", ""),
    // It thought the job ran on, and the node did not have it.
    ("Batch JobId=", " missing from batch node"),
    // The same, where the job's limit came before the node spoke: no script here runs for that long.
    ("Time limit exhausted for JobId=", ""),
    // A node had a job that it did not know, or thought to be waiting: killed there.
    ("Orphan StepId=", ".batch reported on node"),
    ("Registered PENDING JobId=", ""),
    ("Killing orphan batch JobId=", ""),
    ("Orphan JobId=", ""),
    // A job that it did not know came to its end.
    ("job_complete: invalid JobId=", ""),
    // It started a job again whose first start it had forgotten.
    ("Job ", " already running, do not launch second copy"),
    // The same, where the node had just killed the first: its credential is revoked.
    ("Killing non-startable batch JobId=", ": Job credential revoked"),
    // It died while a node asked it whether to start a job; the node cancels what may not be requeued.
    ("Could not launch job ", " and not able to requeue it, cancelling job"),
];

/// Reads the daemons' logs; the lines by job.
pub(super) fn read(logs: &Path) -> Result<BTreeMap<u32, BTreeSet<String>>> {
    let mut found: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for file in std::fs::read_dir(logs).context("listing the logs")?.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if !name.starts_with("slurm") || !name.ends_with(".log") {
            continue;
        }
        for line in std::fs::read_to_string(file.path())?.lines() {
            if let Some(job_id) = job_in(line) {
                // Without its time: a line that comes again says nothing new.
                let words = line.split_once("] ").map_or(line, |(_, words)| words);
                found.entry(job_id).or_default().insert(words.to_owned());
            }
        }
    }
    Ok(found)
}

fn job_in(line: &str) -> Option<u32> {
    WORDS.iter().find_map(|(before, after)| {
        let rest = line.split_once(before)?.1;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, rest) = rest.split_at(digits);
        rest.starts_with(after).then(|| id.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurms_own_words_name_the_job() {
        let lines = [
            "[t] Batch JobId=7 missing from batch node node01 (not found BatchStartTime after startup)",
            "[t] error: Orphan StepId=7.batch reported on node node01",
            "[t] job_complete: invalid JobId=7",
            "[t] error: Job 7 already running, do not launch second copy",
            "[t] Killing non-startable batch JobId=7: Job credential revoked",
            "[t] Could not launch job 7 and not able to requeue it, cancelling job",
        ];
        assert_eq!(lines.map(job_in), [Some(7); 6]);
        let others = ["[t] _job_complete: JobId=7 done", "[t] Launching batch job 7 for UID 61001"];
        assert_eq!(others.map(job_in), [None; 2]);
    }
}
