//! What is owed: attempts that are over in Slurm are settled by slurmdbd's records, every incarnation.
//!
//! Most records are there already, read as they ended. An attempt whose records are not is asked for
//! by its id, seldom and ever more seldom. What slurmctld does not know is only ever settled, or
//! taken for lost, on the answer to such a question: it alone tells all there is.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use slurm_wire::{Answer, Call, JobRecord};
use uuid::Uuid;

use super::follow::{Followed, Standing};
use super::keep_record::{self, Kept};
use super::lost::{self, Lost};
use super::records::Reading;
use super::roll::{self, Line, Watched};
use super::verdict::{self, Verdict};
use super::{runaway, settle};
use crate::app::App;
use crate::gateway::GatewayError;

/// Jobs in one question.
const JOBS_PER_QUESTION: usize = 500;
/// Questions by id at one look.
const QUESTIONS_AT_ONCE: usize = 2;
/// How long the tasks of an array that nobody tells of keep its hold open.
const UNTOLD_FOR: TimeDelta = TimeDelta::minutes(10);

/// Attempts that are over and not settled, and when each is asked for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waits: HashMap<Uuid, Wait>,
}

impl Waiting {
    /// The asking was interrupted: all of it begins anew.
    pub(super) fn forget_all(&mut self) {
        self.waits.clear();
    }
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    since: DateTime<Utc>,
    asked_count: u32,
    ask_at: DateTime<Utc>,
}

impl Wait {
    /// An attempt that slurmctld does not know is asked for after some seconds: a job that was just
    /// accepted may be there at the next look. One that it says is over has its record soon.
    fn from(now: DateTime<Utc>, standing: &Standing) -> Self {
        let first_s = if *standing == Standing::Unknown { 5 } else { 20 };
        Self { since: now, asked_count: 0, ask_at: now + TimeDelta::seconds(first_s) }
    }

    /// The next question is twice as far away, at most five minutes.
    fn asked(&mut self, now: DateTime<Utc>) {
        let pause_s = (10_i64 << self.asked_count.min(5)).min(300);
        self.asked_count += 1;
        self.ask_at = now + TimeDelta::seconds(pause_s);
    }
}

/// What a look has to go by.
pub(super) struct Look<'a> {
    pub(super) app: &'a App,
    pub(super) followed: &'a Followed,
    pub(super) blind_until: Option<DateTime<Utc>>,
}

/// Settles every attempt of the roll whose records are all there and all over, and asks for those
/// that should have been there.
///
/// An attempt that cannot be settled is told in the log and holds up no other.
pub(super) async fn settle(
    look: &Look<'_>,
    open: &[Line],
    reading: &mut Reading,
    (waiting, lost): (&mut Waiting, &mut Lost),
) -> anyhow::Result<()> {
    let app = look.app;
    let over: Vec<(u32, &Line, Standing)> = open
        .iter()
        .map(|line| (line.asked_id(), line))
        .filter_map(|(asked_id, line)| match look.followed.standing(asked_id) {
            Standing::UnderWay | Standing::Foreign => None,
            // On its way to Slurm: that slurmctld does not know it says nothing.
            Standing::Unknown if line.queued_at.is_none() => None,
            standing => Some((asked_id, line, standing)),
        })
        .collect();
    let ids: HashSet<Uuid> = over.iter().map(|(_, line, _)| line.attempt_id).collect();
    waiting.waits.retain(|attempt_id, _| ids.contains(attempt_id));
    lost.keep_only(|attempt_id| ids.contains(attempt_id));
    app.metrics
        .attempts_unsettled(&app.cluster.name, i64::try_from(over.len()).unwrap_or(i64::MAX));
    if over.is_empty() {
        return Ok(());
    }

    let asked_ids: Vec<u32> = over.iter().map(|(asked_id, ..)| *asked_id).collect();
    let told = Told::of(app, &asked_ids).await?;
    let now = app.clock.now();
    let mut due = Vec::new();
    for (asked_id, line, standing) in &over {
        let Some(watched) = told.watched.get(asked_id) else { continue };
        let wait =
            waiting.waits.entry(line.attempt_id).or_insert_with(|| Wait::from(now, standing));
        let all_told = matches!(standing, Standing::Over(expected)
            if verdict::when_over(watched, expected, &told.records(watched)) == Verdict::Settle);
        // What Slurm was given more than once may have a start without an end: it is asked for first.
        let is_sure = wait.asked_count > 0 || !settle::was_given_again(app, watched).await?;
        // slurmctld tells of an end before it saves it. If it dies in between, the job runs again in
        // its eyes, and slurmdbd's record of the end is written over (measured on 22.05).
        let is_saved = now - wait.since >= TimeDelta::seconds(app.config.duties.settle_after_s);
        if all_told && !is_saved {
            continue;
        }
        if all_told && is_sure {
            settle::settle(app, watched, told.of_one(watched)).await;
        } else if all_told || wait.ask_at <= now {
            due.push((*asked_id, standing));
        }
    }
    for due in due.chunks(JOBS_PER_QUESTION).take(QUESTIONS_AT_ONCE) {
        let asked_ids: Vec<u32> = due.iter().map(|(asked_id, _)| *asked_id).collect();
        if !reading.by_id(app, asked_ids.clone()).await? {
            break; // Asked as often as may be: these stay due.
        }
        let told = Told::of(app, &asked_ids).await?;
        for (asked_id, standing) in due {
            let Some(watched) = told.watched.get(asked_id) else { continue };
            let Some(wait) = waiting.waits.get_mut(&watched.attempt_id) else { continue };
            wait.asked(now);
            let waited = now - wait.since;
            if let Err(error) = judge(look, (watched, standing), &told, (waited, lost)).await {
                tracing::error!(attempt.id = %watched.attempt_id,
                    slurm.job_id = watched.slurm_job_id, error = format!("{error:#}"),
                    "an attempt that is over in Slurm cannot be judged");
            }
        }
    }
    Ok(())
}

/// Does what all that slurmdbd has of an attempt says.
async fn judge(
    look: &Look<'_>,
    (watched, standing): (&Watched, &Standing),
    told: &Told,
    (waited, lost): (TimeDelta, &mut Lost),
) -> anyhow::Result<()> {
    let app = look.app;
    let verdict = match standing {
        Standing::Over(expected) => verdict::when_over(watched, expected, &told.records(watched)),
        _ => verdict::when_unknown(watched, &told.records(watched)),
    };
    if verdict != Verdict::NeverStarted {
        lost.found(watched.attempt_id);
    }
    let usual = TimeDelta::seconds(app.config.duties.resubmit_after_s);
    match verdict {
        Verdict::Settle => settle::settle(app, watched, told.of_one(watched)).await,
        Verdict::TasksUntold if waited >= UNTOLD_FOR => {
            tracing::warn!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
                "tasks of an array have no record; they were taken out of the queue one by one");
            settle::settle(app, watched, told.of_one(watched)).await;
        }
        Verdict::Runaway(job_ids) if waited >= usual => {
            let finals = told.records(watched).iter().any(|it| super::run::is_final(it));
            runaway::tell(app, watched, (&job_ids, &told.records(watched))).await?;
            if finals {
                settle::settle(app, watched, told.of_one(watched)).await;
            }
        }
        Verdict::NeverStarted => {
            let now = app.clock.now();
            let missed_for = lost.missed(watched.attempt_id, now);
            let patience = lost::patience(app, watched, look.blind_until);
            if missed_for >= patience && !slurmctld_has(app, watched).await? {
                lost::resubmit(app, watched, now - missed_for).await?;
            }
        }
        // slurmdbd lags; it will know.
        Verdict::Wait | Verdict::TasksUntold | Verdict::Runaway(_) => {}
    }
    Ok(())
}

/// Asks slurmctld itself, not what was followed of it.
async fn slurmctld_has(app: &App, watched: &Watched) -> anyhow::Result<bool> {
    let job_ids = vec![watched.asked_id()];
    match app.gateway.call(&Call::ReadJobs { job_ids }).await? {
        Answer::Jobs(jobs) => Ok(!jobs.is_empty()),
        _ => Err(GatewayError::OutOfTurn.into()),
    }
}

/// Attempts, and everything that slurmdbd told of them until now.
struct Told {
    watched: HashMap<u32, Watched>,
    kept: HashMap<u32, Vec<Kept>>,
}

impl Told {
    async fn of(app: &App, asked_ids: &[u32]) -> anyhow::Result<Self> {
        let cluster = &app.cluster.name;
        let mut connection = app.db.acquire().await?;
        let watched = roll::by_asked(&mut connection, cluster, asked_ids).await?;
        let mut kept: HashMap<u32, Vec<Kept>> = HashMap::new();
        for one in keep_record::of_jobs(&mut connection, cluster, asked_ids).await? {
            let asked_id = one.record.asked_id();
            if watched.get(&asked_id).is_some_and(|it| verdict::is_ours(&one.record, it)) {
                kept.entry(asked_id).or_default().push(one);
            }
        }
        Ok(Self { watched, kept })
    }

    fn of_one(&self, watched: &Watched) -> &[Kept] {
        self.kept.get(&watched.asked_id()).map_or(&[], Vec::as_slice)
    }

    fn records(&self, watched: &Watched) -> Vec<&JobRecord> {
        self.of_one(watched).iter().map(|kept| &kept.record).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_one_attempt_come_ever_more_seldom() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let mut wait = Wait::from(at(0), &Standing::Unknown);
        let mut asked = Vec::new();
        for second in 0..3_600 {
            if wait.ask_at <= at(second) {
                asked.push(second);
                wait.asked(at(second));
            }
        }
        assert_eq!(asked[..6], [5, 15, 35, 75, 155, 315]);
        assert!(asked.len() < 20, "{asked:?}");
        assert_eq!(Wait::from(at(0), &Standing::Over(vec![])).ask_at, at(20));
    }
}
