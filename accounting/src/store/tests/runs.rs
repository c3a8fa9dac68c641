//! Runs as the ledger has them: settled + overrun + not charged is what each took.

use chrono::TimeDelta;
use record::id;
use sqlx::PgPool;

use super::{Desk, noon, run_of, seconds, stamp, usek};
use crate::{
    hold,
    overrun::{self, Clearing, NewClearing},
    run::{self, RunPosted},
};

impl Desk {
    async fn posted(&self, db_indexes: &[i64]) -> Vec<RunPosted> {
        let stretch = (noon() - TimeDelta::hours(1), noon() + TimeDelta::hours(1));
        let mut tx = self.db.acquire().await.unwrap();
        run::posted(&mut tx, "alvis", stretch, db_indexes).await.unwrap()
    }
}

#[sqlx::test(migrations = false)]
async fn the_time_of_a_run_is_settled_overrun_or_not_charged(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(100, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let (paid, mut broken) = (run_of(130), run_of(20));
    broken.state = "NODE_FAIL".to_owned();
    desk.settle(hold_id, &[paid.clone(), broken.clone()]).await.unwrap();
    let figures = |run: &RunPosted| {
        [run.gpu_seconds, run.settled, run.overrun, run.not_charged].map(|time| time.get())
    };

    let runs = desk.posted(&[]).await;
    assert_eq!(runs.iter().map(figures).collect::<Vec<_>>(), [[130, 100, 30, 0], [20, 0, 0, 20]]);

    let clearing = NewClearing {
        clearing_id: id::fresh(),
        grant_id,
        gpu_seconds: seconds(10),
        usek: usek(10_000),
        how: Clearing::WriteOff,
        proposed_by: id::fresh(),
    };
    let mut tx = desk.db.begin().await.unwrap();
    overrun::propose(&mut tx, &clearing, &stamp()).await.unwrap();
    overrun::confirm(&mut tx, clearing.clearing_id, id::fresh(), &stamp()).await.unwrap();
    tx.commit().await.unwrap();
    let runs = desk.posted(&[]).await;
    assert_eq!(figures(&runs[0]), [130, 100, 20, 10]);
    assert!(runs.iter().all(RunPosted::adds_up));
}

#[sqlx::test(migrations = false)]
async fn a_run_is_found_by_its_end_or_by_its_key(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let (now, mut long_ago) = (run_of(10), run_of(10));
    long_ago.started_at -= TimeDelta::days(40);
    long_ago.ended_at -= TimeDelta::days(40);
    assert_eq!(hold::all_open(&mut desk.db.acquire().await.unwrap()).await.unwrap().len(), 1);
    desk.settle(hold_id, &[now.clone(), long_ago.clone()]).await.unwrap();

    let keys = |runs: Vec<RunPosted>| runs.iter().map(|run| run.db_index).collect::<Vec<_>>();
    assert_eq!(keys(desk.posted(&[]).await), [now.db_index]);
    let both = desk.posted(&[long_ago.db_index, now.db_index]).await;
    assert_eq!(keys(both), [now.db_index, long_ago.db_index]);
    assert_eq!(hold::all_open(&mut desk.db.acquire().await.unwrap()).await.unwrap(), []);
}
