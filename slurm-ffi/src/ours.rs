//! A job of ours: looked at before anything about it is changed.
//!
//! The mark decides. It is Slurm's admin comment, which no user can write, and it must be the very
//! key that the caller names: an id alone could be a mistake, or another job by now.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use slurm_wire::{JobRow, OurJob, Refusal, RefusalCode};

use crate::bounds::refusal;
use crate::error::SlurmError;
use crate::job;
use crate::session::Session;

/// Which jobs are the broker's, as far as a worker can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// First and last id, where the broker chooses the ids.
    pub ids: Option<(u32, u32)>,
    /// What every mark begins with.
    pub key_prefix: String,
}

impl Own {
    /// True for an id of the broker's range.
    pub fn has_id(&self, asked_id: u32) -> bool {
        self.ids.is_some_and(|(first, last)| (first..=last).contains(&asked_id))
    }

    /// True for a job with an id of the broker's range, or with its mark.
    pub fn has(&self, row: &JobRow) -> bool {
        let marked =
            row.admin_comment.as_deref().is_some_and(|it| it.starts_with(&self.key_prefix));
        marked || self.has_id(row.asked_id())
    }
}

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Our job; of an array, every row that slurmctld has of it.
    Ours(Vec<JobRow>),
    /// A job with our key, charged to an account that was not named.
    Elsewhere(Option<String>),
}

/// Why a look found no job of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// slurmctld gave no answer.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// slurmctld has no job with the id, or none any more.
    #[error("slurmctld does not know job {job_id}; ask slurmdbd for its records")]
    UnknownJob {
        /// The id asked for.
        job_id: u32,
    },
    /// The job carries another mark, or none.
    #[error(
        "job {job_id} is not the broker's: its admin comment is {:?}, not {key:?}, so nothing about it was \
         changed",
        found.as_deref().unwrap_or_default()
    )]
    OtherKey {
        /// The id asked for.
        job_id: u32,
        /// The key asked for.
        key: String,
        /// The job's admin comment.
        found: Option<String>,
    },
}

impl LookError {
    /// The refusal for the caller.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Slurm(error) => error.controller_refusal(),
            Self::UnknownJob { .. } => refusal(RefusalCode::UnknownJob, self.to_string()),
            Self::OtherKey { .. } => refusal(RefusalCode::NotOurJob, self.to_string()),
        }
    }
}

/// Looks whether slurmctld's job is ours, and one of `accounts`'.
pub fn look(session: Session, job: &OurJob, accounts: &[String]) -> Result<Look, LookError> {
    judge(job, job::load_asked(session, job.job_id)?, accounts)
}

fn judge(job: &OurJob, rows: Vec<JobRow>, accounts: &[String]) -> Result<Look, LookError> {
    let job_id = job.job_id;
    if rows.is_empty() {
        return Err(LookError::UnknownJob { job_id });
    }
    if let Some(other) = rows.iter().find(|row| !carries(row, &job.key)) {
        let found = other.admin_comment.clone();
        return Err(LookError::OtherKey { job_id, key: job.key.clone(), found });
    }
    let accounts: BTreeSet<&str> = accounts.iter().map(String::as_str).collect();
    let inside = |row: &&JobRow| row.account.as_deref().is_some_and(|it| accounts.contains(it));
    match rows.iter().find(|row| !inside(row)) {
        Some(outside) => Ok(Look::Elsewhere(outside.account.clone())),
        None => Ok(Look::Ours(rows)),
    }
}

/// True if a job's mark is exactly `key`. An empty key is nobody's.
pub(crate) fn carries(row: &JobRow, key: &str) -> bool {
    !key.is_empty() && row.admin_comment.as_deref() == Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn judged(key: &str, rows: Vec<JobRow>, accounts: &[&str]) -> Result<Look, LookError> {
        let job = OurJob { job_id: 1_000_001, key: key.to_owned() };
        let accounts: Vec<String> = accounts.iter().map(|it| (*it).to_owned()).collect();
        judge(&job, rows, &accounts)
    }

    #[test]
    fn a_task_belongs_to_the_array_whose_id_was_asked_for() {
        let own = Own { ids: Some((1_000_000, 1_999_999)), key_prefix: "mimer:".to_owned() };
        let unmarked = |job_id, array_job_id| {
            let row = JobRow { job_id, array_job_id, admin_comment: None, ..example::row() };
            own.has(&row)
        };
        assert!(unmarked(1_000_001, None));
        assert!(unmarked(60_000_001, Some(1_000_001)));
        assert!(!unmarked(60_000_001, None) && !unmarked(1_000_001, Some(60_000_001)));
        let marked = JobRow { job_id: 60_000_001, ..example::row() };
        assert!(own.has(&marked));
        let anywhere = Own { ids: None, ..own };
        assert!(anywhere.has(&marked) && !anywhere.has_id(1_000_001));
    }

    #[test]
    fn only_the_very_key_makes_a_job_ours() {
        let row = example::row;
        let found = judged("mimer:1:abc", vec![row()], &["register"]).unwrap();
        assert_eq!(found, Look::Ours(vec![row()]));
        for key in ["mimer:1:ab", "mimer:1:abcd", "MIMER:1:ABC", "mimer:", ""] {
            let refused = judged(key, vec![row()], &["register"]).unwrap_err();
            assert_eq!(refused.refusal().code, RefusalCode::NotOurJob, "{key:?}");
        }
        let unmarked = JobRow { admin_comment: None, ..row() };
        let refused = judged("", vec![unmarked], &["register"]).unwrap_err();
        assert_eq!(refused.refusal().code, RefusalCode::NotOurJob);
    }

    #[test]
    fn one_task_with_another_mark_is_enough_to_leave_the_array_alone() {
        let other = JobRow { admin_comment: Some("mimer:1:abd".to_owned()), ..example::row() };
        let refused = judged("mimer:1:abc", vec![example::row(), other], &["register"]);
        assert!(matches!(refused, Err(LookError::OtherKey { .. })));
    }

    #[test]
    fn an_account_that_was_not_named_is_told_and_nothing_is_done() {
        let found = judged("mimer:1:abc", vec![example::row()], &["registers", "public"]);
        assert_eq!(found, Ok(Look::Elsewhere(Some("register".to_owned()))));
    }

    #[test]
    fn a_job_that_slurmctld_does_not_have_is_unknown() {
        let refused = judged("mimer:1:abc", Vec::new(), &["register"]).unwrap_err();
        assert_eq!(refused.refusal().code, RefusalCode::UnknownJob);
    }
}
