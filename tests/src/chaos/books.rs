//! Slurm's own books: every job and every incarnation that slurmdbd has of the project, read with
//! `sacct` and added up here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::Cluster;
use crate::site::ACCOUNT;

const FORMAT: &str =
    "JobIDRaw,JobName,Submit,Start,End,State,ExitCode,ElapsedRaw,AllocTRES,ReqTRES,DBIndex";

/// Job ids in one question.
const AT_ONCE: usize = 200;

/// One incarnation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incarnation {
    pub(super) job_id: u32,
    pub(super) name: String,
    pub(super) submit: String,
    /// "Unknown" or "None" if it never started.
    pub(super) start: String,
    /// "Unknown" while it has none.
    pub(super) end: String,
    pub(super) state: String,
    pub(super) exit_code: String,
    pub(super) elapsed_s: i64,
    /// What it was given; what it had asked for, where slurmdbd has lost that.
    pub(super) gpus: i64,
    /// slurmctld 22.05 may tell of a start once more after it was started anew, when the job is over and
    /// holds nothing any more: slurmdbd's record then has a time and no GPUs.
    pub(super) lost_its_gpus: bool,
    pub(super) db_index: String,
}

impl Incarnation {
    pub(super) fn gpu_seconds(&self) -> i64 {
        self.gpus * self.elapsed_s
    }

    pub(super) fn is_over(&self) -> bool {
        self.end != "Unknown"
    }

    fn parse(line: &str) -> Result<Self> {
        let unknown = || format!("sacct printed an unexpected line: {line}");
        let fields: Vec<&str> = line.split('|').collect();
        let [job_id, name, submit, start, end, state, exit_code, elapsed, given, asked, db_index] =
            fields[..]
        else {
            anyhow::bail!(unknown());
        };
        let gpus_of =
            |tres: &str| tres.split(',').find_map(|it| it.strip_prefix("gres/gpu=")?.parse().ok());
        let elapsed_s = elapsed.parse().with_context(unknown)?;
        let (given, asked) = (gpus_of(given), gpus_of(asked));
        let lost_its_gpus = elapsed_s > 0 && given.is_none() && asked.is_some();
        let gpus: Option<i64> = if lost_its_gpus { asked } else { given };
        Ok(Self {
            lost_its_gpus,
            job_id: job_id.parse().with_context(unknown)?,
            name: name.into(),
            submit: submit.into(),
            start: start.into(),
            end: end.into(),
            // "CANCELLED by 0" in its first word.
            state: state.split(' ').next().unwrap_or(state).into(),
            exit_code: exit_code.into(),
            elapsed_s,
            gpus: gpus.unwrap_or(0),
            db_index: db_index.into(),
        })
    }
}

/// Every incarnation of the named jobs and of any other in the project's account, each once.
pub(super) async fn read(cluster: &Cluster, job_ids: &[u32]) -> Result<Vec<Incarnation>> {
    let mut found = BTreeMap::new();
    let questions = job_ids.chunks(AT_ONCE).map(|ids| {
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        vec!["--jobs".to_owned(), ids.join(",")]
    });
    let everybody = ["--accounts", ACCOUNT, "--starttime", "now-1days"].map(str::to_owned).to_vec();
    for question in questions.chain([everybody]) {
        let mut arguments =
            vec!["-P", "-n", "-X", "--duplicates", "--allusers", "--format", FORMAT];
        arguments.extend(question.iter().map(String::as_str));
        let text = cluster.output("sacct", &arguments).await?;
        for line in text.lines() {
            let incarnation = Incarnation::parse(line)?;
            found.insert(incarnation.db_index.clone(), incarnation);
        }
    }
    Ok(found.into_values().collect())
}
