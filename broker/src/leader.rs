//! Duties that one mimerd does for all: each is done by whoever holds its advisory lock.
//!
//! The lock belongs to a session of its own, so it ends with the process, with its machine and with
//! PostgreSQL. A leader that merely stalls loses it too: PostgreSQL ends the session when its
//! heartbeats stay out (`LOSES_AFTER`), and a leader whose own clock says that its last heartbeat is
//! too long ago (`SURE_FOR`) takes no further step of the duty. The second is shorter than the first,
//! so no two do the same duty at once. The duty is dropped where it stands, as by a crash; what is
//! half done is rolled back.

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aws_lc_rs::digest::{SHA256, digest};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::watch;

use crate::app::App;

/// What the times below are counted in; tests do not wait that long.
const UNIT: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 1_000 });
/// How often a leader shows PostgreSQL that it is there.
const BEAT_EVERY: Duration = UNIT.saturating_mul(3);
/// How long one heartbeat may take.
const BEAT_BOUND: Duration = UNIT.saturating_mul(4);
/// How long after its last heartbeat a leader goes on by itself.
const SURE_FOR: Duration = UNIT.saturating_mul(10);
/// How long PostgreSQL waits for a heartbeat before it gives the duty to another.
const LOSES_AFTER: Duration = UNIT.saturating_mul(15);
/// How often those who do not lead try to.
const TRY_EVERY: Duration = UNIT;

/// A duty that one mimerd does for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Chaining new rows of the record.
    Seal,
    /// Looking at what Slurm does with our jobs.
    Watch,
    /// Looking for jobs that nobody planned and for holds whose time is up.
    Rounds,
    /// Keeping Slurm's accounts, users, QOS and reservations.
    Keep,
    /// Ending crises and gathering who made way.
    Crisis,
    /// Acting on agencies' limits.
    Limits,
    /// Ending grants at their time.
    GrantEnds,
    /// Stopping what has lost its permit.
    Permits,
    /// Removing effects done long ago.
    Outbox,
}

impl Duty {
    /// Its name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Watch => "watch",
            Self::Rounds => "rounds",
            Self::Keep => "keep",
            Self::Crisis => "crisis",
            Self::Limits => "limits",
            Self::GrantEnds => "grant_ends",
            Self::Permits => "permits",
            Self::Outbox => "outbox",
        }
    }

    /// Whether each cluster has a leader of its own.
    const fn is_per_cluster(self) -> bool {
        match self {
            Self::Watch | Self::Rounds | Self::Keep | Self::Crisis => true,
            Self::Seal | Self::Limits | Self::GrantEnds | Self::Permits | Self::Outbox => false,
        }
    }

    /// The cluster that it is done for; empty where it is done for all.
    fn cluster(self, app: &App) -> &str {
        if self.is_per_cluster() { &app.cluster.name } else { "" }
    }

    /// The advisory lock's key.
    fn key(self, cluster: &str) -> i64 {
        let cluster = if self.is_per_cluster() { cluster } else { "" };
        let digest = digest(&SHA256, format!("mimerd leads {} {cluster}", self.name()).as_bytes());
        let mut key = [0; 8];
        key.copy_from_slice(&digest.as_ref()[..8]);
        i64::from_be_bytes(key)
    }
}

/// Does the duty whenever this mimerd leads it, until `stop` turns true. `work` is begun anew each
/// time, and dropped when the lead is lost.
pub async fn lead<W, F>(app: App, duty: Duty, mut stop: watch::Receiver<bool>, work: W)
where
    W: Fn(App, watch::Receiver<bool>) -> F,
    F: Future<Output = ()>,
{
    let mut told = false;
    while !*stop.borrow() {
        let led = match Lead::take(&app, duty, &mut stop).await {
            Ok(Some(lead)) => {
                told = false;
                let led = lead.over(begin(&app, duty, stop.clone(), &work), stop.clone()).await;
                app.metrics.leads(duty, duty.cluster(&app), false);
                led
            }
            Ok(None) => return, // Asked to stop while it waited.
            Err(error) => Err(error),
        };
        if let Err(error) = led {
            // Said once when it begins, not at every try while it lasts.
            if !told {
                let error = format!("{error:#}");
                tracing::warn!(duty = duty.name(), error, "this mimerd does not lead for now");
            }
            told = true;
            tokio::select! {
                () = tokio::time::sleep(TRY_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }
}

/// Does the duty, as soon as nobody else can still be at it.
async fn begin<W, F>(app: &App, duty: Duty, mut stop: watch::Receiver<bool>, work: &W)
where
    W: Fn(App, watch::Receiver<bool>) -> F,
    F: Future<Output = ()>,
{
    let may_have_been_another = app.config.database.is_some();
    if may_have_been_another {
        tokio::select! {
            () = tokio::time::sleep(SURE_FOR) => {}
            _ = stop.changed() => return,
        }
    }
    tracing::info!(duty = duty.name(), cluster = duty.cluster(app), "this mimerd leads");
    app.metrics.leads(duty, duty.cluster(app), true);
    work(app.clone(), stop).await;
}

/// A session that holds a duty's lock.
struct Lead {
    session: PgConnection,
    key: i64,
    /// When the last heartbeat that was answered was sent.
    beat_at: Instant,
}

impl Lead {
    /// Waits until the duty's lock is this mimerd's; `None` when it is asked to stop meanwhile.
    async fn take(
        app: &App,
        duty: Duty,
        stop: &mut watch::Receiver<bool>,
    ) -> anyhow::Result<Option<Self>> {
        let options = options(app, duty);
        let connecting = tokio::time::timeout(BEAT_BOUND, options.connect());
        let mut session = connecting
            .await
            .context("PostgreSQL does not answer")?
            .context("connecting to lead")?;
        let key = duty.key(&app.cluster.name);
        loop {
            let asked_at = Instant::now();
            let mine = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "mine!""#, key);
            let asking = tokio::time::timeout(BEAT_BOUND, mine.fetch_one(&mut session));
            if asking.await.context("PostgreSQL does not answer")?? {
                return Ok(Some(Self { session, key, beat_at: asked_at }));
            }
            tokio::select! {
                () = tokio::time::sleep(TRY_EVERY) => {}
                _ = stop.changed() => {}
            }
            if *stop.borrow() {
                // The session goes without the lock; nobody waits for it.
                let _gone = session.close().await;
                return Ok(None);
            }
        }
    }

    /// Does the work while the lead is sure. Returns when the work has ended, which it does only when
    /// asked to stop; or with the reason why the lead is lost, and the work is dropped.
    async fn over(
        mut self,
        work: impl Future<Output = ()>,
        stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let mut work = pin!(work);
        loop {
            let until = self.beat_at + SURE_FOR;
            // A step of the work is taken only after a look at the clock: a process that was stopped
            // and goes on finds out before it does anything.
            let sure = std::future::poll_fn(|context| {
                if Instant::now() >= until {
                    return Poll::Ready(None);
                }
                work.as_mut().poll(context).map(Some)
            });
            tokio::select! {
                biased;
                beat = beat_once(&mut self.session) => {
                    self.beat_at = beat.context("the lead is lost")?;
                }
                ended = sure => {
                    let Some(()) = ended else { bail!("this mimerd stalled; the lead is lost") };
                    if !*stop.borrow() {
                        bail!("the duty ended by itself; this is a bug");
                    }
                    self.give_up().await;
                    return Ok(());
                }
            }
        }
    }

    /// Lets another lead at once.
    async fn give_up(mut self) {
        let unlocked = sqlx::query_scalar!(r#"select pg_advisory_unlock($1) as "was!""#, self.key);
        let gone = async {
            unlocked.fetch_one(&mut self.session).await?;
            self.session.close().await
        };
        // Whatever fails here ends the session, and the lock with it.
        let _ended = tokio::time::timeout(BEAT_BOUND, gone).await;
    }
}

/// Waits, and shows PostgreSQL that this leader is there; returns when that was sent.
async fn beat_once(session: &mut PgConnection) -> anyhow::Result<Instant> {
    tokio::time::sleep(BEAT_EVERY).await;
    let sent_at = Instant::now();
    let asking = tokio::time::timeout(BEAT_BOUND, session.ping());
    asking.await.context("PostgreSQL does not answer")??;
    Ok(sent_at)
}

/// The application's way into the database, for a session that ends when its heartbeats stay out.
fn options(app: &App, duty: Duty) -> PgConnectOptions {
    let loses_after_ms = LOSES_AFTER.as_millis().to_string();
    (*app.db.connect_options())
        .clone()
        .application_name(&format!("mimerd leads {}", duty.name()))
        .options([("idle_session_timeout", loses_after_ms.as_str())])
}

#[cfg(test)]
mod tests;
