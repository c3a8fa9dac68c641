//! Admissions per second: the broker's whole transaction (decision, hold, audit, wish to submit)
//! against the bare cost of a transaction on the same PostgreSQL, in turns, in one run.
//!
//! The bare transaction updates one row and inserts one. Both wait for the same durable commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use broker::plan::{self, Ask};
use record::{Actor, Stamp, id};
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::ground::Ground;
use super::tree::{CLASS, Size, Tree};
use super::{percentile, rounded};

/// Clients at once; the headline figures are those of [`HEADLINE`].
const CLIENTS: [usize; 3] = [1, 16, 64];
const HEADLINE: usize = 16;
/// Rounds in which each kind takes its turn.
const ROUNDS: usize = 3;
/// How long one turn takes.
const TURN: Duration = Duration::from_secs(3);
/// Grants, each of a project of its own. The first one is the hot one.
const GRANTS: usize = 1_000;

/// What one transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One update and one insert, the rows spread.
    Bare,
    /// One update and one insert, always of the same row.
    BareHot,
    /// An admission, the grants spread.
    Spread,
    /// An admission, always from the same grant.
    Hot,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Bare, Self::Spread, Self::BareHot, Self::Hot];

    const fn word(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::BareHot => "bare_hot",
            Self::Spread => "spread",
            Self::Hot => "hot",
        }
    }
}

/// What one kind came to with so many clients: the median of its rounds.
#[derive(Clone, Copy, Debug)]
struct Figure {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// Measures with 1, 16 and 64 clients; `is_small` only tries the bench itself.
pub async fn admit(is_small: bool) -> Result<Value> {
    let (grants, rounds) = if is_small { (20, 1) } else { (GRANTS, ROUNDS) };
    let ground = Ground::start(70).await?;
    let tree = Tree::grow(&ground, Size { agencies: 10, projects: grants, grants: 1 }).await?;
    lay_out_bare(&ground, grants).await?;
    let bench = Arc::new(Bench { db: ground.app.db.clone(), app: ground.app.clone(), tree });

    let mut report = Map::new();
    let mut admitted = 0;
    for clients in CLIENTS {
        let mut turns: [Vec<Figure>; 4] = Default::default();
        for round in 0..rounds {
            for (kind, turns) in Kind::ALL.into_iter().zip(&mut turns) {
                let (figure, count) = turn(&bench, kind, clients).await?;
                if matches!(kind, Kind::Spread | Kind::Hot) {
                    admitted += count;
                }
                let (word, per_s, p99_ms) = (kind.word(), figure.per_s, figure.p99_ms);
                eprintln!(
                    "{clients} clients, round {round}: {word} {per_s:.0}/s, p99 {p99_ms:.1} ms"
                );
                turns.push(figure);
            }
        }
        tell(&mut report, clients, turns);
    }
    let attempts: i64 =
        sqlx::query_scalar("select count(*) from broker.attempt").fetch_one(&bench.db).await?;
    ensure!(attempts == admitted, "{admitted} admissions, but {attempts} attempts");
    drop(bench);
    ground.leave().await?;
    report.insert("bench".to_owned(), json!("admit"));
    report.insert("grants".to_owned(), json!(grants));
    report.insert("headline_clients".to_owned(), json!(HEADLINE));
    Ok(Value::Object(report))
}

/// Adds the figures of one number of clients; the headline's without a suffix.
fn tell(report: &mut Map<String, Value>, clients: usize, turns: [Vec<Figure>; 4]) {
    let [bare, spread, bare_hot, hot] = turns.map(|turns| {
        let median = |figure: fn(&Figure) -> f64| {
            percentile(&mut turns.iter().map(figure).collect::<Vec<_>>(), 50)
        };
        Figure {
            per_s: median(|it| it.per_s),
            p50_ms: median(|it| it.p50_ms),
            p99_ms: median(|it| it.p99_ms),
        }
    });
    let suffix = if clients == HEADLINE { String::new() } else { format!("_{clients}_clients") };
    for (name, value) in [
        ("spread_per_s", rounded(spread.per_s, 0)),
        ("hot_per_s", rounded(hot.per_s, 0)),
        ("bare_per_s", rounded(bare.per_s, 0)),
        ("bare_hot_per_s", rounded(bare_hot.per_s, 0)),
        ("ratio_spread", rounded(spread.per_s / bare.per_s, 2)),
        ("ratio_hot", rounded(hot.per_s / bare_hot.per_s, 2)),
        ("p50_ms", rounded(spread.p50_ms, 1)),
        ("p99_ms", rounded(spread.p99_ms, 1)),
        ("p99_ms_hot", rounded(hot.p99_ms, 1)),
        ("p99_ms_bare", rounded(bare.p99_ms, 1)),
    ] {
        report.insert(format!("{name}{suffix}"), json!(value));
    }
}

/// What the clients share.
struct Bench {
    db: PgPool,
    app: broker::app::App,
    tree: Tree,
}

/// All clients of one kind for the length of a turn; returns the figure and how many there were.
async fn turn(bench: &Arc<Bench>, kind: Kind, clients: usize) -> Result<(Figure, i64)> {
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for client in 0..clients {
        running.spawn(Arc::clone(bench).client(kind, client, begun + TURN));
    }
    let mut milliseconds = Vec::new();
    while let Some(done) = running.join_next().await {
        milliseconds.extend(done.context("a client")??);
    }
    let count = u32::try_from(milliseconds.len())?;
    let figure = Figure {
        per_s: f64::from(count) / begun.elapsed().as_secs_f64(),
        p50_ms: percentile(&mut milliseconds, 50),
        p99_ms: percentile(&mut milliseconds, 99),
    };
    Ok((figure, i64::from(count)))
}

impl Bench {
    /// One client: a transaction after the other until `until`; returns milliseconds of each.
    async fn client(
        self: Arc<Self>,
        kind: Kind,
        client: usize,
        until: Instant,
    ) -> Result<Vec<f64>> {
        let mut milliseconds = Vec::new();
        let others = self.tree.project_ids.len() - 1;
        // Clients walk over the grants in steps of their own, so that two rarely meet.
        for step in 0.. {
            let spread = 1 + (client * 61 + step * 17) % others;
            let begun = Instant::now();
            match kind {
                Kind::Bare => self.bare(spread).await?,
                Kind::BareHot => self.bare(0).await?,
                Kind::Spread => self.admission(spread).await?,
                Kind::Hot => self.admission(0).await?,
            }
            milliseconds.push(begun.elapsed().as_secs_f64() * 1_000.0);
            if Instant::now() >= until {
                break;
            }
        }
        Ok(milliseconds)
    }

    async fn admission(&self, project: usize) -> Result<()> {
        let ask = Ask {
            job_plan_id: id::fresh(),
            project_id: self.tree.project_ids[project],
            person_id: self.tree.person_id,
            name: "bench".to_owned(),
            script: "#!/bin/sh\ntrue\n".to_owned(),
            gpu_count: 1,
            wall_time_s: 600,
            class: CLASS.to_owned(),
            link_ids: Vec::new(),
            task_count: 1,
            tasks_at_once: None,
            begin_at: None,
            after: Vec::new(),
        };
        let stamp = Stamp {
            actor: Actor::Person(self.tree.person_id),
            now: self.app.clock.now(),
            why: None,
            trace_id: id::fresh(),
        };
        let mut tx = plan::begin(&self.db).await?;
        let rules = (&*self.app.config, &self.app.clusters);
        plan::submit(&mut tx, rules, &ask, &stamp).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn bare(&self, row: usize) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query("update bench.counter set value = value + 1 where counter_id = $1")
            .bind(i32::try_from(row)?)
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into bench.event (event_id, counter_id, amount) values ($1, $2, 1)")
            .bind(id::fresh() as Uuid)
            .bind(i32::try_from(row)?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The tables of the bare transaction, with one counter for each grant.
async fn lay_out_bare(ground: &Ground, rows: usize) -> Result<()> {
    let mut owner = ground.owner().await?;
    for statement in [
        "create schema bench",
        "create table bench.counter (counter_id int primary key, value bigint not null)",
        "create table bench.event
             (event_id uuid primary key, counter_id int not null, amount bigint not null)",
        "grant usage on schema bench to mimer_app",
        "grant select, insert, update on all tables in schema bench to mimer_app",
    ] {
        sqlx::query(statement).execute(&mut owner).await?;
    }
    sqlx::query("insert into bench.counter select g, 0 from generate_series(0, $1 - 1) g")
        .bind(i32::try_from(rows)?)
        .execute(&mut owner)
        .await?;
    Ok(())
}
