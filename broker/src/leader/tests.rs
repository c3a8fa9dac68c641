//! Leading on a real PostgreSQL: one at a time, taken over when the leader dies, stalls or is cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::*;
use crate::config::Database;
use crate::stage::{Stage, wide};

/// What two candidates have done of the duty.
#[derive(Clone, Default)]
struct Steps {
    /// Steps of each.
    taken: Arc<[AtomicUsize; 2]>,
    /// How many are at it now.
    at_work: Arc<AtomicUsize>,
    /// How often somebody began.
    begun: Arc<AtomicUsize>,
}

impl Steps {
    fn of(&self, who: usize) -> usize {
        self.taken[who].load(Ordering::SeqCst)
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// Takes one off when the duty is dropped or ends.
struct AtWork(Arc<AtomicUsize>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A mimerd that wants to lead; its duty counts its steps and checks that nobody else is at it.
struct Candidate {
    stop: watch::Sender<bool>,
    leading: JoinHandle<()>,
}

impl Candidate {
    fn stand(app: &App, who: usize, steps: &Steps) -> Self {
        let (stop, stopping) = watch::channel(false);
        let steps = steps.clone();
        let work = move |_app, mut stop: watch::Receiver<bool>| {
            let steps = steps.clone();
            async move {
                let alone = steps.at_work.fetch_add(1, Ordering::SeqCst) == 0;
                let _at_work = AtWork(steps.at_work.clone());
                assert!(alone, "two do the same duty");
                steps.begun.fetch_add(1, Ordering::SeqCst);
                while !*stop.borrow() {
                    steps.taken[who].fetch_add(1, Ordering::SeqCst);
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(5)) => {}
                        _ = stop.changed() => {}
                    }
                }
            }
        };
        Self { stop, leading: tokio::spawn(lead(app.clone(), Duty::Crisis, stopping, work)) }
    }

    async fn ends(self) {
        self.stop.send(true).unwrap();
        self.leading.await.unwrap();
    }
}

/// Waits for what must come, with a bound.
async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !look() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// A mimerd that is one of several on a PostgreSQL of the site.
fn of_several(app: &App) -> App {
    let file = std::path::PathBuf::new();
    let mut config = (*app.config).clone();
    config.database = Some(Database {
        owner_url_file: file.clone(),
        app_url_file: file.clone(),
        sealer_url_file: file,
    });
    App { config: Arc::new(config), ..app.clone() }
}

/// Two candidates on pools of their own, of whom the first leads.
async fn two(db: &PgPool) -> (Stage, [Candidate; 2], Steps) {
    let stage = Stage::set(db).await;
    let steps = Steps::default();
    let app = of_several(&stage.app);
    let other = App { db: wide(db, 2).await, ..app.clone() };
    let first = Candidate::stand(&app, 0, &steps);
    until("the first to lead", || steps.of(0) > 0).await;
    let second = Candidate::stand(&other, 1, &steps);
    (stage, [first, second], steps)
}

/// Ends the session that holds the duty's lock, as an administrator, or a network, would.
async fn cut_the_leader_off(db: &PgPool) {
    let ended: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
         where l.locktype = 'advisory' and l.granted and d.datname = current_database()
             and l.pid <> pg_backend_pid()",
    )
    .fetch_all(db)
    .await
    .unwrap();
    assert_eq!(ended, [true]);
}

#[sqlx::test(migrations = false)]
async fn one_leads_and_another_takes_over_when_it_ends(db: PgPool) {
    let (_stage, [first, second], steps) = two(&db).await;
    let before = steps.of(0);
    until("many steps", || steps.of(0) > before + 100).await;
    assert_eq!(steps.of(1), 0);
    first.ends().await;
    let after = steps.of(0);
    until("the second to lead", || steps.of(1) > 0).await;
    assert_eq!(steps.of(0), after);
    second.ends().await;
}

#[sqlx::test(migrations = false)]
async fn heartbeats_keep_the_lead_for_longer_than_postgresql_would_wait(db: PgPool) {
    let (_stage, [first, second], steps) = two(&db).await;
    tokio::time::sleep(LOSES_AFTER * 2).await; // The one thing that only time can show.
    assert_eq!(steps.of(1), 0, "nobody else has led meanwhile");
    assert_eq!(steps.begun(), 1);
    first.ends().await;
    second.ends().await;
}

#[sqlx::test(migrations = false)]
async fn a_leader_that_is_cut_off_stops_and_somebody_leads_again(db: PgPool) {
    let (_stage, [first, second], steps) = two(&db).await;
    for round in 1..=4 {
        assert_eq!(steps.begun(), round);
        cut_the_leader_off(&db).await;
        until("somebody to lead again", || steps.begun() > round).await;
    }
    first.ends().await;
    second.ends().await;
}

/// A leader whose process is stopped for so long that another leads: it takes no step when it goes on.
#[test]
fn a_leader_that_stalled_takes_no_further_step() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    runtime.block_on(async move {
        #[expect(clippy::disallowed_methods, reason = "as sqlx::test itself finds the server")]
        let ours = std::env::var("DATABASE_URL").unwrap();
        let options: PgConnectOptions = ours.parse().unwrap();
        let lead = Lead {
            session: options.connect().await.unwrap(),
            key: 7,
            // Its last heartbeat is as old as if it had been stopped right after.
            beat_at: Instant::now() - SURE_FOR,
        };
        let (_stop, stopping) = watch::channel(false);
        let work = async move {
            loop {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        };
        let lost = lead.over(work, stopping).await.unwrap_err().to_string();
        assert!(lost.contains("stalled"), "{lost}");
    });
    assert_eq!(steps.load(Ordering::SeqCst), 0);
}

/// PostgreSQL itself takes the lock from a session whose heartbeats stay out.
#[sqlx::test(migrations = false)]
async fn a_session_without_heartbeats_loses_its_lock(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_stop, mut stopping) = watch::channel(false);
    let silent = Lead::take(&stage.app, Duty::Keep, &mut stopping).await.unwrap().unwrap();
    let started = Instant::now();
    let next = Lead::take(&stage.app, Duty::Keep, &mut stopping).await.unwrap().unwrap();
    assert!(started.elapsed() >= LOSES_AFTER / 2, "it was not taken at once");
    let steps = AtomicUsize::new(0);
    let (_stop, stopping) = watch::channel(false);
    let work = async {
        steps.fetch_add(1, Ordering::SeqCst);
    };
    assert!(silent.over(work, stopping).await.is_err(), "the silent one knows that it lost");
    assert_eq!(steps.load(Ordering::SeqCst), 0);
    next.give_up().await;
}

#[test]
fn each_duty_has_its_own_lock_and_each_cluster_where_it_matters() {
    let duties = [
        Duty::Seal,
        Duty::Watch,
        Duty::Rounds,
        Duty::Keep,
        Duty::Crisis,
        Duty::Limits,
        Duty::GrantEnds,
        Duty::Permits,
        Duty::Outbox,
    ];
    let keys: std::collections::BTreeSet<i64> =
        duties.iter().flat_map(|duty| [duty.key("arrhenius"), duty.key("mimer")]).collect();
    let per_cluster = duties.iter().filter(|duty| duty.is_per_cluster()).count();
    assert_eq!(keys.len(), duties.len() + per_cluster);
    assert_ne!(Duty::Watch.key("arrhenius"), Duty::Watch.key("mimer"));
    assert_eq!(Duty::Seal.key("arrhenius"), Duty::Seal.key("mimer"));
}
