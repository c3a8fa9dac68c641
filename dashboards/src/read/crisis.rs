//! What the page of a crisis shows: who asked for it, who made way, who went first, and what that
//! cost. Nobody pays for a run that made way; what was charged is looked up, not assumed.

use chrono::{DateTime, TimeDelta, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{JobRef, PersonRef, ProjectRef, gpu_seconds, usek};

mod run;

pub use run::{MadeWay, WentFirst};

/// slurmdbd tells of a run some seconds late; after this long it has told of all.
const SLURMDBD_LAG: TimeDelta = TimeDelta::minutes(1);

/// The page of one crisis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrisisView {
    /// The crisis.
    pub crisis: CrisisLine,
    /// Why it was asked for; `None` once that text was erased.
    pub reason: Option<String>,
    /// When somebody else confirmed it.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Runs that made way, in the order in which they did.
    pub made_way: Vec<MadeWay>,
    /// Runs of its projects that started while it lasted, oldest first.
    pub went_first: Vec<WentFirst>,
    /// True once slurmdbd has had time to tell of every run that made way.
    pub complete: bool,
}

/// One crisis in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrisisLine {
    /// Its id.
    pub crisis_id: Uuid,
    /// How far it has come.
    pub stage: Stage,
    /// The projects that go first.
    pub projects: Vec<ProjectRef>,
    /// Who proposed it.
    pub proposed_by: PersonRef,
    /// When it was proposed.
    pub proposed_at: DateTime<Utc>,
    /// Who confirmed it.
    pub confirmed_by: Option<PersonRef>,
    /// When it ends by itself.
    pub ends_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who ended it before its time.
    pub ended_by: Option<PersonRef>,
}

/// How far a crisis has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Proposed by one person; nothing has changed in Slurm.
    Proposed,
    /// Confirmed by a second: its projects go first.
    Active,
    /// It was active and is over.
    Over,
    /// It ended before anybody confirmed it.
    Withdrawn,
}

impl CrisisView {
    /// The time that runs had taken when they made way, and what was charged for them.
    pub fn lost(&self) -> (GpuSeconds, MicroSek) {
        self.made_way.iter().fold((GpuSeconds::ZERO, MicroSek::ZERO), |(time, money), run| {
            (
                time.checked_add(run.gpu_seconds).unwrap_or(time),
                money.checked_add(run.charged_usek).unwrap_or(money),
            )
        })
    }
}

/// Reads the page of a crisis, or `None` if there is no such crisis.
pub async fn read(
    tx: &mut PgConnection,
    crisis_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<CrisisView>, sqlx::Error> {
    let Some(row) = rows(&mut *tx, Some(crisis_id)).await?.pop() else { return Ok(None) };
    let confirmed_at = row.confirmed_at;
    let crisis = row.line(&mut *tx, now).await?;
    let until = crisis.ended_at.unwrap_or(crisis.ends_at).min(now);
    let went_first = match confirmed_at {
        Some(from) => run::went_first(&mut *tx, crisis_id, (from, until)).await?,
        None => Vec::new(),
    };
    Ok(Some(CrisisView {
        reason: reason(&mut *tx, crisis_id).await?,
        confirmed_at,
        made_way: run::made_way(tx, crisis_id).await?,
        went_first,
        complete: crisis.ended_at.is_some_and(|ended_at| now - ended_at > SLURMDBD_LAG),
        crisis,
    }))
}

/// The latest crises, newest first.
pub(super) async fn latest(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<CrisisLine>, sqlx::Error> {
    let mut lines = Vec::new();
    for row in rows(&mut *tx, None).await? {
        lines.push(row.line(&mut *tx, now).await?);
    }
    Ok(lines)
}

/// Those of the latest crises that are active or wait for a second person.
pub(super) async fn open(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<CrisisLine>, sqlx::Error> {
    let mut lines = latest(tx, now).await?;
    lines.retain(|line| matches!(line.stage, Stage::Proposed | Stage::Active));
    Ok(lines)
}

struct CrisisRow {
    crisis_id: Uuid,
    project_ids: Vec<Uuid>,
    ends_at: DateTime<Utc>,
    proposed_at: DateTime<Utc>,
    proposed_by: Uuid,
    proposed_by_name: Option<String>,
    confirmed_at: Option<DateTime<Utc>>,
    confirmed_by: Option<Uuid>,
    confirmed_by_name: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    ended_by: Option<Uuid>,
    ended_by_name: Option<String>,
}

/// One crisis, or the latest twenty.
async fn rows(
    tx: &mut PgConnection,
    crisis_id: Option<Uuid>,
) -> Result<Vec<CrisisRow>, sqlx::Error> {
    sqlx::query_as!(
        CrisisRow,
        r#"
        select c.crisis_id, c.project_ids, c.ends_at, c.proposed_at, c.proposed_by,
            a.name as "proposed_by_name?", c.confirmed_at, c.confirmed_by,
            b.name as "confirmed_by_name?", c.ended_at, c.ended_by, e.name as "ended_by_name?"
        from broker.crisis c
            left join record.person a on a.person_id = c.proposed_by
            left join record.person b on b.person_id = c.confirmed_by
            left join record.person e on e.person_id = c.ended_by
        where $1::uuid is null or c.crisis_id = $1
        order by c.proposed_at desc, c.crisis_id
        limit 20
        "#,
        crisis_id,
    )
    .fetch_all(tx)
    .await
}

impl CrisisRow {
    async fn line(
        self,
        tx: &mut PgConnection,
        now: DateTime<Utc>,
    ) -> Result<CrisisLine, sqlx::Error> {
        let over = self.ended_at.is_some() || now >= self.ends_at;
        let stage = match (self.confirmed_at.is_some(), over) {
            (false, false) => Stage::Proposed,
            (true, false) => Stage::Active,
            (true, true) => Stage::Over,
            (false, true) => Stage::Withdrawn,
        };
        let projects = projects(tx, &self.project_ids).await?;
        Ok(CrisisLine {
            crisis_id: self.crisis_id,
            stage,
            projects,
            proposed_by: PersonRef { person_id: self.proposed_by, name: self.proposed_by_name },
            proposed_at: self.proposed_at,
            confirmed_by: PersonRef::of(self.confirmed_by, self.confirmed_by_name),
            ends_at: self.ends_at,
            ended_at: self.ended_at,
            ended_by: PersonRef::of(self.ended_by, self.ended_by_name),
        })
    }
}

async fn projects(
    tx: &mut PgConnection,
    project_ids: &[Uuid],
) -> Result<Vec<ProjectRef>, sqlx::Error> {
    sqlx::query_as!(
        ProjectRef,
        r#"
        select project_id, slug, title, data_class = 'confidential' as "confidential!"
        from quotas.project where project_id = any($1) order by slug
        "#,
        project_ids,
    )
    .fetch_all(tx)
    .await
}

/// The reason that was given with the proposal; it lies in the audit trail, where it can be erased.
async fn reason(tx: &mut PgConnection, crisis_id: Uuid) -> Result<Option<String>, sqlx::Error> {
    let body = sqlx::query_scalar!(
        "select t.body
         from record.audit a join record.free_text t on t.free_text_id = a.audit_id
         where a.subject_kind = 'crisis' and a.subject_id = $1 and a.action = 'crisis.propose'
         order by a.at limit 1",
        crisis_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(body.flatten())
}
