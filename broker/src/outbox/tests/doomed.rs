//! A mimerd that dies: work on a runtime and a database pool of its own, both of which are dropped
//! where it is to die. Its connections are cut without a farewell, as by kill -9.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::app::App;
use crate::gateway::Gateway;
use crate::outbox::crash::{Pass, Run};

/// How PostgreSQL knows the sessions of the one that dies.
const NAME: &str = "doomed";

/// How long PostgreSQL may take to notice that a session's client is gone.
const BOUND: Duration = Duration::from_secs(20);

/// What became of it.
#[derive(Debug)]
pub(super) struct Died {
    /// The points it passed, in order.
    pub(super) passed: Vec<Pass>,
    /// False if the work was done before it could die.
    pub(super) in_the_middle: bool,
}

/// Runs `work` until it passes `dies_at`, or to its end. Returns when PostgreSQL has ended all of its
/// sessions, and so rolled back what was not committed.
pub(super) async fn until_death<W, F>(app: &App, dies_at: Option<Pass>, work: W) -> Died
where
    W: FnOnce(App) -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let (mine, shared) = (app.db.clone(), app.clone());
    let died = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(shared, dies_at, work))
        // The runtime ends here, with every task and connection in it.
    })
    .await
    .unwrap();
    until_its_sessions_ended(&mine).await;
    died
}

async fn live<W, F>(app: App, dies_at: Option<Pass>, work: W) -> Died
where
    W: FnOnce(App) -> F,
    F: Future<Output = ()>,
{
    let options = (*app.db.connect_options()).clone().application_name(NAME);
    let db = PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
    let gateway = Gateway::new(app.config.state_dir.join("gateway.sock"), Duration::from_secs(5));
    let run: Arc<Run> = Run::until(dies_at);
    let in_the_middle = tokio::select! {
        () = run.over(work(App { db, gateway, ..app })) => false,
        () = run.dead() => true,
    };
    Died { passed: run.passed(), in_the_middle }
}

async fn until_its_sessions_ended(db: &PgPool) {
    let waited = tokio::time::timeout(BOUND, async {
        loop {
            let left: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                 where application_name = $1 and datname = current_database()",
            )
            .bind(NAME)
            .fetch_one(db)
            .await
            .unwrap();
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("PostgreSQL ends the sessions of a client that is gone");
}
