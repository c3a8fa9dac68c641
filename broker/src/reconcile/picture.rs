//! The picture that is compared: everything both sides have, taken in an order that tells what moved.
//!
//! First the broker's open attempts, then Slurm, then the broker again in one snapshot. An attempt
//! that does not stand where it stood before has moved meanwhile: what Slurm and the ledger say of it
//! was not read at one instant, and is left out.

use std::collections::{BTreeMap, HashMap, HashSet};

use accounting::hold::{self, OpenHold};
use accounting::run::{self, RunPosted};
use chrono::{DateTime, Utc};
use quotas::project;
use slurm_wire::{AccountUsage, Answer, Call, JobRecord, JobRow, JobState};
use uuid::Uuid;

use super::question::{Desk, Questions};
use super::roll::{self, Line, SecondStart};
use super::{ReconcileError, Stretch};
use crate::app::App;
use crate::gateway::GatewayError;
use crate::plan::attempt::AttemptState;

/// Slurm's own sums of the whole hours from the first instant until the second.
pub(super) struct Sums {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    pub(super) usage: Vec<AccountUsage>,
}

/// Everything that is compared.
pub(super) struct Picture {
    pub(super) stretch: Stretch,
    /// Attempts by the id that Slurm was asked for.
    pub(super) attempts: HashMap<u32, Line>,
    /// Those of them that moved while they were looked at.
    pub(super) in_motion: HashSet<Uuid>,
    /// slurmctld's rows by the id that was asked for.
    pub(super) jobs: BTreeMap<u32, Vec<JobRow>>,
    pub(super) strangers: Vec<JobRow>,
    /// slurmdbd's records by its own key.
    pub(super) records: BTreeMap<u64, JobRecord>,
    /// Their keys by the id that was asked for.
    keys_of: HashMap<u32, Vec<u64>>,
    pub(super) runs: Vec<RunPosted>,
    pub(super) open_holds: Vec<OpenHold>,
    pub(super) holders: HashMap<Uuid, AttemptState>,
    pub(super) second_starts: Vec<SecondStart>,
    /// Jobs that were found as unplanned, and whether a person has closed that.
    pub(super) unplanned: HashMap<i64, bool>,
    /// The accounts of projects.
    pub(super) accounts: HashSet<String>,
    pub(super) sums: Option<Sums>,
    pub(super) questions: Questions,
}

impl Picture {
    /// The attempt that an id was drawn for, unless it moved.
    pub(super) fn still(&self, asked_id: u32) -> Option<&Line> {
        self.attempts.get(&asked_id).filter(|line| !self.in_motion.contains(&line.attempt_id))
    }

    /// Whether the id was drawn for an attempt that moved.
    pub(super) fn moved(&self, asked_id: u32) -> bool {
        self.attempts.contains_key(&asked_id) && self.still(asked_id).is_none()
    }

    /// slurmdbd's records under the id that was asked for, in the order of their keys.
    pub(super) fn records_of(&self, asked_id: u32) -> impl Iterator<Item = &JobRecord> {
        let keys = self.keys_of.get(&asked_id).map_or(&[][..], Vec::as_slice);
        keys.iter().filter_map(|key| self.records.get(key))
    }
}

/// Takes the picture.
pub(super) async fn take(app: &App, stretch: Stretch) -> Result<Picture, ReconcileError> {
    let cluster = &app.cluster.name;
    let begun_at = app.clock.now();
    let before = roll::open(&mut *app.db.acquire().await?, cluster, stretch.until()).await?;
    let mut desk = Desk::of(app);
    let jobs = by_asked_id(desk.jobs(Call::ReadJobs { job_ids: Vec::new() }).await?);
    let strangers = desk.jobs(Call::ReadStrangers).await?;
    let mut records = BTreeMap::new();
    for (from, until) in stretch.slices() {
        let (from, until) = (from.timestamp(), until.timestamp());
        keep(&mut records, desk.records(Call::ReadEnded { from, until }).await?);
    }
    let started = before.iter().filter(|line| may_have_run(line, &jobs)).map(Line::asked_id);
    let started: Vec<u32> = started.collect();
    keep(&mut records, desk.records_of(&started).await?);
    let sums = sums(&mut desk, stretch).await?;

    let mut picture = Picture {
        stretch,
        attempts: HashMap::new(),
        in_motion: HashSet::new(),
        jobs,
        strangers,
        records,
        keys_of: HashMap::new(),
        runs: Vec::new(),
        open_holds: Vec::new(),
        holders: HashMap::new(),
        second_starts: Vec::new(),
        unplanned: HashMap::new(),
        accounts: HashSet::new(),
        sums,
        questions: Questions::default(),
    };
    picture.read_broker(app).await?;
    picture.mark_motion(&before, begun_at);
    // A run that no day told of may have got another end since, or be gone.
    let untold = picture.untold();
    keep(&mut picture.records, desk.records_of(&untold).await?);
    for (key, record) in &picture.records {
        picture.keys_of.entry(record.asked_id()).or_default().push(*key);
    }
    picture.questions = desk.asked;
    Ok(picture)
}

impl Picture {
    /// Everything of the broker's that belongs to what Slurm told, in one snapshot.
    async fn read_broker(&mut self, app: &App) -> Result<(), ReconcileError> {
        let cluster = &app.cluster.name;
        let mut tx = app.db.begin_with("begin isolation level repeatable read read only").await?;
        let db_indexes: Vec<i64> = self.records.keys().map(|key| key.cast_signed()).collect();
        let ends = (self.stretch.from(), self.stretch.until());
        self.runs = run::posted(&mut tx, cluster, ends, &db_indexes).await?;
        self.open_holds = hold::all_open(&mut tx).await?;
        let open_hold_ids: Vec<Uuid> = self.open_holds.iter().map(|hold| hold.hold_id).collect();
        self.holders = roll::holders(&mut tx, &open_hold_ids).await?;
        let of_records = self.records.values().map(JobRecord::asked_id);
        let of_strangers = self.strangers.iter().map(JobRow::asked_id);
        let asked_ids = self.jobs.keys().copied().chain(of_records).chain(of_strangers);
        let asked_ids: Vec<i64> = asked_ids.map(i64::from).collect();
        let hold_ids: Vec<Uuid> = self.runs.iter().map(|run| run.hold_id).collect();
        let lines = roll::told_of(&mut tx, cluster, &asked_ids, &hold_ids).await?;
        self.attempts = lines.into_iter().map(|line| (line.asked_id(), line)).collect();
        self.second_starts = roll::second_starts(&mut tx, cluster).await?;
        self.unplanned = roll::unplanned(&mut tx, cluster, &asked_ids).await?;
        let projects = project::list(&mut tx).await?;
        self.accounts = projects.into_iter().map(|it| it.slurm_account.to_string()).collect();
        Ok(())
    }

    /// Marks the attempts that do not stand where they stood before Slurm was asked.
    fn mark_motion(&mut self, before: &[Line], begun_at: DateTime<Utc>) {
        let stood: HashMap<Uuid, AttemptState> =
            before.iter().map(|line| (line.attempt_id, line.state)).collect();
        let moved = self.attempts.values().filter(|line| {
            let stood = stood.get(&line.attempt_id);
            let is_new = stood.is_none() && (!line.state.is_over() || line.created_at > begun_at);
            is_new || stood.is_some_and(|stood| *stood != line.state)
        });
        self.in_motion = moved.map(|line| line.attempt_id).collect();
    }

    /// The ids of attempts of which the ledger has a run that slurmdbd did not tell of.
    fn untold(&self) -> Vec<u32> {
        let told: HashSet<i64> = self.records.keys().map(|key| key.cast_signed()).collect();
        let holds: HashSet<Uuid> = self
            .runs
            .iter()
            .filter(|run| !told.contains(&run.db_index))
            .map(|run| run.hold_id)
            .collect();
        let lines = self.attempts.values().filter(|line| holds.contains(&line.hold_id));
        lines.map(Line::asked_id).collect()
    }
}

/// Slurm's own sums of the whole hours in the stretch.
async fn sums(desk: &mut Desk<'_>, stretch: Stretch) -> Result<Option<Sums>, ReconcileError> {
    let Some((from, until)) = stretch.whole_hours() else { return Ok(None) };
    let call = Call::ReadUsage { from: from.timestamp(), until: until.timestamp() };
    match desk.paced(&call).await? {
        Answer::Usage(usage) => Ok(Some(Sums { from, until, usage })),
        _ => Err(GatewayError::OutOfTurn.into()),
    }
}

/// Whether slurmdbd must be asked by its id: all but jobs that wait for their first start, which
/// slurmctld itself tells.
fn may_have_run(line: &Line, jobs: &BTreeMap<u32, Vec<JobRow>>) -> bool {
    let waits = |row: &JobRow| row.state == JobState::Pending && row.restart_count == 0;
    let waits = jobs.get(&line.asked_id()).is_some_and(|rows| rows.iter().all(waits));
    line.queued_at.is_some() && !waits
}

fn by_asked_id(rows: Vec<JobRow>) -> BTreeMap<u32, Vec<JobRow>> {
    let mut jobs: BTreeMap<u32, Vec<JobRow>> = BTreeMap::new();
    for row in rows {
        jobs.entry(row.asked_id()).or_default().push(row);
    }
    jobs
}

/// Keeps records by their key; what was read last counts.
fn keep(records: &mut BTreeMap<u64, JobRecord>, read: Vec<JobRecord>) {
    records.extend(read.into_iter().map(|record| (record.db_index, record)));
}
